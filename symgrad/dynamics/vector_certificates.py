"""Certified critical points next to a start in floats: which kind they are, and boxes with no other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import PITCHFORK, BifurcationPoint
from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_augmented import CriticalZero, real_zero, reduced_zero
from symgrad.dynamics.vector_conditions import FLIPS, PAIRS, Box, one_at_most
from symgrad.dynamics.vector_crossings import Crossing
from symgrad.dynamics.vector_derivatives import Extended
from symgrad.dynamics.vector_normal_forms import (
    classified_complex,
    classified_flip,
    classified_fold,
    classified_lasting,
)
from symgrad.dynamics.vector_pairs import complex_zero, neutral_zero
from symgrad.rigor.matrix_balls import midpoints

__all__ = ["Certified", "certify"]

Array = NDArray[np.float64]

Certified = tuple[BifurcationPoint | None, Any, Callable[[Box], bool]]


def certify(
    extended: Extended, symmetries: tuple[Symmetry, ...], condition: str, start: Array, reach: Array | None = None
) -> Certified | None:
    """The critical point next to a start (x, p).

    Args:
        extended: the equations.
        symmetries: on whose branches transcritical and pitchfork bifurcations are looked for.
        condition: which.
        start: (N + 1,) floats.
        reach: how far from it the point may lie in each coordinate; None for anywhere.

    Returns:
        The point, or None at a pair of real eigenvalues where nothing bifurcates; its column (x, p) of balls; and a
        function that tells whether a box around it is proved to hold no other point of the condition. None where
        nothing is proved.
    """
    if not np.isfinite(start).all():
        return None

    def alone(box: Box) -> bool:
        return one_at_most(extended, condition, box)

    if condition == PAIRS:
        pair = complex_zero(extended, start, reach)
        if pair is not None:
            return classified_complex(extended, pair), pair.z, alone
        neutral = neutral_zero(extended, start, reach)
        return None if neutral is None else (None, neutral, alone)
    multiplier = -1 if condition == FLIPS else int(extended.system.is_map)
    zero = real_zero(extended, multiplier, start, reach)
    if zero is not None:
        classify = classified_flip if condition == FLIPS else classified_fold
        return classify(extended, zero), zero.z, alone
    if condition == FLIPS:
        flip = _flip_on_branch(extended, symmetries, start, reach)
        return None if flip is None else (classified_flip(extended, flip), flip.z, lambda box: False)
    return _on_branch(extended, symmetries, start, reach)


def _flip_on_branch(
    extended: Extended, symmetries: tuple[Symmetry, ...], start: Array, reach: Array | None
) -> CriticalZero | None:
    """An eigenvalue -1 on a branch that a symmetry keeps, where r_x may be singular at the same time."""
    for symmetry in symmetries:
        if not symmetry.odd or not _is_near(symmetry, start, reach):
            continue
        for way in (symmetry, symmetry.inner):
            zero = reduced_zero(extended, -1, start, way, reach) if way.turned.shape[1] else None
            if zero is not None:
                return zero
    return None


def _on_branch(
    extended: Extended, symmetries: tuple[Symmetry, ...], start: Array, reach: Array | None
) -> Certified | None:
    for symmetry in symmetries:
        if not _is_near(symmetry, start, reach):
            continue
        zero = reduced_zero(extended, int(extended.system.is_map), start, symmetry, reach)
        if zero is None:
            continue
        point = classified_lasting(extended, zero, symmetry)
        if point.nondegenerate:
            return point, zero.z, _crossing(extended, zero, symmetry, point.kind == PITCHFORK).alone
    return None


def _is_near(symmetry: Symmetry, start: Array, reach: Array | None) -> bool:
    """Whether a branch passes within reach."""
    return reach is None or bool((np.abs(symmetry.nearest(start[:-1]) - start[:-1]) <= reach[:-1]).all())


def _crossing(extended: Extended, zero: CriticalZero, symmetry: Symmetry, pitchfork: bool) -> Crossing:
    centre = np.array([float(entry) for entry in zero.z.entries()])
    vector = midpoints(zero.vector)[:, 0]
    vector = vector / np.linalg.norm(vector)
    matrix = extended.float_linearisation(centre) - int(extended.system.is_map) * np.eye(extended.size)
    left = np.linalg.svd(matrix)[0][:, -1]
    if symmetry.odd and symmetry.kept.shape[1]:
        vector, left = symmetry.turned_part(vector), symmetry.turned_part(left)
        centre[:-1] = symmetry.nearest(centre[:-1])
    return Crossing(extended, centre, vector, left, symmetry, pitchfork)
