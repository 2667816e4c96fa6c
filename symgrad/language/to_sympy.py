"""From nodes back to SymPy matrix expressions of symbolic size."""

from __future__ import annotations

import sympy as sp

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

__all__ = ["operator_to_sympy", "vector_to_sympy"]


def vector_to_sympy(node: Vector) -> sp.Expr:
    """A vector node as a SymPy column (in a scalar model: as a scalar expression)."""
    known = node.__dict__.get("_sympy")
    if known is None:
        known = _vector(node)
        object.__setattr__(node, "_sympy", known)  # nodes are shared: over all paths there would be too many
    return known


def operator_to_sympy(node: Operator) -> sp.Expr:
    """An operator node as a SymPy matrix expression."""
    known = node.__dict__.get("_sympy")
    if known is None:
        known = _operator(node)
        object.__setattr__(node, "_sympy", known)
    return known


def _vector(node: Vector) -> sp.Expr:
    match node:
        case Variable(symbol):
            return symbol
        case Constant(value, length):
            return value if length == 1 else value * sp.OneMatrix(length, 1)
        case VectorSum(terms):
            return _total([vector_to_sympy(term) for term in terms])
        case Hadamard(left, right):
            return _entrywise(vector_to_sympy(left), vector_to_sympy(right))
        case Elementwise(function, argument):
            return function(vector_to_sympy(argument))
        case Apply(operator, argument):
            return _times(operator_to_sympy(operator), vector_to_sympy(argument))
    raise TypeError(f"no SymPy form is defined for {type(node).__name__}")


def _operator(node: Operator) -> sp.Expr:
    match node:
        case Identity(length):
            return sp.Identity(length)
        case Zero(rows, columns):
            return sp.ZeroMatrix(rows, columns)
        case Weight(matrix):
            return matrix
        case Diagonal(vector):
            return _diagonal(vector_to_sympy(vector))
        case Scale(coefficient, operand):
            return coefficient * operator_to_sympy(operand)
        case OperatorSum(terms):
            return sp.MatAdd(*map(operator_to_sympy, terms))
        case Compose(factors):
            return sp.MatMul(*map(operator_to_sympy, factors))
        case Transpose(operand):
            return sp.Transpose(operator_to_sympy(operand))
        case Column() | Kronecker(mask=None):
            return _derivative(node)
    raise TypeError(f"no SymPy form is defined for {type(node).__name__}")


def _derivative(node: Column | Kronecker) -> sp.Expr:
    if isinstance(node, Column):
        return vector_to_sympy(node.vector)
    pair = sp.Transpose(vector_to_sympy(node.vector)), operator_to_sympy(node.outer)
    return sp.KroneckerProduct(*(reversed(pair) if node.transposed else pair))


def _is_matrix(expr: sp.Expr) -> bool:
    return isinstance(expr, (sp.MatrixExpr, sp.MatrixBase))


def _total(terms: list[sp.Expr]) -> sp.Expr:
    if not any(map(_is_matrix, terms)):
        return sp.Add(*terms)
    return sp.MatAdd(*(term if _is_matrix(term) else term * sp.OneMatrix(1, 1) for term in terms))


def _entrywise(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    return sp.HadamardProduct(left, right) if _is_matrix(left) else left * right


def _times(operator: sp.Expr, vector: sp.Expr) -> sp.Expr:
    """A multiple of the identity acts as a number, on vectors and on scalars alike."""
    coefficient, rest = operator.as_coeff_mmul() if isinstance(operator, sp.MatMul) else (sp.S.One, operator)
    if isinstance(rest, sp.MatMul) and len(rest.args) == 1:
        rest = rest.args[0]
    return coefficient * vector if isinstance(rest, sp.Identity) else coefficient * (rest * vector)


def _diagonal(vector: sp.Expr) -> sp.Expr:
    return sp.DiagMatrix(vector) if _is_matrix(vector) else vector * sp.Identity(1)
