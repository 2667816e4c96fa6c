"""The stable states of a driven unit, and the folds to which the input can push them."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.dynamics.constants import named
from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_setting import neat
from symgrad.dynamics.invariance import INCREASING, INVARIANCE_BITS, SIGNS, Drive, drive_of
from symgrad.dynamics.latching_intervals import (
    InvariantInterval,
    Surroundings,
    held_always,
    held_interval,
    stepwise_interval,
)
from symgrad.dynamics.latching_setting import DrivenUnit
from symgrad.dynamics.points import STABLE, FixedPoint
from symgrad.dynamics.scalar_points import scalar_fixed_points
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.presentable import Presentable
from symgrad.rigor.balls import Enclosed, to_ball
from symgrad.rigor.branches import Branch, monotone_branches
from symgrad.rigor.closed_forms import is_zero_constant

__all__ = ["NOT_CERTIFIED", "LatchedState", "interval_of_state", "numeric_states"]

NOT_CERTIFIED = "not certified"
_PRECISIONS = (128, 512, 2048)


@dataclass(frozen=True, eq=False)
class LatchedState(Presentable):
    """A stable state, and how far the input may go.

    Attributes:
        place: its number from left to right, from 0.
        point: the fixed point without input; None where parameters have no value.
        falls_below: the effective bias at the fold below which the state is lost; minus infinity if it never is.
        rises_above: the effective bias at the fold above which it is lost; infinity if it never is.
        largest_input: the distance to the nearer one, divided by the gain of the input: U.
        condition: on the parameters, under which the state is there and held; true where they have values.
        attained: whether inputs of exactly U are held, too; not where the branch ends at infinity.
        argument: why no input of at most U pushes it out; ``"not certified"`` where that is not proved.
        around: where the state lies on the curve of fixed points; None where parameters have no value.
    """

    place: int
    point: FixedPoint | None
    falls_below: sp.Expr
    rises_above: sp.Expr
    largest_input: sp.Expr
    condition: sp.Basic
    attained: bool
    argument: str
    around: Surroundings | None = field(default=None, repr=False)

    @property
    def certified(self) -> bool:
        """Whether it is proved that no input of at most U pushes the state out of its basin."""
        return self.argument != NOT_CERTIFIED

    @property
    def ball(self) -> arb:
        """Encloses U.

        Raises:
            InputError: parameters have no values.
        """
        if self.largest_input.free_symbols:
            raise InputError(f"largest_input: it contains {self.largest_input.free_symbols}, which have no values")
        return arb.pos_inf() if self.largest_input == sp.oo else to_ball(self.largest_input, INVARIANCE_BITS)


def numeric_states(driven: DrivenUnit, curve: FixedPointCurve) -> tuple[LatchedState, ...]:
    """The stable fixed points without input, each with the folds at the ends of its branch.

    Raises:
        InputError: the fixed points are not all known for these values.
    """
    found = scalar_fixed_points(driven.at(sp.S.Zero))
    if not found.complete:
        raise InputError(f"values: the fixed points of {driven.system.name} are not decided for these values")
    drive, formula = drive_of(driven), VARIABLE - driven.unit.weight * driven.unit.activation.expr
    branches = _joined(monotone_branches(formula, VARIABLE))
    marks = [arb.neg_inf(), *(point.ball for point in found), arb.pos_inf()]
    states: list[LatchedState] = []
    for index, point in enumerate(found):
        if point.stability == STABLE:
            place = _index_of(drive.preactivation(point.ball, arb(0)), branches, driven)
            around = Surroundings(branches, place, (marks[index], marks[index + 2]))
            states.append(_numeric_state(len(states), point, around, drive, curve))
    return tuple(states)


def _joined(branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
    """The branches, those that a kink alone separates as one."""
    joined: list[Branch] = []
    for branch in branches:
        last = joined[-1] if joined else None
        if last is not None and last.direction == branch.direction:
            joined[-1] = Branch(last.left, branch.right, last.at_left, branch.at_right, last.direction)
        else:
            joined.append(branch)
    return tuple(joined)


def _index_of(place: arb, branches: tuple[Branch, ...], driven: DrivenUnit) -> int:
    for index, branch in enumerate(branches):
        if branch.direction and branch.left < place and branch.right > place:
            return index
    raise InputError(f"values: a stable state of {driven.system.name} cannot be told apart from a fold")


def _numeric_state(
    place: int, point: FixedPoint, around: Surroundings, drive: Drive, curve: FixedPointCurve
) -> LatchedState:
    driven, branch = drive.driven, around.branch
    losses = [_loss(around, drive, side * branch.direction) for side in (-1, 1)]
    low, high = (_closed(limit, curve, driven) for _, limit in losses)
    largest = _nearer(low, high, driven.level, sp.Abs(driven.gain))
    held, attained = None, largest != sp.oo and _is_attained(driven, losses, largest)
    if attained:
        held = held_interval(drive, around, largest)
    proved = held is not None if attained else held_always(drive)
    argument = (SIGNS if drive.is_flow else INCREASING) if proved else NOT_CERTIFIED
    return LatchedState(place, point, low, high, largest, sp.true, attained, argument, around)


def _is_attained(driven: DrivenUnit, losses: list[tuple[arb, arb]], largest: sp.Expr) -> bool:
    """Whether B reaches the value at which the state is lost for the largest input, and does not only tend to it."""
    reach, level = (to_ball(expr, INVARIANCE_BITS) for expr in (largest * sp.Abs(driven.gain), driven.level))
    touched = [place for place, limit in losses if limit.overlaps(level - reach) or limit.overlaps(level + reach)]
    return all(place.is_finite() for place in touched)


def _loss(around: Surroundings, drive: Drive, side: int) -> tuple[arb, arb]:
    """The place at which the branch of the state ends for inputs that move it to one side in z, and the value of B.

    With a fixed point without input beyond, that is the fold at the end of the branch. On a side without one the basin
    reaches to infinity, and the state is lost only where no fixed point at all is left on that side.
    """
    neighbour = around.neighbours[0 if (side < 0) == bool(drive.omega > 0) else 1]
    ends = around.ends(side)
    if neighbour.is_finite():
        return ends[0]
    rising = side * around.branch.direction
    return max(ends, key=lambda end: rising * float(end[1].mid()))


def _closed(limit: arb, curve: FixedPointCurve, driven: DrivenUnit) -> sp.Expr:
    """The end of the values on a branch, in closed form if that of the fold there is known."""
    if not limit.is_finite():
        return sp.oo if limit > 0 else -sp.oo
    if limit.is_exact():
        mantissa, exponent = (int(part) for part in limit.man_exp())
        return sp.Integer(mantissa) * sp.Integer(2) ** exponent
    setting = curve.setting
    for fold in curve.folds:
        level = named(neat(setting.at_weight(setting.unit.bias).xreplace({setting.bias: fold.b})))
        if to_ball(level, INVARIANCE_BITS).overlaps(limit):
            return level
    digits = limit.mid().str(20, radius=False)
    return Enclosed(f"the end {digits} of z - W s(z) on a branch of {driven.system.name}", lambda bits: limit)


def _nearer(low: sp.Expr, high: sp.Expr, level: sp.Expr, gain: sp.Expr) -> sp.Expr:
    """The distance of a level to the nearer of two others, by which it is bounded, divided by the gain."""
    down, up = level - low, high - level
    if up == sp.oo or (down != sp.oo and to_ball(down, INVARIANCE_BITS) < to_ball(up, INVARIANCE_BITS)):
        return sp.oo if down == sp.oo else named(neat(down / gain))
    return named(neat(up / gain))


def interval_of_state(drive: Drive, state: LatchedState, size: sp.Expr) -> InvariantInterval | None:
    """The interval that a state with numbers never leaves while ``|u| <= size``; None where none is proved."""
    if state.around is None or not _within(size, state.largest_input, state.attained):
        return None
    return held_interval(drive, state.around, size) or stepwise_interval(drive, state.around, size)


def _within(size: sp.Expr, largest: sp.Expr, attained: bool) -> bool:
    """Whether ``size <= largest``, or ``<``, is proved."""
    if largest == sp.oo:
        return True
    for bits in _PRECISIONS:
        distance = to_ball(largest - size, bits)
        if distance > 0 or distance < 0:
            return bool(distance > 0)
    return attained and is_zero_constant(largest - size)
