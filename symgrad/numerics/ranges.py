"""Declared ranges with weights put in: drawing within them, telling when a trajectory leaves them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.calculus.enclose import BallEvaluator
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import lower_float, upper_float, working_precision

__all__ = ["Ends", "RangeSet"]

Array = NDArray[np.float64]

_BITS = 128


@dataclass(frozen=True)
class Ends:
    """The floats that lie in a range: ``low <= x <= high`` implies that x lies in it."""

    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def centre(self) -> float:
        """The middle, or the point nearest to zero when an end is infinite."""
        return self.low + (self.high - self.low) / 2 if self.is_bounded else min(max(0.0, self.low), self.high)


class RangeSet:
    """The ranges that a model declares for its states and inputs, with the weights' values in their ends.

    Raises:
        InputError: a range contains no float.
    """

    def __init__(self, model: Recurrence, weights: Weights) -> None:
        self._balls = BallEvaluator.of_weights(weights)
        self.ends: dict[sp.Expr, Ends] = {}
        self._exact: dict[sp.Expr, sp.Interval] = {}
        for symbol, interval in model.ranges.items():
            if symbol in model.variables:
                self.ends[symbol], self._exact[symbol] = self._float_ends(symbol, interval), interval

    def _float_ends(self, symbol: sp.Expr, interval: sp.Interval) -> Ends:
        with working_precision(_BITS):
            low = -math.inf if interval.start == -sp.oo else upper_float(self._balls.number(interval.start))
            high = math.inf if interval.end == sp.oo else lower_float(self._balls.number(interval.end))
        if interval.left_open and math.isfinite(low):
            low = math.nextafter(low, math.inf)
        if interval.right_open and math.isfinite(high):
            high = math.nextafter(high, -math.inf)
        if low > high:
            raise InputError(f"range of {symbol}: no float lies in {interval}")
        return Ends(low, high)

    def of(self, symbol: sp.Expr) -> Ends:
        """The range of a variable, all numbers unless declared."""
        return self.ends.get(symbol, Ends(-math.inf, math.inf))

    def clipped(self, symbol: sp.Expr, array: Array) -> Array:
        """An array moved into the range of a variable."""
        ends = self.of(symbol)
        return np.clip(array, ends.low, ends.high)

    def inside(self, symbol: sp.Expr, array: Array) -> Any:
        """For each trajectory of an array (n, B, 1) whether all entries are finite and in range."""
        ends = self.of(symbol)
        return (np.isfinite(array) & (array >= ends.low) & (array <= ends.high)).all(axis=(0, 2))

    def steps_inside(self, states: Mapping[sp.Expr, Array], inputs: Mapping[sp.Expr, Array], steps: int) -> Any:
        """For each trajectory the number of first steps whose old states and inputs are finite and in range.

        Args:
            states: symbol -> (T+1, n, B, 1).
            inputs: symbol -> (T, m, B, 1).
            steps: T.
        """
        inside = np.ones((steps, next(iter(states.values())).shape[2]), dtype=bool)
        for symbol, array in {**states, **inputs}.items():
            ends, used = self.of(symbol), array[:steps, :, :, 0]
            inside &= (np.isfinite(used) & (used >= ends.low) & (used <= ends.high)).all(axis=1)
        return np.where(inside.all(axis=0), steps, np.argmin(inside, axis=0))

    def contain(self, symbol: sp.Expr, column: Any) -> bool:
        """Whether every ball of a column is proved to lie in the range of a variable."""
        interval = self._exact.get(symbol)
        if interval is None:
            return True
        low, high = self._ball_end(interval.start), self._ball_end(interval.end)
        above = operator.lt if interval.left_open else operator.le
        below = operator.lt if interval.right_open else operator.le
        return all(bool(above(low, entry)) and bool(below(entry, high)) for entry in column.entries())

    def _ball_end(self, end: sp.Expr) -> arb:
        if end in (sp.oo, -sp.oo):
            return arb.pos_inf() if end == sp.oo else arb.neg_inf()
        return self._balls.number(end)
