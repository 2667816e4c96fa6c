"""Walls: values of a parameter at which the state that a start settles in jumps, proved on both sides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy as sp
from flint import arb

from symgrad.dynamics.basin_iterates import second_iterate
from symgrad.dynamics.basin_parts import CYCLE, FIXED_POINT, Attractor
from symgrad.dynamics.basins import Basins, system_basins
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.dynamics.wall_places import BOUNDARY, FOLD, Place, critical_places
from symgrad.dynamics.wall_proofs import APART, NEAR, SAME, UNDECIDED, Passage, limits
from symgrad.language.elementwise import written_out
from symgrad.presentable import Presentable
from symgrad.rigor.balls import (
    Enclosed,
    ball_function,
    to_ball,
    working_precision,
)
from symgrad.rigor.functions import canonical

__all__ = ["BOUNDARY", "FOLD", "Side", "Wall", "Walls", "walls_of"]

_BITS = 128
_NEAR = sp.Rational(1, 10**9)  # distance of the values on both sides, relative to the parameter


@dataclass(frozen=True, eq=False)
class Side:
    """What is proved on one side of a wall.

    Attributes:
        parameter: a rational value next to the wall.
        attractor: where the start settles there.
        loss: a ball around the loss of the settled state; None where that is no fixed point.
    """

    parameter: sp.Rational
    attractor: Attractor
    loss: arb | None


@dataclass(frozen=True, eq=False)
class Wall(Presentable):
    """A value of the parameter at which the settled state, and with it the loss, jumps.

    Attributes:
        parameter: a ball around it.
        exact: it in closed form, where one is proved.
        kind: why: the start lies on an unstable point, or the attractor ends in a saddle-node bifurcation or at a kink.
        start: a ball around x(0) there.
        left: what is proved at a value a little below.
        right: what is proved at a value a little above.
        certified: whether both sides are proved, and also that no branch of settled states leads from one to the other
            as the parameter passes from the value on the left to that on the right.
        reason: what is proved, or what is missing.
    """

    parameter: arb
    exact: sp.Expr | None
    kind: str
    start: arb
    left: Side
    right: Side
    certified: bool
    reason: str

    @property
    def value(self) -> float:
        """The parameter as a float."""
        return float(self.parameter.mid())

    @property
    def jump(self) -> arb | None:
        """The loss on the right less the loss on the left; None where one is not known."""
        return None if self.left.loss is None or self.right.loss is None else self.right.loss - self.left.loss


@dataclass(frozen=True)
class Walls:
    """All walls in an interval.

    Attributes:
        walls: from left to right.
        complete: whether it is proved that there are no others.
        remarks: what is not proved.
    """

    walls: tuple[Wall, ...]
    complete: bool
    remarks: tuple[str, ...]


def walls_of(system: ScalarSystem, parameter: sp.Symbol, start: sp.Expr, loss: sp.Expr, interval: sp.Interval) -> Walls:
    """All walls of a scalar map or flow in an interval of its only parameter.

    In flows and increasing maps the settled state moves continuously with the parameter, except where the start lies
    on an unstable point, or its attractor ends in a fold (Doya 1993; Pascanu, Mikolov and Bengio 2013, section 2.3).
    Both are found completely; of decreasing maps, for two steps at once. On both sides the basin of the start is
    proved, and that a number between the attractors is no fixed point in between: then the settled state jumps.

    Args:
        system: with one parameter left.
        parameter: that one.
        start: x(0), a number or a formula in the parameter.
        loss: of the state.
        interval: of the parameter, finite.
    """
    return _Search(system, parameter, start, loss, interval).result


@dataclass(eq=False)
class _Search:
    system: ScalarSystem
    parameter: sp.Symbol
    start: sp.Expr
    loss: sp.Expr
    interval: sp.Interval
    remarks: list[str] = field(default_factory=list)
    proved: bool = True

    @cached_property
    def result(self) -> Walls:
        with working_precision(_BITS):
            critical = critical_places(self.system, self.parameter, self.start, self.interval)
            for remark in critical.missing:
                self._missing(remark)
            found = []
            for place in critical.places:
                wall = self._wall(place, [other.ball for other in critical.places if other is not place])
                if wall is not None:
                    found.append(wall)
        return Walls(tuple(found), self.proved, tuple(dict.fromkeys(self.remarks)))

    def _missing(self, remark: str) -> None:
        self.proved = False
        self.remarks.append(remark)

    def _wall(self, place: Place, others: list[arb]) -> Wall | None:
        """The wall at a critical value, or None if the start settles in the same place on both sides."""
        values = self._next_to(place.ball, others)
        (left, below), (right, above) = (self._basins(value) for value in values)
        shown = place.ball.str(8, radius=False)
        ends = limits(left.attractor), limits(right.attractor)
        reason = "a basin is not proved"
        verdict = UNDECIDED
        if ends[0] is not None and ends[1] is not None:
            marks = [*_marks(below), *_marks(above), float(self._start_at(place.ball).mid())]
            cycles = CYCLE in (left.attractor.kind, right.attractor.kind)
            system = second_iterate(self.system) if cycles else self.system
            verdict = Passage(system, self.parameter, values).compare(ends[0], ends[1], marks)
            reason = "whether the attractors on both sides are one branch is not proved"
        if verdict == SAME or (verdict == NEAR and place.continues):
            self._remark_on_phase(place, left, right)
            return None
        if verdict == APART:
            reason = "both attractors are proved, and that no branch of fixed points connects them"
        else:
            self._missing(f"next to {self.parameter} = {shown}: {reason}")
        known = place.exact if place.exact is not None and not _is_enclosed(place.exact) else None
        start = self._start_at(place.ball)
        return Wall(place.ball, known, place.kind, start, left, right, verdict == APART, reason)

    def _remark_on_phase(self, place: Place, left: Side, right: Side) -> None:
        if place.kind == BOUNDARY and left.attractor.kind == right.attractor.kind == CYCLE:
            middle = float(place.ball.mid())
            self.remarks.append(f"at {self.parameter} = {middle:.8g} the phase of the cycle changes")

    def _next_to(self, ball: arb, others: list[arb]) -> tuple[sp.Rational, sp.Rational]:
        """Rational values on both sides, nearer than half the way to any other critical value."""
        middle, radius = _rational(ball.mid()), _rational(ball.rad())
        distance = _NEAR * (1 + abs(middle))
        for other in others:
            distance = min(distance, abs(_rational(other.mid()) - middle) / 4)
        distance = max(distance, 2 * radius)
        return middle - distance, middle + distance

    def _basins(self, value: sp.Rational) -> tuple[Side, Basins]:
        numbers = {self.parameter: value}
        system = replace(self.system, residual=self.system.residual.xreplace(numbers))
        found = system_basins(system)
        attractor = found.of(self.start.xreplace(numbers))
        loss = None
        if attractor.kind == FIXED_POINT:
            loss = _at(self.loss.xreplace(numbers), self.system.state, attractor.points[0])
        return Side(value, attractor, loss), found

    def _start_at(self, ball: arb) -> arb:
        return _at(self.start, self.parameter, ball) if self.start.free_symbols else to_ball(self.start)


def _marks(found: Basins) -> list[float]:
    """Numbers between which the residual has a sign."""
    balls = [point.ball for point in (*found.points, *found.boundaries)]
    balls += [ball for attractor in found.attractors for ball in attractor.points]
    return [float(ball.mid()) for ball in balls if ball.is_finite()]


def _at(formula: sp.Expr, symbol: sp.Symbol, ball: arb) -> arb:
    return ball_function(canonical(written_out(formula)), symbol)(ball)


def _is_enclosed(expr: sp.Expr) -> bool:
    return bool(expr.atoms(Enclosed))


def _rational(ball: arb) -> sp.Rational:
    mantissa, exponent = (int(part) for part in ball.man_exp())
    return sp.Rational(mantissa) * sp.Integer(2) ** exponent
