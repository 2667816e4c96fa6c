"""Gaussian means of functions that are analytic in a strip, by the trapezoidal rule with a proved error.

Let g be analytic on ``[-X, X] x [-a, a]`` with X an odd multiple of h/2. The residue theorem, with the kernel
``1/(1 - exp(-2 pi i z/h))``, gives the sum over the nodes ``k h`` between -X and X, times h, as the integral of g from
-X to X up to

    (T + B)/(exp(2 pi a/h) - 1) + (h/pi) (R + L),

where T and B are the integrals of ``|g|`` over the long sides of the rectangle, R and L its suprema on the short ones:
there the kernel, or what is left of it when 1 is taken off, is at most ``exp(-2 pi |y|/h)`` in modulus. The argument is
that of Trefethen and Weideman 2014, *The exponentially convergent trapezoidal rule*, SIAM Review 56, theorem 5.1, on a
rectangle instead of a strip, so that nothing needs to be known about g farther out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import sympy as sp
from flint import acb, arb, ctx

from symgrad.rigor.balls import log10_of, lower_float, upper_float, working_precision
from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.plain_balls import plain_ball_function

__all__ = ["trapezoidal_mean"]

_BITS = 53  # of bounds
_MOST_NODES = 2000
_HIGHEST = 9.5  # half a strip, in standard deviations; a wider one does not pay
_TRIALS, _DEPTH = 40, 4
_LEAST = arb(2) ** -400  # deviation for which everything is far inside the range of floats
_PER_OCTAVE = 4  # heights of strips that are tried
_BUCKETS = 8  # of deviations in an octave, for which a rule is kept
_WIDEST = 1.0  # spacing, so that a last node is found within 1 of the least range
_STEPS = 64  # spacings are multiples of its inverse, so that weights at the nodes can be kept


@dataclass
class _Strip:
    """Upper bounds of ``|f|`` on cells of the strip ``|Im w| <= height``, half as wide as that."""

    formula: sp.Expr
    symbol: sp.Symbol
    height: float
    _known: dict[int, float] = field(default_factory=dict)

    def bound(self, cell: int) -> float:
        """On the cell from ``cell * height / 2`` on; infinite unless f is proved to be analytic there."""
        found = self._known.get(cell)
        if found is None:
            width = arb(self.height) / 2
            found = self._known[cell] = self._largest(
                cell * width, (cell + 1) * width, arb(0), arb(self.height), _DEPTH
            )
        return found

    def _largest(self, left: arb, right: arb, low: arb, high: arb, depth: int) -> float:
        """On a rectangle of the upper half; values in the lower half are the conjugates."""
        value = abs(complex_ball_function(self.formula, self.symbol)(acb(left.union(right), low.union(high))))
        if value.is_finite():
            return upper_float(value)
        if depth == 0:
            return math.inf
        x, y = (left + right) / 2, (low + high) / 2
        parts = ((left, x, low, y), (left, x, y, high), (x, right, low, y), (x, right, y, high))
        largest = 0.0
        for part in parts:
            largest = max(largest, self._largest(*part, depth - 1))
            if largest == math.inf:
                break
        return largest


@lru_cache(maxsize=1024)
def _strip(formula: sp.Expr, symbol: sp.Symbol, exponent: int) -> _Strip:
    return _Strip(formula, symbol, 2.0 ** (exponent / _PER_OCTAVE))


@dataclass(frozen=True)
class _Rule:
    """A spacing and a number of nodes on each side, with a bound of the error."""

    spacing: float
    count: int
    error: arb


def _least_height(reach: float, tolerance: arb) -> float:
    """Half the strip, in standard deviations, below which too many nodes are needed for an integrand of size 1."""
    digits = max(1.0, float(-(tolerance.max(arb(2) ** -ctx.prec)).log().mid()))
    return 2 * reach / _MOST_NODES * digits / (2 * math.pi)


@dataclass(frozen=True)
class _Integrand:
    """``f(mean + deviation z) He_n(z)`` against the Gaussian density.

    Attributes:
        polynomial: the coefficients of ``He_n``, the highest first.
    """

    formula: sp.Expr
    symbol: sp.Symbol
    mean: arb
    deviation: arb
    polynomial: tuple[arb, ...]

    def rule(self, reach: float, tolerance: arb) -> _Rule | None:
        """The rule with the widest spacing among strips of several heights; None where none is proved."""
        scale = upper_float(self.deviation)
        highest = math.floor(_PER_OCTAVE * math.log2(min(_HIGHEST, reach) * scale))
        best: _Rule | None = None
        lowest = _PER_OCTAVE * math.log2(scale * _least_height(reach, tolerance))
        for exponent in range(highest, max(highest - _TRIALS, math.ceil(lowest)) - 1, -1):
            found = self._in_strip(_strip(self.formula, self.symbol, exponent), scale, reach, tolerance)
            if found is None or (best is not None and found.spacing <= best.spacing):
                if best is not None:
                    return best
            else:
                best = found
        return best

    def _in_strip(self, strip: _Strip, scale: float, reach: float, tolerance: arb) -> _Rule | None:
        if strip.bound(self._cell(strip, 0.0)) == math.inf:
            return None
        a = (arb(strip.height) / arb(scale)).lower()
        half = math.sqrt(reach**2 + upper_float(a) ** 2) * (1 + 1e-9)
        top = self._along(strip, a, half + 1)
        if not top.is_finite():
            return None
        wanted = 2 * arb.pi() * a / (4 * top.max(tolerance) / tolerance + 1).log()
        spacing = math.floor(min(lower_float(wanted), _WIDEST) * _STEPS) / _STEPS
        if spacing <= 0 or half / spacing > _MOST_NODES / 2:
            return None
        count = math.ceil(half / spacing - 0.5)
        end = (count + 0.5) * spacing
        if end > half + 1:
            return None
        sides = self._beside(strip, a, end) + self._beside(strip, a, -end)
        error = 2 * top / ((2 * arb.pi() * a / spacing).exp() - 1) + sides * spacing / arb.pi()
        return _Rule(spacing, count, error.upper()) if error < 4 * tolerance else None

    def _along(self, strip: _Strip, a: arb, end: float) -> arb:
        """An upper bound of the integral of the modulus along a long side, of z from -end to end."""
        width = lower_float(a) / 2
        cells = math.ceil(end / width) + 1
        total = arb(0)
        for left, right in pairwise(cell * width for cell in range(-cells, cells + 1)):
            largest = self._near(strip, left, right)
            if largest == math.inf:
                return arb.pos_inf()
            total += arb(largest) * self._weight(a, left, right) * (arb(right) - left)
        return total.upper()

    def _beside(self, strip: _Strip, a: arb, x: float) -> arb:
        """An upper bound of the modulus on a short side."""
        return arb(self._near(strip, x, x)) * self._weight(a, x, x)

    def _near(self, strip: _Strip, left: float, right: float) -> float:
        """An upper bound of ``|f|`` where z has a real part in an interval."""
        cells = range(self._cell(strip, left, down=True), self._cell(strip, right) + 1)
        return max(strip.bound(cell) for cell in cells)

    def _cell(self, strip: _Strip, x: float, down: bool = False) -> int:
        w = self.mean + self.deviation * x
        place = (w.lower() if down else w.upper()) * 2 / arb(strip.height)
        return math.floor(lower_float(place) if down else upper_float(place))

    def _weight(self, a: arb, left: float, right: float) -> arb:
        """An upper bound of ``|He_n(z)|`` times the density at z = x + iy with x in an interval and ``|y| <= a``."""
        nearest = 0.0 if left < 0 < right else min(abs(left), abs(right))
        size = arb(max(abs(left), abs(right))) + a
        polynomial = arb(0)
        for coefficient in self.polynomial:
            polynomial = polynomial * size + abs(coefficient)
        return (polynomial * ((a**2 - arb(nearest) ** 2) / 2).exp() / (2 * arb.pi()).sqrt()).upper()


def trapezoidal_mean(
    formula: sp.Expr,
    symbol: sp.Symbol,
    mean: arb,
    deviation: arb,
    polynomial: tuple[arb, ...],
    reach: arb,
    tolerance: arb,
) -> arb | None:
    """Encloses a Gaussian mean of an analytic function, up to what lies beyond a range.

    Args:
        formula: f, smooth on the whole real line.
        symbol: its variable.
        mean: of the argument, a narrow ball.
        deviation: its standard deviation, a narrow ball above 0.
        polynomial: the coefficients of the polynomial p that f is multiplied by, the highest first.
        reach: the range covered ends beyond this many standard deviations.
        tolerance: the error of the rule to aim at.

    A rule is proved for all deviations of a quarter of an octave, and all means of an interval, at once, and kept.

    Returns:
        A ball around the integral of ``f(mean + deviation z) p(z)`` against the Gaussian density, for z from some X
        beyond the reach on the left to the same on the right; None where no strip is proved in which f is analytic, or
        where that is so narrow that other ways are faster.
    """
    decades = log10_of(tolerance, up=False)
    if not (math.isfinite(decades) and _LEAST < deviation < 1 / _LEAST and abs(mean) < 1 / _LEAST):
        return None  # too near the ends of the range of floats
    far, aim = math.ceil(4 * upper_float(reach)) / 4, math.floor(decades / math.log10(2))
    bucket = math.floor(_BUCKETS * math.log2(lower_float(deviation)))
    top = 2.0 ** ((bucket + 2) / _BUCKETS) * (1 - 1e-12)
    shifted = _mean_bucket(mean, 2.0 ** (bucket // _BUCKETS - 2))
    fits = upper_float(deviation) < top and shifted is not None
    rule = _rule(formula, symbol, shifted, bucket, polynomial, far, aim) if fits else None
    if rule is None:
        return None
    even = all(coefficient.is_zero() for coefficient in polynomial[-2::-2])
    mirrored = even and mean.is_zero() and _is_plainly_even(formula, symbol)
    total = _sum_over_nodes(plain_ball_function(formula, symbol), mean, deviation, polynomial, rule, mirrored)
    return total * arb(rule.spacing) + arb(0, 1) * rule.error


def _sum_over_nodes(
    function: Callable[[arb], arb], mean: arb, deviation: arb, polynomial: tuple[arb, ...], rule: _Rule, mirrored: bool
) -> arb:
    """The sum of the integrand over the nodes; over those from 0 on, and their mirror images, where it is even."""
    weights, step = _weights(rule.spacing, rule.count, polynomial, ctx.prec), deviation * arb(rule.spacing)
    total = arb(0)
    if not mirrored:
        for k, weight in enumerate(weights, -rule.count):
            total += function(mean + step * k) * weight
        return total
    for k, weight in enumerate(weights[rule.count + 1 :], 1):
        total += function(step * k) * weight
    return 2 * total + function(arb(0)) * weights[rule.count]


@lru_cache(maxsize=1024)
def _is_plainly_even(formula: sp.Expr, symbol: sp.Symbol) -> bool:
    """Whether SymPy writes ``f(-z)`` as ``f(z)`` by itself."""
    return bool(formula.xreplace({symbol: -symbol}) == formula)


@lru_cache(maxsize=4096)
def _rule(
    formula: sp.Expr,
    symbol: sp.Symbol,
    mean: tuple[float, float],
    bucket: int,
    polynomial: tuple[arb, ...],
    reach: float,
    aim: int,
) -> _Rule | None:
    """A rule for all deviations in a bucket, with an error of about two to the power of ``aim``."""
    with working_precision(_BITS):
        low, high = (2.0 ** ((bucket + place) / _BUCKETS) for place in (0, 2))
        deviation = arb(low * (1 - 1e-12)).union(arb(high))
        centre = arb(mean[0]).union(arb(mean[1]))
        return _Integrand(formula, symbol, centre, deviation, polynomial).rule(reach, arb(2) ** aim)


def _mean_bucket(mean: arb, width: float) -> tuple[float, float] | None:
    """Ends of a fixed interval around a mean, for which a rule is kept; None where the mean is known too vaguely."""
    if mean.is_zero():
        return 0.0, 0.0
    low = math.floor(lower_float(mean / width)) * width
    high = low + 2 * width
    return (low, high) if upper_float(mean) < high else None


@lru_cache(maxsize=64)
def _weights(spacing: float, count: int, polynomial: tuple[arb, ...], bits: int) -> tuple[arb, ...]:
    """The polynomial times the density at the nodes."""
    found = []
    for k in range(-count, count + 1):
        z = arb(spacing) * k
        value = (-(z * z) / 2).exp() / (2 * arb.pi()).sqrt()
        horner = arb(0)
        for coefficient in polynomial:
            horner = horner * z + coefficient
        found.append(value * horner)
    return tuple(found)
