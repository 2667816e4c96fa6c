"""Fixed points that Newton's method reaches from many starts, each proved, and the slow points it meets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.certified_zero import CertifiedZero, certified_zero, newton_floats
from symgrad.dynamics.vector_region import Contraction, all_numbers
from symgrad.dynamics.vector_results import SlowPoint
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["sampled_zeros"]

Array = NDArray[np.float64]

_SPREAD = 3.0  # of starts where no bounds are known
_TIMES = (0, 3, 10, 30, 100, 300)  # steps of simulated trajectories after which their states are starts
_STEP = 0.2  # of a flow, times the inverse of the size of its Jacobian
_ITERATIONS = 120
_DAMPING = (1e-2, 1e-12, 1e10)  # of Levenberg and Marquardt: at first, least, most
_ZERO = 1e-9
_FLAT = 1e-5  # gradient of q relative to |J| |r|
_APART, _APART_SLOW = 1e-6, 1e-3  # relative distances below which points count as one
_MOST_SLOW = 50


def sampled_zeros(
    system: VectorSystem, box: Intervals | None, starts: int, seed: int
) -> tuple[list[CertifiedZero], list[SlowPoint]]:
    """Zeros that starts along trajectories and random starts lead to, and minima of ``q = |r|^2 / 2`` without a zero.

    Args:
        system: the equations.
        box: (N, 1) what zeros must meet, and where starts are drawn; else a box that holds all zeros, if one is known.
        starts: how many.
        seed: of the starts.

    Source: Sussillo and Barak, Opening the black box, Neural Computation 25 (2013).
    """
    points = _starts(system, box, starts, np.random.default_rng(seed))
    ends, flat = _descended(system, points)
    residual, _ = system.floats(ends)
    low = np.abs(residual).max(axis=1, initial=0.0) <= _ZERO * (1 + np.abs(ends).max(axis=1, initial=0.0))
    zeros = _certified(system, newton_floats(system, ends[low]), box)
    slow = _slow_points(system, ends[flat & ~low], box)
    return zeros, slow


def _starts(system: VectorSystem, box: Intervals | None, count: int, rng: np.random.Generator) -> Array:
    """Random points, and the states that trajectories from them reach."""
    region = Contraction(system)(all_numbers(system.size)) if box is None or not box.is_finite else box
    if box is not None:
        region = region.intersection(box)
    low, high = np.where(np.isfinite([region.low, region.high]), [region.low, region.high], [[[-_SPREAD]], [[_SPREAD]]])
    low, high = np.minimum(low, high)[:, 0], np.maximum(low, high)[:, 0]
    each = -(-count // len(_TIMES))
    points = rng.uniform(low, high, (each, system.size))
    found = [points]
    for before, after in pairwise(_TIMES):
        points = _simulated(system, points, after - before)
        found.append(points)
    joined = np.concatenate(found)
    return joined[np.isfinite(joined).all(axis=1)][:count]


def _simulated(system: VectorSystem, points: Array, steps: int) -> Array:
    """States after some steps of the map, or of Euler's method for the flow."""
    with np.errstate(all="ignore"):
        for _ in range(steps):
            residual, slopes = system.floats(points) if not system.is_map else (system.residuals(points), None)
            step = 1.0 if slopes is None else _STEP / np.maximum(1e-3, np.abs(slopes).sum(axis=2).max(axis=1))[:, None]
            points = points + step * residual
    return points


def _descended(system: VectorSystem, points: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Where q is least, by the method of Levenberg and Marquardt, and whether its gradient is about zero there."""
    first, least, most = _DAMPING
    points = points.copy()
    damping = np.full(len(points), first)
    flat, active = np.zeros(len(points), dtype=bool), np.ones(len(points), dtype=bool)
    residual, slopes = system.floats(points)
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            places = np.flatnonzero(active)
            if not len(places):
                break
            r, jac = residual[places], slopes[places]
            gradient = np.einsum("bij,bi->bj", jac, r)
            trial = points[places] + _step(jac, gradient, damping[places])
            new_r, new_jac = system.floats(trial)
            better = (new_r**2).sum(axis=1) < (r**2).sum(axis=1)
            kept = places[better]
            points[kept], residual[kept], slopes[kept] = trial[better], new_r[better], new_jac[better]
            damping[places] = np.where(better, np.maximum(damping[places] / 4, least), damping[places] * 4)
            size = np.linalg.norm(residual[places], axis=1)
            steep = np.linalg.norm(gradient, axis=1) / (np.linalg.norm(jac, axis=(1, 2)) * np.linalg.norm(r, axis=1))
            flat[places] = steep <= _FLAT
            done = (size <= _ZERO / 10) | (damping[places] > most) | ~(steep > _FLAT / 10)
            active[places[done]] = False
    return points, flat


def _step(slopes: Array, gradient: Array, damping: Array) -> Array:
    """- (J^T J + damping diag) ^ -1 gradient."""
    normal = slopes.transpose(0, 2, 1) @ slopes
    size = normal.shape[1]
    scale = 1e-12 + np.einsum("bii->b", normal) / size
    matrix = np.nan_to_num(normal) + (damping * np.nan_to_num(scale, nan=1.0))[:, None, None] * np.eye(size)
    step: Array = -np.linalg.solve(matrix, np.nan_to_num(gradient)[..., None])[..., 0]
    return step


def _certified(system: VectorSystem, points: Array, box: Intervals | None) -> list[CertifiedZero]:
    found: list[CertifiedZero] = []
    for point in _distinct(points[np.isfinite(points).all(axis=1)]):
        zero = certified_zero(system, point)
        if zero is None:
            continue
        bounds = zero.bounds
        inside = box is None or bool(((box.low <= bounds.high) & (bounds.low <= box.high)).all())
        if inside and not any(_overlap(bounds, other.bounds) for other in found):
            found.append(zero)
    return found


def _overlap(one: Intervals, other: Intervals) -> bool:
    return bool(((one.low <= other.high) & (other.low <= one.high)).all())


def _distinct(points: Array, apart: float = _APART) -> list[Array]:
    """One point of each cluster."""
    found: list[Array] = []
    for point in points:
        scale = apart * (1 + np.abs(point).max(initial=0.0))
        if not any(np.abs(point - other).max(initial=0.0) <= scale for other in found):
            found.append(point)
    return found


def _slow_points(system: VectorSystem, points: Array, box: Intervals | None) -> list[SlowPoint]:
    if box is not None:
        points = points[((box.low[:, 0] <= points) & (points <= box.high[:, 0])).all(axis=1)]
    found = []
    for point in _distinct(points, _APART_SLOW):
        residual, _ = system.floats(point[None])
        parts = {str(state): part.copy() for state, part in system.split(point).items()}
        found.append(SlowPoint(parts, float((residual**2).sum() / 2)))
    return sorted(found, key=lambda point: point.speed)[:_MOST_SLOW]
