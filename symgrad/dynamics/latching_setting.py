"""One unit with a bounded input: which symbol it is, and how it moves the curve of fixed points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symgrad.dynamics.scalar_system import EQUATION, ScalarSystem, scalar_system
from symgrad.dynamics.unit import Unit, unit_of
from symgrad.errors import InputError
from symgrad.language.flow import Flow
from symgrad.language.recurrence import Recurrence

__all__ = ["DrivenUnit", "driven_unit"]

_ORDER = ("u", "v", "input")


@dataclass(frozen=True, eq=False)
class DrivenUnit:
    """A unit ``a (x - c s(omega x + delta(u)) - d(u))`` with an input u that is added.

    Attributes:
        system: in which u is free.
        unit: the same as a unit.
        input: u.
        own: whether the model has this input; otherwise it is added to the pre-activation.
    """

    system: ScalarSystem
    unit: Unit
    input: sp.Symbol
    own: bool

    @property
    def gain(self) -> sp.Expr:
        """By how much a unit of input moves the effective bias B."""
        return sp.expand(self.unit.bias).coeff(self.input, 1)

    @property
    def level(self) -> sp.Expr:
        """B without input."""
        return self.unit.bias.xreplace({self.input: sp.S.Zero})

    def at(self, value: sp.Expr) -> ScalarSystem:
        """The system with a constant input."""
        return replace(self.system, residual=self.system.residual.xreplace({self.input: value}))

    @property
    def is_numeric(self) -> bool:
        """Whether nothing but the input is without a value."""
        return not self.system.parameters or self.system.parameters == (self.input,)


def driven_unit(model: Any, values: Mapping[Any, Any] | None, bounded: Any) -> DrivenUnit:
    """The unit of a scalar model, and its bounded input.

    Args:
        model: a map or flow with one scalar state.
        values: of the parameters and of the other inputs.
        bounded: name or symbol of the bounded input; None for the input of the model that has no value.

    Raises:
        InputError: another form of model, no single input, or one that is not added.
        UnknownNameError: a value for a symbol that does not occur, or no such input.
    """
    system = scalar_system(model, values, [] if bounded is None else [bounded])
    if system.kind == EQUATION:
        raise InputError(f"model: a map or a flow is needed, whose state moves; got {system.name}")
    unit = unit_of(system)
    if unit is None:
        raise InputError(
            f"model: one unit x' = (1 - a) x + a (c s(w x + b) + d) is needed to tell what it holds; "
            f"{system.name} has another form"
        )
    symbol = _bounded(model, system, bounded)
    if symbol is None:
        return _driven_at_the_bias(unit)
    _check_added(unit, symbol)
    return DrivenUnit(system, unit, symbol, True)


def _bounded(model: Any, system: ScalarSystem, bounded: Any) -> sp.Symbol | None:
    if bounded is not None:
        symbol = system.symbol(bounded)
        if symbol == system.state:
            raise InputError(f"bounded: {symbol} is the state; an input or a parameter is needed")
        return symbol
    inputs = {str(symbol) for symbol in model.inputs} if isinstance(model, (Recurrence, Flow)) else set()
    free = [symbol for symbol in system.parameters if str(symbol) in inputs]
    if len(free) > 1:
        names = ", ".join(map(str, free))
        raise InputError(f"bounded: {system.name} has the inputs {names} without values; name the one that is bounded")
    return free[0] if free else None


def _driven_at_the_bias(unit: Unit) -> DrivenUnit:
    """A model without input: one that is added to the pre-activation."""
    system = unit.system
    taken = {str(symbol) for symbol in (system.state, *system.parameters)}
    name = next(name for name in (*_ORDER, *(f"u_{i}" for i in range(len(taken) + 1))) if name not in taken)
    symbol = sp.Symbol(name, real=True)
    argument = unit.weight_in * system.state + unit.bias_in + symbol
    residual = unit.decay * (system.state - unit.height * unit.activation(argument) - unit.offset)
    driven = replace(system, residual=residual)
    return DrivenUnit(driven, replace(unit, system=driven, bias_in=unit.bias_in + symbol), symbol, False)


def _check_added(unit: Unit, symbol: sp.Symbol) -> None:
    fixed = all(symbol not in part.free_symbols for part in (unit.decay, unit.height, unit.weight_in))
    moves = sp.diff(unit.bias, symbol)
    if not fixed or symbol in moves.free_symbols or moves.is_zero:
        raise InputError(f"bounded: {symbol} must be added to the pre-activation or to the state of {unit.system.name}")
