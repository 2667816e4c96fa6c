"""The array operations that an evaluation consists of: functions of a namespace and arrays, without state.

Constants have the shape (rows, columns), batches (rows, B, columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "Kernel",
    "Rows",
    "add",
    "batch_times_batch",
    "batch_times_constant",
    "columns_below",
    "constant_times_batch",
    "constant_times_constant",
    "kronecker_of_batches",
    "kronecker_of_constants",
    "multiply",
    "transposed_batch",
    "transposed_constant",
    "with_batch",
]

Kernel = Any


def add(xp: Any, left: Any, right: Any) -> Any:
    """The sum."""
    return left + right


def multiply(xp: Any, left: Any, right: Any) -> Any:
    """The entrywise product."""
    return left * right


def with_batch(xp: Any, value: Any) -> Any:
    """A constant with the dimension of a batch, of length 1."""
    return xp.expand_dims(value, axis=1)


def constant_times_constant(xp: Any, left: Any, right: Any) -> Any:
    """The matrix product of constants."""
    return left @ right


def constant_times_batch(xp: Any, left: Any, right: Any) -> Any:
    """One matrix product for the whole batch."""
    rows, size, columns = right.shape
    return _reshaped(xp, left @ _reshaped(xp, right, (rows, size * columns)), (left.shape[0], size, columns))


def _reshaped(xp: Any, array: Any, shape: tuple[int, ...]) -> Any:
    """By the method where a library has one, which costs a third of the function that the standard asks for."""
    method = getattr(array, "reshape", None)
    return xp.reshape(array, shape) if method is None else method(shape)


@dataclass(frozen=True)
class Rows:
    """Some rows of a batch, as an operation."""

    start: int
    stop: int

    def __call__(self, xp: Any, value: Any) -> Any:
        """The rows."""
        return value[self.start : self.stop, ...]


def batch_times_constant(xp: Any, left: Any, right: Any) -> Any:
    """The matrix products of a batch with a constant."""
    return left @ right


def batch_times_batch(xp: Any, left: Any, right: Any) -> Any:
    """The matrix products of two batches."""
    move = xp.permute_dims
    return move(move(left, (1, 0, 2)) @ move(right, (1, 0, 2)), (1, 0, 2))


def transposed_constant(xp: Any, value: Any) -> Any:
    """The transpose of a constant."""
    return xp.permute_dims(value, (1, 0))


def transposed_batch(xp: Any, value: Any) -> Any:
    """The transposes of a batch."""
    return xp.permute_dims(value, (2, 1, 0))


def kronecker_of_constants(xp: Any, left: Any, right: Any) -> Any:
    """The Kronecker product of two constants."""
    product = left[:, None, :, None] * right[None, :, None, :]
    return xp.reshape(product, (left.shape[0] * right.shape[0], left.shape[1] * right.shape[1]))


def kronecker_of_batches(xp: Any, left: Any, right: Any) -> Any:
    """The Kronecker products of two batches."""
    product = left[:, None, :, :, None] * right[None, :, :, None, :]
    return xp.reshape(product, (left.shape[0] * right.shape[0], product.shape[2], left.shape[2] * right.shape[2]))


def columns_below(xp: Any, value: Any) -> Any:
    """The columns of a constant one below the other."""
    return xp.reshape(xp.permute_dims(value, (1, 0)), (value.shape[0] * value.shape[1], 1))
