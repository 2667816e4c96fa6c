"""The correlation map of two inputs at a fixed point of the variance map, and its fixed points in [0, 1].

In Hermite coefficients the mean of ``phi(u_1) phi(u_2)`` is a power series in the correlation c with non-negative
coefficients. So the map is increasing and convex on [0, 1], and below c = 1 it has at most one fixed point unless it is
the identity: one sign change proves that all are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import sympy as sp
from flint import arb

from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import CORRELATION, VARIANCE
from symgrad.meanfield.means import PairMean
from symgrad.meanfield.variance_map import VarianceMap
from symgrad.meanfield.variance_words import ALGEBRAIC, ATTRACTING, NEUTRAL, REPELLING, UNDECIDED
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.closed_forms import is_zero_function

__all__ = ["CorrelationMap", "CorrelationPoint", "CorrelationPoints", "correlation_points"]

_STEPS = 80
_WIDTHS = tuple(10.0**-k for k in range(14, 2, -1))
_QUOTIENT_STEP = 2.0**-13


@dataclass(frozen=True)
class CorrelationPoint(Presentable):
    """A fixed point of the correlation map.

    Attributes:
        ball: encloses it.
        exact: its value where it is known, or None.
        slope: ``C'(c*)``, enclosed.
        stability: attracting, attracting algebraically, repelling, neutral (continuum) or undecided.
    """

    ball: arb
    exact: sp.Expr | None
    slope: arb
    stability: str

    @property
    def attracts(self) -> bool:
        """Whether correlations near it converge to it."""
        return self.stability in (ATTRACTING, ALGEBRAIC)

    def __float__(self) -> float:
        return float(self.ball.mid())


@dataclass(frozen=True)
class CorrelationPoints(Presentable):
    """The fixed points of the correlation map in [0, 1].

    Attributes:
        variance: the fixed point of the variance map at which it stands.
        points: from left to right.
        reason: why there are no others, or what is not proved.
        complete: whether it is proved that there are no others.
        continuum: whether every correlation is a fixed point.
    """

    variance: arb
    points: tuple[CorrelationPoint, ...]
    reason: str
    complete: bool = True
    continuum: bool = False

    @property
    def attracting(self) -> CorrelationPoint | None:
        """The one that attracts, if one is proved to."""
        return next((point for point in self.points if point.attracts), None)

    def __iter__(self) -> Iterator[CorrelationPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> CorrelationPoint:
        return self.points[index]


@dataclass(frozen=True)
class CorrelationMap:
    """``C(c) = (skip q c + pair_gain E[phi(u_1) phi(u_2)] + offset) / q`` at a fixed point q of the variance map.

    Args:
        flow: the variance map.
        pair_gain: ``sigma_w^2``; with dropout less than the gain of the variance map.
        variance: an enclosure of q, positive or exactly zero, where the limit of the map is taken.
    """

    flow: VarianceMap
    pair_gain: sp.Expr
    variance: arb = field(compare=False)

    @cached_property
    def pair(self) -> PairMean:
        """The mean of the product; at variance zero of what is left of phi there, one slope on each side."""
        phi = self._near_zero if self.variance == 0 else self.flow.unit.activation.expr
        return PairMean(phi, phi)

    @cached_property
    def _near_zero(self) -> sp.Expr:
        left, right = self.flow.unit.slopes_beside_zero
        return right * VARIABLE if left == right else right * sp.Max(VARIABLE, 0) + left * sp.Min(VARIABLE, 0)

    @property
    def is_identity(self) -> bool:
        """Whether every correlation is kept: phi is linear and there are no biases."""
        linear = self._near_zero if self.variance == 0 else self.flow.unit.activation.expr
        smooth = not linear.has(sp.Piecewise, sp.Max, sp.Min, sp.Abs, sp.sign, sp.Heaviside)
        return bool(self.flow.offset.is_zero) and smooth and is_zero_function(sp.diff(linear, VARIABLE, 2))

    def ball(self, correlation: arb) -> arb:
        """An enclosure of the map, for all correlations in a ball."""
        q, slope = self.variance, to_ball(self.flow.skip)
        gain = to_ball(self.pair_gain)
        if q == 0:
            total = to_ball(self.flow.slope_at_zero)
            return (slope * correlation + gain * self.pair.ball(arb(1), correlation)) / total
        return slope * correlation + (gain * self.pair.ball(q, correlation) + to_ball(self.flow.offset)) / q

    def floats(self, correlation: float) -> float:
        """An approximate value."""
        if self.pair.closed is not None or self.variance == 0:
            return float(self.ball(arb(correlation)).mid())
        q = float(self.variance.mid())
        mean = float(self.pair.floats(q, correlation))
        return float(self.flow.skip) * correlation + (float(self.pair_gain) * mean + float(self.flow.offset)) / q

    def slope(self, correlation: arb) -> arb:
        """An enclosure of ``C'(c)`` at a correlation in [0, 1)."""
        unit = self.flow.unit
        if not unit.jumps:
            derivative = unit.activation.derivative.expr
            return to_ball(self.flow.skip) + to_ball(self.pair_gain) * PairMean(derivative, derivative).ball(
                self.variance, correlation
            )
        if self.pair.closed is not None:
            formula = sp.diff(self.pair.closed.value, CORRELATION)
            rise = ball_function(formula, (VARIANCE, CORRELATION))(self.variance, correlation) / self.variance
            if rise.is_finite():
                return to_ball(self.flow.skip) + to_ball(self.pair_gain) * rise
        return self._quotients(correlation)

    def _quotients(self, correlation: arb) -> arb:
        """Between difference quotients on both sides, as the map is convex."""
        step = arb(_QUOTIENT_STEP)
        low, high = correlation - step, correlation + step
        if not (low > 0 and high < 1):
            return arb("nan")
        middle = self.ball(correlation)
        return ((middle - self.ball(low)) / step).union((self.ball(high) - middle) / step)


