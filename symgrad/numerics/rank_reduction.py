"""Smaller bases: the directions that carry all of a batch of matrices but a given part of the Frobenius norm."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.backends import Backend
from symgrad.numerics.symmetric_lapack import orthonormal, pivoted_cholesky

__all__ = ["Decomposed", "Pivoted", "Reduction", "least_rank", "next_look", "reduction"]

Array = NDArray[np.float64]


class Reduction(Protocol):
    """What a smaller basis would leave out of matrices Y (N, B, r) with Gram matrices ``G = Y^T Y``.

    Attributes:
        tails: (B, r + 1), ``tails[b, j]`` bounds the square of the Frobenius norm of what a basis of j directions
            leaves out; it falls with j.
    """

    tails: Array

    def basis(self, rank: int) -> Any:
        """Orthonormal columns (B, r, rank); the first j of them span the j directions that matter most."""


def reduction(grams: Any, allowed: Array, backend: Backend) -> Reduction:
    """How far a batch of positive semidefinite matrices (B, r, r) can be represented in fewer dimensions.

    On NumPy by Cholesky factorisation with pivoting, which stops where no more than ``allowed`` (B,) is left: the trace
    of the Schur complement is what the rows so far leave out. Elsewhere by all eigenvectors.
    """
    if backend.name == "numpy":
        return Pivoted(np.asarray(grams), allowed)
    return Decomposed(grams, backend)


class Decomposed:
    """A :class:`Reduction` by all eigenvectors."""

    def __init__(self, grams: Any, backend: Backend) -> None:
        values, self._vectors = backend.xp.linalg.eigh(grams)
        self._backend = backend
        self.tails = _tails(np.maximum(np.asarray(backend.numpy(values), dtype=np.float64)[:, ::-1], 0.0))

    def basis(self, rank: int) -> Any:
        """Orthonormal columns (B, r, rank); the first j of them span the j directions that matter most."""
        return self._backend.xp.flip(self._vectors, axis=2)[:, :, :rank]


class Pivoted:
    """A :class:`Reduction` by Cholesky factorisation with pivoting; of the matrices only the upper triangles count."""

    def __init__(self, grams: Array, allowed: Array) -> None:
        size = grams.shape[1]
        parts, self._factors = np.zeros((len(grams), size)), []
        for place, gram in enumerate(grams):
            columns, pivots = pivoted_cholesky(gram, float(allowed[place]) / size)
            rank = columns.shape[1]
            parts[place, :rank] = np.square(columns).sum(axis=0)
            if rank < size:  # what the factorisation leaves, counted as one more
                parts[place, rank] = max(float(np.trace(gram)) - float(parts[place].sum()), 0.0)
            self._factors.append((columns, pivots))
        self.tails = _tails(parts)

    def basis(self, rank: int) -> Any:
        """Orthonormal columns (B, r, rank); the first j of them span the j directions that matter most."""
        return np.stack([orthonormal(columns, pivots, rank) for columns, pivots in self._factors])


def least_rank(found: Reduction, allowed: Array) -> int:
    """The least number of directions that leaves out no more than allowed (B,) of any trajectory; at least 1."""
    return max(1, int((found.tails > allowed[:, None]).sum(axis=1).max()))


def _tails(parts: Array) -> Array:
    """Sums of all from each one on, (B, r + 1)."""
    sums = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([sums, np.zeros((len(parts), 1))], axis=1)


def next_look(k: int, found: Reduction, rank: int, largest: Array, allowed: Array) -> int:
    """The number of factors at which fewer directions are likely to suffice, between k + 1 and 2 k.

    Logarithms of singular values of a product grow in proportion to the number of its factors, nearly.
    """
    tails = found.tails[:, min(rank, found.tails.shape[1] - 1)]
    ratios = [
        math.log(most / top) / math.log(tail / top)
        for tail, top, most in zip(tails.tolist(), largest.tolist(), allowed.tolist(), strict=True)
        if 0 < most < tail < top
    ]
    return min(max(math.ceil(k * max(ratios, default=1.0)), k + 1), 2 * k)
