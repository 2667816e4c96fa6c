"""A loss over one or two parameters of a scalar model: values, gradients, walls, and steps of gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.array_formula import array_formula
from symgrad.dynamics.descent import DescentStep
from symgrad.dynamics.landscape_grid import Grid, simulated
from symgrad.dynamics.landscape_input import exact_float
from symgrad.dynamics.landscape_settled import Arrival, settled_arrival, settled_grid
from symgrad.dynamics.loss_point import LossPoint, both_sides
from symgrad.dynamics.motion import ScalarMotion
from symgrad.dynamics.passage_time import flow_state
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.dynamics.trajectories import map_sensitivity
from symgrad.dynamics.variational import float_sensitivity
from symgrad.dynamics.wall_at_horizon import WallAtHorizon, wall_at_horizon
from symgrad.dynamics.walls import Wall, Walls, walls_of
from symgrad.errors import InputError
from symgrad.language.elementwise import written_out
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.functions import canonical

__all__ = ["LossLandscape"]

Array = NDArray[np.float64]

_DIGITS, _BITS = 20, 128


@dataclass(frozen=True, eq=False)
class LossLandscape(Presentable):
    """The loss L(x(T)) over one or two parameters of a scalar map or flow.

    Attributes:
        system: with these parameters left.
        parameters: one or two symbols.
        loss: a formula in the state, which stands for x(T), and perhaps the parameters.
        start: x(0), a number or a formula in the parameters.
        horizon: T, steps of a map or time of a flow; infinite for the settled state.
        axes: for each parameter the values of the grid, float64.

    >>> import symgrad as sg
    >>> flow = sg.Flow({sp.Symbol("x"): sg.activation("tanh")(3 * sp.Symbol("x") + sp.Symbol("b")) - sp.Symbol("x")})
    >>> landscape = sg.loss_landscape(flow, "x^2", "b", interval=(-1, 1), start="b/3 + 1/10", horizon=5, points=3)
    >>> landscape.states.round(3).tolist()
    [-0.994, 0.982, 0.995]
    """

    system: ScalarSystem
    parameters: tuple[sp.Symbol, ...]
    loss: sp.Expr
    start: sp.Expr
    horizon: float
    axes: tuple[Array, ...]

    @property
    def intervals(self) -> tuple[sp.Interval, ...]:
        """The interval of each parameter."""
        return tuple(sp.Interval(exact_float(axis[0]), exact_float(axis[-1])) for axis in self.axes)

    @property
    def states(self) -> Array:
        """The states x(T) over the grid, floats; the first axis belongs to the first parameter."""
        return self._shaped(self._grid.states)

    @cached_property
    def losses(self) -> Array:
        """The loss over the grid, floats."""
        return self._shaped(np.asarray(self._of_loss(self.loss)))

    @cached_property
    def log10_gradient(self) -> Array:
        """The decimal logarithm of the 2-norm of the gradient over the grid, floats; minus infinity where it is 0."""
        slope = self._of_loss(self.loss.diff(self.system.state))
        with np.errstate(all="ignore"):
            direct = np.stack([self._of_loss(self.loss.diff(p)) for p in self.parameters]) * 10.0**-self._grid.logs
            parts = np.abs(slope * self._grid.slopes + direct)
            largest = parts.max(axis=0)
            norm = np.linalg.norm(parts / np.where(largest > 0, largest, 1.0), axis=0)
            return self._shaped(np.log10(largest) + np.log10(np.where(largest > 0, norm, 1.0)) + self._grid.logs)

    @property
    def gradients(self) -> Array:
        """The gradient over the grid, (..., K) floats, infinite where it overflows."""
        slope = self._of_loss(self.loss.diff(self.system.state))
        with np.errstate(all="ignore"):
            scale = 10.0**self._grid.logs
            parts = [
                slope * v * scale + self._of_loss(self.loss.diff(p))
                for p, v in zip(self.parameters, self._grid.slopes, strict=True)
            ]
        return np.stack([self._shaped(part) for part in parts], axis=-1)

    @cached_property
    def wall_search(self) -> Walls:
        """The walls of the settled state, T -> oo, with what is proved about their completeness.

        Raises:
            InputError: there are two parameters; take a section.
        """
        if len(self.parameters) != 1:
            raise InputError("walls: they are points of one parameter; take landscape.section(...) or wall_curve()")
        return walls_of(self.system, self.parameters[0], self.start, self.loss, self.intervals[0])

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls from left to right, where the state that x(0) settles in jumps."""
        return self.wall_search.walls

    def wall_curve(self, count: int = 25) -> list[tuple[float, Wall]]:
        """Of a surface: walls in the second parameter for some values of the first.

        Args:
            count: how many values of the first parameter, evenly spaced.

        Raises:
            InputError: there is one parameter only, or no positive number of values.
        """
        if len(self.parameters) != 2:
            raise InputError("wall_curve: two parameters are needed; of one ask for walls")
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise InputError(f"count: a positive integer is needed, got {count!r}")
        values = np.linspace(self.axes[0][0], self.axes[0][-1], count).tolist()
        first = self.parameters[0]
        return [(value, wall) for value in values for wall in self.section({first: value}).walls]

    def section(self, values: Mapping[Any, Any]) -> LossLandscape:
        """The landscape over the other parameter, where one of two has a value.

        Raises:
            InputError: not exactly one of two parameters is given, or no number.
            UnknownNameError: no such parameter.
        """
        numbers = {self.system.symbol(key): exact_number(f"value of {key}", value) for key, value in values.items()}
        rest = tuple(p for p in self.parameters if p not in numbers)
        if len(self.parameters) != 2 or len(rest) != 1:
            raise InputError(f"section: a value for one of two parameters is needed, got {list(map(str, values))}")
        system = replace(self.system, residual=self.system.residual.xreplace(numbers))
        loss, start = self.loss.xreplace(numbers), self.start.xreplace(numbers)
        return LossLandscape(system, rest, loss, start, self.horizon, (self.axes[self.parameters.index(rest[0])],))

    def at(self, values: Any) -> LossPoint:
        """State, loss and gradient at one place, in balls; where the loss has a kink, both of its slopes count.

        Args:
            values: a mapping parameter -> number, or a number where there is one parameter.

        Raises:
            InputError: a parameter is missing, or no number.
            UnknownNameError: no such parameter.
        """
        numbers = self._place(values)
        with working_precision(_BITS):
            found = self._arrival(numbers)
            around = both_sides(self.loss, found.state, _BITS)
            slope = self._in_balls(self.loss.diff(self.system.state), numbers, around)
            gradient = {
                p: self._in_balls(self.loss.diff(p), numbers, around) + slope * found.slopes[p] for p in self.parameters
            }
            loss = self._in_balls(self.loss, numbers, found.state)
        return LossPoint(numbers, found.state, loss, gradient, found.certified)

    def wall_at_horizon(self, wall: Wall) -> WallAtHorizon | None:
        """A short interval around a wall across which the loss at T itself is proved to jump.

        States of maps are iterated in balls; those of flows are enclosed by bounds of the time of passage.

        Args:
            wall: one of ``walls``.

        Returns:
            None where T is too short for 80 % of the jump, the settled loss is not known, or T is infinite.

        Raises:
            InputError: no wall.

        >>> import symgrad as sg
        >>> landscape = sg.loss_landscape(sg.models.neuron(w=5), "x", "b", interval=(-3, -2), start=0.5, horizon=90)
        >>> found = landscape.wall_at_horizon(landscape.walls[0])
        >>> float(found.high - found.low) < 1e-7, found.states[0] < 0.5 < found.states[1]
        (True, True)
        """
        if not isinstance(wall, Wall):
            raise InputError(f"wall: one of landscape.walls is needed, got {type(wall).__name__} {wall!r}")
        if np.isinf(self.horizon) or len(self.parameters) != 1:
            return None

        def simulated(values: Array) -> Array:
            return replace(self, axes=(values,)).losses

        return wall_at_horizon(wall, self.horizon, self.intervals[0], simulated, self._proved_at)

    def descent_step(self, at: Any, rate: Any, clip: Any) -> DescentStep:
        """One step of gradient descent from a place, with and without clipping of the gradient by its norm.

        Args:
            at: where, as for :meth:`at`.
            rate: the learning rate, a positive number.
            clip: the norm to which longer gradients are cut, a positive number.

        Raises:
            InputError: no positive numbers.

        Source: Pascanu, Mikolov and Bengio 2013, section 3.2.

        >>> import symgrad as sg
        >>> landscape = sg.loss_landscape(sg.models.neuron(w=5), "x", "b", interval=(-3, -2), start=0.5, horizon=20)
        >>> step = landscape.descent_step(at=-2.5, rate=0.1, clip=1)
        >>> round(step.length(), 3), round(step.length(clipped=True), 3)
        (8.574, 0.1)
        """
        numbers = {name: exact_number(name, value) for name, value in (("rate", rate), ("clip", clip))}
        for name, number in numbers.items():
            if not number.is_positive:
                raise InputError(f"{name}: a positive number is needed, got {number}")
        before = self.at(at)
        norm = before.gradient_norm
        factor = min(1.0, float(numbers["clip"]) / norm) if norm > 0 else 1.0
        ends = [self.at(self._moved(before, float(numbers["rate"]) * scale)) for scale in (1.0, factor)]
        return DescentStep(self, before, numbers["rate"], numbers["clip"], *ends)

    def _moved(self, before: LossPoint, rate: float) -> dict[sp.Symbol, sp.Expr]:
        """The parameters after a step, floats taken exactly."""
        moved = {p: float(value) - rate * float(before.gradient[p].mid()) for p, value in before.parameters.items()}
        if not all(map(np.isfinite, moved.values())):
            raise InputError("descent_step: the gradient is too large for a step in floats; take a smaller rate")
        return {p: exact_float(value) for p, value in moved.items()}

    def _arrival(self, numbers: Mapping[sp.Symbol, sp.Expr]) -> Arrival:
        start = self.start.xreplace(dict(numbers))
        if np.isinf(self.horizon):
            return settled_arrival(self.system, numbers, self.parameters, start)
        motion = ScalarMotion(self.system, numbers, self.parameters)
        if motion.kind == FLOW:
            found = float_sensitivity(motion, start, self.horizon)
        else:
            found = map_sensitivity(motion, start, int(self.horizon), _DIGITS)
        along = {p: to_ball(self.start.diff(p).xreplace(dict(numbers))) for p in self.parameters}
        slopes = {p: found.by(p) + found.growth * along[p] for p in self.parameters}
        return Arrival(found.end, slopes, found.certified)

    def _proved_at(self, value: sp.Rational) -> tuple[arb, arb] | None:
        """The state and the loss at T, proved, of a landscape of one parameter."""
        numbers = {self.parameters[0]: value}
        with working_precision(_BITS):
            if self.system.kind == FLOW:
                state = flow_state(self.system, numbers, self.start.xreplace(numbers), self.horizon)
            else:
                state = self._arrival(numbers).state
            return None if state is None else (state, self._in_balls(self.loss, numbers, state))

    def _place(self, values: Any) -> dict[sp.Symbol, sp.Expr]:
        if not isinstance(values, Mapping):
            if len(self.parameters) != 1:
                names = ", ".join(map(str, self.parameters))
                raise InputError(f"at: a mapping with numbers for {names} is needed, got {values!r}")
            values = {self.parameters[0]: values}
        numbers = {self.system.symbol(key): exact_number(f"value of {key}", value) for key, value in values.items()}
        if set(numbers) != set(self.parameters):
            names = ", ".join(map(str, self.parameters))
            raise InputError(f"at: numbers for {names} are needed, got some for {', '.join(map(str, numbers))}")
        return numbers

    def _in_balls(self, formula: sp.Expr, numbers: Mapping[sp.Symbol, sp.Expr], state: arb) -> arb:
        return ball_function(canonical(written_out(formula).xreplace(dict(numbers))), self.system.state)(state)

    @cached_property
    def _grid(self) -> Grid:
        if np.isinf(self.horizon):
            return settled_grid(self.system, self.parameters, self._points, self.start)
        return simulated(self.system, self.parameters, self._points, self.start, self.horizon)

    @property
    def _points(self) -> Array:
        return np.stack([mesh.ravel() for mesh in np.meshgrid(*self.axes, indexing="ij")])

    def _of_loss(self, formula: sp.Expr) -> Any:
        values = {**dict(zip(self.parameters, self._points, strict=True)), self.system.state: self._grid.states}
        return array_formula(formula)(values) + np.zeros_like(self._grid.states)

    def _shaped(self, flat: Array) -> Array:
        return flat.reshape([len(axis) for axis in self.axes])
