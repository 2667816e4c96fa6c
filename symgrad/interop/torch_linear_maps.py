"""Linear operations of PyTorch whose coefficients are found by carrying them out on every unit vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import sympy as sp

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import leaves
from symgrad.interop.torch_operands import Operands
from symgrad.interop.torch_values import Fixed, Flow

__all__ = ["LINEAR", "linear_map"]

LINEAR = frozenset(
    {
        "sum",
        "mean",
        "cumsum",
        "einsum",
        "bmm",
        "tensordot",
        "inner",
        "matmul",
        "mm",
        "linear",
        "conv1d",
        "diff",
        "baddbmm",
        "avg_pool1d",
        "pad",
    }
)
MOST_ENTRIES = 4096


def linear_map(of: Operands, node: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Flow:
    """The outcome of an operation that is linear in its one argument that flows, maybe with fixed numbers added.

    Raises:
        TraceRefusal: several arguments flow; the operation runs over the batch.
    """
    torch = torch_module()
    flows = [value for value in leaves((args, dict(options))) if isinstance(value, Flow)]
    if len(flows) != 1:
        raise TraceRefusal("it is traced where one of its arguments depends on input or state, not several")
    (value,) = flows
    size = prod(value.shape)
    if size > MOST_ENTRIES:
        raise TraceRefusal(f"it is traced for at most {MOST_ENTRIES} entries, got {size}")

    def outcome(unit: Any) -> Any:
        first, *rest = _put(list(args), unit)
        named = _put(dict(options), unit)
        return (
            getattr(first, node.target)(*rest, **named)
            if node.op == "call_method"
            else node.target(first, *rest, **named)
        )

    units = _units(torch, value, size, of.batch)
    offset = outcome(torch.zeros_like(units[0]))
    results = torch.stack([outcome(unit) - offset for unit in units])
    axis = None if value.batch is None else _batch_axis(results, of.batch or 0)
    if axis is not None:
        results, offset = results.select(axis + 1, 0), _same_along(offset, axis)
    return _applied(of, node, value, results, offset, (args, dict(options)), axis)


def _applied(of: Operands, node: Any, value: Flow, results: Any, offset: Any, sources: Any, axis: int | None) -> Flow:
    shape = tuple(results.shape[1:])
    coefficients = results.reshape(len(results), -1).T
    given = [fixed for fixed in leaves(sources) if isinstance(fixed, Fixed)]
    found = of.trace.matmul(_matrix(of, node, coefficients, given), value.column)
    if bool((offset != 0).any()):
        added = of.constant(Fixed(offset, None, f"{node.name}_offset", True), offset.reshape(-1))
        found = of.trace.add(found, added)
    return Flow(found, shape, axis)


def _matrix(of: Operands, node: Any, coefficients: Any, given: Sequence[Fixed]) -> Blocks:
    """The coefficients: a weight itself, a parameter that is worked out of weights, or given numbers."""
    for fixed in given:
        if fixed.tensor.ndim == 2 and fixed.matrix is not None:
            if fixed.tensor.shape == coefficients.shape and bool((fixed.tensor == coefficients).all()):
                return fixed.matrix
            if fixed.tensor.T.shape == coefficients.shape and bool((coefficients == fixed.tensor.T).all()):
                return fixed.matrix.transposed
    if any(fixed.given for fixed in given):
        return of.matrix(Fixed(coefficients.contiguous(), None, node.name, True))
    return _numbers(coefficients.numpy())


def _put(value: Any, unit: Any) -> Any:
    """Arguments with tensors in the place of values."""
    if isinstance(value, dict):
        return {key: _put(part, unit) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_put(part, unit) for part in value)
    if isinstance(value, Flow):
        return unit
    return value.tensor if isinstance(value, Fixed) else value


def _units(torch: Any, value: Flow, size: int, batch: int | None) -> Any:
    """Every unit vector; in a batch, its k-th element is scaled by k."""
    units = torch.eye(size, dtype=torch.float64).reshape(size, *value.shape)
    if value.batch is None:
        return units
    return torch.stack([units * (place + 1) for place in range(batch or 0)], value.batch + 1)


def _batch_axis(results: Any, batch: int) -> int:
    """The axis of the batch, whose k-th element was scaled by k."""
    torch = torch_module()
    for axis in range(results.ndim - 1):
        count = torch.arange(1, batch + 1).reshape([-1 if place == axis + 1 else 1 for place in range(results.ndim)])
        if results.shape[axis + 1] == batch and torch.allclose(results, results.narrow(axis + 1, 0, 1) * count):
            return axis
    raise TraceRefusal("it runs over the batch")


def _same_along(offset: Any, axis: int) -> Any:
    first = offset.select(axis, 0)
    if not bool((offset == first.unsqueeze(axis)).all()):
        raise TraceRefusal("it adds numbers that differ from one element of the batch to the next")
    return first


def _numbers(matrix: Any) -> Blocks:
    """A matrix of given numbers."""
    rows, columns = matrix.shape
    if (matrix == matrix[0, 0]).all():
        return Blocks(((_ratio(matrix[0, 0]) * sp.OneMatrix(rows, columns),),))
    return Blocks(((sp.ImmutableDenseMatrix(rows, columns, [_ratio(x) for x in matrix.reshape(-1)]),),))


def _ratio(number: float) -> sp.Rational:
    """The simple fraction, such as 1/3, that a float was rounded from; else the float itself."""
    simple = Fraction(float(number)).limit_denominator(MOST_ENTRIES)
    exact = simple if float(simple) == float(number) else Fraction(float(number))
    return sp.Rational(exact.numerator, exact.denominator)
