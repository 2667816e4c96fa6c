"""Matrices of bounds in print: entries that make them too wide get names of their own."""

from __future__ import annotations

import sympy as sp

from symgrad.present.layout import Equation
from symgrad.present.notation import LATEX
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.widths import visible_length
from symgrad.present.writer import Term

__all__ = ["sum_terms", "written_matrix"]

_WIDEST = 75  # of a matrix with all entries written out, in digits
_WIDEST_TEXT = 140
_SHORT = 12  # entries up to here never get a name


def sum_terms(vocabulary: Vocabulary, expr: sp.Expr) -> list[Term]:
    """An expression as the terms of a sum."""
    return list(vocabulary.once(("terms", expr), lambda: _terms(vocabulary, expr)))


def _terms(vocabulary: Vocabulary, expr: sp.Expr) -> list[Term]:
    found = []
    for term in expr.as_ordered_terms():
        negative = term.could_extract_minus_sign() and not term.is_Add
        found.append((negative, vocabulary.scalar(-term if negative else term)))
    return found


def written_matrix(vocabulary: Vocabulary, letter: str, matrix: sp.MatrixBase) -> tuple[str, list[Equation]]:
    """A matrix, and what the names in it stand for.

    Args:
        vocabulary: of the model.
        letter: of the matrix, without a layer.
        matrix: expressions.
    """
    fixed = sp.ImmutableDenseMatrix(matrix)
    written, entries = vocabulary.once(("matrix", letter, fixed), lambda: _matrix(vocabulary, letter, fixed))
    return written, list(entries)


def _matrix(vocabulary: Vocabulary, letter: str, matrix: sp.MatrixBase) -> tuple[str, list[Equation]]:
    notation = vocabulary.notation
    rows = [[vocabulary.scalar(entry) for entry in row] for row in matrix.tolist()]
    widest = _WIDEST if notation is LATEX else _WIDEST_TEXT
    if _width(vocabulary, notation.matrix(rows)) <= widest:
        return notation.matrix(rows), []
    names: dict[sp.Expr, str] = {}
    for i in range(matrix.rows):
        for j in range(matrix.cols):
            entry = matrix[i, j]
            if entry not in names and _width(vocabulary, rows[i][j]) > _SHORT:
                names[entry] = _name(vocabulary, letter, _place(matrix, i, j))
            rows[i][j] = names.get(entry, rows[i][j])
    return notation.matrix(rows), [Equation(name, "=", sum_terms(vocabulary, entry)) for entry, name in names.items()]


def _width(vocabulary: Vocabulary, written: str) -> float:
    return visible_length(written) if vocabulary.notation is LATEX else len(written)


def _place(matrix: sp.MatrixBase, i: int, j: int) -> str:
    """The subscript of an entry."""
    if matrix.cols == 1:
        return str(i + 1)
    return f"{i + 1}{j + 1}" if matrix.rows < 10 else f"{i + 1},{j + 1}"


def _name(vocabulary: Vocabulary, letter: str, place: str) -> str:
    name = vocabulary.notation.layered(letter, place)
    return name if vocabulary.model.depth is None else vocabulary.notation.layered(name, vocabulary.step)
