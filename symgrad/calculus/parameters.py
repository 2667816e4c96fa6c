"""Derivatives by parameters: of vectors by a scalar, a vector or a matrix of parameters, with the structure kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.construct import add_operators, apply_operator, compose, constant_vector, diagonal, scale
from symgrad.language.elementwise import VARIABLE, ActivatedMatrix, Activation, elementwise_lambda
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
    symbols_of,
)

__all__ = ["parameter_derivative"]


def parameter_derivative(vector: Vector, parameter: sp.Expr) -> Operator:
    """The derivative of a vector by one parameter, as an operator in numerator layout.

    Args:
        vector: the expression, which may contain the parameter anywhere, also in constant matrices.
        parameter: a symbol, a column or a matrix of parameters.

    Returns:
        By a symbol a column, by a column of m parameters an operator with m columns. By a matrix W a sum of
        :class:`~symgrad.language.operators.Kronecker` operators: it acts on the columns of dW, one below the other.

    Raises:
        UnsupportedExpressionError: the parameter stands in a function of matrices that has no such derivative.

    Source: Magnus and Neudecker, Matrix Differential Calculus, ch. 5 and 9: d(A X v) = (v^T (x) A) d vec X.

    >>> import symgrad as sg
    >>> model = sg.models.elman("identity")
    >>> node, W = model.nodes[model.states[0]], model.symbol("W")
    >>> parameter_derivative(node, W) == Kronecker(Variable(model.states[0]), Identity(W.shape[0]))
    True
    """
    return _Derivation(parameter).of(vector)


@dataclass(frozen=True)
class _Derivation:
    """One pass of the chain and product rules for one parameter, each shared sub-expression treated once."""

    parameter: sp.Expr
    _known: dict[Vector, Operator] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def _columns(self) -> sp.Expr:
        return sp.S.One if isinstance(self.parameter, sp.Symbol) else sp.Mul(*self.parameter.shape)

    def of(self, node: Vector) -> Operator:
        """The derivative of a vector."""
        if node not in self._known:
            self._known[node] = self._of(node)
        return self._known[node]

    def _of(self, node: Vector) -> Operator:
        if self.parameter not in symbols_of(node):
            return Zero(node.size, self._columns)
        match node:
            case Variable(symbol) if symbol == self.parameter:
                return Identity(node.size)
            case Constant(value, length):
                return _column(constant_vector(value.diff(self.parameter), length))
            case VectorSum(terms):
                return add_operators(*map(self.of, terms))
            case Hadamard(left, right):
                return add_operators(_after(diagonal(right), self.of(left)), _after(diagonal(left), self.of(right)))
            case Elementwise(function, argument):
                return _after(diagonal(_slope(function, argument)), self.of(argument))
            case Apply(operator, argument):
                return add_operators(_after(operator, self.of(argument)), self.acting(operator, argument))
        raise TypeError(f"no derivative by parameters is defined for {type(node).__name__}")

    def acting(self, operator: Operator, vector: Vector) -> Operator:
        """The derivative of an operator times a vector, the vector held fixed."""
        if self.parameter not in symbols_of(operator):
            return Zero(operator.shape[0], self._columns)
        match operator:
            case Weight(matrix):
                return self._weight(matrix, vector)
            case Transpose(Weight(matrix)):
                return self._weight(matrix.T, vector)
            case Diagonal(inner):
                return _after(diagonal(vector), self.of(inner))
            case Scale(coefficient, operand):
                own = self._by_coefficient(coefficient, apply_operator(operand, vector))
                return add_operators(scale(coefficient, self.acting(operand, vector)), own)
            case OperatorSum(terms):
                return add_operators(*(self.acting(term, vector) for term in terms))
            case Compose(factors):
                return add_operators(*self._factors(factors, vector))
        raise TypeError(f"no derivative by parameters is defined for {type(operator).__name__}")

    def _factors(self, factors: tuple[Operator, ...], vector: Vector) -> Iterator[Operator]:
        """The product rule, from the last factor to the first."""
        for index in reversed(range(len(factors))):
            inner = self.acting(factors[index], vector)
            yield reduce(lambda result, factor: _after(factor, result), reversed(factors[:index]), inner)
            vector = apply_operator(factors[index], vector)

    def _by_coefficient(self, coefficient: sp.Expr, vector: Vector) -> Operator:
        slope = coefficient.diff(self.parameter) if isinstance(self.parameter, sp.Symbol) else sp.S.Zero
        return _column(apply_operator(scale(slope, Identity(vector.size)), vector))

    def _weight(self, matrix: sp.Expr, vector: Vector) -> Operator:
        """The derivative of a constant matrix expression times a vector."""
        if isinstance(self.parameter, sp.Symbol):
            return _column(apply_operator(Weight(matrix.diff(self.parameter)), vector))
        rows, _ = matrix.shape
        terms = [
            Kronecker(apply_operator(term.right, vector), term.left, term.transposed, term.mask)
            for term in differentials(matrix, self.parameter)
        ]
        return add_operators(*terms) if terms else Zero(rows, self._columns)


@dataclass(frozen=True)
class Differential:
    """One term ``left (mask o dW) right`` of the differential of a matrix expression, dW transposed or not."""

    left: Operator
    right: Operator
    transposed: bool = False
    mask: sp.Expr | None = None

    def between(self, left: sp.Expr | None, right: sp.Expr | None) -> Differential:
        """With constant matrices in front and behind."""
        before = self.left if left is None else compose(_operator(left), self.left)
        after = self.right if right is None else compose(self.right, _operator(right))
        return replace(self, left=before, right=after)

    @property
    def flipped(self) -> Differential:
        """The transpose of the term. The mask is of dW as it is, so it stays."""
        return Differential(_transposed(self.right), _transposed(self.left), not self.transposed, self.mask)

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands around dW."""
        return isinstance(self.left, Identity) and isinstance(self.right, Identity)


