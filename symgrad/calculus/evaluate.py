"""Evaluator: the values of vectors and operators, one traversal for every number system.

A back end (floats in batches, balls, SymPy entries) states a dozen primitive
operations; no back end walks expressions by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Generic, TypeVar

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, ActivatedMatrix, Activation, elementwise_lambda
from symgrad.language.entrywise import EntrywiseModulus
from symgrad.language.operators import (
    Apply,
    Column,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Kronecker,
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

__all__ = ["Evaluator"]

T = TypeVar("T")

MODULUS = Activation("modulus", sp.Abs(VARIABLE))


class Evaluator(ABC, Generic[T]):
    """Values of expression nodes in one number system.

    Args:
        values: symbol -> value, in the form of the back end; vectors as columns.
        sizes: size symbol -> int.
    """

    def __init__(self, values: Mapping[sp.Expr, T], sizes: Mapping[sp.Symbol, int]) -> None:
        self.values = dict(values)
        self.sizes = {symbol: sp.Integer(size) for symbol, size in sizes.items()}
        self._vectors: dict[Vector, T] = {}
        self._matrices: dict[sp.Expr, T] = {}

    # --- what a back end states -----------------------------------------------

    @abstractmethod
    def number(self, expr: sp.Expr) -> Any:
        """A scalar expression in scalar parameters and sizes."""

    @abstractmethod
    def filled(self, value: sp.Expr, rows: int, columns: int) -> T:
        """A matrix with the same number everywhere."""

    @abstractmethod
    def dense(self, matrix: sp.ImmutableDenseMatrix) -> T:
        """A matrix of numbers written out in the formula."""

    @abstractmethod
    def identity(self, size: int) -> T:
        """The identity matrix."""

    @abstractmethod
    def add(self, left: T, right: T) -> T:
        """The sum of two values."""

    @abstractmethod
    def multiply(self, left: T, right: T) -> T:
        """The entrywise product of two values."""

    @abstractmethod
    def matmul(self, left: T, right: T) -> T:
        """The matrix product."""

    @abstractmethod
    def scaled(self, number: Any, value: T) -> T:
        """A number times a value."""

    @abstractmethod
    def scaled_rows(self, column: T, value: T) -> T:
        """The diagonal matrix of a column times a matrix."""

    @abstractmethod
    def transposed(self, value: T) -> T:
        """The transpose of a matrix."""

    @abstractmethod
    def kronecker(self, left: T, right: T) -> T:
        """The Kronecker product of two matrices."""

    @abstractmethod
    def columns_below(self, value: T) -> T:
        """The columns of a matrix one below the other, as a column."""

    @abstractmethod
    def assembled(self, rows: Sequence[Sequence[T]]) -> T:
        """The matrix with these blocks."""

    @abstractmethod
    def inverted(self, value: T) -> T:
        """The inverse of a matrix."""

    @abstractmethod
    def function(self, activation: Activation, value: T) -> T:
        """A scalar function of every entry."""

    def total(self, values: Iterable[T]) -> T:
        """The sum of some values."""
        return reduce(self.add, values)

    # --- the traversal ----------------------------------------------------------

    def size(self, expr: sp.Expr) -> int:
        """A size as a number.

        Raises:
            InputError: the size is not known.
        """
        number = sp.sympify(expr).xreplace(self.sizes)
        if not number.is_Integer:
            raise InputError(f"sizes: {expr} is not known; known are {self.sizes or 'none'}")
        return int(number)

    def symbol(self, symbol: sp.Expr) -> T:
        """The value of a symbol.

        Raises:
            InputError: it has none.
        """
        if symbol not in self.values:
            raise InputError(f"values: {symbol} has no value; given are {', '.join(map(str, self.values)) or 'none'}")
        return self.values[symbol]

    def vector(self, node: Vector) -> T:
        """The value of a vector."""
        if node not in self._vectors:
            self._vectors[node] = self._vector(node)
        return self._vectors[node]

    def _vector(self, node: Vector) -> T:
        match node:
            case Variable(symbol):
                return self.dense(symbol) if isinstance(symbol, sp.MatrixBase) else self.symbol(symbol)
            case Constant(value, length):
                return self.filled(value, self.size(length), 1)
            case VectorSum(terms):
                return self.total(map(self.vector, terms))
            case Hadamard(left, right):
                return self.multiply(self.vector(left), self.vector(right))
            case Elementwise(function, argument):
                return self.function(function, self.vector(argument))
            case Apply(operator, argument):
                return self.apply(operator, self.vector(argument))
        raise TypeError(f"no value is defined for {type(node).__name__}")

    def apply(self, operator: Operator, value: T) -> T:
        """An operator times a matrix."""
        match operator:
            case Identity():
                return value
            case Zero(rows, _):
                return self.matmul(self.filled(sp.S.Zero, self.size(rows), self.size(operator.columns)), value)
            case Weight(matrix):
                return self.matmul(self.matrix(matrix), value)
            case Diagonal(vector):
                return self.scaled_rows(self.vector(vector), value)
            case Scale(coefficient, operand):
                return self.scaled(self.number(coefficient), self.apply(operand, value))
            case OperatorSum(terms):
                return self.total(self.apply(term, value) for term in terms)
            case Compose(factors):
                return reduce(lambda result, factor: self.apply(factor, result), reversed(factors), value)
            case Transpose(operand):
                return self.matmul(self.transposed(self.operator(operand)), value)
            case Column() | Kronecker():
                return self.matmul(self._dense(operator), value)
        raise TypeError(f"no value is defined for {type(operator).__name__}")

    def operator(self, operator: Operator) -> T:
        """An operator as a matrix."""
        return self.apply(operator, self.identity(self.size(operator.shape[1])))

    def _dense(self, operator: Column | Kronecker) -> T:
        """A derivative by parameters as a matrix."""
        if isinstance(operator, Column):
            return self.vector(operator.vector)
        row, outer = self.transposed(self.vector(operator.vector)), self.operator(operator.outer)
        dense = self.kronecker(outer, row) if operator.transposed else self.kronecker(row, outer)
        if operator.mask is None:
            return dense
        entries = self.columns_below(self.matrix(operator.mask))
        return self.transposed(self.scaled_rows(entries, self.transposed(dense)))

    def matrix(self, expr: sp.Expr) -> T:
        """The value of a constant SymPy matrix expression."""
        if expr not in self._matrices:
            self._matrices[expr] = self._matrix(expr)
        return self._matrices[expr]

    def _matrix(self, expr: sp.Expr) -> T:
        for kind, case in self._matrix_cases().items():
            if isinstance(expr, kind):
                return case(expr)
        raise TypeError(f"no value is defined for {type(expr).__name__}")

    def _matrix_cases(self) -> dict[Any, Callable[[Any], T]]:
        each = self.matrix
        return {
            sp.MatrixSymbol: self.symbol,
            sp.MatrixBase: self.dense,
            sp.OneMatrix: lambda e: self.filled(sp.S.One, *map(self.size, e.shape)),
            sp.ZeroMatrix: lambda e: self.filled(sp.S.Zero, *map(self.size, e.shape)),
            sp.Identity: lambda e: self.identity(self.size(e.shape[0])),
            sp.MatAdd: lambda e: reduce(self.add, map(each, e.args)),
            sp.MatMul: self._product,
            (sp.Transpose, sp.Adjoint): lambda e: self.transposed(each(e.arg)),
            sp.Inverse: lambda e: self.inverted(each(e.arg)),
            sp.MatPow: self._power,
            sp.HadamardProduct: lambda e: reduce(self.multiply, map(each, e.args)),
            HadamardPower: lambda e: self.function(Activation("power", VARIABLE**e.exp), each(e.base)),
            ActivatedMatrix: lambda e: self.function(e.activation, each(e.argument)),
            EntrywiseModulus: lambda e: self.function(MODULUS, each(e.matrix)),
            ElementwiseApplyFunction: lambda e: self.function(elementwise_lambda(e.function), each(e.expr)),
            sp.DiagMatrix: self._diagonal,
            sp.BlockMatrix: lambda e: self.assembled([[each(block) for block in row] for row in e.blocks.tolist()]),
        }

    def _product(self, expr: sp.MatMul) -> T:
        coefficient, matrices = expr.as_coeff_matrices()
        return self.scaled(self.number(coefficient), reduce(self.matmul, map(self.matrix, matrices)))

    def _power(self, expr: sp.MatPow) -> T:
        base = self.matrix(expr.base)
        base = self.inverted(base) if expr.exp < 0 else base
        result = self.identity(self.size(expr.shape[0]))
        return reduce(self.matmul, [base] * abs(int(expr.exp)), result)

    def _diagonal(self, expr: Any) -> T:
        return self.scaled_rows(self.matrix(expr.args[0]), self.identity(self.size(expr.shape[0])))
