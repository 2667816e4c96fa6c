"""The elementary functions of the expression language on intervals, each tight on wide and unbounded ones."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from flint import arb

from symgrad.rigor.balls_gamma import gamma, log_gamma
from symgrad.rigor.balls_intervals import (
    INF,
    NEG_INF,
    WHOLE,
    Interval,
    OutOfDomainError,
    absolute,
    add,
    hull,
    in_domain,
    integer_power,
    inverse,
    make,
    monotone,
    multiply,
    negative,
    point,
)
from symgrad.rigor.functions import logistic, softplus

__all__ = ["UNARY", "exp", "expm1", "general_power", "heaviside", "log", "mirrored_erfc"]

Unary = Callable[[Interval], Interval]

_ZERO, _ONE = arb(0), arb(1)


def _logistic(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _softplus(x: arb) -> arb:
    return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()


exp = monotone(lambda x: x.exp(), _ZERO, INF)
expm1 = monotone(lambda x: x.expm1(), -_ONE, INF)
_cosh_right = monotone(lambda x: x.cosh(), _ONE, INF)
mirrored_erfc = monotone(lambda x: (-x).erfc(), _ZERO, arb(2))


def _cosh(a: Interval) -> Interval:
    return _cosh_right(absolute(a))


def _erfc(a: Interval) -> Interval:
    return mirrored_erfc(negative(a))


def _atan(a: Interval) -> Interval:
    low = a[0].atan()
    return (low, low) if a[0] is a[1] else (low, a[1].atan())


def log(a: Interval) -> Interval:
    """Natural logarithm, minus infinity at 0."""
    low, high = in_domain(a, _ZERO)
    if high.is_zero():
        raise OutOfDomainError("logarithm of 0")
    bottom = _log_end(low) if low > 0 else NEG_INF
    if low is high and low > 0:
        return bottom, bottom
    return bottom, _log_end(high if high > 0 else high.upper())


def _log_end(end: arb) -> arb:
    return NEG_INF if end.is_zero() else end.log() if end.is_finite() else end


def _between_minus_one_and_one(function: Callable[[arb], arb], limit: Callable[[], arb]) -> Unary:
    """The interval function of an odd increasing function on ``[-1, 1]`` with this limit at 1."""

    def on_interval(a: Interval) -> Interval:
        inside = in_domain(a, -_ONE)
        mirrored = in_domain(negative(inside), -_ONE)
        low = function(-mirrored[1])
        high = low if mirrored[0] is mirrored[1] else function(-mirrored[0])
        return low if low.is_finite() else -limit(), high if high.is_finite() else limit()

    return on_interval


_asin = _between_minus_one_and_one(lambda x: x.asin(), lambda: arb.pi() / 2)
_atanh = _between_minus_one_and_one(lambda x: x.atanh(), lambda: INF)


def _acos(a: Interval) -> Interval:
    low, high = a
    if low is high and low > -1 and low < 1:
        return point(low.acos())
    right_angle = arb.pi() / 2
    bottom, top = add((right_angle, right_angle), negative(_asin(a)))
    return (bottom if bottom >= 0 else _ZERO), top


def _acosh(a: Interval) -> Interval:
    inside = in_domain(a, _ONE)
    low, high = (end.acosh() if end.is_finite() else end for end in inside)
    return (
        (low, low) if low.is_finite() and inside[0] is inside[1] else (low if low >= 0 else _ZERO, make(low, high)[1])
    )


def _wave(value: Callable[[arb], arb], maximum_at: Callable[[], arb]) -> Unary:
    """Sine or cosine: the values at the ends, and 1 or -1 when a crest or a trough may lie between them."""

    def on_interval(a: Interval) -> Interval:
        low, high = a
        if not (low.is_finite() and high.is_finite()):
            return -_ONE, _ONE
        if low is high:
            return _within_one(value(low), value(low))
        period, crest = 2 * arb.pi(), maximum_at()
        at_low, at_high = value(low), value(high)
        top = _ONE if _passes(low, high, crest, period) else at_low.max(at_high)
        bottom = -_ONE if _passes(low, high, crest + arb.pi(), period) else at_low.min(at_high)
        return _within_one(bottom, top)

    return on_interval


def _passes(low: arb, high: arb, place: arb, period: arb) -> bool:
    """Whether ``place`` plus a multiple of the period may lie strictly between the ends."""
    first, last = ((end - place) / period for end in (low, high))
    before, after = first.floor().unique_fmpz(), last.floor().unique_fmpz()
    return before is None or before != after


def _within_one(low: arb, high: arb) -> Interval:
    if low >= -1 and high <= 1:
        return low, (low if low is high else high)
    return low if low >= -1 else -_ONE, high if high <= 1 else _ONE


_sin = _wave(lambda x: x.sin(), lambda: arb.pi() / 2)
_cos = _wave(lambda x: x.cos(), lambda: _ZERO)


def _tan(a: Interval) -> Interval:
    low, high = a
    if not (low.is_finite() and high.is_finite()):
        return WHOLE
    if low is high:
        return point(low.tan())
    if _passes(low, high, arb.pi() / 2, arb.pi()):
        return WHOLE
    return make(low.tan(), high.tan())


def _sign(a: Interval) -> Interval:
    return heaviside(a, (_ZERO, _ZERO), below=-_ONE)


def heaviside(a: Interval, at_zero: Interval, below: arb = _ZERO) -> Interval:
    """Unit step with a declared value at 0; the hull of both sides when the interval reaches over the jump."""
    low, high = a
    parts: list[Interval] = []
    if not low >= 0:
        parts.append((below, below))
    if not high <= 0:
        parts.append((_ONE, _ONE))
    if not (low > 0 or high < 0):
        parts.append(at_zero)
    result = parts[0]
    for part in parts[1:]:
        result = hull(result, part)
    return result


def general_power(a: Interval, b: Interval) -> Interval:
    """``a**b`` as ``exp(b*log(a))`` for a base that is not negative, with ``0**0 == 1``."""
    if b[0] is b[1] and b[0].is_exact() and b[0].is_integer():
        return integer_power(a, int(b[0].unique_fmpz()))
    if a[0] is a[1] and a[0] > 0 and b[0].is_finite() and b[1].is_finite():
        first, last = a[0] ** b[0], a[0] ** b[1]
        low, high = first.min(last), first.max(last)
        return (first, first) if b[0] is b[1] and first >= 0 else (low if low >= 0 else _ZERO, make(low, high)[1])
    base = in_domain(a, _ZERO)
    if base[1].is_zero():
        return _power_of_zero(b)
    return exp(multiply(b, log(base)))


def _power_of_zero(b: Interval) -> Interval:
    if b[0] > 0:
        return _ZERO, _ZERO
    if b[1] < 0:
        raise OutOfDomainError("division by 0")
    return (_ZERO, INF) if not b[0] >= 0 else (_ZERO, _ONE)


def _reciprocal_of(function: Unary) -> Unary:
    return lambda a: inverse(function(a))


_sinh = monotone(lambda x: x.sinh(), NEG_INF, INF)
_tanh = monotone(lambda x: x.tanh(), -_ONE, _ONE)

UNARY: dict[type[sp.Function], Unary] = {
    sp.exp: exp,
    sp.log: log,
    sp.sinh: _sinh,
    sp.cosh: _cosh,
    sp.tanh: _tanh,
    sp.coth: _reciprocal_of(_tanh),
    sp.sech: _reciprocal_of(_cosh),
    sp.csch: _reciprocal_of(_sinh),
    sp.asinh: monotone(lambda x: x.asinh(), NEG_INF, INF),
    sp.acosh: _acosh,
    sp.atanh: _atanh,
    logistic: monotone(_logistic, _ZERO, _ONE),
    softplus: monotone(_softplus, _ZERO, INF),
    sp.erf: monotone(lambda x: x.erf(), -_ONE, _ONE),
    sp.erfc: _erfc,
    sp.atan: _atan,
    sp.asin: _asin,
    sp.acos: _acos,
    sp.sin: _sin,
    sp.cos: _cos,
    sp.tan: _tan,
    sp.sec: _reciprocal_of(_cos),
    sp.csc: _reciprocal_of(_sin),
    sp.cot: _reciprocal_of(_tan),
    sp.Abs: absolute,
    sp.re: lambda a: a,  # SymPy leaves re and conjugate where it does not know that a function is real
    sp.conjugate: lambda a: a,
    sp.sign: _sign,
    sp.gamma: gamma,
    sp.loggamma: log_gamma,
}
