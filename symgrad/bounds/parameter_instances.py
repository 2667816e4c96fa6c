"""Bounds on derivatives by parameters tried on random instances, in ball arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.geometric import ball_power_sum
from symgrad.bounds.inequality import DifferentialNorm, Inequality, RowNormOf, VectorNormOf
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, norm_of_balls, vector_norm
from symgrad.language.operators import Block, Operator
from symgrad.rigor.balls import exact_ball

__all__ = ["dense", "parameters_obey", "stacked", "sum_limit", "sums_stay_below", "terms_tried"]

_STEPS = 3


def parameters_obey(inequality: Inequality, bounds: BoundEvaluator, points: Sequence[BallEvaluator]) -> bool:
    """False only when balls prove the quantity to exceed its bound at some points.

    Args:
        inequality: about the norm of a vector, of a row of operators, or of a sum over steps.
        bounds: its expressions with the weights put in.
        points: the same weights with states and inputs.
    """
    match inequality.quantity:
        case VectorNormOf(vector, norm):
            limit = bounds.ball(inequality.bound)
            return all(not vector_norm(point.vector(vector), norm) > limit for point in points)
        case RowNormOf(entries, norm):
            limit = bounds.ball(inequality.bound)
            rows = [stacked([[point.operator(entry) for entry in entries]]) for point in points]
            return all(not exact_ball(norm_of_balls(row, norm.p).lower) > limit for row in rows)
        case DifferentialNorm() as quantity:
            return _over_steps(inequality, quantity, bounds, points)
    raise TypeError(f"no check is defined for {type(inequality.quantity).__name__}")


def _over_steps(
    inequality: Inequality, quantity: DifferentialNorm, bounds: BoundEvaluator, points: Sequence[BallEvaluator]
) -> bool:
    """Sums of products of a few Jacobians with derivatives by the parameters, against the bound."""
    if not inequality.is_finite:
        return True
    return sums_stay_below(quantity, sum_limit(inequality, quantity, bounds), points)


def terms_tried(quantity: DifferentialNorm | WeightedDifferentialNorm) -> tuple[int, int]:
    """From which term to which number of steps a sum is tried: as stated, or few where they are symbols or many."""
    steps = int(quantity.steps) if quantity.steps.is_Integer and quantity.steps < _STEPS else _STEPS
    return min(int(quantity.first), steps) if quantity.first.is_Integer else 1, steps


def sums_stay_below(
    quantity: DifferentialNorm | WeightedDifferentialNorm, limit: arb, points: Sequence[BallEvaluator]
) -> bool:
    """Whether no sum over a few steps, at different points or the same, is proved to exceed a limit."""
    first, steps = terms_tried(quantity)
    for run in [list(points[:steps]), *([point] * steps for point in points)]:
        total = _sum_over_steps(quantity, run, first)
        if total is not None and exact_ball(norm_of_balls(total, quantity.norm.p).lower) > limit:
            return False
    return True


def sum_limit(inequality: Inequality, quantity: DifferentialNorm, bounds: BoundEvaluator) -> arb:
    """The stated bound; where it is stated for a symbolic or larger number of steps, from its premises."""
    first, steps = terms_tried(quantity)
    if (quantity.first, quantity.steps) == (first, steps):
        return bounds.ball(inequality.bound)
    rate, *sources = (premise.bound for premise in inequality.premises)
    gain = sp.ImmutableDenseMatrix(rate if isinstance(rate, sp.MatrixBase) else [[rate]])
    entries = ball_power_sum(bounds.matrix(gain), [bounds.ball(source) for source in sources], first, steps)
    return vector_norm(arb_mat([[entry] for entry in entries]), quantity.norm)


def _sum_over_steps(quantity: DifferentialNorm | WeightedDifferentialNorm, run: list[BallEvaluator], first: int) -> Any:
    """The sum of the terms from k = first on, at the points of a run from the last step to the first; None if empty."""
    product, total = None, None
    for k, point in enumerate(run):
        source = stacked([[point.operator(entry) for entry in row] for row in quantity.rows])
        term = source if product is None else product * source
        if k >= first:
            total = term if total is None else total + term
        jacobian = dense(quantity.jacobian, point)
        product = jacobian if product is None else product * jacobian
    return total


def dense(operator: Operator, point: BallEvaluator) -> Any:
    """An operator as a matrix of balls."""
    if isinstance(operator, Block):
        return stacked([[point.operator(entry) for entry in row] for row in operator.rows])
    return point.operator(operator)


def stacked(blocks: list[list[Any]]) -> Any:
    """Matrices of balls side by side and one below the other, as one."""
    table = [[entry for block in row for entry in block.tolist()[i]] for row in blocks for i in range(row[0].nrows())]
    return arb_mat(table)
