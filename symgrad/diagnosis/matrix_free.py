"""Norms of long products of large Jacobians by products with vectors alone: lower estimates, close where sought."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.numerics.products import log10_scaled, rescaled

__all__ = ["vector_products"]

Array = NDArray[np.float64]

_VECTORS = 2
_SWEEPS = 2


def vector_products(run: LayerRun, seed: int = 0) -> Array:
    """``log10`` of the norms of ``dx_T / dx_{T-k}``, of all states and of the first alone, (T + 1, 2, B).

    For k = 1, 2, 4, 8, ... and T the directions at the end that the product hands back most are sought by subspace
    iteration, forth and back along the sequences. The norm of the transposed product on all directions so found, at
    every k, is never more than the true norm.
    """
    jacobians = StepJacobians(run)
    everything, first = slice(0, run.total), jacobians.rows[0]
    whole = _Search(jacobians, everything, seed).norms()
    part = whole if len(jacobians.rows) == 1 else _Search(jacobians, first, seed).norms()
    return np.stack([whole, part], axis=1)


class _Search:
    """The same for the block of some rows and the same columns."""

    def __init__(self, jacobians: StepJacobians, rows: slice, seed: int) -> None:
        self._jacobians, self._rows = jacobians, rows
        self._steps = jacobians.run.steps
        shape = (jacobians.run.total, jacobians.run.size, _VECTORS)
        self._start = _orthonormal(self._cut(np.random.default_rng(seed).standard_normal(shape)))

    def norms(self) -> Array:
        """(T + 1, B)."""
        vectors, exponent = self._directions(), np.zeros(self._jacobians.run.size, dtype=np.int64)
        found = [np.zeros(self._jacobians.run.size)]
        for step in reversed(range(self._steps)):
            vectors, shift = rescaled(self._jacobians.backward(step, vectors))
            exponent = exponent + shift
            block = np.moveaxis(vectors[self._rows], 1, 0)
            squares = np.linalg.eigvalsh(np.swapaxes(block, 1, 2) @ block)[:, -1]
            found.append(log10_scaled(np.sqrt(np.maximum(squares, 0.0)), exponent))
        return np.array(found)

    def _directions(self) -> Array:
        """An orthonormal basis of what was found for all numbers of steps, (N, B, p)."""
        ks = [2**i for i in range(self._steps.bit_length()) if 2**i < self._steps] + [self._steps]
        current, leading = self._start, []
        for k in ks:
            for _ in range(_SWEEPS):
                current = self._swept(current, k)
            leading.append(current[:, :, :1])
        return _orthonormal(np.concatenate([*leading, self._start], axis=2))

    def _swept(self, vectors: Array, k: int) -> Array:
        """The product of k steps times its transpose, applied to vectors and made orthonormal."""
        steps = range(self._steps - k, self._steps)
        for step in reversed(steps):
            vectors = rescaled(self._jacobians.backward(step, vectors))[0]
        vectors = _orthonormal(self._cut(vectors))
        for step in steps:
            vectors = rescaled(self._jacobians.forward(step, vectors))[0]
        return _orthonormal(self._cut(vectors))

    def _cut(self, vectors: Array) -> Array:
        """The other rows set to zero."""
        kept = np.zeros_like(vectors)
        kept[self._rows] = vectors[self._rows]
        return kept


def _orthonormal(vectors: Array) -> Array:
    """The columns of (N, B, p) made orthonormal, the first one kept in its direction."""
    batch = np.nan_to_num(np.moveaxis(vectors, 1, 0))
    return np.moveaxis(np.linalg.qr(batch)[0], 0, 1)
