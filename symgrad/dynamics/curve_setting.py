"""A unit in its two parameters: which symbols are its weight and its bias, and what has a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symgrad.dynamics.inverted_unit import inverted_unit
from symgrad.dynamics.scalar_system import MAP, scalar_system
from symgrad.dynamics.unit import Unit, unit_of
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.flow import Flow
from symgrad.language.numbers import exact_number
from symgrad.language.parse import parse_equation
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.closed_forms import tidy
from symgrad.rigor.ends import End
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.smooth_pieces import split
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["Setting", "neat", "setting_of"]

_PARTS = ("decay", "height", "offset", "weight_in", "bias_in")


@dataclass(frozen=True, eq=False)
class Setting:
    """A unit whose effective weight W is affine in the symbol ``weight`` and whose bias B is affine in ``bias``.

    Attributes:
        unit: with both symbols free, whatever was given.
        weight: the symbol that moves W; ``W`` itself where the model has none.
        bias: the symbol that moves B; ``B`` itself where the model has none.
        given: the values of the two, where they were given.
        names: symbols of the calculation, which are real -> those of the model.
    """

    unit: Unit
    weight: sp.Symbol
    bias: sp.Symbol
    given: dict[sp.Symbol, sp.Expr]
    names: dict[sp.Symbol, sp.Symbol]

    @property
    def effective_weight(self) -> sp.Expr:
        """W, with the value of the weight where it is given."""
        return self.at_weight(self.unit.weight)

    def at_weight(self, expr: sp.Expr) -> sp.Expr:
        """An expression with the value of the weight where it is given."""
        return expr.xreplace({self.weight: self.given[self.weight]}) if self.weight in self.given else expr

    def weight_for(self, effective: sp.Expr) -> sp.Expr:
        """The value of the weight at which W is ``effective``."""
        return _affine_solution(self.unit.weight, self.weight, effective)

    def bias_for(self, effective: sp.Expr, weight: sp.Expr | None = None) -> sp.Expr:
        """The value of the bias at which B is ``effective``, at a value of the weight."""
        total = self.at_weight(self.unit.bias) if weight is None else self.unit.bias.xreplace({self.weight: weight})
        return _affine_solution(total, self.bias, effective)

    def level(self, multiplier: int) -> sp.Expr:
        """What W s'(z) is at a fixed point of a map with this multiplier: 1 + (multiplier - 1)/(-a)."""
        return sp.expand(1 + (1 - sp.Integer(multiplier)) / self.unit.decay)

    @property
    def is_map(self) -> bool:
        """Whether time comes in steps."""
        return self.unit.system.kind == MAP

    def named(self, expr: Any) -> Any:
        """An expression in the symbols of the model."""
        return expr.xreplace(self.names) if isinstance(expr, sp.Basic) else expr

    def value_of(self, key: object) -> sp.Symbol:
        """The real symbol of a name or symbol of the user."""
        known = {str(symbol): symbol for symbol in self.symbols}
        if str(key) not in known:
            raise InputError(f"values: {key!r} is no parameter here; there are {', '.join(sorted(known))}")
        return known[str(key)]

    def with_values(self, values: Mapping[Any, Any]) -> Setting:
        """The same with numbers for some symbols.

        Raises:
            InputError: no such symbol, or no number.
        """
        numbers = {self.value_of(key): exact_number(f"value of {key}", value) for key, value in values.items()}
        given = {s: numbers.pop(s) for s in (self.weight, self.bias) if s in numbers}
        parts = {name: getattr(self.unit, name).xreplace(numbers) for name in _PARTS}
        kept = {symbol: value.xreplace(numbers) for symbol, value in self.given.items()}
        return replace(self, unit=replace(self.unit, **parts), given={**kept, **given})

    @property
    def symbols(self) -> set[sp.Symbol]:
        """The weight, the bias, and what else has no value."""
        unit = self.unit
        return {self.weight, self.bias}.union(*(getattr(unit, name).free_symbols for name in _PARTS))


def setting_of(model: Any, values: Mapping[Any, Any] | None) -> Setting:
    """The setting of a scalar model of one unit.

    Raises:
        InputError: the model has another form, or malformed values.
    """
    model = parse_equation(model) if isinstance(model, str) else model
    system = scalar_system(model, values)  # checks the values
    named = {str(key): value for key, value in (values or {}).items()}
    free = _unit(scalar_system(model))
    weight = _affine_symbol(free.weight, set(named), "w")
    bias = _affine_symbol(free.bias, set(named), "b", frozenset(free.weight.free_symbols))
    kept = {str(symbol) for symbol in (weight, bias) if symbol is not None}
    others = {key: value for key, value in (values or {}).items() if str(key) not in kept}
    unit = _unit(scalar_system(model, others))
    numbers = _numbers(system, named, unit)
    unit, weight, bias, given = _with_symbols(unit, weight, bias, numbers)
    return Setting(unit, weight, bias, given, _names(model))


