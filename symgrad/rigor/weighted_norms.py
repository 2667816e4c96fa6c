"""How much a weighted norm and a plain one differ, both ways: upper bounds in balls."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_norms import operator_norm, smallest_singular_value

__all__ = ["diagonal_distortion", "quadratic_distortion"]

Array = NDArray[np.float64]

_BITS = 160
_ROUNDING = 2.0**-53


def diagonal_distortion(weights: Array, index: float, p: float) -> arb:
    """The least C with ``||A||_p <= C ||S A S^-1||_q`` for all matrices A, for S = diag(weights) and q = ``index``.

    It is the norm of S from p to q times that of its inverse from q to p. The norm of a diagonal matrix from p to q is
    its largest entry for p <= q, else the r-norm of its entries with 1/r = 1/q - 1/p, by Hoelder's inequality.

    Args:
        weights: positive.
        index: q, one of 1, 2, inf.
        p: one of 1, 2, inf.

    >>> weights = np.array([1.0, 4.0])
    >>> diagonal_distortion(weights, 2, 2) == 4, diagonal_distortion(weights, math.inf, 1) == 5
    (True, True)
    """
    with working_precision(_BITS):
        entries = [arb(entry) for entry in weights.tolist()]
        inverses = [1 / entry for entry in entries]
        return (_diagonal_norm(entries, p, index) * _diagonal_norm(inverses, index, p)).upper()


def _diagonal_norm(entries: list[arb], p: float, q: float) -> arb:
    """The norm of a positive diagonal matrix from p to q."""
    if not entries:
        return arb(0)
    if p <= q:
        return reduce(arb.max, entries)
    if (p, q) == (math.inf, 1):
        return sum(entries, arb(0))
    return sum((entry * entry for entry in entries), arb(0)).sqrt()


def quadratic_distortion(matrix: Array, p: float) -> arb:
    """A constant C with ``||A||_p <= C sup ||A x||_P / ||x||_P`` for all matrices A, where ``||x||_P^2 = x'Px``.

    The product of the largest ``||x||_P`` in the unit ball of p and the largest ``||y||_p`` in the ellipsoid of P. For
    p = 2 it is sqrt(cond P); else the bounds ``sum |P_ij|`` and ``max P_ii`` (1-norm) of ``x'Px`` are used and likewise
    for the inverse, or sqrt(n cond P) where that is less.

    Args:
        matrix: P, symmetric; positive definite, or the result is infinite.
        p: one of 1, 2, inf.

    >>> bool(abs(quadratic_distortion(np.diag([1.0, 16.0]), 2) - 4) < 1e-12)
    True
    >>> bool(quadratic_distortion(np.eye(2), math.inf) <= arb(2).sqrt() + 1e-12)
    True
    """
    with working_precision(_BITS), np.errstate(all="ignore"):
        largest, least = arb(operator_norm(matrix).upper), arb(smallest_singular_value(matrix).lower)
        if not (least > 0 and largest.is_finite()):
            return arb.pos_inf()
        plain = (largest / least).sqrt()
        if p == 2:
            return plain.upper()
        inside, outside = np.abs(matrix), _inverse_sizes(matrix, least)
        if p == 1:
            inside, outside = outside, inside
        both = (_total(inside) * arb(float(np.diag(outside).max()))).sqrt().upper()
        crude = (plain * arb(len(matrix)).sqrt()).upper()
        return both if both < crude else crude


def _total(sizes: Array) -> arb:
    """An upper bound of the sum of entries >= 0."""
    return arb(float(sizes.sum())) * (1 + arb((2 * sizes.size, -53)))


def _inverse_sizes(matrix: Array, least: arb) -> Array:
    """Upper bounds of the moduli of the entries of P^-1, whose 2-norm is at most 1/least.

    P^-1 = X + P^-1 (I - P X) for any X, so that an entry differs from that of X by at most the 2-norm of the column
    of I - P X, divided by ``least``.
    """
    n = len(matrix)
    near = np.linalg.inv(matrix)
    residual = np.abs(np.eye(n) - matrix @ near) + 2 * (n + 2) * _ROUNDING * (np.abs(matrix) @ np.abs(near) + 1.0)
    columns = np.sqrt(np.square(residual).sum(axis=0)) * (1 + 4 * (n + 4) * _ROUNDING)
    error = columns / math.nextafter(float(least.lower()), 0.0) * (1 + 8 * _ROUNDING)
    return (np.abs(near) + error[None, :]) * (1 + 4 * _ROUNDING)
