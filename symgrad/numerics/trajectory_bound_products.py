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
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm, certified, floats_around, matrix_norm
from symgrad.numerics.trajectory_bound_segments import Factor, Segments
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.matrix_norms import operator_norm

__all__ = [
    "Chain",
    "Factor",
    "factor_of",
    "inverse_factors",
    "moduli_of",
    "narrow_norms",
]

Array = NDArray[np.float64]

_FIRST_BITS, _MOST_BITS = 128, 8192
_NARROW_BITS = 44  # of a norm within 1e-12, with some in hand
_WIDE = 2.0**-40


def factor_of(matrix: Any, norm: Norm) -> Factor:
    """A matrix of balls as a factor: wide balls give the floats in their middle and a spread."""
    near = floats_around(matrix)
    size = float(np.abs(near.mid).max(initial=0.0))
    if bool((near.radius <= size * _WIDE).all()):
        return Factor(matrix)
    power = arb((1, near.exponent))
    spread = operator_norm(near.radius, float(norm.p)).upper if near.is_finite else np.inf
    middle = point_matrix(np.nan_to_num(near.mid, posinf=0.0, neginf=0.0))
    return Factor(middle * power, arb(spread) * power)


def inverse_factors(factors: Sequence[Factor], norm: Norm) -> list[Factor]:
    """The transposed inverses, with spreads in the dual norm.

    From the first one on that is not proved to exist, they are identities with an infinite spread.
    """
    found: list[Factor] = []
    for factor in factors:
        inverse = _inverse_factor(factor, norm)
        if inverse is None:
            size = factors[0].matrix.nrows()
            unit = arb_mat(size, size, [arb(int(i == j)) for i in range(size) for j in range(size)])
            return found + [Factor(unit, arb.pos_inf())] * (len(factors) - len(found))
        found.append(inverse)
    return found


def _inverse_factor(factor: Factor, norm: Norm) -> Factor | None:
    """With ``||D|| <= s``, ``m = ||M^-1||`` and ``m s < 1`` it is ``||(M + D)^-1 - M^-1|| <= m^2 s / (1 - m s)``."""
    if factor.matrix.nrows() != factor.matrix.ncols():
        return None
    try:
        inverse = factor.matrix.inv()
    except ZeroDivisionError:
        return None
    if factor.spread == 0:
        return Factor(inverse.transpose())
    length = matrix_norm(inverse, norm).upper.ball
    rest = 1 - length * factor.spread
    return Factor(inverse.transpose(), (length**2 * factor.spread / rest).upper()) if rest > 0 else None


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
        most = arb(1)
        for index in range(start, len(self.factors)):
            matrix = self.factors[index].matrix
            product = matrix if product is None else product * matrix
            middle = matrix_norm(product, self.norm)
            error = self._error(norms, start, index + 1)
            norms.append(middle.upper.ball)
            if error == 0:
                most = middle.upper.ball
                yield middle, middle.is_narrow or most == 0
                continue
            alone = matrix_norm(matrix, self.norm).upper.ball + self.factors[index].spread
            most = _least(middle.upper.ball + error, most * alone)
            yield certified(middle.lower.ball - error, most), middle.is_narrow or middle.upper.ball == 0

    def _error(self, norms: list[arb], start: int, stop: int) -> arb:
        """A bound on the norm of the true product of factors start ... stop - 1 minus that of the middles."""
        places = [j for j in range(start, stop) if self.factors[j].spread != 0]
        terms = (norms[j - start] * self.factors[j].spread * self._segments.norm(j + 1, stop) for j in places)
        return sum(terms, arb(0)).upper()

    @cached_property
    def _segments(self) -> Segments:
        return Segments.of(self.factors, self.norm)


def _least(a: arb, b: arb) -> arb:
    """The smaller one of two bounds, of which one may be infinite or unknown."""
    return b.upper() if b.upper() < a.upper() or a.is_nan() else a.upper()


def narrow_norms(
    chain_at: Callable[[int], Chain], wanted: int | None = None, start: int = 0, bits: int = _FIRST_BITS
) -> tuple[int, list[CertifiedNorm]]:
    """The norms of the first products of a chain, at the least precision at which the balls of its middles are narrow.

    Args:
        chain_at: the chain at a precision in bits.
        wanted: the number of products; all unless given.
        start: the first factor.
        bits: the precision tried first.

    Returns:
        The precision, and the norms; at the highest precision they are what they are.
    """
    found: list[CertifiedNorm] = []
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
    if all(factor.spread == 0 for factor in chain.factors):
        return True
    with working_precision(2 * bits):
        later = chain_at(2 * bits)
    return all(bool(b.spread >= a.spread / 2) for a, b in zip(chain.factors, later.factors, strict=True))


def moduli_of(chain_at: Callable[[int], Chain], norms: Sequence[CertifiedNorm], bits: int) -> tuple[CertifiedNorm, ...]:
    """The minimum moduli of products of these norms, from a chain of their transposed inverses."""
    bits, found = narrow_norms(chain_at, bits=bits)
    with working_precision(bits):
        return tuple(_reciprocal(inverse, norm) for inverse, norm in zip(found, norms, strict=True))


def _reciprocal(inverse: CertifiedNorm, norm: CertifiedNorm) -> CertifiedNorm:
    """The minimum modulus from the norm of the inverse; it is not above the norm."""
    low, high = inverse.lower.ball.lower(), inverse.upper.ball.upper()
    upper = norm.upper.ball
    if low > 0 and 1 / low < upper:
        upper = 1 / low
    return certified(1 / high if high.is_finite() else arb(0), upper)
