"""Products of Jacobians along trajectories, in floats with a running exponent: no length makes them under- or overflow.

All values here are approximate. They say where to look; a violation is only claimed after ball arithmetic
(:mod:`symgrad.numerics.witness`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.blas_threads import scipy_on_one_thread
from symgrad.numerics.jacobian_steps import known_steps
from symgrad.numerics.leading_values import LapackLeadingValues
from symgrad.numerics.sharing import Blocks, shared_nodes
from symgrad.numerics.simulate import Batch, run
from symgrad.numerics.symmetric_lapack import inner_products

__all__ = [
    "Products",
    "inverted",
    "largest",
    "largest_singular_values",
    "log10_scaled",
    "log_frobenius",
    "log_norms",
    "product_log_norms",
    "products",
    "rescaled",
    "stretched",
]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LOG2 = float(np.log(2.0))
_LOG10_2 = float(np.log10(2.0))
_TINY = 2.0**-1000
_LARGE, _TOLERANCE = 128, 1e-11  # rows from which singular values are searched, and of their squares


@dataclass(frozen=True, eq=False)
class Products:
    """The products of k Jacobians of a batch: ``matrix * 2**exponent``.

    Attributes:
        k: the number of factors.
        matrix: (N, B, N), N the number of all states' entries, in the model's order of states; or (N, B, p) for
            products times p columns.
        exponent: (B,) integers.
    """

    k: int
    matrix: Array
    exponent: IntArray


def products(
    evaluator: ArrayEvaluator, blocks: Blocks, batch: Batch, states: Mapping[sp.Expr, Array]
) -> Iterator[Products]:
    """``J_k ... J_1`` for k = 1 ... T along trajectories that were simulated before."""
    total = sum(array.shape[1] for array in states.values())
    matrix, exponent = np.eye(total)[:, None, :], np.zeros(batch.size, dtype=np.int64)
    jacobians = known_steps(evaluator, blocks, states, batch.inputs)
    for step in range(1, batch.steps + 1):
        with np.errstate(all="ignore"):
            whole = np.broadcast_to(next(jacobians).times(matrix), (total, batch.size, total))
            matrix, shift = rescaled(whole)
        exponent = exponent + shift
        yield Products(step, matrix, exponent)


def inverted(matrices: Array) -> Array:
    """Inverses of a batch (B, N, N); singular values of zero are taken as the smallest normal numbers."""
    try:
        return np.asarray(np.linalg.inv(matrices))
    except np.linalg.LinAlgError:
        left, values, right = np.linalg.svd(np.nan_to_num(matrices))
        reciprocal = 1 / np.maximum(values, _TINY)
        return np.asarray(np.einsum("bji,bj,bkj->bik", right, reciprocal, left))


def rescaled(matrix: Array) -> tuple[Array, IntArray]:
    """The matrices (N, B, p) times powers of two that bring each one's largest entry near 1, and the exponents (B,)."""
    largest = np.abs(matrix).max(axis=0).max(axis=1)  # one axis at a time, which is faster
    _, power = np.frexp(largest)
    shift = np.where(np.isfinite(largest) & (largest > 0) & (np.abs(power) > 16), power, 0).astype(np.int64)
    if not shift.any():
        return matrix, shift
    return np.ldexp(matrix, -shift[None, :, None]), shift


