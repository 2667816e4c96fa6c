"""Gaussian means at one variance and one mean: quadrature of the density times the formula, with a proved tail."""

from __future__ import annotations

from functools import lru_cache, reduce

import sympy as sp
from flint import acb, arb, arb_poly, ctx, fmpz_poly

from symgrad.rigor.balls import working_precision
from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.gaussian_tails import Growth, growth, values_between
from symgrad.rigor.integrals import Weight, integral_of_pieces
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.trapezoidal_means import trapezoidal_mean

__all__ = ["Truncation", "hermite", "hermite_integral", "mean_against_hermite", "squared"]

_GUARD = 20
_PROBE_BITS = 64  # for the size of the integrand, which only says what error to aim at
_PROBES, _QUARTERS = 24, 20
_WIDENINGS = 24
FARTHEST = 1200  # the binary logarithm of numbers beyond which growth is not looked for


@lru_cache(maxsize=256)
def hermite(n: int) -> arb_poly:
    """The Hermite polynomial ``He_n`` of probability theory, which is orthogonal for the standard normal law."""
    former, present = fmpz_poly([]), fmpz_poly([1])
    for k in range(n):
        former, present = present, fmpz_poly([0, 1]) * present - k * former
    return arb_poly([arb(coefficient) for coefficient in present.coeffs()])  # exact at any precision


def mean_against_hermite(
    parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, variance: arb, mean: arb, order: int
) -> arb:
    """Encloses ``E[f(mean + sqrt(variance) z) He_n(z)]``, tightly for a narrow variance and a narrow mean.

    Args:
        parts: the smooth pieces of f from left to right.
        symbol: their variable.
        variance: a ball above 0.
        mean: a ball.
        order: n.

    Returns:
        A ball; not finite where the mean does not exist or its existence is not proved.
    """
    with working_precision(ctx.prec + _GUARD):
        cut = Truncation(parts, symbol, variance, mean, order)
        rest = cut.widened()
        if not rest.is_finite():
            return arb("nan")
        inner = cut.along_the_line()
        if inner is None:
            inner = integral_of_pieces(symbol, parts, cut.weight(), *cut.range(), cut.tolerance())
        return inner + arb(0, 1) * rest


