"""Scalar formulas by mpmath, in as many digits as it takes for the value to settle."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import mpmath
import sympy as sp

from symgrad.errors import SymgradError, UnsupportedExpressionError
from symgrad.numerics.functions import COMPARISONS
from symgrad.rigor.balls import Enclosed, to_ball
from symgrad.rigor.functions import logistic, softplus

__all__ = ["formula_value"]

_GUARD = 10  # decimal digits
_SLACK = 5
_DOUBLINGS = 7

# SymPy's functions that mpmath has under the same name.
_SAME_NAME = (
    *(sp.exp, sp.log, sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch, sp.asinh, sp.acosh, sp.atanh, sp.erf),
    *(sp.erfc, sp.atan, sp.asin, sp.acos, sp.sin, sp.cos, sp.tan, sp.sec, sp.csc, sp.cot, sp.sign, sp.gamma),
    *(sp.loggamma,),
)
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{function: getattr(mpmath, function.__name__) for function in _SAME_NAME},
    logistic: lambda z: 1 / (1 + mpmath.exp(-z)),
    softplus: lambda z: max(z, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(z))),
    sp.Abs: abs,
    sp.Max: lambda *args: max(args),
    sp.Min: lambda *args: min(args),
    sp.Mul: lambda *args: reduce(operator.mul, args),
    sp.Pow: lambda base, exponent: _power(base, exponent),
    sp.polygamma: lambda order, z: mpmath.polygamma(int(order), z),
    sp.Heaviside: lambda z, at_zero: at_zero if z == 0 else mpmath.mpf(z > 0),
}


def formula_value(expr: sp.Expr, values: Mapping[sp.Expr, Any]) -> Any:
    """A formula at a point, to mpmath's present precision: with more digits until two values agree.

    At most with 64 times as many: a difference smaller than that is not told from zero.

    Args:
        expr: a formula of the functions of :func:`symgrad.rigor.balls.ball_function`.
        values: its symbols' values, numbers of mpmath.

    Returns:
        A number of mpmath; NaN where the formula has no real value.

    Raises:
        UnsupportedExpressionError: a node outside that language.
        SymgradError: a value so large that mpmath cannot hold its exponent.

    >>> z = sp.Symbol("z")
    >>> with mpmath.workdps(20):
    ...     print(formula_value(1 - sp.tanh(z) ** 2, {z: mpmath.mpf(100)}))
    5.5355861069469501226e-87
    """
    digits = mpmath.mp.dps
    before: Any = None
    value: Any = None
    for doubling in range(_DOUBLINGS):
        with mpmath.workdps(digits * 2**doubling + _GUARD):
            formula = _Formula(values, digits)
            value = _real(formula(expr))
        if before is not None and _agree(value, before, digits) and not formula.cancels:
            break
        before = value
    return +value


def _real(value: Any) -> Any:
    return mpmath.nan if isinstance(value, mpmath.mpc) and value.imag != 0 else mpmath.re(value)


def _agree(value: Any, before: Any, digits: int) -> bool:
    if not (mpmath.isfinite(value) and mpmath.isfinite(before)):
        return bool(value == before or (mpmath.isnan(value) and mpmath.isnan(before)))
    return bool(abs(value - before) <= abs(value) * mpmath.mpf(10) ** (-digits))


def _power(base: Any, exponent: Any) -> Any:
    return mpmath.inf if base == 0 and exponent < 0 else base**exponent


class _Formula:
    """The value of a formula by a walk through its nodes, at mpmath's present precision.

    Attributes:
        cancels: whether in a sum so much cancelled that fewer digits are left than wanted.
    """

    def __init__(self, values: Mapping[sp.Expr, Any], digits: int) -> None:
        self._known: dict[sp.Basic, Any] = dict(values)
        self._share = mpmath.mpf(10) ** (digits + _SLACK - mpmath.mp.dps)
        self.cancels = False

    def __call__(self, expr: Any) -> Any:
        if expr not in self._known:
            self._known[expr] = self._value(expr)
        return self._known[expr]

    def _value(self, expr: Any) -> Any:
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, sp.Add):
            return self._sum([self(term) for term in expr.args])
        if isinstance(expr, (sp.Rational, sp.Float)):
            exact = sp.Rational(expr)
            return mpmath.mpf(int(exact.p)) / int(exact.q)
        if isinstance(expr, Enclosed):
            man, exponent = to_ball(expr, mpmath.mp.prec).mid().man_exp()
            return mpmath.ldexp(mpmath.mpf(int(man)), int(exponent))
        if isinstance(expr, sp.NumberSymbol) or expr in (sp.oo, -sp.oo, sp.nan, sp.zoo):
            return mpmath.nan if expr in (sp.nan, sp.zoo) else mpmath.mpf(expr._to_mpmath(mpmath.mp.prec))
        if expr.func not in _FUNCTIONS:
            raise UnsupportedExpressionError(f"expr: no value in digits is known for {expr} ({expr.func.__name__})")
        try:
            return _FUNCTIONS[expr.func](*map(self, expr.args))
        except (ZeroDivisionError, ValueError):  # at a pole
            return mpmath.nan
        except OverflowError as error:  # exponents have no limit, but the memory for them has
            raise SymgradError(f"backend 'mpmath': values grow beyond what it holds, in {expr}: {error}") from error

    def _sum(self, terms: list[Any]) -> Any:
        total = mpmath.fsum(terms)
        largest = max(map(abs, terms))
        self.cancels |= bool(mpmath.isfinite(largest) and largest and abs(total) <= largest * self._share)
        return total

    def _piecewise(self, expr: sp.Piecewise) -> Any:
        return next((self(value) for value, condition in expr.args if self._holds(condition)), mpmath.nan)

    def _holds(self, condition: Any) -> bool:
        if condition in (sp.true, sp.false):
            return bool(condition)
        if isinstance(condition, sp.Not):
            return not self._holds(condition.args[0])
        if isinstance(condition, (sp.And, sp.Or)):
            return (all if isinstance(condition, sp.And) else any)(map(self._holds, condition.args))
        return bool(COMPARISONS[type(condition)](self(condition.lhs), self(condition.rhs)))
