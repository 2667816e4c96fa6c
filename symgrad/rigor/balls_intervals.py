"""Interval arithmetic on pairs of balls, tight on wide and on unbounded intervals.

An interval is a pair ``(lower, upper)`` of balls. It stands for every closed interval ``[l, u]`` of extended real
numbers with ``l`` in the ball ``lower`` and ``u`` in the ball ``upper``; each operation maps a set inside such an
interval to a set inside the result, so a rounding error widens the end balls and is never lost. A *thin* interval has
one ball as both of its ends (the same object): it is a single number, and costs one evaluation instead of two.
An end is a finite ball or exactly plus or minus infinity, and never NaN.

Balls alone (midpoint and radius) would not do: a radius has 30 bits, so the ball around ``[0, 1e-300]`` or
``[1e-300, 1]`` loses the sign, and a half-line has no ball but the whole line.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb, ctx, fmpq

from symgrad.errors import SymgradError
from symgrad.rigor.balls_numbers import ball_from_ends, working_precision

__all__ = [
    "ONE",
    "WHOLE",
    "ZERO",
    "Interval",
    "OutOfDomainError",
    "absolute",
    "add",
    "hull",
    "in_domain",
    "integer_power",
    "interval_of_ball",
    "inverse",
    "make",
    "maximum",
    "minimum",
    "monotone",
    "multiply",
    "negative",
    "point",
    "rational_power",
]

Interval = tuple[arb, arb]

INF = arb.pos_inf()
NEG_INF = arb.neg_inf()
WHOLE: Interval = (NEG_INF, INF)
THIN_BITS = 30  # an input ball with at least this relative accuracy and a small radius is treated as one number
THIN_RADIUS = arb(2) ** -20
MOST_ROOT = 64  # powers by fractions of larger terms go through the logarithm
RADIUS_UNIT = arb(2) ** -28


def point(value: arb) -> Interval:
    """The thin interval of one number; the whole line when it is not finite."""
    return (value, value) if value.is_finite() else make(value, value)


ZERO = point(arb(0))
ONE = point(arb(1))


def make(lower: arb, upper: arb) -> Interval:
    """An interval from computed ends; an end that is not known becomes the infinite one."""
    return (
        lower if lower.is_finite() or lower == INF else NEG_INF,
        upper if upper.is_finite() or upper == NEG_INF else INF,
    )


def interval_of_ball(ball: arb, soft: bool) -> Interval:
    """The interval of an input ball: thin when it is a number up to rounding, unbounded when the ball is not finite.

    The radius of a ball has 30 bits and is rounded upward, so ``arb(0.5, 0.5)`` reaches below 0. With ``soft`` ends,
    the last bits of the radius count as rounding, not as a step out of the domain of a root or logarithm.
    """
    if not ball.is_finite():
        return WHOLE
    if ball.is_exact() or (ball.rel_accuracy_bits() >= THIN_BITS and ball.rad() < THIN_RADIUS):
        return ball, ball
    low, high = ball.lower(), ball.upper()
    if not soft:
        return low, high
    slack = ball.rad() * RADIUS_UNIT
    return ball_from_ends(low, low + slack), ball_from_ends(high - slack, high)


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval around both."""
    return a if a is b else (a[0].min(b[0]), a[1].max(b[1]))


def add(a: Interval, b: Interval) -> Interval:
    """Sum."""
    low = a[0] + b[0]
    if a[0] is a[1] and b[0] is b[1] and low.is_finite():
        return low, low
    return _sum(a[0], b[0], NEG_INF), _sum(a[1], b[1], INF)


def _sum(x: arb, y: arb, unknown: arb) -> arb:
    total = x + y
    if total.is_finite():
        return total
    infinite = [end for end in (x, y) if not end.is_finite()]
    return infinite[0] if all(end == infinite[0] for end in infinite) else unknown


def negative(a: Interval) -> Interval:
    """Negation."""
    low = -a[0]
    return (low, low) if a[0] is a[1] else (-a[1], low)


def multiply(a: Interval, b: Interval) -> Interval:
    """Product; the product of an infinite end with an exact 0 is 0."""
    (p, q), (r, s) = a, b
    if p is q and r is s:
        low = p * r
        return (low, low) if low.is_finite() else make(*_corners(a, b))
    ends = _ends_by_sign(p, q, r, s)
    if ends is not None and ends[0].is_finite() and ends[1].is_finite():
        return ends
    return make(*_corners(a, b))


def _ends_by_sign(p: arb, q: arb, r: arb, s: arb) -> Interval | None:
    """The two products that are the ends where neither [p, q] nor [r, s] has 0 inside."""
    if p >= 0:
        return (p * r, q * s) if r >= 0 else (q * r, p * s) if s <= 0 else None
    if q <= 0:
        return (p * s, q * r) if r >= 0 else (q * s, p * r) if s <= 0 else None
    return None


def _corners(a: Interval, b: Interval) -> Interval:
    products = [_times(x, y) for x in a for y in b]
    if any(product.is_nan() for product in products):
        return WHOLE
    first, second, third, fourth = products
    return first.min(second).min(third).min(fourth), first.max(second).max(third).max(fourth)