class Truncation:
    """One integral against the Gaussian density, and the range to which it is cut."""

    def __init__(self, parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, variance: arb, mean: arb, order: int) -> None:
        self.symbol, self.parts, self.mean, self.order = symbol, parts, mean, order
        self.deviation = variance.sqrt()
        self.reach = arb(max(2 * ctx.prec, 4 * order + 4)).sqrt().mid()
        self._scale: tuple[arb, arb] | None = None

    def widened(self) -> arb:
        """Widens the range until what lies beyond it does not matter, and returns a bound of it, maybe infinite."""
        for _ in range(_WIDENINGS):
            rest = self.tail()
            if rest < self.tolerance():
                return rest
            self.reach *= arb(1.25).mid()
        return self.tail()

    def range(self) -> tuple[arb, arb]:
        """Exact ends of the range, not in the ball of a kink."""
        kinks = [part.left.ball() for part in self.parts[1:]]
        ends = []
        for sign in (-1, 1):
            end = (self.mean + sign * self.reach * self.deviation).mid()
            while any(kink.overlaps(end) for kink in kinks):
                end += ((end - self.mean) / 64).mid()
            ends.append(end.mid())
        return ends[0], ends[1]

    def tail(self) -> arb:
        """An upper bound of what lies beyond the range."""
        low, high = self.range()
        return (self._beyond(self.parts[0], -1, low) + self._beyond(self.parts[-1], 1, high)).upper()

    def _beyond(self, part: SmoothPiece, side: int, end: arb) -> arb:
        """The same on one side: by growth, after the range of the formula up to where its growth is known."""
        begin, shift = ((end - self.mean) * side / self.deviation).lower(), side * self.mean
        beyond_zeros = begin > arb(4 * self.order + 2).sqrt()  # of the polynomial
        bound = self._growth(part, side, end * side) if beyond_zeros else None
        if bound is None:
            return arb.pos_inf()
        start = arb(bound.start)
        if end * side > start:
            return bound.tail(begin, self.deviation, shift, self.order)
        middle, radius = values_between(self.parts, self.symbol, *((end, start) if side > 0 else (-start, end)))
        near = (abs(middle) + radius) * abs(hermite_integral(self.order, begin))
        first = ((start - shift) / self.deviation).lower()
        return near + bound.tail_from_start(first, self.deviation.upper(), shift, self.order)

    def _growth(self, part: SmoothPiece, side: int, end: arb) -> Growth | None:
        """A bound that holds from a power of two not much nearer than the end of the range, behind the last kink."""
        edge = (part.right if side < 0 else part.left).ball() * side
        least = 1
        while edge.is_finite() and not edge < least:
            least *= 2
        while least < 2**FARTHEST and end > 4 * least:
            least *= 2
        return growth(part.formula, self.symbol, side, least)

    def tolerance(self) -> arb:
        """The error to aim at: relative to the largest contribution seen on a grid."""
        if self._scale is None or self._scale[0] != self.reach:
            scales = [*(self.reach * k / _PROBES for k in range(1, _PROBES)), *(arb(4) ** -k for k in range(_QUARTERS))]
            steps = [self.deviation * scale for scale in scales]
            points = [((self.mean + step).mid(), (self.mean - step).mid()) for step in steps]
            with working_precision(_PROBE_BITS):
                largest = self._largest_contribution(steps, points)
            scale = largest if largest > 0 else arb(1)
            self._scale = self.reach, scale * arb(2) ** (-ctx.prec + 2)
        return self._scale[1]

    def _largest_contribution(self, steps: list[arb], points: list[tuple[arb, arb]]) -> arb:
        """About the largest modulus of the integrand, times the distance from the mean, on a grid."""
        weight = self.weight()
        functions = [complex_ball_function(part.formula, self.symbol) for part in self.parts]
        edges = [part.right.ball() for part in self.parts[:-1]]
        largest = arb(0)
        for step, pair in zip(steps, points, strict=True):
            for x in pair:
                place = next((place for place, edge in enumerate(edges) if edge > x), -1)
                size = abs(functions[place](acb(x), analytic=False) * weight(acb(x)) * step)
                if size.is_finite():
                    largest = largest.max(size.mid())
        return largest

    def along_the_line(self) -> arb | None:
        """The integral over a range that contains this one, where f is analytic next to the whole of the real line."""
        if len(self.parts) > 1:
            return None
        polynomial = acb_coefficients(self.order)
        given = self.parts[0].formula, self.symbol, self.mean, self.deviation
        reach = reduce(arb.max, (abs(end - self.mean).upper() for end in self.range())) / self.deviation
        return trapezoidal_mean(*given, polynomial, reach.upper(), self.tolerance())

    def weight(self) -> Weight:
        """The density times the Hermite polynomial."""
        mean, factor = self.mean, 1 / (self.deviation * (2 * arb.pi()).sqrt())
        polynomial, inverse, half = acb_coefficients(self.order), 1 / self.deviation, -1 / (2 * self.deviation**2)

        def density(x: acb) -> acb:
            distance = x - mean
            return (distance * distance * half).exp() * factor

        def weight(x: acb) -> acb:
            return density(x) * _horner(polynomial, (x - mean) * inverse)

        return weight if self.order else density


def hermite_integral(order: int, z: arb) -> arb:
    """The integral of ``He_n`` times the density from z on."""
    if order == 0:
        return (z / arb(2).sqrt()).erfc() / 2
    return hermite(order - 1)(z) * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def squared(parts: tuple[SmoothPiece, ...]) -> tuple[SmoothPiece, ...]:
    """The smooth pieces of the square."""
    return tuple(SmoothPiece(part.formula**2, part.left, part.right) for part in parts)


@lru_cache(maxsize=256)
def acb_coefficients(order: int) -> tuple[arb, ...]:
    """The coefficients of ``He_n``, the highest first."""
    return tuple(reversed(hermite(order).coeffs()))


def _horner(coefficients: tuple[arb, ...], z: acb) -> acb:
    total = acb(coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * z + coefficient
    return total
