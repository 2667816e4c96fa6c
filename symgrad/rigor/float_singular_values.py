"""Enclosures of the extreme singular values of a float64 matrix, through BLAS and LAPACK.

LAPACK only proposes; what is claimed rests on products with proved error bounds (`float_products`):

* sigma_max <= sqrt(s^2 + ||s^2 I - X'X - L'L||) for *any* L, since X'X + L'L >= X'X. With an approximate
  eigensystem X'X ~ V diag(d) V' and s^2 = max d, L = diag(sqrt(s^2 - d)) V' leaves a residual of the size of rounding.
  This is the argument of Rump, *Verification of positive definiteness*, BIT 46 (2006), with the residual computed
  instead of bounded a priori.
* sigma_min >= (1 - ||I - R X||) / ||R|| for any R, since sigma_min(RX) <= ||R|| sigma_min(X).
* ||X v|| / ||v|| lies between the two for any v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.float_products import (
    identity_residual,
    inner_products,
    is_clean,
    norm_bound,
    square_sum,
    without_tiny,
)

__all__ = [
    "Scaled",
    "equilibrated_bound",
    "float_largest",
    "float_smallest",
    "largest_certificate",
    "scaled",
    "stretch",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scaled:
    """A matrix as 2^exponent (array + dropped) with array clean and the 2-norm of dropped at most ``lost``."""

    array: Array
    exponent: int
    lost: arb

    def widened(self, lower: arb, upper: arb) -> tuple[arb, arb]:
        """Bounds of a singular value of the whole from those of ``array``."""
        least = lower - self.lost
        power = _power(self.exponent)
        return (least.lower() * power if least > 0 else arb(0)), (upper + self.lost).upper() * power


def scaled(x: Array) -> Scaled:
    """A finite matrix as one that is clean with entries of at most 1, times a power of two.

    >>> scaled(np.array([[4.0, 1e-200]])).array.tolist()
    [[0.5, 0.0]]
    """
    exponent = int(np.frexp(np.abs(x).max())[1])
    # ldexp in one step from either end of the range; what underflows is among the dropped entries anyway
    array = np.ldexp(x, -exponent)
    clean = without_tiny(array)
    dropped = int(np.count_nonzero(x) - np.count_nonzero(clean))
    return Scaled(clean, exponent, arb((dropped, -300)) if dropped else arb(0))


def _power(exponent: int) -> arb:
    return arb((1, exponent))


def stretch(x: Array, v: Array) -> arb:
    """A ball around ||x v|| / ||v|| for a clean matrix x and a non-zero vector v.

    >>> bool(abs(stretch(np.diag([3.0, 1.0]), np.array([1.0, 0.0])) - 3) < 1e-14)
    True
    """
    vector = without_tiny(v)
    product = inner_products(x.T, vector[:, None])
    image = product.high + product.low
    error = product.error + norm_bound(image) * arb((1, -53))
    length = square_sum(image.ravel()).sqrt()
    return (length + arb(0, error)) / square_sum(vector).sqrt()


def largest_certificate(x: Array, vectors: Array, values: Array, square: float) -> arb:
    """An upper bound of sigma_max of a clean matrix, whatever the approximations proposed.

    Args:
        x: clean matrix, k by n with n <= k.
        vectors: n by n, about the eigenvectors of x'x, as columns.
        values: about the eigenvalues in the same order.
        square: about the square of sigma_max; the bound is close to its root when the residual is small.

    >>> bool(abs(largest_certificate(np.diag([3.0, 1.0]), np.eye(2), np.array([9.0, 1.0]), 9.0) - 3) < 1e-14)
    True
    >>> bool(largest_certificate(np.diag([3.0, 1.0]), np.eye(2), np.array([9.0, 1.0]), 8.0) >= 3)
    True
    """
    completion = without_tiny((vectors * np.sqrt(np.maximum(square - values, 0.0))).T)
    stacked = np.vstack([x, completion])
    if not (is_clean(stacked) and np.isfinite(square)):
        return arb.pos_inf()
    return (arb(square) + identity_residual(stacked, stacked, square)).sqrt().upper()


def float_largest(x: Array) -> tuple[arb, arb]:
    """Bounds (lower, upper) of sigma_max of a non-zero matrix with at least as many rows as columns.

    >>> lower, upper = float_largest(np.diag([3e-200, 1e-200]))
    >>> bool(lower <= arb(3e-200)) and bool(arb(3e-200) <= upper)
    True
    """
    near = scaled(x)
    with np.errstate(all="ignore"):
        try:
            values, vectors = np.linalg.eigh(near.array.T @ near.array)
        except np.linalg.LinAlgError:
            lower, upper = arb(0), norm_bound(near.array)
        else:
            upper = largest_certificate(near.array, vectors, values, float(values[-1]))
            lower = stretch(near.array, vectors[:, -1]).lower()
    return near.widened(lower, upper)


def _smallest_bound(x: Array, left: Array, values: Array, right: Array) -> arb:
    """A lower bound of sigma_min of a clean matrix from an approximate singular value decomposition; 0 if none."""
    inverse = without_tiny(np.ascontiguousarray(((right.T / values) @ left.T).T))
    if not (np.isfinite(inverse).all() and is_clean(inverse)):
        return arb(0)
    residual = identity_residual(inverse, x)
    if not residual < 1:
        return arb(0)
    squares = values**-2.0
    norm = largest_certificate(inverse, right.T, squares, float(squares.max()))
    return ((1 - residual) / norm).lower()


def float_smallest(x: Array) -> tuple[arb, arb]:
    """Bounds (lower, upper) of sigma_min of a non-zero matrix with at least as many rows as columns.

    The lower one is 0 where the condition number, after scaling rows and columns, is above about 1e12: then nothing
    more is proved here.

    >>> lower, upper = float_smallest(np.diag([3.0, 1.0]))
    >>> bool(lower <= 1) and bool(1 <= upper)
    True
    """
    near = scaled(x)
    with np.errstate(all="ignore"):
        try:
            left, values, right = np.linalg.svd(near.array, full_matrices=False)
        except np.linalg.LinAlgError:
            return near.widened(arb(0), norm_bound(near.array))
        lower = _smallest_bound(near.array, left, values, right)
        upper = stretch(near.array, right[-1]).upper()
    return near.widened(lower, upper)


def equilibrated_bound(x: Array) -> arb:
    """A lower bound of sigma_min through the matrix with rows and columns scaled to about 1 by powers of two.

    sigma_min(D Y E) >= min D * min E * sigma_min(Y) for positive diagonal D, E. Crude by up to the condition number
    of Y, but positive for matrices whose bad condition is due to their rows or columns alone.

    >>> bool(equilibrated_bound(np.diag([1.0, 1e-100])) > arb(2e-101))
    True
    """
    rows = np.frexp(np.abs(x).max(axis=1))[1]
    scaled = np.ldexp(x, -rows[:, None])
    columns = np.frexp(np.abs(scaled).max(axis=0))[1]
    scaled = np.ldexp(scaled, -columns)
    if not np.array_equal(np.ldexp(np.ldexp(scaled, columns), rows[:, None]), x):
        return arb(0)
    used = rows[scaled.any(axis=1)]
    return float_smallest(scaled)[0] * _power(int(used.min()) + int(columns.min()))
