"""Vectors that a matrix stretches little, in floats: candidates for witnesses, never proofs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_stretched"]

Array = NDArray[np.float64]


def least_stretched(matrix: Array, p: float) -> list[Array]:
    """Vectors near those of least ``||A x||_p / ||x||_p``, approximate.

    For p = 2 the last right singular vector. For p = 1 and infinity a square A with inverse B stretches ``x = B y`` by
    ``||y|| / ||B y||``, least for a unit vector y (p = 1) or a vector of signs (infinity) that B stretches most.

    Args:
        matrix: (rows, columns), finite.
        p: 1, 2 or infinity.

    >>> least_stretched(np.diag([3.0, 0.5]), 2)[0].round(6).tolist() in ([0.0, 1.0], [-0.0, -1.0], [0.0, -1.0])
    True
    """
    found = [np.asarray(np.linalg.svd(matrix)[2][-1])]
    if p != 2 and matrix.shape[0] == matrix.shape[1]:
        inverse = _inverse(matrix)
        if inverse is not None:
            sums = np.abs(inverse).sum(axis=0 if p == 1 else 1)
            most = int(sums.argmax())
            sources = np.eye(len(matrix))[most] if p == 1 else np.where(inverse[most] < 0, -1.0, 1.0)
            found.append(inverse @ sources)
    return [x / np.abs(x).max() for x in found if np.isfinite(x).all() and x.any()]


def _inverse(matrix: Array) -> Array | None:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return None
