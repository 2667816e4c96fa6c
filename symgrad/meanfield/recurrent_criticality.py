"""Where gradients of a recurrent cell keep their size: the variance of a weight at which chi is 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray
from scipy.optimize import brentq

from symgrad.language.joint_mean import GaussianJointMean
from symgrad.meanfield.moment_values import FloatValues
from symgrad.meanfield.stationary import MomentMap, settled
from symgrad.presentable import Presentable

__all__ = ["CriticalVariance", "critical_variances"]

Array = NDArray[np.float64]

_GRID = 15
_TOLERANCE = 1e-13
_NEAR = 1e-6


@dataclass(frozen=True)
class CriticalVariance(Presentable):
    """A variance at which gradients keep their size at stationary moments.

    Attributes:
        weights: the weights that have it.
        variance: its value: an enclosure where it is proved, or a float.
        moments: the stationary moments there.
        status: ``"proved"`` or ``"approximate"``.
    """

    weights: tuple[str, ...]
    variance: arb | float
    moments: dict[sp.Symbol, arb | float]
    status: str


def critical_variances(
    weights: tuple[str, ...],
    unknown: sp.Symbol,
    system: MomentMap,
    transfer: sp.ImmutableDenseMatrix,
    between: tuple[float, float],
) -> tuple[CriticalVariance, ...]:
    """The variances between two numbers at which chi passes 1, found on a grid and sharpened.

    Args:
        weights: names of the weights whose variance is sought.
        unknown: its symbol.
        system: the map of the moments, with the unknown in it.
        transfer: how second moments of the gradient go back, likewise.
        between: where to look.
    """
    near = [np.ones(len(system.unknowns))]

    def point(variance: float) -> Array | None:
        moments = _lasting(_at(system, unknown, variance), near[-1])
        if moments is not None and moments.all():
            near.append(moments)  # a good start for the next variance
        return moments

    def excess(variance: float) -> float:
        moments = point(variance)
        return float("nan") if moments is None else _chi(transfer, system, unknown, variance, moments) - 1

    found = []
    for variance in _crossings(excess, between):
        moments = point(variance)
        if moments is not None:
            found.append(_sharpened(weights, unknown, system, transfer, variance, moments))
    return tuple(found)


def _at(system: MomentMap, unknown: sp.Symbol, variance: float) -> MomentMap:
    value = {unknown: sp.Float(variance)}
    return MomentMap(system.unknowns, tuple(update.xreplace(value) for update in system.updates))


def _lasting(system: MomentMap, start: Array) -> Array | None:
    """The stationary moments that iteration from a start goes to; 0 where it goes nowhere else and that is one."""
    found = settled(system, start)
    zero = np.zeros(len(system.unknowns))
    return zero if found is None and not system.step(zero).any() else found


def _chi(
    transfer: sp.ImmutableDenseMatrix, system: MomentMap, unknown: sp.Symbol, variance: float, moments: Array
) -> float:
    values = FloatValues(dict(zip(system.unknowns, map(float, moments), strict=True)) | {unknown: variance})
    matrix = [[values.of(entry) for entry in transfer.row(i)] for i in range(transfer.rows)]
    return float(np.abs(np.linalg.eigvals(np.array(matrix))).max())


def _crossings(excess: Callable[[float], float], between: tuple[float, float]) -> list[float]:
    """Where a function changes its sign between neighbouring points of a grid."""
    grid = np.linspace(*between, _GRID)
    heights = [excess(float(x)) for x in grid]
    found = [float(x) for x, height in zip(grid, heights, strict=True) if height == 0]
    for left, right, one, other in zip(grid, grid[1:], heights, heights[1:], strict=False):
        if one * other < 0:
            root = float(brentq(excess, left, right, xtol=_TOLERANCE))
            if abs(excess(root)) < _NEAR:  # a jump of chi from one branch to another is no crossing
                found.append(root)
    return sorted(found)


def _sharpened(
    weights: tuple[str, ...],
    unknown: sp.Symbol,
    system: MomentMap,
    transfer: sp.ImmutableDenseMatrix,
    variance: float,
    moments: Array,
) -> CriticalVariance:
    """The same with a proof, where there is one state and every mean is over one variable."""
    point: list[Any] = [*map(float, moments), variance]
    if transfer.rows == 1 and not transfer.has(GaussianJointMean):
        condition = unknown + transfer[0, 0] - 1
        joint = MomentMap((*system.unknowns, unknown), (*system.updates, condition))
        balls = joint.proved(np.array(point))
        if balls is not None:
            moments_there = dict(zip(system.unknowns, balls[:-1], strict=True))
            return CriticalVariance(weights, balls[-1], moments_there, "proved")
    return CriticalVariance(weights, point[-1], dict(zip(system.unknowns, point[:-1], strict=True)), "approximate")
