"""Basins of maps that do not increase: by two steps at once, or by images of intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb

from symgrad.dynamics.basin_images import Bounds, Proved, by_images, trap
from symgrad.dynamics.basin_parts import (
    CONTINUUM,
    CYCLE,
    FIXED_POINT,
    INFINITY,
    UNKNOWN,
    Attractor,
    BasinInterval,
    by_order,
    right_side,
)
from symgrad.dynamics.points import FixedPoints
from symgrad.dynamics.scalar_points import scalar_fixed_points
from symgrad.dynamics.scalar_system import MAP, ScalarSystem
from symgrad.errors import SymgradError
from symgrad.rigor.balls import ball_function, lower_float, upper_float, working_precision
from symgrad.rigor.monotone import FunctionRange, function_range

__all__ = ["decreasing_basins", "mixed_basins", "second_iterate"]

_BITS = 128
_LEAST_REACH = 4.0


def second_iterate(system: ScalarSystem) -> ScalarSystem:
    """The map ``x -> F(F(x))``."""
    image = right_side(system)
    twice = image.xreplace({system.state: image}).replace(sp.ITE, _either)
    return ScalarSystem(MAP, f"{system.name}, two steps", system.state, twice - system.state)


def _either(condition: sp.Basic, yes: sp.Basic, no: sp.Basic) -> sp.Basic:
    """The choice of a condition in terms of and, or, not: what conditions of pieces consist of."""
    return sp.Or(sp.And(condition, yes), sp.And(sp.Not(condition), no))


def _of_two_steps(points: FixedPoints, interval: sp.Interval) -> FixedPoints | None:
    """The fixed points of the second iterate; None where its formula is beyond what is known of zeros."""
    try:
        return scalar_fixed_points(second_iterate(points.system), interval)
    except SymgradError:
        return None


def decreasing_basins(points: FixedPoints) -> tuple[FixedPoints, list[BasinInterval]] | None:
    """Basins of a decreasing map, by the fixed points of its second iterate, which increases.

    Returns:
        The fixed points of the second iterate: that of the map and the points of its 2-cycles; and the intervals. None
        where they are not found.
    """
    twice = _of_two_steps(points, sp.S.Reals)
    if twice is None:
        return None
    parts = by_order(twice, increases=True)
    return twice, [replace(part, attractor=_under_one_step(part.attractor, points)) for part in parts]


def _under_one_step(found: Attractor, points: FixedPoints) -> Attractor:
    """What attracts under the map what is attracted to a point under two steps of it."""
    if found.kind == INFINITY:
        return Attractor(INFINITY, (arb.neg_inf(), arb.pos_inf()))
    if found.kind != FIXED_POINT:
        return Attractor(UNKNOWN) if found.kind == CONTINUUM else found
    (ball,) = found.points
    if any(point.ball.overlaps(ball) for point in points):
        return found
    return _cycle(ball, points.system)


def _cycle(ball: arb, system: ScalarSystem) -> Attractor:
    with working_precision(_BITS):
        other = ball_function(right_side(system), system.state)(ball)
    return Attractor(CYCLE, (ball, other) if ball < other else (other, ball))


def mixed_basins(points: FixedPoints, slopes: Bounds, interval: sp.Interval) -> list[BasinInterval]:
    """What the order of fixed points and images of intervals prove of a map that is not monotone.

    Args:
        points: its fixed points.
        slopes: bounds of its slope.
        interval: in which starts are considered.
    """
    system = points.system
    image = function_range(right_side(system), system.state)
    marks = [point.value for point in points] or [0.0]
    reach = _LEAST_REACH + max(marks) - min(marks)
    ends = float(interval.start), float(interval.end)
    window = _window(image, ends, (min(marks) - reach, max(marks) + reach))
    twice = _of_two_steps(points, sp.Interval(sp.Rational(window[0]), sp.Rational(window[1])))
    traps: Proved = [part for part in map(_inner, by_order(points)) if part[2].kind != UNKNOWN and part[0] < part[1]]
    for point in points.stable:
        found = trap(slopes, point.ball, reach)
        traps += [] if found is None else [(*found, Attractor(FIXED_POINT, (point.ball,)))]
    traps += _cycle_traps(points, twice, _slopes_of_two_steps(slopes, image), reach)
    return by_images(image, traps, window, ends)


def _inner(part: BasinInterval) -> tuple[float, float, Attractor]:
    low = upper_float(part.left) if part.left.is_finite() else float(part.left)
    high = lower_float(part.right) if part.right.is_finite() else float(part.right)
    return low, high, part.attractor


def _cycle_traps(
    points: FixedPoints, twice: FixedPoints | None, slopes: Bounds, reach: float
) -> Iterator[tuple[float, float, Attractor]]:
    """Neighbourhoods of stable 2-cycles."""
    for point in twice.stable if twice is not None else ():
        if any(other.ball.overlaps(point.ball) for other in points):
            continue
        found = trap(slopes, point.ball, reach)
        if found is not None:
            yield (*found, _cycle(point.ball, points.system))


def _slopes_of_two_steps(slopes: Bounds, image: FunctionRange) -> Bounds:
    """Bounds of the slope of F(F(x)), by the chain rule."""

    def over(left: float, right: float) -> tuple[float, float]:
        low, high = (float(end[0]) for end in image.over(np.array([left]), np.array([right])))
        factors = slopes(left, right), slopes(low, high)
        products = [a * b for a in factors[0] for b in factors[1]]
        if not np.isfinite(products).all():
            return -np.inf, np.inf
        return float(np.nextafter(min(products), -np.inf)), float(np.nextafter(max(products), np.inf))

    return over


def _window(image: FunctionRange, ends: tuple[float, float], around: tuple[float, float]) -> tuple[float, float]:
    """Where starts are looked at closely: the range of the map if it is bounded, else around its fixed points."""
    low, high = (float(end[0]) for end in image.over(np.array([-np.inf]), np.array([np.inf])))
    bounded = np.isfinite([low, high]).all() and low < high
    first, last = (low, high) if bounded else around
    return max(first, ends[0]), min(last, ends[1])
