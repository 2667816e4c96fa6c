"""All fixed points of a variance map, with their stability and what is proved about the rest of the half-line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.language.gaussian import VARIANCE
from symgrad.meanfield.depth_scales import layers_per_factor
from symgrad.meanfield.moment_growth import constant_ball
from symgrad.meanfield.variance_ends import far_out, near_zero, throughout
from symgrad.meanfield.variance_map import VarianceMap
from symgrad.meanfield.variance_search import positive_points
from symgrad.meanfield.variance_words import (
    ALGEBRAIC,
    ATTRACTING,
    REPELLING,
    SEMI_STABLE,
    UNDECIDED,
)
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.roots import all_roots

__all__ = ["VariancePoint", "VariancePoints", "stability_at_zero", "variance_points"]

_BITS = 96


@dataclass(frozen=True)
class VariancePoint(Presentable):
    """A fixed point of the variance map.

    Attributes:
        ball: encloses it.
        exact: a closed form, or None.
        slope: ``V'(q*)``, enclosed; at zero from the right.
        chi: ``chi_1`` there, enclosed; infinite where the activation jumps.
        stability: attracting, attracting algebraically (slower than any exponential), repelling, semi-stable (from one
            side), neutral (a continuum of them) or undecided.
        proved: whether there is exactly this one in the ball.
    """

    ball: arb
    exact: sp.Expr | None
    slope: arb
    chi: arb
    stability: str
    proved: bool = True

    @property
    def attracts(self) -> bool:
        """Whether variances near it converge to it."""
        return self.stability in (ATTRACTING, ALGEBRAIC)

    @property
    def depth_scale(self) -> arb:
        """``1/|log |V'(q*)||``, the layers in which a small deviation shrinks (or grows) by the factor e."""
        return layers_per_factor(self.slope)

    def __float__(self) -> float:
        return float(self.ball.mid())