def differentials(expr: sp.Expr, parameter: sp.Expr) -> list[Differential]:
    """The differential of a constant matrix expression by a matrix in it.

    Raises:
        UnsupportedExpressionError: the matrix stands in an expression without such a differential.
    """
    if expr == parameter:
        return [Differential(Identity(expr.shape[0]), Identity(expr.shape[1]))]
    if parameter not in expr.atoms(sp.MatrixSymbol):
        return []
    for kind, case in _CASES.items():
        if isinstance(expr, kind):
            return case(expr, parameter)
    raise UnsupportedExpressionError(f"{expr}: {type(expr).__name__} cannot be differentiated by {parameter}")


def _product(expr: sp.MatMul, parameter: sp.Expr) -> list[Differential]:
    coefficient, matrices = expr.as_coeff_matrices()
    found = []
    for index, matrix in enumerate(matrices):
        before = sp.MatMul(coefficient, *matrices[:index]) if index or coefficient != 1 else None
        after = sp.MatMul(*matrices[index + 1 :]) if index + 1 < len(matrices) else None
        if before is not None and not isinstance(before, (sp.MatrixExpr, sp.MatrixBase)):
            before = coefficient * sp.Identity(matrix.shape[0])
        found += [term.between(before, after) for term in differentials(matrix, parameter)]
    return found


def _power(expr: sp.MatPow, parameter: sp.Expr) -> list[Differential]:
    if not expr.exp.is_Integer:
        raise UnsupportedExpressionError(f"{expr}: a whole number is needed as exponent to differentiate it")
    base = expr.base if expr.exp > 0 else sp.Inverse(expr.base)
    return _product(sp.MatMul(*[base] * abs(int(expr.exp)), evaluate=False), parameter)


def _inverse(expr: sp.Inverse, parameter: sp.Expr) -> list[Differential]:
    return [term.between(-1 * expr, expr) for term in differentials(expr.arg, parameter)]


def _hadamard(expr: sp.HadamardProduct, parameter: sp.Expr) -> list[Differential]:
    found = []
    for index, factor in enumerate(expr.args):
        others = [*expr.args[:index], *expr.args[index + 1 :]]
        found += [_masked(term, others, expr) for term in differentials(factor, parameter)]
    return found


def _entrywise(expr: Any, function: Activation, argument: sp.Expr, parameter: sp.Expr) -> list[Differential]:
    slopes = function.derivative(argument)
    return [_masked(term, [slopes], expr) for term in differentials(argument, parameter)]


def _masked(term: Differential, masks: list[sp.Expr], expr: sp.Expr) -> Differential:
    if not term.is_plain:
        raise UnsupportedExpressionError(f"{expr}: an entrywise product of matrix products cannot be differentiated")
    masks = [mask.T for mask in masks] if term.transposed else masks
    parts = masks if term.mask is None else [*masks, term.mask]
    return replace(term, mask=parts[0] if len(parts) == 1 else sp.HadamardProduct(*parts))


_CASES: dict[Any, Callable[[Any, sp.Expr], list[Differential]]] = {
    sp.MatAdd: lambda e, w: [term for part in e.args for term in differentials(part, w)],
    sp.MatMul: _product,
    (sp.Transpose, sp.Adjoint): lambda e, w: [term.flipped for term in differentials(e.arg, w)],
    sp.Inverse: _inverse,
    sp.MatPow: _power,
    sp.HadamardProduct: _hadamard,
    HadamardPower: lambda e, w: _entrywise(e, Activation("power", VARIABLE**e.exp), e.base, w),
    ActivatedMatrix: lambda e, w: _entrywise(e, e.activation, e.argument, w),
    ElementwiseApplyFunction: lambda e, w: _entrywise(e, elementwise_lambda(e.function), e.expr, w),
}


def _operator(expr: sp.Expr) -> Operator:
    coefficient, rest = expr.as_coeff_mmul() if isinstance(expr, sp.MatMul) else (sp.S.One, expr)
    if isinstance(rest, sp.MatMul) and len(rest.args) == 1:
        rest = rest.args[0]
    inner: Operator = Identity(rest.shape[0]) if isinstance(rest, sp.Identity) else Weight(rest)
    return scale(coefficient, inner)


def _transposed(operator: Operator) -> Operator:
    match operator:
        case Identity():
            return operator
        case Scale(coefficient, operand):
            return scale(coefficient, _transposed(operand))
        case Compose(factors):
            return compose(*map(_transposed, reversed(factors)))
        case Weight(matrix):
            return Weight(matrix.T)
    return Transpose(operator)


def _slope(function: Activation, argument: Vector) -> Vector:
    slope = function.derivative
    return Constant(slope.expr, argument.size) if slope.expr.is_number else Elementwise(slope, argument)


def _column(vector: Vector) -> Operator:
    return Zero(vector.size, sp.S.One) if isinstance(vector, Constant) and vector.value.is_zero else Column(vector)


def _after(operator: Operator, inner: Operator) -> Operator:
    """An operator after a derivative, drawn into what it applies to."""
    match inner:
        case Zero(_, columns):
            return Zero(operator.shape[0], columns)
        case Column(vector):
            return _column(apply_operator(operator, vector))
        case Kronecker():
            return replace(inner, outer=compose(operator, inner.outer))
        case Scale(coefficient, operand):
            return scale(coefficient, _after(operator, operand))
        case OperatorSum(terms):
            return add_operators(*(_after(operator, term) for term in terms))
    return compose(operator, inner)
