"""What every primitive of a JAX program makes of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError
from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks, edges
from symgrad.interop.formula_activations import activation_of_formula
from symgrad.interop.jax_formulas import COMPARISONS, FUNCTIONS, LOGIC, entry_formula
from symgrad.interop.jax_moving import MOVING, SCATTERED, moved, scattered
from symgrad.interop.jax_products import contracted
from symgrad.interop.jax_program import Node
from symgrad.interop.jax_values import Condition, Fixed, Flow, Operand, Reader
from symgrad.interop.scalar_formulas import entrywise_formula
from symgrad.interop.tracing import Trace, Traced
from symgrad.language.activations import activation
from symgrad.language.elementwise import VARIABLE

__all__ = ["ARITHMETIC", "outcome"]

MOST_TERMS = 64  # of a sum over entries that does not give one number
_REASONS = {
    "stop_gradient": "the gradient is stopped there, so that the Jacobian is not that of the values",
    "while": "control flow that depends on data cannot be traced",
    "cond": "control flow that depends on data cannot be traced",
    "scan": "a loop this long is not unrolled",
    **dict.fromkeys(("sign", "floor", "ceil", "round"), "it jumps, so that it has no derivative"),
    "argmax": "a choice among entries has no derivative",
    "argmin": "a choice among entries has no derivative",
    "sort": "a choice among entries cannot be traced",
    "top_k": "a choice among entries cannot be traced",
    "cumsum": "a reduction over entries cannot be traced",
}
ARITHMETIC: dict[str, Callable[[Trace, Traced, Traced], Traced]] = {
    "add": Trace.add,
    "add_any": Trace.add,
    "sub": Trace.subtract,
    "mul": Trace.multiply,
    "div": Trace.divide,
}
_PARTLY = ("log", "log1p", "acos", "asin")  # not real for every number, but maybe of another function
_WITH_KINKS = ("max", "min", "clamp", "abs")
_REDUCTIONS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")


def outcome(reader: Reader, node: Node, args: Sequence[Operand]) -> Sequence[Operand]:
    """The values of a node some of whose operands depend on input or state.

    Raises:
        InputError: it cannot be expressed; the text is the reason alone.
    """
    if node.name in MOVING:
        return _moved(reader, node, args)
    if node.name == "dot_general":
        return [contracted(reader, node, *args)]
    if node.name in COMPARISONS or node.name in LOGIC:
        return [_condition(node, args)]
    if node.name in _REDUCTIONS:
        return [_reduced(reader, node, args[0])]
    found = _scattered(reader, node, *args) if node.name in SCATTERED else _entrywise(reader, node, args)
    if found is None:
        raise TraceRefusal(_REASONS.get(node.name, "this operation on input or state cannot be traced"))
    shape = node.outputs[0].shape
    size = prod(shape)
    column = found if isinstance(found, Blocks) else reader.trace.filled(found, (size, 1))
    return [Flow(reader.trace.expanded(column, size), np.arange(size).reshape(shape))]


def _moved(reader: Reader, node: Node, args: Sequence[Operand]) -> list[Operand]:
    kind = node.outputs[0].dtype.kind
    if kind not in "fb" and isinstance(args[0], Flow):
        raise TraceRefusal(f"numbers of type {node.outputs[0].dtype} have no derivative")
    return moved(reader, node, args)


def _condition(node: Node, args: Sequence[Operand]) -> Condition:
    """A comparison, or a combination of several."""
    table: dict[str, Callable[..., sp.Basic]] = {**COMPARISONS, **LOGIC}
    terms: list[Flow | Fixed] = []
    parts: list[tuple[int, int, Callable[..., sp.Basic]]] = []
    for arg in args:
        own = arg.terms if isinstance(arg, Condition) else (arg,)
        parts.append((len(terms), len(terms) + len(own), arg.build if isinstance(arg, Condition) else _itself))
        terms += [_spread(term, node.outputs[0].shape) for term in own]

    def build(*formulas: sp.Basic) -> sp.Basic:
        return table[node.name](*(part(*formulas[start:stop]) for start, stop, part in parts))

    return Condition(tuple(terms), build)


def _itself(formula: sp.Basic) -> sp.Basic:
    return formula


def _broadcast(value: Operand, shape: tuple[int, ...]) -> Operand:
    if isinstance(value, Condition):
        return Condition(tuple(_spread(term, shape) for term in value.terms), value.build)
    return value if value.shape == shape else _spread(value, shape)


def _spread(value: Flow | Fixed, shape: tuple[int, ...]) -> Flow | Fixed:
    places = np.broadcast_to(value.places, shape)
    return Flow(value.column, places) if isinstance(value, Flow) else Fixed(value.source, places)


def _reduced(reader: Reader, node: Node, value: Operand) -> Flow:
    """A sum over axes; over axes of length one any reduction."""
    axes = tuple(node.params["axes"])
    if not isinstance(value, Flow):
        raise TraceRefusal("truth values that depend on input or state are used as numbers, which jump")
    count = prod(value.shape[axis] for axis in axes)
    rest = [axis for axis in range(len(value.shape)) if axis not in axes]
    places = value.places.transpose(*rest, *axes).reshape(-1, count)
    shape = node.outputs[0].shape
    if count > 1 and node.name != "reduce_sum":
        raise TraceRefusal("a reduction over entries that is no sum cannot be traced")
    if count > 1 and len(places) > 1 and min(places.shape) > MOST_TERMS:
        raise TraceRefusal(f"more than {MOST_TERMS} sums of more than {MOST_TERMS} entries each cannot be traced")
    of, trace = value.column, reader.trace
    if count > MOST_TERMS or len(places) == 1:
        column = trace.concatenated([trace.total(reader.entries(Flow(of, row))) for row in places])
    else:
        column = reduce(trace.add, [reader.entries(Flow(of, row)) for row in places.T])
    return Flow(column, np.arange(len(places)).reshape(shape))


def _scattered(reader: Reader, node: Node, operand: Operand, indices: Operand, updates: Operand) -> Traced:
    """Entries at given places changed by a sum or a product."""
    change = reader.entries(scattered(reader, node, operand, indices, updates))
    combined = ARITHMETIC["mul" if SCATTERED[node.name] else "sub" if node.name.endswith("sub") else "add"]
    return combined(reader.trace, reader.entries(operand), change)


# --- entry by entry ---------------------------------------------------------------


def _entrywise(reader: Reader, node: Node, args: Sequence[Operand]) -> Traced | None:
    """The entries of a node's value; None where nothing here is known of its primitive."""
    if node.name not in _KNOWN and node.name not in ("select_n", *_WITH_KINKS):
        return None
    args = [_broadcast(arg, node.outputs[0].shape) for arg in args]
    if node.name == "mul" and any(isinstance(arg, Condition) for arg in args):
        return _masked(reader, *args)
    if node.name == "select_n" and len(args) == 3:
        return _selected(reader, *args)
    if node.name in _WITH_KINKS:
        return _with_kinks(reader, node, args)
    columns = [reader.column(arg) for arg in args]
    if node.name in _PARTLY:
        found = _combined(reader.trace, columns, FUNCTIONS[node.name], 1)
        if found is not None:
            return found
    return _KNOWN[node.name](reader.trace, node, *columns)


