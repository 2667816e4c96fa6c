"""Where a piecewise smooth formula jumps, and by how much."""

from __future__ import annotations

from itertools import pairwise

import sympy as sp

from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import split

__all__ = ["jumps"]


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
    pieces = split(expr, symbol, End(-sp.oo, 1), End(sp.oo, -1))
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for left, right in pairwise(pieces):
        point = left.right.value
        jump = right.formula.subs(symbol, point) - left.formula.subs(symbol, point)
        if jump.is_finite and not jump.equals(0):
            found.append((point, jump))
    return found
