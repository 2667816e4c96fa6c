"""Spectral norm of one long product of Jacobians by products with vectors alone, forward and back, in floats.

The block Lanczos method on ``P^T P`` (Golub and Van Loan, *Matrix Computations*, 10.3.6) with full reorthogonalisation:
a block of vectors goes forth and back along the trajectory, what comes back is added to the space V searched.
``||P V||`` is never more than the norm. What lies outside V is bounded by Gaussian vectors without their part in V,
carried forth once: ``||P||^2 <= ||P V||^2 + ||P (1 - V V^T)||^2`` (Halko, Martinsson and Tropp, *SIAM Review* 53, 2011,
Lemma 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.language.recurrence import Recurrence
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.gram_norms import NormTable
from symgrad.numerics.jacobian_steps import (
    StepJacobian,
    known_steps,
    rescaled_columns,
    transposed_steps,
    weight_products,
)
from symgrad.numerics.low_rank_products import probe_factor
from symgrad.numerics.running import Batch, run
from symgrad.numerics.sharing import shared_nodes

__all__ = ["CHECKS", "lanczos_norms"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = 3
_PROBES = 10
CHECKS = 12  # passes at most, after each of which the upper side may be looked at


@dataclass(eq=False)
class _Images:
    """Columns (N, B, p) times ``2**exponent``, the exponent (B,)."""

    columns: Any
    exponent: IntArray


class _Product:
    """The product of the Jacobians along trajectories whose states are kept, times columns."""

    def __init__(self, model: Recurrence, evaluator: ArrayEvaluator, batch: Batch, backend: Backend) -> None:
        self._model, self._evaluator, self._backend, self._batch = model, evaluator, backend, batch
        self._inputs = {s: evaluator.asarray(array) for s, array in batch.inputs.items()}
        self._states = run(evaluator, shared_nodes(model).updates, batch)
        self._counts = weight_products(model), weight_products(model, backward=True)
        self.total, self.made = sum(array.shape[0] for array in batch.initial.values()), 0

    def finite(self) -> NDArray[np.bool_]:
        """(B,) whether a trajectory is finite all along."""
        xp = self._backend.xp
        along = [xp.all(xp.isfinite(array), axis=(0, 1, 3)) for array in self._states.values()]
        return np.asarray(np.all([self._backend.numpy(each) for each in along], axis=0))

    def forward(self, columns: Any) -> _Images:
        """The product times columns."""
        self.made += self._columns(columns) * self._counts[0]
        blocks = shared_nodes(self._model).blocks
        return self._through(columns, known_steps(self._evaluator, blocks, self._states, self._inputs))

    def backward(self, columns: Any) -> _Images:
        """The transposed product times columns."""
        self.made += self._columns(columns) * self._counts[1]
        return self._through(columns, transposed_steps(self._evaluator, self._model, self._states, self._inputs))

    def _columns(self, columns: Any) -> int:
        return self._batch.steps * self._batch.size * int(columns.shape[2])

    def _through(self, columns: Any, steps: Iterable[StepJacobian]) -> _Images:
        exponent = np.zeros(self._batch.size, dtype=np.int64)
        for step in steps:
            columns, shift = rescaled_columns(step.times(columns), self._backend)
            exponent = exponent + shift
        return _Images(columns, exponent)


def lanczos_norms(
    model: Recurrence, evaluator: ArrayEvaluator, batch: Batch, tolerance: float, backend: Backend, seed: int = 0
) -> NormTable:
    """The spectral norm of ``J_T ... J_1`` along each trajectory of a batch of T steps.

    Passes go on until lower and upper sides agree to the tolerance for all trajectories, or a dozen were made: then the
    upper side says what was reached. ``columns`` of the result counts products of weights with columns.
    """
    product = _Product(model, evaluator, batch, backend)
    search = _Search(product, batch.size, backend, seed)
    finite = product.finite()
    lower = np.full(batch.size, -np.inf)
    upper = np.full(batch.size, np.inf)
    for number in range(CHECKS):
        previous, lower = lower, search.extended()
        with np.errstate(invalid="ignore"):
            settled = ~(np.abs(lower - previous) > tolerance / 8)
        last = number == CHECKS - 1 or search.complete
        if (settled | ~finite).all() or last:
            upper = np.minimum(upper, search.upper(lower))
            if last or (~(upper - lower > math.log1p(tolerance)) | ~finite).all():
                break
    table = NormTable.empty([batch.steps], batch.size)
    table.lower[0], table.upper[0] = np.where(finite, lower, np.nan), np.where(finite, upper, np.nan)
    table.ranks[0], table.dropped[0], table.columns = search.dimension, not search.complete, product.made
    return table


class _Search:
    """A growing space of starting vectors V (N, B, m) with their images ``P V``."""

    def __init__(self, product: _Product, size: int, backend: Backend, seed: int) -> None:
        self._product, self._backend, self._size = product, backend, size
        self._random = np.random.default_rng([seed, 3])
        self._space: Any = None
        self._images: list[_Images] = []

    @property
    def dimension(self) -> int:
        """How many vectors were searched."""
        return 0 if self._space is None else int(self._space.shape[2])

    @property
    def complete(self) -> bool:
        """Whether the space searched is the whole."""
        return self.dimension == self._product.total

    def extended(self) -> Array:
        """Add a block of vectors to the space; natural logarithms (B,) of the norm on it."""
        if self._space is None:
            fresh = self._drawn(min(_BLOCK, self._product.total))
        else:
            fresh = self._product.backward(self._images[-1].columns).columns
        fresh = self._orthonormal(fresh)
        self._images.append(self._product.forward(fresh))
        self._space = fresh if self._space is None else self._backend.xp.concat([self._space, fresh], axis=2)
        return self._largest()

    def upper(self, lower: Array) -> Array:
        """What the norm can be at most, (B,) natural logarithms, but for the probability stated."""
        if self.complete:
            return lower + 16 * self._product.total * self._backend.eps
        outside = self._without_space(self._drawn(_PROBES))
        images, xp = self._product.forward(outside), self._backend.xp
        squares = self._backend.numpy(xp.max(xp.sum(images.columns * images.columns, axis=0), axis=1))
        with np.errstate(divide="ignore"):
            rest = np.log(squares * probe_factor(_PROBES) ** 2) / 2 + images.exponent * math.log(2.0)
        return np.asarray(np.logaddexp(2 * lower, 2 * rest) / 2 + 16 * self.dimension * self._backend.eps)

    def _drawn(self, count: int) -> Any:
        return self._backend.asarray(self._random.standard_normal((self._product.total, self._size, count)))

    def _without_space(self, columns: Any) -> Any:
        if self._space is None:
            return columns
        xp = self._backend.xp
        space, columns = xp.permute_dims(self._space, (1, 0, 2)), xp.permute_dims(columns, (1, 0, 2))
        for _ in range(2):
            columns = columns - space @ (xp.matrix_transpose(space) @ columns)
        return xp.permute_dims(columns, (1, 0, 2))

    def _orthonormal(self, columns: Any) -> Any:
        """Orthonormal columns outside the space; directions drawn at random where what is given vanishes."""
        xp = self._backend.xp
        columns = xp.where(xp.isfinite(columns), columns, xp.zeros_like(columns))
        columns = columns[:, :, : min(columns.shape[-1], self._product.total - self.dimension)]
        norms = xp.sqrt(xp.sum(columns * columns, axis=0, keepdims=True))
        columns = columns / xp.where(norms > 0, norms, xp.ones_like(norms))
        small = self._backend.eps * self._drawn(int(columns.shape[2]))
        outside = self._without_space(columns + small)
        for _ in range(2):
            batch = xp.linalg.qr(xp.permute_dims(outside, (1, 0, 2)))[0]
            outside = self._without_space(xp.permute_dims(batch, (1, 0, 2)))
        return outside

    def _largest(self) -> Array:
        """Natural logarithms of the largest singular values of the images so far, brought to one exponent."""
        xp = self._backend.xp
        exponents = np.array([images.exponent for images in self._images])
        most = exponents.max(axis=0)
        scaled = [
            images.columns * self._backend.asarray(np.ldexp(1.0, images.exponent - most)[None, :, None])
            for images in self._images
        ]
        batch = xp.permute_dims(xp.concat(scaled, axis=2), (1, 0, 2))
        batch = xp.where(xp.isfinite(batch), batch, xp.zeros_like(batch))
        values = self._backend.numpy(xp.linalg.svdvals(batch))[:, 0]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(values) + most * math.log(2.0), dtype=np.float64)
