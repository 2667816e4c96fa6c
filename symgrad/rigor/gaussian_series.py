"""Gaussian means of products by Hermite expansions: ``E[f(x) g(y)] = sum a_n b_n c**n`` (Mehler's formula).

The a_n and b_n are the coefficients of ``f(sqrt(q) z)`` and ``g(sqrt(q) z)`` in the Hermite polynomials divided by
``sqrt(n!)``, an orthonormal basis. By Bessel's identity and Cauchy and Schwarz the terms from N on are together at
most ``|c|**N sqrt((E[f**2] - a_0**2 - ... - a_(N-1)**2) (E[g**2] - b_0**2 - ... - b_(N-1)**2))``.
"""

from __future__ import annotations

from functools import reduce

import sympy as sp
from flint import arb, ctx

from symgrad.rigor.balls import ball_from_ends, working_precision
from symgrad.rigor.gaussian_cells import common, mean_on_cells
from symgrad.rigor.gaussian_points import mean_against_hermite, squared
from symgrad.rigor.integrals import smooth_parts
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["Expansion", "PairSeries", "expansion"]

_GUARD = 30
_BLOCK = 8
_MOST_NARROW, _MOST_WIDE = 48, 16


class Expansion:
    """The Hermite coefficients of ``f(sqrt(q) z)`` for the variances q of a ball, computed as they are asked for.

    Args:
        formula: f, in one symbol.
        symbol: its variable.
        low: the least variance, an exact number.
        high: the greatest.
    """

    def __init__(self, formula: sp.Expr, symbol: sp.Symbol, low: arb, high: arb) -> None:
        self.parts, self.symbol, self.low, self.high = smooth_parts(formula, symbol) or (), symbol, low, high
        self.bits = ctx.prec + _GUARD
        self._known: list[arb] = []
        self.is_narrow = bool(low > 0 and high - low < low * arb(2) ** -30)
        self.norm = self._mean(squared(self.parts), 0) if self.parts else arb("nan")

    def coefficient(self, n: int) -> arb:
        """The coefficient of ``He_n / sqrt(n!)``."""
        while len(self._known) <= n:
            k = len(self._known)
            with working_precision(self.bits):
                self._known.append(self._mean(self.parts, k) / arb(k).fac().sqrt())
        return self._known[n]

    def rest(self, count: int) -> arb:
        """An upper bound of the sum of the squares of all coefficients from ``count`` on."""
        with working_precision(self.bits):
            squares = [self.coefficient(n).abs_lower() ** 2 for n in range(count)]
            return (self.norm.upper() - sum(squares, arb(0))).upper().max(arb(0))

    def _mean(self, parts: tuple[SmoothPiece, ...], order: int) -> arb:
        """``E[f He_n(z)]``, by its mean value form on a range: its derivative by q is that of n and n + 2 over 2 q."""
        with working_precision(self.bits):
            if self.is_narrow:
                variance = self.low if self.low == self.high else ball_from_ends(self.low, self.high)
                return mean_against_hermite(parts, self.symbol, variance, arb(0), order)
            on_range = self._on_range(parts, order)
            if not self.low > 0:
                return on_range
            middle = ((self.low + self.high) / 2).mid()
            slope = (order * on_range + self._on_range(parts, order + 2)) * ball_from_ends(1 / self.high, 1 / self.low)
            center = mean_against_hermite(parts, self.symbol, middle, arb(0), order)
            return common([on_range, center + slope / 2 * (ball_from_ends(self.low, self.high) - middle)])

    def _on_range(self, parts: tuple[SmoothPiece, ...], order: int) -> arb:
        return mean_on_cells(parts, self.symbol, (self.low.sqrt().lower(), self.high.sqrt().upper()), arb(0), order)


_EXPANSIONS: dict[tuple[object, ...], Expansion] = {}
_MOST_KEPT = 64


def expansion(formula: sp.Expr, symbol: sp.Symbol, low: arb, high: arb) -> Expansion:
    """The expansion for the variances between two exact numbers, kept for later use."""
    key = (formula, symbol, *(str(end.mid().man_exp()) if end > 0 else "0" for end in (low, high)), ctx.prec)
    if key not in _EXPANSIONS:
        if len(_EXPANSIONS) >= _MOST_KEPT:
            _EXPANSIONS.pop(next(iter(_EXPANSIONS)))
        _EXPANSIONS[key] = Expansion(formula, symbol, low, high)
    return _EXPANSIONS[key]


class PairSeries:
    """``E[f(x) g(y)]`` as a power series in the correlation.

    Args:
        first: the expansion of f.
        second: that of g.
    """

    def __init__(self, first: Expansion, second: Expansion) -> None:
        self.first, self.second = first, second
        self.most = _MOST_NARROW if first.is_narrow and second.is_narrow else _MOST_WIDE

    @property
    def size(self) -> arb:
        """An upper bound of the mean of ``|f g|`` whatever the correlation."""
        return (self.first.norm * self.second.norm).sqrt().upper()

    @property
    def exists(self) -> bool:
        """Whether both functions are proved to have a finite mean square."""
        return bool(self.first.norm.is_finite() and self.second.norm.is_finite())

    def value(self, low: arb, high: arb) -> arb:
        """The mean for all correlations between two exact numbers from -1 to 1."""
        count = self._terms(abs(low).max(abs(high)))
        total = sum((self._product(n) * _power(low, high, n) for n in range(count)), arb(0))
        return total + arb(0, 1) * (abs(low).max(abs(high)) ** count * self._remaining(count)).upper()

    def slope(self, low: arb, high: arb) -> arb:
        """Its derivative by the correlation; not finite where correlations reach -1 or 1."""
        size = abs(low).max(abs(high))
        if not size < 1:
            return arb("nan")
        count = self._terms(size)
        total = sum((n * self._product(n) * _power(low, high, n - 1) for n in range(1, count)), arb(0))
        factor = count * size ** (count - 1)
        if size > 0 and not -1 / size.log() < count:  # n size**(n-1) is largest at n = -1/log(size)
            factor = factor.max(-1 / (size.log() * size * arb.const_e()))
        return total + arb(0, 1) * (factor * self._remaining(count)).upper()

    def _product(self, n: int) -> arb:
        return self.first.coefficient(n) * self.second.coefficient(n)

    def _remaining(self, count: int) -> arb:
        return (self.first.rest(count) * self.second.rest(count)).sqrt().upper()

    def _terms(self, size: arb) -> int:
        """How many terms to take: until the rest does not matter, or cannot be made not to matter by all of them."""
        target = self.size * arb(2) ** -ctx.prec
        former = arb(1)
        for count in range(_BLOCK, self.most + 1, _BLOCK):
            rest = size**count * self._remaining(count)
            if rest < target or not rest.is_finite():
                return count
            blocks_left = (self.most - count) // _BLOCK
            if count > 2 * _BLOCK and not rest * (rest / former) ** blocks_left < target:
                return count
            former = rest
        return self.most


def _power(low: arb, high: arb, n: int) -> arb:
    """The ball of ``c**n`` for c between two numbers."""
    ends = [low**n, high**n]
    if n % 2 == 0 and n > 0 and low < 0 < high:
        ends.append(arb(0))
    return ball_from_ends(reduce(arb.min, ends), reduce(arb.max, ends))
