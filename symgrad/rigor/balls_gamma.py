"""The gamma function and its logarithmic derivatives on intervals."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from flint import acb, arb, ctx

from symgrad.rigor.balls_intervals import (
    INF,
    NEG_INF,
    WHOLE,
    ZERO,
    Interval,
    OutOfDomainError,
    in_domain,
    make,
    negative,
    point,
)

__all__ = ["gamma", "log_gamma", "polygamma"]


def gamma(a: Interval) -> Interval:
    """Gamma function: unbounded as soon as a pole at 0, -1, -2, ... cannot be excluded.

    Between two poles its absolute value has one minimum, at the zero of the digamma function, which increases there.
    """
    low, high = a
    if low is high and low.is_integer() and low <= 0:
        raise OutOfDomainError("gamma function at a pole")
    if low is high:
        return point(low.gamma()) if low.is_finite() else make(low, low) if low > 0 else WHOLE
    if low >= 0 and high > 0:
        return _valley(a, 0, _gamma_end)
    strip = _strip(a)
    if strip is None:
        return WHOLE
    if strip % 2:
        return negative(_valley(a, strip, lambda end: -end.gamma()))
    return _valley(a, strip, lambda end: end.gamma())


def _gamma_end(end: arb) -> arb:
    return end.gamma() if end.is_finite() and not end.is_zero() else INF


def _strip(a: Interval) -> int | None:
    """``k > 0`` when ``a`` certainly lies between the poles ``-k`` and ``1 - k``."""
    low, high = a
    if not (low.is_finite() and high.is_finite()):
        return None
    first, last = low.floor().unique_fmpz(), high.floor().unique_fmpz()
    return None if first is None or first != last or low.is_integer() or first >= 0 else -int(first)


def _valley(a: Interval, strip: int, value: Callable[[arb], arb]) -> Interval:
    """Range of a function that falls to its minimum at the zero of the digamma function and then rises."""
    low, high = a
    at_low, at_high = value(low), value(high)
    if low.is_finite() and low.digamma() >= 0:
        return make(at_low, at_high)
    if high.is_finite() and high.digamma() <= 0:
        return _falling(at_low, at_high)
    bottom = value(_digamma_zero(strip, ctx.prec))
    return make(bottom, at_low.max(at_high)) if at_low.is_finite() and at_high.is_finite() else make(bottom, INF)


def _falling(at_low: arb, at_high: arb) -> Interval:
    return make(at_high, at_low)


@lru_cache(maxsize=256)
def _digamma_zero(strip: int, bits: int) -> arb:
    """The zero of the digamma function in ``(-strip, 1 - strip)``, or on the positive axis for strip 0."""
    low, high = (arb(1), arb(2)) if strip == 0 else (arb(-strip), arb(1 - strip))
    for _ in range(bits + 8):
        middle = (low + high) / 2
        slope = middle.digamma()
        if slope > 0:
            high = middle
        elif slope < 0:
            low = middle
        else:
            break
    return low.union(high)


def log_gamma(a: Interval) -> Interval:
    """Logarithm of the gamma function, real for positive arguments."""
    inside = in_domain(a, ZERO[0])
    if inside[0] is inside[1]:
        return point(inside[0].lgamma()) if inside[0].is_finite() else inside
    return _valley(inside, 0, lambda end: end.lgamma() if end.is_finite() and not end.is_zero() else INF)


def polygamma(order: int) -> Callable[[Interval], Interval]:
    """Derivative of this order of the digamma function: monotone on the positive axis, of the sign ``(-1)**(order+1)``.

    On wide intervals that reach below 0 only the digamma function (order 0) is bounded tightly, between two poles.
    """
    rising = order % 2 == 0

    def value(end: arb) -> arb:
        return end.digamma() if order == 0 else acb(end).polygamma(order).real

    def at(end: arb) -> arb:
        if not end.is_finite():
            return INF if order == 0 else arb(0)
        if end.is_zero():
            return NEG_INF if rising else INF
        return value(end)

    def on_interval(a: Interval) -> Interval:
        low, high = a
        if low is high and low.is_finite():
            return point(value(low))
        if low >= 0 and high > 0:
            return make(at(low), at(high)) if rising else make(at(high), at(low))
        if order == 0 and _strip(a) is not None:
            return make(value(low), value(high))
        return WHOLE

    return on_interval
