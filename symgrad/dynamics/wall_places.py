"""Values of a parameter at which the state that a start settles in may jump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import sympy as sp
from flint import arb

from symgrad.dynamics.basin_iterates import second_iterate
from symgrad.dynamics.basin_parts import right_side
from symgrad.dynamics.bifurcation_points import CUSP, PITCHFORK, TRANSCRITICAL
from symgrad.dynamics.points import UNDECIDED
from symgrad.dynamics.scalar_bifurcations import REALS, scalar_bifurcations
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.dynamics.wall_proofs import monotony
from symgrad.errors import SymgradError
from symgrad.rigor.balls import interval_function, lower_float, to_ball, upper_float, working_precision
from symgrad.rigor.roots import Root, all_roots

__all__ = ["BOUNDARY", "FOLD", "CriticalPlaces", "Place", "critical_places"]

BOUNDARY, FOLD = "the start lies on a basin boundary", "the attractor ends in a fold"

_BITS = 128
_CONTINUING = (PITCHFORK, TRANSCRITICAL, CUSP)  # there the state that attracts moves on continuously, or ends far away


@dataclass(frozen=True, eq=False)
class Place:
    """A value of the parameter at which the settled state may jump.

    Attributes:
        ball: around it.
        exact: it in closed form, where one is proved.
        kind: which jump it would be.
        continues: whether an attractor that stays near is known to move continuously.
    """

    ball: arb
    exact: sp.Expr | None
    kind: str
    continues: bool = False

    def joined(self, other: Place) -> Place:
        """One place for two that may be the same."""
        first = self if self.exact is not None or other.exact is None else other
        return replace(first, ball=self.ball.union(other.ball), continues=self.continues and other.continues)


@dataclass(frozen=True)
class CriticalPlaces:
    """Where the settled state may jump: nowhere else, unless something is missing.

    Attributes:
        places: from left to right.
        missing: what is not proved.
    """

    places: tuple[Place, ...]
    missing: tuple[str, ...]


def critical_places(
    system: ScalarSystem, parameter: sp.Symbol, start: sp.Expr, interval: sp.Interval
) -> CriticalPlaces:
    """Where the start is a fixed point, and where fixed points end or change their stability.

    Of a map that reverses the order of states the fixed points of two steps are meant, so 2-cycles too.

    Args:
        system: a map or a flow.
        parameter: its only one.
        start: x(0), a number or a formula in the parameter.
        interval: of the parameter, finite.
    """
    order = monotony(system, parameter, interval)
    search = _Search(second_iterate(system) if order < 0 else system, parameter, interval)
    if not order:
        search.missing.append(f"the system is not proved to be monotone for all {parameter}: there may be other walls")
    with working_precision(_BITS):
        box = _range(system, parameter, interval) if order < 0 else REALS
        places = [*search.crossings(start), *search.folds(box)]
    return CriticalPlaces(tuple(_distinct(places)), tuple(search.missing))


@dataclass(eq=False)
class _Search:
    system: ScalarSystem
    parameter: sp.Symbol
    interval: sp.Interval
    missing: list[str] = field(default_factory=list)

    def crossings(self, start: sp.Expr) -> Iterator[Place]:
        """Where the residual changes its sign at the start."""
        residual = self.system.formula.subs(self.system.state, start)
        if self.parameter not in residual.free_symbols:
            return
        try:
            found = all_roots(residual, self.parameter, self.interval)
        except SymgradError as error:
            self.missing.append(f"where the start is a fixed point is not found: {error}")
            return
        if found.gaps or not all(root.proved for root in found.points):
            self.missing.append(
                f"not all values of {self.parameter} at which the start is a fixed point could be enclosed"
            )
        yield from (Place(root.ball(_BITS), root.exact, BOUNDARY) for root in found.points if _crosses(root))

    def folds(self, box: sp.Interval) -> Iterator[Place]:
        """Where fixed points meet, or have a kink."""
        try:
            flow = replace(self.system, kind=FLOW)  # has the same fixed points, and no flips, which do not matter here
            found = scalar_bifurcations(flow, self.parameter, self.interval, box)
        except SymgradError as error:
            self.missing.append(f"the folds in this interval are not found: {error}")
            return
        if not found.complete:
            self.missing.append("the folds in this interval are not proved to be all")
        for point in found.points:
            if point.status != UNDECIDED:
                exact = point.exact_parameter
                ball = point.parameter if exact is None else to_ball(exact, _BITS)
                yield Place(ball, exact, FOLD, point.kind in _CONTINUING)


def _range(system: ScalarSystem, parameter: sp.Symbol, interval: sp.Interval) -> sp.Interval:
    """The values that a map takes, if they are bounded."""
    ends = to_ball(interval.start), to_ball(interval.end)
    over = interval_function(right_side(system), (system.state, parameter))
    low, high = over((arb.neg_inf(), arb.pos_inf()), ends)
    if not (low.is_finite() and high.is_finite()):
        return REALS
    return sp.Interval(*map(sp.Rational, (lower_float(low), upper_float(high))))


def _crosses(root: Root) -> bool:
    """Whether the residual at the start changes its sign there."""
    return root.multiplicity is None or root.multiplicity % 2 == 1


def _distinct(places: list[Place]) -> list[Place]:
    """From left to right, those that may be the same joined."""
    found: list[Place] = []
    for place in sorted(places, key=lambda place: float(place.ball.mid())):
        if found and found[-1].ball.overlaps(place.ball):
            found[-1] = found[-1].joined(place)
        else:
            found.append(place)
    return found
