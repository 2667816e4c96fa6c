"""How settled states and trajectories of vector models depend on parameters, inputs and initial states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.certified_zero import newton_floats
from symgrad.dynamics.following import followed
from symgrad.dynamics.motion import VectorMotion
from symgrad.dynamics.trajectories import TrajectorySensitivity, columns_of
from symgrad.dynamics.vector_points import certified_point
from symgrad.dynamics.vector_results import VectorFixedPoint
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.dynamics.vector_values import vector_system
from symgrad.errors import InputError, UnknownNameError
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision

__all__ = ["VectorSensitivity", "VectorSettledState", "vector_sensitivity"]

Array = NDArray[np.float64]

_BITS = 256
_NEXT_TO = arb((1, -100))  # how far around a point kinks are looked for
_UNKNOWN = arb(0, float("inf"))
_SETTLING_STEPS = 2000
_SETTLED = 1e-9
_SETTLING_TIME = 100.0


@dataclass(frozen=True, eq=False)
class VectorSettledState(Presentable):
    """A certified fixed point of several numbers and how it moves with parameters.

    Attributes:
        point: the fixed point.
        by_parameter: parameter or input -> (N, k) balls around dx*/dp, k the number of its entries, those of a matrix
            column by column; the whole real line where ``diverges``.
        diverges: whether I - F'(x*) of a map, or f'(x*) of a flow, is not proved to be regular: at folds it is not.
    """

    point: VectorFixedPoint
    by_parameter: Mapping[sp.Expr, Any] = field(repr=False)
    diverges: bool

    def by(self, parameter: object) -> Any:
        """The matrix of balls for a parameter given by symbol or name.

        Raises:
            UnknownNameError: there is none of that name.
        """
        known = {str(symbol): value for symbol, value in self.by_parameter.items()}
        if str(parameter) not in known:
            raise UnknownNameError(f"parameter of {self.point.system.name}", parameter, known)
        return known[str(parameter)]

    def value(self, parameter: object) -> Array:
        """(N, k) floats: the middles of the balls of :meth:`by`."""
        return np.array([[float(entry.mid()) for entry in row] for row in self.by(parameter).tolist()])


@dataclass(frozen=True, eq=False)
class VectorSensitivity(Presentable):
    """Derivatives of settled states, (I - F'(x*))^-1 F_p, and of trajectories, for a model with given weights.

    Attributes:
        system: the equations, with numbers.
    """

    system: VectorSystem

    @property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """Parameters and inputs by which derivatives are taken."""
        model = self.system.model
        return (*model.parameters, *model.inputs)

    @cached_property
    def _motion(self) -> VectorMotion:
        return VectorMotion(self.system)

    def at(self, near: Any = None, by: Iterable[Any] | None = None) -> VectorSettledState:
        """dx*/dp enclosed at a certified fixed point.

        Args:
            near: a fixed point, or its approximate place: N numbers, or a mapping state -> array. Unless given, where
                the trajectory from zero settles.
            by: parameters and inputs, symbols or names; all unless given.

        Raises:
            InputError: no fixed point is certified there.
            UnknownNameError: no such parameter.

        Source: implicit function theorem; Pineda 1987, Almeida 1987.

        >>> import symgrad as sg
        >>> found = sg.sensitivity(sg.models.elman(), {"W": [[0.5]], "U": [[1]], "b": [0], "u": [0]}).at(by=["b"])
        >>> found.by("b")[0, 0], found.diverges
        (2.00000000000000, False)
        """
        return _settled(VectorMotion(self.system, self._chosen(by)), self._point(near))

    def along(
        self, initial: Any, horizon: float, precision: int | None = None, by: Iterable[Any] = ()
    ) -> TrajectorySensitivity:
        """The trajectory from x(0) with dx(T)/dx(0), and dx(T)/dp for the parameters named.

        Args:
            initial: N numbers, or a mapping state -> array; exact floats.
            horizon: T, the number of steps of a map, the time of a flow.
            precision: significant digits. Of a map they are certain, 16 unless given. Of a flow, None is for SciPy's
                ``solve_ivp`` in floats, a number for extrapolation at that precision; both with estimated errors.
            by: parameters and inputs, symbols or names.

        Raises:
            InputError: a malformed argument.
            UnknownNameError: no such parameter.
        """
        return followed(VectorMotion(self.system, self._chosen(by)), initial, horizon, precision)

    def _chosen(self, by: Iterable[Any] | None) -> tuple[sp.Expr, ...]:
        if by is None:
            return self.parameters
        return tuple(self.system.model.symbol(key, self.parameters) for key in by)

    def _point(self, near: Any) -> VectorFixedPoint:
        if isinstance(near, VectorFixedPoint):
            return near
        start = self._settled_floats() if near is None else _floats(self._motion.start(near))
        polished = newton_floats(self.system, start[None, :])[0]
        found = certified_point(self.system, polished if np.isfinite(polished).all() else start)
        if found is None:
            place = "where the trajectory from zero ends" if near is None else "there"
            raise InputError(f"near: no fixed point of {self.system.name} is certified {place}; name another place")
        return found

    def _settled_floats(self) -> Array:
        """Where the trajectory from zero is after long."""
        point = np.zeros(self.system.size)
        if not self.system.is_map:
            return followed(self._motion, point, _SETTLING_TIME, None).states[-1]
        for _ in range(_SETTLING_STEPS):
            before, point = point, self._motion.floats(point)[0]
            if np.abs(point - before).max(initial=0.0) <= _SETTLED * (1 + np.abs(point).max(initial=0.0)):
                break
        return point


def _settled(motion: VectorMotion, point: VectorFixedPoint) -> VectorSettledState:
    system = motion.system
    with working_precision(_BITS):
        wide = [entry + arb(0, (_NEXT_TO * (1 + abs(entry))).upper()) for entry in point.column.entries()]
        around = _derivatives(motion, arb_mat(len(wide), 1, wide))
        solved = _solved(*around)
        diverges = solved is None
        if solved is None:
            rows, columns = system.size, around[1].ncols()
            solved = arb_mat(rows, columns, [_UNKNOWN] * (rows * columns))
        else:
            solved = _sharper(motion, point.column, solved)
    by = {p: columns_of(solved, place) for p, place in motion.columns.items()}
    return VectorSettledState(point, by, diverges)


def _derivatives(motion: VectorMotion, column: Any) -> tuple[Any, Any]:
    """r'(x) and -r_p."""
    _, slope, by = motion.balls(column)
    size = motion.size
    identity = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    right = arb_mat(size, 0) if by is None else by * -1
    return (slope - identity if motion.system.is_map else slope), right


def _solved(slope: Any, right: Any) -> Any | None:
    try:
        found = slope.solve(right)
    except ZeroDivisionError:
        return None
    return found if all(entry.is_finite() for entry in found.entries()) else None


def _sharper(motion: VectorMotion, column: Any, around: Any) -> Any:
    """The derivatives from the narrow enclosure, unless a kink lies next to it: then those of all its sides."""
    narrow = _solved(*_derivatives(motion, column))
    if narrow is None:
        return around
    close = all(entry.rad() <= (1 + abs(entry.mid())) * arb((1, -40)) for entry in around.entries())
    return narrow if close else around


def _floats(column: Any) -> Array:
    return np.array([float(entry.mid()) for entry in column.entries()])


def vector_sensitivity(model: Any, values: Mapping[Any, Any] | None = None) -> VectorSensitivity:
    """The sensitivities of a model with vectors or several numbers as states; see :func:`symgrad.sensitivity`.

    Raises:
        InputError: no such model, or a value that is missing or of a wrong shape.
    """
    return VectorSensitivity(vector_system(model, values))
