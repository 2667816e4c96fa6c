"""What basins of one number consist of, and how the order of fixed points decides them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb

from symgrad.dynamics.points import FixedPoint, FixedPoints
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.errors import SymgradError
from symgrad.language.elementwise import written_out
from symgrad.presentable import Presentable
from symgrad.rigor.balls import lower_float, to_ball, upper_float
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps
from symgrad.rigor.monotone import function_range

__all__ = [
    "CONTINUUM",
    "CYCLE",
    "FIXED_POINT",
    "INFINITY",
    "OUTSIDE",
    "UNKNOWN",
    "Attractor",
    "BasinInterval",
    "Stretch",
    "by_order",
    "right_side",
    "slope_bounds",
    "stretches",
]

FIXED_POINT, CYCLE, CONTINUUM = "fixed point", "cycle", "interval of fixed points"
INFINITY, OUTSIDE, UNKNOWN = "infinity", "outside", "undecided"


@dataclass(frozen=True, eq=False)
class Attractor(Presentable):
    """Where trajectories end.

    Attributes:
        kind: ``"fixed point"``; ``"cycle"`` of two points; ``"interval of fixed points"``, where each start stays;
            ``"infinity"``; ``"outside"`` of the box or the domain; ``"undecided"``.
        points: balls around its points: one, two of a cycle, the ends of an interval, plus or minus infinity, or both
            in turn.
    """

    kind: str
    points: tuple[arb, ...] = ()

    @property
    def value(self) -> float:
        """Its first point as a float; not a number where there is none."""
        if not self.points:
            return math.nan
        first = self.points[0]
        return float(first) if not first.is_finite() else float(first.mid())

    def same(self, other: Attractor) -> bool:
        """Whether both enclose the same attractor."""
        if self.kind != other.kind or len(self.points) != len(other.points) or self.kind == UNKNOWN:
            return False
        return all(any(a.overlaps(b) or a == b for b in other.points) for a in self.points)


@dataclass(frozen=True, eq=False)
class BasinInterval:
    """An open interval all of whose points lead to one attractor.

    Attributes:
        left: a ball around its left end, or minus infinity.
        right: a ball around its right end, or infinity.
        attractor: where all trajectories that start in it end.
    """

    left: arb
    right: arb
    attractor: Attractor


@dataclass(frozen=True, eq=False)
class Stretch:
    """An interval without fixed points, between two of them or the ends of the box or the domain.

    Attributes:
        left: its left end.
        right: its right end.
        sign: of the residual throughout, 0 where it is not the same or not proved.
        left_site: the fixed point or interval of fixed points at its left end, if there is one.
        right_site: likewise.
    """

    left: float
    right: float
    sign: int
    left_site: FixedPoint | sp.Interval | None
    right_site: FixedPoint | sp.Interval | None

    @property
    def ends(self) -> tuple[arb, arb]:
        """Both ends in balls."""
        return _edge(self.left_site, self.left, last=True), _edge(self.right_site, self.right, last=False)

    @property
    def escapes(self) -> bool:
        """Whether the residual points to an infinite end."""
        return (self.sign > 0 and self.right == math.inf) or (self.sign < 0 and self.left == -math.inf)

    @property
    def target(self) -> Attractor:
        """Where what moves in it in the direction of the sign, without passing its ends, tends to."""
        site, end = (self.right_site, self.right) if self.sign > 0 else (self.left_site, self.left)
        if self.sign == 0:
            return Attractor(UNKNOWN)
        if site is not None:
            return Attractor(FIXED_POINT, (self.ends[self.sign > 0],))
        return Attractor(OUTSIDE if math.isfinite(end) else INFINITY, (_infinite(end),))


def _edge(site: FixedPoint | sp.Interval | None, place: float, last: bool) -> arb:
    if isinstance(site, FixedPoint):
        return site.ball
    if site is not None:
        return to_ball(site.end if last else site.start)
    return _infinite(place)


def _infinite(place: float) -> arb:
    if math.isinf(place):
        return arb.pos_inf() if place > 0 else arb.neg_inf()
    return arb(place)


def stretches(points: FixedPoints) -> list[Stretch]:
    """The intervals between fixed points, joined across kinks, from left to right."""
    sites: list[tuple[float, float, FixedPoint | sp.Interval]] = [
        (lower_float(p.ball), upper_float(p.ball), p) for p in points
    ]
    sites += [(float(c.start), float(c.end), c) for c in points.continua]
    sites.sort(key=lambda site: site[:2])
    found: list[Stretch] = []
    for gap in points.gaps:
        left, right = (_site_at(place, sites) for place in (gap.left, gap.right))
        before = found[-1] if found else None
        if before is not None and left is None and before.right_site is None and _touch(before.right, gap.left):
            sign = gap.sign if gap.sign == before.sign else 0
            found[-1] = Stretch(before.left, gap.right, sign, before.left_site, right)
        else:
            found.append(Stretch(gap.left, gap.right, gap.sign, left, right))
    return found


def _touch(end: float, start: float) -> bool:
    """Whether two gaps are parted by a kink only, which may lie between two floats."""
    return start <= math.nextafter(math.nextafter(end, math.inf), math.inf)


def _site_at(
    place: float, sites: list[tuple[float, float, FixedPoint | sp.Interval]]
) -> FixedPoint | sp.Interval | None:
    last = bisect_right(sites, place, key=lambda site: site[0]) - 1
    near = sites[max(last - 1, 0) : last + 1]  # of neighbours that touch, the left one
    return next((site for low, high, site in near if low <= place <= high), None)


def by_order(points: FixedPoints, increases: bool = False) -> list[BasinInterval]:
    """Basins by the order of fixed points: of flows, and of maps where they increase.

    A flow cannot pass a fixed point. An increasing map takes an interval between fixed points into itself. In both
    cases trajectories are monotone, so they tend to the fixed point on the side to which the residual points. So it is
    of any continuous map where the residual points to infinity: what moves away from the last fixed point cannot turn.

    Args:
        points: the fixed points.
        increases: whether a map is known to increase everywhere; where it does is found out otherwise.

    Returns:
        An interval for each stretch; ``"undecided"`` where neither is proved of a map, or a sign is not known.
    """
    known = points.is_flow or increases
    slopes = None if known else slope_bounds(points.system)
    found = []
    for stretch in stretches(points):
        moves = known or (slopes is not None and (stretch.escapes or slopes(stretch.left, stretch.right)[0] >= 0))
        found.append(BasinInterval(*stretch.ends, stretch.target if moves else Attractor(UNKNOWN)))
    stays = [BasinInterval(a, b, Attractor(CONTINUUM, (a, b))) for a, b in map(_ends, points.continua)]
    return sorted([*found, *stays], key=lambda part: float(part.left) if not part.left.is_finite() else part.left.mid())


def _ends(interval: sp.Interval) -> tuple[arb, arb]:
    ends = [to_ball(end) if end.is_finite else _infinite(float(end)) for end in (interval.start, interval.end)]
    return ends[0], ends[1]


def right_side(system: ScalarSystem) -> sp.Expr:
    """F(x) of a map, f(x) of a flow, with the formulas of activations."""
    return canonical(written_out(system.residual + (0 if system.kind == FLOW else system.state)))


def slope_bounds(system: ScalarSystem) -> Callable[[float, float], tuple[float, float]] | None:
    """Bounds of F' over intervals of floats, or None where F jumps or is not defined everywhere."""
    try:
        slope = written_out(sp.S.Zero if system.multiplier is None else system.multiplier)
        if jumps(right_side(system), system.state):
            return None
        bounds = function_range(canonical(slope), system.state)
    except SymgradError:
        return None

    def over(left: float, right: float) -> tuple[float, float]:
        low, high = bounds.over(np.array([left]), np.array([right]))
        return float(low[0]), float(high[0])

    return over
