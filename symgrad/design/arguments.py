"""Arguments of remedies: numbers, expressions or symbols with a known sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError
from symgrad.language.numbers import scalar_parameter
from symgrad.rigor.balls import Enclosed, to_ball

__all__ = ["checked_size", "nonnegative_parameter", "positive_parameter", "power"]

_WRITTEN_OUT = 64  # exponents up to which fractions are multiplied out


def checked_size(label: str, value: Any, symbol: str) -> sp.Expr:
    """A positive integer, a symbol for one, or for None the symbol of that name.

    Raises:
        InputError: neither.

    >>> checked_size("n", None, "n"), checked_size("n", 3, "n")
    (n, 3)
    """
    if value is None:
        return sp.Symbol(symbol, integer=True, positive=True)
    if isinstance(value, sp.Symbol) and value.is_positive is not False and value.is_integer is not False:
        return value
    is_whole = isinstance(value, (int, np.integer, sp.Integer)) and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise InputError(f"{label}: a positive integer or a symbol is needed, got {type(value).__name__} {value!r}")
    return sp.Integer(int(value))


def nonnegative_parameter(name: str, value: Any) -> sp.Expr:
    """A number >= 0, an expression, or for None the positive symbol of that name.

    Raises:
        InputError: a negative number or no number.

    >>> nonnegative_parameter("eps", None).is_positive, nonnegative_parameter("eps", 0.5)
    (True, 1/2)
    """
    found = scalar_parameter(name, value, positive=True)
    if found.is_negative:
        raise InputError(f"{name}: a number that is not negative is needed, got {value!r}")
    return found


def positive_parameter(name: str, value: Any) -> sp.Expr:
    """A number > 0, an expression, or for None the positive symbol of that name.

    Raises:
        InputError: a number that is not positive, or no number.

    >>> positive_parameter("rho", 2)
    2
    """
    found = scalar_parameter(name, value, positive=True)
    if found.is_positive is False:
        raise InputError(f"{name}: a positive number is needed, got {value!r}")
    return found


def power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """A power; of a fraction with a large exponent as an enclosed constant, whose digits nobody would read.

    >>> power(sp.Rational(3, 2), sp.Integer(2)), power(sp.Rational(3, 2), sp.Integer(10**9)).is_positive
    (9/4, True)
    """
    if not (exponent.is_Integer and exponent > _WRITTEN_OUT and base.is_Rational) or base in (0, 1, -1):
        return base**exponent
    return Enclosed(f"({base})**{exponent}", lambda bits: to_ball(base, bits) ** int(exponent))
