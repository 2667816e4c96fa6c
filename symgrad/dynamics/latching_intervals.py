"""Intervals around a stable state that it never leaves under bounded input, from the fixed points at its extremes."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.dynamics.branch_zeros import enclosed_crossing
from symgrad.dynamics.invariance import INCREASING, INVARIANCE_BITS, ONE_STEP, SIGNS, Drive
from symgrad.presentable import Presentable
from symgrad.rigor.balls import lower_float, to_ball, upper_float, working_precision
from symgrad.rigor.branches import Branch

__all__ = ["InvariantInterval", "held_always", "held_interval", "stepwise_interval"]

_WIDENINGS = 40


@dataclass(frozen=True, eq=False)
class InvariantInterval(Presentable):
    """An interval that the state never leaves while ``|u| <= amplitude``.

    Attributes:
        left: encloses its left end: the fixed point for one extreme input, or a number.
        right: its right end.
        amplitude: of the input.
        argument: how that is proved.
    """

    left: arb
    right: arb
    amplitude: sp.Expr
    argument: str


def held_interval(drive: Drive, branch: Branch, size: sp.Expr, neighbours: tuple[arb, arb]) -> InvariantInterval | None:
    """The interval between the fixed points for the two extreme inputs, if it is proved that no input leads out.

    Of a map that increases with x, F(p) = p for the input that makes F least, so that F(x, u) >= F(p, u) >= p for all
    other inputs and all x >= p; likewise at the right end. A flow has only to point inwards at the ends.

    Args:
        drive: the unit.
        branch: of ``z - W s(z)``, to which the state belongs; the input reaches no further than its ends.
        size: U, a number.
        neighbours: the next fixed points without input, between which the basin lies.
    """
    with working_precision(INVARIANCE_BITS):
        amplitude = to_ball(size)
        ends = [end for side in (-1, 1) if (end := _end(drive, branch, side * amplitude)) is not None]
        if len(ends) < 2:
            return None
        left, right = sorted(ends, key=lambda ball: float(ball.mid()))
        if not (left > neighbours[0] and right < neighbours[1]):
            return None
        inputs = arb(0, amplitude.upper())
        if drive.is_flow:
            directions = {drive.direction(drive.preactivation(end, inputs)) for end in (left, right)}
            proved = len(directions) == 1 and None not in directions
        else:
            places = drive.preactivation(left.union(right), inputs)
            proved = drive.increases(places) and drive.direction(places) is not None
        return InvariantInterval(left, right, size, SIGNS if drive.is_flow else INCREASING) if proved else None


def held_always(drive: Drive) -> bool:
    """Whether the same argument holds for all states and all inputs, however large."""
    places = arb(0, arb.pos_inf())
    proved = drive.direction(places) is not None
    return proved if drive.is_flow else proved and drive.increases(places)


def stepwise_interval(
    drive: Drive, branch: Branch, size: sp.Expr, neighbours: tuple[arb, arb]
) -> InvariantInterval | None:
    """An interval that one step maps into itself, or at whose ends the flow points inwards, whatever the slopes are.

    Args:
        drive: the unit.
        branch: as for :func:`held_interval`.
        size: U, a number.
        neighbours: what the interval must lie between: the next fixed points without input.
    """
    with working_precision(INVARIANCE_BITS):
        amplitude = to_ball(size)
        ends = [end for side in (-1, 1) if (end := _end(drive, branch, side * amplitude)) is not None]
        if not ends:
            return None
        low, high = min(map(lower_float, ends)), max(map(upper_float, ends))
        check = drive.points_inwards if drive.is_flow else drive.maps_into_itself
        extra = max(high - low, 1e-12) / 64
        for _ in range(_WIDENINGS):
            low, high = low - extra, high + extra
            if not (arb(low) > neighbours[0] and arb(high) < neighbours[1]):
                return None
            if check(low, high, amplitude):
                argument = SIGNS if drive.is_flow else ONE_STEP
                return InvariantInterval(arb(low), arb(high), size, argument)
            extra *= 1.25
        return None


def _end(drive: Drive, branch: Branch, value: arb) -> arb | None:
    """The fixed point on the branch for a constant input, at its end where the input just reaches that."""
    level = drive.level(value)
    place = next((end for end, limit in _ends(branch) if end.is_finite() and limit.overlaps(level)), None)
    if place is None and branch.takes(level):
        place = enclosed_crossing(*drive.curve(level), branch, float("nan"))
    return None if place is None else drive.state(place, value)


def _ends(branch: Branch) -> tuple[tuple[arb, arb], tuple[arb, arb]]:
    return (branch.left, branch.at_left), (branch.right, branch.at_right)
