"""From a SymPy expression to a list of interval operations, with common sub-expressions computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import sympy as sp
from flint import arb, ctx, fmpq

from symgrad.errors import UnsupportedExpressionError
from symgrad.rigor.balls_functions import UNARY, expm1, general_power, heaviside, mirrored_erfc
from symgrad.rigor.balls_gamma import polygamma
from symgrad.rigor.balls_intervals import (
    INF,
    NEG_INF,
    Interval,
    OutOfDomainError,
    add,
    hull,
    integer_power,
    maximum,
    minimum,
    multiply,
    negative,
    rational_power,
)
from symgrad.rigor.balls_numbers import Enclosed, exact_ball
from symgrad.rigor.balls_stable import exp_minus_one, one_plus_erf, stable

__all__ = ["Program"]

Values = list[Interval]
Step = Callable[[Values], Interval]

_FUNCTIONS = {**UNARY, exp_minus_one: expm1, one_plus_erf: mirrored_erfc}
_EDGED = (sp.log, sp.asin, sp.acos, sp.acosh, sp.atanh, sp.loggamma)
_CONSTANTS: dict[sp.Expr, Callable[[], arb]] = {
    sp.pi: arb.pi,
    sp.E: arb.const_e,
    sp.EulerGamma: arb.const_euler,
    sp.Catalan: arb.const_catalan,
    sp.GoldenRatio: lambda: (1 + arb(5).sqrt()) / 2,
    sp.oo: lambda: INF,
    -sp.oo: lambda: NEG_INF,
    sp.zoo: arb.nan,
    sp.nan: arb.nan,
}


class Program:
    """An expression compiled for intervals: call it with one interval a symbol.

    Args:
        expr: a scalar expression in the symbols.
        symbols: real symbols, in the order of the arguments of a call.

    Raises:
        UnsupportedExpressionError: the expression has a node that is not in the expression language.
    """

    def __init__(self, expr: sp.Expr, symbols: Sequence[sp.Symbol]) -> None:
        self.symbols = tuple(symbols)
        self._slots: dict[sp.Basic, int] = {symbol: place for place, symbol in enumerate(symbols)}
        self._steps: list[Step] = []
        self.edged = _has_edge(expr)
        self._result = self._compile(expr)

    def __call__(self, inputs: Sequence[Interval]) -> Interval:
        """The interval of the values at these intervals of the symbols.

        Raises:
            OutOfDomainError: the expression has no real value in a part of them.
        """
        values = list(inputs)
        for step in self._steps:
            values.append(step(values))
        return values[self._result]

    def _compile(self, expr: sp.Basic) -> int:
        """The slot of the value of a sub-expression."""
        slot = self._slots.get(expr)
        if slot is None:
            step = self._step(expr)
            self._steps.append(step)
            slot = self._slots[expr] = len(self.symbols) + len(self._steps) - 1
        return slot

    def _step(self, expr: sp.Basic) -> Step:
        if isinstance(expr, sp.Piecewise):
            return _piecewise(expr, self.symbols)
        if expr in _CONSTANTS or isinstance(expr, (sp.Rational, sp.Float, Enclosed)):
            return _constant(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        if isinstance(expr, (sp.Add, sp.Mul, sp.Max, sp.Min)):
            return self._fold(expr)
        return self._function(expr)

    def _fold(self, expr: sp.Expr) -> Step:
        if isinstance(expr, sp.Mul) and expr.args[0] is sp.S.NegativeOne:
            slot = self._compile(sp.Mul(*expr.args[1:]))
            return lambda values: negative(values[slot])
        operation = next(_FOLDS[kind] for kind in _FOLDS if isinstance(expr, kind))
        slots = [self._compile(arg) for arg in expr.args]
        if len(slots) == 2:
            first, second = slots
            return lambda values: operation(values[first], values[second])
        return lambda values: reduce(operation, [values[slot] for slot in slots])

    def _power(self, expr: sp.Pow) -> Step:
        slot, exponent = self._compile(expr.base), _exact_rational(expr.exp)
        if exponent is None:
            other = self._compile(expr.exp)
            return lambda values: general_power(values[slot], values[other])
        if exponent.is_Integer:
            n = int(exponent)
            return lambda values: integer_power(values[slot], n)
        fraction = fmpq(int(exponent.p), int(exponent.q))
        return lambda values: rational_power(values[slot], fraction)

    def _function(self, expr: sp.Basic) -> Step:
        if isinstance(expr, sp.Heaviside):
            slot, at_zero = (self._compile(arg) for arg in expr.args)
            return lambda values: heaviside(values[slot], values[at_zero])
        if isinstance(expr, sp.polygamma) and expr.args[0].is_Integer and expr.args[0] >= 0:
            operation, argument = polygamma(int(expr.args[0])), expr.args[1]
        elif type(expr) in _FUNCTIONS:
            operation, argument = _FUNCTIONS[type(expr)], expr.args[0]
        else:
            raise UnsupportedExpressionError(_unsupported(expr))
        slot = self._compile(argument)
        return lambda values: operation(values[slot])


_FOLDS: dict[type[sp.Expr], Callable[[Interval, Interval], Interval]] = {
    sp.Add: add,
    sp.Mul: multiply,
    sp.Max: maximum,
    sp.Min: minimum,
}


def _has_edge(expr: sp.Basic) -> bool:
    """Whether some function of the expression ends at an edge of its domain."""
    roots = (power for power in expr.atoms(sp.Pow) if not power.exp.is_Integer and power.base.free_symbols)
    return expr.has(*_EDGED) or any(True for _ in roots)


def _unsupported(expr: sp.Basic) -> str:
    if expr is sp.I:
        return "expr: it contains the imaginary unit I; a real expression is needed"
    if isinstance(expr, (sp.Symbol, sp.MatrixSymbol)):
        return f"expr: it contains {expr}, which is not among the symbols given"
    return (
        f"expr: cannot enclose {expr} ({type(expr).__name__}); accepted are sums, products, powers, Max, Min, "
        f"Piecewise, Heaviside, polygamma and {', '.join(sorted(kind.__name__ for kind in UNARY))}"
    )


def _exact_rational(number: sp.Expr) -> sp.Rational | None:
    if isinstance(number, sp.Float):
        return sp.Rational(number)
    return number if isinstance(number, sp.Rational) else None


def _constant(expr: sp.Basic) -> Step:
    """A step for a constant, computed once for each precision."""
    known: dict[int, Interval] = {}

    def value() -> Interval:
        if isinstance(expr, Enclosed):
            ball = expr.ball(ctx.prec)
        else:
            ball = _CONSTANTS[expr]() if expr in _CONSTANTS else exact_ball(expr)
        if ball.is_nan():
            raise OutOfDomainError(f"{expr} is not a real number")
        return ball, ball

    def step(values: Values) -> Interval:
        found = known.get(ctx.prec)
        if found is None:
            found = known[ctx.prec] = value()
        return found

    return step


def _piecewise(expr: sp.Piecewise, symbols: Sequence[sp.Symbol]) -> Step:
    """Only branches whose condition can hold are evaluated, on the part of the inputs where it can."""
    exhaustive = sp.Or(*(condition for _, condition in expr.args)) is sp.true
    branches = [(Program(value, symbols), Condition(condition, symbols)) for value, condition in expr.args]

    def step(values: Values) -> Interval:
        inputs: Sequence[Interval] = values[: len(symbols)]
        result: Interval | None = None
        for place, (program, condition) in enumerate(branches):
            truth = True if exhaustive and place == len(branches) - 1 else condition(inputs)
            if truth is False:
                continue
            value = program(inputs if truth else condition.where(inputs, True))
            result = value if result is None else hull(result, value)
            if truth:
                return result
            inputs = condition.where(inputs, False)
        # No branch is left for a part of the inputs; a single point left out (a jump without a value) may be.
        only_a_point = any(low is not high and low >= high for low, high in inputs)
        if result is None or not only_a_point:
            raise OutOfDomainError("no branch of a Piecewise applies")
        return result

    return step


class Condition:
    """A condition of a Piecewise on intervals: True, False, or None when it holds on a part or cannot be decided."""

    def __init__(self, condition: Any, symbols: Sequence[sp.Symbol]) -> None:
        self.kind: Any = type(condition)
        self.condition = condition
        self.parts: list[Condition] = []
        self.cut: tuple[int, Program, bool] | None = None
        if isinstance(condition, (sp.And, sp.Or, sp.Not)):
            self.parts = [Condition(part, symbols) for part in condition.args]
        elif isinstance(condition, sp.core.relational.Relational):
            self.difference = Program(stable(condition.lhs - condition.rhs), symbols)
            self.cut = _cut(condition, symbols)
        elif condition not in (sp.true, sp.false):
            message = f"expr: the condition {condition} ({self.kind.__name__}) of a Piecewise is not a comparison"
            raise UnsupportedExpressionError(message)

    def __call__(self, inputs: Sequence[Interval]) -> bool | None:
        """Whether the condition holds for all points (True), none (False), or neither is certain (None)."""
        if not self.parts:
            return bool(self.condition) if self.condition in (sp.true, sp.false) else self._compare(inputs)
        truths = [part(inputs) for part in self.parts]
        if self.kind is sp.Not:
            return None if truths[0] is None else not truths[0]
        decisive = self.kind is sp.Or
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive

    def _compare(self, inputs: Sequence[Interval]) -> bool | None:
        low, high = self.difference(inputs)
        holds, fails = _COMPARISONS[self.kind](low, high)
        return True if holds else False if fails else None

    def where(self, inputs: Sequence[Interval], wanted: bool) -> Sequence[Interval]:
        """Inputs that still contain every point at which the condition is (or is not) fulfilled."""
        if self.kind is sp.Not:
            return self.parts[0].where(inputs, not wanted)
        if self.parts and wanted is (self.kind is sp.And):
            for part in self.parts:
                inputs = part.where(inputs, wanted)
        if self.cut is None:
            return inputs
        place, bound, above = self.cut
        if (self.kind is sp.Eq) is not wanted and self.kind in (sp.Eq, sp.Ne):
            return inputs
        low, high = inputs[place]
        at = bound(inputs)
        if self.kind in (sp.Eq, sp.Ne):
            low, high = low.max(at[0]), high.min(at[1])
        elif above is wanted:
            low = low.max(at[0])
        else:
            high = high.min(at[1])
        return [*inputs[:place], (low, high), *inputs[place + 1 :]]


_COMPARISONS: dict[Any, Callable[[arb, arb], tuple[bool, bool]]] = {
    sp.Gt: lambda low, high: (low > 0, high <= 0),
    sp.Ge: lambda low, high: (low >= 0, high < 0),
    sp.Lt: lambda low, high: (high < 0, low >= 0),
    sp.Le: lambda low, high: (high <= 0, low > 0),
    sp.Eq: lambda low, high: (low.is_zero() and high.is_zero(), low > 0 or high < 0),
    sp.Ne: lambda low, high: (low > 0 or high < 0, low.is_zero() and high.is_zero()),
}


def _cut(condition: Any, symbols: Sequence[sp.Symbol]) -> tuple[int, Program, bool] | None:
    """``(place of the symbol, bound, whether it lies above)`` for a condition that is linear in one symbol."""
    difference = sp.expand(condition.lhs - condition.rhs)
    free = difference.free_symbols
    if len(free) != 1:
        return None
    symbol = next(iter(free))
    slope, rest = difference.coeff(symbol, 1), difference.coeff(symbol, 0)
    linear = sp.expand(difference - slope * symbol - rest) == 0 and not rest.free_symbols and not slope.free_symbols
    if not linear or not (slope.is_positive or slope.is_negative) or rest.is_finite is False:
        return None
    above = isinstance(condition, (sp.Gt, sp.Ge)) is bool(slope.is_positive)
    return symbols.index(symbol), Program(stable(-rest / slope), symbols), above