def _times(x: arb, y: arb) -> arb:
    """Product of two ends: 0 times infinity is 0, a ball around 0 times infinity is unknown."""
    product = x * y
    if product.is_finite():
        return product
    if x.is_zero() or y.is_zero():
        return arb(0)
    sign = (int(x > 0) - int(x < 0)) * (int(y > 0) - int(y < 0))
    return INF if sign > 0 else NEG_INF if sign < 0 else arb.nan()


def inverse(a: Interval) -> Interval:
    """Reciprocal; unbounded as soon as 0 cannot be excluded."""
    low, high = a
    if low > 0 or high < 0:
        return point(1 / low) if low is high and low.is_finite() else (_reciprocal(high), _reciprocal(low))
    if low.is_zero() and high.is_zero():
        raise OutOfDomainError("division by 0")
    if low is high:
        return WHOLE
    if low >= 0:
        return (_reciprocal(high), INF) if high > 0 else WHOLE
    if high <= 0:
        return NEG_INF, _reciprocal(low)
    return WHOLE


def _reciprocal(end: arb) -> arb:
    return 1 / end if end.is_finite() else arb(0)


def absolute(a: Interval) -> Interval:
    """Absolute value."""
    low, high = a
    if low >= 0:
        return a
    if high <= 0:
        return negative(a)
    if low is high:
        return arb(0), abs(low).upper()
    return arb(0), (-low).max(high)


def maximum(a: Interval, b: Interval) -> Interval:
    """The larger of the two, point by point."""
    if a[0] >= b[1]:
        return a
    return b if b[0] >= a[1] else (a[0].max(b[0]), a[1].max(b[1]))


def minimum(a: Interval, b: Interval) -> Interval:
    """The smaller of the two, point by point."""
    if a[1] <= b[0]:
        return a
    return b if b[1] <= a[0] else (a[0].min(b[0]), a[1].min(b[1]))


def monotone(function: Callable[[arb], arb], at_minus: arb, at_plus: arb) -> Callable[[Interval], Interval]:
    """The interval function of an increasing function on the whole line with these limits.

    The limits are its infimum and supremum too, and rounding never leads beyond them.
    """

    def at(end: arb) -> arb:
        return function(end) if end.is_finite() else at_plus if end > 0 else at_minus

    def on_interval(a: Interval) -> Interval:
        low = at(a[0])
        high = low if a[0] is a[1] else at(a[1])
        if low.is_finite() and high.is_finite() and low >= at_minus and high <= at_plus:
            return low, high
        return low if low >= at_minus else at_minus, high if high <= at_plus else at_plus

    return on_interval


class OutOfDomainError(SymgradError):
    """An expression has no real value somewhere in the intervals: the enclosure is the whole line, whatever follows."""


def in_domain(a: Interval, start: arb) -> Interval:
    """The part of ``a`` from ``start`` on.

    An end that cannot be told from ``start`` counts as inside: this is rounding, and the function has no value beyond.

    Raises:
        OutOfDomainError: ``a`` certainly reaches below ``start``.
    """
    low, high = a
    if low >= start:
        return a
    if low < start or high < start:
        raise OutOfDomainError(f"an argument reaches below {start}")
    return start, high.upper() if not high >= start else high


def integer_power(a: Interval, n: int) -> Interval:
    """``a**n`` for an integer ``n``; an even power is never negative."""
    if n < 0:
        return inverse(integer_power(a, -n))
    if n == 0:
        return ONE
    low, high = a
    if n % 2 == 0 and not low >= 0:
        if low is high and (low < 0):
            return integer_power(negative(a), n)
        low, high = absolute(a)
    bottom = _end_power(low, n)
    if low is high:
        return point(bottom) if low.is_finite() else (bottom, bottom)
    return make(bottom, _end_power(high, n))


def _end_power(end: arb, n: int) -> arb:
    """Power of one end, with the bits that a large exponent eats."""
    if not end.is_finite():
        return end if n % 2 else INF
    if n < 64:
        return end**n
    with working_precision(ctx.prec + n.bit_length()):
        return end**n


def rational_power(a: Interval, exponent: fmpq) -> Interval:
    """``a**(p/q)`` for a fraction in lowest terms that is no integer: real for a base that is not negative."""
    base = in_domain(a, ZERO[0])
    if exponent < 0:
        return inverse(rational_power(base, -exponent))
    low, high = base
    bottom = _end_root(low, exponent) if low > 0 else ZERO[0]
    if low is high and low > 0:
        return bottom, bottom
    return make(bottom, _end_root(high if high > 0 else high.upper(), exponent))


def _end_root(end: arb, exponent: fmpq) -> arb:
    """Power of an end that is positive or exactly 0, by a positive fraction."""
    p, q = int(exponent.p), int(exponent.q)
    if end.is_zero() or not end.is_finite():
        return end
    if q == 2:
        return end.sqrt() if p == 1 else _end_power(end.sqrt(), p)
    if max(p, q) <= MOST_ROOT:
        return end.root(q) if p == 1 else _end_power(end.root(q), p)
    with working_precision(ctx.prec + (p // q).bit_length() + 16):
        return (end.log() * arb(exponent)).exp()
