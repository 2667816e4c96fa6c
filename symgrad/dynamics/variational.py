"""Trajectories of flows with their derivatives, by the variational equations: in floats, or at any precision."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from symgrad.dynamics.extrapolation import extrapolated
from symgrad.dynamics.motion import Motion
from symgrad.dynamics.trajectories import (
    EXTRAPOLATION,
    SOLVE_IVP,
    TrajectorySensitivity,
    columns_of,
    log10_norm,
)
from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision

__all__ = ["float_sensitivity", "precise_sensitivity"]

Array = NDArray[np.float64]

_RECORDED = 100
_MOST_SEGMENTS = 200
_SEGMENT = 8.0  # by how much the logarithm of derivatives may change before they are rescaled
_TOLERANCES = (1e-9, 1e-11)
_ABSOLUTE = 1e-14
_MORE_DIGITS = 6
_ATTEMPTS = 6


def float_sensitivity(motion: Motion, initial: Any, horizon: float) -> TrajectorySensitivity:
    """x(T), dx(T)/dx(0) and dx(T)/dp of a flow in floats, by SciPy's ``solve_ivp`` (DOP853).

    ``dP/dt = f_x P`` and ``dV/dt = f_x V + f_p`` are integrated along with x; P starts anew as the identity several
    times on the way, so that it does not lose its accuracy when it becomes small. The radii are the differences to
    a computation with a larger tolerance: estimates.

    Raises:
        InputError: the trajectory cannot be followed to T.
    """
    start = np.array([float(entry.mid()) for entry in motion.start(initial).entries()])
    coarse, fine = (_in_floats(motion, start, horizon, tolerance) for tolerance in _TOLERANCES)
    ends = [_with_radius(a, b, 2.0**-50) for a, b in zip(fine[3], coarse[3], strict=True)]
    return _result(motion, SOLVE_IVP, fine[0], fine[1], fine[2], ends)


def precise_sensitivity(motion: Motion, initial: Any, horizon: Any, digits: int) -> TrajectorySensitivity:
    """The same at any precision, by extrapolation in multiple precision arithmetic.

    It is computed twice, with some digits more the second time; the radii are the differences, so they are estimates.
    Digits are added until they are as small as wanted.

    Args:
        motion: a flow.
        initial: its start, exact numbers.
        horizon: T, a positive number.
        digits: significant ones wanted.

    Raises:
        InputError: the trajectory cannot be followed to T.
    """
    internal = digits + 3
    for _ in range(_ATTEMPTS):
        records = [_in_balls(motion, initial, arb(horizon), internal + more) for more in (0, _MORE_DIGITS)]
        with working_precision(int(3.33 * (internal + _MORE_DIGITS)) + 64):
            coarse, fine = (record[-1][1] for record in records)
            ends = [_with_radius(a, b, 0.0) for a, b in zip(fine, coarse, strict=True)]
            lost = max(_lost_digits(matrix, digits) for matrix in ends)
        if lost <= 0:
            break
        internal += lost + 2
    times = np.array([float(time.mid()) for time, _ in records[1]])
    states = np.array([[float(x) for x in blocks[0].entries()] for _, blocks in records[1]])
    logs = np.array([log10_norm(blocks[1]) for _, blocks in records[1]])
    return _result(motion, EXTRAPOLATION, times, states, logs, ends)


def _result(motion: Motion, method: str, times: Array, states: Array, logs: Array, ends: list[Any]) -> Any:
    by = {p: columns_of(ends[2], place) for p, place in motion.columns.items()}
    return TrajectorySensitivity(motion.name, motion.kind, method, False, times, states, logs, ends[0], ends[1], by)


def _in_balls(motion: Motion, initial: Any, horizon: arb, digits: int) -> list[tuple[arb, list[Any]]]:
    size, columns = motion.size, motion.columns
    with working_precision(int(3.33 * digits) + 128):
        point = motion.start(initial)
        identity = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        blocks = [point, identity]
        if columns:
            blocks.append(arb_mat(size, sum(place.stop - place.start for place in columns.values())))
        rate = max((abs(entry).upper() for entry in motion.balls(point)[1].entries()), default=arb(0))
        first = 1 / (1 + float(rate)) if rate.is_finite() else 1e-3
    return extrapolated(lambda y: _variations(motion, y), blocks, horizon, digits, first)


def _variations(motion: Motion, blocks: list[Any]) -> list[Any]:
    right, slope, by = motion.balls(blocks[0])
    found = [right, slope * blocks[1]]
    return found if by is None else [*found, slope * blocks[2] + by]


def _with_radius(fine: Any, coarse: Any, relative: float) -> Any:
    pairs = zip(fine.entries(), coarse.entries(), strict=True)
    balls = [arb(a.mid(), (2 * abs(a - b) + relative * abs(a)).upper()) for a, b in pairs]
    return arb_mat(fine.nrows(), fine.ncols(), balls)


def _lost_digits(matrix: Any, digits: int) -> int:
    """How many digits more the largest entry should have; for a state near zero digits after the point count."""
    size = max((abs(entry.mid()) for entry in matrix.entries()), default=arb(0))
    radius = max((entry.rad() for entry in matrix.entries()), default=arb(0))
    if radius.is_zero() or size.is_zero():
        return 0
    return int(float((radius / size).log().mid()) / float(np.log(10)) + digits) + 1 if radius.is_finite() else digits


# --- floats -----------------------------------------------------------------------------------------------------------


def _in_floats(motion: Motion, start: Array, horizon: float, tolerance: float) -> tuple[Array, Array, Array, list[Any]]:
    """Times, states, logarithms of the growth, and the ends as matrices."""
    size, count = motion.size, sum(place.stop - place.start for place in motion.columns.values())
    steepness = float(np.linalg.norm(motion.floats(start)[1])) if size else 0.0
    segments = int(min(_MOST_SEGMENTS, max(1, np.ceil(horizon * max(steepness, 0.5) / _SEGMENT))))
    marks = np.linspace(0.0, horizon, segments + 1)
    growth, drift = arb_mat(np.eye(size).tolist()), np.zeros((size, count))
    times, states, logs = [0.0], [start], [log10_norm(growth)]
    point, per = start, max(2, _RECORDED // segments)
    for left, right in pairwise(marks.tolist()):
        solved = _segment(motion, point, drift, (left, right), np.linspace(left, right, per + 1), tolerance)
        for time, column in zip(solved.t[1:], solved.y.T[1:], strict=True):
            point, local, drift = _parts(column, size)
            times.append(float(time))
            states.append(point)
            logs.append(log10_norm(arb_mat(local.tolist()) * growth))
        growth = arb_mat(local.tolist()) * growth
    ends = [arb_mat(point[:, None].tolist()), growth, arb_mat(drift.tolist()) if count else arb_mat(size, 0)]
    return np.array(times), np.array(states), np.array(logs), [end.mid() for end in ends]


def _segment(
    motion: Motion, point: Array, drift: Array, span: tuple[float, float], times: Array, tolerance: float
) -> Any:
    size = motion.size

    def right_side(_: float, flat: Array) -> Array:
        x, growth, moved = _parts(flat, size)
        right, slope, by = motion.floats(x)
        return np.concatenate([right, (slope @ growth).ravel(), (slope @ moved + by).ravel()])

    start = np.concatenate([point, np.eye(size).ravel(), drift.ravel()])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
        solved = solve_ivp(right_side, span, start, method="DOP853", rtol=tolerance, atol=_ABSOLUTE, t_eval=times)
    if not solved.success or not np.isfinite(solved.y).all():
        raise InputError(f"horizon: the trajectory of {motion.name} could not be followed to {span[1]:.6g}")
    return solved


def _parts(flat: Array, size: int) -> tuple[Array, Array, Array]:
    end = size + size * size
    return flat[:size], flat[size:end].reshape(size, size), flat[end:].reshape(size, -1)
