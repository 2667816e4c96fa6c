"""The slopes that an activation takes, each with an argument at which it takes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.rigor.balls import ball_function, to_ball, working_precision

__all__ = ["ReachableSlopes", "reachable_slopes"]

Array = NDArray[np.float64]

_BITS = 64
_HALVINGS = 60
_NEARBY = 2.0**-30  # a kink this near to an argument would spoil its slope
_SMOOTH = 1e-3
_ASIDE = 2.0**-20
_FINEST, _FARTHEST = 1e-2, 1e8
_FARTHEST_UNBOUNDED = 1e2  # of an activation whose slope has no bound: growth is found near by
_POINTS = 160  # of each sign
_EQUAL = 1e-9  # slopes this close to an extreme one, relative to the widest, count as extreme


@dataclass(frozen=True, eq=False)
class ReachableSlopes:
    """A float table of arguments, in ascending order, and the slopes there.

    Attributes:
        activation: whose slopes.
        points: (p,) arguments, away from kinks.
        slopes: (p,) the derivative there, rounded to the nearest float or so.
    """

    activation: Activation
    points: Array
    slopes: Array

    @property
    def low(self) -> float:
        """The least slope of the table."""
        return float(self.slopes.min())

    @property
    def high(self) -> float:
        """The largest slope of the table."""
        return float(self.slopes.max())

    def point(self, slope: float) -> float:
        """An argument, small if possible, with a slope as near to the given one as the table allows or a root shows."""
        near = np.abs(self.slopes - slope) <= _EQUAL * max(self.high - self.low, 1e-300)
        if near.any():
            candidates = self.points[near]
            return float(candidates[np.argmin(np.abs(candidates))])
        return self._between(slope)

    def _between(self, slope: float) -> float:
        """A root of slope(x) = slope where two neighbours of the table lie on both sides, else the nearest of it."""
        above = self.slopes > slope
        places = np.flatnonzero(above[1:] != above[:-1])
        if not len(places):
            return float(self.points[np.argmin(np.abs(self.slopes - slope))])
        sizes = np.abs(self.points[places]) + np.abs(self.points[places + 1])
        place = int(places[np.argmin(sizes)])
        left, right = float(self.points[place]), float(self.points[place + 1])
        return _bisected(_slope_function(self.activation), slope, left, right, bool(above[place]))


def _bisected(function: Callable[[float], float], wanted: float, left: float, right: float, above: bool) -> float:
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        if not left < middle < right:
            break
        if (function(middle) > wanted) == above:
            left = middle
        else:
            right = middle
    return left


@lru_cache(maxsize=64)
def reachable_slopes(activation: Activation) -> ReachableSlopes:
    """The slopes of an activation on a grid that is fine near 0 and reaches far out, and where they are extreme.

    Raises:
        UnsupportedExpressionError: the activation jumps, so that it has no derivative somewhere.

    >>> import symgrad as sg
    >>> table = reachable_slopes(sg.activation("sigmoid"))
    >>> table.high, table.low < 1e-15, table.point(0.25), abs(table.point(0.1) + 2.0634370688955608) < 1e-12
    (0.25, True, 0.0, True)
    """
    slope, bounded = _slope_function(activation), activation.slope.is_bounded
    reach = np.geomspace(_FINEST, _FARTHEST if bounded else _FARTHEST_UNBOUNDED, _POINTS)
    extreme = np.array(_extreme_points(activation))
    known = _valued(slope, np.concatenate([-reach, [0.0], reach, extreme]))
    least, largest = min(known.values()), max(known.values())
    aside = _ASIDE * (1 + np.abs(extreme))
    # Beside a kink the slope may be more extreme than anywhere on the grid.
    beside = _valued(slope, np.concatenate([extreme - aside, extreme + aside]))
    known |= {x: value for x, value in beside.items() if value < least or value > largest}
    points = sorted(known)
    return ReachableSlopes(activation, np.array(points), np.array([known[x] for x in points]))


def _valued(slope: Callable[[float], float], points: Array) -> dict[float, float]:
    """Argument -> slope, without those near a kink."""
    found = {float(x): slope(float(x)) for x in points}
    return {x: value for x, value in found.items() if math.isfinite(value)}


def _extreme_points(activation: Activation) -> list[float]:
    """Where the slope is least and largest, as floats."""
    found = activation.slope.extrema
    points = () if found is None else (*found.inf.points, *found.sup.points)
    return [float(to_ball(point, _BITS).mid()) for point in points if point not in (sp.oo, -sp.oo)]


def _slope_function(activation: Activation) -> Callable[[float], float]:
    """The derivative in floats: NaN where a neighbourhood of the argument shows a kink."""
    enclosure = ball_function(activation.derivative.expr, VARIABLE)

    def slope(x: float) -> float:
        with working_precision(_BITS):
            around = enclosure(arb(x, _NEARBY * (1 + abs(x))))
            if not around.is_finite() or around.rad() > _SMOOTH * (1 + abs(around.mid())):
                return math.nan
            return float(enclosure(arb(x)).mid())

    return slope