def log10_scaled(values: Array, exponent: IntArray) -> Array:
    """``log10(values * 2**exponent)``, approximate; minus infinity for zero.

    >>> log10_scaled(np.array([0.0, 10.0]), np.array([5, 0])).tolist()
    [-inf, 1.0]
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(values) + exponent * _LOG10_2)


def log_norms(item: Products, norm: Norm) -> Array:
    """The natural logarithms (B,) of the norms of the products, approximate; minus infinity for zero."""
    return _log(_norms(item.matrix, norm), item.exponent)


def log_frobenius(item: Products) -> Array:
    """The natural logarithms (B,) of the roots of the sums of squares, which no spectral norm exceeds."""
    return _log(np.einsum("ibj,ibj->b", item.matrix, item.matrix), 2 * item.exponent) / 2


def _log(values: Array, exponent: IntArray) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values) + exponent * _LOG2)


def _norms(matrix: Array, norm: Norm) -> Array:
    if norm.p == 2:
        return _spectral(matrix)
    sums = np.abs(matrix).sum(axis=0 if norm.p == 1 else 2)
    return np.asarray(sums.max(axis=1 if norm.p == 1 else 0))


def _spectral(matrix: Array) -> Array:
    return largest_singular_values(np.moveaxis(matrix, 1, 0))


def largest_singular_values(batch: Array) -> Array:
    """The largest singular values of a batch (B, N, M), approximate; NaN where an entry is not finite.

    Small matrices are decomposed. Of large ones the largest eigenvalue of the Gram matrix is searched, with a
    factorisation that shows that none is larger.
    """
    finite = np.isfinite(batch).all(axis=(1, 2))
    values = np.full(len(batch), np.nan)
    if not finite.any():
        return values
    given = batch if finite.all() else batch[finite]
    if min(batch.shape[1:]) < _LARGE:
        values[finite] = np.linalg.svd(given, compute_uv=False)[:, 0]
        return values
    scale = np.abs(given).max(axis=(1, 2))
    scale = np.where(scale > 0, scale, 1.0)
    with scipy_on_one_thread():
        grams = inner_products(np.moveaxis(given / scale[:, None, None], 0, 1))
        values[finite] = scale * np.sqrt(LapackLeadingValues(_TOLERANCE)(grams)[0])
    return values


def largest(item: Products, norm: Norm, counts: Any) -> tuple[float, int]:
    """The logarithm of the largest norm among the trajectories that count, and its place; -1 where none is finite."""
    if norm.p == 2:
        return _largest_spectral(item, counts)
    logs = log_norms(item, norm)
    logs = np.where(counts & ~np.isnan(logs), logs, -np.inf)
    place = int(logs.argmax())
    return float(logs[place]), (place if logs[place] > -np.inf else -1)


def _largest_spectral(item: Products, counts: Any) -> tuple[float, int]:
    """Frobenius norms bound singular values: decompositions are made only where the largest can be, more and more."""
    upper = log_frobenius(item)
    upper = np.where(counts & ~np.isnan(upper) & (upper < np.inf), upper, -np.inf)
    order, best, where, first, together = np.argsort(-upper), -np.inf, -1, 0, 1
    while first < len(order) and upper[order[first]] > best:
        places = order[first : first + together]
        places = places[upper[places] > best]
        values = _log(_spectral(item.matrix[:, places]), item.exponent[places])
        place = int(values.argmax())
        if values[place] > best:
            best, where = float(values[place]), int(places[place])
        first, together = first + together, 2 * together
    return best, where


def stretched(matrix: Array, norm: Norm) -> Array:
    """A vector that a matrix stretches by its norm, approximately."""
    if norm.p == 1:
        return np.eye(len(matrix))[int(np.abs(matrix).sum(axis=0).argmax())]
    if norm.p == sp.oo:
        row = matrix[int(np.abs(matrix).sum(axis=1).argmax())]
        return np.where(row < 0, -1.0, 1.0)
    if not np.isfinite(matrix).all():
        return np.full(len(matrix), len(matrix) ** -0.5)
    return np.asarray(np.linalg.svd(matrix)[2][0])


def product_log_norms(
    model: Recurrence,
    evaluator: ArrayEvaluator,
    batch: Batch,
    norm: Any = 2,
    ks: Collection[int] | None = None,
) -> Array:
    """Natural logarithms of ``||J_k ... J_1||`` along simulated trajectories, **approximate**.

    Args:
        model: the recurrence.
        evaluator: its parameters put in.
        batch: starting points and inputs of B trajectories of T steps.
        norm: 1, 2 or infinity.
        ks: the numbers of factors that are wanted; all of 1 ... T unless given. T may be 10**6.

    Returns:
        (K, B), in the order of increasing k; minus infinity for a product that is zero.
    """
    which, nodes = norm_of(norm), shared_nodes(model)
    states = run(evaluator, nodes.updates, batch)
    wanted = None if ks is None else frozenset(int(k) for k in ks)
    rows = [
        log_norms(item, which)
        for item in products(evaluator, nodes.blocks, batch, states)
        if wanted is None or item.k in wanted
    ]
    return np.array(rows).reshape(len(rows), batch.size)
