"""Bounds on the derivatives of one update by the parameters, from ranges unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.unit_slopes import UnitSlopes
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.unit_ranges import IntervalEvaluator
from symgrad.errors import SymgradError
from symgrad.language.norms import NORMS, Norm, OperatorNorm
from symgrad.language.operators import Kronecker, Operator, OperatorSum, Scale, Vector, Zero, walk
from symgrad.rigor.balls import exact_ball, upper_float, working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.matrix_norms import operator_norm

__all__ = ["UnitSources", "source_bounds"]

Array = NDArray[np.float64]

_BITS = 128


def source_bounds(
    closed: Sequence[arb], rows: Sequence[Sequence[Operator]], slopes: UnitSlopes | None, norm: Norm
) -> list[arb]:
    """For each state a bound on its derivatives by the parameters, as exact balls.

    Args:
        closed: the closed forms with numbers put in.
        rows: the derivatives.
        slopes: the ranges unit by unit, from which there may be a closer bound; None for the closed forms alone.
        norm: of the operators.
    """
    if slopes is None:
        return [size.upper() for size in closed]
    units = UnitSources(slopes, norm)
    pairs = zip(closed, map(units.row, rows), strict=True)
    return [found if size.is_nan() else found.min(size.upper()) for size, found in pairs]


class UnitSources:
    """The derivatives by the parameters over all states and inputs in a box, with weights put in.

    The row ``[v_1^T (x) A_1, ..., v_r^T (x) A_r]`` has the norm of ``[||v_1||_q A_1, ..., ||v_r||_q A_r]`` where
    ``1/p + 1/q = 1``, so one matrix with as many blocks as there are different factors A tells it.

    Source: Horn and Johnson, Topics in Matrix Analysis 1991, thm. 4.2.15 (p = 2; the other norms by their definition).
    """

    def __init__(self, slopes: UnitSlopes, norm: Norm) -> None:
        self._evaluator = IntervalEvaluator(slopes.weights, slopes.ranges)
        self._bounds = BoundEvaluator(slopes.weights)
        self._norm, self._dual = norm, NORMS[norm.dual]

    def row(self, entries: Sequence[Operator]) -> arb:
        """An upper bound on the norm of one state's derivatives side by side, infinite where none is found."""
        try:
            with working_precision(_BITS):
                return self._row(entries).upper()
        except SymgradError:  # a function that cannot be enclosed
            return arb.pos_inf()

    def _row(self, entries: Sequence[Operator]) -> arb:
        factors: dict[Operator, list[arb]] = {}
        others: list[arb] = []
        for entry in entries:
            match entry:
                case Zero():
                    continue
                case Kronecker(vector, outer, _, None):
                    factors.setdefault(outer, []).append(self._length(vector))
                case _ if _has_kronecker(entry):
                    others.append(self._above(entry))
                case _:
                    factors.setdefault(entry, []).append(arb(1))
        blocks = [self._scaled(factor, self._whole(lengths)) for factor, lengths in factors.items()]
        return self._whole([*([self._stacked(blocks)] if blocks else []), *others])

    def _above(self, operator: Operator) -> arb:
        """An upper bound on the norm of sums and multiples of Kronecker products."""
        match operator:
            case Kronecker(vector, outer, _, mask):
                size = self._length(vector) * self._interval_norm(self._evaluator.operator(outer))
                return size if mask is None else size * self._bounds.ball(OperatorNorm(mask, self._norm.p))
            case Scale(coefficient, operand):
                return exact_ball(float(self._evaluator.number(coefficient).magnitude)) * self._above(operand)
            case OperatorSum(terms):
                return sum(map(self._above, terms), arb(0))
            case _ if _has_kronecker(operator):
                return arb.pos_inf()
        return self._interval_norm(self._evaluator.operator(operator))

    def _scaled(self, factor: Operator, length: arb) -> Intervals:
        return Intervals.exact(np.asarray(upper_float(length))) * self._evaluator.operator(factor)

    def _stacked(self, blocks: list[Intervals]) -> arb:
        ends = (np.hstack([getattr(block, end) for block in blocks]) for end in ("low", "high"))
        return self._interval_norm(Intervals(*ends))

    def _length(self, vector: Vector) -> arb:
        """The dual norm of a vector."""
        return _finite_norm(self._evaluator.vector(vector).magnitude, self._dual)

    def _whole(self, sizes: list[arb]) -> arb:
        """The dual norm of a few norms: Hoelder's inequality."""
        if not all(size.is_finite() for size in sizes):
            return arb.pos_inf()
        return _finite_norm(np.array([[upper_float(size)] for size in sizes or [arb(0)]]), self._dual)

    def _interval_norm(self, matrix: Intervals) -> arb:
        """From the moduli of the entries, and from the middle and the distance from it."""
        moduli = _finite_norm(matrix.magnitude, self._norm)
        if not matrix.is_finite:
            return moduli
        middle = matrix.low / 2 + matrix.high / 2
        radius = np.nextafter(np.maximum(matrix.high - middle, middle - matrix.low), np.inf)
        return moduli.min(arb(operator_norm(middle, _index(self._norm), radius=radius).upper))


def _index(norm: Norm) -> Any:
    return float(norm.p)


def _finite_norm(sizes: Array, norm: Norm) -> arb:
    return arb(operator_norm(sizes, _index(norm)).upper) if np.isfinite(sizes).all() else arb.pos_inf()


def _has_kronecker(operator: Operator) -> bool:
    return any(isinstance(node, Kronecker) for node in walk(operator))
