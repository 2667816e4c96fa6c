"""Jacobians over a tube as a middle and a spread that keeps their structure: ``diag(d) W`` with d uncertain.

Entry by entry the radius of such a matrix is ``diag(r) |W|``, whose norm may be far above that of ``diag(r) W``. Here
the spread is derived along the operator instead, by ``A B - A' B' = (A - A') B + A' (B - B')`` and the triangle
inequality, with exact norms of what is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from flint import arb, arb_mat

from symgrad.language.norms import Norm
from symgrad.language.operators import Compose, Diagonal, Identity, Operator, OperatorSum, Scale, Vector, Zero, walk
from symgrad.numerics.sharing import Blocks
from symgrad.numerics.trajectory_bound_norms import matrix_norm
from symgrad.numerics.trajectory_bound_segments import Factor
from symgrad.numerics.trajectory_bound_states import PointEvaluator, stacked

__all__ = ["structured_factor"]

_FEW = 2  # products whose norms are computed anew at every step, where others take norms of constant parts


class _Middle(PointEvaluator):
    """The middles of the balls of another evaluator's vectors, with the same constants."""

    point: PointEvaluator

    @classmethod
    def of(cls, point: PointEvaluator) -> _Middle:
        found = cls(point.values, {})
        found.sizes, found._matrices, found._identities = point.sizes, point._matrices, point._identities
        found.point = point
        return found

    def vector(self, node: Vector) -> Any:
        if node not in self._vectors:
            self._vectors[node] = self.point.vector(node).mid()
        return self._vectors[node]


def structured_factor(
    point: PointEvaluator,
    blocks: Blocks,
    norm: Norm,
    known: dict[Operator, arb],
    shape: tuple[int | None, int | None] = (None, None),
) -> Factor | None:
    """The Jacobian at one step around the middles of its slopes; None for an operator of another form.

    Args:
        point: the evaluator over the tube.
        blocks: the blocks of the Jacobian.
        norm: in which the spread is meant.
        known: norms of constant operators, filled up.
        shape: how many rows and columns count; all unless given.
    """
    count = sum(_products_in(entry) for row in blocks for entry in row)
    spread = _Spread(point, norm, known, explicit=count <= _FEW)
    parts = [[spread.of(entry) for entry in row] for row in blocks]
    spreads = [[part[1] for part in row if part is not None] for row in parts]
    if any(part is None for row in parts for part in row) or not all(s.is_finite() for row in spreads for s in row):
        return None
    middle = stacked(_Middle.of(point), blocks, *shape)
    # exact middles, as their products are taken at any precision
    rounding = (middle.nrows() + middle.ncols()) * max(entry.rad() for entry in middle.entries())
    return Factor(middle.mid(), (matrix_norm(arb_mat(spreads), norm).upper.ball + rounding).upper())


class _Spread:
    """Norms of middles and how far the true operators may lie from them."""

    def __init__(self, point: PointEvaluator, norm: Norm, known: dict[Operator, arb], explicit: bool) -> None:
        self.point, self.norm, self.known, self.explicit = point, norm, known, explicit

    def of(self, operator: Operator) -> tuple[arb, arb] | None:
        """Upper bounds on the norm of the middle and on the distance from it."""
        match operator:
            case Zero():
                return arb(0), arb(0)
            case OperatorSum(terms):
                return self._sum([self.of(term) for term in terms])
            case Scale(coefficient, operand):
                found, factor = self.of(operand), abs(self.point.number(coefficient)).upper()
                return None if found is None else (factor * found[0], factor * found[1])
            case Diagonal() | Compose():
                return self._product(operator)
        return (self._constant(operator), arb(0)) if _is_constant(operator) else None

    def _sum(self, parts: Sequence[tuple[arb, arb] | None]) -> tuple[arb, arb] | None:
        if any(part is None for part in parts):
            return None
        sizes, spreads = zip(*(part for part in parts if part is not None), strict=True)
        return sum(sizes, arb(0)), sum(spreads, arb(0))

    def _constant(self, operator: Operator) -> arb:
        if isinstance(operator, Identity):
            return arb(1)
        if operator not in self.known:
            self.known[operator] = matrix_norm(self.point.operator(operator), self.norm).upper.ball
        return self.known[operator]

    def _product(self, operator: Diagonal | Compose) -> tuple[arb, arb] | None:
        """Diagonals that stand side by side count as one."""
        factors = operator.factors if isinstance(operator, Compose) else (operator,)
        diagonals = [factor for factor in factors if isinstance(factor, Diagonal)]
        others = [factor for factor in factors if not isinstance(factor, Diagonal)]
        if factors != (*diagonals, *others) or not all(map(_is_constant, others)):
            return self._one_by_one(factors)
        middle, radius = self._diagonal(diagonals)
        if self.explicit and others:
            inner = self.point.operator(Compose(tuple(others)) if len(others) > 1 else others[0])
            return self._norm(middle, inner), self._norm(radius, inner)
        length = reduce(lambda a, b: a * b, map(self._constant, others), arb(1))
        return _largest(middle) * length, _largest(radius) * length

    def _norm(self, column: Any, matrix: Any) -> arb:
        return matrix_norm(self.point.scaled_rows(column, matrix), self.norm).upper.ball

    def _one_by_one(self, factors: Sequence[Operator]) -> tuple[arb, arb] | None:
        size, spread = arb(1), arb(0)
        for factor in factors:
            found = self.of(factor)
            if found is None:
                return None
            size, spread = size * found[0], spread * (found[0] + found[1]) + size * found[1]
        return size, spread

    def _diagonal(self, diagonals: Sequence[Diagonal]) -> tuple[Any, Any]:
        """The product of the middles as a column of balls, and how far its entries may lie from the true ones."""
        columns = [self.point.vector(diagonal.vector) for diagonal in diagonals]
        middle = reduce(self.point.multiply, [column.mid() for column in columns])
        whole = reduce(self.point.multiply, columns)
        radii = [abs(a - b).upper() for a, b in zip(whole.entries(), middle.entries(), strict=True)]
        return middle, arb_mat(len(radii), 1, radii)


def _products_in(operator: Operator) -> int:
    """How many terms of an operator are products."""
    match operator:
        case OperatorSum(terms):
            return sum(map(_products_in, terms))
        case Scale(_, operand):
            return _products_in(operand)
    return int(isinstance(operator, Compose))


def _is_constant(operator: Operator) -> bool:
    return not any(isinstance(node, (Diagonal, Vector)) for node in walk(operator))


def _largest(column: Any) -> arb:
    return reduce(lambda a, b: a.max(b), (abs(entry).upper() for entry in column.entries()), arb(0))
