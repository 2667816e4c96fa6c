"""Numbers as users write them, taken exactly."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError

__all__ = ["exact_floats", "exact_number", "scalar_parameter"]


def exact_number(label: str, value: Any) -> sp.Expr:
    """A finite real number (int, Fraction, float, SymPy) as an exact SymPy number; a float is its shortest decimal.

    Raises:
        InputError: it is none; the message starts with the label.

    >>> exact_number("alpha", 0.1)
    1/10
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        return sp.Rational(repr(float(value)))
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, (int, sp.Expr)) and not isinstance(value, bool):
        number = exact_floats(sp.sympify(value, strict=True))
        if number.is_number and number.is_real and number.is_finite:
            return number
    raise InputError(f"{label}: a finite real number is needed, got {type(value).__name__} {value!r}")


def scalar_parameter(name: str, value: Any, **assumptions: bool) -> sp.Expr:
    """A scalar of a model: a symbol of its name for None, an expression with symbols as it is, a number exactly.

    Raises:
        InputError: neither.

    >>> scalar_parameter("eps", None), scalar_parameter("eps", 0.5)
    (eps, 1/2)
    """
    if value is None:
        return sp.Symbol(name, **assumptions)
    return exact_floats(value) if isinstance(value, sp.Expr) and value.free_symbols else exact_number(name, value)


def exact_floats(expr: sp.Expr) -> sp.Expr:
    """A scalar expression whose floats are replaced by their shortest decimals, so that no product of them is rounded.

    >>> exact_floats(0.1 * sp.Symbol("x"))
    x/10
    """
    return expr.xreplace({number: _exact_float(number) for number in expr.atoms(sp.Float)})


def _exact_float(number: sp.Float) -> sp.Expr:
    double = float(number) if number.is_finite else 0.0
    return sp.Rational(repr(double)) if double and sp.Float(double) == number else sp.Rational(number)
