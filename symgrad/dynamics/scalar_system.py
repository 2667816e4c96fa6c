"""One real unknown: the map, the flow or the equation whose fixed points are asked for, as one formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.elementwise import ActivatedScalar, written_out
from symgrad.language.flow import Flow
from symgrad.language.numbers import exact_floats, exact_number
from symgrad.language.parse import parse_equation
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.functions import canonical

__all__ = ["EQUATION", "FLOW", "MAP", "ScalarSystem", "is_scalar_system", "scalar_system"]

MAP, FLOW, EQUATION = "map", "flow", "equation"


@dataclass(frozen=True, eq=False)
class ScalarSystem:
    """A scalar map ``x' = F(x)``, flow ``dx/dt = f(x)`` or equation, in real symbols.

    Attributes:
        kind: ``"map"``, ``"flow"`` or ``"equation"``; an equation ``x = g(x)`` is read as the map g.
        name: of the model.
        state: the unknown x, a real symbol.
        residual: what is zero at the fixed points and only there: F(x) - x, f(x), or the difference of the sides.
            Activations stand in it by name.
    """

    kind: str
    name: str
    state: sp.Symbol
    residual: sp.Expr

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Parameters and constant inputs that have no value yet, real symbols sorted by name."""
        return tuple(sorted(self.residual.free_symbols - {self.state}, key=str))

    @cached_property
    def formula(self) -> sp.Expr:
        """The residual with the formulas of activations in it."""
        return canonical(written_out(self.residual))

    @property
    def multiplier(self) -> sp.Expr | None:
        """The slope F'(x) of a map, with modulus below 1 where it is stable, or f'(x) of a flow, negative there."""
        if self.kind == EQUATION:
            return None
        slope = self.residual.diff(self.state)
        return 1 + slope if self.kind == MAP else slope

    @property
    def edge(self) -> int:
        """The multiplier at which a real one loses stability to growth, 1 of a map and 0 of a flow."""
        return 0 if self.kind == FLOW else 1

    def symbol(self, key: object) -> sp.Symbol:
        """The free symbol of that name, the state included.

        Raises:
            UnknownNameError: there is none.
        """
        known = {str(symbol): symbol for symbol in (self.state, *self.parameters)}
        if str(key) not in known or not isinstance(key, (str, sp.Basic)):
            raise UnknownNameError(f"symbol of {self.name}", key, known)
        return known[str(key)]

    def with_values(self, values: Mapping[Any, Any]) -> ScalarSystem:
        """The same with exact numbers for some parameters or inputs.

        Args:
            values: symbol or name -> number (a float at its shortest decimal value) or constant SymPy expression.

        Raises:
            InputError: the state or no finite real number is given.
            UnknownNameError: no such parameter.
        """
        numbers = {}
        for key, value in values.items():
            symbol = self.symbol(key)
            if symbol == self.state:
                raise InputError(f"values: {symbol} is the unknown; only parameters and inputs take values")
            numbers[symbol] = exact_number(f"value of {symbol}", value)
        return replace(self, residual=self.residual.xreplace(numbers))

    def check_complete(self) -> None:
        """Refuse a system in which symbols have no value.

        Raises:
            InputError: names them.
        """
        if self.parameters:
            names = ", ".join(map(str, self.parameters))
            raise InputError(f"values: numbers for {names} of {self.name} are needed")


def is_scalar_system(model: Any) -> bool:
    """Whether a model has one state that is a number, or is an equation."""
    if isinstance(model, (Recurrence, Flow)):
        return model.is_scalar and len(model.states) == 1
    return isinstance(model, (sp.Equality, sp.Expr, str)) or model in (sp.true, sp.false)


def scalar_system(model: Any, values: Mapping[Any, Any] | None = None, parameters: Iterable[Any] = ()) -> ScalarSystem:
    """The system of a scalar model or an equation, with some numbers put in.

    Args:
        model: a :class:`~symgrad.language.recurrence.Recurrence` or :class:`~symgrad.language.flow.Flow` with one
            scalar state, or an equation of one unknown, of SymPy or as text: the left side if it is a symbol, else the
            only symbol without a value.
        values: see :meth:`ScalarSystem.with_values`.
        parameters: symbols or names without a value that are not the unknown of an equation.

    Raises:
        InputError: no such model or equation, or values that are no numbers.
        UnknownNameError: a value for a symbol that does not occur.

    >>> x = sp.Symbol("x")
    >>> scalar_system(sp.Eq(x, sp.log(x / (1 - x)) - 5 * x)).multiplier.subs(sp.Symbol("x", real=True), sp.S.Half)
    -1
    """
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"values: a mapping {{name: number}} is needed, got {type(values).__name__} {values!r}")
    given = {} if values is None else values
    if isinstance(model, (Recurrence, Flow)):
        found = _of_model(model)
    elif isinstance(model, (sp.Equality, str)):
        equation = parse_equation(model) if isinstance(model, str) else model
        found = _of_equation(equation, {str(key) for key in (*given, *parameters)})
    else:
        raise InputError(
            "model: a Recurrence, a Flow or an equation such as sp.Eq(x, sp.tanh(2*x)) or 'x = tanh(2*x)' is needed, "
            f"got {type(model).__name__} {model!r}"
        )
    return found.with_values(given)


def _of_model(model: Recurrence | Flow) -> ScalarSystem:
    if not is_scalar_system(model):
        raise InputError(f"model: one scalar state is needed here; {model.name} has the states {model.states}")
    if isinstance(model, Recurrence) and model.depth is not None:
        raise InputError(f"model: {model.name} has layers with parameters of their own, so it has no fixed points")
    (state,) = model.states
    right = model.updates[state] if isinstance(model, Recurrence) else model.rates[state]
    flow = isinstance(model, Flow) or model.continuous
    residual = right if flow else right - state
    real = _real_symbols(residual.free_symbols | {state})
    return ScalarSystem(
        FLOW if flow else MAP, model.name, real[state], _collected(exact_floats(residual).xreplace(real))
    )


def _of_equation(equation: sp.Equality, named: set[str]) -> ScalarSystem:
    left, right = equation.lhs, equation.rhs
    if not all(isinstance(side, sp.Expr) and not isinstance(side, sp.MatrixExpr) for side in (left, right)):
        raise InputError(f"model: an equation between scalars is needed, got {equation}")
    free = sorted((s for s in equation.free_symbols if str(s) not in named), key=str)
    if isinstance(left, sp.Symbol) and str(left) not in named:
        state = left
    elif len(free) == 1:
        state = free[0]
    else:
        names = ", ".join(map(str, free)) or "none"
        raise InputError(f"model: one unknown without a value is needed in the equation {equation}, got {names}")
    real = _real_symbols(equation.free_symbols | {state})
    kind = MAP if left == state else EQUATION
    residual = canonical(exact_floats(right - left).xreplace(real))
    return ScalarSystem(kind, f"the equation {left} = {right}", real[state], residual)


def _real_symbols(symbols: set[Any]) -> dict[sp.Symbol, sp.Symbol]:
    return {s: s if s.is_real else sp.Symbol(s.name, real=True) for s in symbols}


def _collected(residual: sp.Expr) -> sp.Expr:
    """Multiplied out, so that ``(1 - eps) x - x`` loses what cancels; arguments of functions stay as written."""
    nodes = sorted(residual.atoms(ActivatedScalar), key=sp.default_sort_key)
    names = {node: sp.Dummy(real=True) for node in nodes}
    return sp.expand(residual.xreplace(names)).xreplace({name: node for node, name in names.items()})
