"""Formulas in several symbols over arrays, in floats: functions of one argument keep their accuracy in far tails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE, ActivatedScalar
from symgrad.numerics.functions import array_function, constant_float

__all__ = ["array_formula"]

Array = NDArray[np.float64]
Environment = Mapping[sp.Symbol, Any]


def array_formula(expr: sp.Expr) -> Callable[[Environment], Any]:
    """The function that evaluates an expression for arrays in the place of its symbols.

    Args:
        expr: sums, products, powers, maxima, minima and functions of one argument, activations among them.

    Returns:
        A function of a mapping symbol -> array or number; arrays of one shape, or that broadcast. Approximate.

    Raises:
        UnsupportedExpressionError: another kind of node; it is named.

    >>> x, w = sp.symbols("x w", real=True)
    >>> array_formula(w * sp.tanh(x) + 1)({x: np.array([0.0, 1.0]), w: 2.0}).round(6).tolist()
    [1.0, 2.523188]
    """
    if isinstance(expr, sp.Symbol):
        return lambda values: values[expr]
    if not expr.free_symbols:
        number = constant_float(expr)
        return lambda values: number
    if isinstance(expr, ActivatedScalar) or (isinstance(expr, (sp.Function, sp.exp)) and len(expr.args) == 1):
        return _applied(expr)
    parts = [array_formula(argument) for argument in expr.args]
    if isinstance(expr, sp.Pow):
        return lambda values: np.power(parts[0](values), parts[1](values))
    for kind, operation in _OPERATIONS.items():
        if isinstance(expr, kind):
            return _combined(operation, parts)
    raise UnsupportedExpressionError(f"{expr}: {type(expr).__name__} is not evaluated over arrays")


_OPERATIONS: dict[type[sp.Basic], Callable[[Any, Any], Any]] = {
    sp.Add: np.add,
    sp.Mul: np.multiply,
    sp.Max: np.maximum,
    sp.Min: np.minimum,
}


def _combined(
    operation: Callable[[Any, Any], Any], parts: list[Callable[[Environment], Any]]
) -> Callable[[Environment], Any]:
    return lambda values: reduce(operation, (part(values) for part in parts))


def _applied(node: sp.Expr) -> Callable[[Environment], Any]:
    """A function of one argument: its formula, compiled for arrays, after the argument."""
    if isinstance(node, ActivatedScalar):
        formula, inner = node.activation.expr, array_formula(node.argument)
    else:
        formula, inner = node.func(VARIABLE), array_formula(node.args[0])
    function = array_function(formula)
    return lambda values: function(np, np.asarray(inner(values), dtype=float))
