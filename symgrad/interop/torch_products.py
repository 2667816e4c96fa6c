"""Products with matrices, and PyTorch's own cells; the arguments are called what PyTorch calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import sympy as sp

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks
from symgrad.interop.torch_arithmetic import ARITHMETIC
from symgrad.interop.torch_operands import Operand, Operands, is_batched, rank_of
from symgrad.interop.torch_values import Fixed, Flow
from symgrad.interop.tracing import Traced
from symgrad.language.activations import activation

__all__ = ["PRODUCTS"]

_NOT_ONE = "a matrix is multiplied along an axis that does not hold one vector"


def _matmul(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    result = node.meta["value"]
    if isinstance(other, Fixed) and other.tensor.ndim == 2 and isinstance(input, Flow):
        return _from_right(of, result, input, of.matrix(other).transposed)
    if isinstance(input, Fixed) and input.tensor.ndim == 2 and isinstance(other, Flow):
        return _from_left(of, result, of.matrix(input), other)
    return _inner(of, input, other)


def _rmatmul(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return _matmul(of, node, other, input)


def _from_right(of: Operands, result: Any, value: Flow, matrix: Blocks) -> Flow:
    """The last axis of a value is multiplied."""
    if value.batch == value.rank - 1 or prod(value.shape[:-1]) != 1:
        raise TraceRefusal(_NOT_ONE)
    shape = tuple(size for axis, size in enumerate(result.shape) if axis != value.batch)
    return Flow(of.trace.matmul(matrix, value.column), shape, value.batch)


def _from_left(of: Operands, result: Any, matrix: Blocks, value: Flow) -> Flow:
    """The last axis but one of a value, or its only one, is multiplied."""
    if value.batch is not None and value.batch != value.rank - 1:
        raise TraceRefusal(_NOT_ONE)
    single = value.rank == 1 or value.batch is not None
    rows = value.shape[-1] if single else value.shape[-2]
    if prod(value.shape) != rows:
        raise TraceRefusal(_NOT_ONE)
    axis = None if value.batch is None else result.ndim - 1
    shape = tuple(size for place, size in enumerate(result.shape) if place != axis)
    return Flow(of.trace.matmul(matrix, value.column), shape, axis)


def _inner(of: Operands, left: Operand, right: Operand) -> Flow:
    """The product of a vector, or of each in a batch, with one vector."""
    one = next((value for value in (right, left) if not is_batched(value) and rank_of(value) == 1), None)
    other = left if one is right else right
    if one is None or not isinstance(other, Flow) or len(other.shape) != 1:
        raise TraceRefusal("two values that depend on input or state are multiplied as matrices")
    if other.batch not in (None, 0 if one is right else 1):
        raise TraceRefusal(_NOT_ONE)
    second = of.column(one, (prod(other.shape),), None)
    if isinstance(one, Fixed) and isinstance(second, Blocks):
        found = of.trace.matmul(second.transposed, other.column)
    else:
        product = of.trace.multiply(other.column, second)
        found = of.trace.total(product if isinstance(product, Blocks) else other.column)
    return Flow(found, (), None if other.batch is None else 0)


def _linear(of: Operands, node: Any, input: Operand, weight: Operand, bias: Operand = None) -> Flow:
    if not isinstance(weight, Fixed) or not isinstance(input, Flow):
        raise TraceRefusal("the weights of linear must not depend on input or state")
    if weight.tensor.ndim == 1:
        found = _inner(of, input, weight)
    else:
        found = _from_right(of, node.meta["value"], input, of.matrix(weight))
    return found if bias is None else ARITHMETIC["add"](of, node, found, bias)


def _addmm(
    of: Operands, node: Any, input: Operand, mat1: Operand, mat2: Operand, beta: Any = 1, alpha: Any = 1
) -> Flow:
    product = _matmul(of, node, mat1, mat2)
    return of.entrywise(node, lambda a, b: of.trace.add(of.scaled(beta, a), of.scaled(alpha, b)), input, product)


def _addmv(of: Operands, node: Any, input: Operand, mat: Operand, vec: Operand, beta: Any = 1, alpha: Any = 1) -> Flow:
    return _addmm(of, node, input, mat, vec, beta, alpha)


def _glu(of: Operands, node: Any, input: Operand, dim: int = -1) -> Flow:
    """The gated linear unit: the first half times the sigmoid of the second."""
    if not isinstance(input, Flow) or len(input.shape) != 1 or dim % input.rank == input.batch:
        raise TraceRefusal("it is traced for vectors only")
    half = input.shape[0] // 2
    first, second = of.trace.piece(input.column, 0, half), of.trace.piece(input.column, half, 2 * half)
    gated = of.trace.multiply(first, of.trace.apply(activation("sigmoid"), second))
    return Flow(gated, (half,), input.batch)


# --- PyTorch's own cells -----------------------------------------------------------


def _gates(of: Operands, value: Operand, weights: Operand, bias: Operand, count: int) -> list[Blocks]:
    """Affine maps whose rows lie one below the other in one matrix; one column each."""
    source = of.as_flow(value)
    if not source.shape or prod(source.shape) != source.shape[-1]:
        raise TraceRefusal("a cell takes one vector")
    total: Traced = of.trace.matmul(of.matrix(weights), source.column)
    if bias is not None:
        total = of.trace.add(total, of.fixed_column(bias, (total.shape[0],), None))
    size = total.shape[0] // count
    return [of.trace.piece(total, place * size, (place + 1) * size) for place in range(count)]


def _sums(
    of: Operands, first: tuple[Operand, Operand, Operand], second: tuple[Operand, Operand, Operand], count: int
) -> list[Traced]:
    """The gates, each fed by two vectors."""
    pairs = zip(_gates(of, *first, count), _gates(of, *second, count), strict=True)
    return [of.trace.add(a, b) for a, b in pairs]


def _lstm_cell(
    of: Operands, node: Any, input: Operand, hx: Sequence[Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Flow, Flow]:
    t, sigmoid, tanh = of.trace, activation("sigmoid"), activation("tanh")
    h, c = (of.as_flow(state) for state in hx)
    i, f, g, o = _sums(of, (input, w_ih, b_ih), (h, w_hh, b_hh), 4)
    kept = t.add(t.multiply(t.apply(sigmoid, f), c.column), t.multiply(t.apply(sigmoid, i), t.apply(tanh, g)))
    shown = t.multiply(t.apply(sigmoid, o), t.apply(tanh, kept))
    return Flow(shown, h.shape, h.batch), Flow(kept, c.shape, c.batch)


def _gru_cell(
    of: Operands, node: Any, input: Operand, hx: Operand, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Flow:
    t, sigmoid, tanh = of.trace, activation("sigmoid"), activation("tanh")
    h = of.as_flow(hx)
    fed, recalled = _gates(of, input, w_ih, b_ih, 3), _gates(of, h, w_hh, b_hh, 3)
    r, z = (t.apply(sigmoid, t.add(a, b)) for a, b in zip(fed[:2], recalled[:2], strict=True))
    n = t.apply(tanh, t.add(fed[2], t.multiply(r, recalled[2])))
    return Flow(t.add(t.multiply(t.subtract(sp.S.One, z), n), t.multiply(z, h.column)), h.shape, h.batch)


def _simple_cell(name: str) -> Callable[..., Flow]:
    def cell(
        of: Operands, node: Any, input: Operand, hx: Operand, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
    ) -> Flow:
        h = of.as_flow(hx)
        (total,) = _sums(of, (input, w_ih, b_ih), (h, w_hh, b_hh), 1)
        return Flow(of.trace.apply(activation(name), total), h.shape, h.batch)

    return cell


PRODUCTS: dict[str, Callable[..., Any]] = {
    "matmul": _matmul,
    "mm": _matmul,
    "mv": _matmul,
    "dot": _matmul,
    "rmatmul": _rmatmul,
    "linear": _linear,
    "addmm": _addmm,
    "addmv": _addmv,
    "glu": _glu,
    "lstm_cell": _lstm_cell,
    "gru_cell": _gru_cell,
    "rnn_tanh_cell": _simple_cell("tanh"),
    "rnn_relu_cell": _simple_cell("relu"),
}
