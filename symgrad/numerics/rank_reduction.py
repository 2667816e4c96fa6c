"""Smaller bases: the directions that carry all of a batch of matrices but a given part of the Frobenius norm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from symgrad.numerics.backends import Backend

__all__ = ["Reduction", "next_look", "reduction"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reduction:
    """What a smaller basis would leave out of matrices Y (N, B, r) with Gram matrices ``G = Y^T Y``.

    Attributes:
        tails: (B, r + 1), ``tails[b, j]`` bounds the square of the Frobenius norm of what a basis of j directions
            leaves out; it falls with j.
        factors: (B, j, r), rows that span the directions, the important ones first.
    """

    tails: Array
    factors: Any
    backend: Backend

    def rank(self, allowed: Array) -> int:
        """The least number of directions that leaves out no more than allowed (B,) of any trajectory; at least 1."""
        return max(1, int((self.tails > allowed[:, None]).sum(axis=1).max()))

    def basis(self, rank: int) -> Any:
        """Orthonormal columns (B, r, rank)."""
        xp = self.backend.xp
        return xp.linalg.qr(xp.matrix_transpose(self.factors[:, :rank, :]))[0]


def reduction(grams: Any, allowed: Array, backend: Backend) -> Reduction:
    """How far a batch of positive semidefinite matrices (B, r, r) can be represented in fewer dimensions.

    On NumPy by Cholesky factorisation with pivoting, which stops where no more than ``allowed`` (B,) is left: the trace
    of the Schur complement is what the rows so far leave out. Elsewhere by all eigenvectors.
    """
    if backend.name == "numpy":
        return _pivoted(np.asarray(grams), allowed, backend)
    values, vectors = backend.xp.linalg.eigh(grams)
    falling = np.maximum(np.asarray(backend.numpy(values), dtype=np.float64)[:, ::-1], 0.0)
    return Reduction(_tails(falling), backend.xp.flip(backend.xp.matrix_transpose(vectors), axis=1), backend)


def _pivoted(grams: Array, allowed: Array, backend: Backend) -> Reduction:
    (factorise,) = get_lapack_funcs(("pstrf",), (grams,))
    size = grams.shape[1]
    factors, parts = np.zeros_like(grams), np.zeros((len(grams), size))
    for place, gram in enumerate(grams):
        factor, pivots, rank, _ = factorise(gram.T, tol=float(allowed[place]) / size, lower=True)
        rows = np.tril(factor[:, :rank]).T
        factors[place][:rank, pivots - 1] = rows
        parts[place, :rank] = np.einsum("ij,ij->i", rows, rows)
        if rank < size:  # what the factorisation leaves, counted as one more
            parts[place, rank] = max(float(np.trace(gram)) - float(parts[place].sum()), 0.0)
    return Reduction(_tails(parts), factors, backend)


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