def correlation_points(correlations: CorrelationMap) -> CorrelationPoints:
    """The fixed points of a correlation map in [0, 1], complete by convexity.

    Args:
        correlations: the map.

    Source: Poole et al., Exponential expressivity in deep neural networks through transient chaos, 2016.
    """
    q = correlations.variance
    if correlations.is_identity:
        point = CorrelationPoint(arb(1), sp.S.One, arb(1), NEUTRAL)
        return CorrelationPoints(q, (point,), "every correlation is kept: C(c) = c", continuum=True)
    at_one = correlations.pair_gain == correlations.flow.gain
    chi = _slope_at_one(correlations)
    if at_one and not chi > 1:
        return _one_alone(q, chi, correlations)
    below = _below_one(correlations)
    ends = (CorrelationPoint(arb(1), sp.S.One, chi, REPELLING),) if at_one else ()
    known = f"chi_1 {'> 1' if at_one else ', C(1) < 1'}"
    if below is None:
        reason = f"{known}: there is one fixed point below 1, which could not be enclosed"
        return CorrelationPoints(q, ends, reason, complete=False)
    reason = f"C is convex on [0, 1]; {'chi_1 > 1' if at_one else 'C(1) < 1'}: exactly one fixed point lies below 1"
    return CorrelationPoints(q, (below, *ends), reason)


def _slope_at_one(correlations: CorrelationMap) -> arb:
    if correlations.variance == 0:
        return arb(1)
    return correlations.flow.chi(correlations.variance)


def _one_alone(q: arb, chi: arb, correlations: CorrelationMap) -> CorrelationPoints:
    """Without a slope above one at 1 a convex map stays above the diagonal before it."""
    critical = q == 0 or correlations.flow.is_critical(q)
    if chi < 1 or critical:
        word = ATTRACTING if chi < 1 else ALGEBRAIC
        point = CorrelationPoint(arb(1), sp.S.One, arb(1) if critical else chi, word)
        reason = f"C is convex on [0, 1], C(1) = 1 and C'(1) {'< 1' if chi < 1 else '= 1'}: no other fixed point"
        return CorrelationPoints(q, (point,), reason)
    point = CorrelationPoint(arb(1), sp.S.One, chi, UNDECIDED)
    return CorrelationPoints(q, (point,), "on which side of 1 chi_1 lies is not proved", complete=False)


def _below_one(correlations: CorrelationMap) -> CorrelationPoint | None:
    """The fixed point below 1: a float, proved by the signs on both sides of it."""
    if correlations.flow.offset.is_zero and correlations.flow.unit.activation.parity == "odd":
        zero = arb(0)
        return CorrelationPoint(zero, sp.S.Zero, correlations.slope(zero), ATTRACTING)
    guess = _crossing(lambda c: correlations.floats(c) - c)
    for width in _WIDTHS:
        low, high = arb(max(guess - width, 0.0)), arb(min(guess + width, 1.0))
        start = low == 0 or correlations.ball(low) > low  # C(0) is not negative
        if start and high < 1 and correlations.ball(high) < high:
            ball = low.union(high)
            return CorrelationPoint(ball, None, correlations.slope(ball), ATTRACTING)
    return None


def _crossing(excess: Callable[[float], float]) -> float:
    """Where an excess that is positive at 0 turns negative before 1, by bisection; approximate."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        if high - low < 1e-15:
            break
    return (low + high) / 2
