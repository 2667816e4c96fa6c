"""The search for positive variances that solve an equation in Gaussian means of squares.

A stretch is dropped where the function keeps its sign; where it is monotone, its signs at both ends tell whether there
is a zero; other stretches are halved. The ends of all stretches are exact, so that each mean is evaluated once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.meanfield.square_means import PositiveMean, SquareMean, common, scaled_hull
from symgrad.meanfield.variance_map import VarianceMap
from symgrad.rigor.balls import lower_float, to_ball, upper_float, working_precision

__all__ = ["Balance", "Found", "Term", "positive_points", "zeros_between"]

_LOWEST, _HIGHEST = 2.0**-64, 2.0**64
_MOST = 600  # stretches
_NARROWEST = 2.0**-20  # relative
_LENGTH = 0.7  # of the first stretches, in log q
_SEARCH_BITS, _FINAL_BITS = 53, 96
_STEPS = 100
_PRECISE = 2.0**-44


_Stretch = tuple[float, float]


@dataclass(frozen=True)
class Found:
    """Enclosures of zeros, each the only one in it, and the stretches left open."""

    points: tuple[arb, ...]
    gaps: tuple[tuple[arb, arb], ...]


@dataclass(frozen=True)
class Term:
    """A factor times a power of q times a mean, or times one.

    Args:
        factor: an exact constant.
        power: of q, 0 or -1.
        mean: None for the constant 1.
    """

    factor: sp.Expr
    power: int = 0
    mean: PositiveMean | None = None

    def at(self, q: arb) -> arb:
        """Its value at an exact variance."""
        mean = arb(1) if self.mean is None else self.mean.at(q)[0]
        return to_ball(self.factor) * q**self.power * mean

    def over(self, low: arb, high: arb) -> arb:
        """Its values between two exact variances."""
        if self.mean is None:
            return to_ball(self.factor) * low.union(high) ** self.power
        power = arb(self.power)
        first, last = (q**self.power * self.mean.at(q)[0] for q in (low, high))
        hull = scaled_hull(first, last, high / low, self.mean.growth, power)
        bent = low.union(high) ** self.power * self.mean.over(low, high)[0]
        return to_ball(self.factor) * common(hull, bent)

    def rise(self, low: arb, high: arb, tilt: arb) -> arb:
        """The derivative by log q of ``q^tilt`` times it, divided by ``q^tilt``, between two exact variances."""
        exponent = tilt + self.power
        if self.mean is None:
            return exponent * self.over(low, high)
        value, rise = self.mean.over(low, high)
        bent = low.union(high) ** self.power * (rise + exponent * value)
        least, most = (bound + exponent for bound in self.mean.growth)
        whole = self.over(low, high)
        if most.is_finite():
            return common(to_ball(self.factor) * bent, least.union(most) * whole)
        return _at_least(to_ball(self.factor) * bent, least * whole, to_ball(self.factor) > 0)


def _at_least(enclosure: arb, bound: arb, below: bool) -> arb:
    """An enclosure cut at a bound from below or from above."""
    if not bound.is_finite() or not enclosure.is_finite():
        return enclosure
    if below:
        return enclosure.lower().max(bound.lower()).union(enclosure.upper())
    return enclosure.lower().union(enclosure.upper().min(bound.upper()))


@dataclass(frozen=True)
class Balance:
    """A sum of terms, whose zeros are looked for.

    Args:
        terms: the sum.
        tilts: powers of q by which it is multiplied in turn: with one of them it may be monotone where it is not by
            itself.
    """

    terms: tuple[Term, ...]
    tilts: tuple[arb, ...] = (arb(0),)

    def at(self, variance: arb) -> arb:
        """An enclosure of the function at an exact variance."""
        return _sum(term.at(variance) for term in self.terms)

    def over(self, low: arb, high: arb) -> arb:
        """An enclosure for all variances between two exact ones."""
        return _sum(term.over(low, high) for term in self.terms)

    def is_monotone(self, low: arb, high: arb) -> bool:
        """Whether some power of q times the function is proved to be monotone between two exact variances."""
        rises = (_sum(term.rise(low, high, tilt) for term in self.terms) for tilt in self.tilts)
        return any(rise > 0 or rise < 0 for rise in rises)

    def rise(self, low: arb, high: arb) -> arb:
        """An enclosure of the derivative by log q for all variances between two exact ones."""
        return _sum(term.rise(low, high, arb(0)) for term in self.terms)


def _sum(balls: Iterable[arb]) -> arb:
    total = arb(0)
    for ball in balls:
        total += ball
    return total


def positive_points(flow: VarianceMap, low: arb | None, high: arb | None) -> Found:
    """The fixed points between two variances; where an end is None, a far one is taken and the rest stays open."""
    values = SquareMean(flow.unit.moments.values, flow.unit.growth_of_square)
    terms = Term(flow.gain, -1, values), Term(flow.offset, -1), Term(flow.skip - 1)
    return zeros_between(Balance(tuple(term for term in terms if term.factor != 0)), low, high)


def zeros_between(balance: Balance, low: arb | None, high: arb | None) -> Found:
    """The zeros of a function of the variance between two variances, likewise."""
    gaps = [] if low is not None else [(arb(0), arb(_LOWEST))]
    gaps += [] if high is not None else [(arb(_HIGHEST), arb.pos_inf())]
    start = _LOWEST if low is None else lower_float(low)
    stop = _HIGHEST if high is None else upper_float(high)
    if not start < stop:
        return Found((), tuple(gaps))
    with working_precision(_SEARCH_BITS):
        brackets, undecided = _isolated(balance, _stretches(start, stop))
    if undecided:
        with working_precision(_FINAL_BITS):
            more, undecided = _isolated(balance, undecided[::-1])
        brackets += more
    gaps += [(arb(left), arb(right)) for left, right in undecided]
    with working_precision(_FINAL_BITS):
        points = [_refined(balance, left, right) for left, right in sorted(brackets)]
    return Found(tuple(points), _joined(gaps))


def _stretches(start: float, stop: float) -> list[_Stretch]:
    """The whole cut evenly on a logarithmic scale, from right to left."""
    count = math.ceil(math.log(stop / start) / _LENGTH)
    inner = [start * (stop / start) ** (k / count) for k in range(1, count)]
    ends = [start, *inner, stop]
    return [(ends[k], ends[k + 1]) for k in range(len(ends) - 2, -1, -1)]


def _isolated(balance: Balance, stretches: list[_Stretch]) -> tuple[list[_Stretch], list[_Stretch]]:
    """Stretches with exactly one zero each, and those about which nothing is proved."""
    brackets, undecided = [], []
    for count in range(_MOST + len(stretches)):
        if not stretches:
            break
        left, right = stretches.pop()
        value = balance.over(arb(left), arb(right))
        if value > 0 or value < 0:
            continue
        if balance.is_monotone(arb(left), arb(right)):
            ends = balance.at(arb(left)) * balance.at(arb(right))
            if ends > 0:
                continue
            if ends < 0:
                brackets.append((left, right))
                continue
        middle = math.sqrt(left) * math.sqrt(right)
        if right - left < _NARROWEST * right or count >= _MOST:
            undecided.append((left, right))
        else:
            stretches += [(middle, right), (left, middle)]
    return brackets, [*undecided, *stretches]


def _refined(balance: Balance, left: float, right: float) -> arb:
    """Encloses the zero between two variances of opposite signs, in floats' steps: regula falsi with halving."""
    sign = 1 if balance.at(arb(left)) < 0 else -1
    ends = [(left, sign * float(balance.at(arb(left)).mid())), (right, sign * float(balance.at(arb(right)).mid()))]
    for step in range(_STEPS):
        (low, below), (high, above) = ends
        if high - low < _PRECISE * high:
            break
        place = low - below * (high - low) / (above - below) if step % 3 < 2 else math.sqrt(low) * math.sqrt(high)
        place = min(max(place, low + 2.0**-46 * high), high - 2.0**-46 * high)
        value = sign * balance.at(arb(place))
        if not (value < 0 or value > 0):
            break
        ends[0 if value < 0 else 1] = (place, float(value.mid()))
    return _newton(balance, arb(ends[0][0]), arb(ends[1][0]))


def _newton(balance: Balance, low: arb, high: arb) -> arb:
    """One step of interval Newton, in log q, from a bracket."""
    rise = balance.rise(low, high)
    whole = low.union(high)
    if not (rise > 0 or rise < 0):
        return whole
    narrow = low * (-balance.at(low) / rise).exp()
    return narrow if narrow.is_finite() and whole.contains(narrow) else whole


def _joined(gaps: list[tuple[arb, arb]]) -> tuple[tuple[arb, arb], ...]:
    """Gaps from left to right, those that touch as one."""
    joined: list[tuple[arb, arb]] = []
    for low, high in sorted(gaps, key=lambda gap: float(gap[0].mid())):
        if joined and not low > joined[-1][1]:
            joined[-1] = (joined[-1][0], high.max(joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
