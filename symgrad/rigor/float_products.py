"""Products of float64 matrices with proved error bounds, and exact sums.

The bounds rest on the standard model alone: each operation is rounded to nearest, so an inner product of length k
is wrong by at most gamma_k |x|'|y| in any order of summation, with or without fused multiply-add and in any number
of threads (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.1 and equation (3.5)).
A BLAS that uses Strassen-like products is not covered. No rounding mode is changed.

Underflow never occurs: every factor is *clean*, that is, its non-zero entries lie between 2^-300 and 2^300.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

__all__ = [
    "Product",
    "exact_sum",
    "gamma",
    "identity_residual",
    "inner_products",
    "is_clean",
    "largest_sum",
    "norm_bound",
    "square_sum",
    "without_tiny",
]

Array = NDArray[np.float64]

_CLEAN = 2.0**300
_UNIT = arb((1, -53))
_TINY = arb((1, -1021))
_FEW = 4096


def gamma(k: int) -> arb:
    """The relative error bound k u / (1 - k u) of an inner product of length k, u = 2^-53.

    Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., lemma 3.1.

    >>> bool(gamma(4) >= arb((4, -53)))
    True
    """
    return k * _UNIT / (1 - k * _UNIT)


def is_clean(x: Array) -> bool:
    """Whether every entry is zero or of magnitude between 2^-300 and 2^300.

    >>> is_clean(np.array([[1.0, 0.0]])), is_clean(np.array([[1e-200]]))
    (True, False)
    """
    size = np.abs(x)
    return bool(np.all((size == 0) | ((size >= 1 / _CLEAN) & (size <= _CLEAN))))


def without_tiny(x: Array) -> Array:
    """A copy with the entries below 2^-300 in magnitude set to zero.

    >>> without_tiny(np.array([1.0, -1e-200]))
    array([1., 0.])
    """
    return np.where(np.abs(x) < 1 / _CLEAN, 0.0, x)


@dataclass(frozen=True)
class Product:
    """An enclosure of a matrix product: high + low is within ``error`` of it in the 2-norm.

    Attributes:
        high: product of the leading bits of the factors, without any rounding.
        low: correction, rounded.
        error: upper bound of the 2-norm of (exact product) - high - low.
    """

    high: Array
    low: Array
    error: arb


def norm_bound(x: Array) -> arb:
    """An upper bound of the 2-norm of the entrywise absolute value of a matrix.

    The smaller one of sqrt(1-norm * inf-norm) and the Frobenius norm, rounding included.

    >>> bool(norm_bound(np.array([[3.0, -4.0]])) >= 5)
    True
    """
    rows, columns = x.shape
    if x.size == 0 or not x.any():
        return arb(0)
    size = np.abs(x)
    one = arb(float(size.sum(axis=0).max())) / (1 - gamma(rows))
    inf = arb(float(size.sum(axis=1).max())) / (1 - gamma(columns))
    flat = size.ravel()
    with np.errstate(over="ignore"):
        squares = arb(float(flat @ flat)) / (1 - gamma(x.size)) + x.size * _TINY
    return _smaller((one * inf).sqrt().upper(), squares.sqrt().upper())


def _smaller(a: arb, b: arb) -> arb:
    return a if a < b else b


def _split(x: Array) -> tuple[Array, Array]:
    """Parts high + low = x exactly, where products of the columns of two ``high`` parts are free of rounding.

    With b = floor((53 - log2 k) / 2) the entries of a column of ``high`` are multiples of 2^(e-b) and at most 2^e:
    all partial sums of an inner product of k such terms are multiples of 2^(e+e'-2b) up to k 2^(e+e'), hence floats.
    """
    bits = (53 - math.ceil(math.log2(max(x.shape[0], 2)))) // 2
    exponents = np.frexp(np.abs(x).max(axis=0, initial=0.0))[1]
    scale = np.ldexp(1.0, bits - exponents)
    high = np.rint(x * scale) / scale
    return high, x - high


def inner_products(x: Array, y: Array) -> Product:
    """An enclosure of x'y for clean matrices x (k by p) and y (k by q).

    The leading halves are multiplied exactly, so that the error is about 2^-20 of that of a plain product
    (the splitting of Ozaki, Ogita, Oishi, Rump, *Numerical Algorithms* 59, 2012, with two parts).

    >>> product = inner_products(np.array([[1.0], [2.0]]), np.array([[3.0], [0.1]]))
    >>> product.high + product.low, bool(product.error < 1e-20)
    (array([[3.2]]), True)
    """
    x_high, x_low = _split(x)
    y_high, y_low = (x_high, x_low) if x is y else _split(y)
    low = x_high.T @ y_low + x_low.T @ y
    rounding = norm_bound(x_high) * norm_bound(y_low) + norm_bound(x_low) * norm_bound(y)
    return Product(x_high.T @ y_high, low, gamma(x.shape[0]) * rounding + _UNIT * norm_bound(low))


def identity_residual(x: Array, y: Array, multiple: float = 1.0) -> arb:
    """An upper bound of the 2-norm of x'y - multiple * identity, for clean matrices of equal shape.

    Infinite when the product overflows.

    >>> bool(identity_residual(np.eye(3), np.eye(3)) == 0)
    True
    """
    product = inner_products(x, y)
    residual = product.high.copy()
    residual[np.diag_indices_from(residual)] -= multiple
    diagonal = float(np.abs(np.diag(residual)).max(initial=0.0))
    residual += product.low
    if not np.isfinite(residual).all():
        return arb.pos_inf()
    return ((1 + _UNIT) * norm_bound(residual) + _UNIT * arb(diagonal) + product.error).upper()


def exact_sum(terms: list[float]) -> arb:
    """A ball around the sum of floats whose partial sums do not overflow, a point when the sum is a float.

    `math.fsum` rounds once; what it leaves is summed again, so that the radius is about 2^-105 of the sum.

    >>> exact_sum([1e16, 1.0, -1e16]) == 1
    True
    """
    total = math.fsum(terms)
    rest = math.fsum([*terms, -total])
    return arb(total) + (arb(rest, abs(arb(rest)) * arb((1, -52))) if rest else arb(0))


def largest_sum(rows: Array) -> arb:
    """The largest row sum of a non-negative matrix with entries below 2^900, enclosed.

    >>> largest_sum(np.array([[0.5, 0.25], [0.5, 0.5]])) == 1
    True
    """
    if rows.size == 0:
        return arb(0)
    approximate = rows.sum(axis=1)
    # a row whose approximate sum is this far below the largest one cannot be the largest
    threshold = float(approximate.max()) * (1 - 4 * rows.shape[1] * 2.0**-53)
    sums = [exact_sum(row) for row in rows[approximate >= threshold].tolist()]
    largest = sums[0]
    for other in sums[1:]:
        largest = largest.max(other)
    return largest


def square_sum(x: Array) -> arb:
    """A ball around the sum of the squares of the entries, which are at most 2^400 in magnitude.

    At the current precision of balls up to 4096 entries; within a relative 2^-52 and 2^-1074 an entry beyond that.

    >>> square_sum(np.array([3.0, 4.0])) == 25
    True
    """
    if x.size <= _FEW:
        balls = [arb(entry) for entry in x.ravel().tolist()]
        return sum((ball * ball for ball in balls), arb(0))
    total = exact_sum((x * x).ravel().tolist())
    return total + arb(0, total * arb((1, -52)) + x.size * arb((1, -1074)))
