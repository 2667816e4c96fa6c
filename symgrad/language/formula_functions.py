"""What names in a formula stand for, and arithmetic on its constants that never grows beyond reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import InputError, SymgradError
from symgrad.language.activations import activation, activation_names, activation_parameters
from symgrad.language.elementwise import written_out
from symgrad.rigor.balls import ball_function, working_precision
from symgrad.rigor.functions import logistic

__all__ = ["CONSTANTS", "applied", "checked_constant", "function_names", "power", "quotient"]

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}
_LARGEST_LOG = 2302  # of the absolute value of a constant: 10**1000 is about exp(2302)
_LARGEST_EXPONENT = 1000
_LARGEST_FORMULA_EXPONENT = 100
_BITS = 128
_MOST_BITS = 20000
_MOST_ARGUMENTS = 20


@dataclass(frozen=True)
class _Function:
    """A function of a formula and how many arguments it takes."""

    build: Callable[..., Any]
    least: int = 1
    most: int = 1


def _logarithm(value: sp.Expr, base: sp.Expr | None = None) -> sp.Expr:
    return sp.log(value) if base is None else quotient(sp.log(value), sp.log(base))


_FUNCTIONS: dict[str, _Function] = {
    "exp": _Function(sp.exp),
    "ln": _Function(sp.log),
    "log": _Function(_logarithm, most=2),
    "sqrt": _Function(sp.sqrt),
    "sin": _Function(sp.sin),
    "cos": _Function(sp.cos),
    "tan": _Function(sp.tan),
    "sinh": _Function(sp.sinh),
    "cosh": _Function(sp.cosh),
    "tanh": _Function(sp.tanh),
    "asin": _Function(sp.asin),
    "arcsin": _Function(sp.asin),
    "acos": _Function(sp.acos),
    "arccos": _Function(sp.acos),
    "atan": _Function(sp.atan),
    "arctan": _Function(sp.atan),
    "asinh": _Function(sp.asinh),
    "acosh": _Function(sp.acosh),
    "atanh": _Function(sp.atanh),
    "arctanh": _Function(sp.atanh),
    "erf": _Function(sp.erf),
    "erfc": _Function(sp.erfc),
    "abs": _Function(sp.Abs),
    "sign": _Function(sp.sign),
    "max": _Function(sp.Max, most=_MOST_ARGUMENTS),
    "min": _Function(sp.Min, most=_MOST_ARGUMENTS),
    "logistic": _Function(logistic),
}
_GROWING = (sp.exp, sp.sinh, sp.cosh)


def _activated(name: str) -> _Function:
    """An activation as a function of its argument and of its parameters, in their order."""
    parameters = list(activation_parameters(name))

    def build(argument: sp.Expr, *values: sp.Expr) -> sp.Expr:
        return activation(name, **dict(zip(parameters, values, strict=False)))(argument)

    return _Function(build, most=1 + len(parameters))


_FUNCTIONS |= {name: _activated(name) for name in activation_names() if name not in _FUNCTIONS}


def function_names() -> tuple[str, ...]:
    """The functions that a formula may use, sorted.

    >>> {"ln", "sigmoid", "hard_tanh"} <= set(function_names())
    True
    """
    return tuple(sorted(_FUNCTIONS))


def applied(name: str, arguments: list[sp.Expr]) -> sp.Expr:
    """A function of a formula at its arguments.

    Raises:
        InputError: an unknown function, the wrong number of arguments, or a value that is too large or not real.

    >>> applied("leaky_relu", [sp.Integer(-1), sp.Rational(1, 5)]), applied("log", [sp.S.One, sp.Integer(2)])
    (leaky_relu(slope=1/5)(-1), 0)
    """
    function = _FUNCTIONS[name]
    if not function.least <= len(arguments) <= function.most:
        needed = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        raise InputError(f"{name} takes {needed} arguments, got {len(arguments)}")
    if function.build in _GROWING:
        _check_growth(arguments[0], name)
    try:
        found = function.build(*arguments)
    except (SymgradError, TypeError, ValueError) as error:  # SymPy's for what cannot be compared or has no value
        raise InputError(f"{name} is not defined there: {error}") from error
    return checked_constant(found)


def _check_growth(argument: sp.Expr, name: str) -> None:
    if not argument.free_symbols and not abs(_ball(argument)) <= _LARGEST_LOG:
        raise InputError(f"{name} of a constant beyond {_LARGEST_LOG} is not accepted: numbers reach to 10^1000")


def checked_constant(value: sp.Expr) -> sp.Expr:
    """A part of a formula; if it is a constant, it is real, finite and not beyond 10^1000.

    Raises:
        InputError: it is not.
    """
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
        raise InputError("this is not a finite real number")
    if value.free_symbols:
        return value
    size = abs(_ball(value))
    if not size.is_finite():
        raise InputError("this is not a finite real number")
    if size > 0 and not size.log() <= _LARGEST_LOG:
        raise InputError("constants beyond 10^1000 are not accepted")
    return value


def _ball(constant: sp.Expr) -> arb:
    with working_precision(_BITS):
        return ball_function(written_out(constant), ())()


def quotient(above: sp.Expr, below: sp.Expr) -> sp.Expr:
    """A quotient.

    Raises:
        InputError: the divisor is zero.
    """
    if below.is_zero:
        raise InputError("division by zero")
    return checked_constant(above / below)


def power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """A power, refused where its digits or its degree could not be read.

    Raises:
        InputError: too large an exponent, or no finite real number.

    >>> power(sp.Integer(2), -sp.Integer(3)), power(sp.Symbol("x"), sp.Integer(2))
    (1/8, x**2)
    """
    if base.free_symbols:
        limit = _LARGEST_FORMULA_EXPONENT
    else:
        limit = _LARGEST_EXPONENT
        _check_power(base, exponent)
    if not exponent.free_symbols and not abs(_ball(exponent)) <= limit:
        raise InputError(f"an exponent beyond {limit} is not accepted here")
    if base.is_zero and not exponent.is_nonnegative:
        raise InputError("zero has no power with a negative or unknown exponent")
    found = checked_constant(base**exponent)
    inner = found.exp if isinstance(found, sp.Pow) else sp.S.One
    if inner.is_number and not abs(_ball(inner)) <= limit:
        raise InputError(f"an exponent beyond {limit} is not accepted here")
    return found


def _check_power(base: sp.Expr, exponent: sp.Expr) -> None:
    """Before a power of numbers is worked out."""
    if exponent.free_symbols:
        return
    size = abs(_ball(exponent))
    bits = max(abs(base.p), base.q).bit_length() if base.is_Rational else 1
    if not size <= _LARGEST_EXPONENT or not size * bits <= _MOST_BITS:
        raise InputError("a power with so many digits is not accepted")