def _arithmetic(function: Callable[[Trace, Traced, Traced], Traced]) -> Callable[..., Traced]:
    return lambda trace, node, a, b: function(trace, a, b)


def _power(trace: Trace, node: Node, base: Traced, exponent: Traced) -> Traced:
    if not isinstance(exponent, Blocks):
        return trace.power(base, exponent)
    if isinstance(base, Blocks) or not base.is_number or not base > 0:
        raise TraceRefusal("a power needs a given number as exponent, or a positive number as base")
    return trace.apply(activation_of_formula(sp.exp(sp.log(base) * VARIABLE)), exponent)


def _function(name: str) -> Callable[..., Traced]:
    return lambda trace, node, value: trace.apply(activation_of_formula(FUNCTIONS[name](VARIABLE), name), value)


def _log_of_sum(trace: Trace, node: Node, a: Traced, b: Traced) -> Traced:
    """log(exp(a) + exp(b)) = b + softplus(a - b)."""
    return trace.add(b, trace.apply(activation("softplus"), trace.subtract(a, b)))


_KNOWN: dict[str, Callable[..., Traced]] = {
    **{name: _function(name) for name in FUNCTIONS},
    **{name: _arithmetic(function) for name, function in ARITHMETIC.items()},
    "square": lambda trace, node, a: trace.power(a, sp.Integer(2)),
    "sqrt": lambda trace, node, a: trace.power(a, sp.S.Half),
    "rsqrt": lambda trace, node, a: trace.power(a, -sp.S.Half),
    "neg": lambda trace, node, a: trace.negate(a),
    "integer_pow": lambda trace, node, a: trace.power(a, sp.Integer(int(node.params["y"]))),
    "pow": _power,
    "logaddexp": _log_of_sum,
    "formula": lambda trace, node, a: _of_formula(trace, node, a),
}


