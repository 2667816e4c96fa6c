"""Largest singular values of batches of matrices that change slowly from one to the next, in floats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.products import largest_singular_values

__all__ = ["SpectralNorms"]

Array = NDArray[np.float64]

_SMALL = 48  # below this size a decomposition is as fast as the iteration
_KEPT, _DRAWN = 3, 1
_ROUNDS = 12
_TOLERANCE = 1e-4  # of the residual relative to the square: the norm is off by half of that at most


class SpectralNorms:
    """Norms of one batch of matrices after another; where the last one was largest the next one is looked for first.

    A few directions and what ``M^T M`` makes of them span a growing subspace; its largest singular value is taken when
    the residual shows it off by less than one part in ten thousand, most often far less (block Lanczos method; Golub
    and Van Loan, *Matrix Computations*, 10.3.6). Directions are drawn anew for every batch beside those found last, so
    that a direction that has become the largest is not missed. Where that takes too long, matrices are decomposed.

    >>> norms = SpectralNorms(seed=0)
    >>> round(float(norms(np.diag(np.arange(60.0))[None])[0]), 3)
    59.0
    """

    def __init__(self, seed: int = 0) -> None:
        self._draw = np.random.default_rng(seed)
        self._directions: Array | None = None

    def __call__(self, matrices: Array) -> Array:
        """The norms (B,) of a batch (B, N, M); NaN where an entry is not finite."""
        if min(matrices.shape[1:]) <= _SMALL:
            return largest_singular_values(matrices)
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
        clean = matrices if finite.all() else np.where(finite[:, None, None], matrices, 0.0)
        return np.where(finite, self._iterated(clean), np.nan)

    def _iterated(self, matrices: Array) -> Array:
        transposed = np.swapaxes(matrices, 1, 2)
        basis = self._start(matrices)
        images = matrices @ basis
        for _ in range(_ROUNDS):
            values, vectors = np.linalg.eigh(np.swapaxes(images, 1, 2) @ images)
            leading = vectors[:, :, -_KEPT:]
            pulled = transposed @ (images @ leading)
            self._directions, squares = basis @ leading, values[:, -1]
            residual = np.linalg.norm(pulled[:, :, -1] - squares[:, None] * self._directions[:, :, -1], axis=1)
            if (residual <= _TOLERANCE * squares).all():
                return np.asarray(np.sqrt(np.maximum(squares, 0.0)))
            fresh = np.linalg.qr(_without(basis, _without(basis, pulled)))[0]
            basis, images = np.concatenate([basis, fresh], axis=2), np.concatenate([images, matrices @ fresh], axis=2)
        return largest_singular_values(matrices)

    def _start(self, matrices: Array) -> Array:
        """Orthonormal directions: those found last and others drawn anew."""
        shape = (len(matrices), matrices.shape[2], _KEPT + _DRAWN)
        drawn = self._draw.standard_normal(shape)
        if self._directions is not None and self._directions.shape[:2] == shape[:2]:
            drawn[:, :, :_KEPT] = self._directions
        return np.asarray(np.linalg.qr(drawn)[0])


def _without(basis: Array, vectors: Array) -> Array:
    """Vectors less their projections on a basis."""
    return np.asarray(vectors - basis @ (np.swapaxes(basis, 1, 2) @ vectors))
