"""States that are settled, T -> oo, and their derivatives by parameters: over a grid in floats, at one place proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.array_formula import array_formula
from symgrad.dynamics.basin_parts import FIXED_POINT
from symgrad.dynamics.basins import system_basins
from symgrad.dynamics.landscape_grid import Grid, simulated
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.language.elementwise import written_out
from symgrad.rigor.balls import ball_function
from symgrad.rigor.functions import canonical

__all__ = ["Arrival", "settled_arrival", "settled_grid"]

Array = NDArray[np.float64]

_HORIZONS = (100.0, 1000.0, 10000.0)
_NEWTON_STEPS = 6
_MOVED = 1e-3  # how far Newton's method may still move a state that counts as settled, relatively


@dataclass(frozen=True, eq=False)
class Arrival:
    """x(T) and its derivatives by parameters along which the start moves too.

    Attributes:
        state: a ball around x(T), not a number where it is not known.
        slopes: parameter -> ball around dx(T)/dp.
        certified: whether the balls are proved.
    """

    state: arb
    slopes: Mapping[sp.Symbol, arb]
    certified: bool


def settled_arrival(
    system: ScalarSystem, numbers: Mapping[sp.Symbol, sp.Expr], parameters: tuple[sp.Symbol, ...], start: sp.Expr
) -> Arrival:
    """The fixed point that a start tends to, proved, and ``dx*/dp = -r_p / r_x`` of the implicit function theorem.

    Args:
        system: a map or a flow.
        numbers: for the parameters.
        parameters: by which it is derived.
        start: x(0), a number.
    """
    here = replace(system, residual=system.residual.xreplace(dict(numbers)))
    attractor = system_basins(here).of(start)
    if attractor.kind != FIXED_POINT:
        unknown = arb("nan")
        return Arrival(unknown, dict.fromkeys(parameters, unknown), False)
    state = attractor.points[0]

    def at(formula: sp.Expr) -> arb:
        return ball_function(canonical(written_out(formula).xreplace(dict(numbers))), system.state)(state)

    slope = at(system.residual.diff(system.state))
    return Arrival(state, {p: -at(system.residual.diff(p)) / slope for p in parameters}, True)


def settled_grid(system: ScalarSystem, parameters: tuple[sp.Symbol, ...], points: Array, start: sp.Expr) -> Grid:
    """The same for many parameters at once, in floats: simulated until settled, then Newton's method.

    Args:
        system: a map or a flow.
        parameters: K of them.
        points: (K, M) values.
        start: x(0), a number or a formula in the parameters.

    Returns:
        States and slopes; not a number where a state has not settled.
    """
    residual, by_state, *by = map(array_formula, [system.residual, *_slopes(system, parameters)])
    states = np.full(points.shape[1], np.nan)
    slopes = np.full(points.shape, np.nan)
    for horizon in _HORIZONS:
        todo = np.flatnonzero(np.isnan(states))
        if not len(todo):
            break
        values = dict(zip(parameters, points[:, todo], strict=True))
        end = simulated(system, parameters, points[:, todo], start, horizon).states
        with np.errstate(all="ignore"):
            found = end
            for _ in range(_NEWTON_STEPS):
                here = {**values, system.state: found}
                found = found - residual(here) / by_state(here)
            here = {**values, system.state: found}
            near = (np.abs(found - end) < _MOVED * (1 + np.abs(end))) & np.isfinite(found)
            spread = np.stack([-f(here) / by_state(here) + np.zeros_like(found) for f in by])
        states[todo] = np.where(near, found, np.nan)
        slopes[:, todo] = np.where(near, spread, np.nan)
    return Grid(states, slopes, np.zeros_like(states))


def _slopes(system: ScalarSystem, parameters: tuple[sp.Symbol, ...]) -> list[sp.Expr]:
    return [system.residual.diff(symbol) for symbol in (system.state, *parameters)]
