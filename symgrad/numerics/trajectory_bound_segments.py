"""Norms of the products of all segments of a chain of enclosed factors, in floats with proved rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.numerics.trajectory_bound_norms import floats_around
from symgrad.rigor.balls import upper_float
from symgrad.rigor.matrix_norms import operator_norm

__all__ = ["Factor", "Segments"]

Array = NDArray[np.float64]

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
    spread: arb = field(default_factory=lambda: arb(0))


@dataclass(frozen=True, eq=False)
class Segments:
    """Bounds on the norms of ``G_i ... G_{j-1}`` for all i <= j.

    Attributes:
        table: entry [i, j] for factors scaled by powers of two, so that long products do not leave the range of floats.
        exponents: entry j is the sum of the powers of the factors before j.
    """

    table: Array
    exponents: tuple[int, ...]

    @classmethod
    def of(cls, factors: Sequence[Factor], norm: Norm) -> Segments:
        """Those of a chain."""
        exponents = _exponents(factors)
        return cls(_table(factors, exponents, norm), (0, *accumulate(exponents)))

    def norm(self, start: int, stop: int) -> arb:
        """A bound on the norm of the true product of the factors start ... stop - 1."""
        value, scale = float(self.table[start, stop]), arb((1, self.exponents[stop] - self.exponents[start]))
        return arb(value) * scale if np.isfinite(value) else arb.pos_inf()


def _exponents(factors: Sequence[Factor]) -> list[int]:
    """Powers of two by which the product from the first factor on grows with each."""
    found, product = [], np.eye(factors[0].matrix.nrows())
    for factor in factors:
        near = floats_around(factor.matrix)
        with np.errstate(all="ignore"):
            product = product @ near.mid
        largest = float(np.abs(product).max(initial=0.0))
        if not 0 < largest < np.inf:
            product, largest = np.eye(product.shape[1]), 1.0
        power = math.frexp(largest)[1]
        product = np.ldexp(product, -power)
        found.append(near.exponent + power)
    return found


def _table(factors: Sequence[Factor], exponents: Sequence[int], norm: Norm) -> Array:
    """Entry [i, j]: a bound on the norm of the true product of the scaled factors i ... j - 1."""
    count = len(factors)
    parts = [_floats(factor, e, norm) for factor, e in zip(factors, exponents, strict=True)]
    middles = _middle_norms([mid for mid, _ in parts], norm)
    spreads = np.array([spread for _, spread in parts])
    found = np.zeros((count + 1, count + 1))  # zero below the diagonal
    found[count, count] = 1.0
    for i in range(count - 1, -1, -1):
        weights = _products(middles[i, i:count], spreads[i:])
        known = int(np.argmin(np.append(np.isfinite(weights), False)))  # longer ones were left out
        row = middles[i, i + 1 :].copy()
        row[:known] += _sums(weights[:known], found[i + 1 : i + 1 + known, i + 1 : i + 1 + known])
        places: list[int] = np.unique(np.linspace(1, known, _SPLITS, dtype=int)).tolist() if known else []
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
    mid, radius, p = np.ldexp(near.mid, near.exponent), np.ldexp(near.radius, near.exponent), float(norm.p)
    size = operator_norm(np.abs(mid), "fro" if p == 2 else p).upper * (len(mid) if p == 2 else 1) ** 0.5
    extra = operator_norm(radius, p).upper + (len(mid) + 2) * 2.0**-52 * size
    spread = upper_float(factor.spread * arb((1, -exponent)))
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
    """Bounds on the norms of a batch of matrices, rounded up; for p = 2 at most the Frobenius norms."""
    with np.errstate(all="ignore"):
        one, inf = (np.abs(batch).sum(axis=axis).max(axis=1) for axis in (1, 2))
        if norm.p == 2:
            sizes = np.fmin(np.sqrt(np.einsum("bij,bij->b", batch, batch)), np.sqrt(one) * np.sqrt(inf))
        else:
            sizes = one if norm.p == 1 else inf
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    return np.asarray(sizes * (1 + batch.shape[1] ** 2 * 2.0**-50) + _TINY)
