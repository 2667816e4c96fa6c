"""Perron vectors of non-negative matrices, enclosed, and how far their entries lie apart."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.eigenvalues import enclosed_eigenpair

__all__ = ["perron_ratio", "perron_vector"]


def perron_vector(matrix: Any) -> list[arb] | None:
    """Balls around the positive eigenvector of every non-negative matrix within an ``arb_mat``, largest entry about 1.

    An eigenvector without a zero or negative entry belongs to the spectral radius (R. A. Horn, C. R. Johnson, *Matrix
    Analysis*, 2nd ed. 2013, cor. 8.1.30), so it is enough to enclose one and to see that it is positive.

    Args:
        matrix: n by n ``arb_mat`` without negative entries, narrow.

    Returns:
        The entries; None where they are not proved to be positive, or the eigenvalue is not simple.

    >>> from flint import arb_mat
    >>> [entry.contains(exact) for entry, exact in zip(perron_vector(arb_mat([[0, 4], [1, 0]])), (1, 0.5))]
    [True, True]
    >>> perron_vector(arb_mat([[2, 1], [0, 1]])) is None  # (1, 0) has a zero
    True
    """
    if matrix.nrows() == 1:
        return [arb(1)]
    values = np.array([float(entry.mid()) for entry in matrix.entries()]).reshape(matrix.nrows(), -1)
    if not np.isfinite(values).all():
        return None
    found = enclosed_eigenpair(matrix, *_dominant(values))
    return None if found is None or not all(entry > 0 for entry in found[1]) else found[1]


def _dominant(matrix: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """About the largest real eigenvalue and its vector."""
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmax(values.real))
    return float(values[place].real), np.abs(vectors[:, place])


def perron_ratio(matrix: Any, p: float) -> arb:
    """A ball around the least constant C that Perron vectors give in ``||N^k||_p <= C rho(N)^k``.

    With ``N v = rho v`` and ``w N = rho w`` it is the ratio of the largest and the least entry of v for p = inf, of w
    for p = 1, and of sqrt(w/v) for p = 2.

    Args:
        matrix: n by n ``arb_mat`` without negative entries, narrow.
        p: 1, 2 or inf.

    Returns:
        The ball; the whole line where no positive vectors are proved.

    Raises:
        InputError: another p.

    >>> from flint import arb_mat
    >>> perron_ratio(arb_mat([[0, 4], [1, 0]]), math.inf).contains(2)
    True
    """
    if p not in (1, 2, math.inf):
        raise InputError(f"p: 1, 2 or inf is needed, got {p!r}")
    entries = _weights(matrix, p)
    if entries is None:
        return arb(0, math.inf)
    return reduce(lambda a, b: a.max(b), entries) / reduce(lambda a, b: a.min(b), entries)


def _weights(matrix: Any, p: float) -> list[arb] | None:
    """v, w or sqrt(w/v), where they are proved to be positive."""
    if p == 1:
        return perron_vector(matrix.transpose())
    right = perron_vector(matrix)
    if p == math.inf or right is None:
        return right
    left = perron_vector(matrix.transpose())
    return None if left is None else [(w / v).sqrt() for w, v in zip(left, right, strict=True)]
