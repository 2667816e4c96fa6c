"""Entries written out: the evaluator whose numbers are SymPy expressions, for fixed small sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.polys.matrices.exceptions import DMNonInvertibleMatrixError

from symgrad.calculus.evaluate import Evaluator
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, Activation

__all__ = ["ExplicitEvaluator", "explicit_symbol"]

Matrix = sp.ImmutableDenseMatrix


def explicit_symbol(symbol: sp.Expr, sizes: Mapping[sp.Symbol, int]) -> sp.ImmutableDenseMatrix:
    """The matrix of entries of a symbol, of fixed size; a scalar symbol is its own entry."""
    if isinstance(symbol, sp.Symbol):
        return Matrix([[symbol]])
    rows, columns = (sp.sympify(size).xreplace(dict(sizes)) for size in symbol.shape)
    return Matrix(sp.MatrixSymbol(symbol.name, rows, columns).as_explicit())


class ExplicitEvaluator(Evaluator[sp.ImmutableDenseMatrix]):
    """Values as explicit SymPy matrices of the entries of every symbol."""

    def __init__(self, symbols: Iterable[sp.Expr], sizes: Mapping[sp.Symbol, int]) -> None:
        super().__init__({symbol: explicit_symbol(symbol, sizes) for symbol in symbols}, sizes)

    def number(self, expr: sp.Expr) -> sp.Expr:
        return expr.xreplace(self.sizes)

    def filled(self, value: sp.Expr, rows: int, columns: int) -> sp.ImmutableDenseMatrix:
        return Matrix(rows, columns, [self.number(value)] * (rows * columns))

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return matrix

    def identity(self, size: int) -> sp.ImmutableDenseMatrix:
        return Matrix(sp.eye(size))

    def add(self, left: sp.ImmutableDenseMatrix, right: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return left + right

    def multiply(self, left: sp.ImmutableDenseMatrix, right: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return left.multiply_elementwise(right)

    def matmul(self, left: sp.ImmutableDenseMatrix, right: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return left * right

    def scaled(self, number: Any, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return number * value

    def scaled_rows(self, column: sp.ImmutableDenseMatrix, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return Matrix(sp.diag(*column)) * value

    def transposed(self, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return value.T

    def kronecker(self, left: sp.ImmutableDenseMatrix, right: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return Matrix(sp.kronecker_product(left, right))

    def columns_below(self, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return Matrix(value.vec())

    def assembled(self, rows: Sequence[Sequence[sp.ImmutableDenseMatrix]]) -> sp.ImmutableDenseMatrix:
        return Matrix(sp.Matrix.vstack(*(sp.Matrix.hstack(*row) for row in rows)))

    def inverted(self, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        """By fraction-free elimination in the ring of the entries: no entry is judged zero by guessing."""
        try:
            numerators, denominator = value.to_DM().inv_den()
        except DMNonInvertibleMatrixError as error:
            raise InputError(f"weights: a matrix whose inverse is needed is singular: {value.tolist()}") from error
        return Matrix(numerators.to_Matrix() / numerators.domain.to_sympy(denominator))

    def function(self, activation: Activation, value: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
        return value.applyfunc(lambda entry: activation.expr.xreplace({VARIABLE: entry}))
