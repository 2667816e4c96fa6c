"""Information latching: which bounded inputs cannot push one unit out of the basin of a stable state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve, fixed_point_curve
from symgrad.dynamics.invariance import drive_of
from symgrad.dynamics.latched_formulas import symbolic_states
from symgrad.dynamics.latched_states import LatchedState, interval_of_state, numeric_states
from symgrad.dynamics.latching_intervals import InvariantInterval
from symgrad.dynamics.latching_setting import DrivenUnit, driven_unit
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable

__all__ = ["InformationLatching", "information_latching"]


@dataclass(frozen=True, eq=False)
class InformationLatching(Presentable):
    """The stable states of one unit, each with the largest input that cannot push it out of its basin.

    Attributes:
        driven: the unit and its input.
        curve: its curve of fixed points without input.
        states: from left to right; with symbols for weight or bias, of each range of weights with the same folds.

    >>> import symgrad as sg
    >>> held = sg.information_latching(sg.models.neuron(activation="hard_tanh"), {"w": 3, "b": 0.5})
    >>> held.latches, [state.largest_input for state in held.states]
    (True, [3/2, 5/2])
    """

    driven: DrivenUnit = field(repr=False)
    curve: FixedPointCurve = field(repr=False)
    states: tuple[LatchedState, ...]

    @property
    def name(self) -> str:
        """Of the model."""
        return self.driven.system.name

    @property
    def input(self) -> sp.Symbol:
        """The bounded input u; a new symbol where the model has none and u is added to its pre-activation."""
        return self._named(self.driven.input)

    @property
    def gain(self) -> sp.Expr:
        """By how much one unit of input moves the effective bias."""
        return self._named(self.driven.gain)

    @property
    def largest_input(self) -> sp.Expr:
        """The largest U such that no state is lost to inputs ``|u| <= U``; 0 where no state is stable."""
        sizes = [state.largest_input for state in self.states]
        if not sizes or any(size.free_symbols for size in sizes):
            return sp.Min(*sizes) if sizes else sp.S.Zero
        return min(self.states, key=lambda state: float(state.ball.mid())).largest_input

    @property
    def latches(self) -> bool:
        """Whether there are two stable states or more, so that the state can hold a bit."""
        return len(self.states) > 1

    def intervals(self, amplitude: Any) -> tuple[InvariantInterval | None, ...]:
        """For each state an interval around it that the state never leaves while ``|u| <= amplitude``.

        Args:
            amplitude: a non-negative number; a float stands for its shortest decimal.

        Returns:
            An interval for each state; None where the input can push it out, or where no interval is proved.

        Raises:
            InputError: no such number, or parameters without values.

        >>> import symgrad as sg
        >>> held = sg.information_latching(sg.models.neuron(w=8, b=-4, w_in=1))
        >>> [(round(float(i.left.mid()), 3), round(float(i.right.mid()), 3)) for i in held.intervals(0.1)]
        [(-0.091, 0.163), (0.837, 1.091)]
        """
        size = exact_number("amplitude", amplitude)
        if size.is_negative:
            raise InputError(f"amplitude: a number that is not negative is needed, got {amplitude!r}")
        if not self.driven.is_numeric:
            names = ", ".join(str(symbol) for symbol in self.driven.system.parameters if symbol != self.driven.input)
            raise InputError(f"values: numbers for {names} of {self.name} are needed")
        drive = drive_of(self.driven)
        return tuple(interval_of_state(drive, state, size) for state in self.states)

    def _named(self, expr: Any) -> Any:
        return self.curve.setting.named(expr)


def information_latching(
    model: Any, values: Mapping[Any, Any] | None = None, *, bounded: Any = None
) -> InformationLatching:
    """The largest inputs that cannot push the state of one unit out of the basin of a stable state.

    A constant input moves the effective bias B of the curve of fixed points ``B = z - W s(z)``. A stable state lasts
    until B passes the fold at the end of its branch, so it is held by all inputs with ``|u| <= U``, where U is the
    distance of B from the fold divided by the gain of the input, if the map increases with the state and is monotone
    in the input (of a flow: if its sign at the ends of the interval is proved): then the fixed points for the two
    extreme inputs bound an interval that no input sequence leaves. A constant input beyond U does push the state out.

    Args:
        model: a Recurrence or Flow with one scalar state, of the form of one unit, and an input u that is added. If it
            has no input, one is added to the pre-activation.
        values: symbol or name -> number. Parameters without a value stay in the answer, which then is a formula where
            the folds have a closed form.
        bounded: the bounded input, if the model has several without values.

    Raises:
        InputError: another form of model or input, malformed values.
        UnknownNameError: a value for a parameter that there is not.

    Source: Bengio, Simard and Frasconi 1994, Learning long-term dependencies with gradient descent is difficult.

    >>> import symgrad as sg
    >>> held = information_latching(sg.models.neuron(b=0, activation="tanh"))
    >>> held.states[0].largest_input
    w*sqrt(1 - 1/w) - atanh(sqrt(1 - 1/w))
    >>> held = information_latching(sg.models.neuron(w=5, b=-2.5))
    >>> [(round(state.point.value, 6), state.certified) for state in held.states], held.largest_input.evalf(6)
    ([(0.144794, True), (0.855206, True)], 0.155610)
    """
    driven = driven_unit(model, values, bounded)
    shifted = {**(values or {}), **({driven.input.name: 0} if driven.own else {})}
    curve = fixed_point_curve(model, shifted)
    states = numeric_states(driven, curve) if driven.is_numeric else symbolic_states(driven, curve)
    return InformationLatching(driven, curve, states)
