"""Whether a Gaussian mean exists: growth at infinity against the density, and singular points."""

from __future__ import annotations

from fractions import Fraction

import sympy as sp
from flint import acb, arb

from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_monomials import LOG, Monomial, TailUndecidedError, dominance, exponential

__all__ = ["mean_exists"]

_STARTS = (4, 16, 64, 1024, 2**20, 2**40)


def mean_exists(parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, low: arb, high: arb) -> bool | None:
    """Whether ``E|f(sqrt(q) z)|`` is finite for all variances between two exact positive numbers.

    Args:
        parts: the smooth pieces of f.
        symbol: its variable.
        low: the least variance.
        high: the greatest.

    Returns:
        True if it is finite for all of them, False if it is infinite for all of them, None if neither is proved.
    """
    answers = [_converges(part, symbol, end, low, high) for part in parts for end in (part.left, part.right)]
    return False if False in answers else None if None in answers else True


def _converges(part: SmoothPiece, symbol: sp.Symbol, end: End, low: arb, high: arb) -> bool | None:
    """Whether the mean of ``|f|`` next to one end of a piece is finite."""
    if end.is_finite:
        beyond = end.ball().union(end.ball() + arb(end.inward) * arb(2) ** -40)
        if complex_ball_function(part.formula, symbol)(acb(beyond), analytic=False).is_finite():
            return True
    for start in _STARTS:
        try:
            model = tail_model(part.formula, symbol, end.model(start), end.vanishing)
            if not model.terms:
                return True
            relative, leading = model.relative_ball(), model.terms[0][0]
            if relative.is_finite() and _is_integrable(leading * _measure(end, high)):
                return True
            if not relative.contains(0) and not _is_integrable(leading * _measure(end, low)):
                return False
        except (TailUndecidedError, NotImplementedError):
            continue
    return None


def _measure(end: End, variance: arb) -> Monomial:
    """The density along the way to an end: the Gaussian one to infinity, else the Jacobian of ``c + 1/t``."""
    if end.is_finite:
        return Monomial(power=Fraction(-2))
    mantissa, exponent = (int(part) for part in variance.man_exp())
    inverse = sp.Rational(1, 2 * mantissa) / sp.Integer(2) ** exponent
    return exponential([(Monomial(power=Fraction(2)), -inverse)])


def _is_integrable(monomial: Monomial) -> bool:
    """Whether the integral of a growth monomial up to infinity is finite."""
    if monomial.exponent:
        if dominance(monomial.exponent[0][0], LOG) > 0:
            return monomial.growth < 0
        if monomial.power == -1:
            raise TailUndecidedError(f"an integral of {monomial} is not decided")
    return monomial.power < -1 or (monomial.power == -1 and monomial.logs < -1)
