"""The integral of an exponential function: in closed form, and enclosed."""

from __future__ import annotations

import sympy as sp
from flint import arb

__all__ = ["ball_exponential_integral", "exponential_integral"]


def exponential_integral(rate: sp.Expr, first: sp.Expr, last: sp.Expr) -> sp.Expr:
    """The integral of ``exp(rate s)`` over s from ``first`` to ``last``, with the case of rate 0 apart.

    >>> T = sp.Symbol("T", nonnegative=True)
    >>> exponential_integral(sp.S.NegativeOne, sp.S.Zero, T), exponential_integral(sp.S.Zero, sp.S.One, T)
    (1 - exp(-T), T - 1)
    """
    constant = sp.Eq(rate, 0)
    if constant == sp.true:
        return last - first
    closed = (sp.exp(rate * last) - sp.exp(rate * first)) / rate
    if constant == sp.false:
        return sp.expand_mul(closed)
    return sp.Piecewise((last - first, constant), (closed, True))


def ball_exponential_integral(rate: arb, first: arb, last: arb) -> arb:
    """An upper bound on the same for balls with ``first <= last``, as an exact ball; it grows with the rate."""
    top, span = rate.upper(), last - first
    if top.is_zero():
        return span.upper()
    return ((top * first).exp() * (top * span).expm1() / top).upper()
