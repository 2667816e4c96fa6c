"""The operands of traced PyTorch operations as columns: broadcast by PyTorch's rules, with the batch axis left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks
from symgrad.interop.gathering import gathered
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_values import Fixed, Flow, spread, without_batch
from symgrad.interop.tracing import Trace, Traced

__all__ = ["Operand", "Operands", "is_batched", "rank_of"]

Operand = Any  # Flow, Fixed or a number


@dataclass(frozen=True)
class Operands:
    """Reads operands within a trace.

    Attributes:
        trace: the trace.
        batch: the length of batch axes, None where the program has none.
        constant: gives symbols to fixed numbers that have none: called with them and their tensor in the shape wanted.
    """

    trace: Trace
    batch: int | None
    constant: Callable[[Fixed, Any], Traced]

    def columns(self, result: Any, *operands: Operand) -> tuple[list[Traced], tuple[int, ...], int | None]:
        """Operands broadcast to the shape of a result, as columns or scalars; that shape, and its batch axis."""
        shape = tuple(result.shape)
        axes = {len(shape) - value.rank + value.batch for value in operands if is_batched(value)}
        if len(axes) > 1:
            raise TraceRefusal("values whose batch stands at different axes meet")
        axis = axes.pop() if axes else None
        found = [self.column(value, shape, axis) for value in operands]
        return found, tuple(size for place, size in enumerate(shape) if place != axis), axis

    def column(self, value: Operand, shape: tuple[int, ...], axis: int | None) -> Traced:
        """An operand broadcast to a shape with a batch axis, as a column or a scalar."""
        if isinstance(value, Flow):
            return spread(self.trace, value, shape, axis)
        if isinstance(value, Fixed):
            return self.fixed_column(value, shape, axis)
        if isinstance(value, (tuple, list)) or value is None:
            raise TraceRefusal(f"a tensor or a number is needed, got {type(value).__name__}")
        return self.trace.number(value)

    def fixed_column(self, value: Fixed, shape: tuple[int, ...], axis: int | None) -> Traced:
        """Fixed numbers broadcast to a shape, as a column or a scalar."""
        torch = torch_module()
        if value.tensor.numel() == 1:
            return value.data if value.data is not None else self.constant(value, value.tensor.reshape(()))
        place = None if axis is None else value.tensor.ndim - len(shape) + axis
        tensor = without_batch(value.tensor, place, self.batch)
        data = value.column if tensor is value.tensor else None
        if data is None:
            data = self.constant(value, tensor.reshape(-1))
        if not isinstance(data, Blocks):
            return data
        target = [1 if place == axis else size for place, size in enumerate(shape)]
        places = torch.arange(tensor.numel()).reshape(tensor.shape).broadcast_to(target)
        return gathered(self.trace, data, places.reshape(-1).numpy())

    def matrix(self, value: Operand) -> Blocks:
        """Fixed numbers as a matrix."""
        if not isinstance(value, Fixed) or value.tensor.ndim != 2:
            raise TraceRefusal("two values that depend on input or state are multiplied as matrices")
        found = value.matrix
        data = self.constant(value, value.tensor) if found is None else found
        return data if isinstance(data, Blocks) else self.trace.filled(data, tuple(value.tensor.shape))

    def entrywise(self, node: Any, function: Callable[..., Traced], *operands: Operand) -> Flow:
        """A function of the entries of several operands."""
        columns, shape, axis = self.columns(node.meta["value"], *operands)
        found = function(*columns)
        if not isinstance(found, Blocks):
            found = self.trace.filled(found, (prod(shape), 1))
        return Flow(self.trace.expanded(found, prod(shape)), shape, axis)

    def as_flow(self, value: Operand) -> Flow:
        """Fixed numbers among values that flow, with the batch axis they have."""
        if isinstance(value, Flow):
            return value
        if not isinstance(value, Fixed):
            raise TraceRefusal(f"tensors are needed, got {type(value).__name__} {value!r}")
        shape = tuple(value.tensor.shape)
        axis = shape.index(self.batch) if self.batch in shape else None
        own = tuple(size for place, size in enumerate(shape) if place != axis)
        found = self.fixed_column(value, shape, axis)
        column = found if isinstance(found, Blocks) else self.trace.filled(found, (prod(own), 1))
        return Flow(self.trace.expanded(column, prod(own)), own, axis)

    def scaled(self, factor: Operand, value: Traced) -> Traced:
        """A value times a number given as an option."""
        if isinstance(factor, (Flow, Fixed)):
            raise TraceRefusal("its factor must be a number")
        return value if factor == 1 else self.trace.multiply(self.trace.number(factor), value)


def is_batched(value: Operand) -> bool:
    """Whether a value has a batch axis."""
    return isinstance(value, Flow) and value.batch is not None


def rank_of(value: Operand) -> int | None:
    """The number of axes of a tensor; None for a number."""
    if isinstance(value, Flow):
        return value.rank
    return value.tensor.ndim if isinstance(value, Fixed) else None
