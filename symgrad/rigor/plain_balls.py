"""Formulas on narrow balls, fast: one operation of ball arithmetic a node, for tight loops over many points.

:func:`symgrad.rigor.balls.ball_function` is tight on wide balls too, at several times the cost.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import sympy as sp
from flint import arb, ctx

from symgrad.errors import InputError
from symgrad.rigor.balls import ball_function
from symgrad.rigor.balls_stable import exp_minus_one, one_plus_erf, stable
from symgrad.rigor.functions import logistic, softplus

__all__ = ["plain_ball_function"]

Step = Callable[[list[arb]], arb]


def plain_ball_function(expr: sp.Expr, symbols: sp.Symbol | Sequence[sp.Symbol]) -> Callable[..., arb]:
    """The function of balls that encloses ``expr``, for balls that are narrow.

    Args:
        expr: as for :func:`symgrad.rigor.balls.ball_function`.
        symbols: one real symbol or several, in the order of the arguments.

    Returns:
        A function of one ball a symbol (balls only, which are not checked). Its result contains ``expr`` at every
        point of the balls, at the precision of ball arithmetic at the time of the call; it is not finite where a pole
        or the edge of the domain may be met. On wide balls it is wider than need be.

    Raises:
        UnsupportedExpressionError: a node is not in the whitelist; it is named.
        InputError: ``expr`` has other symbols.

    >>> x = sp.Symbol("x", real=True)
    >>> plain_ball_function(sp.tanh(x) / x, x)(arb(1)).overlaps(arb(1).tanh())
    True
    """
    given = (symbols,) if isinstance(symbols, sp.Basic) else tuple(symbols)
    return _compiled(expr, given)


@lru_cache(maxsize=512)
def _compiled(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., arb]:
    missing = expr.free_symbols - set(symbols)
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        raise InputError(f"symbols: {expr} contains {names}, not among the symbols given: {symbols or 'none'}")
    program = _Program(symbols)
    result, steps = program.compile(stable(expr)), program.steps

    def on_balls(*balls: arb) -> arb:
        values = list(balls)
        append = values.append
        for step in steps:
            append(step(values))
        return values[result]

    return on_balls


class _Program:
    """Operations in order, each on the values of those before; common sub-expressions once."""

    def __init__(self, symbols: tuple[sp.Symbol, ...]) -> None:
        self.symbols = symbols
        self.steps: list[Step] = []
        self._slots: dict[sp.Basic, int] = {symbol: place for place, symbol in enumerate(symbols)}

    def compile(self, expr: sp.Expr) -> int:
        """The slot of the value of a sub-expression."""
        slot = self._slots.get(expr)
        if slot is None:
            step = self._step(expr)
            self.steps.append(step)
            slot = self._slots[expr] = len(self.symbols) + len(self.steps) - 1
        return slot

    def _step(self, expr: sp.Expr) -> Step:
        if not expr.free_symbols:
            return _constant(expr)
        if isinstance(expr, (sp.Add, sp.Mul)):
            return self._fold(expr)
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
            return self._power(expr)
        operation = _UNARY.get(type(expr))
        if operation is None:
            return self._as_a_whole(expr)
        slot = self.compile(expr.args[0])
        return lambda values: operation(values[slot])

    def _fold(self, expr: sp.Expr) -> Step:
        operation: Callable[[Any, Any], Any] = operator.add if isinstance(expr, sp.Add) else operator.mul
        if isinstance(expr, sp.Mul) and expr.args[0] is sp.S.NegativeOne:
            slot = self.compile(sp.Mul(*expr.args[1:]))
            return lambda values: -values[slot]
        slots = [self.compile(arg) for arg in expr.args]
        if len(slots) == 2:
            first, second = slots
            return lambda values: operation(values[first], values[second])
        return lambda values: reduce(operation, [values[slot] for slot in slots])

    def _power(self, expr: sp.Pow) -> Step:
        slot, exponent = self.compile(expr.base), expr.exp
        if exponent.is_Integer:
            count = abs(int(exponent))
            if exponent == -1:
                return lambda values: 1 / values[slot]
            return (lambda values: values[slot] ** count) if exponent > 0 else lambda values: 1 / values[slot] ** count
        if exponent == sp.S.Half:
            return lambda values: values[slot].sqrt()
        return self._as_a_whole(expr)

    def _as_a_whole(self, expr: sp.Expr) -> Step:
        """A node with conditions or edges, by the function that is careful with them."""
        count, function = len(self.symbols), ball_function(expr, self.symbols)
        return lambda values: function(*values[:count])


def _constant(expr: sp.Expr) -> Step:
    """A step for a constant, computed once for each precision."""
    function, known = ball_function(expr, ()), dict[int, arb]()

    def step(values: list[arb]) -> arb:
        found = known.get(ctx.prec)
        if found is None:
            found = known[ctx.prec] = function()
        return found

    return step


def _softplus(x: arb) -> arb:
    return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()


_UNARY: dict[Any, Callable[[arb], arb]] = {
    sp.exp: lambda x: x.exp(),
    exp_minus_one: lambda x: x.expm1(),
    one_plus_erf: lambda x: (-x).erfc(),
    sp.log: lambda x: x.log(),
    sp.sinh: lambda x: x.sinh(),
    sp.cosh: lambda x: x.cosh(),
    sp.tanh: lambda x: x.tanh(),
    sp.asinh: lambda x: x.asinh(),
    sp.atanh: lambda x: x.atanh(),
    logistic: lambda x: 1 / (1 + (-x).exp()),
    softplus: _softplus,
    sp.erf: lambda x: x.erf(),
    sp.erfc: lambda x: x.erfc(),
    sp.atan: lambda x: x.atan(),
    sp.sin: lambda x: x.sin(),
    sp.cos: lambda x: x.cos(),
    sp.Abs: abs,
}
