"""Norms of products of Jacobians with all columns kept, in floats: norms 1 and infinity, and a decomposition a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.gram_norms import NormTable
from symgrad.numerics.jacobian_steps import jacobian_steps, rescaled_columns
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import SharedNodes

__all__ = ["dense_norms"]

Array = NDArray[np.float64]


def dense_norms(
    evaluator: ArrayEvaluator,
    nodes: SharedNodes,
    batch: Batch,
    wanted: frozenset[int],
    norm: Norm,
    backend: Backend,
) -> NormTable:
    """Norms of ``J_k ... J_1`` for the wanted k: sums of entries, or the largest of all singular values."""
    xp, size, last = backend.xp, batch.size, max(wanted)
    total = sum(array.shape[0] for array in batch.initial.values())
    columns, exponent = xp.expand_dims(backend.asarray(np.eye(total)), axis=1), np.zeros(size, dtype=np.int64)
    table, finite = NormTable.empty(wanted, size), np.full(size, True)
    for k, step in enumerate(jacobian_steps(evaluator, nodes, batch), 1):
        table.columns += int(columns.shape[1]) * total
        finite = finite & backend.numpy(step.finite)
        columns, shift = rescaled_columns(step.times(columns), backend)
        exponent = exponent + shift
        if k in wanted:
            values = np.broadcast_to(np.asarray(_norms(columns, norm, backend), dtype=np.float64), (size,))
            with np.errstate(divide="ignore"):
                logs = np.where(finite & np.isfinite(values), np.log(values) + exponent * math.log(2.0), np.nan)
            table.lower[table.rows[k]] = table.upper[table.rows[k]] = logs
        if k == last:
            break
    table.ranks[:] = total
    return table


def _norms(columns: Any, norm: Norm, backend: Backend) -> Any:
    xp = backend.xp
    if norm.p != 2:
        sums = xp.sum(xp.abs(columns), axis=0 if norm.p == 1 else 2)
        return backend.numpy(xp.max(sums, axis=1 if norm.p == 1 else 0))
    batch = xp.permute_dims(columns, (1, 0, 2))
    finite = backend.numpy(xp.all(xp.isfinite(batch), axis=(1, 2)))
    batch = xp.where(xp.isfinite(batch), batch, xp.zeros_like(batch))
    return np.where(finite, backend.numpy(xp.linalg.svdvals(batch)[:, 0]), np.nan)
