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

__all__ = ["InvariantInterval", "Surroundings", "held_always", "held_interval", "stepwise_interval"]

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


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Where a stable state lies.

    Attributes:
        branches: of ``z - W s(z)``, from left to right, those that a kink alone separates as one.
        index: of the branch to which the state belongs.
        neighbours: the next fixed points without input on both sides, or infinities.
    """

    branches: tuple[Branch, ...]
    index: int
    neighbours: tuple[arb, arb]

    @property
    def branch(self) -> Branch:
        """To which the state belongs."""
        return self.branches[self.index]

    def ends(self, side: int) -> list[tuple[arb, arb]]:
        """Ends on the left (-1) or right (1) of the branches on that side, with the values there, from near to far."""
        if side < 0:
            return [(branch.left, branch.at_left) for branch in self.branches[self.index :: -1]]
        return [(branch.right, branch.at_right) for branch in self.branches[self.index :]]


def held_interval(drive: Drive, around: Surroundings, size: sp.Expr) -> InvariantInterval | None:
    """The interval between the fixed points for the two extreme inputs, if it is proved that no input leads out.

    Of a map that increases with x, F(p) = p for the input that makes F least, so that F(x, u) >= F(p, u) >= p for all
    other inputs and all x >= p; likewise at the right end. A flow has only to point inwards at the ends.

    Args:
        drive: the unit.
        around: where the state lies.
        size: U, a number.
    """
    with working_precision(INVARIANCE_BITS):
        amplitude = to_ball(size)
        ends = [end for side in (-1, 1) if (end := _end(drive, around, side * amplitude)) is not None]
        if len(ends) < 2:
            return None
        left, right = sorted(ends, key=lambda ball: float(ball.mid()))
        if not (left > around.neighbours[0] and right < around.neighbours[1]):
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


def stepwise_interval(drive: Drive, around: Surroundings, size: sp.Expr) -> InvariantInterval | None:
    """An interval that one step maps into itself, or at whose ends the flow points inwards, whatever the slopes are.

    Args:
        drive: the unit.
        around: where the state lies; the interval reaches no neighbour.
        size: U, a number.
    """
    with working_precision(INVARIANCE_BITS):
        amplitude = to_ball(size)
        ends = [end for side in (-1, 1) if (end := _end(drive, around, side * amplitude)) is not None]
        if not ends:
            return None
        low, high = min(map(lower_float, ends)), max(map(upper_float, ends))
        check = drive.points_inwards if drive.is_flow else drive.maps_into_itself
        extra = max(high - low, 1e-12) / 64
        for _ in range(_WIDENINGS):
            low, high = low - extra, high + extra
            if not (arb(low) > around.neighbours[0] and arb(high) < around.neighbours[1]):
                return None
            if check(low, high, amplitude):
                argument = SIGNS if drive.is_flow else ONE_STEP
                return InvariantInterval(arb(low), arb(high), size, argument)
            extra *= 1.25
        return None


def _end(drive: Drive, around: Surroundings, value: arb) -> arb | None:
    """The fixed point for a constant input: on the branch, at its end where the input just reaches that, or beyond.

    Beyond an end of the branch it is the next one on that side; None if there is none.
    """
    level, branch = drive.level(value), around.branch
    ends = (around.ends(-1)[0], around.ends(1)[0])
    place = next((end for end, limit in ends if end.is_finite() and limit.overlaps(level)), None)
    if place is not None:
        return drive.state(place, value)
    below = level < branch.low
    step = -1 if below == (branch.direction > 0) else 1
    beyond = around.branches[around.index :: step]
    taking = next((other for other in beyond if other.takes(level) is not False), None)
    if taking is None or not taking.takes(level):
        return None
    place = enclosed_crossing(*drive.curve(level), taking, float("nan"))
    return None if place is None else drive.state(place, value)
