"""Ranges unit by unit: interval propagation with weights put in, every entry of every vector with its own interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator
from symgrad.calculus.evaluate import Evaluator
from symgrad.calculus.structure import complementary_products, multi_affine, one_argument_function
from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Hadamard, Vector, VectorSum
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.monotone import function_range

__all__ = ["IntervalEvaluator", "UnitRanges", "declared_ranges"]

UnitRanges = dict[sp.Expr, Intervals]

_BITS = 128
_REALS = sp.Interval(-sp.oo, sp.oo)
_MOST_BASES = 6


class IntervalEvaluator(Evaluator[Intervals]):
    """Values as intervals, rounded outwards: (n, 1) for a vector, one interval a unit.

    An activation is bounded by the values at the ends of the interval and where it turns; a polynomial in several
    vectors that is affine in each, such as ``z o a + (1 - z) o b``, by its values at the corners; functions of one
    vector are taken as a whole. Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, ch. 5.
    """

    def __init__(
        self, weights: Weights, ranges: Mapping[sp.Expr, Intervals], balls: BallEvaluator | None = None
    ) -> None:
        self._balls = BallEvaluator.of_weights(weights) if balls is None else balls
        self._weights = weights
        numbers = {symbol: _column(array) for symbol, array in weights.values.items()}
        super().__init__({**numbers, **ranges}, weights.sizes)

    def symbol(self, symbol: sp.Expr) -> Intervals:
        """The value of a symbol: of a parameter that is not given, any number."""
        if symbol not in self.values:
            shape = self._weights.shape(symbol) or (1, 1)
            self.values[symbol] = Intervals(np.full(shape, -np.inf), np.full(shape, np.inf))
        return self.values[symbol]

    def number(self, expr: sp.Expr) -> Intervals:
        with working_precision(_BITS):
            return Intervals.of_ball(self._balls.number(expr))

    def filled(self, value: sp.Expr, rows: int, columns: int) -> Intervals:
        number = self.number(value)
        return Intervals(*(np.full((rows, columns), float(end)) for end in (number.low, number.high)))

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> Intervals:
        with working_precision(_BITS):
            return Intervals.of_balls(self._balls.dense(matrix))

    def identity(self, size: int) -> Intervals:
        return Intervals.exact(np.eye(size))

    def add(self, left: Intervals, right: Intervals) -> Intervals:
        return left + right

    def multiply(self, left: Intervals, right: Intervals) -> Intervals:
        return left * right

    def matmul(self, left: Intervals, right: Intervals) -> Intervals:
        return left * right if left.shape == (1, 1) else left @ right

    def scaled(self, number: Any, value: Intervals) -> Intervals:
        return Intervals(np.asarray(number.low), np.asarray(number.high)) * value

    def scaled_rows(self, column: Intervals, value: Intervals) -> Intervals:
        return column * value

    def transposed(self, value: Intervals) -> Intervals:
        return value.transposed

    def kronecker(self, left: Intervals, right: Intervals) -> Intervals:
        rows = [[_entry(left, i, j) * right for j in range(left.shape[1])] for i in range(left.shape[0])]
        return self.assembled(rows)

    def columns_below(self, value: Intervals) -> Intervals:
        return Intervals(value.low.reshape(-1, 1, order="F"), value.high.reshape(-1, 1, order="F"))

    def assembled(self, rows: Sequence[Sequence[Intervals]]) -> Intervals:
        return Intervals(*(np.block([[getattr(x, end) for x in row] for row in rows]) for end in ("low", "high")))

    def inverted(self, value: Intervals) -> Intervals:
        raise SymgradError("an inverse of a matrix of intervals is not taken")

    def matrix(self, expr: sp.Expr) -> Intervals:
        """A constant matrix: what is more than a symbol is enclosed in balls first."""
        if isinstance(expr, sp.MatrixSymbol):
            return self.symbol(expr)
        if expr not in self._matrices:
            known = expr.atoms(sp.MatrixSymbol) <= self._balls.values.keys()
            with working_precision(_BITS):
                found = Intervals.of_balls(self._balls.matrix(expr)) if known else super().matrix(expr)
            self._matrices[expr] = found
        return self._matrices[expr]

    def function(self, activation: Activation, value: Intervals) -> Intervals:
        return Intervals(*function_range(activation.expr, activation.variable).over(value.low, value.high))

    def _vector(self, node: Vector) -> Intervals:
        fused = one_argument_function(node)
        if fused is not None:
            try:
                return self.function(_function(fused[0]), self.vector(fused[1]))
            except SymgradError:
                pass  # a composite function that cannot be enclosed as a whole
        if isinstance(node, (VectorSum, Hadamard)) and _shares_vectors(node):
            return self._intersected(self._at_corners(node), node)
        return super()._vector(node)

    def _intersected(self, found: Intervals | None, node: Vector) -> Intervals:
        """The better of the values at the corners and those of the parts; of a convex combination between its parts."""
        found = super()._vector(node) if found is None else found
        parts = complementary_products(node)
        if parts is None:
            return found
        gate, first, second = map(self.vector, parts)
        inside = (gate.low >= 0) & (gate.high <= 1)
        hull = first.hull(second)
        return Intervals(
            np.where(inside, np.maximum(found.low, hull.low), found.low),
            np.where(inside, np.minimum(found.high, hull.high), found.high),
        )

    def _at_corners(self, node: Vector) -> Intervals | None:
        """The hull of the values of a polynomial at the corners of its vectors' box; None if that is unbounded."""
        terms = multi_affine(node)
        if terms is None:
            return None
        bases = sorted(frozenset().union(*terms), key=str)
        ranges = {base: self.vector(base) for base in bases}
        if len(bases) > _MOST_BASES or not all(found.is_finite for found in ranges.values()):
            return None
        numbers = {key: self.number(coefficient) for key, coefficient in terms.items()}
        hull: Intervals | None = None
        for ends in product(("low", "high"), repeat=len(bases)):
            corner = {b: Intervals.exact(getattr(ranges[b], end)) for b, end in zip(bases, ends, strict=True)}
            value = _polynomial(numbers, corner)
            hull = value if hull is None else hull.hull(value)
        return hull


