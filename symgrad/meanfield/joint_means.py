"""Means over several Gaussian variables in floats, on a grid of all of them; approximate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.special import ndtri

from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function, constant_float

__all__ = ["field_values", "joint_mean"]

Array = NDArray[np.float64]

_REACH = 6.6
_NODES = {1: 2001, 2: 265, 3: 53, 4: 23}  # the trapezoidal rule on a Gaussian weight converges geometrically
_STEPS = 60  # of the iteration for the ratio
_POINTS = 17  # binary logarithm of the number of quasi-random points where there are more variables
_COMPARISONS = {
    sp.Gt: np.greater,
    sp.Ge: np.greater_equal,
    sp.Lt: np.less,
    sp.Le: np.less_equal,
    sp.Eq: np.equal,
    sp.Ne: np.not_equal,
}

_FOLDS: dict[Any, Any] = {sp.Add: np.add, sp.Mul: np.multiply, sp.Max: np.maximum, sp.Min: np.minimum}


def joint_mean(function: sp.Lambda, variances: list[float]) -> float:
    """The mean of a function of independent Gaussian variables of mean 0; approximate.

    >>> x, y = sp.symbols("x y", real=True)
    >>> round(joint_mean(sp.Lambda((x, y), (x * y) ** 2), [2.0, 3.0]), 7)
    6.0
    """
    moving = [(x, v) for x, v in zip(function.variables, variances, strict=True) if v > 0]
    still = {x: sp.S.Zero for x, v in zip(function.variables, variances, strict=True) if v <= 0}
    expr = function.expr.xreplace(still)
    if not moving:
        return constant_float(expr)
    points, weights = _grid(len(moving)) if len(moving) in _NODES else _cloud(len(moving))
    values = {x: np.sqrt(v) * z for (x, v), z in zip(moving, points, strict=True)}
    with np.errstate(all="ignore"):
        return float(np.sum(field_values(expr, values) * weights))


def _grid(dimension: int) -> tuple[list[Array], Array]:
    """Points along each axis and weights, as arrays that broadcast to the grid."""
    z = np.linspace(-_REACH, _REACH, _NODES[dimension])
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    axes = [tuple(-1 if i == j else 1 for i in range(dimension)) for j in range(dimension)]
    return [z.reshape(axis) for axis in axes], reduce(np.multiply, [weight.reshape(axis) for axis in axes])


def _cloud(dimension: int) -> tuple[list[Array], Array]:
    """Quasi-random normal points of equal weight, from multiples modulo 1 of powers of a generalised golden ratio."""
    golden = 2.0  # the root of x^(d + 1) = x + 1, which makes the multiples fill the cube evenly
    for _ in range(_STEPS):
        golden = (1 + golden) ** (1 / (dimension + 1))
    steps = golden ** -np.arange(1.0, dimension + 1)
    uniform = (0.5 + np.arange(1, 2**_POINTS + 1)[:, None] * steps) % 1
    points = ndtri(uniform.clip(1e-12, 1 - 1e-12))
    return list(points.T), np.full(len(points), 1 / len(points))


def field_values(expr: sp.Expr, values: Mapping[sp.Basic, Any]) -> Any:
    """A formula of several variables at arrays that broadcast; approximate."""
    return _Fields(dict(values)).of(expr)


class _Fields:
    """One pass over a formula, each shared part computed once."""

    def __init__(self, known: dict[sp.Basic, Any]) -> None:
        self.known = known

    def of(self, node: sp.Basic) -> Any:
        if node not in self.known:
            self.known[node] = constant_float(node) if not node.free_symbols else self._computed(node)
        return self.known[node]

    def _computed(self, node: sp.Basic) -> Any:
        for kind, fold in _FOLDS.items():
            if isinstance(node, kind):
                return reduce(fold, map(self.of, node.args))
        if isinstance(node, sp.Piecewise):
            return _choose([(self.of(value), self.holds(condition)) for value, condition in node.args])
        if isinstance(node, sp.Pow) and node.exp.free_symbols:
            return np.power(self.of(node.base), self.of(node.exp))
        inner = next(arg for arg in node.args if arg.free_symbols)
        return array_function(node.xreplace({inner: VARIABLE}))(np, np.asarray(self.of(inner)))

    def holds(self, condition: Any) -> Any:
        if condition in (sp.true, sp.false):
            return np.asarray(bool(condition))
        if isinstance(condition, sp.Not):
            return ~self.holds(condition.args[0])
        if isinstance(condition, (sp.And, sp.Or)):
            join = np.logical_and if isinstance(condition, sp.And) else np.logical_or
            return reduce(join, map(self.holds, condition.args))
        return _COMPARISONS[type(condition)](self.of(condition.lhs), self.of(condition.rhs))


def _choose(branches: list[tuple[Any, Any]]) -> Any:
    """The value of the first branch whose condition holds."""
    result: Any = np.nan
    for value, condition in reversed(branches):
        result = np.where(condition, value, result)
    return result
