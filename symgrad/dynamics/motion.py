"""What trajectories and their derivatives are computed from: right sides, Jacobians and parameter slopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.parameters import parameter_derivative
from symgrad.dynamics.scalar_system import EQUATION, FLOW, ScalarSystem
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, written_out
from symgrad.language.numbers import exact_number
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.functions import canonical

__all__ = ["Motion", "ScalarMotion", "VectorMotion"]

Array = NDArray[np.float64]


class Motion(Protocol):
    """A map ``x' = F(x, p)`` or flow ``dx/dt = f(x, p)`` of N numbers with K parameters, in balls and in floats."""

    @property
    def kind(self) -> str:
        """``"map"`` or ``"flow"``."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def size(self) -> int:
        """N."""

    @property
    def columns(self) -> dict[sp.Expr, slice]:
        """Which of the K columns belong to which parameter; a matrix is stacked column by column."""

    def start(self, initial: Any) -> Any:
        """The initial state as exact numbers, (N, 1) in balls.

        Raises:
            InputError: no finite real numbers, or not N of them.
        """

    def balls(self, column: Any) -> tuple[Any, Any, Any]:
        """F or f (N, 1), its Jacobian (N, N), its slopes by parameters (N, K) or None, at a column of balls."""

    def floats(self, point: Array) -> tuple[Array, Array, Array]:
        """The same at one point (N,) in floats: (N,), (N, N), (N, K)."""


@dataclass(frozen=True, eq=False)
class ScalarMotion:
    """The motion of one number.

    Args:
        bare: the system with symbols for parameters.
        numbers: exact ones for all of them.
        by: the parameters by which derivatives are taken.

    Raises:
        InputError: the system is an equation, or a parameter has no number.
    """

    bare: ScalarSystem
    numbers: Mapping[sp.Symbol, sp.Expr]
    by: tuple[sp.Symbol, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == EQUATION:
            raise InputError(f"model: {self.name} is an equation: it has no trajectories; a map or a flow is needed")
        self.bare.with_values(self.numbers).check_complete()

    @property
    def kind(self) -> str:
        """``"map"`` or ``"flow"``."""
        return self.bare.kind

    @property
    def name(self) -> str:
        """Of the model."""
        return self.bare.name

    @property
    def size(self) -> int:
        """One."""
        return 1

    @property
    def columns(self) -> dict[sp.Expr, slice]:
        """A column for each parameter."""
        return {p: slice(i, i + 1) for i, p in enumerate(self.by)}

    @cached_property
    def right_side(self) -> sp.Expr:
        """F(x) or f(x), a formula of the state alone."""
        right = self.bare.residual + (0 if self.kind == FLOW else self.bare.state)
        return self._written(right)

    @cached_property
    def slope(self) -> sp.Expr:
        """F'(x) or f'(x)."""
        slope = self.bare.multiplier
        return self._written(sp.S.Zero if slope is None else slope)

    def start(self, initial: Any) -> Any:
        """The initial state as an exact number in balls, (1, 1)."""
        if isinstance(initial, arb):
            return arb_mat([[initial]])
        plain = initial.item() if isinstance(initial, (np.generic, np.ndarray)) and np.size(initial) == 1 else initial
        return arb_mat([[to_ball(exact_number("initial", plain))]])

    def balls(self, column: Any) -> tuple[Any, Any, Any]:
        """F or f, its slope and its slopes by parameters, as matrices of balls."""
        right, slope, *others = (function(column[0, 0]) for function in self._ball_functions)
        return arb_mat([[right]]), arb_mat([[slope]]), arb_mat([others]) if others else None

    def floats(self, point: Array) -> tuple[Array, Array, Array]:
        """The same in floats."""
        right, slope, *others = (function(np, point) for function in self._array_functions)
        return right, slope[:, None], np.array(others).reshape(1, -1)

    def many(self, points: Array) -> tuple[Array, Array]:
        """F or f and its slope at each of many points, of the same shape."""
        right, slope = self._array_functions[:2]
        return right(np, points), slope(np, points)

    @cached_property
    def _ball_functions(self) -> list[Callable[..., arb]]:
        return [ball_function(expr, self.bare.state) for expr in self._formulas]

    @cached_property
    def _array_functions(self) -> list[Any]:
        return [array_function(expr.xreplace({self.bare.state: VARIABLE})) for expr in self._formulas]

    @property
    def _formulas(self) -> list[sp.Expr]:
        return [self.right_side, self.slope, *(self._written(self.bare.residual.diff(p)) for p in self.by)]

    def _written(self, expr: sp.Expr) -> sp.Expr:
        return canonical(written_out(expr).xreplace(dict(self.numbers)))


@dataclass(frozen=True, eq=False)
class VectorMotion:
    """The motion of the stacked states of a model with vectors.

    Args:
        system: with numbers for all parameters and inputs.
        by: parameters or inputs, of any shape, by all entries of which derivatives are taken.
    """

    system: VectorSystem
    by: tuple[sp.Expr, ...] = ()
    _slopes: dict[sp.Expr, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for parameter in self.by:
            self._slopes[parameter] = [
                parameter_derivative(node, parameter) for node in self.system.nodes.updates.values()
            ]

    @property
    def kind(self) -> str:
        """``"map"`` or ``"flow"``."""
        return self.system.kind

    @property
    def name(self) -> str:
        """Of the model."""
        return self.system.name

    @property
    def size(self) -> int:
        """N."""
        return self.system.size

    @property
    def columns(self) -> dict[sp.Expr, slice]:
        """The columns of each parameter."""
        found, start = {}, 0
        for parameter in self.by:
            shape = (*(self.system.weights.shape(parameter) or (1,)), 1)[:2]
            found[parameter] = slice(start, start + shape[0] * shape[1])
            start += shape[0] * shape[1]
        return found

    def start(self, initial: Any) -> Any:
        """The initial states: an array of N numbers, or a mapping from states to arrays."""
        return arb_mat(self.size, 1, [arb(float(value)) for value in _stacked(self.system, initial)])

    def balls(self, column: Any) -> tuple[Any, Any, Any]:
        """F or f, its Jacobian, and its slopes by all entries of the parameters."""
        point = self.system.point(column)
        rows: list[list[Any]] = []
        for place in range(len(self.system.sizes)):
            parts = [point.operator(operators[place]).tolist() for operators in self._slopes.values()]
            rows += [[x for part in parts for x in part[i]] for i in range(len(parts[0]) if parts else 0)]
        slopes = arb_mat(rows) if self.by else None
        return self.system.right_side(column), self.system.linearisation(column), slopes

    def floats(self, point: Array) -> tuple[Array, Array, Array]:
        """The same in floats; slopes by parameters through balls."""
        right, slopes = (part[0] for part in self.system.floats(point[None, :]))
        if self.system.is_map:
            right, slopes = right + point, slopes + np.eye(self.size)
        if not self.by:
            return right, slopes, np.zeros((self.size, 0))
        _, _, by = self.balls(arb_mat(self.size, 1, [arb(float(value)) for value in point]))
        return right, slopes, np.array([[float(entry.mid()) for entry in row] for row in by.tolist()])


def _stacked(system: VectorSystem, initial: Any) -> Sequence[float]:
    """The entries of all states, in order."""
    if isinstance(initial, Mapping):
        named = {str(key): value for key, value in initial.items()}
        missing = [str(s) for s in system.states if str(s) not in named]
        if missing or len(named) > len(system.states):
            raise InputError(f"initial: arrays for the states {system.states} are needed, got {sorted(named)}")
        initial = np.concatenate([np.asarray(named[str(s)], dtype=float).reshape(-1) for s in system.states])
    try:
        array = np.asarray(initial, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        raise InputError(f"initial: {system.size} numbers are needed, got {type(initial).__name__}") from None
    if array.size != system.size or not np.isfinite(array).all():
        raise InputError(f"initial: {system.size} finite numbers are needed, got shape {np.shape(initial)}")
    return [float(value) for value in array]