def _polynomial(numbers: Mapping[frozenset[Vector], Intervals], values: Mapping[Vector, Intervals]) -> Intervals:
    total: Intervals | None = None
    for bases, number in numbers.items():
        factors = [values[base] for base in sorted(bases, key=str)]
        if not factors or not (number.low == number.high == 1):
            factors.append(Intervals(number.low.reshape(1, 1), number.high.reshape(1, 1)))
        term = reduce(Intervals.__mul__, factors)
        total = term if total is None else total + term
    return total if total is not None else Intervals.exact(np.zeros((1, 1)))


def _function(formula: sp.Expr) -> Activation:
    return Activation("f", sp.piecewise_fold(formula) if formula.has(sp.ITE) else formula)


def _shares_vectors(node: VectorSum | Hadamard) -> bool:
    """Whether some vector stands in several parts, so that interval arithmetic part by part would be wide."""
    parts = node.terms if isinstance(node, VectorSum) else (node.left, node.right)
    expanded = [multi_affine(part) for part in parts]
    bases = [frozenset().union(*terms) if terms is not None else frozenset() for terms in expanded]
    return sum(map(len, bases)) > len(frozenset().union(*bases))


def _entry(value: Intervals, i: int, j: int) -> Intervals:
    return Intervals(value.low[i, j], value.high[i, j])


def _column(array: Any) -> Intervals:
    return Intervals.exact(array if array.ndim == 2 else array.reshape(-1, 1))


def declared_ranges(model: Recurrence, weights: Weights) -> UnitRanges:
    """The declared ranges of states and inputs with the weights in their ends, rounded outwards; else all numbers.

    Raises:
        InputError: the weights do not tell the size of a state or an input.
    """
    bounds = BoundEvaluator(weights)
    found: UnitRanges = {}
    for symbol in model.variables:
        interval = model.ranges.get(symbol, _REALS)
        if (interval.atoms(sp.MatrixSymbol) | interval.free_symbols) - weights.values.keys() - weights.sizes.keys():
            interval = _REALS  # its ends are not known
        shape = ((weights.shape(symbol) or (1,))[0], 1)
        with working_precision(_BITS):
            low = -np.inf if interval.start == -sp.oo else lower_float(bounds.ball(interval.start))
            high = np.inf if interval.end == sp.oo else upper_float(bounds.ball(interval.end))
        found[symbol] = Intervals(np.full(shape, low), np.full(shape, high))
    return found
