"""States and their derivatives by parameters over a grid of parameters, in floats: simulated, or settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from symgrad.dynamics.array_formula import array_formula
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.errors import InputError

__all__ = ["Grid", "simulated"]

Array = NDArray[np.float64]

_TOLERANCE, _ABSOLUTE = 1e-9, 1e-12


@dataclass(frozen=True, eq=False)
class Grid:
    """What was computed at each of M points of a grid.

    Attributes:
        states: (M,) x(T).
        slopes: (K, M) dx(T)/dp, scaled: the derivative is ``slopes * 10**logs``.
        logs: (M,) decimal exponents, so that nothing overflows.
    """

    states: Array
    slopes: Array
    logs: Array


def simulated(
    system: ScalarSystem, parameters: tuple[sp.Symbol, ...], points: Array, start: sp.Expr, horizon: float
) -> Grid:
    """x(T) and dx(T)/dp for many parameters at once, by the recursion ``v' = F_x v + F_p`` or its flow.

    Args:
        system: a map or a flow.
        parameters: K of them, all that are left.
        points: (K, M) values.
        start: x(0), a number or a formula in the parameters.
        horizon: T, steps or time.

    Raises:
        InputError: a flow that cannot be followed to T.
    """
    values = dict(zip(parameters, points, strict=True))
    shape = points.shape[1:]
    state = np.broadcast_to(np.asarray(array_formula(start)(values), dtype=float), shape).copy()
    slopes = np.stack([np.broadcast_to(array_formula(start.diff(p))(values), shape) for p in parameters]).astype(float)
    formulas = _Formulas.of(system, parameters)
    with np.errstate(all="ignore"):
        if system.kind == FLOW:
            return _followed(formulas, values, state, slopes, horizon, system.name)
        return _iterated(formulas, values, state, slopes, int(horizon))


@dataclass(frozen=True, eq=False)
class _Formulas:
    """Right side, its slope by the state and its slopes by the parameters."""

    state: sp.Symbol
    right: Callable[[Mapping[sp.Symbol, Any]], Any]
    slope: Callable[[Mapping[sp.Symbol, Any]], Any]
    by: tuple[Callable[[Mapping[sp.Symbol, Any]], Any], ...]

    @staticmethod
    def of(system: ScalarSystem, parameters: tuple[sp.Symbol, ...]) -> _Formulas:
        right = system.residual + (0 if system.kind == FLOW else system.state)
        slope = sp.S.Zero if system.multiplier is None else system.multiplier
        by = tuple(array_formula(right.diff(p)) for p in parameters)
        return _Formulas(system.state, array_formula(right), array_formula(slope), by)

    def at(self, values: Mapping[sp.Symbol, Any], state: Array) -> tuple[Array, Array, Array]:
        here = {**values, self.state: state}
        spread = np.zeros_like(state)
        return self.right(here) + spread, self.slope(here) + spread, np.stack([f(here) + spread for f in self.by])


def _iterated(formulas: _Formulas, values: Mapping[sp.Symbol, Any], state: Array, slopes: Array, steps: int) -> Grid:
    logs = np.zeros_like(state)
    for _ in range(steps):
        state, slope, by = formulas.at(values, state)
        slopes = slope * slopes + by * 10.0**-logs
        size = np.abs(slopes).max(axis=0)
        large = np.isfinite(size) & (size > 1e100)
        shift = np.where(large, np.floor(np.log10(np.where(large, size, 1.0))), 0.0)
        slopes, logs = slopes / 10.0**shift, logs + shift
    return Grid(state, slopes, logs)


def _followed(
    formulas: _Formulas, values: Mapping[sp.Symbol, Any], state: Array, slopes: Array, time: float, name: str
) -> Grid:
    count = len(slopes)

    def right_side(_: float, flat: Array) -> Array:
        parts = flat.reshape(count + 1, -1)
        right, slope, by = formulas.at(values, parts[0])
        return np.concatenate([right[None], slope * parts[1:] + by]).ravel()

    start = np.concatenate([state[None], slopes]).ravel()
    solved = solve_ivp(right_side, (0.0, time), start, method="DOP853", rtol=_TOLERANCE, atol=_ABSOLUTE)
    if not solved.success:
        raise InputError(f"horizon: trajectories of {name} could not be followed to {time:.6g} on the whole grid")
    parts = solved.y[:, -1].reshape(count + 1, -1)
    return Grid(parts[0], parts[1:], np.zeros_like(parts[0]))
