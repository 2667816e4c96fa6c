"""Checks that an expression has a meaning: shapes fit, scalars are real, constant matrices can be evaluated."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.elementwise import ActivatedMatrix, ActivatedScalar
from symgrad.rigor.balls import ball_function

__all__ = ["check_constant_matrix", "check_scalar", "check_shapes", "distinct_nodes"]

_CONSTANT_NODES = (
    sp.MatrixSymbol,
    sp.OneMatrix,
    sp.ZeroMatrix,
    sp.Identity,
    sp.MatrixBase,
    sp.MatAdd,
    sp.MatMul,
    sp.Transpose,
    sp.Adjoint,
    sp.HadamardProduct,
    HadamardPower,
    ActivatedMatrix,
    ElementwiseApplyFunction,
    sp.DiagMatrix,
)


def check_scalar(expr: sp.Expr) -> None:
    """Refuse a scalar that is not a real number for real values of its symbols, as far as its form tells.

    Raises:
        UnsupportedExpressionError: names the smallest sub-expression at fault.
    """
    if expr.has(sp.nan, sp.oo, -sp.oo, sp.zoo):
        raise UnsupportedExpressionError(f"{expr}: every number must be finite")
    plain = expr.replace(lambda node: isinstance(node, ActivatedScalar), lambda node: node.doit())
    for node in sp.postorder_traversal(plain):
        if isinstance(node, sp.Expr) and not isinstance(node, (sp.MatrixExpr, sp.Idx)):
            _check_scalar_node(node)


def _check_scalar_node(node: sp.Expr) -> None:
    if node.atoms(sp.MatrixExpr):
        raise UnsupportedExpressionError(f"{node}: a scalar must be built from scalar symbols and numbers only")
    try:
        ball_function(node, sorted(node.free_symbols, key=str))
    except InputError as error:
        kind = "function" if isinstance(node, sp.Function) else "expression"
        raise UnsupportedExpressionError(
            f"{node}: the {kind} {type(node).__name__} is not part of the scalar language ({error})"
        ) from error


def distinct_nodes(expr: Any) -> list[Any]:
    """Every sub-expression once, each before those that stand in it alone; shared ones would cost exponential time.

    >>> x = sp.Symbol("x")
    >>> distinct_nodes(sp.sin(x) + x)
    [x + sin(x), sin(x), x]
    """
    seen: dict[Any, None] = {}
    stack = [expr]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(node.args)
    return list(seen)


def check_shapes(expr: Any) -> None:
    """Refuse sums, entrywise products and products whose shapes are not the same; SymPy lets symbolic sizes pass.

    Raises:
        UnsupportedExpressionError: names the smallest sub-expression at fault and the shapes in it.
    """
    for node in reversed(distinct_nodes(expr)):
        if isinstance(node, (sp.MatAdd, sp.HadamardProduct)):
            _check_pairs(node, pairwise(node.args), lambda a, b: _same(a.shape[0], b.shape[0], a.shape[1], b.shape[1]))
        elif isinstance(node, sp.MatMul):
            _, matrices = node.as_coeff_matrices()
            _check_pairs(node, pairwise(matrices), lambda a, b: _same(a.shape[1], b.shape[0]))
        elif isinstance(node, sp.MatPow) and not _same(*node.base.shape):
            raise UnsupportedExpressionError(f"{node}: a square matrix is needed, got shape {node.base.shape}")


def _check_pairs(node: Any, pairs: Iterable[tuple[Any, Any]], fit: Any) -> None:
    for left, right in pairs:
        if not fit(left, right):
            raise UnsupportedExpressionError(
                f"{node}: shapes do not fit, {left} has shape {left.shape} and {right} has {right.shape}"
            )


def _same(*sizes: Any) -> bool:
    """Whether the sizes are equal in pairs for all values of their symbols."""
    differences = [sp.sympify(a) - sp.sympify(b) for a, b in zip(sizes[::2], sizes[1::2], strict=True)]
    return all(sp.expand(difference).is_zero for difference in differences)


def check_constant_matrix(expr: Any) -> None:
    """Refuse matrix nodes that no evaluation is defined for.

    Raises:
        UnsupportedExpressionError: names the smallest sub-expression at fault.
    """
    for child in expr.args if isinstance(expr, sp.MatrixExpr) and not isinstance(expr, sp.MatrixSymbol) else ():
        if isinstance(child, (sp.MatrixExpr, sp.MatrixBase)):
            check_constant_matrix(child)
    if isinstance(expr, sp.MatrixBase):
        for entry in expr:
            check_scalar(entry)
    elif isinstance(expr, sp.MatMul):
        check_scalar(expr.as_coeff_matrices()[0])
    elif isinstance(expr, (sp.MatPow, sp.Inverse)):
        if not expr.exp.is_Integer:
            raise UnsupportedExpressionError(f"{expr}: a matrix power needs a given integer exponent, got {expr.exp}")
    elif isinstance(expr, HadamardPower) and not expr.exp.is_number:
        raise UnsupportedExpressionError(f"{expr}: the exponent must be a number, got {expr.exp}")
    elif not isinstance(expr, _CONSTANT_NODES):
        raise UnsupportedExpressionError(
            f"{expr}: {type(expr).__name__} is not part of the language of constant matrices"
        )
