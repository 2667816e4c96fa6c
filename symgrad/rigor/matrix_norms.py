"""Norms and extreme singular values of float64 matrices, enclosed in spite of rounding.

Small matrices go through ball arithmetic (`ball_singular_values`), larger ones through BLAS with proved error bounds
(`float_singular_values`). Round-to-nearest IEEE arithmetic is assumed, and a BLAS without Strassen-like products;
any summation order, fused multiply-add and threads are covered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.array_input import checked_matrix, checked_radius
from symgrad.rigor.ball_singular_values import ball_largest, ball_smallest
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.float_products import largest_sum, norm_bound, square_sum
from symgrad.rigor.float_singular_values import equilibrated_bound, float_largest, float_smallest
from symgrad.rigor.magnitudes import Magnitudes, magnitudes
from symgrad.rigor.matrix_balls import ball_matrix, midpoint_radius

__all__ = [
    "NormEnclosure",
    "NormIndex",
    "ball_matrix",
    "checked_matrix",
    "midpoint_radius",
    "operator_norm",
    "smallest_singular_value",
]

Array = NDArray[np.float64]
NormIndex = int | float | Literal["fro"]

_BITS = 160
# the largest (columns, entries) of a matrix that goes through balls at once, or when float64 proves too little
_SMALL = (32, 4096)
_MEDIUM = (128, 32768)
_TINY = 8  # columns up to which balls are as fast as float64
_ROUNDING = arb(2) ** -54
_IN_VAIN = 32


@dataclass(frozen=True)
class NormEnclosure:
    """Two floats that bound a norm or singular value: lower <= true value <= upper.

    Attributes:
        lower: proved lower bound, never negative.
        upper: proved upper bound; inf when the value may pass the largest float.
        method: ``"sums"`` exact sums of entries, ``"balls"`` ball arithmetic, ``"blas"`` float64 products with error
            bounds, ``"empty"`` no entries.
    """

    lower: float
    upper: float
    method: str

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper


@dataclass(frozen=True)
class _Bounds:
    """lower <= value <= upper as exact balls, in any range of exponents."""

    lower: arb
    upper: arb
    method: str

    def tightened(self, lower: arb, upper: arb) -> _Bounds:
        """The better ones of these and other bounds of the same value."""
        best = lower if lower > self.lower else self.lower
        return _Bounds(best, upper if upper < self.upper else self.upper, self.method)

    def enclosure(self, radius: arb) -> NormEnclosure:
        """The floats around, for every matrix within a distance ``radius`` in the norm at hand."""
        lower, upper = self.lower - radius, self.upper + radius
        return NormEnclosure(max(0.0, lower_float(lower)), upper_float(upper), self.method)


_NOTHING = _Bounds(arb(0), arb(0), "sums")


def _row_sums(sizes: Magnitudes) -> _Bounds:
    """The largest sum of magnitudes of a row."""
    lower = largest_sum(sizes.low) * sizes.power
    return _Bounds(lower, lower if sizes.is_exact else largest_sum(sizes.high) * sizes.power, "sums")


def _frobenius(sizes: Magnitudes) -> _Bounds:
    lower = square_sum(sizes.low).sqrt() * sizes.power
    return _Bounds(lower, lower if sizes.is_exact else square_sum(sizes.high).sqrt() * sizes.power, "sums")


def _radius_norm(radius: Array | None) -> arb:
    """An upper bound of the 2-norm of every matrix within the radius."""
    if radius is None:
        return arb(0)
    sizes = magnitudes(radius, None)
    return norm_bound(sizes.high) * sizes.power


def _tall(values: Array) -> Array:
    return values if values.shape[0] >= values.shape[1] else np.ascontiguousarray(values.T)


def _within(values: Array, limits: tuple[int, int]) -> bool:
    return min(values.shape) <= limits[0] and values.size <= limits[1]


def _lengths(sizes: Magnitudes) -> Array:
    """About the 2-norms of the columns: only used to choose one."""
    values = sizes.low
    top = values.max(axis=0)
    ratios = np.divide(values, top, out=np.zeros_like(values), where=top > 0)
    lengths: Array = top * np.sqrt(np.square(ratios).sum(axis=0))
    return lengths


def _longest(sizes: Magnitudes) -> arb:
    """The length of the longest column: a lower bound of sigma_max."""
    return _frobenius(sizes.column(int(np.argmax(_lengths(sizes))))).lower


def _shortest(sizes: Magnitudes) -> arb:
    """The length of the shortest column: an upper bound of sigma_min with at least as many rows as columns."""
    return _frobenius(sizes.column(int(np.argmin(_lengths(sizes))))).upper


def _largest(values: Array, radius: arb) -> _Bounds:
    """sigma_max; when sqrt(1-norm * inf-norm) or the Frobenius norm meets the longest column or row, this is all.

    Where matrices within a radius are meant that is not much below rounding, balls would be accurate in vain.
    """
    sizes, balls = magnitudes(values, None), _within(values, _SMALL)
    root = (_row_sums(sizes).upper * _row_sums(sizes.transposed).upper).sqrt()
    simple = _Bounds(_longest(sizes), root, "sums").tightened(_longest(sizes.transposed), root)
    if balls:
        simple = simple.tightened(arb(0), _frobenius(sizes).upper)
    if simple.lower >= simple.upper:
        return simple
    if not balls or (min(values.shape) > _TINY and radius > simple.lower * _ROUNDING):
        lower, upper = float_largest(_tall(values))
        if not balls or upper - lower < _IN_VAIN * radius:
            return _Bounds(lower, upper, "blas").tightened(simple.lower, simple.upper)
    return _Bounds(*ball_largest(_tall(values)), "balls").tightened(simple.lower, simple.upper)


def _diagonal_bound(sizes: Magnitudes) -> arb:
    """The least |a_ii| - (off-diagonal sums of row and column i) / 2, a lower bound of sigma_min of a square matrix.

    C. R. Johnson, *A Gersgorin-type lower bound for the smallest singular value*, Linear Algebra Appl. 112 (1989).
    """
    off = sizes.high.copy()
    np.fill_diagonal(off, 0.0)
    sums = (off.sum(axis=0) + off.sum(axis=1)) / 2
    sums = np.where(sums > 0, sums * (1 + 4 * (len(off) + 1) * 2.0**-53) + 2.0**-1000, 0.0)
    rest = np.diag(sizes.low) - sums
    return arb(float(np.where(sums > 0, np.nextafter(rest, -np.inf), rest).min())) * sizes.power


def _simple_smallest(sizes: Magnitudes) -> _Bounds:
    """sigma_min from the entries of a matrix with at least as many rows as columns: narrow when it is diagonal."""
    simple = _Bounds(arb(0), _shortest(sizes), "sums")
    if sizes.low.shape[0] > sizes.low.shape[1]:
        return simple
    return simple.tightened(_diagonal_bound(sizes), _shortest(sizes.transposed))


def _smallest(values: Array) -> _Bounds:
    tall = _tall(values)
    simple = _simple_smallest(magnitudes(tall, None))
    if simple.lower >= simple.upper:
        return simple
    if not _within(values, _SMALL):
        bounds = _Bounds(*float_smallest(tall), "blas").tightened(simple.lower, simple.upper)
        if bounds.lower > bounds.upper * (1 - arb(1e-10)):
            return bounds
        if not _within(values, _MEDIUM):
            return bounds.tightened(equilibrated_bound(tall), bounds.upper)
    return _Bounds(*ball_smallest(tall), "balls").tightened(simple.lower, simple.upper)


def _checked_index(p: object) -> int | float | str:
    for known in (1, 2, math.inf, "fro"):
        if not isinstance(p, bool | np.ndarray) and p == known:
            return known
    raise InputError(f"p: {p!r} was given; accepted are 1, 2, inf and 'fro'")


def operator_norm(matrix: object, p: NormIndex = 2, *, radius: object = None) -> NormEnclosure:
    """Bounds of ||A||_p for p = 1 (column sums), 2 (sigma_max), inf (row sums) or "fro" (Frobenius).

    p = 2: within about 1e-15 (relative) up to 32 rows or columns, else within about 1e-13 at n = 1024, at any scale
    and for any condition number. Sums and Frobenius norms: within a few ulp, and exact where the value is a float.

    Args:
        matrix: m by n, finite real entries, taken as exact (see `checked_matrix`). Without entries the norm is 0.
        p: which norm.
        radius: entries >= 0, same shape: the bounds then hold for every matrix within ``radius`` of ``matrix``.

    Returns:
        The enclosure; ``upper`` is inf if the norm may exceed the largest float.

    Raises:
        InputError: a matrix, radius or p that is not accepted.

    >>> operator_norm([[3.0, 0.0], [4.0, 0.0]])
    NormEnclosure(lower=5.0, upper=5.0, method='sums')
    >>> golden = operator_norm([[1.0, 1.0], [1.0, 0.0]])
    >>> (1 + 5**0.5) / 2 in golden, golden.upper - golden.lower < 1e-15
    (True, True)
    """
    values = checked_matrix(matrix)
    spread = checked_radius(radius, (values.shape[0], values.shape[1]))
    index = _checked_index(p)
    if values.size == 0:
        return NormEnclosure(0.0, 0.0, "empty")
    with working_precision(_BITS):
        if index == 2:
            distance = _radius_norm(spread)
            bounds = _largest(values, distance) if values.any() else _NOTHING
            return bounds.enclosure(distance)
        sizes = magnitudes(values, spread)
        if index == "fro":
            return _frobenius(sizes).enclosure(arb(0))
        return _row_sums(sizes.transposed if index == 1 else sizes).enclosure(arb(0))


def smallest_singular_value(matrix: object, *, radius: object = None) -> NormEnclosure:
    """Bounds of sigma_min, the smallest of the min(m, n) singular values.

    Up to 32 rows or columns: within about 1e-15 (relative) for any condition number, exactly 0 when the rank is lower
    than min(m, n). Up to 128: the same, or within 1e-10 where that takes less time. Larger: within about 1e-15 times
    the condition number; when that, with rows and columns scaled, is above about 1e12, ``lower`` is 0 and ``upper`` is
    not below the size of rounding.

    Args:
        matrix: m by n, finite real entries, taken as exact. Without singular values (m = 0 or n = 0) the result is
            inf, the least element of the empty set, so that sigma_min of a direct sum is the smaller of the two.
        radius: entries >= 0, same shape: the bounds then hold for every matrix within ``radius`` of ``matrix``.

    Raises:
        InputError: a matrix or radius that is not accepted.

    >>> smallest_singular_value([[2.0, 0.0], [0.0, 0.5]])
    NormEnclosure(lower=0.5, upper=0.5, method='sums')
    >>> smallest_singular_value([[0.1, 0.2], [0.2, 0.4]])
    NormEnclosure(lower=0.0, upper=0.0, method='balls')
    """
    values = checked_matrix(matrix)
    spread = checked_radius(radius, (values.shape[0], values.shape[1]))
    if values.size == 0:
        return NormEnclosure(math.inf, math.inf, "empty")
    with working_precision(_BITS):
        bounds = _smallest(values) if values.any() else _NOTHING
        return bounds.enclosure(_radius_norm(spread))
