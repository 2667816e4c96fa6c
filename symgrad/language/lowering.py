"""From what a user writes in SymPy to the nodes of :mod:`symgrad.language.operators`.

Vectors and constant matrices are SymPy matrix expressions; scalar models are
ordinary SymPy expressions. Whatever has no meaning here is refused with the
smallest sub-expression at fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.construct import (
    add_operators,
    add_vectors,
    apply_operator,
    compose,
    constant_vector,
    diagonal,
    hadamard_vectors,
    scale,
)
from symgrad.language.elementwise import (
    VARIABLE,
    ActivatedMatrix,
    ActivatedScalar,
    Activation,
    elementwise_lambda,
    written_out,
)
from symgrad.language.numbers import exact_floats
from symgrad.language.operators import (
    Compose,
    Diagonal,
    Elementwise,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    Weight,
    Zero,
)
from symgrad.language.well_formed import check_constant_matrix, check_scalar, check_shapes
from symgrad.rigor.functions import canonical

__all__ = ["Lowering"]

_LEAVES = (sp.MatrixSymbol, sp.OneMatrix, sp.MatrixBase)


@dataclass(frozen=True)
class Lowering:
    """Turns SymPy expressions into nodes.

    Attributes:
        varying: the states and inputs; everything else is a parameter.
    """

    varying: frozenset[sp.Basic]
    _known: dict[Any, Vector] = field(default_factory=dict, init=False, repr=False, compare=False)

    def vector(self, expr: Any) -> Vector:
        """The node of a SymPy vector (or, in a scalar model, scalar) expression.

        Raises:
            UnsupportedExpressionError: names the smallest sub-expression outside the language.
        """
        if not isinstance(expr, (sp.MatrixExpr, sp.MatrixBase)):
            check_scalar(expr)
            return _Scalars(self.varying).vector(canonical(exact_floats(expr)))
        check_shapes(expr)
        return self._vector(expr)

    def _vector(self, expr: Any) -> Vector:
        if len(expr.shape) != 2 or expr.shape[1] != 1:
            raise UnsupportedExpressionError(f"{expr}: a column vector is needed, got shape {expr.shape}")
        if expr not in self._known:
            self._known[expr] = self._lowered(expr)
        return self._known[expr]

    def _lowered(self, expr: Any) -> Vector:
        for kind, case in self._vector_cases().items():
            if isinstance(expr, kind):
                return case(expr)
        evaluated = expr.doit(deep=False)  # a product that was left transposed, for example
        if evaluated != expr:
            return self._vector(evaluated)
        if isinstance(expr, (sp.Transpose, sp.Adjoint)):  # a row of parameters stood upright
            return apply_operator(self.operator(expr), constant_vector(1, sp.S.One))
        raise self._unknown(expr)

    def _vector_cases(self) -> dict[Any, Callable[[Any], Vector]]:
        return {
            _LEAVES: self._leaf_vector,
            sp.ZeroMatrix: lambda e: constant_vector(0, e.shape[0]),
            sp.Identity: lambda e: constant_vector(1, e.shape[0]),  # a column: what SymPy makes of OneMatrix(1, 1)
            sp.MatAdd: lambda e: add_vectors(*map(self._vector, e.args)),
            sp.MatMul: self._product,
            sp.HadamardProduct: self._hadamard,
            HadamardPower: self._power,
            ActivatedMatrix: lambda e: Elementwise(e.activation, self._vector(e.argument)),
            ElementwiseApplyFunction: lambda e: Elementwise(elementwise_lambda(e.function), self._vector(e.expr)),
        }

    def _leaf_vector(self, expr: Any) -> Vector:
        if isinstance(expr, sp.OneMatrix):
            return constant_vector(1, expr.shape[0])
        if isinstance(expr, sp.MatrixBase):
            self._constant(expr)
        return Variable(sp.ImmutableDenseMatrix(expr) if isinstance(expr, sp.MatrixBase) else expr)

    def _hadamard(self, expr: sp.HadamardProduct) -> Vector:
        result = self._vector(expr.args[0])
        for factor in expr.args[1:]:
            result = hadamard_vectors(result, self._vector(factor))
        return result

    def _power(self, expr: Any) -> Vector:
        if not expr.exp.is_number:
            raise UnsupportedExpressionError(f"{expr}: the exponent must be a number, got {expr.exp}")
        exponent = exact_floats(expr.exp)
        return Elementwise(Activation(f"pow({exponent})", VARIABLE**exponent), self._vector(expr.base))

    def _product(self, expr: sp.MatMul) -> Vector:
        coefficient, matrices = expr.as_coeff_matrices()
        factor = self._coefficient(coefficient, expr)
        operators = [self.operator(factor) for factor in matrices[:-1]]
        vector = self._vector(matrices[-1])
        for operator in reversed(operators):
            vector = apply_operator(operator, vector)
        return apply_operator(scale(factor, Identity(vector.size)), vector)

    def operator(self, expr: Any) -> Operator:
        """The node of a SymPy matrix that multiplies vectors.

        Raises:
            UnsupportedExpressionError: a state or an input is used as a matrix, or a node is unknown.
        """
        for kind, case in self._operator_cases().items():
            if isinstance(expr, kind):
                return case(expr)
        raise self._unknown(expr)

    def _operator_cases(self) -> dict[Any, Callable[[Any], Operator]]:
        return {
            _LEAVES: self._constant,
            sp.DiagMatrix: lambda e: self._diagonal(e.args[0]),
            sp.Identity: lambda e: Identity(e.shape[0]),
            sp.ZeroMatrix: lambda e: Zero(*e.shape),
            sp.MatAdd: lambda e: add_operators(*map(self.operator, e.args)),
            sp.MatMul: self._operator_product,
            (sp.Transpose, sp.Adjoint): lambda e: _transposed(self.operator(e.arg)),
            sp.Inverse: self._constant,
            sp.MatPow: self._operator_power,
            (sp.HadamardProduct, HadamardPower, ActivatedMatrix, ElementwiseApplyFunction): self._constant,
        }

    def _diagonal(self, expr: Any) -> Operator:
        if expr.shape[1] != 1:
            raise UnsupportedExpressionError(f"{expr}: the diagonal of a vector is needed, got shape {expr.shape}")
        return diagonal(self._vector(expr))

    def _operator_product(self, expr: sp.MatMul) -> Operator:
        coefficient, matrices = expr.as_coeff_matrices()
        return scale(self._coefficient(coefficient, expr), compose(*map(self.operator, matrices)))

    def _operator_power(self, expr: sp.MatPow) -> Operator:
        if expr.exp.is_Integer and expr.exp > 0:
            return compose(*[self.operator(expr.base)] * int(expr.exp))
        return self._constant(expr)

    def _constant(self, expr: Any) -> Operator:
        used = sorted(map(str, (expr.free_symbols | expr.atoms(sp.MatrixSymbol)) & self.varying))
        if used:
            raise UnsupportedExpressionError(
                f"{expr}: {', '.join(used)} (a state or input) is used as a matrix; "
                "states and inputs may stand only as vectors, products of two as hadamard(a, b)"
            )
        check_constant_matrix(expr)
        return Weight(sp.ImmutableDenseMatrix(expr) if isinstance(expr, sp.MatrixBase) else expr)

    def _coefficient(self, coefficient: sp.Expr, expr: Any) -> sp.Expr:
        inside = coefficient.free_symbols & self.varying
        if inside or coefficient.atoms(sp.MatrixExpr):
            raise UnsupportedExpressionError(
                f"{expr}: the scalar factor {coefficient} must be built from scalar parameters only"
            )
        check_scalar(coefficient)
        return exact_floats(coefficient)

    def _unknown(self, expr: Any) -> UnsupportedExpressionError:
        return UnsupportedExpressionError(
            f"{expr}: {type(expr).__name__} is not part of the language; accepted are sums, products with "
            "constant matrices, scalars, hadamard(...), activations, OneMatrix, diagonals and transposes"
        )


def _transposed(operand: Operator) -> Operator:
    """Transposes stand at the leaves only, so that a diagonal of what varies is always found."""
    match operand:
        case Identity() | Diagonal():
            return operand
        case Transpose(inner):
            return inner
        case Zero(rows, columns):
            return Zero(columns, rows)
        case Scale(coefficient, inner):
            return scale(coefficient, _transposed(inner))
        case OperatorSum(terms):
            return add_operators(*map(_transposed, terms))
        case Compose(factors):
            return compose(*map(_transposed, reversed(factors)))
        case _:
            return Transpose(operand)


@dataclass(frozen=True)
class _Scalars:
    """The same for scalar models, whose expressions are ordinary SymPy."""

    varying: frozenset[sp.Basic]

    def vector(self, expr: sp.Expr) -> Vector:
        depends = expr.free_symbols & self.varying
        if not depends:
            return constant_vector(expr, sp.S.One)
        if expr in self.varying:
            return Variable(expr)
        if isinstance(expr, ActivatedScalar):
            return Elementwise(expr.activation, self.vector(expr.argument))
        if isinstance(expr, sp.Add):
            one_symbol = len(expr.free_symbols) == 1 and not _is_affine(expr, depends)
            function = self._function_of_one_argument(expr) if one_symbol else None
            return function or add_vectors(*map(self.vector, expr.args))
        coefficient, rest = expr.as_independent(*depends, as_Add=False)
        if coefficient != 1:
            return apply_operator(scale(coefficient, Identity(sp.S.One)), self.vector(rest))
        return self._function_of_one_argument(expr) or self._product(expr)

    def _function_of_one_argument(self, expr: sp.Expr) -> Vector | None:
        """``f(g)`` with f free of parameters: the largest such f gives the sharpest slope range."""
        for inner in _arguments(expr, self.varying):
            outer = expr.xreplace({inner: VARIABLE, -inner: -VARIABLE})
            if outer.free_symbols == {VARIABLE}:
                outer = written_out(outer)
                return Elementwise(Activation(_name_of(outer), outer), self.vector(inner))
        return None

    def _product(self, expr: sp.Expr) -> Vector:
        if isinstance(expr, sp.Mul):
            result = self.vector(expr.args[0])
            for factor in expr.args[1:]:
                result = hadamard_vectors(result, self.vector(factor))
            return result
        if isinstance(expr, sp.Pow) and not expr.exp.free_symbols:
            return Elementwise(Activation(f"pow({expr.exp})", VARIABLE**expr.exp), self.vector(expr.base))
        if isinstance(expr, sp.Function) and len(expr.args) == 1:
            return Elementwise(Activation(type(expr).__name__, expr.func(VARIABLE)), self.vector(expr.args[0]))
        raise UnsupportedExpressionError(
            f"{expr}: {type(expr).__name__} of {len(expr.args)} arguments is not part of the scalar language; accepted "
            "are sums, products, powers with given exponents, activations and functions of one argument"
        )


def _arguments(expr: sp.Expr, varying: frozenset[sp.Basic]) -> list[sp.Expr]:
    """Sub-expressions that could be the one argument: single symbols first, then sums, larger ones first."""
    symbols = sorted(expr.free_symbols & varying, key=str)
    found = [node for node in sp.preorder_traversal(expr) if isinstance(node, sp.Add) and node.free_symbols & varying]
    return symbols + sorted(set(found) - {expr}, key=lambda node: (-node.count_ops(), str(node)))


def _is_affine(expr: sp.Expr, symbols: set[sp.Basic]) -> bool:
    return bool(expr.is_polynomial(*symbols)) and sp.Poly(expr, *symbols).total_degree() <= 1


def _name_of(outer: sp.Expr) -> str:
    return type(outer).__name__ if isinstance(outer, sp.Function) and outer.args == (VARIABLE,) else "f"
