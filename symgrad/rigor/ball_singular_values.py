"""Enclosures of the extreme singular values of a small matrix in ball arithmetic of any precision.

The same two inequalities as in `float_singular_values`, sigma_max <= sqrt(s^2 + ||s^2 I - X'X - LL'||) with an
approximate Cholesky factor L, and sigma_min >= (1 - ||I - RX||) / ||R|| with an approximate inverse R, here with
balls: neither isolated singular values nor a moderate condition number are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpz, fmpz_mat
from numpy.typing import NDArray

from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import point_matrix

__all__ = ["ball_largest", "ball_smallest", "cholesky_factor", "exact_rank"]

_BITS = 160
_MOST_BITS = 2**14
_SLACK = (62, 56, 54, 53, 52, 51, 50, 48, 46, 44, 40, 32, 16)


def _rows(x: Any) -> list[list[arb]]:
    entries, columns = x.entries(), x.ncols()
    return [entries[i : i + columns] for i in range(0, len(entries), columns)]


def _identity(n: int) -> Any:
    return arb_mat(n, n, [arb(int(i == j)) for i in range(n) for j in range(n)])


def _frobenius(x: Any) -> arb:
    """An upper bound of the Frobenius norm."""
    sizes = [entry.abs_upper() for entry in x.entries()]
    return sum(map(mul, sizes, sizes), arb(0)).sqrt().upper()


def cholesky_factor(x: Any) -> Any | None:
    """An approximate lower triangular L with LL' = x, or None when a pivot is not positive.

    Only midpoints are used: nothing is proved by success alone, the caller bounds LL' - x.

    >>> cholesky_factor(arb_mat([[4, 2], [2, 5]])).tolist() == arb_mat([[2, 0], [1, 2]]).tolist()
    True
    >>> cholesky_factor(arb_mat([[1, 2], [2, 1]])) is None
    True
    """
    factor: list[list[arb]] = []
    zero = arb(0)
    for i, row in enumerate(_rows(x.mid())):
        current: list[arb] = []
        for j in range(i + 1):
            other = factor[j] if j < i else current
            rest = row[j] - sum(map(mul, current, other), zero)
            if j == i and not rest.mid() > 0:
                return None
            current.append((rest / other[j] if j < i else rest.sqrt()).mid())
        factor.append(current)
    return arb_mat([row + [arb(0)] * (len(factor) - len(row)) for row in factor])


@dataclass(frozen=True)
class _Largest:
    """lower <= sigma_max <= upper; ``vector`` (n by 1) is about a right singular vector."""

    lower: arb
    upper: arb
    vector: Any


def _approximation(x: Any) -> NDArray[np.float64]:
    """The entries as floats, after scaling the largest one to about 1."""
    entries = [entry.mid() for entry in x.entries()]
    largest = reduce(arb.max, map(abs, entries))
    _, exponent = largest.man_exp()
    scale = arb((1, -int(exponent) - largest.bits()))
    return np.array([float(entry * scale) for entry in entries]).reshape(x.nrows(), x.ncols())


def _top_vector(x: Any) -> Any:
    approximation = _approximation(x)
    try:
        vector = np.linalg.svd(approximation, full_matrices=False)[2][0]
    except np.linalg.LinAlgError:
        vector = np.ones(approximation.shape[1])
    return point_matrix(np.where(np.abs(vector) < 2.0**-300, 0.0, vector)[:, None])


def _stretch(x: Any, vector: Any) -> arb:
    return _length(x * vector) / _length(vector)


def _length(vector: Any) -> arb:
    entries = vector.entries()
    return sum(map(mul, entries, entries), arb(0)).nonnegative_part().sqrt()


def _completed(gram: Any, square: arb) -> arb | None:
    """An upper bound of sqrt(max eigenvalue of gram) near sqrt(square); None when square is not large enough."""
    gap = _identity(gram.nrows()) * square - gram
    factor = cholesky_factor(gap)
    if factor is None:
        return None
    return (square + _frobenius(gap - factor * factor.transpose())).sqrt().upper()


def _largest(x: Any) -> _Largest:
    """sigma_max of a non-zero matrix of balls with at least as many rows as columns, at the current precision."""
    vector = _top_vector(x)
    lower = _stretch(x, vector)
    gram = x.transpose() * x
    square = (lower * lower).mid()
    for slack in _SLACK:
        upper = _completed(gram, (square + square * arb((1, -slack))).mid())
        if upper is not None:
            break
    else:
        upper = _frobenius(x)
    return _Largest(lower.lower(), upper, vector)


def ball_largest(x: NDArray[np.float64]) -> tuple[arb, arb]:
    """Bounds (lower, upper) of sigma_max of a non-zero matrix with at least as many rows as columns.

    >>> lower, upper = ball_largest(np.diag([3.0, 1.0]))
    >>> bool(lower <= 3) and bool(3 <= upper) and bool(upper - lower < 1e-15)
    True
    """
    with working_precision(_BITS):
        largest = _largest(point_matrix(x))
    return largest.lower, largest.upper


def exact_rank(x: NDArray[np.float64]) -> int:
    """The rank of a float64 matrix taken as exact, in integer arithmetic.

    >>> exact_rank(np.array([[0.1, 0.2], [0.2, 0.4]])), exact_rank(np.array([[0.1, 0.2], [0.3, 0.7]]))
    (1, 2)
    """
    pairs = [arb(entry).man_exp() for entry in x.ravel().tolist()]
    lowest = min((int(exponent) for mantissa, exponent in pairs if mantissa != 0), default=0)
    integers = [m * fmpz(2) ** (int(e) - lowest) if m != 0 else fmpz(0) for m, e in pairs]
    return int(fmpz_mat(*x.shape, integers).rank())


def _approximate_inverse(x: Any) -> Any | None:
    try:
        if x.nrows() == x.ncols():
            return x.inv().mid()
        return ((x.transpose() * x).inv() * x.transpose()).mid()
    except ZeroDivisionError:
        return None


def _inverted(x: Any) -> tuple[arb, arb] | None:
    """Bounds of sigma_min from an approximate inverse at the current precision; None when it is too low."""
    inverse = _approximate_inverse(x)
    if inverse is None:
        return None
    residual = _frobenius(inverse * x - _identity(x.ncols()))
    if not residual < arb((1, -70)):
        return None
    top = _largest(inverse.transpose())
    lower = ((1 - residual) / top.upper).lower()
    # a vector that R' stretches most is a left singular vector u of R'; R u is where x stretches least
    image = inverse * (inverse.transpose() * top.vector)
    return lower, _stretch(x, image.mid()).upper()


def ball_smallest(x: NDArray[np.float64]) -> tuple[arb, arb]:
    """Bounds (lower, upper) of sigma_min of a matrix with at least as many rows as columns; 0, 0 when rank deficient.

    The precision is doubled until an inverse is verified; at 2^14 bits the lower end is left at 0.

    >>> lower, upper = ball_smallest(np.diag([1.0, 1e-100, 1e-200]))
    >>> bool(lower <= arb(1e-200)) and bool(arb(1e-200) <= upper)
    True
    >>> ball_smallest(np.ones((2, 2)))
    (0, 0)
    """
    bits = _BITS
    while bits <= _MOST_BITS:
        with working_precision(bits):
            bounds = _inverted(point_matrix(x))
        if bounds is not None:
            return bounds
        if bits == _BITS and exact_rank(x) < x.shape[1]:
            return arb(0), arb(0)
        bits *= 2
    with working_precision(_BITS):
        columns = [_length(point_matrix(x[:, j : j + 1])) for j in range(x.shape[1])]
        return arb(0), min(column.upper() for column in columns)
