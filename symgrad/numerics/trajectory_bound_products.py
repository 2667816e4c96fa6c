"""Products of enclosed matrices ``G_1 G_2 ... G_k`` for every k, with their norms from both sides.

A factor is a matrix of narrow balls and a bound on how far, in the norm at hand, the true factor may lie from it.
Narrow balls are multiplied as they are, at a precision that is raised until the norms are narrow. What wide factors
(the slopes over a tube, or at a kink) add is bounded from the exact identity ``G_1 ... G_k - M_1 ... M_k =
sum_j M_1 ... M_{j-1} (G_j - M_j) G_{j+1} ... G_k``, with norms of the products of all segments: these decay where the
products do, also where no single factor is below 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.numerics.trajectory_bound_norms import (
    CertifiedNorm,
    certified,
    exponent_of,
    floats_around,
    matrix_norm,
)
from symgrad.rigor.balls import upper_float, working_precision
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.matrix_norms import operator_norm

__all__ = [
    "Chain",
    "Factor",
    "factor_of",
    "inverse_factor",
    "moduli_of",
    "narrow_norms",
]

Array = NDArray[np.float64]

_FIRST_BITS, _MOST_BITS = 128, 8192
_NARROW_BITS = 44  # of a norm within 1e-12, with some in hand
_WIDE = 2.0**-40
_TINY = 2.0**-500  # above all that underflow can hide
_SPLITS = 24
_WORK = 4e10  # floating-point operations spent on products of segments


@dataclass(frozen=True)
class Factor:
    """One enclosed matrix.

    Attributes:
        matrix: narrow balls.
        spread: not less than the norm of the true matrix minus this one.
    """

    matrix: Any
    spread: float = 0.0


def factor_of(matrix: Any, norm: Norm) -> Factor:
    """A matrix of balls as a factor: wide balls give the floats in their middle and a spread."""
    near = floats_around(matrix)
    size = float(np.abs(near.mid).max(initial=0.0))
    if bool((near.radius <= size * _WIDE).all()):
        return Factor(matrix)
    power = arb((1, near.exponent))
    spread = operator_norm(near.radius, float(norm.p)).upper if near.is_finite else np.inf
    middle = point_matrix(np.nan_to_num(near.mid, posinf=0.0, neginf=0.0))
    return Factor(middle * power, upper_float(arb(spread) * power))


def inverse_factor(factor: Factor, norm: Norm) -> Factor:
    """The transposed inverse, with its spread in the dual norm; an infinite spread where no inverse is proved to exist.

    With ``||D|| <= s`` and ``||M^-1|| s < 1`` it is ``||(M + D)^-1 - M^-1|| <= ||M^-1||^2 s / (1 - ||M^-1|| s)``.
    """
    size = factor.matrix.ncols()
    nothing = Factor(arb_mat(size, size, [arb(int(i == j)) for i in range(size) for j in range(size)]), float("inf"))
    if factor.matrix.nrows() != size:
        return nothing
    try:
        inverse = factor.matrix.inv()
    except ZeroDivisionError:
        return nothing
    if factor.spread == 0:
        return Factor(inverse.transpose())
    length = matrix_norm(inverse, norm).upper.ball
    rest = 1 - length * arb(factor.spread)
    return Factor(inverse.transpose(), upper_float(length**2 * arb(factor.spread) / rest)) if rest > 0 else nothing


@dataclass(frozen=True, eq=False)
class Chain:
    """The factors of a product from left to right.

    Attributes:
        factors: all of them.
        norm: the operator norm in which spreads are meant and products are measured.
    """

    factors: Sequence[Factor]
    norm: Norm

    def products(self, start: int = 0) -> Iterator[tuple[CertifiedNorm, bool]]:
        """For k = 1, 2, ... the norm of the product from one factor on, and whether that of the middles is narrow."""
        product: Any = None
        norms: list[arb] = [arb(1)]  # of the products of the middles of 0, 1, ... factors
        for index in range(start, len(self.factors)):
            matrix = self.factors[index].matrix
            product = matrix if product is None else product * matrix
            middle = matrix_norm(product, self.norm)
            error = self._error(norms, start, index + 1)
            norms.append(middle.upper.ball)
            whole = middle if error == 0 else certified(middle.lower.ball - error, middle.upper.ball + error)
            yield whole, middle.is_narrow or middle.upper.ball == 0

    def _error(self, norms: list[arb], start: int, stop: int) -> arb:
        """A bound on the norm of the true product of factors start ... stop - 1 minus that of the middles."""
        places = [j for j in range(start, stop) if self.factors[j].spread]
        terms = (norms[j - start] * arb(self.factors[j].spread) * self._segment(j + 1, stop) for j in places)
        return sum(terms, arb(0)).upper()

    def _segment(self, start: int, stop: int) -> arb:
        """A bound on the norm of the true product of the factors start ... stop - 1."""
        value, scale = float(self._segments[start, stop]), arb((1, sum(self._exponents[start:stop])))
        return arb(value) * scale if np.isfinite(value) else arb.pos_inf()

    @cached_property
    def _exponents(self) -> list[int]:
        """Powers of two near the factors, so that their products do not leave the range of floats."""
        return [exponent_of(factor.matrix) for factor in self.factors]

    @cached_property
    def _segments(self) -> Array:
        """Entry [i, j]: a bound on the norm of the true product of the scaled factors i ... j - 1."""
        count = len(self.factors)
        parts = [_floats(factor, e, self.norm) for factor, e in zip(self.factors, self._exponents, strict=True)]
        middles = _middle_norms([mid for mid, _ in parts], self.norm)
        spreads = np.array([spread for _, spread in parts])
        found = np.zeros((count + 1, count + 1))  # zero below the diagonal
        found[count, count] = 1.0
        for i in range(count - 1, -1, -1):
            weights = _products(middles[i, i:count], spreads[i:])
            known = int(np.argmin(np.append(np.isfinite(weights), False)))  # longer ones were left out
            row = middles[i, i + 1 :].copy()
            row[:known] += _sums(weights[:known], found[i + 1 : i + 1 + known, i + 1 : i + 1 + known])
            places = np.unique(np.linspace(1, known, _SPLITS, dtype=int)) if known else []
            for place in places:  # a product of two shorter ones
                at = i + place
                row[place:] = np.fmin(row[place:], _products(row[place - 1 : place], found[at, at + 1 :]))
            found[i, i], found[i, i + 1 :] = 1.0, row * (1 + (count + 8) * 2.0**-50) + _TINY
        return found


def _sums(weights: Array, table: Array) -> Array:
    """Sums of products of bounds; infinite where one of them is."""
    with np.errstate(all="ignore"):
        sums = weights @ table
    return np.where(np.isnan(sums), np.inf, sums)


def _products(left: Array, right: Array) -> Array:
    """Products of bounds; infinite where one of them is, so that nothing is claimed."""
    with np.errstate(all="ignore"):
        products = left * right
    return np.where(np.isnan(products), np.inf, products)


def _floats(factor: Factor, exponent: int, norm: Norm) -> tuple[Array, float]:
    """The middle of a scaled factor in floats, and the spread around it with the rounding of a product by it."""
    near = floats_around(factor.matrix * arb((1, -exponent)))
    mid, p = np.ldexp(near.mid, near.exponent), float(norm.p)
    size = operator_norm(np.abs(mid), "fro" if p == 2 else p).upper
    extra = operator_norm(near.radius, p).upper + (len(mid) + 2) * 2.0**-52 * size
    spread = upper_float(arb(factor.spread) * arb((1, -exponent)))
    return mid, (spread + extra) * (1 + 2.0**-50) + _TINY


def _middle_norms(mids: list[Array], norm: Norm) -> Array:
    """Entry [i, j]: a bound on the norm of the product of the middles i ... j - 1 as computed; infinite if left out."""
    count, size = len(mids), max(max(mid.shape) for mid in mids)
    found = np.full((count + 1, count + 1), np.inf)
    np.fill_diagonal(found, 1.0)
    longest = int(max(1, min(count, _WORK / (2.0 * size**3 * count))))
    right = np.array([_enlarged(mid, size) for mid in mids])
    current = right
    for length in range(1, longest + 1):
        index = np.arange(count - length + 1)
        found[index, index + length] = _sizes(current, norm)
        if length < count:
            with np.errstate(all="ignore"):
                current = current[:-1] @ right[length:]
    return found


def _enlarged(matrix: Array, size: int) -> Array:
    """With rows and columns of zeros, which change no norm."""
    return np.pad(matrix, [(0, size - matrix.shape[0]), (0, size - matrix.shape[1])])


def _sizes(batch: Array, norm: Norm) -> Array:
    """Bounds on the norms of a batch of matrices, rounded up; for p = 2 the Frobenius norms."""
    with np.errstate(all="ignore"):
        if norm.p == 2:
            sizes = np.sqrt(np.einsum("bij,bij->b", batch, batch))
        else:
            sizes = np.abs(batch).sum(axis=1 if norm.p == 1 else 2).max(axis=1)
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    return np.asarray(sizes * (1 + batch.shape[1] ** 2 * 2.0**-50) + _TINY)


def narrow_norms(
    chain_at: Callable[[int], Chain], wanted: int | None = None, start: int = 0
) -> tuple[int, list[CertifiedNorm]]:
    """The norms of the first products of a chain, at the least precision at which the balls of its middles are narrow.

    Args:
        chain_at: the chain at a precision in bits.
        wanted: the number of products; all unless given.
        start: the first factor.

    Returns:
        The precision, and the norms; at the highest precision they are what they are.
    """
    found: list[CertifiedNorm] = []
    bits = _FIRST_BITS
    while True:
        last = bits >= _MOST_BITS
        with working_precision(bits):
            chain = chain_at(bits)
        count = len(chain.factors) - start if wanted is None else wanted
        settled = last or _is_settled(chain, chain_at, bits)
        if settled:
            with working_precision(bits):
                found = _taken(chain, count, start, last)
        if len(found) == count or last:
            return bits, found
        bits = min(_MOST_BITS, _more_bits(bits, len(found), count) if settled else 2 * bits)


def _more_bits(bits: int, done: int, count: int) -> int:
    """A precision for all products when one was enough for some: each of them costs about as many bits."""
    rate = (bits - _NARROW_BITS) / (done + 1)
    return max(bits + bits // 4, 64 * math.ceil((rate * count * 1.1 + _NARROW_BITS) / 64))


def _taken(chain: Chain, wanted: int, start: int, last: bool) -> list[CertifiedNorm]:
    """The norms up to the first one that a higher precision would make narrower."""
    found: list[CertifiedNorm] = []
    for value, narrow in islice(chain.products(start), wanted):
        if not last and not narrow:
            break
        found.append(value)
    return found


def _is_settled(chain: Chain, chain_at: Callable[[int], Chain], bits: int) -> bool:
    """Whether the spreads of wide factors stay at twice the precision, and are not just cancellation."""
    if not any(factor.spread for factor in chain.factors):
        return True
    with working_precision(2 * bits):
        later = chain_at(2 * bits)
    return all(b.spread >= a.spread / 2 for a, b in zip(chain.factors, later.factors, strict=True))


def moduli_of(chain_at: Callable[[int], Chain], norms: Sequence[CertifiedNorm]) -> tuple[CertifiedNorm, ...]:
    """The minimum moduli of products of these norms, from a chain of their transposed inverses."""
    bits, found = narrow_norms(chain_at)
    with working_precision(bits):
        return tuple(_reciprocal(inverse, norm) for inverse, norm in zip(found, norms, strict=True))


def _reciprocal(inverse: CertifiedNorm, norm: CertifiedNorm) -> CertifiedNorm:
    """The minimum modulus from the norm of the inverse; it is not above the norm."""
    low, high = inverse.lower.ball.lower(), inverse.upper.ball.upper()
    upper = norm.upper.ball
    if low > 0 and 1 / low < upper:
        upper = 1 / low
    return certified(1 / high if high.is_finite() else arb(0), upper)
