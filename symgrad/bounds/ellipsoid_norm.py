"""Ellipsoids that a set of matrices stretches little: a proposal in floats, of which nothing is claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["ellipsoid_norm", "largest_stretch"]

Array = NDArray[np.float64]

_SHARPNESS = (8.0, 40.0, 200.0, 1000.0)  # of the smoothed maximum, in turn
_ACTIVE = 128  # of more matrices only those that count are descended with
_MORE = 48  # of them are added after each round
_ROUNDS = 8
_PROGRESS = 1e-6
_SMALLEST = 1e-200
_CONDITION = 1e8  # transformations beyond it are not followed further


def largest_stretch(matrices: Array, transform: Array) -> float:
    """The largest 2-norm of S A S^-1 over the matrices, approximate; infinite where S cannot be inverted.

    >>> round(largest_stretch(np.array([[[0.0, 4.0], [1.0, 0.0]]]), np.diag([1.0, 2.0])), 12)
    2.0
    """
    try:
        moved = transform @ matrices @ np.linalg.inv(transform)
        value = float(np.linalg.norm(moved, 2, axis=(1, 2)).max(initial=0.0))
    except np.linalg.LinAlgError:
        return float("inf")
    return value if np.isfinite(value) else float("inf")


def ellipsoid_norm(matrices: Array, start: Array | None = None, iterations: int = 60, refined: bool = False) -> Array:
    """A matrix S that makes the largest 2-norm of S A S^-1 over some matrices A small.

    The logarithm of ||S A S^-1|| is convex along geodesics of S'S, so that descent ends near the best ellipsoid;
    its derivative in the direction dS is u' dS S^-1 u - v' dS S^-1 v for the leading singular vectors u and v.

    Args:
        matrices: (m, n, n) finite floats.
        start: (n, n) where to begin, by default the identity.
        iterations: of each of four rounds, in which the smoothed maximum gets sharper.
        refined: whether the start is near the best already, so that the two last rounds are enough.

    Returns:
        S, (n, n), never worse than the start (in floats).

    >>> pair = np.array([[[1.0, 9.0], [0.0, 1.0]], [[1.0, 0.0], [1 / 9, 1.0]]])
    >>> [round(largest_stretch(pair, S), 4) for S in (np.eye(2), ellipsoid_norm(pair))]  # the golden ratio is best
    [9.1098, 1.618]
    """
    size = matrices.shape[1]
    best = np.eye(size) if start is None else np.array(start)
    least = largest_stretch(matrices, best)
    if size <= 1 or not 0 < least < np.inf:
        return best
    active, current = _most_stretched(matrices, best, np.array([], dtype=np.int64)), best
    for count in range(_ROUNDS):
        current = _descended(matrices[active], current, least, _SHARPNESS[2 if refined or count else 0 :], iterations)
        value = largest_stretch(matrices, current)
        if value < least and np.linalg.cond(current) < _CONDITION:
            best, least = current, value
        if value <= largest_stretch(matrices[active], current) * (1 + _PROGRESS):
            break
        active = _most_stretched(matrices, current, active)
    return best


def _most_stretched(matrices: Array, transform: Array, known: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of the matrices with the largest norms next to some known ones; all if they are few."""
    if len(matrices) <= _ACTIVE:
        return np.arange(len(matrices))
    sizes = np.linalg.norm(transform @ matrices @ np.linalg.inv(transform), 2, axis=(1, 2))
    largest = np.argsort(-sizes, kind="stable")[: _ACTIVE if not len(known) else _MORE]
    return np.union1d(known, largest)


def _descended(matrices: Array, start: Array, scale: float, sharpness: tuple[float, ...], iterations: int) -> Array:
    """Descent from a start for ever sharper maxima; the best of the transformations on the way."""
    best, current = start, start
    least = largest_stretch(matrices, start)
    size = len(start)
    for sharp in sharpness:
        options: Any = {"maxiter": iterations}
        found = minimize(_smoothed, current.ravel(), (matrices / scale, sharp), "L-BFGS-B", jac=True, options=options)
        current = found.x.reshape(size, size)
        current = current / np.abs(current).max()
        value = largest_stretch(matrices, current)
        if value < least and np.linalg.cond(current) < _CONDITION:
            best, least = current, value
    return best


def _smoothed(entries: Array, matrices: Array, sharpness: float) -> tuple[float, Array]:
    """The smoothed maximum of log ||S A S^-1|| over all singular values, and its gradient by S."""
    size = matrices.shape[1]
    transform = entries.reshape(size, size)
    try:
        inverse = np.linalg.inv(transform)
        left, values, right = np.linalg.svd(transform @ matrices @ inverse)
    except np.linalg.LinAlgError:
        return 1e300, np.zeros_like(entries)
    logs = sharpness * np.log(np.maximum(values, _SMALLEST))
    top = float(logs.max())
    shares = np.exp(logs - top)
    total = float(shares.sum())
    shares /= total
    spread = np.einsum("mij,mj,mkj->ik", left, shares, left) - np.einsum("mji,mj,mjk->ik", right, shares, right)
    return (top + float(np.log(total))) / sharpness, (spread @ inverse.T).ravel()
