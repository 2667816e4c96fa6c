"""Enclosed integrals of formulas with kinks, jumps and integrable singularities, over bounded and unbounded intervals.

The smooth pieces are integrated by the adaptive Gauss-Legendre algorithm of Petras ("Self-validating integration and
approximation of piecewise analytic functions", 2002) as implemented in Arb, whose error bounds come from complex
neighbourhoods; what lies next to a singular point or to infinity is bounded by a tail model.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import sympy as sp
from flint import acb, arb, ctx

from symgrad.errors import InputError, SymgradError
from symgrad.rigor.balls import ball_from_ends, ball_function, interval_function, working_precision
from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_models import logarithmic_slope
from symgrad.rigor.tail_monomials import Monomial, TailUndecidedError

__all__ = ["Weight", "enclosed_integral", "integral_of_pieces", "is_split", "smooth_parts"]

Weight = Callable[[acb], acb]
_GUARD = 24
_QUEUE = 20000  # intervals that wait, the worst first
_STARTS = (64, 128, 256, 512, 1024, 2048, 4096)
_LINE = (End(-sp.oo, 1), End(sp.oo, -1))


def enclosed_integral(formula: sp.Expr, symbol: sp.Symbol, left: sp.Expr, right: sp.Expr) -> arb:
    """Encloses the integral of a formula over an interval.

    Args:
        formula: a real scalar expression of the whitelist of :func:`symgrad.rigor.balls.ball_function` in one symbol;
            kinks, jumps and integrable singularities are allowed.
        symbol: the variable.
        left: the lower end, a constant or minus infinity.
        right: the upper end, a constant above it or infinity.

    Returns:
        A ball around the integral, about as accurate as the present precision where the formula is analytic on finitely
        many pieces. Not finite where the integral does not exist or its existence is not proved.

    Raises:
        InputError: the ends are not in order, or the formula has other symbols.
        UnsupportedExpressionError: a node is not in the whitelist.

    >>> x = sp.Symbol("x", real=True)
    >>> enclosed_integral(1 / sp.sqrt(abs(x)), x, -1, 1).overlaps(arb(4))
    True
    >>> enclosed_integral(1 / x, x, 0, 1).is_finite()
    False
    """
    ends = End(sp.sympify(left), 1), End(sp.sympify(right), -1)
    if not ends[0].ball() < ends[1].ball():
        raise InputError(f"left, right: two different ends in increasing order are needed, not {left}, {right}")
    ball_function(formula, symbol)
    with working_precision(ctx.prec + _GUARD):
        parts = smooth_parts(formula, symbol, *ends)
        if parts is None:
            return arb("nan")
        return integral_of_pieces(symbol, parts)


@lru_cache(maxsize=1024)
def smooth_parts(
    formula: sp.Expr, symbol: sp.Symbol, left: End = _LINE[0], right: End = _LINE[1]
) -> tuple[SmoothPiece, ...] | None:
    """The smooth pieces between two ends, or the formula as one piece where not all of its kinks could be found.

    Returns:
        None where the formula is not a real number on some piece.
    """
    try:
        return split(formula, symbol, left, right)
    except InputError:
        return None
    except (SymgradError, NotImplementedError):
        return (SmoothPiece(formula, left, right),)


@lru_cache(maxsize=1024)
def is_split(formula: sp.Expr, symbol: sp.Symbol) -> bool:
    """Whether all kinks, jumps and singular points of a formula on the real line are known."""
    try:
        split(formula, symbol, *_LINE)
    except (SymgradError, NotImplementedError):
        return False
    return True


def integral_of_pieces(
    symbol: sp.Symbol,
    parts: tuple[SmoothPiece, ...],
    weight: Weight | None = None,
    left: arb | None = None,
    right: arb | None = None,
    tolerance: arb | None = None,
) -> arb:
    """The integral of a formula times an entire weight.

    Args:
        symbol: the variable.
        parts: the smooth pieces of the formula.
        weight: an entire function, enclosed on complex balls, or None for 1.
        left: an exact number, not in the ball of an end of a piece, from which on to integrate; None for all pieces.
        right: likewise the end. Both are needed where there is a weight.
        tolerance: the absolute error aimed at on each piece; None for an error relative to the integral.

    Returns:
        A ball, not finite where the integral is not proved to exist.
    """
    total = arb(0)
    for part in parts:
        beyond = (left is not None and part.right.ball() < left) or (right is not None and part.left.ball() > right)
        if beyond or part.formula is sp.S.Zero:
            continue
        piece = _Piece(part, symbol, weight, tolerance)
        total += piece.between(left, right)
        if not total.is_finite():
            return arb("nan")
    return total


class _Piece:
    """One smooth piece with a weight."""

    def __init__(self, part: SmoothPiece, symbol: sp.Symbol, weight: Weight | None, tolerance: arb | None) -> None:
        self.part, self.symbol, self.weight, self.tolerance = part, symbol, weight, tolerance
        self.function = complex_ball_function(part.formula, symbol)
        self.values = interval_function(part.formula, symbol)

    def between(self, left: arb | None, right: arb | None) -> arb:
        """The integral from the later of two left ends to the earlier of two right ends."""
        (a, first), (b, last) = self._inside(self.part.left, left), self._inside(self.part.right, right)
        if a < b:
            return first + last + self._regular(a, b)
        hull = self.part.left.ball().union(self.part.right.ball())  # narrower than can be resolved
        return 2 * hull.rad() * _symmetric(self._values(hull))

    def _inside(self, end: End, limit: arb | None) -> tuple[arb, arb]:
        """An exact point just inside, and a ball around the integral between it and the end."""
        value = end.ball()
        if limit is not None and (limit - value) * end.inward > 0:
            return limit, arb(0)
        if end.is_finite and self._values(value + arb(end.inward) * arb(0).union(arb(2) ** -ctx.prec)).is_finite():
            point = value.upper() if end.inward > 0 else value.lower()
            return point, abs(point - value) * self._values(value)
        return self._singular(end)

    def _singular(self, end: End) -> tuple[arb, arb]:
        """The same next to a singular point or infinity, by a tail model there."""
        for k in _STARTS:
            start = 2**k
            rest = end_remainder(self.part.formula, self.symbol, end, start)
            cut = end.cut(start)
            if rest.is_finite() and end.is_finite and self.weight is not None:
                rest *= abs(self.weight(acb(cut.union(end.ball()))).real).upper()
            if rest.is_finite() and (rest < (self.tolerance or arb(2) ** -ctx.prec) or k == _STARTS[-1]):
                return (cut.upper() if end.inward > 0 else cut.lower()), _symmetric(rest)
        return end.cut(4).mid(), arb("nan")

    def _values(self, ball: arb) -> arb:
        value = self.function(acb(ball), analytic=False)
        return (value * self.weight(acb(ball)) if self.weight else value).real

    def _regular(self, a: arb, b: arb) -> arb:
        function, weight = self.function, self.weight

        def integrand(x: acb, analytic: bool) -> acb:
            value = function(x, analytic=analytic)
            if not (analytic or value.is_finite()) and x.imag.is_zero() and x.is_finite():
                value = acb(ball_from_ends(*self.values((x.real.lower(), x.real.upper()))))
            return value if weight is None else value * weight(x)

        if self.tolerance is None:
            return acb.integral(integrand, acb(a), acb(b)).real
        return acb.integral(integrand, acb(a), acb(b), abs_tol=self.tolerance, use_heap=True, depth_limit=_QUEUE).real


@lru_cache(maxsize=1024)
def end_remainder(formula: sp.Expr, symbol: sp.Symbol, end: End, start: int) -> arb:
    """An upper bound of the integral of ``|f|`` between an end and the point at ``t = start`` of its tail model.

    ``|f| <= C m(t)`` there; with ``m(t)`` times the Jacobian (1, or ``t**-2`` at a finite end) of logarithmic slope at
    most ``-rate/t`` with rate > 1, the integral is at most ``C m(start) start / (rate - 1)``. Infinite if not proved.
    """
    try:
        model = tail_model(formula, symbol, end.model(start), end.vanishing)
        if not model.terms:
            return arb(0)
        measure = Monomial(power=Fraction(-2)) if end.is_finite else Monomial()
        monomial = model.terms[0][0] * measure
        rate = -logarithmic_slope(monomial, model.start).bounds()[1]
        bound = abs(model.relative_ball()).upper() * monomial.at(model.start) * start / (rate - 1)
    except (TailUndecidedError, NotImplementedError):
        return arb.pos_inf()
    return bound.upper() if rate > 1 and bound.is_finite() else arb.pos_inf()


def _symmetric(size: arb) -> arb:
    """The ball of all numbers of at most that size."""
    return arb(0, 1) * abs(size).upper() if size.is_finite() else arb("nan")
