"""Proved parity of formulas."""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical
from symgrad.rigor.smooth_pieces import split

__all__ = ["is_even", "is_odd"]

_PROBES = (sp.Rational(1, 3), sp.Rational(7, 5), sp.Rational(29, 4))
_BITS = 128


def is_even(expr: sp.Expr, symbol: sp.Symbol) -> bool:
    """True if ``f(-z) = f(z)`` for all z is proved by rewriting; False if it is false or not proved.

    >>> import sympy as sp
    >>> z = sp.Symbol("z", real=True)
    >>> is_even(1 / (1 + sp.exp(-z)) / (1 + sp.exp(z)), z), is_even(sp.exp(z), z)
    (True, False)
    """
    return _mirrored(expr, symbol, 1)


def is_odd(expr: sp.Expr, symbol: sp.Symbol) -> bool:
    """True if ``f(-z) = -f(z)`` for all z is proved by rewriting; False if it is false or not proved.

    >>> import sympy as sp
    >>> z = sp.Symbol("z", real=True)
    >>> is_odd(z / (1 + sp.Abs(z)), z), is_odd(sp.Max(z, 0), z)
    (True, False)
    """
    return _mirrored(expr, symbol, -1)


@lru_cache(maxsize=512)
def _mirrored(expr: sp.Expr, symbol: sp.Symbol, sign: int) -> bool:
    positive = sp.Dummy("z", positive=True)
    formula = canonical(expr)
    right, left = formula.subs(symbol, positive), formula.subs(symbol, -positive)
    if positive not in (right - left).free_symbols | right.free_symbols:
        return bool((left - sign * right).is_zero) and _centre_agrees(formula, symbol, sign)
    difference = left - sign * right
    if not all(to_ball(difference.subs(positive, probe), _BITS).contains(0) for probe in _PROBES):
        return False
    return _vanishes_piecewise(difference, positive) and _centre_agrees(formula, symbol, sign)


def _vanishes_piecewise(difference: sp.Expr, symbol: sp.Symbol) -> bool:
    """True if an expression is proved to be zero on the positive half-line, piece by piece if it has kinks."""
    if is_zero_function(difference):
        return True
    if not difference.has(sp.Abs, sp.Max, sp.Min, sp.Piecewise, sp.Heaviside, sp.sign):
        return False
    try:
        with working_precision(_BITS):
            pieces = split(difference, symbol, End(sp.S.Zero, 1), End(sp.oo, -1))
    except SymgradError:
        return False
    return all(is_zero_function(piece.formula) for piece in pieces)


def _centre_agrees(formula: sp.Expr, symbol: sp.Symbol, sign: int) -> bool:
    """An odd function must vanish at 0 wherever it is defined there."""
    if sign > 0:
        return True
    value = formula.subs(symbol, 0)
    return bool(value.is_zero) or bool(value.has(sp.nan, sp.zoo))
