"""A program of vectors turned into a recurrence, whatever framework it is written in.

A front end walks through the steps of a program and repeats each with the operations of :class:`Trace`; what comes out
is a :class:`~symgrad.language.recurrence.Recurrence` and the numbers of its parameters. Scalars are SymPy expressions,
vectors and matrices :class:`~symgrad.interop.blocks.Blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError
from symgrad.interop.block_entries import (
    TraceRefusal,
    applied,
    entrywise_product,
    filled,
    finite,
    matrix_product,
    raised,
    scaled,
    summed,
    uniform_scalar,
)
from symgrad.interop.blocks import Blocks, Cuts, edges
from symgrad.interop.traced_symbols import Array, Traced, TracedSymbols
from symgrad.language.elementwise import Activation
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence

__all__ = ["Blocks", "Trace", "TraceRefusal", "Traced", "traced_recurrence"]

Step = Callable[["Trace"], Sequence[Traced]]


@dataclass
class Trace(TracedSymbols):
    """The operations that a traced program may use, and the symbols it has used.

    Every operation raises :class:`TraceRefusal` where shapes do not fit or the language has no such thing.
    """

    # --- constants --------------------------------------------------------------

    def number(self, value: Any) -> sp.Expr:
        """A finite real number, taken exactly."""
        try:
            return exact_number("constant", int(value) if isinstance(value, (bool, np.bool_)) else value)
        except InputError as error:
            raise TraceRefusal(str(error)) from error

    def filled(self, value: Any, shape: tuple[int, int]) -> Blocks:
        """The same scalar in every entry."""
        scalar = value if isinstance(value, sp.Expr) else self.number(value)
        return Blocks(((filled(scalar, shape),),))

    def identity(self, size: int) -> Blocks:
        """The identity matrix."""
        return Blocks(((sp.Identity(size),),))

    # --- entrywise ------------------------------------------------------------

    def add(self, left: Traced, right: Traced) -> Traced:
        """The sum; scalars and vectors of one entry are added to every entry."""
        if not isinstance(left, Blocks) and not isinstance(right, Blocks):
            return left + right
        if right == 0 or left == 0:
            return left if right == 0 else right
        return self._entrywise(left, right, lambda a, b: summed((a, b)))

    def subtract(self, left: Traced, right: Traced) -> Traced:
        """The difference."""
        return self.add(left, self.negate(right))

    def negate(self, value: Traced) -> Traced:
        """The value times -1."""
        return self.multiply(sp.S.NegativeOne, value)

    def multiply(self, left: Traced, right: Traced) -> Traced:
        """The entrywise product; scalars multiply every entry."""
        if not isinstance(left, Blocks) and not isinstance(right, Blocks):
            return left * right
        if not isinstance(left, Blocks):
            return right.map(lambda entry: scaled(left, entry))
        if not isinstance(right, Blocks):
            return left.map(lambda entry: scaled(right, entry))
        return self._entrywise(left, right, entrywise_product)

    def divide(self, left: Traced, right: Traced) -> Traced:
        """The entrywise quotient."""
        if right == 0:
            raise TraceRefusal("division by zero")
        return self.multiply(left, self.power(right, sp.S.NegativeOne))

    def power(self, base: Traced, exponent: sp.Expr) -> Traced:
        """The entrywise power with a given number as exponent."""
        if not exponent.is_number:
            raise TraceRefusal(f"the exponent must be a number, got {exponent}")
        if not isinstance(base, Blocks):
            return finite(base**exponent)
        if exponent in (0, 1):
            return base if exponent == 1 else self.filled(1, base.shape)
        return base.map(lambda entry: raised(entry, exponent))

    def apply(self, function: Activation, value: Traced) -> Traced:
        """A scalar function of every entry."""
        return value.map(lambda entry: applied(function, entry)) if isinstance(value, Blocks) else function(value)

    # --- linear ---------------------------------------------------------------

    def matmul(self, left: Blocks, right: Blocks) -> Blocks:
        """The matrix product."""
        if left.shape[1] != right.shape[0]:
            raise TraceRefusal(f"matrices of shapes {left.shape} and {right.shape} cannot be multiplied")
        inner = sorted({*edges(left.columns), *edges(right.rows)})
        left = self.cuts.refined(left, edges(left.rows), inner)
        right = self.cuts.refined(right, inner, edges(right.columns))
        columns = list(zip(*right.entries, strict=True))
        return Blocks(
            tuple(
                tuple(summed(matrix_product(a, b) for a, b in zip(row, column, strict=True)) for column in columns)
                for row in left.entries
            )
        )

    def total(self, value: Blocks) -> Blocks:
        """The sum of the rows, as one row."""
        return self.matmul(self.filled(1, (1, value.shape[0])), value)

    def expanded(self, value: Blocks, rows: int) -> Blocks:
        """One row repeated."""
        if value.shape[0] == rows:
            return value
        if value.shape[0] != 1:
            raise TraceRefusal(f"shape {value.shape} cannot be repeated to {rows} rows")
        scalars = [uniform_scalar(entry) for entry in value.entries[0]]
        if all(scalar is not None for scalar in scalars):
            return Blocks((tuple(filled(c, (rows, k)) for c, k in zip(scalars, value.columns, strict=True)),))
        return self.matmul(self.filled(1, (rows, 1)), value)

    # --- taking apart and putting together --------------------------------------

    def piece(self, value: Blocks, start: int, stop: int, axis: int = 0) -> Blocks:
        """Rows (axis 0) or columns (axis 1) from ``start`` up to, without, ``stop``."""
        if axis == 1:
            return self.piece(value.transposed, start, stop).transposed
        if not 0 <= start < stop <= value.shape[0]:
            raise TraceRefusal(f"entries {start} to {stop} of {value.shape[0]} were asked for")
        own = edges(value.rows)
        rows = sorted({*own, start, stop})
        refined = self.cuts.refined(value, rows, edges(value.columns))
        kept = [row for top, row in zip(rows[:-1], refined.entries, strict=True) if start <= top < stop]
        return Blocks(tuple(kept))

    def concatenated(self, values: Sequence[Blocks], axis: int = 0) -> Blocks:
        """The values one below the other (axis 0) or side by side (axis 1)."""
        if axis == 1:
            return self.concatenated([value.transposed for value in values]).transposed
        if len({value.shape[1] for value in values}) != 1:
            raise TraceRefusal(f"shapes {[value.shape for value in values]} cannot be put one below the other")
        columns = sorted({edge for value in values for edge in edges(value.columns)})
        parts = [self.cuts.refined(value, edges(value.rows), columns) for value in values]
        return Blocks(tuple(row for part in parts for row in part.entries))

    def aligned(self, left: Blocks, right: Blocks) -> tuple[Blocks, Blocks]:
        """Both with the same blocks."""
        rows = sorted({*edges(left.rows), *edges(right.rows)})
        columns = sorted({*edges(left.columns), *edges(right.columns)})
        return self.cuts.refined(left, rows, columns), self.cuts.refined(right, rows, columns)

    # --- inside -----------------------------------------------------------------

    def _entrywise(self, left: Traced, right: Traced, function: Callable[[sp.Expr, sp.Expr], sp.Expr]) -> Blocks:
        shape = left.shape if isinstance(left, Blocks) else right.shape
        left = left if isinstance(left, Blocks) else self.filled(left, shape)
        right = right if isinstance(right, Blocks) else self.filled(right, shape)
        if left.shape[1] == right.shape[1] and 1 in (left.shape[0], right.shape[0]):
            rows = max(left.shape[0], right.shape[0])
            left, right = self.expanded(left, rows), self.expanded(right, rows)
        if left.shape != right.shape:
            raise TraceRefusal(f"shapes {left.shape} and {right.shape} do not fit")
        left, right = self.aligned(left, right)
        pairs = zip(left.entries, right.entries, strict=True)
        return Blocks(tuple(tuple(map(function, first, second)) for first, second in pairs))


def traced_recurrence(
    step: Step, states: Mapping[str, int], inputs: Mapping[str, int], name: str = "recurrence"
) -> tuple[Recurrence, dict[str, Array]]:
    """The recurrence that a program computes, and the numbers of its parameters.

    Args:
        step: the program: called with a :class:`Trace`, it returns the next states, vectors in the order of ``states``.
            It is called again as long as it cuts symbols that were whole before.
        states: name -> size.
        inputs: name -> size; inputs that no state depends on stay inputs.
        name: of the model.

    Returns:
        The model and name -> float64 array for all of its parameters.

    Raises:
        TraceRefusal: the program cannot be expressed.

    >>> model, weights = traced_recurrence(
    ...     lambda t: [t.matmul(t.parameter("W", [[0.5, 0], [0, 2]]), t.vector("h", 2))], {"h": 2}, {}
    ... )
    >>> print(model.updates, weights["W"].shape)
    {h: W*h} (2, 2)
    """
    cuts = Cuts()
    while True:
        trace = Trace(cuts)
        cuts.again()
        own = {key: trace.vector(key, size) for key, size in {**states, **inputs}.items()}
        found = _next_states(trace, step(trace), states, own)
        if not cuts.changed:
            return _recurrence(trace, found, states, inputs, name)


def _next_states(
    trace: Trace, found: Sequence[Traced], states: Mapping[str, int], own: Mapping[str, Blocks]
) -> dict[str, tuple[Blocks, Blocks]]:
    """Each state and what it becomes, in the same blocks."""
    if len(found) != len(states):
        raise TraceRefusal(f"{len(found)} next states are returned, the states are {', '.join(states)}")
    pairs = {}
    for (name, size), value in zip(states.items(), found, strict=True):
        blocks = value if isinstance(value, Blocks) else trace.filled(value, (size, 1))
        if blocks.shape != (size, 1):
            raise TraceRefusal(f"the next {name} has shape {blocks.shape}, {name} has {(size, 1)}")
        pairs[name] = trace.aligned(own[name], blocks)
    return pairs


def _recurrence(
    trace: Trace,
    found: Mapping[str, tuple[Blocks, Blocks]],
    states: Mapping[str, int],
    inputs: Mapping[str, int],
    name: str,
) -> tuple[Recurrence, dict[str, Array]]:
    updates: dict[sp.Expr, sp.Expr] = {}
    for state in states:
        before, after = found[state]
        updates |= dict(zip(before.column, after.column, strict=True))
    symbols = tuple(piece for key, size in inputs.items() for piece in trace.vector(key, size).column)
    used = {str(symbol) for symbol in Recurrence(updates, inputs=symbols, name=name).parameters}
    stacked = {tensor: parts for tensor, parts in trace.tensors.items() if used.issuperset(parts)}
    model = Recurrence(updates, inputs=symbols, name=name, stacked=stacked)
    return model, {key: np.array(array) for key, array in trace.arrays.items() if key in used}
