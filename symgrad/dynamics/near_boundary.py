"""Sensitivity to the initial state of one number: near the boundary of a basin, and over an interval of starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from symgrad.dynamics.motion import ScalarMotion
from symgrad.dynamics.points import FixedPoint
from symgrad.dynamics.scalar_system import FLOW
from symgrad.dynamics.settled import refined
from symgrad.dynamics.trajectories import TrajectorySensitivity, map_sensitivity
from symgrad.dynamics.variational import precise_sensitivity
from symgrad.errors import InputError
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["BoundarySensitivity", "SensitivityCurve", "boundary_sensitivity", "sensitivity_curve"]

Array = NDArray[np.float64]

_DIGITS = 10
_PRECISIONS = (512, 2048, 8192)
_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class BoundarySensitivity(Presentable):
    """The modulus of dx(T)/dx(0) for trajectories that start closer and closer to an unstable point.

    Attributes:
        name: of the model.
        kind: ``"map"`` or ``"flow"``.
        boundary: the unstable point.
        horizon: T.
        side: 1 for starts to the right of it, -1 to the left.
        distances: (D,) exact numbers, how far x(0) is from it.
        trajectories: one for each; their ``growth`` is enclosed for maps, and estimated to ten digits for flows.
        limit: dx(T)/dx(0) on the boundary itself, enclosed: the value approached; None at a kink.
    """

    name: str
    kind: str
    boundary: FixedPoint
    horizon: float
    side: int
    distances: tuple[sp.Expr, ...]
    trajectories: tuple[TrajectorySensitivity, ...] = field(repr=False)
    limit: arb | None

    @property
    def growth(self) -> tuple[arb, ...]:
        """dx(T)/dx(0) for each distance."""
        return tuple(trajectory.growth for trajectory in self.trajectories)

    @property
    def ends(self) -> tuple[arb, ...]:
        """x(T) for each distance."""
        return tuple(trajectory.end for trajectory in self.trajectories)

    @property
    def log10_growth(self) -> Array:
        """(D,) decimal logarithms of the modulus of dx(T)/dx(0)."""
        return np.array([trajectory.log10_growth[-1] for trajectory in self.trajectories])


@dataclass(frozen=True, eq=False)
class SensitivityCurve(Presentable):
    """The modulus of dx(T)/dx(0) against x(0), in floats.

    Attributes:
        name: of the model.
        kind: ``"map"`` or ``"flow"``.
        horizon: T.
        starts: (M,) values of x(0).
        ends: (M,) values of x(T).
        log10_growth: (M,) decimal logarithms of ``|dx(T)/dx(0)|``; minus infinity for zero.
        boundaries: the certified unstable points.
        settled: the certified stable points.
    """

    name: str
    kind: str
    horizon: float
    starts: Array = field(repr=False)
    ends: Array = field(repr=False)
    log10_growth: Array = field(repr=False)
    boundaries: tuple[FixedPoint, ...]
    settled: tuple[FixedPoint, ...]


def boundary_sensitivity(
    motion: ScalarMotion, boundary: FixedPoint, horizon: float, distances: Sequence[sp.Expr], side: int
) -> BoundarySensitivity:
    """Trajectories from starts at exact distances of an unstable point, with dx(T)/dx(0)."""
    found = tuple(_trajectory(motion, boundary, horizon, side * distance) for distance in distances)
    rate = boundary.multiplier
    limit = None
    if rate is not None:
        limit = (rate * arb(horizon)).exp() if motion.kind == FLOW else rate ** int(horizon)
    return BoundarySensitivity(motion.name, motion.kind, boundary, horizon, side, tuple(distances), found, limit)


def _trajectory(motion: ScalarMotion, boundary: FixedPoint, horizon: float, shift: sp.Expr) -> TrajectorySensitivity:
    """The one that starts at a distance; the point is enclosed ever more narrowly until digits enough are known."""
    system = motion.bare.with_values(motion.numbers)
    for bits in _PRECISIONS:
        with working_precision(2 * bits):
            start = refined(system, boundary, bits) + to_ball(shift)
            if motion.kind == FLOW:
                found = precise_sensitivity(motion, start.mid(), horizon, _DIGITS)
            else:
                found = map_sensitivity(motion, start, int(horizon), _DIGITS)
        if found.growth.rel_accuracy_bits() > 3 * _DIGITS or start.is_exact():
            break
    return found


def sensitivity_curve(
    motion: ScalarMotion,
    starts: Array,
    horizon: float,
    boundaries: tuple[FixedPoint, ...],
    settled: tuple[FixedPoint, ...],
) -> SensitivityCurve:
    """dx(T)/dx(0) for many starts at once: products of slopes of a map, exp of the integral of f' for a flow."""
    ends, logs = _by_flow(motion, starts, horizon) if motion.kind == FLOW else _by_map(motion, starts, int(horizon))
    return SensitivityCurve(motion.name, motion.kind, horizon, starts, ends, logs / np.log(10), boundaries, settled)


def _by_map(motion: ScalarMotion, starts: Array, steps: int) -> tuple[Array, Array]:
    points, logs = starts.copy(), np.zeros_like(starts)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for _ in range(steps):
            following, slope = motion.many(points)
            points, logs = following, logs + np.log(np.abs(slope))
    return points, logs


def _by_flow(motion: ScalarMotion, starts: Array, horizon: float) -> tuple[Array, Array]:
    count = starts.size

    def right_side(_: float, flat: Array) -> Array:
        return np.concatenate(motion.many(flat[:count]))

    start = np.concatenate([starts, np.zeros(count)])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
        solved = solve_ivp(right_side, (0.0, horizon), start, method="DOP853", rtol=_TOLERANCE, atol=_TOLERANCE)
    if not solved.success or not np.isfinite(solved.y[:, -1]).all():
        raise InputError(f"horizon: trajectories of {motion.name} could not be followed to {horizon:g}")
    return solved.y[:count, -1], solved.y[count:, -1]
