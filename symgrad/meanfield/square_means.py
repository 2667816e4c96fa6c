"""Gaussian means of non-negative functions over stretches of variances, from their values at a few of them.

For f >= 0 the product of ``sqrt(q)`` and ``E[f(sqrt(q) z)]`` is the integral of f against ``exp(-x^2/(2 q))``, which
grows with q; so the mean has a logarithmic derivative of at least -1/2 by ``t = log q``. If ``x f'(x)/f(x)`` lies
between e and E for all x > 0 of an even f, it lies between e/2 and E/2. With ``g_k = E[z^(2k) f]``, which obeys
the same bounds but for a least -(2 k + 1)/2, the derivatives by t are ``(g_1 - g_0)/2`` and ``(g_2 - 4 g_1 + g_0)/4``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from flint import arb, ctx

from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import ball_from_ends

__all__ = ["Excess", "PositiveMean", "SquareMean", "common", "scaled_hull"]

_Key = tuple[int, int, int]
_Moments = tuple[arb, arb, arb]


class PositiveMean(Protocol):
    """A non-negative function of the variance with bounds on its logarithmic derivative by log q."""

    @property
    def growth(self) -> tuple[arb, arb]:
        """Bounds of its logarithmic derivative."""
        ...

    def at(self, variance: arb) -> tuple[arb, arb]:
        """Enclosures of the value and of its derivative by log q at an exact variance."""
        ...

    def over(self, low: arb, high: arb) -> tuple[arb, arb]:
        """The same for all variances between two exact ones."""
        ...


@dataclass(frozen=True)
class SquareMean:
    """The mean of a non-negative function of ``sqrt(q) z``, by rigorous values at exact variances, each found once.

    Args:
        mean: of a function f that is nowhere negative.
        growth: bounds of the logarithmic derivative of the mean by log q; at least -1/2.
    """

    mean: Mean
    growth: tuple[arb, arb]
    _known: dict[_Key, _Moments] = field(default_factory=dict, compare=False, repr=False)

    def at(self, variance: arb) -> tuple[arb, arb]:
        """Enclosures of the mean and of its derivative by log q at an exact variance."""
        value, weighted, _ = self._moments(variance)
        return value, (weighted - value) / 2

    def over(self, low: arb, high: arb) -> tuple[arb, arb]:
        """The same for all variances between two exact ones."""
        below, above = self._moments(low), self._moments(high)
        zeroth, first, second = (
            scaled_hull(below[k], above[k], high / low, self._growth_of(k), arb(0)) for k in range(3)
        )
        bend = (second - 4 * first + zeroth) / 4
        away = arb(0).union((high / low).log())
        slopes = [(moments[1] - moments[0]) / 2 for moments in (below, above)]
        rise = common((first - zeroth) / 2, common(slopes[0] + away * bend, slopes[1] - away * bend))
        value = common(zeroth, common(below[0] + away * rise, above[0] - away * rise))
        return value, rise

    def _growth_of(self, k: int) -> tuple[arb, arb]:
        """The bounds for ``g_k``: they are not raised above what the function's own growth gives."""
        least = self.growth[0] if self.growth[0] > -0.5 else arb(-(2 * k + 1)) / 2
        return least, self.growth[1]

    def _moments(self, variance: arb) -> _Moments:
        """``g_0``, ``g_1`` and ``g_2`` at an exact variance."""
        mantissa, exponent = variance.man_exp()
        key = int(mantissa), int(exponent), int(ctx.prec)
        if key not in self._known:
            value, slope, curvature = (variance**n * self.mean.ball(variance, n) for n in range(3))
            weighted = value + 2 * slope
            self._known[key] = value, weighted, 4 * (curvature + slope) + 4 * weighted - value
        return self._known[key]


@dataclass(frozen=True)
class Excess:
    """``M(q) - K(q)/q`` where integration by parts proves that it is the mean of a square.

    Args:
        slopes: M, the mean of the squared derivative.
        values: K, the mean of the square.
    """

    slopes: SquareMean
    values: SquareMean

    @property
    def growth(self) -> tuple[arb, arb]:
        """Bounds of its logarithmic derivative."""
        return arb(-1) / 2, arb.pos_inf()

    def at(self, variance: arb) -> tuple[arb, arb]:
        """Enclosures of the value and of its derivative by log q at an exact variance."""
        return self._less(self.slopes.at(variance), self.values.at(variance), variance)

    def over(self, low: arb, high: arb) -> tuple[arb, arb]:
        """The same for all variances between two exact ones."""
        value, rise = self._less(self.slopes.over(low, high), self.values.over(low, high), low.union(high))
        ends = self.at(low)[0], self.at(high)[0]
        return common(value, scaled_hull(*ends, high / low, self.growth, arb(0))), rise

    def _less(self, slopes: tuple[arb, arb], values: tuple[arb, arb], variance: arb) -> tuple[arb, arb]:
        return slopes[0] - values[0] / variance, slopes[1] - (values[1] - values[0]) / variance


def scaled_hull(low: arb, high: arb, ratio: arb, growth: tuple[arb, arb], power: arb) -> arb:
    """What ``q^power`` times a positive mean can be between two variances.

    Args:
        low: its value at the lower variance.
        high: at the upper one.
        ratio: of the variances.
        growth: bounds of the logarithmic derivative of the mean by log q.
        power: the exponent.
    """
    least, most = growth[0] + power, growth[1] + power
    floor, ceiling = low * _factor(ratio, least, largest=False), high * _factor(ratio, -least, largest=True)
    if most.is_finite():
        floor = floor.lower().max((high * _factor(ratio, -most, largest=False)).lower())
        ceiling = ceiling.upper().min((low * _factor(ratio, most, largest=True)).upper())
    if not (floor.is_finite() and ceiling.is_finite()):
        return arb("nan")
    bottom, top = floor.lower(), ceiling.upper()
    return ball_from_ends(bottom, top) if bottom <= top else bottom.union(top)


def _factor(ratio: arb, exponent: arb, *, largest: bool) -> arb:
    """The least or largest value of ``r^exponent`` for r from 1 to a ratio."""
    power = (ratio.log() * exponent).exp()
    return power.max(arb(1)) if largest else power.min(arb(1))


def common(first: arb, second: arb) -> arb:
    """A ball that contains what two enclosures of one number have in common."""
    if not first.is_finite():
        return second
    if not second.is_finite():
        return first
    low, high = first.lower().max(second.lower()), first.upper().min(second.upper())
    return low.union(high)
