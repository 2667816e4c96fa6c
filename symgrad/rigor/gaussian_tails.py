"""Bounds on the part of a Gaussian mean that lies far out, and whether the mean exists at all."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.rigor.balls import ball_from_ends, interval_function
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_models import Coefficient, logarithmic_slope
from symgrad.rigor.tail_monomials import UNIT, Monomial, TailUndecidedError

__all__ = ["Growth", "growth", "values_between"]

_DOUBLINGS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 36, 45, 60)
_LEAST_OF_MODELS = 4
_INVERSE_SQUARE = Monomial(power=Fraction(-2))


@dataclass(frozen=True)
class Growth:
    """``|f(x)| <= bound * monomial(|x|)`` for all x on one side with ``|x| >= start``.

    Attributes:
        start: where it begins.
        bound: a number.
        monomial: a growth monomial m.
        curvature: a non-negative upper bound of ``m'(t) / (t m(t))`` for t >= start.
    """

    start: int
    bound: arb
    monomial: Monomial
    curvature: arb

    def tail(self, begin: arb, deviation: arb, shift: arb, power: int) -> arb:
        """An upper bound of the integral of ``|f(shift + deviation z)| z**power`` over the Gaussian law of z >= begin.

        With both signs turned on the left side. The logarithmic slope of the integrand is at most
        ``curvature * deviation * x + power / z - z`` with ``x = deviation z + shift``, so the integrand falls at least
        exponentially from ``begin`` on. Infinite where that is not so, or where the bound does not hold yet.
        """
        x = deviation * begin + shift
        if not x >= self.start:
            return arb.pos_inf()
        return self._tail(x, begin, deviation, shift, power)

    def tail_from_start(self, begin: arb, deviation: arb, shift: arb, power: int) -> arb:
        """The same from ``x = start`` on, for all standard deviations up to this one: the smaller, the less it is.

        Args:
            begin: a lower bound of z there, at the greatest standard deviation.
            deviation: that one.
            shift: the mean, with its sign turned on the left side.
            power: as for :meth:`tail`, at most ``begin**2``.
        """
        if not begin**2 > power:
            return arb.pos_inf()
        return self._tail(arb(self.start), begin, deviation, shift, power)

    def _tail(self, x: arb, begin: arb, deviation: arb, shift: arb, power: int) -> arb:
        rate = (1 - self.curvature * deviation**2) * begin - self.curvature * deviation * abs(shift) - power / begin
        if not (rate > 0 and self.curvature * deviation**2 < 1):
            return arb.pos_inf()
        density = (-(begin**2) / 2).exp() / (2 * arb.pi()).sqrt()
        size = self.monomial.at(x) if self.monomial != UNIT else arb(1)
        return (self.bound * size * begin**power * density / rate).upper()


@lru_cache(maxsize=1024)
def growth(formula: sp.Expr, symbol: sp.Symbol, side: int, least: int) -> Growth | None:
    """How fast a formula grows towards plus (side 1) or minus infinity (-1), from ``least`` on or farther out.

    Returns:
        None where nothing is proved.
    """
    values = interval_function(formula, symbol)
    for start in (least * 2**k for k in _DOUBLINGS):
        low, high = values((arb(start), arb.pos_inf()) if side > 0 else (arb.neg_inf(), arb(-start)))
        bound = abs(low).upper().max(abs(high).upper())
        if bound.is_finite():
            return Growth(start, bound, UNIT, arb(0))
        found = _from_model(formula, symbol, side, start) if start >= _LEAST_OF_MODELS else None
        if found is not None:
            return found
    return None


def _from_model(formula: sp.Expr, symbol: sp.Symbol, side: int, start: int) -> Growth | None:
    try:
        plain = formula.replace(lambda node: isinstance(node, (sp.Max, sp.Min)), lambda node: node.rewrite(sp.Abs))
        model = tail_model(plain, symbol, End(sp.oo * side, -side).model(start))
        if not model.terms:
            return Growth(start, arb(0), UNIT, arb(0))
        leading = model.terms[0][0]
        slope = logarithmic_slope(leading, model.start).scaled(_INVERSE_SQUARE, Coefficient.constant(sp.S.One))
        curvature = slope.bounds()[1].max(arb(0))
        bound = abs(model.relative_ball()).upper()
    except TailUndecidedError:
        return None
    return Growth(start, bound, leading, curvature) if curvature.is_finite() and bound.is_finite() else None


def values_between(parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, low: arb, high: arb) -> tuple[arb, arb]:
    """The middle and the radius of the values of a formula between two numbers."""
    least, greatest = arb.pos_inf(), arb.neg_inf()
    for part in parts:
        left, right = part.left.ball().lower().max(low), part.right.ball().upper().min(high)
        if left > right:
            continue
        below, above = interval_function(part.formula, symbol)((left, right))
        least, greatest = least.min(below.lower()), greatest.max(above.upper())
    if not (least.is_finite() and greatest.is_finite()):
        return arb("nan"), arb("nan")
    ball = ball_from_ends(least, greatest)
    return ball.mid(), ball.rad()
