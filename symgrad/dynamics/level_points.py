"""Fixed points for many values of one parameter, from the monotone branches of an explicit curve of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import sympy as sp
from flint import arb

from symgrad.dynamics.branch_zeros import ZERO_BITS, LevelSets, crossings
from symgrad.dynamics.points import UNDECIDED, UNIQUE, FixedPoint
from symgrad.dynamics.scalar_points import stability_of
from symgrad.dynamics.scalar_system import EQUATION
from symgrad.rigor.balls import working_precision
from symgrad.rigor.branches import Branch

__all__ = ["FixedPointCurves", "clear_point", "points_of_curves"]

_LARGEST_RADIUS = arb(2) ** -50  # below 1e-15


class FixedPointCurves(LevelSets, Protocol):
    """For each value of the parameter a function h and a level B such that ``h(z) = B`` at fixed points only."""

    def branches(self) -> Sequence[tuple[Branch, ...] | None]:
        """The monotone branches of h, all there are; None where they are not known."""

    def level(self, member: int) -> arb:
        """B."""

    def joint(self, place: arb, limit: arb) -> arb:
        """Encloses what h takes at a finite end of a branch and tends to there on both sides; on one it is known."""

    def point(self, member: int, place: arb) -> FixedPoint | None:
        """The fixed point at a z that is enclosed; None where it takes more care."""

    def lasting(self, member: int) -> Sequence[FixedPoint | None]:
        """Fixed points that lie on no branch; None for one that takes more care."""


def points_of_curves(curves: FixedPointCurves) -> list[tuple[FixedPoint, ...] | None]:
    """All fixed points for each value; None where that is not decided.

    A branch is monotone, so it holds one fixed point if B lies strictly between the values at its ends, and else none:
    the list is complete if B is none of the values at the ends between branches.
    """
    with working_precision(ZERO_BITS):
        taken = [_taken(curves, i, branches) for i, branches in enumerate(curves.branches())]
    found = iter(crossings(curves, [(i, branch) for i, branches in enumerate(taken) for branch in branches or ()]))
    with working_precision(ZERO_BITS):
        return [_points(curves, i, None if b is None else [next(found) for _ in b]) for i, b in enumerate(taken)]


def _taken(curves: FixedPointCurves, i: int, branches: tuple[Branch, ...] | None) -> list[Branch] | None:
    """The branches that take the level; None where that is not decided."""
    level = curves.level(i)
    if branches is None or not level.is_finite():
        return None
    for branch in branches:
        if branch.direction == 0 and branch.low.overlaps(level):
            return None
        for place, limit in ((branch.left, branch.at_left), (branch.right, branch.at_right)):
            if place.is_finite() and limit.is_finite() and curves.joint(place, limit).overlaps(level):
                return None
    moving = [(branch, branch.takes(level)) for branch in branches if branch.direction]
    return None if any(takes is None for _, takes in moving) else [branch for branch, takes in moving if takes]


def _points(curves: FixedPointCurves, i: int, places: list[arb | None] | None) -> tuple[FixedPoint, ...] | None:
    if places is None:
        return None
    points = [*(None if place is None else curves.point(i, place) for place in places), *curves.lasting(i)]
    known = sorted((point for point in points if point is not None), key=lambda point: point.value)
    if len(known) < len(points) or any(first.ball.overlaps(second.ball) for first, second in pairwise(known)):
        return None
    return tuple(known)


def clear_point(ball: arb, multiplier: arb, kind: str) -> FixedPoint | None:
    """A simple fixed point whose sign and stability are clear at this precision, else None."""
    stability = UNDECIDED if kind == EQUATION else stability_of([multiplier], kind)
    signed = ball.is_exact() or not ball.contains(0)
    if ball.rad() > _LARGEST_RADIUS or not signed or (stability == UNDECIDED and kind != EQUATION):
        return None
    exact = sp.S.Zero if ball.is_zero() else None
    return FixedPoint(ball, None if kind == EQUATION else multiplier, stability, UNIQUE, exact, order=1)
