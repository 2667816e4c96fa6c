"""Pullback: transposed derivatives of all updates times vectors, node by node from the results back to the variables.

Each matrix of weights acts once on the sum of what reaches it, where the blocks of the transposed Jacobian would apply
it once for every path (reverse accumulation; Griewank and Walther, *Evaluating Derivatives*, chapter 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.elementwise import Activation
from symgrad.language.operators import (
    Apply,
    Elementwise,
    Hadamard,
    Operator,
    Variable,
    Vector,
    VectorSum,
    children,
    symbols_of,
)
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.arrays import ArrayEvaluator

__all__ = ["Pullback"]

Array = NDArray[np.float64]


class Pullback:
    """The derivatives of several vectors by some of their symbols, transposed.

    Args:
        results: symbol -> node, with equal sub-expressions as one object.
        variables: the symbols that the derivatives are taken by.
    """

    def __init__(self, results: Mapping[sp.Expr, Vector], variables: tuple[sp.Expr, ...]) -> None:
        self._results, self._variables = dict(results), frozenset(variables)
        self._order = self._from_the_top()
        self._adjoints: dict[Operator, Operator] = {}
        self._slopes: dict[Activation, Activation] = {}

    def __call__(self, point: ArrayEvaluator, vectors: Mapping[sp.Expr, Array]) -> dict[sp.Expr, Array]:
        """For each variable that some result depends on the sum over all results.

        Args:
            point: the values of all symbols.
            vectors: symbol of a result -> (n, B, p).
        """
        reached: dict[Vector, Any] = {}
        for symbol, node in self._results.items():
            _add(reached, node, vectors[symbol])
        found: dict[sp.Expr, Array] = {}
        for node in self._order:
            value = reached.pop(node, None)
            if isinstance(node, Variable):
                if value is not None:
                    found[node.symbol] = value
            elif value is not None:
                self._handed_down(point, node, value, reached)
        return found

    def _handed_down(self, point: ArrayEvaluator, node: Vector, value: Any, reached: dict[Vector, Any]) -> None:
        match node:
            case VectorSum(terms):
                for term in terms:
                    self._to(reached, term, value)
            case Hadamard(left, right):
                for one, other in ((left, right), (right, left)):
                    if self._varies(one):
                        _add(reached, one, point.multiply(point.vector(other), value))
            case Elementwise(function, argument):
                slope = point.vector(Elementwise(self._slope(function), argument))
                self._to(reached, argument, point.multiply(slope, value))
            case Apply(operator, argument):
                self._to(reached, argument, point.apply(self._adjoint(operator), value))

    def _to(self, reached: dict[Vector, Any], node: Vector, value: Any) -> None:
        if self._varies(node):
            _add(reached, node, value)

    def _varies(self, node: Vector) -> bool:
        return bool(symbols_of(node) & self._variables)

    def _slope(self, function: Activation) -> Activation:
        if function not in self._slopes:
            self._slopes[function] = function.derivative
        return self._slopes[function]

    def _adjoint(self, operator: Operator) -> Operator:
        if operator not in self._adjoints:
            self._adjoints[operator] = adjoint(operator)
        return self._adjoints[operator]

    def _from_the_top(self) -> list[Vector]:
        """All vectors that vary, each before those that it is made of."""
        order: list[Vector] = []
        seen: set[Vector] = set()
        stack = [(node, False) for node in self._results.values()]
        while stack:
            node, finished = stack.pop()
            if finished:
                order.append(node)
            elif node not in seen and self._varies(node):
                seen.add(node)
                stack.append((node, True))
                stack.extend((child, False) for child in children(node) if isinstance(child, Vector))
        return order[::-1]


def _add(reached: dict[Vector, Any], node: Vector, value: Any) -> None:
    reached[node] = reached[node] + value if node in reached else value