def _numbers(system: Any, named: Mapping[str, Any], unit: Unit) -> dict[sp.Symbol, sp.Expr]:
    return {s: exact_number(str(s), named[str(s)]) for s in unit.system.parameters if str(s) in named}


def _unit(system: Any) -> Unit:
    plain = unit_of(system)
    unit = plain if plain is not None and _is_total(plain.activation) else inverted_unit(system)
    if unit is None:
        raise InputError(
            f"model: one unit x' = (1 - a) x + a (c s(w x + b) + d) is needed for a curve of fixed points; "
            f"{system.name} has another form"
        )
    return unit


def _is_total(activation: Activation) -> bool:
    """Whether a function is real on all of R; one that is not may be the inverse of one that is."""
    try:
        split(activation.expr, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1))
    except InputError:
        return False
    except TailUndecidedError:  # where it is not smooth was not found, which is another matter
        return True
    return True


def _with_symbols(
    unit: Unit, weight: sp.Symbol | None, bias: sp.Symbol | None, given: dict[sp.Symbol, sp.Expr]
) -> tuple[Unit, sp.Symbol, sp.Symbol, dict[sp.Symbol, sp.Expr]]:
    """The unit with symbols of its own for a weight or a bias that no parameter moves."""
    taken = {str(symbol) for symbol in (unit.system.state, *unit.system.parameters)}
    if weight is None:
        weight = _fresh("W", taken)
        given = {**given, weight: unit.weight}
        outer = unit.weight_in == 1
        unit = replace(unit, height=weight) if outer else replace(unit, weight_in=weight / unit.height)
    if bias is None:
        bias = _fresh("B", taken)
        given = {**given, bias: unit.bias.xreplace(given)}
        unit = replace(unit, bias_in=bias - unit.weight_in * unit.offset)
    return unit, weight, bias, given


def _fresh(name: str, taken: set[str]) -> sp.Symbol:
    return sp.Symbol(name if name not in taken else f"{name}_eff", real=True)


def _affine_symbol(
    expr: sp.Expr, given: set[str], initial: str, excluded: frozenset[sp.Symbol] = frozenset()
) -> sp.Symbol | None:
    """The symbol in which an expression is affine: one without a value before others, by name."""
    found = []
    for symbol in expr.free_symbols - excluded:
        slope = sp.diff(expr, symbol)
        if symbol not in slope.free_symbols and not slope.is_zero:
            found.append(symbol)
    order = sorted(found, key=lambda s: (str(s) in given, not str(s).startswith(initial), str(s)))
    return order[0] if order else None


def _affine_solution(expr: sp.Expr, symbol: sp.Symbol, value: sp.Expr) -> sp.Expr:
    slope = sp.diff(expr, symbol)
    return (value - sp.expand(expr - slope * symbol)) / slope


def _names(model: Any) -> dict[sp.Symbol, sp.Symbol]:
    if isinstance(model, Recurrence):
        used = {s for update in model.updates.values() for s in update.free_symbols} | set(model.states)
    elif isinstance(model, Flow):
        used = {s for rate in model.rates.values() for s in rate.free_symbols} | set(model.states)
    else:
        used = model.free_symbols
    return {sp.Symbol(s.name, real=True): s for s in used if isinstance(s, sp.Symbol) and not s.is_real}


def neat(expr: sp.Expr) -> sp.Expr:
    """An equal expression without a logistic function of a logarithm, in the shortest form that is found quickly."""
    if not expr.free_symbols:
        return tidy(expr)
    plain = expr.replace(logistic, _plain_logistic).replace(softplus, _plain_softplus)
    joined = plain.replace(sp.log, _plain_log)
    turned = joined.replace(_is_negative_log, lambda node: _plain_log(1 / _inside(node)))
    candidates = [expr, plain, joined, turned, sp.expand(plain), sp.expand(turned)]
    return min(candidates, key=lambda e: (e.count_ops() + 1000 * len(e.atoms(logistic, softplus)), len(str(e))))


def _is_negative_log(node: sp.Basic) -> bool:
    return isinstance(node, sp.Mul) and node.args[0] == -1 and len(node.args) == 2 and isinstance(node.args[1], sp.log)


def _inside(node: sp.Expr) -> sp.Expr:
    return node.args[1].args[0]


def _plain_logistic(argument: sp.Expr) -> sp.Expr:
    if isinstance(argument, sp.log):
        numerator, denominator = sp.fraction(sp.together(argument.args[0]))
        return sp.radsimp(sp.expand(numerator) / sp.expand(numerator + denominator))
    return logistic(argument)


def _plain_softplus(argument: sp.Expr) -> sp.Expr:
    return sp.log(1 + argument.args[0]) if isinstance(argument, sp.log) else softplus(argument)


def _plain_log(argument: sp.Expr) -> sp.Expr:
    numerator, denominator = sp.fraction(sp.together(argument))
    return sp.log(sp.expand(numerator) / sp.expand(denominator))
