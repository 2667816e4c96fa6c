"""One step of the interval Newton method on many boxes at once: boxes shrink, and some hold one zero at most."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls
from symgrad.dynamics.solved_forms import quotient
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.rigor.balls import working_precision
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["NewtonStep", "newton_step", "times"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BITS = 192
_ROUNDING = 1e-10  # far above the rounding errors of the sums of N products it stands for, N <= 1000


@dataclass(frozen=True, eq=False)
class NewtonStep:
    """What one step found for B boxes.

    Attributes:
        boxes: (N, B) what is left of each box; no zero is lost. Empty sides mean that there is none.
        regular: (B,) whether the wide box around it is proved to hold one zero at most.
        slopes: (N, N, B) the derivative over the wide boxes.
    """

    boxes: Intervals
    regular: Mask
    slopes: Intervals


def newton_step(system: VectorSystem, boxes: Intervals, wide: Intervals, precise: bool = False) -> NewtonStep:
    """The step of Hansen and Sengupta, preconditioned with the inverse of the middle of the derivative.

    With c in a box X and A an enclosure of the derivative over X, each zero x in X solves ``Y A (x - c) = - Y r(c)``
    for some matrix in A; the equations are solved for one entry after the other. If every matrix in ``Y A`` over the
    wide box is regular, r is one-to-one there.

    Args:
        system: the equations.
        boxes: (N, B), finite.
        wide: (N, B), around them.
        precise: compute r(c) in balls of many digits, one box after the other: next to a fold, where the slopes are
            small, its rounding errors count.

    Source: Neumaier, Interval Methods for Systems of Equations 1990, sec. 5.1 and theorem 5.1.8.
    """
    slopes = system.jacobian_over(wide)
    with np.errstate(invalid="ignore"):
        middle = np.nan_to_num((slopes.low + slopes.high) / 2, nan=0.0, posinf=0.0, neginf=0.0).transpose(2, 0, 1)
    inverse = Intervals.exact(_inverses(middle).transpose(1, 2, 0))
    matrix = times(inverse, slopes)
    centre = np.clip((boxes.low + boxes.high) / 2, boxes.low, boxes.high)
    residual = _residual_in_balls(system, centre) if precise else system.residual_over(Intervals.exact(centre))
    offset = times(inverse, _part(residual, np.s_[:, None]))
    left = _sweep(matrix, _part(offset, np.s_[:, 0]), boxes, centre)
    return NewtonStep(left, _are_regular(matrix), slopes)


def _residual_in_balls(system: VectorSystem, points: Array) -> Intervals:
    """(N, B) r at B points (N, B), each end rounded outwards from many digits."""
    with working_precision(_BITS):
        columns = [Intervals.of_balls(system.residual(column_of_balls(point))) for point in points.T.tolist()]
    return Intervals(*(np.concatenate([getattr(column, end) for column in columns], axis=1) for end in ("low", "high")))


def times(left: Intervals, right: Intervals) -> Intervals:
    """(N, K, B) products of B matrices (N, M, B) with as many (M, K, B)."""
    terms = (_part(left, np.s_[:, k, None]) * _part(right, np.s_[None, k]) for k in range(left.shape[1]))
    return reduce(Intervals.__add__, terms)


def _part(value: Intervals, index: Any) -> Intervals:
    return Intervals(value.low[index], value.high[index])


def _inverses(matrices: Array) -> Array:
    """(B, N, N) approximate inverses; pseudo-inverses where some matrix has none."""
    try:
        found = np.asarray(np.linalg.inv(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        found = np.asarray(np.linalg.pinv(matrices), dtype=np.float64)
    return np.where(np.isfinite(found), found, 0.0)


def _sweep(matrix: Intervals, offset: Intervals, boxes: Intervals, centre: Array) -> Intervals:
    """``M (x - c) = - offset`` solved for each entry in turn, the others in their intervals."""
    size = len(centre)
    low, high = boxes.low.copy(), boxes.high.copy()
    for i in range(size):
        others = np.arange(size) != i
        distances = Intervals(low[others], high[others]) + Intervals.exact(-centre[others])
        terms = _part(matrix, (i, others)) * distances
        total = reduce(Intervals.__add__, (_part(terms, j) for j in range(size - 1)), _part(offset, i))
        found = Intervals.exact(centre[i]) + quotient(-total, _part(matrix, (i, i)))
        sound = low[i] <= high[i]  # an empty box stays empty
        low[i] = np.where(sound, np.maximum(low[i], found.low), low[i])
        high[i] = np.where(sound, np.minimum(high[i], found.high), high[i])
    return Intervals(low, high)


def _are_regular(matrix: Intervals) -> Mask:
    """Whether every matrix in each of B interval matrices is regular: generalised strict diagonal dominance."""
    size = matrix.shape[0]
    magnitude = matrix.magnitude
    place = np.arange(size)
    low, high = matrix.low[place, place], matrix.high[place, place]
    diagonal = np.maximum(np.maximum(low, -high), 0.0)  # the least modulus
    others = magnitude.copy()
    others[place, place] = 0.0
    return _dominant(diagonal, others, np.ones_like(diagonal)) | _dominant(diagonal, others, _scaling(diagonal, others))


def _dominant(diagonal: Array, others: Array, scale: Array) -> Mask:
    """Whether ``diagonal u > others u`` for a vector u > 0."""
    with np.errstate(invalid="ignore"):
        rest = (others * scale[None]).sum(axis=1)
        found: Mask = (diagonal * scale > rest * (1 + _ROUNDING)).all(axis=0) & (scale > 0).all(axis=0)
    return found


def _scaling(diagonal: Array, others: Array) -> Array:
    """About the best u: the solution of ``(diagonal - others) u = 1``; ones where it is not positive."""
    with np.errstate(all="ignore"):
        ratio = np.nan_to_num(others / diagonal[:, None], nan=1e3, posinf=1e3)
        scale = np.ones_like(diagonal)
        for _ in range(8):
            scale = 1.0 + np.einsum("ijb,jb->ib", ratio, scale)
    return np.where(np.isfinite(scale).all(axis=0), scale, 1.0)
