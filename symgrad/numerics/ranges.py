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

from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["Ends", "RangeSet"]

Array = NDArray[np.float64]

_BITS = 128


@dataclass(frozen=True, eq=False)
class Ends:
    """The floats that lie in a range: ``low <= x <= high`` implies that x lies in it.

    Attributes:
        low: without dimensions where all units have the same range, else (n, 1, 1).
        high: likewise.
    """

    low: Any
    high: Any

    @property
    def is_bounded(self) -> bool:
        """Whether all ends are finite."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def centre(self) -> Any:
        """The middle, or the point nearest to zero when an end is infinite."""
        return self.low + (self.high - self.low) / 2 if self.is_bounded else self.nearest

    @property
    def nearest(self) -> Any:
        """The point nearest to zero."""
        return np.minimum(np.maximum(0.0, self.low), self.high)

    def hold(self, array: Array) -> Any:
        """For each number of an array (..., n, B) whether it is finite and in range."""
        low, high = (end[..., 0] if end.ndim else end for end in (self.low, self.high))
        return np.isfinite(array) & (array >= low) & (array <= high)


_ALL = Ends(np.float64(-np.inf), np.float64(np.inf))


class RangeSet:
    """The ranges of a model's states and inputs, with the weights' values in their ends.

    Args:
        model: with the ranges that it declares.
        weights: the numbers.
        units: intervals (n, 1) for every unit, such as those of an invariant box, in the place of the declared ranges.

    Raises:
        InputError: a range contains no float.
    """

    def __init__(self, model: Recurrence, weights: Weights, units: UnitRanges | None = None) -> None:
        self._bounds = BoundEvaluator(weights)
        self.ends: dict[sp.Expr, Ends] = {}
        self._exact: dict[sp.Expr, sp.Interval] = {}
        self._units: dict[sp.Expr, Intervals] = {}
        for symbol in model.variables:
            unit, interval = None if units is None else units.get(symbol), model.ranges.get(symbol)
            if unit is not None and not (symbol in model.inputs and interval is not None):
                self._units[symbol] = unit
                self.ends[symbol] = Ends(unit.low[:, :, None], unit.high[:, :, None])
            elif interval is not None:
                self.ends[symbol], self._exact[symbol] = self._float_ends(symbol, interval), interval

    def _float_ends(self, symbol: sp.Expr, interval: sp.Interval) -> Ends:
        with working_precision(_BITS):
            low = -math.inf if interval.start == -sp.oo else upper_float(self._bounds.ball(interval.start))
            high = math.inf if interval.end == sp.oo else lower_float(self._bounds.ball(interval.end))
        if interval.left_open and math.isfinite(low):
            low = math.nextafter(low, math.inf)
        if interval.right_open and math.isfinite(high):
            high = math.nextafter(high, -math.inf)
        if low > high:
            raise InputError(f"range of {symbol}: no float lies in {interval}")
        return Ends(np.float64(low), np.float64(high))

    def of(self, symbol: sp.Expr) -> Ends:
        """The range of a variable, all numbers unless declared."""
        return self.ends.get(symbol, _ALL)

    def clipped(self, symbol: sp.Expr, array: Array) -> Array:
        """An array (..., n, B, 1) moved into the range of a variable."""
        ends = self.of(symbol)
        return np.clip(array, ends.low, ends.high)

    def inside(self, symbol: sp.Expr, array: Array) -> Any:
        """For each trajectory of an array (n, B, 1) whether all entries are finite and in range."""
        return self.of(symbol).hold(array[..., 0]).all(axis=0)

    def steps_inside(self, states: Mapping[sp.Expr, Array], inputs: Mapping[sp.Expr, Array], steps: int) -> Any:
        """For each trajectory the number of first steps whose old states and inputs are finite and in range.

        Args:
            states: symbol -> (T+1, n, B, 1).
            inputs: symbol -> (T, m, B, 1).
            steps: T.
        """
        inside = np.ones((steps, next(iter(states.values())).shape[2]), dtype=bool)
        for symbol, array in {**states, **inputs}.items():
            inside &= self.of(symbol).hold(array[:steps, :, :, 0]).all(axis=1)
        return np.where(inside.all(axis=0), steps, np.argmin(inside, axis=0))

    def contain(self, symbol: sp.Expr, column: Any) -> bool:
        """Whether every ball of a column is proved to lie in the range of a variable."""
        if symbol in self._units:
            ends = self._units[symbol]
            pairs = zip(ends.low.ravel().tolist(), ends.high.ravel().tolist(), column.entries(), strict=True)
            return all(bool(arb(low) <= entry) and bool(entry <= arb(high)) for low, high, entry in pairs)
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
        return self._bounds.ball(end)
