"""Trajectories with their derivatives by the initial state and by parameters: maps, exactly and enclosed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.motion import Motion
from symgrad.errors import InputError, UnknownNameError
from symgrad.presentable import Presentable
from symgrad.rigor.balls import log10_of, working_precision

__all__ = ["BALLS", "EXTRAPOLATION", "SOLVE_IVP", "TrajectorySensitivity", "log10_norm", "map_sensitivity"]

Array = NDArray[np.float64]

BALLS, SOLVE_IVP, EXTRAPOLATION = "ball arithmetic", "solve_ivp", "extrapolation"
_GUARD = 32
_MOST_BITS = 2**17
_NEVER = float("-inf")


@dataclass(frozen=True, eq=False)
class TrajectorySensitivity(Presentable):
    """A trajectory x(0) ... x(T) of N numbers, with dx(T)/dx(0) and dx(T)/dp.

    The numbers at time T are balls. Of a map they enclose the exact values; of a flow their radii are estimates, from
    a second computation with another tolerance. Where a state lies exactly at a kink of an activation, its derivative
    has the value of the branch that the formula selects there.

    Attributes:
        name: of the model.
        kind: ``"map"`` or ``"flow"``.
        method: ``"ball arithmetic"`` for maps; ``"solve_ivp"`` (floats) or ``"extrapolation"`` (any precision) for
            flows.
        certified: whether the radii are proved.
        times: (M,) steps of a map, or times at which a flow was recorded.
        states: (M, N) floats, approximate.
        log10_growth: (M,) decimal logarithms of the Frobenius norm of dx(t)/dx(0), approximate.
        state: (N, 1) balls, x(T).
        to_initial: (N, N) balls, dx(T)/dx(0).
        to_parameters: parameter -> (N, k) balls, dx(T)/dp; the k entries of a matrix column by column.
    """

    name: str
    kind: str
    method: str
    certified: bool
    times: Array = field(repr=False)
    states: Array = field(repr=False)
    log10_growth: Array = field(repr=False)
    state: Any
    to_initial: Any
    to_parameters: Mapping[sp.Expr, Any]

    @property
    def horizon(self) -> float:
        """T, the number of steps or the time."""
        return float(self.times[-1])

    @property
    def end(self) -> arb:
        """x(T) of a single number; see ``state`` for vectors."""
        return self._single(self.state)

    @property
    def growth(self) -> arb:
        """dx(T)/dx(0) of a single number; see ``to_initial`` for vectors."""
        return self._single(self.to_initial)

    def by(self, parameter: object) -> Any:
        """dx(T)/dp for a parameter given by symbol or name: a ball for single numbers, else a matrix of balls.

        Raises:
            UnknownNameError: derivatives by it were not asked for.
        """
        known = {str(symbol): value for symbol, value in self.to_parameters.items()}
        if str(parameter) not in known:
            raise UnknownNameError(f"parameter of this trajectory of {self.name}", parameter, known)
        found = known[str(parameter)]
        return found[0, 0] if found.nrows() == found.ncols() == 1 else found

    def _single(self, matrix: Any) -> arb:
        if self.state.nrows() != 1:
            raise InputError(f"{self.name} has {self.state.nrows()} states: ask for state, to_initial, to_parameters")
        return matrix[0, 0]


def map_sensitivity(motion: Motion, initial: Any, steps: int, digits: int) -> TrajectorySensitivity:
    """Encloses x(T), the product of Jacobians dx(T)/dx(0) and dx(T)/dp of a map.

    ``P(t+1) = F'(x(t)) P(t)`` and ``V(t+1) = F'(x(t)) V(t) + F_p(x(t))``, in balls whose precision is raised until
    so many digits are certain.

    Args:
        motion: a map.
        initial: its start, exact numbers.
        steps: T.
        digits: significant ones wanted, relative to the largest entry; trajectories that are chaotic or start in a
            wide ball may end with fewer, and the radii tell.
    """
    wanted = int(digits * 3.33) + 1
    bits, before = wanted + _GUARD, _NEVER
    while True:
        with working_precision(bits):
            found = _enclosed(motion, motion.start(initial), steps)
            balls = [found.state, found.to_initial, *found.to_parameters.values()]
            accuracy = min(map(_accuracy, balls))
        if accuracy >= wanted or bits >= _MOST_BITS or (_NEVER < accuracy <= before + 1):
            return found
        lost = bits - accuracy if accuracy > _NEVER else 4 * bits
        bits, before = int(min(_MOST_BITS, max(bits + _GUARD, wanted + lost + _GUARD))), accuracy


def _enclosed(motion: Motion, start: Any, steps: int) -> TrajectorySensitivity:
    size, columns = motion.size, motion.columns
    point, growth = start, _identity(size)
    drift = arb_mat(size, sum(s.stop - s.start for s in columns.values())) if columns else None
    states, logs = [_floats(point)], [log10_norm(growth)]
    for _ in range(steps):
        right, slope, by = motion.balls(point)
        point, growth = right, slope * growth
        drift = None if drift is None else slope * drift + by
        states.append(_floats(point))
        logs.append(log10_norm(growth))
    return TrajectorySensitivity(
        motion.name,
        motion.kind,
        BALLS,
        True,
        np.arange(steps + 1, dtype=float),
        np.array(states),
        np.array(logs),
        point,
        growth,
        {p: columns_of(drift, place) for p, place in columns.items()},
    )


def columns_of(matrix: Any, place: slice) -> Any:
    """Some columns of a matrix of balls."""
    return arb_mat([row[place] for row in matrix.tolist()])


def _identity(size: int) -> Any:
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def _floats(column: Any) -> list[float]:
    return [float(entry.mid()) for entry in column.entries()]


def log10_norm(matrix: Any) -> float:
    """The decimal logarithm of the Frobenius norm, from the middles of the balls; minus infinity for zero."""
    total = sum((entry.mid() ** 2 for entry in matrix.entries()), arb(0))
    if not total.is_finite():
        return float("nan")
    return _NEVER if total.is_zero() else log10_of(total, up=True) / 2


def _accuracy(matrix: Any) -> float:
    """Bits by which the largest entry is larger than the largest radius."""
    radius = max((entry.rad() for entry in matrix.entries()), default=arb(0))
    size = max((abs(entry.mid()) for entry in matrix.entries()), default=arb(0))
    if radius.is_zero():
        return float("inf")
    return float((size / radius).log().mid()) / float(np.log(2)) if size > 0 and radius.is_finite() else _NEVER
