"""Walls: values of a parameter at which the state that a start settles in jumps, proved on both sides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy as sp
from flint import arb

from symgrad.dynamics.basin_parts import CYCLE, FIXED_POINT, UNKNOWN, Attractor
from symgrad.dynamics.basins import IMAGES, Basins, system_basins
from symgrad.dynamics.points import UNSTABLE
from symgrad.dynamics.scalar_bifurcations import scalar_bifurcations
from symgrad.dynamics.scalar_system import MAP, ScalarSystem
from symgrad.language.elementwise import written_out
from symgrad.presentable import Presentable
from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.functions import canonical
from symgrad.rigor.roots import Root, all_roots

__all__ = ["BOUNDARY", "FOLD", "Side", "Wall", "Walls", "walls_of"]

BOUNDARY, FOLD = "the start lies on a basin boundary", "the attractor ends in a fold"
_BITS = 128
_SAME = 1e-3
_NEAR = sp.Rational(1, 10**9)  # distance of the values on both sides, relative to the parameter


_Place = tuple[Callable[[int], arb], sp.Expr | None, str]  # enclosure, closed form, kind


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
        kind: why: the start lies on an unstable point, or the attractor ends in a saddle-node bifurcation.
        start: a ball around x(0) there.
        left: what is proved at a value a little below.
        right: what is proved at a value a little above.
        certified: whether both sides are proved and differ.
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
    Both are found completely; on both sides the basin of the start is proved.

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
            crossings, folds = self._crossings(), self._folds()
            places = sorted([*crossings, *folds], key=lambda place: float(place[0](_BITS).mid()))
            walls = []
            for index, (ball, exact, kind) in enumerate(places):
                around = [other(_BITS) for j, (other, *_) in enumerate(places) if j != index]
                wall = self._wall(ball(_BITS), exact, kind, around)
                if wall is not None:
                    walls.append(wall)
        return Walls(tuple(walls), self.proved, tuple(dict.fromkeys(self.remarks)))

    def _crossings(self) -> list[_Place]:
        """Where the start is a fixed point."""
        residual = self.system.formula.subs(self.system.state, self.start)
        if self.parameter not in residual.free_symbols:
            return []
        found = all_roots(residual, self.parameter, self.interval)
        if found.gaps or not all(root.proved for root in found.points):
            self._missing(f"not all values of {self.parameter} at which the start is a fixed point could be enclosed")
        return [(root.ball, root.exact, BOUNDARY) for root in found.points if _crosses(root)]

    def _folds(self) -> list[_Place]:
        found = scalar_bifurcations(self.system, self.parameter, self.interval)
        if not found.complete:
            self._missing("the folds in this interval are not proved to be all")
        places: list[_Place] = []
        for point in found.points:
            if point.kind == "saddle-node":
                exact = point.exact_parameter
                places.append((_constant(exact, point.parameter), exact, FOLD))
        return places

    def _missing(self, remark: str) -> None:
        self.proved = False
        self.remarks.append(remark)

    def _wall(self, ball: arb, exact: sp.Expr | None, kind: str, others: list[arb]) -> Wall | None:
        """The wall at a critical value, or None if the start settles in the same place on both sides."""
        sides = [self._basins(value) for value in self._next_to(ball, others)]
        left, right = (side for side, _ in sides)
        start = to_ball(self.start) if not self.start.free_symbols else self._start_at(ball)
        decided = UNKNOWN not in (left.attractor.kind, right.attractor.kind)
        if decided and not self._differ(left, right, kind, start, [found for _, found in sides]):
            return None
        if not decided:
            self._missing(
                f"the basin of the start next to {self.parameter} = {ball.str(8, radius=False)} is not proved"
            )
        reason = "the attractors on both sides are proved and differ" if decided else "a basin is not proved"
        known = exact if exact is not None and not _is_enclosed(exact) else None
        return Wall(ball, known, kind, start, left, right, decided, reason)

    def _differ(self, left: Side, right: Side, kind: str, start: arb, basins: list[Basins]) -> bool:
        """Whether the attractors on both sides are different branches of fixed points."""
        ends = [side.attractor for side in (left, right)]
        if ends[0].kind == ends[1].kind == CYCLE and _close(*ends):
            middle = float(left.parameter + right.parameter) / 2
            self.remarks.append(f"at {self.parameter} = {middle:.8g} the phase of the cycle changes")
            return False
        if any(end.kind != FIXED_POINT for end in ends):
            return ends[0].kind != ends[1].kind or not ends[0].same(ends[1])
        values = [end.value for end in ends]
        if kind == BOUNDARY:  # an unstable point changes places with the start, the attractors lie beyond
            middle = float(start.mid())
            nearest = [min(found.points, key=lambda point: abs(point.value - middle)) for found in basins]
            apart = (values[0] - middle) * (values[1] - middle) < 0
            return apart and all(point.stability == UNSTABLE for point in nearest)
        fewer, more = sorted((0, 1), key=lambda side: len(basins[side].points))
        partner = _nearest_other(values[more], basins[more])
        return min((abs(p.value - values[more]) for p in basins[fewer].points), default=math.inf) > partner

    def _next_to(self, ball: arb, others: list[arb]) -> tuple[sp.Rational, sp.Rational]:
        """Rational values on both sides, nearer than half the way to any other critical value."""
        middle = _rational(ball)
        distance = _NEAR * (1 + abs(middle))
        for other in others:
            apart = abs(_rational(other) - middle)
            if 0 < apart < 4 * distance:
                distance = apart / 4
        return middle - distance, middle + distance

    def _basins(self, value: sp.Rational) -> tuple[Side, Basins]:
        numbers = {self.parameter: value}
        system = replace(self.system, residual=self.system.residual.xreplace(numbers))
        found = system_basins(system)
        if found.method == IMAGES and self.system.kind == MAP:
            self._remark_on_images()
        attractor = found.of(self.start.xreplace(numbers))
        loss = None
        if attractor.kind == FIXED_POINT:
            loss = _at(self.loss.xreplace(numbers), self.system.state, attractor.points[0])
        return Side(value, attractor, loss), found

    def _remark_on_images(self) -> None:
        self._missing("the map is not monotone: a start that later steps take to a boundary may have walls elsewhere")

    def _start_at(self, ball: arb) -> arb:
        return _at(self.start, self.parameter, ball)


def _close(one: Attractor, other: Attractor) -> bool:
    """Whether two cycles next to a critical value are one and the same, a little moved."""
    return all(min(float(abs(a - b)) for b in other.points) < _SAME for a in one.points)


def _nearest_other(value: float, found: Basins) -> float:
    """The distance of a fixed point to its nearest neighbour."""
    return sorted([*(abs(point.value - value) for point in found.points), math.inf])[1]


def _at(formula: sp.Expr, symbol: sp.Symbol, ball: arb) -> arb:
    return ball_function(canonical(written_out(formula)), symbol)(ball)


def _crosses(root: Root) -> bool:
    """Whether the residual at the start changes its sign there."""
    return root.multiplicity is None or root.multiplicity % 2 == 1


def _constant(exact: sp.Expr | None, ball: arb) -> Callable[[int], arb]:
    return lambda bits: ball if exact is None else to_ball(exact, bits)


def _is_enclosed(expr: sp.Expr) -> bool:
    return bool(expr.atoms(Enclosed))


def _rational(ball: arb) -> sp.Rational:
    mantissa, exponent = (int(part) for part in ball.mid().man_exp())
    return sp.Rational(mantissa) * sp.Integer(2) ** exponent
