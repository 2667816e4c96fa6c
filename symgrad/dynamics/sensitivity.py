"""How settled states and trajectories depend on parameters and initial states: the question and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.dynamics.following import checked_horizon, followed
from symgrad.dynamics.motion import ScalarMotion
from symgrad.dynamics.near_boundary import (
    BoundarySensitivity,
    SensitivityCurve,
    boundary_sensitivity,
    sensitivity_curve,
)
from symgrad.dynamics.points import FixedPoint, FixedPoints
from symgrad.dynamics.scalar_points import scalar_fixed_points
from symgrad.dynamics.scalar_system import EQUATION, FLOW, ScalarSystem, is_scalar_system, scalar_system
from symgrad.dynamics.settled import SettledState, closed_derivatives, implicit_derivatives, settled_state
from symgrad.dynamics.trajectories import TrajectorySensitivity
from symgrad.dynamics.vector_sensitivity import VectorSensitivity, vector_sensitivity
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable

__all__ = ["Sensitivity", "sensitivity"]

_CLOSEST = 1e-7
_DISTANCES = tuple(sp.Rational(1, 10**k) for k in range(1, 11))


@dataclass(frozen=True, eq=False)
class Sensitivity(Presentable):
    """Derivatives of the settled state and of trajectories of a scalar model, in closed form and as numbers.

    Attributes:
        system: with a symbol for each parameter and constant input.
        numbers: exact values of some or all of them.

    >>> import symgrad as sg
    >>> x, w = sp.symbols("x w")
    >>> item = sg.sensitivity(sg.Flow({x: -x + sg.activation("tanh")(w * x)}), {"w": 2})
    >>> print(item.initial_formula)
    (-x_T + tanh(w*x_T))/(-x_0 + tanh(w*x_0))
    >>> item.near_boundary(20, [0.1, 1e-12]).log10_growth.round(1).tolist()
    [-5.8, 8.7]
    """

    system: ScalarSystem
    numbers: Mapping[sp.Symbol, sp.Expr]

    @cached_property
    def settled(self) -> dict[sp.Symbol, sp.Expr]:
        """dx*/dp of every parameter at a settled state x*, a formula in x* and the parameters.

        The pre-activation is eliminated where the activation has an inverse in closed form. The formulas become
        infinite at folds of the curve of fixed points.
        """
        return closed_derivatives(self.system)

    @cached_property
    def implicit(self) -> dict[sp.Symbol, sp.Expr]:
        """The same as -r_p / r_x, with the activation by name; r is the residual of ``system``."""
        return implicit_derivatives(self.system)

    @cached_property
    def initial_formula(self) -> sp.Expr:
        """The derivative dx(T)/dx(0) in closed form, ``f(x_T)/f(x_0)`` of a flow, the product of F'(x_t) of a map.

        Raises:
            InputError: the model is an equation, which has no trajectories.
        """
        x, first, last = self.system.state, self._at("0"), self._at("T")
        residual = self.system.residual
        if self._kind() == FLOW:
            return residual.xreplace({x: last}) / residual.xreplace({x: first})
        t, steps = sp.Symbol("t", integer=True), sp.Symbol("T", integer=True, positive=True)
        return sp.Product(self._slope().xreplace({x: sp.Indexed(str(x), t)}), (t, 0, steps - 1))

    @cached_property
    def parameter_formulas(self) -> dict[sp.Symbol, sp.Expr]:
        """dx(T)/dp of every parameter along a trajectory.

        Of a flow ``f(x_T)`` times the integral of ``f_p / f^2`` from x_0 to x_T: along the trajectory
        ``dv/dt = f_x v + f_p`` is solved by variation of constants, and dt = dx/f. Of a map the sum over steps t of
        F_p(x_t) times the product of the later slopes.

        Raises:
            InputError: the model is an equation, which has no trajectories.
        """
        self._kind()
        return {p: self._along_parameter(p) for p in self.system.parameters}

    def _along_parameter(self, p: sp.Symbol) -> sp.Expr:
        x, residual = self.system.state, self.system.residual
        if self._kind() == FLOW:
            ends = (x, self._at("0"), self._at("T"))
            return residual.xreplace({x: self._at("T")}) * sp.Integral(residual.diff(p) / residual**2, ends)
        t, later = sp.symbols("t s", integer=True)
        steps = sp.Symbol("T", integer=True, positive=True)
        product = sp.Product(self._slope().xreplace({x: sp.Indexed(str(x), later)}), (later, t + 1, steps - 1))
        return sp.Sum(residual.diff(p).xreplace({x: sp.Indexed(str(x), t)}) * product, (t, 0, steps - 1))

    def _slope(self) -> sp.Expr:
        slope = self.system.multiplier
        return sp.S.Zero if slope is None else slope

    def _at(self, time: str) -> sp.Symbol:
        return sp.Symbol(f"{self.system.state}_{time}", real=True)

    def _kind(self) -> str:
        if self.system.kind == EQUATION:
            raise InputError(f"model: {self.system.name} is an equation: it has no trajectories")
        return self.system.kind

    @cached_property
    def points(self) -> FixedPoints:
        """All fixed points for the numbers given.

        Raises:
            InputError: a parameter has no number.
        """
        return scalar_fixed_points(self.system.with_values(self.numbers))

    def at(self, near: float | FixedPoint | None = None) -> SettledState:
        """dx*/dp enclosed at a certified fixed point.

        Args:
            near: a fixed point, or a number: the fixed point nearest to it; None where there is only one.

        Raises:
            InputError: a parameter has no number, or there is no such point, or several and none is named.

        >>> import symgrad as sg
        >>> state = sg.sensitivity(sg.models.neuron(), {"w": 5, "b": -2.5}).at(0.5)
        >>> state.by("b").contains(-1), state.by("w").contains(sp.Rational(-1, 2).p / 2), state.diverges
        (True, True, False)
        """
        return settled_state(self.system, self.numbers, self._point(near, self.points.points))

    @property
    def states(self) -> tuple[SettledState, ...]:
        """:meth:`at` each fixed point, from left to right."""
        return tuple(settled_state(self.system, self.numbers, point) for point in self.points)

    def along(
        self, initial: Any, horizon: float, precision: int | None = None, by: Iterable[Any] | None = None
    ) -> TrajectorySensitivity:
        """The trajectory from x(0) with dx(T)/dx(0) and dx(T)/dp.

        Args:
            initial: x(0), a number; a float stands for its shortest decimal.
            horizon: T, the number of steps of a map, the time of a flow.
            precision: significant digits. Of a map they are certain, 16 unless given. Of a flow, None is for SciPy's
                ``solve_ivp`` in floats, a number for extrapolation at that precision; both with estimated errors.
            by: parameters, symbols or names; all unless given.

        Returns:
            A :class:`~symgrad.dynamics.trajectories.TrajectorySensitivity`.

        Raises:
            InputError: an equation, a parameter without a number, a malformed argument.
            UnknownNameError: no such parameter.

        >>> import symgrad as sg
        >>> found = sg.sensitivity(sg.models.neuron(), {"w": 5, "b": -2.5}).along(0.51, 50)
        >>> round(float(found.growth.mid()), 12), found.certified
        (3.191797e-06, True)
        """
        chosen = self.system.parameters if by is None else tuple(self.system.symbol(key) for key in by)
        motion = ScalarMotion(self.system, self.numbers, chosen)
        return followed(motion, initial, horizon, precision)

    def near_boundary(
        self, horizon: float, distances: Iterable[Any] | None = None, near: Any = None, side: int = 1
    ) -> BoundarySensitivity:
        """dx(T)/dx(0) as x(0) approaches an unstable point: it explodes there and vanishes far away.

        Args:
            horizon: T.
            distances: of x(0) from the point, positive numbers; 1/10, 1/100, ..., 1e-10 unless given.
            near: the unstable point, or a number near it; not needed where there is only one.
            side: 1 for starts above it, -1 below.

        Raises:
            InputError: no unstable point, or a malformed argument.
        """
        motion = ScalarMotion(self.system, self.numbers)
        if side not in (1, -1):
            raise InputError(f"side: 1 or -1 is needed, got {side!r}")
        if isinstance(distances, str) or not (distances is None or isinstance(distances, Iterable)):
            raise InputError(f"distances: a list of positive numbers is needed, got {distances!r}")
        exact = [exact_number("distances", value) for value in (_DISTANCES if distances is None else distances)]
        if not exact or any(not value.is_positive for value in exact):
            raise InputError(f"distances: positive numbers are needed, got {exact}")
        boundary = self._point(near, self.points.unstable, "unstable ")
        return boundary_sensitivity(motion, boundary, checked_horizon(horizon, motion.kind), exact, side)

    def curve(self, horizon: float, starts: Any = None) -> SensitivityCurve:
        """The modulus of dx(T)/dx(0) against x(0), in floats.

        Args:
            horizon: T.
            starts: (M,) numbers; some hundreds around the fixed points unless given, closer at unstable ones.

        Raises:
            InputError: an equation, a parameter without a number, a malformed argument.
        """
        motion = ScalarMotion(self.system, self.numbers)
        try:
            array = self._starts() if starts is None else np.asarray(starts, dtype=float)
        except (TypeError, ValueError):
            raise InputError(f"starts: a list of finite numbers is needed, got {starts!r}") from None
        if array.ndim != 1 or not array.size or not np.isfinite(array).all():
            raise InputError(f"starts: a list of finite numbers is needed, got shape {array.shape}")
        checked = checked_horizon(horizon, motion.kind)
        return sensitivity_curve(motion, array, checked, self.points.unstable, self.points.stable)

    def _starts(self) -> Any:
        values = [point.value for point in self.points] or [0.0]
        margin = 0.3 * (max(values) - min(values)) or 1.0
        even = np.linspace(min(values) - margin, max(values) + margin, 401)
        close = margin * np.geomspace(_CLOSEST, 1e-1, 25)
        return np.unique(
            np.concatenate([even, *(p.value + s * close for p in self.points.unstable for s in (-1, 0, 1))])
        )

    def _point(self, near: Any, among: tuple[FixedPoint, ...], kind: str = "") -> FixedPoint:
        if isinstance(near, FixedPoint):
            return near
        if not among:
            raise InputError(f"values: {self.system.name} has no {kind}fixed point there")
        if near is None:
            if len(among) > 1:
                places = ", ".join(f"{point.value:.6g}" for point in among)
                raise InputError(f"near: which of the {kind}fixed points {places}? Give a number near one")
            return among[0]
        place = float(exact_number("near", near))
        return min(among, key=lambda point: abs(point.value - place))


def sensitivity(model: Any, values: Mapping[Any, Any] | None = None) -> Sensitivity | VectorSensitivity:
    """How settled states and trajectories depend on parameters, inputs and initial states.

    Args:
        model: a :class:`symgrad.Recurrence`, a :class:`symgrad.Flow`, or a SymPy equation of one unknown.
        values: symbol or name -> number or constant SymPy expression, or arrays of vector models; inputs are constant
            and take values too. Formulas of scalar models need none.

    Returns:
        For one scalar state a :class:`Sensitivity`, else a
        :class:`~symgrad.dynamics.vector_sensitivity.VectorSensitivity`.

    Raises:
        InputError: another kind of model, or a value that is no number or array of the right shape.
        UnknownNameError: the model has no such symbol.

    Source: implicit function theorem, as in Pineda 1987 and Almeida 1987 for settled networks; variational equations,
    Hairer, Norsett and Wanner 1993, sec. I.14.

    >>> import symgrad as sg
    >>> print(sg.sensitivity(sg.models.neuron()).settled)
    {b: 1/(-w + 1/(x*(1 - x))), w: x/(-w + 1/(x*(1 - x)))}
    """
    if not is_scalar_system(model):
        return vector_sensitivity(model, values)
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"values: a mapping {{name: number}} is needed, got {type(values).__name__} {values!r}")
    given = {} if values is None else values
    system = scalar_system(model, None, parameters=given)
    numbers = {}
    for key, value in given.items():
        symbol = system.symbol(key)
        system.with_values({symbol: value})  # its messages name what is wrong
        numbers[symbol] = exact_number(f"value of {symbol}", value)
    return Sensitivity(system, numbers)
