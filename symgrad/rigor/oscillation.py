"""Proof that a growing oscillation such as ``z*sin(z)`` is unbounded above and below near an infinite end."""

from __future__ import annotations

import sympy as sp

from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.ends import End
from symgrad.rigor.periodicity import period
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["oscillates_without_bound"]

_START = 64
_SAMPLES = 24


def oscillates_without_bound(formula: sp.Expr, symbol: sp.Symbol, end: End) -> bool:
    """True only if the formula is proved to be unbounded above and below near an infinite end.

    The proof: ``f = P*G + rest`` with P periodic and positive at one point, negative at another, G tending to infinity
    and ``rest/G`` to zero; along the translates of these points f then tends to plus and to minus infinity.
    """
    if end.is_finite:
        return False
    for term in sp.Add.make_args(formula):
        factors = sp.Mul.make_args(term)
        wave = sp.Mul(*(factor for factor in factors if period(factor, symbol) is not None))
        length = period(wave, symbol)
        if length is not None and _changes_sign(wave, symbol, length):
            growth = term / wave
            if _dominates(growth, formula - term, symbol, end):
                return True
    return False


def _changes_sign(wave: sp.Expr, symbol: sp.Symbol, length: sp.Expr) -> bool:
    function, step = ball_function(wave, symbol), to_ball(length) / _SAMPLES
    values = [function(step * k) for k in range(_SAMPLES)]
    return any(value > 0 for value in values) and any(value < 0 for value in values)


def _dominates(growth: sp.Expr, rest: sp.Expr, symbol: sp.Symbol, end: End) -> bool:
    """Whether ``growth`` tends to infinity and ``rest / growth`` to zero."""
    variable = end.model(_START)
    try:
        if tail_model(growth, symbol, variable).limit() not in (sp.oo, -sp.oo):
            return False
        return tail_model(rest / growth, symbol, variable).limit() == 0
    except TailUndecidedError:
        return False