@dataclass(frozen=True)
class VariancePoints(Presentable):
    """All fixed points of a variance map on the half-line q >= 0.

    Attributes:
        flow: the map.
        points: from left to right.
        continuum: whether every variance is a fixed point.
        gaps: stretches in which there may be others; empty if all are found.
        beyond: the sign of ``V(q) - q`` for large q where it is proved: with 1 large variances grow without bound.
    """

    flow: VarianceMap = field(repr=False)
    points: tuple[VariancePoint, ...]
    continuum: bool = False
    gaps: tuple[tuple[arb, arb], ...] = ()
    beyond: int | None = None

    @property
    def complete(self) -> bool:
        """Whether it is proved that there are no others."""
        return not self.gaps and all(point.proved for point in self.points)

    @property
    def attracting(self) -> tuple[VariancePoint, ...]:
        """Those that attract."""
        return tuple(point for point in self.points if point.attracts)

    @property
    def diverges(self) -> bool | None:
        """Whether large variances grow without bound from layer to layer; None where that is not proved."""
        return False if self.continuum else None if self.beyond is None else self.beyond > 0

    def __iter__(self) -> Iterator[VariancePoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> VariancePoint:
        return self.points[index]


def variance_points(flow: VarianceMap) -> VariancePoints:
    """All fixed points of a variance map, those at zero and in a continuum included.

    Where the mean is an algebraic function of q the zeros of its formula are found over the whole half-line; otherwise
    near zero and far out the side of the diagonal is proved by bounds under the mean, and between them the zeros are
    isolated.

    Args:
        flow: the map, with exact constants.
    """
    with working_precision(_BITS):
        side = throughout(flow)
        if side == 0:
            return VariancePoints(flow, (), continuum=True)
        first = _zero_if_fixed(flow, side)
        if side is not None:
            return VariancePoints(flow, first, beyond=side)
        if flow.closed is not None and flow.closed.is_algebraic_expr(VARIANCE):
            return _from_closed_form(flow, first) or _searched(flow, first)
        found = _searched(flow, first)
        return found if found.complete else _from_closed_form(flow, first) or found


def _searched(flow: VarianceMap, first: tuple[VariancePoint, ...]) -> VariancePoints:
    near, far = near_zero(flow), far_out(flow)
    found = positive_points(flow, None if near is None else near.variance, None if far is None else far.variance)
    points = tuple(_enclosed(flow, ball, True) for ball in found.points)
    return VariancePoints(flow, (*first, *points), gaps=found.gaps, beyond=None if far is None else far.sign)


def _zero_if_fixed(flow: VarianceMap, side: int | None) -> tuple[VariancePoint, ...]:
    """The fixed point zero, if it is one."""
    if not (flow.value_at_zero.is_zero or is_zero_constant(flow.value_at_zero)):
        return ()
    word = stability_at_zero(flow, side)
    return (VariancePoint(arb(0), sp.S.Zero, constant_ball(flow.slope_at_zero), flow.chi(arb(0)), word),)


def stability_at_zero(flow: VarianceMap, side: int | None) -> str:
    """The stability of the fixed point zero, by the slope; if that is one, by the side on which the map leaves.

    Args:
        flow: a map with the fixed point zero.
        side: of the diagonal on which the map lies for all q > 0, where that is known.
    """
    slope = flow.slope_at_zero
    if is_zero_constant(slope - 1):
        if side is None:
            near = near_zero(flow)
            side = None if near is None else near.sign
        return {1: REPELLING, -1: ALGEBRAIC, None: UNDECIDED}[side]
    ball = constant_ball(slope)
    return ATTRACTING if ball < 1 else REPELLING if ball > 1 else UNDECIDED


def _from_closed_form(flow: VarianceMap, first: tuple[VariancePoint, ...]) -> VariancePoints | None:
    """The fixed points from the zeros of a closed formula; None if they are not all found that way."""
    if flow.closed is None:
        return None
    try:
        roots = all_roots(flow.closed - VARIANCE, VARIANCE, flow.domain)
    except (SymgradError, ArithmeticError, ValueError, TypeError):
        return None
    if roots.gaps or roots.continua or not all(root.proved for root in roots.points):
        return None
    found = list(first)
    for root in roots.points:
        ball = root.ball(_BITS)
        if root.exact is not None and root.exact.is_zero:
            continue
        if not ball > 0:
            return None
        even = root.multiplicity is not None and root.multiplicity % 2 == 0
        found.append(_enclosed(flow, ball, True, root.exact, even))
    return VariancePoints(flow, tuple(found), beyond=_sign_beyond(flow, found))


def _sign_beyond(flow: VarianceMap, found: list[VariancePoint]) -> int | None:
    """The side of the diagonal on which the map lies beyond the last fixed point, where the mean exists everywhere."""
    far = far_out(flow)
    if far is not None or flow.domain.end != sp.oo:
        return None if far is None else far.sign
    point = 2 * max((p.ball.upper() for p in found), default=arb(0)) + 1
    excess = flow.ball(point.upper().mid()) - point.upper().mid()
    return 1 if excess > 0 else -1 if excess < 0 else None


def _enclosed(
    flow: VarianceMap, ball: arb, proved: bool, exact: sp.Expr | None = None, touches: bool = False
) -> VariancePoint:
    slope = flow.ball(ball, 1)
    word = UNDECIDED
    if touches:
        word = SEMI_STABLE
    elif proved and slope.is_finite() and not abs(slope).overlaps(arb(1)):
        word = ATTRACTING if abs(slope) < 1 else REPELLING
    elif proved and exact is not None:
        slope, word = _at_exact_point(flow, exact, slope)
    return VariancePoint(ball, exact, slope, flow.chi(ball), word, proved)


def _at_exact_point(flow: VarianceMap, exact: sp.Expr, slope: arb) -> tuple[arb, str]:
    """The slope where it may be exactly one: then the next derivatives decide."""
    formula = flow.closed
    if formula is None or not is_zero_constant(sp.diff(formula, VARIANCE).subs(VARIANCE, exact) - 1):
        return slope, UNDECIDED
    second = to_ball(sp.diff(formula, VARIANCE, 2).subs(VARIANCE, exact))
    return arb(1), UNDECIDED if second.contains(0) else SEMI_STABLE
