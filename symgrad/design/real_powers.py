"""Real powers of positive constants, kept apart from SymPy's search for perfect roots where that would not end."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, to_ball, working_precision

__all__ = ["real_power"]

_LONGEST = 1000  # parts of an exponent up to which SymPy multiplies out and takes roots apart
_SPARE = 32


def real_power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """``base**exponent``; an enclosed constant for a rational base and an exponent of a large size or denominator.

    SymPy writes ``(6/7)**(1/10**9)`` with one root of an integer of billions of digits.

    >>> real_power(sp.Rational(1, 4), sp.Rational(1, 2)), real_power(sp.Integer(2), sp.Rational(1, 10**9))
    (1/2, 2**(1/1000000000))
    >>> print(real_power(sp.Rational(6, 7), sp.Rational(1, 10**9)))
    0.999999999845849...
    """
    if not (base.is_Rational and exponent.is_Rational) or _is_short(base, exponent):
        return base**exponent
    return Enclosed(f"({base})**({exponent})", lambda bits: _ball(base, exponent, bits))


def _is_short(base: sp.Rational, exponent: sp.Rational) -> bool:
    """Whether the digits of a power are few enough to be written out: of a root of a prime they always are."""
    if abs(exponent.p) > _LONGEST:
        return bool(base == 1)
    return exponent.q <= _LONGEST or base == 1 or (base.is_Integer and base < _LONGEST and bool(sp.isprime(base)))


def _ball(base: sp.Expr, exponent: sp.Expr, bits: int) -> arb:
    with working_precision(bits + _SPARE):
        return (to_ball(base, bits + _SPARE).log() * to_ball(exponent, bits + _SPARE)).exp()
