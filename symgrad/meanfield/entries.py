"""One coordinate of a wide random network: vectors as scalar expressions in Gaussian fields and states.

In the limit of infinite width an entry of ``W v``, W with independent entries of mean 0 and variance ``sigma_W^2 / n``
that are independent of v, is Gaussian of variance ``sigma_W^2 E[v^2]``, and independent of the entries of v.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import sympy as sp

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE
from symgrad.language.operators import (
    Apply,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    VectorSum,
    Weight,
    Zero,
)

__all__ = ["Entries", "Field"]


@dataclass(frozen=True)
class Field:
    """A Gaussian variable of mean 0 that a coordinate sees.

    Attributes:
        symbol: how it stands in expressions.
        scale: the variance that a weight of it has, ``sigma_W^2``; the whole variance where there is no argument.
        argument: the entry whose second moment multiplies the scale, or None.
    """

    symbol: sp.Dummy
    scale: sp.Expr
    argument: sp.Expr | None = None


@dataclass
class Entries:
    """Entries of vectors, each shared field made once.

    Args:
        states: the states, as symbols of vectors.
        scales: the variance of each parameter and input, ``sigma_W^2`` for a matrix.
        means: the mean of each parameter that is a vector or a scalar.
    """

    states: tuple[sp.Expr, ...]
    scales: Mapping[sp.Expr, sp.Expr]
    means: Mapping[sp.Expr, sp.Expr]
    fields: dict[sp.Dummy, Field] = field(default_factory=dict)
    _by_weight: dict[sp.Expr, tuple[bool, sp.Expr, sp.Dummy]] = field(default_factory=dict)
    _known: dict[Vector, sp.Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state_symbols = {state: sp.Dummy(str(state), real=True) for state in self.states}
        self._loose: dict[sp.Expr, sp.Dummy] = {}

    def of(self, vector: Vector) -> sp.Expr:
        """An entry of a vector.

        Raises:
            UnsupportedExpressionError: a matrix that is no dense random weight, or a weight used twice.
        """
        if vector not in self._known:
            self._known[vector] = self._of(vector)
        return self._known[vector]

    def number(self, value: sp.Expr) -> sp.Expr:
        """A scalar with the values of the scalar parameters that are known."""
        return value.xreplace(dict(self.means))

    def _of(self, vector: Vector) -> sp.Expr:
        match vector:
            case Variable(symbol):
                return self.state_symbols[symbol] if symbol in self.state_symbols else self._parameter(symbol)
            case Constant(value, _):
                return self.number(value)
            case VectorSum(terms):
                return sp.Add(*map(self.of, terms))
            case Hadamard(left, right):
                return self.of(left) * self.of(right)
            case Elementwise(function, argument):
                return function.expr.xreplace({VARIABLE: self.of(argument)})
            case Apply(operator, argument):
                return self.applied(operator, self.of(argument))
        raise UnsupportedExpressionError(f"mean field: no entry is known of {type(vector).__name__}")

    def _parameter(self, symbol: sp.Expr) -> sp.Expr:
        """A bias, a vector of weights or an input: its mean and a field of its variance."""
        scale = self.scales.get(symbol, sp.S.Zero)
        mean = self.means.get(symbol, sp.S.Zero)
        if scale == 0:
            return mean
        if symbol not in self._loose:
            self._loose[symbol] = self._field(str(symbol), scale, None)
        return mean + self._loose[symbol]

    def applied(self, operator: Operator, entry: sp.Expr) -> sp.Expr:
        """An entry of an operator applied to a vector with that entry."""
        match operator:
            case Identity():
                return entry
            case Zero():
                return sp.S.Zero
            case Scale(coefficient, operand):
                return self.number(coefficient) * self.applied(operand, entry)
            case Diagonal(vector):
                return self.of(vector) * entry
            case OperatorSum(terms):
                return sp.Add(*(self.applied(term, entry) for term in terms))
            case Compose(factors):
                return reduce(lambda inner, factor: self.applied(factor, inner), reversed(factors), entry)
            case Weight(matrix):
                return self._weighted(matrix, False, entry)
            case Transpose(Weight(matrix)):
                return self._weighted(matrix, True, entry)
        raise UnsupportedExpressionError(f"mean field: no entry is known of {type(operator).__name__} times a vector")

    def scale_of(self, matrix: sp.Expr) -> sp.Expr:
        """``sigma_W^2`` of a weight matrix.

        Raises:
            UnsupportedExpressionError: the matrix is no symbol of a dense weight.
        """
        if not isinstance(matrix, sp.MatrixSymbol):
            raise UnsupportedExpressionError(
                f"mean field: {matrix} is no dense matrix of independent random entries; "
                "accepted are weight matrices that stand as symbols"
            )
        return self.scales[matrix]

    def _weighted(self, matrix: sp.Expr, transposed: bool, entry: sp.Expr) -> sp.Expr:
        scale = self.scale_of(matrix)
        if scale == 0 or entry == 0:
            return sp.S.Zero
        if matrix not in self._by_weight:
            symbol = self._field(str(matrix), scale, entry)
            self._by_weight[matrix] = (transposed, entry, symbol)
        known_transposed, known_entry, symbol = self._by_weight[matrix]
        if (known_transposed, known_entry) != (transposed, entry):
            raise UnsupportedExpressionError(
                f"mean field: {matrix} acts on two different vectors in one step, so its products are not independent"
            )
        return symbol

    def _field(self, name: str, scale: sp.Expr, argument: sp.Expr | None) -> sp.Dummy:
        symbol = sp.Dummy(f"xi_{name}", real=True)
        self.fields[symbol] = Field(symbol, scale, argument)
        return symbol
