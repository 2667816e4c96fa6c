"""Scalar functions on arrays: the standard's own, the library's where it has them, else entry by entry on the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy as sp

from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.libraries import host, library_of, on_device_of
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.balls_stable import exp_minus_one, one_plus_erf
from symgrad.rigor.functions import logistic, softplus

__all__ = ["BALL_BITS", "constant_float", "is_known", "operation"]

Operation = Callable[[Any, Any], Any]

BALL_BITS = 128

# What the array API standard has or what follows from it in one or two operations.
_STANDARD: dict[Any, Operation] = {
    sp.exp: lambda xp, x: xp.exp(x),
    exp_minus_one: lambda xp, x: xp.expm1(x),
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
    softplus: lambda xp, x: xp.logaddexp(x, xp.zeros_like(x)),
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
}

# What the libraries call by these names (see ``Library.special``), with the way that is left where one has it not.
_SPECIAL: dict[Any, tuple[Callable[[dict[str, Any]], Any], Operation]] = {
    logistic: (lambda of: of["expit"], lambda xp, x: 1 / (1 + xp.exp(-x))),
    sp.erf: (lambda of: of["erf"], lambda xp, x: _entrywise(math.erf)(xp, x)),
    sp.erfc: (lambda of: of["erfc"], lambda xp, x: _entrywise(math.erfc)(xp, x)),
    one_plus_erf: (
        lambda of: lambda x: of["erfc"](-x),
        lambda xp, x: _entrywise(lambda entry: math.erfc(-entry))(xp, x),
    ),
    sp.gamma: (lambda of: of["gamma"], lambda xp, x: _entrywise(math.gamma)(xp, x)),
    sp.loggamma: (lambda of: of["gammaln"], lambda xp, x: _entrywise(math.lgamma)(xp, x)),
}


def is_known(kind: Any) -> bool:
    """Whether a SymPy function has an operation on arrays."""
    return kind in _STANDARD or kind in _SPECIAL or kind is sp.polygamma


@lru_cache(maxsize=4096)
def operation(kind: Any, order: int, xp: Any) -> Operation:
    """A SymPy function of one argument on arrays of a library.

    Args:
        kind: the class of the function.
        order: which derivative of digamma it is, for polygamma; of no effect for others.
        xp: the namespace.
    """
    if kind in _STANDARD:
        return _STANDARD[kind]
    native = library_of(xp).special()
    if kind is sp.polygamma:
        return _polygamma(order, native.get("polygamma"))
    named, otherwise = _SPECIAL[kind]
    if not native:
        return otherwise
    function = _positive(named(native)) if kind is sp.loggamma else named(native)
    return lambda xp, x: function(x)


def _positive(function: Any) -> Any:
    """The logarithm of the gamma function only where it is real; libraries give that of its modulus."""

    def on_arrays(x: Any) -> Any:
        return function(x) + 0 * x**0.5

    return on_arrays


def _polygamma(order: int, native: Any) -> Operation:
    if native is None:
        return _by_balls(sp.polygamma(order, VARIABLE))
    return lambda xp, x: xp.astype(native(order, x), x.dtype, copy=False)


def _entrywise(function: Callable[[float], float]) -> Operation:
    """A function of Python floats on every entry, on the host."""

    def value(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return math.nan

    def on_arrays(xp: Any, x: Any) -> Any:
        values = [value(entry) for entry in host(xp, x).ravel().tolist()]
        return xp.reshape(on_device_of(xp, values, x), x.shape)

    return on_arrays


def _by_balls(expr: sp.Expr) -> Operation:
    enclose = ball_function(expr, VARIABLE)

    def value(x: float) -> float:
        if not math.isfinite(x):
            return math.nan
        with working_precision(BALL_BITS):
            return float(enclose(x).mid())

    return _entrywise(value)


def constant_float(expr: sp.Expr) -> float:
    """The float nearest to a constant (infinite beyond the floats); approximate in the last place."""
    if expr in (sp.oo, -sp.oo):
        return math.inf if expr == sp.oo else -math.inf
    if expr.is_Integer and abs(expr) < 2**53:
        return float(int(expr))
    return float(to_ball(expr, BALL_BITS).mid())
