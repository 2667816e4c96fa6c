"""Proofs that symmetric float64 matrices are positive definite, and products that such proofs rest on.

LAPACK proposes a Cholesky factor; what is claimed rests on the residual of that factor, computed with a proved error
bound (`float_products`). This is the argument of S. M. Rump, *Verification of positive definiteness*, BIT Numerical
Mathematics 46 (2006), with the residual computed instead of bounded a priori, so that nothing is assumed about the
way in which the factor was found.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.array_input import checked_matrix, checked_radius
from symgrad.rigor.balls import upper_float, working_precision
from symgrad.rigor.float_products import inner_products, is_clean, norm_bound, without_tiny

__all__ = ["congruence", "is_positive_definite"]

Array = NDArray[np.float64]

_BITS = 160
_ROUNDING = 2.0**-53
_DROPPED = arb((1, -299))
_LEAST = 2.0**-1000


def is_positive_definite(mid: object, radius: object = None) -> bool:
    """Whether every symmetric matrix within ``radius`` of ``mid``, entry by entry, is proved positive definite.

    The matrix is first scaled by powers of two to a diagonal of about 1, so that the size of its rows does not matter.
    Then it is proved whenever the least eigenvalue of the scaled matrix is above about n 2^-52 plus the norm of the
    scaled radius. Rump, *Verification of positive definiteness*, BIT 46 (2006).

    Args:
        mid: n by n, symmetric. Entries that are not finite are allowed; nothing is proved of them.
        radius: n by n, symmetric, entries >= 0; by default 0.

    Returns:
        True when it is proved. Otherwise the matrix may be indefinite, or too close to it.

    Raises:
        InputError: a matrix that is not square or symmetric, a radius of another shape or with negative entries.

    >>> is_positive_definite([[2.0, 1.0], [1.0, 2.0]]), is_positive_definite([[1.0, 1.0], [1.0, 1.0]])
    (True, False)
    >>> is_positive_definite([[2.0, 1.0], [1.0, 2.0]], [[0.0, 1.0], [1.0, 0.0]])
    False
    """
    if not (_finite(mid) and (radius is None or _finite(radius))):
        return False
    values = _symmetric(checked_matrix(mid, "mid"), "mid")
    spread = checked_radius(radius, (values.shape[0], values.shape[1]))
    if values.size == 0:
        return True
    around = np.zeros_like(values) if spread is None else _symmetric(spread, "radius")
    if not bool((np.diag(values) > np.diag(around)).all()):
        return False
    with working_precision(_BITS), np.errstate(all="ignore"):
        return _proved(*_equilibrated(values, around))


def congruence(middle: Array, factor: Array, spread: Array | None = None) -> tuple[Array, Array]:
    """``T' Q T`` for a symmetric Q and every T within ``spread`` of ``factor``, enclosed entry by entry.

    Two plain products with the a-priori error bound of Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd
    ed., equation (3.5), in any order of summation; what underflows is added to the radius.

    Args:
        middle: Q, n by n.
        factor: n by m.
        spread: n by m, entries >= 0; by default 0.

    Returns:
        Two symmetric m by m arrays: a midpoint, and the largest distance from it. Not finite where floats overflow.

    >>> mid, radius = congruence(np.eye(2), np.array([[0.1], [0.2]]))
    >>> bool(abs(mid[0, 0] - 0.05) <= 1e-16), bool(0 < radius[0, 0] < 1e-16)
    (True, True)
    """
    n = len(middle)
    with np.errstate(all="ignore"):
        mid = factor.T @ (middle @ factor)
        size, weight = np.abs(factor), np.abs(middle)
        inner = weight @ size
        rounding = 2.5 * (n + 2) * _ROUNDING * (size.T @ inner)
        if spread is not None:
            cross = spread.T @ (inner + 0.5 * (weight @ spread))
            rounding = rounding + cross + cross.T
        lost = n * _LEAST * (1.0 + float(np.abs(factor).max(initial=0.0))) * (1.0 + float(weight.max(initial=0.0)))
        radius = (rounding + np.abs(mid) * 2 * _ROUNDING) * (1 + 8 * (n + 4) * _ROUNDING) + lost
        return (mid + mid.T) / 2, np.maximum(radius, radius.T)


def _finite(matrix: object) -> bool:
    """Whether no entry is infinite or not a number; what is no array of numbers is left to the checks."""
    try:
        values: NDArray[Any] = np.asarray(matrix)
    except (TypeError, ValueError, RuntimeError):
        return True
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _symmetric(values: Array, name: str) -> Array:
    if values.shape[0] != values.shape[1] or not np.array_equal(values, values.T):
        what = "that is not symmetric " if values.shape[0] == values.shape[1] else ""
        raise InputError(f"{name}: a matrix {what}of shape {values.shape} was given; accepted are symmetric matrices")
    return values


def _equilibrated(values: Array, around: Array) -> tuple[Array, arb]:
    """D A D with D of powers of two and a diagonal of about 1, and an upper bound of ||what it drops|| + ||D R D||."""
    exponents = -((np.frexp(np.diag(values))[1] + 1) // 2)
    scales = exponents[:, None] + exponents[None, :]
    scaled = np.ldexp(values, scales)
    clean = without_tiny(scaled)
    spread = np.ldexp(around, scales)
    # what is above zero and below 2^-300 in the radius counts as 2^-300, so that nothing is lost by underflow
    spread = np.where((around > 0) & (spread < 2.0**-300), 2.0**-300, spread)
    if not (np.isfinite(clean).all() and is_clean(clean) and is_clean(spread)):
        return clean, arb.pos_inf()
    return clean, norm_bound(spread) + len(values) * _DROPPED


def _proved(scaled: Array, lost: arb) -> bool:
    """Whether all within a distance ``lost`` of the matrix are positive definite, by a shifted Cholesky factor."""
    if not (lost.is_finite() and lost < 1):
        return False
    n = len(scaled)
    shift = upper_float(lost) + 4 * (n + 8) * _ROUNDING
    for _ in range(2):
        residual = _cholesky_residual(scaled, shift)
        if residual is None:
            return False
        # the shift may be rounded when it is taken off the diagonal, whose entries are below 4
        if arb(shift) - arb((4, -52)) > residual + lost:
            return True
        shift = 1.25 * upper_float(residual + lost) + 2.0**-49
        if not math.isfinite(shift):
            return False
    return False


def _cholesky_residual(scaled: Array, shift: float) -> arb | None:
    """An upper bound of ||A - shift I - R'R||_2 for a Cholesky factor R, up to rounding of the shifted diagonal."""
    shifted = scaled.copy()
    shifted[np.diag_indices_from(shifted)] -= shift
    try:
        factor = without_tiny(np.ascontiguousarray(np.linalg.cholesky(shifted).T))
    except np.linalg.LinAlgError:
        return None
    if not is_clean(factor):
        return None
    product = inner_products(factor, factor)
    first = shifted - product.high
    residual = first - product.low
    if not np.isfinite(residual).all():
        return None
    unit = arb((1, -53))
    rounding = norm_bound(first) + norm_bound(residual)
    return (norm_bound(residual) + unit * rounding * (1 + 2 * unit) + product.error).upper()
