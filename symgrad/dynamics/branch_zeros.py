"""The solutions of ``h(z) = B`` on monotone branches of h: proposed in floats for many B at once, enclosed in balls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.balls import working_precision
from symgrad.rigor.branches import Branch

__all__ = ["ZERO_BITS", "LevelSets", "crossings", "enclosed_crossing"]

Array = NDArray[np.float64]
ArrayFunction = Callable[[Array], Array]
BallFunction = Callable[[arb], arb]

ZERO_BITS = 128
_STEPS, _DOUBLINGS = 80, 1080
_HALVINGS = 200


class LevelSets(Protocol):
    """Functions g, numbered; each is ``h - B`` for an h that is monotone on known branches."""

    def float_functions(self, members: NDArray[np.int64]) -> tuple[ArrayFunction, ArrayFunction]:
        """The functions of these numbers and their slopes, entry by entry on arrays; approximate."""

    def ball_functions(self, member: int) -> tuple[BallFunction, BallFunction]:
        """One function and its slope on balls."""


def crossings(sets: LevelSets, places: Sequence[tuple[int, Branch]]) -> list[arb | None]:
    """Encloses the zero of each function on a branch on which it changes sign; None where that failed.

    Args:
        sets: the functions.
        places: number of a function, and the branch.
    """
    if not places:
        return []
    members = np.array([member for member, _ in places])
    ends = np.array([(float(branch.left.mid()), float(branch.right.mid())) for _, branch in places])
    rising = np.array([branch.direction > 0 for _, branch in places])
    starts = proposed_crossings(*sets.float_functions(members), ends[:, 0], ends[:, 1], rising)
    tasks = zip(places, starts.tolist(), strict=True)
    with working_precision(ZERO_BITS):
        return [enclosed_crossing(*sets.ball_functions(i), branch, start) for (i, branch), start in tasks]


def proposed_crossings(g: ArrayFunction, slope: ArrayFunction, left: Array, right: Array, rising: Array) -> Array:
    """Approximate zeros, one in each interval, by Newton's method kept inside a bracket that is bisected.

    Args:
        g: the functions, entry by entry.
        slope: their derivatives.
        left: left ends, possibly infinite.
        right: right ends.
        rising: whether each function rises.

    Returns:
        Floats, which prove nothing.
    """
    with np.errstate(all="ignore"):
        low, high = _finite(g, left, right, rising)
        z = (low + high) / 2
        for _ in range(_STEPS):
            value = g(z)
            above = (value > 0) == rising
            low, high = np.where(above, low, z), np.where(above, z, high)
            step = z - value / slope(z)
            moved = np.where((step > low) & (step < high), step, (low + high) / 2)
            if not (np.abs(moved - z) > 1e-15 * np.abs(z)).any():
                return moved
            z = moved
    return z


def _finite(g: ArrayFunction, left: Array, right: Array, rising: Array) -> tuple[Array, Array]:
    """Brackets with finite ends: infinite ones become points far enough out, found by doubling."""
    base_low = np.where(np.isfinite(right), right, 0.0)
    base_high = np.where(np.isfinite(left), left, 0.0)
    low, high = np.where(np.isfinite(left), left, base_low - 1), np.where(np.isfinite(right), right, base_high + 1)
    reach = 1.0
    for _ in range(_DOUBLINGS):
        short_low = ~np.isfinite(left) & ((g(low) > 0) == rising)
        short_high = ~np.isfinite(right) & ((g(high) < 0) == rising)
        if not (short_low.any() or short_high.any()):
            break
        reach *= 2
        low, high = np.where(short_low, base_low - reach, low), np.where(short_high, base_high + reach, high)
    return low, high


def enclosed_crossing(g: BallFunction, slope: BallFunction, branch: Branch, start: float) -> arb | None:
    """Encloses the only zero of g on a branch, at the present precision, or gives None.

    The interval Newton step ``m - g(m)/g'(X)`` inside X proves a zero in X (Moore, Kearfott and Cloud 2009, sec. 8.1);
    as it lies on the branch, where g is monotone, it is the one.
    """
    found = _newton(g, slope, branch, arb(start)) if math.isfinite(start) else None
    if found is None:
        near = _bisected(g, branch, start)
        found = None if near is None else _newton(g, slope, branch, near)
    at_zero = found is not None and found.contains(0) and g(arb(0)).is_zero()
    return arb(0) if at_zero else found


def _newton(g: BallFunction, slope: BallFunction, branch: Branch, middle: arb) -> arb | None:
    for _ in range(4):
        value = g(middle)
        step = value / slope(middle)
        if not step.is_finite():
            return None
        around = arb(middle, 2 * abs(step).upper() + abs(middle).upper() * arb(2) ** -120)
        sharper = middle - value / slope(around)
        inside = around > branch.left and around < branch.right
        if inside and sharper.is_finite() and around.contains_interior(sharper):
            return sharper
        middle = (middle - step).mid()
    return None


def _bisected(g: BallFunction, branch: Branch, start: float) -> arb | None:
    """A point close to the zero, by bisection in balls between two points at which the signs of g are proved."""
    bracket = _bracket(g, branch, arb(start if math.isfinite(start) else 0.0))
    if bracket is None:
        return None
    low, high = bracket
    for _ in range(_HALVINGS):
        middle = ((low + high) / 2).mid()
        value = g(middle)
        if not (value > 0 or value < 0):
            return middle
        low, high = (low, middle) if (value > 0) == (branch.direction > 0) else (middle, high)
    return ((low + high) / 2).mid()


def _bracket(g: BallFunction, branch: Branch, start: arb) -> tuple[arb, arb] | None:
    """Points of the branch on both sides of the zero: from a start, outwards by doubling, up to the ends."""
    if not (start > branch.left and start < branch.right):
        finite = [end for end in (branch.left, branch.right) if end.is_finite()]
        if not finite:
            return None
        start = (sum(finite, arb(0)) / len(finite)).mid()
        inward = 1 if branch.left.is_finite() else -1
        start = start if len(finite) == 2 else start + inward
    ends = []
    for side in (-1, 1):
        end = branch.left if side < 0 else branch.right
        found = next((p for p in _outwards(start, side, end) if _is_beyond(g(p), side, (branch.direction > 0))), None)
        if found is None:
            return None
        ends.append(found)
    return ends[0], ends[1]


def _outwards(start: arb, side: int, end: arb) -> list[arb]:
    """Points that tend to an end of the branch."""
    if not end.is_finite():
        return [(start + side * arb(2) ** k).mid() for k in range(-60, 1000, 4)]
    limit = end.mid()
    points = [(limit + (start - limit) * arb(2) ** -k).mid() for k in range(0, 100, 4)]
    return [point for point in points if (point > end if side < 0 else point < end)]


def _is_beyond(value: arb, side: int, rising: bool) -> bool:
    return bool(value > 0) if (side > 0) == rising else bool(value < 0)
