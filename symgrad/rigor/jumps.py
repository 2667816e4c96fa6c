"""Where a piecewise smooth formula jumps, and by how much."""

from __future__ import annotations

from itertools import pairwise

import sympy as sp

from symgrad.rigor.ends import End
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.smooth_pieces import split

__all__ = ["jumps"]

_CONTINUOUS = (
    *(sp.Add, sp.Mul, sp.exp, sp.log, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.asin, sp.acos),
    *(sp.erf, sp.erfc, sp.Abs, sp.Max, sp.Min, logistic, softplus),
)


def jumps(expr: sp.Expr, symbol: sp.Symbol) -> list[tuple[sp.Expr, sp.Expr]]:
    """The points where two smooth pieces meet with different finite values.

    Returns:
        Pairs (point, value on the right minus value on the left), the second not zero.

    Raises:
        SymgradError: the pieces could not be found.

    >>> z = sp.Symbol("z", real=True)
    >>> jumps(sp.Heaviside(z - 1), z)
    [(1, 1)]
    """
    if _is_continuous(expr):
        return []
    pieces = split(expr, symbol, End(-sp.oo, 1), End(sp.oo, -1))
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for left, right in pairwise(pieces):
        point = left.right.value
        jump = right.formula.subs(symbol, point) - left.formula.subs(symbol, point)
        if jump.is_finite and not jump.equals(0):
            found.append((point, jump))
    return found


def _is_continuous(expr: sp.Expr) -> bool:
    """Whether the formula is built from functions that are continuous wherever they are defined."""
    if expr.is_Atom:
        return True
    power = isinstance(expr, sp.Pow) and bool(expr.exp.is_nonnegative)
    return (power or isinstance(expr, _CONTINUOUS)) and all(map(_is_continuous, expr.args))
