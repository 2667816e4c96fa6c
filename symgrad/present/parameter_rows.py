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
    return wide and _origin(writer.vocabulary, entries) is not None


def row_name(vocabulary: Vocabulary, entries: Sequence[Operator]) -> str:
    """The state's derivative by all parameters, or by some."""
    state, parameters = _origin(vocabulary, entries) or ("", ())
    notation, every = vocabulary.notation, len(unroll(vocabulary.model).sources)
    listed = ", ".join(by_parameter(vocabulary, parameter) for parameter in parameters)
    return notation.partial(state, notation.parameters if len(parameters) == every else notation.brackets(listed))


def row_equations(writer: Writer, entries: Sequence[Operator]) -> list[Equation]:
    """What the blocks of a row that goes by name are, but for those that are zero."""
    vocabulary = writer.vocabulary
    state, parameters = _origin(vocabulary, entries) or ("", ())
    return [
        Equation(vocabulary.notation.partial(state, by_parameter(vocabulary, parameter)), "=", writer.terms(entry))
        for parameter, entry in zip(parameters, entries, strict=True)
        if not isinstance(entry, Zero)
    ]


def by_parameter(vocabulary: Vocabulary, parameter: sp.Expr) -> str:
    """What a derivative is taken by: a vector or a number, or the columns of a matrix one below the other."""
    name = vocabulary.plain[parameter]
    is_matrix = isinstance(parameter, sp.MatrixSymbol) and parameter.shape[1] != 1
    return vocabulary.notation.stacked(name) if is_matrix else name


def _origin(vocabulary: Vocabulary, entries: Sequence[Operator]) -> tuple[str, tuple[sp.Expr, ...]] | None:
    """The new state that a row is the derivative of, and the parameters that it is taken by, if it is one at all."""
    unrolled = unroll(vocabulary.model)
    for index, state in enumerate(vocabulary.model.states):
        free = {parameter: found[index] for parameter, found in unrolled.sources.items()}
        chosen: list[sp.Expr] = []
        for entry in entries:
            match = next((parameter for parameter, found in free.items() if found == entry), None)
            if match is None:
                break
            chosen.append(match)
            del free[match]
        if len(chosen) == len(entries):
            return vocabulary.new(state), tuple(chosen)
    return None
