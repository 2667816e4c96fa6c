"""Derivatives of one state by all parameters side by side: too wide to be written out where there are many."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.calculus.unroll import unroll
from symgrad.language.operators import Operator, Zero
from symgrad.present.layout import Equation
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.widths import visible_length
from symgrad.present.writer import Writer

__all__ = ["by_parameter", "is_named", "row_equations", "row_name", "row_written_out"]

_WIDEST = 55  # of a row that is written out, in digits


def row_written_out(writer: Writer, entries: Sequence[Operator]) -> str:
    """The row as a matrix of blocks."""
    return writer.notation.matrix([[writer.write(entry) for entry in entries]])


def is_named(writer: Writer, entries: Sequence[Operator]) -> bool:
    """Whether a row stands by the name of the derivative that it is."""
    wide = sum(visible_length(writer.write(entry)) + 2 for entry in entries) > _WIDEST
    return wide and _state_of(writer.vocabulary, entries) is not None


def row_name(vocabulary: Vocabulary, entries: Sequence[Operator]) -> str:
    """The state's derivative by all parameters."""
    return vocabulary.notation.partial(_state_of(vocabulary, entries) or "", vocabulary.notation.parameters)


def row_equations(writer: Writer, entries: Sequence[Operator]) -> list[Equation]:
    """What the blocks of a row that goes by name are, but for those that are zero."""
    vocabulary = writer.vocabulary
    state = _state_of(vocabulary, entries) or ""
    named = zip(unroll(vocabulary.model).sources, entries, strict=True)
    return [
        Equation(vocabulary.notation.partial(state, by_parameter(vocabulary, parameter)), "=", writer.terms(entry))
        for parameter, entry in named
        if not isinstance(entry, Zero)
    ]


def by_parameter(vocabulary: Vocabulary, parameter: sp.Expr) -> str:
    """What a derivative is taken by: a vector or a number, or the columns of a matrix one below the other."""
    name = vocabulary.plain[parameter]
    is_matrix = isinstance(parameter, sp.MatrixSymbol) and parameter.shape[1] != 1
    return vocabulary.notation.stacked(name) if is_matrix else name


def _state_of(vocabulary: Vocabulary, entries: Sequence[Operator]) -> str | None:
    """The new state that a row is the derivative of, by all parameters."""
    unrolled = unroll(vocabulary.model)
    for index, state in enumerate(vocabulary.model.states):
        if tuple(found[index] for found in unrolled.sources.values()) == tuple(entries):
            return vocabulary.at(state, "t")
    return None
