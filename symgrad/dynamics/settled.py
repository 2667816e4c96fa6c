"""How a settled state depends on parameters: the implicit function theorem, in closed form and in enclosures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.dynamics.points import DOUBLE, FixedPoint
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.dynamics.unit import Unit, unit_of
from symgrad.language.elementwise import VARIABLE, Activation, written_out
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.inverses import solutions
from symgrad.rigor.zeros import Bracket, RealFunction, newton_zero

__all__ = ["SettledState", "closed_derivatives", "implicit_derivatives", "refined", "settled_state"]

_VALUE = sp.Symbol("y", real=True)
_PRECISIONS = (96, 256, 1024, 4096)
_NARROW = 1e-15
_SWITCHES = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)


@dataclass(frozen=True, eq=False)
class SettledState(Presentable):
    """A certified fixed point and how it moves with the parameters.

    Attributes:
        system: with numbers.
        point: the fixed point.
        by_parameter: parameter -> enclosure of dx*/dp, or at a kink of both one-sided derivatives; the whole real line
            where ``diverges``.
        diverges: whether 1 - F'(x*) of a map, or f'(x*) of a flow, may be zero: at a fold dx*/dp is infinite.
    """

    system: ScalarSystem
    point: FixedPoint
    by_parameter: Mapping[sp.Symbol, arb]
    diverges: bool

    def by(self, parameter: object) -> arb:
        """The enclosure of dx*/dp for a parameter, given by symbol or name.

        Raises:
            UnknownNameError: there is no such parameter.
        """
        known = {str(symbol): value for symbol, value in self.by_parameter.items()}
        return known[str(parameter)] if str(parameter) in known else self.by_parameter[self.system.symbol(parameter)]

    def transient(self, horizon: float) -> arb | None:
        """Encloses dx(T)/dx(0) for x(0) = x*: m^T of a map, exp(lambda T) of a flow; None for a plain equation.

        Trajectories that approach x* lose or gain this factor in the long run, whatever x(0) is.
        """
        rate = self.point.multiplier
        if rate is None:
            return None
        return (rate * arb(horizon)).exp() if self.system.kind == FLOW else rate ** int(horizon)


def implicit_derivatives(system: ScalarSystem) -> dict[sp.Symbol, sp.Expr]:
    """dx*/dp = -r_p / r_x for every parameter, where r(x*, p) = 0.

    Source: implicit function theorem; for networks Pineda 1987, Almeida 1987.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> print(implicit_derivatives(scalar_system(sg.models.neuron(activation="tanh", w=2)))[sp.Symbol("b", real=True)])
    -tanh'(b + 2*x)/(2*tanh'(b + 2*x) - 1)
    """
    slope = system.residual.diff(system.state)
    return {p: -system.residual.diff(p) / slope for p in system.parameters}


def closed_derivatives(system: ScalarSystem) -> dict[sp.Symbol, sp.Expr]:
    """dx*/dp at a settled state, with the pre-activation eliminated where the activation can be inverted.

    A unit settles where ``z = s^(-1)(y)`` with ``y = (x - d)/c``, so that ``1/s'(z)`` is the derivative R(y) of the
    inverse, and ``dx*/dp = (c z_p + (c_p y + d_p) R) / (R - W)``, W the weight of the unit on itself. For other
    systems and activations the formulas of :func:`implicit_derivatives` are returned.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> closed = closed_derivatives(scalar_system(sg.models.neuron()))
    >>> [closed[p] for p in closed]
    [1/(-w + 1/(x*(1 - x))), x/(-w + 1/(x*(1 - x)))]
    """
    unit = unit_of(system)
    if unit is None:
        return implicit_derivatives(system)
    resistance = _resistance(unit.activation)
    if resistance is None:
        return {p: _at_pre_activation(unit, p) for p in system.parameters}
    output = (system.state - unit.offset) / unit.height
    inverse_slope = resistance.xreplace({_VALUE: output})
    found = {}
    for p in system.parameters:
        moved = unit.height.diff(p) * output + unit.offset.diff(p)
        numerator = unit.height * _drive(unit, p) + moved * inverse_slope
        found[p] = numerator / (inverse_slope - unit.weight)
    return found


def _drive(unit: Unit, parameter: sp.Symbol) -> sp.Expr:
    """The derivative of the pre-activation by a parameter while the state is held."""
    return unit.weight_in.diff(parameter) * unit.system.state + unit.bias_in.diff(parameter)


def _at_pre_activation(unit: Unit, parameter: sp.Symbol) -> sp.Expr:
    """The derivative with the slope of the activation by name, for activations that have no inverse in closed form."""
    state = unit.system.state
    slope = unit.activation.derivative(unit.weight_in * state + unit.bias_in)
    output = (state - unit.offset) / unit.height
    moved = unit.height.diff(parameter) * output + unit.offset.diff(parameter)
    return (unit.height * _drive(unit, parameter) * slope + moved) / (1 - unit.weight * slope)


@lru_cache(maxsize=256)
def _resistance(activation: Activation) -> sp.Expr | None:
    """R with ``R(s(z)) s'(z) = 1`` for all z, a formula in ``_VALUE`` that is proved, or None."""
    found = _checked_resistance(activation.expr)
    if found is None and activation.parity == "odd" and activation.expr.has(sp.Abs):
        half = _checked_resistance(activation.expr.xreplace({sp.Abs(VARIABLE): VARIABLE}))  # s' is even
        found = None if half is None else half.xreplace({_VALUE: sp.Abs(_VALUE)})
    return found


