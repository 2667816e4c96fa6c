"""The gradient by all parameters along an enclosed trajectory, term by term: what each step contributes at most.

With ``x_T`` differentiated by the parameters, ``dx_T/dtheta = S = sum_k P_{T,k} B_{T-k}``, the gradient of a loss is
``grad_x L S``. Norms of gradients, which are rows, are the dual ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls, vector_norm
from symgrad.calculus.unroll import unroll
from symgrad.language.norms import NORMS, Norm
from symgrad.language.operators import Column, Compose, Diagonal, Kronecker, Operator, OperatorSum, Scale, Zero
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.products import stretched
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.trajectory_bound_norms import matrix_norm
from symgrad.numerics.trajectory_bound_states import PointEvaluator

__all__ = ["backward_norms", "combined", "largest_direction", "source_norms"]

Array = NDArray[np.float64]
Sources = Mapping[sp.Expr, tuple[Operator, ...]]


def shared_sources(model: Recurrence) -> dict[sp.Expr, tuple[Operator, ...]]:
    """Parameter -> the derivative of each state's update by it, made of the shared nodes of the model."""
    share = shared_nodes(model).sharing.node
    return {parameter: tuple(map(share, column)) for parameter, column in unroll(model).sources.items()}


def source_norms(model: Recurrence, points: Sequence[PointEvaluator], norm: Norm) -> list[arb]:
    """For each step an upper bound on the norm of ``B``, the derivative of all states by all parameters.

    It is the norm of the matrix of bounds on the blocks.
    """
    columns = shared_sources(model).values()
    found = []
    for point in points:
        known: dict[Operator, arb] = {}
        rows = [[_size(point, column[i], norm, known) for column in columns] for i in range(len(model.states))]
        found.append(matrix_norm(arb_mat(rows), norm).upper.ball if rows[0] else arb(0))
    return found


def _size(point: PointEvaluator, operator: Operator, norm: Norm, known: dict[Operator, arb]) -> arb:
    """An upper bound on the operator norm of a block."""
    if operator not in known:
        known[operator] = _measured(point, operator, norm, known).upper()
    return known[operator]


def _measured(point: PointEvaluator, operator: Operator, norm: Norm, known: dict[Operator, arb]) -> arb:
    match operator:
        case Zero():
            return arb(0)
        case OperatorSum(terms):
            return sum((_size(point, term, norm, known) for term in terms), arb(0))
        case Scale(coefficient, operand):
            return abs(point.number(coefficient)) * _size(point, operand, norm, known)
        case Column(vector):
            return vector_norm(point.vector(vector), norm)
        case Kronecker(vector, outer, _, mask):
            size = vector_norm(point.vector(vector), NORMS[norm.dual]) * _size(point, outer, norm, known)
            return size if mask is None else size * _largest(point.matrix(mask))
        case Diagonal(vector):
            return _largest(point.vector(vector))
        case Compose(factors) if all(isinstance(factor, Diagonal) for factor in factors):
            ones = column_of_balls([1.0] * point.size(operator.shape[1]))
            return _largest(point.apply(operator, ones))
    return matrix_norm(point.operator(operator), norm).upper.ball


def _largest(matrix: Any) -> arb:
    return reduce(lambda a, b: a.max(b), (abs(entry).upper() for entry in matrix.entries()), arb(0))


def combined(terms: Sequence[arb], norm: Norm, layered: bool) -> arb:
    """A bound on the norm of a sum of terms; of parameters of each layer's own, which stand side by side."""
    if not layered or norm.p == sp.oo:
        return sum(terms, arb(0))
    if norm.p == 1:
        return reduce(lambda a, b: a.max(b), terms, arb(0))
    return sum((term * term for term in terms), arb(0)).sqrt()


def largest_direction(products: Sequence[Array], norm: Norm) -> Array:
    """A row that the products, of comparable scale, stretch much, approximately; in floats."""
    if norm.p == 2:
        squares = reduce(np.add, (product @ product.T for product in products))
        return np.asarray(np.linalg.eigh(squares)[1][:, -1])
    largest = max(products, key=lambda product: float(np.abs(product).sum(axis=0 if norm.p == 1 else 1).max()))
    return stretched(np.ascontiguousarray(largest.T), NORMS[norm.dual])


def backward_norms(
    model: Recurrence, points: Sequence[PointEvaluator], jacobians: Sequence[Any], row: Array, norm: Norm, layered: bool
) -> list[arb]:
    """For k = 1 ... T a lower bound on ``||g (sum of the first k terms)|| / ||g||``, for a row g of exact floats.

    Backpropagation through time in balls; the terms of the last steps come first. A bound is given for k that are
    powers of 2 and for k = T, for the others 0.
    """
    sources, dual = shared_sources(model), NORMS[norm.dual]
    count = len(points)
    costate, total = column_of_balls(row.tolist()), dict[tuple[sp.Expr, int], Any]()
    length, found = vector_norm(costate, dual), []
    for k in range(1, count + 1):
        step = count - k
        parts = _split(points[step], model, costate)
        for parameter, column in sources.items():
            pulled = [_pulled(points[step], entry, part) for entry, part in zip(column, parts, strict=True)]
            kept = [item for item in (total.get((parameter, step * layered)), *pulled) if item is not None]
            if kept:
                total[parameter, step * layered] = reduce(lambda a, b: a + b, kept)
        told = k & (k - 1) == 0 or k == count
        found.append((_length(list(total.values()), dual) / length).lower() if told and total else arb(0))
        costate = jacobians[step].transpose() * costate
    return found


def _length(columns: list[Any], norm: Norm) -> arb:
    entries = [entry for column in columns for entry in column.entries()]
    return vector_norm(arb_mat(len(entries), 1, entries), norm)


def _split(point: PointEvaluator, model: Recurrence, costate: Any) -> list[Any]:
    """The parts of a stacked column, filled up with zeros where the last layer is narrower than the evaluator."""
    entries, found = costate.entries(), []
    for node in model.nodes.values():
        size = point.size(node.size)
        part, entries = entries[:size], entries[size:]
        found.append(arb_mat(size, 1, part + [arb(0)] * (size - len(part))))
    return found


def _pulled(point: PointEvaluator, source: Operator, gradient: Any) -> Any:
    """The transpose of a derivative by parameters times a column, a matrix read column by column; None for zero."""
    match source:
        case Zero():
            return None
        case OperatorSum(terms):
            return reduce(lambda a, b: a + b, (_pulled(point, term, gradient) for term in terms))
        case Scale(coefficient, operand):
            return _pulled(point, operand, gradient) * point.number(coefficient)
        case Column(vector):
            return point.vector(vector).transpose() * gradient
        case Kronecker(vector, outer, transposed, mask):
            left, right = point.apply(adjoint(outer), gradient), point.vector(vector)
            product = right * left.transpose() if transposed else left * right.transpose()
            return point.columns_below(product if mask is None else point.multiply(product, point.matrix(mask)))
    return point.apply(adjoint(source), gradient)
