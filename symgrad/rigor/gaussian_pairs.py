"""Gaussian means of products of two formulas at one variance and one correlation, by integrating one after the other.

Given x, the second variable is Gaussian of mean ``c x`` and variance ``q (1 - c**2)``, so the mean is the integral of
``f(x) G(x)`` against the density, with ``G(x) = E[g(c x + s z)]`` and s the deviation that is left. G is an entire
function. The quadrature wants it precisely at real nodes only; on complex neighbourhoods a bound is enough.
"""

from __future__ import annotations

import sympy as sp
from flint import acb, arb, ctx

from symgrad.rigor.balls import lower_float, working_precision
from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.gaussian_cells import mean_on_cells
from symgrad.rigor.gaussian_points import Truncation, mean_against_hermite, squared
from symgrad.rigor.integrals import Weight, integral_of_pieces
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["nested_pair_mean"]

_NODE = arb(2) ** -40  # standard deviations
_WIDE = 10


def nested_pair_mean(
    first: tuple[SmoothPiece, ...], second: tuple[SmoothPiece, ...], symbol: sp.Symbol, variance: arb, correlation: arb
) -> arb:
    """Encloses ``E[f(x) g(y)]`` for one positive variance and one correlation strictly between -1 and 1.

    What lies beyond the range of x is at most ``sqrt(E[f(x)**2, x beyond] E[g(y)**2])``.

    Args:
        first: the smooth pieces of f.
        second: those of g.
        symbol: their variable.
        variance: an exact number.
        correlation: an exact number.
    """
    zero = arb(0)
    near_one = -int(lower_float((1 - correlation**2).log() / (2 * arb(2).log())))
    with working_precision(ctx.prec + 10 + max(0, near_one)):
        sizes = [mean_against_hermite(squared(parts), symbol, variance, zero, 0) for parts in (first, second)]
        scale = (sizes[0] * sizes[1]).sqrt()
        cut = Truncation(squared(first), symbol, variance, zero, 0)
        cut.reach *= arb(1.5).mid()
        rest = (cut.widened() * sizes[1]).sqrt()
        if not (scale.is_finite() and rest.is_finite()):
            return arb("nan")
        tolerance = (scale * arb(2) ** -ctx.prec).mid()
        inner = _Inner(second, symbol, variance, correlation, cut.range()[1], tolerance)
        weight = inner.weight(cut.weight())
        return integral_of_pieces(symbol, first, weight, *cut.range(), tolerance) + arb(0, 1) * rest.upper()


class _Inner:
    """``G(x) = E[g(c x + s z)]`` for complex x: precisely at real points, by a bound elsewhere."""

    def __init__(
        self,
        parts: tuple[SmoothPiece, ...],
        symbol: sp.Symbol,
        variance: arb,
        correlation: arb,
        reach: arb,
        tolerance: arb,
    ) -> None:
        self.parts, self.symbol, self.correlation, self.tolerance = parts, symbol, correlation, tolerance
        self.variance = variance * (1 - correlation**2)
        self.deviation = self.variance.sqrt()
        self.functions = [complex_ball_function(part.formula, symbol) for part in parts]
        self.node = (self.deviation * _NODE).lower()
        self.most = (2 * abs(correlation) * reach + self.deviation).upper()
        ends = self.deviation.lower(), self.deviation.upper()
        self.norm = mean_on_cells(squared(parts), symbol, ends, arb(0, 1) * self.most, 0).upper().sqrt()
        self.reach = arb(3 * ctx.prec).sqrt().mid()  # the rest is of the size of exp(-reach**2 / 4)
        least = self.reach * (1 - 4 * _NODE)  # of the mean only a ball is known, and ends are rounded
        self.rest = arb(0, 1) * (self.norm * (least / arb(2).sqrt()).erfc().sqrt()).upper()

    def weight(self, density: Weight) -> Weight:
        """The density times G."""
        return lambda x: density(x) * self(x)

    def __call__(self, x: acb) -> acb:
        mean = self.correlation * x
        if x.imag.is_zero() and x.real.rad() < self.node:
            return acb(self.precisely(mean.real))
        size = self.bound(mean)
        return acb(arb(0, 1) * size, arb(0, 1) * size)

    def precisely(self, mean: arb) -> arb:
        """G at one point; what lies beyond the range is at most the root mean square times that of the indicator."""
        cut = Truncation(self.parts, self.symbol, self.variance, mean, 0)
        cut.reach = self.reach
        return integral_of_pieces(self.symbol, self.parts, cut.weight(), *cut.range(), self.tolerance) + self.rest

    def bound(self, mean: acb) -> arb:
        """An upper bound of the modulus of G where ``c x`` is in a ball.

        With v the imaginary part, the density alone gives ``exp(v**2 / (2 s**2))`` times the root mean square of g.
        Where g is analytic nearby, the path of integration is shifted by v between two points at distance r from the
        centre: what is left are the values of g near by, the tails beyond r, and the two connecting segments.
        """
        if not abs(mean.real) < self.most:
            return arb.pos_inf()
        v, s = mean.imag.abs_upper(), self.deviation
        growth = v * v / (2 * s * s)
        crude = (growth.exp() * self.norm).upper()
        r = (2 * v).max(_WIDE * s).upper()
        around = mean.real + arb(0, 1) * r
        place = next((k for k, p in enumerate(self.parts) if p.left.ball() < around < p.right.ball()), None)
        if place is None:
            return crude
        near = self.functions[place](acb(around, arb(0, 1) * v)).abs_upper()
        tails = self.norm * (growth + ((r / s / arb(2).sqrt()).erfc()).log() / 2).exp()
        segments = 2 * v * near * (growth - r * r / (2 * s * s)).exp() / (s * (2 * arb.pi()).sqrt())
        shifted = (near + tails + segments).upper()
        return crude.min(shifted) if shifted.is_finite() else crude
