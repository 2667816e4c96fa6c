"""Transposes of operators as operators of the same kinds."""

from __future__ import annotations

from symgrad.language.construct import add_operators, compose, scale
from symgrad.language.operators import Compose, Operator, OperatorSum, Scale, Transpose, Weight, Zero

__all__ = ["adjoint"]


def adjoint(operator: Operator) -> Operator:
    """The transpose as an operator of the same kinds: diagonals stay, products are reversed.

    >>> import symgrad as sg
    >>> type(adjoint(sg.jacobian(sg.models.elman()).operator).factors[0]).__name__
    'Weight'
    """
    match operator:
        case Zero(rows, columns):
            return Zero(columns, rows)
        case Weight(matrix):
            return Weight(matrix.T)
        case Scale(coefficient, operand):
            return scale(coefficient, adjoint(operand))
        case OperatorSum(terms):
            return add_operators(*map(adjoint, terms))
        case Compose(factors):
            return compose(*map(adjoint, reversed(factors)))
        case Transpose(operand):
            return operand
    return operator  # identities and diagonals
