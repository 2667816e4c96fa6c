"""Nodes of scalar models in writing: as ordinary SymPy expressions, functions that only lowering named written out."""

from __future__ import annotations

import sympy as sp

from symgrad.language.elementwise import VARIABLE, ActivatedScalar
from symgrad.language.nodes import Node
from symgrad.language.operators import (
    Column,
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Vector,
    Zero,
)
from symgrad.language.to_sympy import vector_to_sympy
from symgrad.present.writer import Term, Writer

__all__ = ["ScalarWriter"]


class ScalarWriter(Writer):
    """Writes the nodes of a scalar model."""

    def terms(self, node: Node, spelled_out: bool = False) -> list[Term]:
        """The terms of the expression, with their signs."""
        found: list[Term] = []
        for term in self.expression(node).as_ordered_terms():
            negative = term.could_extract_minus_sign() and not term.is_Add
            found.append((negative, self.vocabulary.scalar(-term if negative else term)))
        return found

    def write(self, node: Node) -> str:
        """A vector or an operator, here both numbers."""
        return self.vocabulary.scalar(self.expression(node))

    def expression(self, node: Node) -> sp.Expr:
        """The SymPy expression of a node."""
        match node:
            case Vector():
                return vector_to_sympy(node).replace(self._is_unnamed, _written_out)
            case Operator():
                return self._operator_expression(node)
        raise TypeError(f"{type(node).__name__} is neither a vector nor an operator")

    def _operator_expression(self, node: Operator) -> sp.Expr:
        match node:
            case Identity():
                return sp.S.One
            case Zero():
                return sp.S.Zero
            case Diagonal(vector) | Column(vector):
                return self.expression(vector)
            case Scale(coefficient, operand):
                return coefficient * self.expression(operand)
            case OperatorSum(terms):
                return sp.Add(*map(self.expression, terms))
            case Compose(factors):
                return sp.Mul(*map(self.expression, factors))
            case Transpose(operand):
                return self.expression(operand)
        raise TypeError(f"{type(node).__name__} has no scalar form")

    def _is_unnamed(self, expr: sp.Basic) -> bool:
        names = {function.name for function in self.vocabulary.stated}
        return isinstance(expr, ActivatedScalar) and expr.activation.name.rstrip("'") not in names


def _written_out(expr: ActivatedScalar) -> sp.Expr:
    return expr.activation.expr.xreplace({VARIABLE: expr.argument})
