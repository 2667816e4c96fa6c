"""Where ``chi_1 = 1`` at a fixed point of the variance map: the critical line, with the stability of each point.

With ``M = E[phi'^2]``, ``K = E[phi^2]``, ``s = 1 - skip^2`` and b the variance of the biases, both conditions hold at
``sigma_w^2 = s/M(q)`` where ``s (q M - K) = b M``. If phi(0) = 0 and phi has no jump, integration by parts gives
``q M - K = q E[(phi' - phi/x)^2] >= 0``: without biases nothing but q = 0 is critical unless phi is positively
homogeneous, and with biases the left-hand side wins for large q.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.meanfield.critical_closed import closed_zeros
from symgrad.meanfield.critical_ends import end_of_search, start_of_search
from symgrad.meanfield.critical_parts import Parts
from symgrad.meanfield.moment_growth import constant_ball
from symgrad.meanfield.square_means import Excess, SquareMean
from symgrad.meanfield.variance_ends import throughout
from symgrad.meanfield.variance_map import Unit, VarianceMap
from symgrad.meanfield.variance_points import stability_at_zero, variance_points
from symgrad.meanfield.variance_search import Balance, Term, zeros_between
from symgrad.meanfield.variance_words import ALGEBRAIC, ATTRACTING, NEUTRAL, REPELLING, UNDECIDED
from symgrad.meanfield.variants import LayerVariant
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant

__all__ = ["CriticalLine", "CriticalPoint", "critical_points"]

_BITS = 96


@dataclass(frozen=True)
class CriticalPoint(Presentable):
    """A pair of ``sigma_w^2`` and a fixed point of the variance at which ``chi_1 = 1``.

    Attributes:
        sigma_w2: encloses ``sigma_w^2``.
        variance: encloses the fixed point; of a continuum the variance 1 as an example.
        exact: ``sigma_w^2`` where it is known exactly, or None.
        slope: ``V'(q*)``, enclosed.
        stability: of the fixed point of the variance.
        correlated: whether equal inputs stay equal, as without dropout; an edge of chaos needs it.
    """

    sigma_w2: arb
    variance: arb
    exact: sp.Expr | None
    slope: arb
    stability: str
    correlated: bool = True

    @property
    def is_edge(self) -> bool | None:
        """Whether it is an edge of chaos, for which the variance must be attracted or kept; None if undecided."""
        if not self.correlated:
            return False
        if self.stability == UNDECIDED:
            return None
        return self.stability in (ATTRACTING, ALGEBRAIC, NEUTRAL)

    def __float__(self) -> float:
        return float(self.sigma_w2.mid())


@dataclass(frozen=True)
class CriticalLine(Presentable):
    """All critical points for one variance of the biases.

    Attributes:
        layer: the kind of layer.
        sigma_b2: the variance of the biases, exactly.
        points: by increasing variance.
        gaps: stretches of variances in which there may be others; empty if all are found.
        reason: why there are none, or a remark; may be empty.
    """

    layer: LayerVariant = field(repr=False)
    sigma_b2: sp.Expr
    points: tuple[CriticalPoint, ...]
    gaps: tuple[tuple[arb, arb], ...] = ()
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether it is proved that there are no others."""
        return not self.gaps

    @property
    def edge(self) -> tuple[CriticalPoint, ...]:
        """Those that are an edge of chaos."""
        return tuple(point for point in self.points if point.is_edge)

    def __iter__(self) -> Iterator[CriticalPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> CriticalPoint:
        return self.points[index]


def critical_points(unit: Unit, layer: LayerVariant, sigma_b2: sp.Expr) -> CriticalLine:
    """All ``sigma_w^2`` and fixed points of the variance with ``chi_1 = 1``, for one variance of the biases.

    Args:
        unit: the activation.
        layer: the kind of layer, with numbers.
        sigma_b2: the variance of the biases, exact and not negative.
    """
    slack = 1 - layer.skip**2
    with working_precision(_BITS):
        if unit.jumps:
            return CriticalLine(layer, sigma_b2, (), reason="phi jumps, so that chi_1 is infinite at every q > 0")
        if not slack > 0:
            return CriticalLine(layer, sigma_b2, (), reason="chi_1 > 1 at every q > 0 with such a skip connection")
        constant = unit.constant_slope
        if constant is not None:
            return _same_everywhere(unit, layer, sigma_b2, constant)
        if sigma_b2.is_zero and unit.vanishes_at_zero and unit.squared_slope_near_zero.is_finite:
            zero = _at_zero(unit, layer, slack)
            rest = "so only q* = 0 is critical" if zero else "and phi'(0) = 0: nothing is critical"
            return CriticalLine(layer, sigma_b2, zero, reason=f"q M(q) > K(q) for q > 0, {rest}")
        if not unit.moments.slopes.ball(arb(1)).is_finite():
            everything = ((arb(0), arb.pos_inf()),)
            return CriticalLine(layer, sigma_b2, (), everything, "E[phi'^2] is infinite or not proved to be finite")
        return _searched(unit, layer, layer.branch**2 * sigma_b2, sigma_b2)


def _same_everywhere(unit: Unit, layer: LayerVariant, sigma_b2: sp.Expr, constant: sp.Expr) -> CriticalLine:
    """``E[phi'^2]`` does not depend on q: one ``sigma_w^2`` is critical, if the variance has fixed points there."""
    if constant.is_zero:
        return CriticalLine(layer, sigma_b2, (), reason=f"phi is constant almost everywhere: chi_1 = {layer.skip**2}")
    gain = (1 - layer.skip**2) / (layer.gain * constant)
    flow = VarianceMap(unit, layer.gain * gain, layer.branch**2 * sigma_b2, layer.skip**2)
    side = throughout(flow)
    if side == 0:
        point = CriticalPoint(to_ball(gain), arb(1), gain, arb(1), NEUTRAL, layer.dropout.is_zero)
        return CriticalLine(layer, sigma_b2, (point,), reason="every variance is a fixed point, kept by each layer")
    remark = f"chi_1 = 1 at sigma_w^2 = {gain} for every variance"
    if side is not None:
        words = "grows without a fixed point" if side > 0 else "shrinks"
        return CriticalLine(layer, sigma_b2, (), reason=f"{remark}, but there the variance {words}: no edge of chaos")
    found = variance_points(flow)
    points = tuple(
        CriticalPoint(to_ball(gain), p.ball, gain, p.slope, p.stability, layer.dropout.is_zero) for p in found.points
    )
    unproved = tuple((p.ball.lower(), p.ball.upper()) for p in found.points if not p.proved)
    return CriticalLine(layer, sigma_b2, points, (*found.gaps, *unproved), remark)


def _at_zero(unit: Unit, layer: LayerVariant, slack: sp.Expr) -> tuple[CriticalPoint, ...]:
    """The fixed point zero of a map without biases, of a phi that vanishes there."""
    slope = unit.squared_slope_near_zero
    if is_zero_constant(slope):
        return ()
    gain = slack / (layer.gain * slope)
    flow = VarianceMap(unit, layer.gain * gain, sp.S.Zero, layer.skip**2)
    word = stability_at_zero(flow, throughout(flow))
    kept = layer.dropout.is_zero
    return (CriticalPoint(to_ball(gain), arb(0), gain, constant_ball(flow.slope_at_zero), word, kept),)


def _searched(unit: Unit, layer: LayerVariant, offset: sp.Expr, sigma_b2: sp.Expr) -> CriticalLine:
    slack = 1 - layer.skip**2
    if Parts(unit).always_negative:
        return CriticalLine(layer, sigma_b2, (), reason="q M(q) < K(q) at every q > 0, so no fixed point has chi_1 = 1")
    zeros = closed_zeros(unit, slack, offset)
    if zeros is not None:
        return CriticalLine(layer, sigma_b2, tuple(_critical_point(unit, layer, ball) for ball in zeros))
    balance = _balance(unit, slack, offset)
    found = zeros_between(balance, start_of_search(unit, slack, offset), end_of_search(unit, slack, offset))
    points = tuple(_critical_point(unit, layer, ball) for ball in found.points)
    return CriticalLine(layer, sigma_b2, points, found.gaps)


def _balance(unit: Unit, slack: sp.Expr, offset: sp.Expr) -> Balance:
    """``s (M - K/q) - b M/q``; if phi vanishes at zero the first part is the mean of a square."""
    values = SquareMean(unit.moments.values, unit.growth_of_square)
    slopes = SquareMean(unit.moments.slopes, unit.growth_of_squared_slope)
    biases = (Term(-offset, -1, slopes),) if offset != 0 else ()
    if unit.vanishes_at_zero and unit.squared_slope_near_zero.is_finite:
        return Balance((Term(slack, 0, Excess(slopes, values)), *biases), (arb(0), arb(1) / 2, arb(3) / 4))
    return Balance((Term(slack, 0, slopes), Term(-slack, -1, values), *biases), (arb(0), arb(1) / 2, arb(1)))


def _critical_point(unit: Unit, layer: LayerVariant, variance: arb) -> CriticalPoint:
    slack = to_ball(1 - layer.skip**2)
    mean = unit.moments.slopes.ball(variance)
    sigma_w2 = slack / (to_ball(layer.gain) * mean)
    slope = to_ball(layer.skip**2) + slack * unit.moments.values.ball(variance, 1) / mean
    word = UNDECIDED
    if slope.is_finite() and not abs(slope).overlaps(arb(1)):
        word = ATTRACTING if abs(slope) < 1 else REPELLING
    return CriticalPoint(sigma_w2, variance, None, slope, word, layer.dropout.is_zero)
