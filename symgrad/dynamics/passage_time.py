"""Where a scalar flow is at a time, proved: bounds of the time it takes to pass each of many small intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.basin_parts import FIXED_POINT, right_side
from symgrad.dynamics.basins import system_basins
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.rigor.balls import lower_float, to_ball, upper_float
from symgrad.rigor.monotone import function_range

__all__ = ["flow_state"]

Array = NDArray[np.float64]

_CELLS = 3000
_NEAREST = 1e-14  # of the distance between start and goal: the shortest interval


def flow_state(system: ScalarSystem, numbers: Mapping[sp.Symbol, sp.Expr], start: sp.Expr, time: float) -> arb | None:
    """A ball around x(T) of a flow that tends to a fixed point, or None where nothing is proved.

    The time to pass an interval is its length over f; with bounds of f over many intervals, rounded outwards, the
    times at which the state passes their ends are bounded on both sides.

    Args:
        system: a flow.
        numbers: for all its parameters.
        start: x(0), a number.
        time: T.
    """
    here = replace(system, residual=system.residual.xreplace(dict(numbers)))
    attractor, origin = system_basins(here).of(start), to_ball(start)
    if attractor.kind != FIXED_POINT:
        return None
    (goal,) = attractor.points
    if not goal.is_finite() or origin.overlaps(goal):
        return None
    knots = _knots(origin, goal)
    left, right = np.minimum(knots[:-1], knots[1:]), np.maximum(knots[:-1], knots[1:])
    low, high = function_range(right_side(here), here.state).over(left, right)
    slowest, fastest = (low, high) if origin < goal else (-high, -low)
    if not (np.isfinite(fastest).all() and (fastest > 0).all()):
        return None
    shortest = _down((right - left) / fastest)
    shortest[0] = 0.0  # the start may be any number of the first interval
    with np.errstate(divide="ignore"):
        longest = np.where(slowest > 0, _up((right - left) / np.maximum(slowest, 0.0)), np.inf)
    behind = int(np.searchsorted(_sums(longest, up=True), time, side="right")) - 1
    ahead = int(np.searchsorted(_sums(shortest, up=False), time, side="left"))
    return arb(float(knots[behind])).union(arb(float(knots[ahead])) if ahead < len(knots) else goal)


def _knots(origin: arb, goal: arb) -> Array:
    """From before the start to the goal, ever closer to each other towards both ends, where the flow is slow."""
    upwards = bool(origin < goal)
    outer, first = (lower_float(origin), upper_float(origin)) if upwards else (upper_float(origin), lower_float(origin))
    last = lower_float(goal) if upwards else upper_float(goal)
    half = np.concatenate([[0.0], np.geomspace(_NEAREST, 0.5, _CELLS // 2)])
    parts = np.unique(np.concatenate([half, 1 - half]))
    inner = np.clip(first + (last - first) * parts, min(first, last), max(first, last))
    knots = np.unique(np.concatenate([inner, [first, last]]))
    knots = knots if upwards else knots[::-1]
    return np.concatenate([[outer], knots])


def _sums(parts: Array, up: bool) -> Array:
    """Running sums from 0, rounded outwards."""
    sums = [0.0]
    for part in parts.tolist():
        total = sums[-1] + part
        sums.append(math.nextafter(total, math.inf if up else 0.0))
    return np.array(sums)


def _up(values: Array) -> Array:
    return np.nextafter(np.nextafter(values, np.inf), np.inf)


def _down(values: Array) -> Array:
    return np.nextafter(np.nextafter(values, 0.0), 0.0)
