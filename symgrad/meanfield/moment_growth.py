"""How fast a Gaussian second moment grows with the variance, bounded by the growth of the function itself.

The logarithmic derivative of ``E[f(sqrt(q) z)^2]`` by log q is a mean of ``x f'(x)/f(x)`` with non-negative weights,
those of f to the left and to the right of zero; so it lies between the bounds of the latter on both half-lines.
"""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.rigor.balls import to_ball
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import extrema
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps
from symgrad.rigor.smooth_pieces import SmoothPiece, split

__all__ = ["constant_ball", "growth_of_even_part", "growth_of_second_moment"]

_MOST_OPERATIONS = 36  # the bounds only speed searches up: in longer formulas their extrema take longer than they save
_LEAST = -arb(1) / 2  # of every second moment, as sqrt(q) times it is an integral that grows with q


def growth_of_second_moment(formula: sp.Expr) -> tuple[arb, arb]:
    """Bounds of the derivative of ``log E[f(sqrt(q) z)^2]`` by log q, for all q > 0.

    They are -1/2 and infinity where nothing better is proved, or f is a long formula.

    Args:
        formula: f in ``VARIABLE``, with kinks and jumps; point masses in it do not count.

    >>> low, high = growth_of_second_moment(sp.Max(X, 0) + 1)
    >>> float(low), float(high)
    (0.0, 1.0)
    """
    smooth = formula.replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    try:
        bounds = [_on_half_line(canonical(side)) for side in (smooth, smooth.xreplace({X: -X}))]
    except (SymgradError, ArithmeticError, ValueError, TypeError):
        return _LEAST, arb.pos_inf()
    known = [bound for bound in bounds if bound is not None]
    if not known:
        return _LEAST, arb.pos_inf()
    least, most = min(low for low, _ in known), max(high for _, high in known)
    return least.max(_LEAST), most


def _on_half_line(formula: sp.Expr) -> tuple[arb, arb] | None:
    """The bounds of ``x f'/f`` over x > 0 where f is not zero; None if it is zero throughout."""
    pieces = split(formula, X, End(sp.S.Zero, 1), End(sp.oo, -1))
    bounds = [_on_piece(piece) for piece in pieces if not is_zero_function(piece.formula)]
    if not bounds:
        return None
    least, most = min(low for low, _ in bounds), max(high for _, high in bounds)
    for point, height in jumps(formula**2, X):
        if point > 0:
            least, most = (arb.neg_inf(), most) if height < 0 else (least, arb.pos_inf())
    return least, most


def _on_piece(piece: SmoothPiece) -> tuple[arb, arb]:
    rate = canonical(X * derivative(piece.formula, X) / piece.formula)
    if sp.count_ops(rate) > _MOST_OPERATIONS:
        return arb.neg_inf(), arb.pos_inf()
    found = extrema(rate, X, sp.Interval.open(piece.left.value, piece.right.value))
    return constant_ball(found.inf.value), constant_ball(found.sup.value)


def growth_of_even_part(even: sp.Expr) -> tuple[arb, arb]:
    """The same bounds from ``e(x) = f(x)^2 + f(-x)^2``, half of ``x e'(x)/e(x)`` over x > 0: sharper where f falls off.

    >>> low, high = growth_of_even_part(X**2 + X**4)
    >>> float(low), float(high)
    (1.0, 2.0)
    """
    try:
        heights = [height for point, height in jumps(even, X) if point > 0]
        rate = canonical(X * derivative(even, X).replace(sp.DiracDelta, lambda *_: sp.S.Zero) / even)
        found = extrema(rate, X, sp.Interval.open(0, sp.oo))
    except (SymgradError, ArithmeticError, ValueError, TypeError):
        return _LEAST, arb.pos_inf()
    least, most = constant_ball(found.inf.value) / 2, constant_ball(found.sup.value) / 2
    falls, climbs = (any(sign * height > 0 for height in heights) for sign in (-1, 1))
    return _LEAST if falls else least.max(_LEAST), arb.pos_inf() if climbs else most


def constant_ball(constant: sp.Expr) -> arb:
    """A ball around a constant, which may be infinite."""
    if constant.is_finite:
        return to_ball(constant)
    return arb.pos_inf() if constant == sp.oo else arb.neg_inf()
