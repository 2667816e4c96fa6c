"""Real formulas continued into the complex plane: functions of complex balls that know where they are analytic.

They are what rigorous quadrature needs: bounds on complex neighbourhoods of an interval, and a non-finite answer where
a neighbourhood meets a branch cut, a pole or a kink.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import sympy as sp
from flint import acb, arb, ctx
from sympy.core.relational import Relational

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.rigor.balls import ball_function
from symgrad.rigor.balls_stable import stable
from symgrad.rigor.complex_functions import FUNCTIONS

__all__ = ["complex_ball_function"]

Values = list[acb]
Step = Callable[[Values, bool], acb]
_NAN = acb("nan", "nan")
_RECIPROCALS: dict[Any, Any] = {sp.cosh: sp.sech, sp.sinh: sp.csch}  # which are finite on wide balls


def complex_ball_function(expr: sp.Expr, symbols: sp.Symbol | Sequence[sp.Symbol]) -> Callable[..., acb]:
    """The function of complex balls that encloses the analytic continuation of ``expr`` from the real line.

    Args:
        expr: a real scalar expression of the whitelist of :func:`symgrad.rigor.balls.ball_function`.
        symbols: one real symbol or several, in the order of the arguments.

    Returns:
        A function of one complex ball a symbol and a flag ``analytic`` (default True). Its result contains the value at
        every point of the balls. With the flag it is not finite unless the function is analytic on all of the balls,
        which makes it the integrand that ``acb.integral`` wants; without it, kinks and jumps may be inside.

    Raises:
        UnsupportedExpressionError: a node is not in the whitelist; it is named.
        InputError: ``expr`` has other symbols.

    >>> x = sp.Symbol("x", real=True)
    >>> root = complex_ball_function(sp.sqrt(x), x)
    >>> root(acb(4)) == 2, root(acb(arb(0, 1))).is_finite()
    (True, False)
    """
    given = (symbols,) if isinstance(symbols, sp.Basic) else tuple(symbols)
    return _compiled(expr, given)


@lru_cache(maxsize=1024)
def _compiled(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., acb]:
    missing = expr.free_symbols - set(symbols)
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        raise InputError(f"symbols: {expr} contains {names}, not among the symbols given: {symbols or 'none'}")
    program = _Program(symbols)
    result, steps = program.compile(stable(expr)), program.steps

    def on_balls(*balls: acb, analytic: bool = True) -> acb:
        values = list(balls)
        for step in steps:
            values.append(step(values, analytic))
        return values[result]

    return on_balls


class _Program:
    """Operations in order, each on the values of those before; common sub-expressions once."""

    def __init__(self, symbols: tuple[sp.Symbol, ...]) -> None:
        self.symbols = symbols
        self.steps: list[Step] = []
        self._slots: dict[sp.Basic, int] = {symbol: place for place, symbol in enumerate(symbols)}

    def compile(self, expr: sp.Basic) -> int:
        """The slot of the value of a sub-expression."""
        slot = self._slots.get(expr)
        if slot is None:
            step = self._step(expr)
            self.steps.append(step)
            slot = self._slots[expr] = len(self.symbols) + len(self.steps) - 1
        return slot

    def _step(self, expr: sp.Basic) -> Step:
        if not expr.free_symbols:
            return _constant(expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        if isinstance(expr, sp.Heaviside):
            slot = self.compile(expr.args[0])
            return lambda values, analytic: values[slot].real_heaviside(analytic)
        if isinstance(expr, (sp.Add, sp.Mul)):
            return self._fold(expr)
        slots = [self.compile(arg) for arg in expr.args]
        if isinstance(expr, (sp.Max, sp.Min)):
            return _greatest(slots, 1 if isinstance(expr, sp.Max) else -1)
        return _applied(expr, slots)

    def _fold(self, expr: sp.Expr) -> Step:
        if isinstance(expr, sp.Mul) and expr.args[0] is sp.S.NegativeOne:
            slot = self.compile(sp.Mul(*expr.args[1:]))
            return lambda values, analytic: -values[slot]
        slots = [self.compile(arg) for arg in expr.args]
        operation: Callable[[Any, Any], Any] = operator.add if isinstance(expr, sp.Add) else operator.mul
        if len(slots) == 2:
            first, second = slots
            return lambda values, analytic: operation(values[first], values[second])
        return lambda values, analytic: reduce(operation, [values[slot] for slot in slots])

    def _power(self, expr: sp.Pow) -> Step:
        exponent = sp.Rational(expr.exp) if isinstance(expr.exp, sp.Float) else expr.exp
        reciprocal = _RECIPROCALS.get(expr.base.func)
        if reciprocal is not None and exponent.is_Integer and exponent < 0:
            return self._step(reciprocal(expr.base.args[0]) ** -exponent)
        slot = self.compile(expr.base)
        if exponent == -1:
            return lambda values, analytic: 1 / values[slot]
        if exponent.is_Integer:
            count = abs(int(exponent))
            if exponent > 0:
                return lambda values, analytic: values[slot] ** count
            return lambda values, analytic: 1 / values[slot] ** count
        if exponent == sp.S.Half:
            return lambda values, analytic: values[slot].sqrt(analytic)
        other = self.compile(exponent)
        return lambda values, analytic: values[slot].pow(values[other], analytic)

    def _piecewise(self, expr: sp.Piecewise) -> Step:
        branches = [(self.compile(value), self._condition(condition)) for value, condition in expr.args]

        def step(values: Values, analytic: bool) -> acb:
            total: acb | None = None
            for slot, condition in branches:
                truth = condition(values)
                if truth is not False:
                    total = values[slot] if total is None else total.union(values[slot])
                if truth is True:
                    return total
                if truth is None and analytic:
                    return _NAN
            return _NAN

        return step

    def _condition(self, condition: Any) -> Callable[[Values], bool | None]:
        """Whether a condition holds, judged by real parts, which continues each branch to a strip around its piece."""
        if condition in (sp.true, sp.false):
            truth = bool(condition == sp.true)
            return lambda values: truth
        if isinstance(condition, Relational):
            slot, compare = self.compile(condition.lhs - condition.rhs), _COMPARED.get(type(condition))
            if compare is not None:
                return lambda values: compare(values[slot].real)
        if isinstance(condition, (sp.And, sp.Or, sp.Not)):
            return _joined(type(condition), [self._condition(part) for part in condition.args])
        message = f"expr: the condition {condition} ({type(condition).__name__}) of a Piecewise is not a comparison"
        raise UnsupportedExpressionError(message)


def _constant(expr: sp.Basic) -> Step:
    """A step for a constant, computed once for each precision."""
    function, known = ball_function(expr, ()), dict[int, acb]()

    def step(values: Values, analytic: bool) -> acb:
        found = known.get(ctx.prec)
        if found is None:
            found = known[ctx.prec] = acb(function())
        return found

    return step


def _greatest(slots: list[int], sign: int) -> Step:
    """The maximum, or with sign -1 the minimum."""
    first, *others = slots

    def step(values: Values, analytic: bool) -> acb:
        largest = sign * values[first]
        for slot in others:
            largest = largest.real_max(sign * values[slot], analytic)
        return sign * largest

    return step


def _applied(expr: sp.Basic, slots: list[int]) -> Step:
    if isinstance(expr, sp.polygamma) and expr.args[0].is_Integer:
        order, argument = slots
        return lambda values, analytic: values[argument].polygamma(values[order])
    function = FUNCTIONS.get(type(expr))
    if function is None:
        ball_function(expr, tuple(expr.free_symbols))  # says which node is not in the whitelist
        raise UnsupportedExpressionError(f"expr: {expr} ({type(expr).__name__}) has no complex continuation here")
    slot = slots[0]
    return lambda values, analytic: function(values[slot], analytic)


def _joined(kind: Any, parts: list[Callable[[Values], bool | None]]) -> Callable[[Values], bool | None]:
    def truth(values: Values) -> bool | None:
        truths = [part(values) for part in parts]
        if kind is sp.Not:
            return None if truths[0] is None else not truths[0]
        decisive = kind is sp.Or
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive

    return truth


def _decided(holds: bool, fails: bool) -> bool | None:
    return True if holds else False if fails else None


_COMPARED: dict[Any, Callable[[arb], bool | None]] = {
    sp.Gt: lambda x: _decided(x > 0, x <= 0),
    sp.Ge: lambda x: _decided(x >= 0, x < 0),
    sp.Lt: lambda x: _decided(x < 0, x >= 0),
    sp.Le: lambda x: _decided(x <= 0, x > 0),
    sp.Eq: lambda x: _decided(False, x != 0),
    sp.Ne: lambda x: _decided(x != 0, False),
}
