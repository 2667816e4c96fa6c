"""A driven unit on balls: whether it is monotone, maps an interval into itself, or points inwards at its ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb

from symgrad.dynamics.latching_setting import DrivenUnit
from symgrad.dynamics.scalar_system import FLOW
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import ball_from_ends, ball_function, lower_float, to_ball, upper_float
from symgrad.rigor.monotone import function_range

__all__ = ["INCREASING", "INVARIANCE_BITS", "ONE_STEP", "SIGNS", "Drive", "drive_of"]

INCREASING = "the map increases in the state and is monotone in the input"
ONE_STEP = "one step maps the interval into itself"
SIGNS = "the flow points inwards at both ends"
INVARIANCE_BITS = 128
_PIECES = 64


@dataclass(frozen=True, eq=False)
class Drive:
    """A driven unit with numbers, on balls.

    Attributes:
        driven: the unit.
        decay: a.
        height: c.
        omega: the weight of the state in the pre-activation.
        gain_in: the weight of the input in the pre-activation.
        gain_out: the weight of the input in the state.
        bias_in: delta without input.
        offset: d without input.
    """

    driven: DrivenUnit
    decay: arb
    height: arb
    omega: arb
    gain_in: arb
    gain_out: arb
    bias_in: arb
    offset: arb

    @property
    def is_flow(self) -> bool:
        """Whether time is continuous."""
        return self.driven.system.kind == FLOW

    def preactivation(self, states: arb, inputs: arb) -> arb:
        """The pre-activation z."""
        return self.omega * states + self.bias_in + self.gain_in * inputs

    def state(self, place: arb, value: arb) -> arb:
        """The fixed point whose pre-activation is z, for a constant input."""
        return self.height * self._value(place) + self.offset + self.gain_out * value

    def level(self, value: arb) -> arb:
        """The effective bias B for a constant input."""
        return self.omega * (self.offset + self.gain_out * value) + self.bias_in + self.gain_in * value

    def curve(self, level: arb) -> tuple[Callable[[arb], arb], Callable[[arb], arb]]:
        """``z - W s(z) - B`` and its slope."""
        weight = self.omega * self.height
        activation = self.driven.unit.activation
        value, slope = (ball_function(expr, VARIABLE) for expr in (activation.expr, activation.derivative.expr))
        return lambda z: z - weight * value(z) - level, lambda z: 1 - weight * slope(z)

    def direction(self, places: arb) -> int | None:
        """Whether the next state, or the rate, increases (1) or decreases (-1) with the input for these z.

        None where that is not proved.
        """
        changes = self._affine_in_slope(-self.decay * self.gain_out, -self.decay * self.height * self.gain_in, places)
        if all(change >= 0 for change in changes):
            return 1
        return -1 if all(change <= 0 for change in changes) else None

    def increases(self, places: arb) -> bool:
        """Whether the map is proved to increase with the state for these z."""
        weight = self.height * self.omega
        return all(slope >= 0 for slope in self._affine_in_slope(1 + self.decay, -self.decay * weight, places))

    def _affine_in_slope(self, constant: arb, factor: arb, places: arb) -> list[arb]:
        """``constant + factor * s'(z)`` at both ends of the range of s'."""
        return [constant if factor.is_zero() else constant + factor * end for end in self._slope_ends(places)]

    def _slope_ends(self, places: arb) -> tuple[arb, arb]:
        return _range(self.driven.unit.activation.derivative.expr, places)

    def maps_into_itself(self, low: float, high: float, amplitude: arb) -> bool:
        """Whether one step of the map is proved to lead from [low, high] into it, for all inputs up to amplitude."""
        ends = np.linspace(low, high, _PIECES + 1)
        inputs = arb(0, amplitude.upper())
        for left, right in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            states = ball_from_ends(arb(left), arb(right))
            after = self._next(states, inputs)
            if not (after >= arb(low) and after <= arb(high)):
                return False
        return True

    def points_inwards(self, low: float, high: float, amplitude: arb) -> bool:
        """Whether the flow is proved to be positive at low and negative at high, for all inputs up to the amplitude."""
        inputs = arb(0, amplitude.upper())
        return bool(self._rate(arb(low), inputs) > 0) and bool(self._rate(arb(high), inputs) < 0)

    def _rate(self, states: arb, inputs: arb) -> arb:
        """f, or F(x) - x."""
        value = self._value(self.preactivation(states, inputs))
        return self.decay * (states - self.height * value - self.offset - self.gain_out * inputs)

    def _next(self, states: arb, inputs: arb) -> arb:
        """F, once by its terms and once by its slope."""
        value = self._value(self.preactivation(states, inputs))
        inner = self.height * value + self.offset + self.gain_out * inputs
        direct = (1 + self.decay) * states - self.decay * inner
        slope = 1 + self.decay - self.decay * self.height * self.omega * self._slope(self.preactivation(states, inputs))
        middle = states.mid()
        centred = middle + self._rate(middle, inputs) + slope * (states - middle)
        return direct.intersection(centred) if centred.is_finite() and centred.overlaps(direct) else direct

    def _value(self, places: arb) -> arb:
        return _over(self.driven.unit.activation.expr, places)

    def _slope(self, places: arb) -> arb:
        return ball_from_ends(*self._slope_ends(places))


def _over(formula: sp.Expr, places: arb) -> arb:
    """The values of a formula for all z in a ball."""
    direct = ball_function(formula, VARIABLE)(places)
    if places.is_exact():
        return direct
    tight = ball_from_ends(*_range(formula, places))
    return direct.intersection(tight) if direct.is_finite() and tight.is_finite() else tight


def _range(formula: sp.Expr, places: arb) -> tuple[arb, arb]:
    """Bounds of a formula for all z in a ball, which may hold all real numbers."""
    ends = np.array([lower_float(places)]), np.array([upper_float(places)])
    below, above = function_range(formula, VARIABLE).over(*ends)
    return arb(float(below[0])), arb(float(above[0]))


def drive_of(driven: DrivenUnit) -> Drive:
    """The unit on balls; everything but the input has a value."""
    unit, u = driven.unit, driven.input
    inner, outer = sp.expand(unit.bias_in), sp.expand(unit.offset)
    parts = (unit.decay, unit.height, unit.weight_in, inner.coeff(u, 1), outer.coeff(u, 1))
    fixed = (inner.coeff(u, 0), outer.coeff(u, 0))
    return Drive(driven, *(to_ball(part, INVARIANCE_BITS) for part in (*parts, *fixed)))
