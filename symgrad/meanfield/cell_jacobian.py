"""Second moments of the state Jacobian of a wide random cell.

A block of the Jacobian is a sum of products ``D_0 W_1 D_1 ... W_r D_r`` of diagonal matrices and weights. Entries of
different weights are independent and centred, so in ``tr(A B^T) / n`` only products with the same weights in the same
places meet: ``E[D_0 D_0'] sigma_1^2 E[D_1 D_1'] ... sigma_r^2 E[D_r D_r']``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import sympy as sp

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.operators import (
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Weight,
    Zero,
)
from symgrad.meanfield.entries import Entries
from symgrad.meanfield.expectations import Expectations

__all__ = ["Path", "paths", "second_moment", "transfer_matrix"]

Weights = tuple[tuple[sp.Expr, bool], ...]


@dataclass(frozen=True)
class Path:
    """One product of diagonal matrices and weights.

    Attributes:
        weights: the matrices from left to right, each with whether it is transposed.
        diagonals: the entries of the diagonal matrices around them, one more than there are weights.
    """

    weights: Weights
    diagonals: tuple[sp.Expr, ...]

    def then(self, other: Path) -> Path:
        """The product of both."""
        joint = self.diagonals[-1] * other.diagonals[0]
        return Path(self.weights + other.weights, (*self.diagonals[:-1], joint, *other.diagonals[1:]))


def paths(operator: Operator, entries: Entries) -> list[Path]:
    """The products whose sum an operator is; those with the same weights and inner factors taken together.

    Raises:
        UnsupportedExpressionError: the operator contains something else than diagonals and dense weights.
    """
    found: dict[tuple[Weights, tuple[sp.Expr, ...]], sp.Expr] = {}
    for path in _paths(operator, entries):
        key = path.weights, path.diagonals[1:]
        found[key] = found.get(key, sp.S.Zero) + path.diagonals[0]
    return [Path(weights, (first, *rest)) for (weights, rest), first in found.items() if first != 0]


def _paths(operator: Operator, entries: Entries) -> list[Path]:
    match operator:
        case Zero():
            return []
        case Identity():
            return [Path((), (sp.S.One,))]
        case Diagonal(vector):
            return [Path((), (entries.of(vector),))]
        case Scale(coefficient, operand):
            factor = Path((), (entries.number(coefficient),))
            return [factor.then(path) for path in _paths(operand, entries)]
        case OperatorSum(terms):
            return [path for term in terms for path in _paths(term, entries)]
        case Compose(factors):
            return _products([_paths(factor, entries) for factor in factors])
        case Weight(matrix) | Transpose(Weight(matrix)):
            transposed = isinstance(operator, Transpose)
            return [] if entries.scale_of(matrix) == 0 else [Path(((matrix, transposed),), (sp.S.One, sp.S.One))]
    raise UnsupportedExpressionError(f"mean field: the Jacobian contains a {type(operator).__name__}")


def _products(parts: list[list[Path]]) -> list[Path]:
    found = []
    for choice in product(*parts):
        path = choice[0]
        for following in choice[1:]:
            path = path.then(following)
        found.append(path)
    return found


def second_moment(one: list[Path], other: list[Path], expectations: Expectations) -> sp.Expr:
    """``lim tr(A B^T) / n`` of two blocks A and B as sums of paths."""
    total = sp.S.Zero
    for left, right in product(one, other):
        if left.weights != right.weights:
            continue
        scales = [expectations.entries.scale_of(matrix) for matrix, _ in left.weights]
        pairs = zip(left.diagonals, right.diagonals, strict=True)
        total += sp.Mul(*scales, *(expectations.mean(a * b) for a, b in pairs))
    return total


def transfer_matrix(blocks: list[list[list[Path]]], expectations: Expectations) -> sp.Matrix:
    """How second moments of a gradient go one step back.

    Its rows and columns belong to pairs (j, k) with j <= k of states: entry ((j, k), (i, l)) multiplies the moment
    ``E[delta_i delta_l]`` of the gradient by next states in the moment ``E[delta_j delta_k]`` of that by old ones.
    """
    pairs = list(combinations_with_replacement(range(len(blocks)), 2))

    def entry(row: tuple[int, int], column: tuple[int, int]) -> sp.Expr:
        (j, k), (i, other) = row, column
        total = second_moment(blocks[i][j], blocks[other][k], expectations)
        if i != other:
            total += second_moment(blocks[other][j], blocks[i][k], expectations)
        return total

    return sp.Matrix(len(pairs), len(pairs), lambda a, b: entry(pairs[a], pairs[b]))
