"""Periods of formulas in which the variable occurs only inside sines, cosines and tangents."""

from __future__ import annotations

from math import gcd, lcm

import sympy as sp

from symgrad.rigor.balls import to_ball
from symgrad.rigor.derivatives import derivative

__all__ = ["one_period", "period"]


def period(expr: sp.Expr, symbol: sp.Symbol) -> sp.Expr | None:
    """A period of the expression, or None if it is not seen to be periodic.

    >>> import sympy as sp
    >>> z = sp.Symbol("z", real=True)
    >>> period(sp.sin(2 * z) * sp.cos(3 * z / 2), z), period(z + sp.sin(z), z)
    (4*pi, None)
    """
    waves = [node for node in expr.atoms(sp.sin, sp.cos, sp.tan) if _is_linear(node.args[0], symbol)]
    if not waves or symbol in expr.xreplace({wave: sp.Dummy() for wave in waves}).free_symbols:
        return None
    frequencies = [derivative(wave.args[0], symbol) for wave in waves]
    ratios = [frequency / frequencies[0] for frequency in frequencies]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    numerators, denominators = [int(r.p) for r in ratios], [int(r.q) for r in ratios]
    common = sp.Rational(gcd(*numerators), lcm(*denominators))
    return 2 * sp.pi / (sp.Abs(frequencies[0]) * common)


def _is_linear(argument: sp.Expr, symbol: sp.Symbol) -> bool:
    return symbol in argument.free_symbols and symbol not in derivative(argument, symbol).free_symbols


def one_period(expr: sp.Expr, symbol: sp.Symbol, interval: sp.Interval) -> sp.Interval:
    """The interval, cut down to one period if the expression is periodic and two periods fit in."""
    length = period(expr, symbol)
    if length is None:
        return interval
    if interval.start is not sp.S.NegativeInfinity and interval.end is not sp.S.Infinity:
        shorter = to_ball(interval.end - interval.start) < to_ball(2 * length)
        return interval if shorter else sp.Interval(interval.start, interval.start + length)
    if interval.start is not sp.S.NegativeInfinity:
        return sp.Interval(interval.start, interval.start + length)
    start = sp.S.Zero if interval.end is sp.S.Infinity else interval.end - length
    return sp.Interval(start, start + length)
