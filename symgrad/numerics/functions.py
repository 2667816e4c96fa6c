"""Scalar formulas as functions of arrays: stable for any argument, over any array library of the array API standard."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy as sp
from array_api_compat import to_device

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.balls_stable import exp_minus_one, one_plus_erf, stable
from symgrad.rigor.functions import logistic, softplus

__all__ = ["ArrayFunction", "array_function", "constant_float"]

Step = Callable[[Any, list[Any]], Any]

_BITS = 128
_MAX_BITS = 4096
_TINY = 2.0**-1074


class ArrayFunction:
    """A formula in one variable, compiled to operations on arrays; common sub-expressions are computed once.

    The values are approximate. Where the operations leave the range of floats on the way an entry is computed
    again in ball arithmetic: infinity minus infinity would be NaN, and one over infinity 0. So no argument gives
    NaN but one at which the formula has no real value.

    Args:
        expr: a formula in ``VARIABLE`` of the functions that :func:`symgrad.rigor.balls.ball_function` accepts.

    Raises:
        UnsupportedExpressionError: the formula has a node outside that language.
    """

    def __init__(self, expr: sp.Expr) -> None:
        self._balls = ball_function(expr, VARIABLE)
        self._slots: dict[sp.Basic, int] = {VARIABLE: 0}
        self._steps: list[Step] = []
        self._result = self._compile(stable(expr))

    def __call__(self, xp: Any, x: Any) -> Any:
        """The formula at every entry of an array of the library ``xp``."""
        with np.errstate(all="ignore"):
            values = [x]
            overflow = xp.zeros_like(x, dtype=xp.bool)
            for step in self._steps:
                value = step(xp, values)
                values.append(value)
                if not isinstance(value, float):
                    overflow = overflow | xp.isinf(value)
            result = values[self._result] + xp.zeros_like(x)
            lost = (overflow | ~xp.isfinite(result)) & xp.isfinite(x)
            if bool(xp.any(lost)):
                result = self._recomputed(xp, x, result, lost)
        return result

    def _recomputed(self, xp: Any, x: Any, result: Any, lost: Any) -> Any:
        """The same with the marked entries computed in balls."""
        points, values = _floats(xp, x), _floats(xp, result)
        for i in np.flatnonzero(_floats(xp, lost)):
            values[i] = self._through_balls(points[i], values[i])
        return xp.reshape(xp.asarray(values, dtype=x.dtype), x.shape)

    def _through_balls(self, point: float, otherwise: float) -> float:
        bits = _BITS
        while True:
            with working_precision(bits):
                ball = self._balls(point)
                if ball.is_finite() and (ball.rel_accuracy_bits() > 53 or ball.rad() < _TINY):
                    return float(ball.mid())
            if bits >= _MAX_BITS:
                return otherwise
            bits *= 4

    def _compile(self, expr: sp.Basic) -> int:
        slot = self._slots.get(expr)
        if slot is None:
            step = self._step(expr)
            self._steps.append(step)
            slot = self._slots[expr] = len(self._steps)
        return slot

    def _step(self, expr: sp.Basic) -> Step:
        if not expr.free_symbols:
            return _constant(expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        for kind, fold in _FOLDS.items():
            if isinstance(expr, kind):
                return _folded(fold, [self._compile(arg) for arg in expr.args])
        if isinstance(expr, sp.Heaviside):
            return _heaviside(*map(self._compile, expr.args))
        return self._function(expr)

    def _power(self, expr: sp.Pow) -> Step:
        base, exponent = expr.base, expr.exp
        if exponent.is_Integer and abs(exponent) <= 4:
            slot, count = self._compile(base), abs(int(exponent))
            repeated = _folded(lambda xp, a, b: a * b, [slot] * count)
            return repeated if exponent > 0 else lambda xp, values: 1 / repeated(xp, values)
        if exponent == sp.S.Half:
            slot = self._compile(base)
            return lambda xp, values: xp.sqrt(values[slot])
        slot, power = self._compile(base), self._compile(exponent)
        return lambda xp, values: xp.pow(values[slot] + xp.zeros_like(values[0]), values[power])

    def _piecewise(self, expr: sp.Piecewise) -> Step:
        branches = [(self._compile(value), self._condition(condition)) for value, condition in expr.args]

        def step(xp: Any, values: list[Any]) -> Any:
            result = xp.full_like(values[0], math.nan)
            for slot, condition in reversed(branches):
                holds = condition(xp, values)
                result = xp.where(holds, values[slot] + xp.zeros_like(values[0]), result)
            return result

        return step

    def _condition(self, condition: Any) -> Step:
        if condition in (sp.true, sp.false):
            truth = bool(condition)
            return lambda xp, values: xp.full(values[0].shape, truth, dtype=xp.bool)
        if isinstance(condition, sp.Not):
            part = self._condition(condition.args[0])
            return lambda xp, values: ~part(xp, values)
        if isinstance(condition, (sp.And, sp.Or)):
            parts = [self._condition(arg) for arg in condition.args]
            join = operator.and_ if isinstance(condition, sp.And) else operator.or_
            return lambda xp, values: reduce(join, [part(xp, values) for part in parts])
        compare = _COMPARISONS[type(condition)]
        left, right = self._compile(condition.lhs), self._compile(condition.rhs)
        return lambda xp, values: compare(values[left] + xp.zeros_like(values[0]), values[right])

    def _function(self, expr: sp.Basic) -> Step:
        operation = _UNARY.get(type(expr))
        argument = expr.args[0] if expr.args else expr
        if operation is None and isinstance(expr, sp.polygamma):
            order, argument = expr.args
            operation = _by_balls(sp.polygamma(order, VARIABLE))
        if operation is None:
            raise UnsupportedExpressionError(f"expr: no array function is known for {expr} ({type(expr).__name__})")
        slot = self._compile(argument)
        return lambda xp, values: operation(xp, values[slot])


@lru_cache(maxsize=1024)
def array_function(expr: sp.Expr) -> ArrayFunction:
    """The function of arrays for a formula in ``VARIABLE``, compiled once.

    >>> import numpy as np
    >>> array_function(VARIABLE * logistic(VARIABLE))(np, np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.0, 1000.0]
    """
    return ArrayFunction(expr)


def constant_float(expr: sp.Expr) -> float:
    """The float nearest to a constant (infinite beyond the floats); approximate in the last place."""
    if expr in (sp.oo, -sp.oo):
        return math.inf if expr == sp.oo else -math.inf
    if expr.is_Integer and abs(expr) < 2**53:
        return float(int(expr))
    return float(to_ball(expr, _BITS).mid())


def _constant(expr: sp.Expr) -> Step:
    value = constant_float(expr)
    return lambda xp, values: value


def _folded(operation: Callable[[Any, Any, Any], Any], slots: Sequence[int]) -> Step:
    if len(slots) == 2:
        first, second = slots
        return lambda xp, values: operation(xp, values[first], values[second])
    return lambda xp, values: reduce(lambda a, b: operation(xp, a, b), [values[slot] for slot in slots])


def _heaviside(slot: int, at_zero: int) -> Step:
    def step(xp: Any, values: list[Any]) -> Any:
        x = values[slot] + xp.zeros_like(values[0])
        return xp.where(x == 0, values[at_zero] + xp.zeros_like(x), xp.where(x > 0, xp.ones_like(x), xp.zeros_like(x)))

    return step


def _maximum(xp: Any, a: Any, b: Any) -> Any:
    return xp.where(a >= b, a, b)


def _minimum(xp: Any, a: Any, b: Any) -> Any:
    return xp.where(a <= b, a, b)


_FOLDS: dict[Any, Callable[[Any, Any, Any], Any]] = {
    sp.Add: lambda xp, a, b: a + b,
    sp.Mul: lambda xp, a, b: a * b,
    sp.Max: _maximum,
    sp.Min: _minimum,
}

_COMPARISONS: dict[Any, Callable[[Any, Any], Any]] = {
    sp.Gt: operator.gt,
    sp.Ge: operator.ge,
    sp.Lt: operator.lt,
    sp.Le: operator.le,
    sp.Eq: operator.eq,
    sp.Ne: operator.ne,
}


def _entrywise(function: Callable[[float], float], overflow: float = math.nan) -> Callable[[Any, Any], Any]:
    """A function of Python floats on every entry; the array standard does not have it."""

    def value(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return overflow

    def on_arrays(xp: Any, x: Any) -> Any:
        return xp.reshape(xp.asarray([value(entry) for entry in _floats(xp, x)], dtype=x.dtype), x.shape)

    return on_arrays


def _floats(xp: Any, x: Any) -> list[Any]:
    """The entries of an array as Python numbers."""
    entries: list[Any] = np.asarray(to_device(xp.reshape(x, (-1,)), "cpu")).tolist()
    return entries


def _by_balls(expr: sp.Expr) -> Callable[[Any, Any], Any]:
    enclose = ball_function(expr, VARIABLE)

    def value(x: float) -> float:
        if not math.isfinite(x):
            return math.nan
        with working_precision(_BITS):
            return float(enclose(x).mid())

    return _entrywise(value)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.where(x > 0, x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))


_UNARY: dict[Any, Callable[[Any, Any], Any]] = {
    sp.exp: lambda xp, x: xp.exp(x),
    exp_minus_one: lambda xp, x: xp.expm1(x),
    one_plus_erf: _entrywise(lambda x: math.erfc(-x)),
    sp.log: lambda xp, x: xp.log(x),
    sp.sinh: lambda xp, x: xp.sinh(x),
    sp.cosh: lambda xp, x: xp.cosh(x),
    sp.tanh: lambda xp, x: xp.tanh(x),
    sp.coth: lambda xp, x: 1 / xp.tanh(x),
    sp.sech: lambda xp, x: 1 / xp.cosh(x),
    sp.csch: lambda xp, x: 1 / xp.sinh(x),
    sp.asinh: lambda xp, x: xp.asinh(x),
    sp.acosh: lambda xp, x: xp.acosh(x),
    sp.atanh: lambda xp, x: xp.atanh(x),
    logistic: lambda xp, x: 1 / (1 + xp.exp(-x)),
    softplus: _softplus,
    sp.erf: _entrywise(math.erf),
    sp.erfc: _entrywise(math.erfc),
    sp.atan: lambda xp, x: xp.atan(x),
    sp.asin: lambda xp, x: xp.asin(x),
    sp.acos: lambda xp, x: xp.acos(x),
    sp.sin: lambda xp, x: xp.sin(x),
    sp.cos: lambda xp, x: xp.cos(x),
    sp.tan: lambda xp, x: xp.tan(x),
    sp.sec: lambda xp, x: 1 / xp.cos(x),
    sp.csc: lambda xp, x: 1 / xp.sin(x),
    sp.cot: lambda xp, x: 1 / xp.tan(x),
    sp.Abs: lambda xp, x: xp.abs(x),
    sp.sign: lambda xp, x: xp.sign(x),
    sp.gamma: _entrywise(math.gamma),
    sp.loggamma: _entrywise(math.lgamma),
}