def _checked_resistance(formula: sp.Expr) -> sp.Expr | None:
    for inverse in solutions(formula, VARIABLE, _VALUE):
        candidate = _tidied(sp.simplify(inverse.diff(_VALUE)))
        if is_zero_function(candidate.xreplace({_VALUE: formula}) * formula.diff(VARIABLE) - 1):
            return candidate
    return None


def _tidied(expr: sp.Expr) -> sp.Expr:
    """``-1/(y (y - 1))`` as ``1/(y (1 - y))``."""
    above, below = sp.fraction(expr)
    sums = [factor for factor in sp.Mul.make_args(below) if factor.is_Add]
    if above.could_extract_minus_sign() and sums:
        return -above / sp.Mul(*(-f if f == sums[0] else f for f in sp.Mul.make_args(below)))
    return expr


def settled_state(bare: ScalarSystem, numbers: Mapping[sp.Symbol, sp.Expr], point: FixedPoint) -> SettledState:
    """The enclosed derivatives at a fixed point.

    Args:
        bare: with symbols for parameters.
        numbers: exact ones for all of them.
        point: a fixed point of the system with these numbers.
    """
    system = bare.with_values(numbers)
    slope = written_out(bare.residual.diff(bare.state)).xreplace(numbers)
    above = {p: written_out(bare.residual.diff(p)).xreplace(numbers) for p in bare.parameters}
    below_at = ball_function(slope, bare.state)
    above_at = {p: ball_function(expr, bare.state) for p, expr in above.items()}
    kinked = any(expr.has(*_SWITCHES) for expr in (slope, *above.values()))
    is_fold = point.status == DOUBLE or (point.order or 1) > 1
    found: dict[sp.Symbol, arb] = {}
    for bits in _PRECISIONS[:1] if is_fold else _PRECISIONS:
        with working_precision(bits):
            place = refined(system, point, bits)
            if kinked:
                place = place + arb(0, ((1 + abs(place)) * arb((1, 8 - bits))).upper())  # both sides of the kink
            below = below_at(place)
            found = {p: -value(place) / below for p, value in above_at.items()}
            if is_fold or all(_is_narrow(value) for value in found.values()):
                break
    diverges = is_fold or bool(below.contains(0))
    if diverges:
        found = {p: arb(0, float("inf")) if not above_at[p](place).is_zero() else arb(0) for p in found}
    return SettledState(system, point, found, diverges)


def _is_narrow(value: arb) -> bool:
    return bool(value.is_finite() and value.rad() <= _NARROW * max(1, abs(value).mid()))


def refined(system: ScalarSystem, point: FixedPoint, bits: int) -> arb:
    """The enclosure of a fixed point to about so many bits, if it is simple or has a closed form; else as it is."""
    with working_precision(bits + 32):
        if point.exact is not None:
            return to_ball(point.exact, bits)
        if point.order != 1 or point.ball.is_exact():
            return point.ball
        slope = written_out(system.residual.diff(system.state))
        ends = Bracket(point.ball.lower().mid(), point.ball.upper().mid())
        value, derivative = (RealFunction.of(expr, system.state) for expr in (system.formula, slope))
        return newton_zero(value, derivative, ends, bits)