def _of_formula(trace: Trace, node: Node, value: Traced) -> Traced:
    found = activation_of_formula(node.params["formula"], node.params["label"])
    return value if found.expr == VARIABLE else trace.apply(found, value)


def _with_kinks(reader: Reader, node: Node, args: Sequence[Operand]) -> Traced:
    """max, min, ...: of functions of one argument an activation, else max(a, b) = b + relu(a - b)."""
    columns = [reader.column(arg) for arg in args]
    found = _combined(reader.trace, columns, lambda *f: entry_formula(node.name, node.params, f), len(columns))
    if found is not None:
        return found
    t, relu = reader.trace, activation("relu")

    def larger(a: Traced, b: Traced, sign: int) -> Traced:
        above = t.apply(relu, t.multiply(sp.Integer(sign), t.subtract(a, b)))
        return t.add(b, t.multiply(sp.Integer(sign), above))

    if node.name in ("max", "min"):
        return larger(columns[0], columns[1], 1 if node.name == "max" else -1)
    if node.name == "clamp":
        return larger(columns[0], larger(columns[1], columns[2], -1), 1)
    raise TraceRefusal(f"{node.name} has no derivative everywhere")


def _selected(reader: Reader, which: Operand, first: Operand, second: Operand) -> Traced:
    """A choice entry by entry."""
    trace = reader.trace
    if isinstance(which, Fixed):
        mask = _masks(reader, which)
        if not isinstance(mask, Blocks):
            return reader.column(second if mask == 1 else first)
        a, b = reader.column(first), reader.column(second)
        return trace.add(trace.multiply(trace.subtract(sp.S.One, mask), a), trace.multiply(mask, b))
    if not isinstance(which, Condition):
        raise TraceRefusal("a choice by numbers that depend on input or state cannot be traced")
    count, build = len(which.terms), which.build
    columns = [reader.column(value) for value in (*which.terms, first, second)]

    def chosen(*formulas: Any) -> sp.Expr:
        return entry_formula("select_n", {}, [build(*formulas[:count]), *formulas[count:]])

    found = _combined(trace, columns, chosen, count)
    if found is None:
        raise TraceRefusal("a choice by a condition on several values that depend on input or state cannot be traced")
    return found


def _masks(reader: Reader, which: Fixed) -> Traced:
    numbers = which.numbers.astype(np.float64)
    if (numbers == numbers.flat[0]).all():
        return reader.trace.number(float(numbers.flat[0]))
    return reader.mask(which)


def _masked(reader: Reader, left: Operand, right: Operand) -> Traced:
    """A truth value times a number: the number or zero."""
    which, value = (left, right) if isinstance(left, Condition) else (right, left)
    zero = reader.zeros(which.shape)
    return _selected(reader, which, zero, value)


def _combined(
    trace: Trace, columns: Sequence[Traced], combination: Callable[..., sp.Expr], deciding: int
) -> Blocks | None:
    """A scalar formula of several columns, block by block; None where it is no function of one argument."""
    size = max(value.shape[0] for value in columns if isinstance(value, Blocks))
    full = [
        trace.expanded(value if isinstance(value, Blocks) else trace.filled(value, (size, 1)), size)
        for value in columns
    ]
    rows = sorted({edge for value in full for edge in edges(value.rows)})
    parts = [trace.cuts.refined(value, rows, (0, 1)).column for value in full]
    try:
        found = [entrywise_formula(entries, combination, deciding) for entries in zip(*parts, strict=True)]
    except TraceRefusal:
        raise
    except InputError as error:
        raise TraceRefusal(str(error)) from error
    return Blocks(tuple((entry,) for entry in found)) if all(entry is not None for entry in found) else None
