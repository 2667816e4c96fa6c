"""Balls instead of numbers: enclosures of vectors, operators and of expressions with matrix norms in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from itertools import chain
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.evaluate import Evaluator
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.entrywise import PerronRatio
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import MatrixScalar, MinimumModulus, Norm, SmallestSingularValue, SpectralRadius
from symgrad.language.weights import Weights
from symgrad.rigor.balls import ball_function, exact_ball, lower_float, upper_float
from symgrad.rigor.logarithmic_norms import logarithmic_norm
from symgrad.rigor.matrix_balls import midpoint_radius
from symgrad.rigor.matrix_norms import NormEnclosure, operator_norm, smallest_singular_value
from symgrad.rigor.perron import perron_ratio
from symgrad.rigor.spectral_radius import spectral_radius_bounds

__all__ = ["BallEvaluator", "BoundEvaluator", "column_of_balls", "norm_of_balls", "vector_norm"]

Array = NDArray[np.float64]


def column_of_balls(values: Any) -> Any:
    """A column of balls from exact floats (or balls)."""
    entries = [exact_ball(float(v)) if not isinstance(v, arb) else v for v in values]
    return arb_mat(len(entries), 1, entries)


def _balls(array: Array) -> Any:
    if array.ndim == 2:
        return arb_mat(*array.shape, [arb(v) for v in array.ravel().tolist()])  # floats are exact balls
    return column_of_balls(array.reshape(-1))


def norm_of_balls(matrix: Any, p: sp.Expr) -> NormEnclosure:
    """Floats around the operator norm of every matrix in an arb_mat."""
    mid, radius = midpoint_radius(matrix)
    return operator_norm(mid, float(p), radius=radius)


def vector_norm(column: Any, norm: Norm) -> arb:
    """A ball around the p-norm of a column of balls."""
    entries = [abs(entry) for entry in column.entries()]
    if norm.p == sp.oo:
        return reduce(lambda a, b: a.max(b), entries)
    if norm.p == 1:
        return sum(entries, arb(0))
    return (column.transpose() * column)[0, 0].nonnegative_part().sqrt()


class BallEvaluator(Evaluator[Any]):
    """Values as ``arb_mat``: every entry a ball that contains the true number, at the current precision."""

    @classmethod
    def of_weights(cls, weights: Weights) -> BallEvaluator:
        """The evaluator whose symbols are the parameters, taken as exact."""
        return cls({symbol: _balls(array) for symbol, array in weights.values.items()}, weights.sizes)

    def number(self, expr: sp.Expr) -> arb:
        symbols = sorted(expr.free_symbols, key=str)
        sizes = {s: sp.Integer(self.sizes[s]) for s in symbols if s in self.sizes}
        unknown = [s for s in symbols if s not in sizes]
        return ball_function(expr.xreplace(sizes), unknown)(*(self.symbol(s)[0, 0] for s in unknown))

    def filled(self, value: sp.Expr, rows: int, columns: int) -> Any:
        return arb_mat(rows, columns, [self.number(value)] * (rows * columns))

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> Any:
        return arb_mat(matrix.rows, matrix.cols, [self.number(entry) for entry in matrix])

    def identity(self, size: int) -> Any:
        return arb_mat(size, size, [arb(int(i == j)) for i in range(size) for j in range(size)])

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def multiply(self, left: Any, right: Any) -> Any:
        products = [a * b for a, b in zip(left.entries(), right.entries(), strict=True)]
        return arb_mat(left.nrows(), left.ncols(), products)

    def matmul(self, left: Any, right: Any) -> Any:
        if left.ncols() == 1 and left.nrows() == 1:  # scalar models: a number acts on any row
            return left[0, 0] * right
        return left * right

    def scaled(self, number: Any, value: Any) -> Any:
        return value * number

    def scaled_rows(self, column: Any, value: Any) -> Any:
        width = value.ncols()
        entries = [factor * value[i, j] for i, factor in enumerate(column.entries()) for j in range(width)]
        return arb_mat(value.nrows(), width, entries)

    def transposed(self, value: Any) -> Any:
        return value.transpose()

    def kronecker(self, left: Any, right: Any) -> Any:
        rows = [[a * b for a in top for b in low] for top in left.tolist() for low in right.tolist()]
        return arb_mat(rows)

    def columns_below(self, value: Any) -> Any:
        return arb_mat(value.nrows() * value.ncols(), 1, value.transpose().entries())

    def assembled(self, rows: Sequence[Sequence[Any]]) -> Any:
        return arb_mat([list(chain(*lines)) for row in rows for lines in zip(*(b.tolist() for b in row), strict=True)])

    def inverted(self, value: Any) -> Any:
        try:
            return value.inv()
        except ZeroDivisionError as error:
            raise InputError("weights: a matrix whose inverse is needed could not be proved invertible") from error

    def function(self, activation: Activation, value: Any) -> Any:
        evaluate = ball_function(activation.expr, (VARIABLE,))
        return arb_mat(value.nrows(), value.ncols(), [evaluate(entry) for entry in value.entries()])


class _Constants(BallEvaluator):
    """Values of constant matrices with norms in their coefficients."""

    scalar: Callable[[sp.Expr], arb]

    def number(self, expr: sp.Expr) -> arb:
        return self.scalar(expr) if expr.atoms(MatrixScalar) else super().number(expr)


@lru_cache(maxsize=1024)
def _norms_apart(expr: sp.Expr) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
    """An expression with symbols for the norms in it, the same ones every time: what is compiled for it is then found.

    A norm within the matrix of another one belongs to that, but may stand outside of it too.
    """
    atoms = sorted(expr.atoms(MatrixScalar), key=str)
    names = {atom: sp.Dummy(f"norm{i}", real=True, nonnegative=atom.is_nonnegative) for i, atom in enumerate(atoms)}
    scalar = expr.xreplace(names)  # from the outside in
    return scalar, {name: atom for atom, name in names.items() if name in scalar.free_symbols}


class BoundEvaluator:
    """Balls around bound expressions: scalars in norms of constant matrices, with weights put in.

    A constant matrix inside a norm is assembled in balls first, so cancellation
    between its terms counts; each norm is computed once.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._balls = _Constants(BallEvaluator.of_weights(weights).values, weights.sizes)
        self._balls.scalar = self.ball
        self._norms: dict[sp.Expr, arb] = {}

    def with_scalars(self, values: Mapping[sp.Expr, float]) -> BoundEvaluator:
        """The same with other values of scalar parameters; norms that do not depend on these are kept."""
        arrays = {symbol: np.asarray(float(value)) for symbol, value in values.items()}
        other = BoundEvaluator(replace(self.weights, values={**self.weights.values, **arrays}))
        other._norms = {a: ball for a, ball in self._norms.items() if not a.args[0].free_symbols & values.keys()}
        return other

    def ball(self, expr: sp.Expr) -> arb:
        """A ball that contains the value of the expression."""
        scalar, names = _norms_apart(expr)
        symbols = sorted(scalar.free_symbols - set(names), key=str)
        values = [*map(self._balls.number, symbols), *map(self.norm, names.values())]
        return ball_function(scalar, (*symbols, *names))(*values)

    def norm(self, atom: sp.Expr) -> arb:
        """A ball around the norm (or smallest singular value, or logarithmic norm) of a constant matrix."""
        if atom not in self._norms:
            found = self._enclosure(atom)
            self._norms[atom] = _between(found.lower, found.upper)
        return self._norms[atom]

    def _enclosure(self, atom: sp.Expr) -> NormEnclosure:
        if isinstance(atom, MinimumModulus):
            return self._modulus(atom)
        if isinstance(atom, PerronRatio):
            return _around(perron_ratio(self.matrix(atom.matrix), float(atom.p)), "Perron vectors")
        matrix, radius = self._midpoint_radius(atom.matrix)
        if isinstance(atom, SpectralRadius):
            if np.array_equal(matrix, matrix.T) and (radius is None or not radius.any()):
                return operator_norm(matrix, 2)
            low, high = spectral_radius_bounds(self.matrix(atom.matrix))
            return NormEnclosure(lower_float(low), upper_float(high), "eigenvalues and powers")
        if isinstance(atom, SmallestSingularValue):
            return smallest_singular_value(matrix, radius=radius)
        if isinstance(atom, LogarithmicNorm):
            return logarithmic_norm(matrix, float(atom.p), radius=radius)
        return operator_norm(matrix, float(atom.p), radius=radius)

    def _midpoint_radius(self, expr: sp.Expr) -> tuple[Array, Array | None]:
        array = self.weights.values.get(expr)
        if array is not None:  # numbers taken as exact need no radius
            return (array if array.ndim == 2 else array.reshape(-1, 1)), None
        return midpoint_radius(self.matrix(expr))

    def _modulus(self, atom: MinimumModulus) -> NormEnclosure:
        """From the norm of the inverse; of a matrix that is not proved invertible between 0 and its norm."""
        try:
            inverse = self._balls.matrix(atom.matrix).inv()
        except ZeroDivisionError:
            matrix, radius = self._midpoint_radius(atom.matrix)
            return NormEnclosure(0.0, operator_norm(matrix, float(atom.p), radius=radius).upper, "not inverted")
        found = norm_of_balls(inverse, atom.p)
        ball = 1 / _between(found.lower, found.upper)
        return NormEnclosure(lower_float(ball), upper_float(ball), "norm of the inverse")

    def matrix(self, expr: sp.Expr) -> Any:
        """An arb_mat around a gain matrix, or another constant matrix; norms may stand in it."""
        if isinstance(expr, sp.MatrixBase):
            return arb_mat(expr.rows, expr.cols, [self.ball(entry) for entry in expr])
        return self._balls.matrix(expr)


def _around(ball: arb, how: str) -> NormEnclosure:
    return NormEnclosure(max(lower_float(ball), 0.0), upper_float(ball), how)


def _between(lower: float, upper: float) -> arb:
    if not np.isfinite(upper):
        return arb(0, float("inf"))
    return reduce(lambda a, b: a.union(b), (exact_ball(lower), exact_ball(upper)))
