"""Inequalities about flows tried at random points, in ball arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.flow_integrals import ball_exponential_integral
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    FlowDifferentialNorm,
    FlowNorm,
    Inequality,
    LogarithmicNormOf,
)
from symgrad.bounds.parameter_instances import dense, stacked
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, norm_of_balls, vector_norm
from symgrad.language.norms import Norm
from symgrad.language.operators import Operator
from symgrad.rigor.balls import exact_ball, to_ball
from symgrad.rigor.logarithmic_norms import logarithmic_norm
from symgrad.rigor.matrix_balls import midpoint_radius

__all__ = ["flow_obeys"]

_GROWTH = 8.0  # the largest norm of the Jacobian times the time for which it is followed


def flow_obeys(inequality: Inequality, bounds: BoundEvaluator, points: Sequence[BallEvaluator]) -> bool:
    """False only when balls prove the quantity to exceed its bound at some of the points."""
    if not inequality.is_finite:
        return True
    match inequality.quantity:
        case LogarithmicNormOf(operator, norm):
            limit = bounds.ball(inequality.bound)
            return all(_at_most(_rate(operator, point, norm), limit) for point in points)
        case BlockLogarithmicNorms(block, norm):
            return all(_blocks_obey(block.rows, inequality.bound, norm, bounds, point) for point in points)
        case FlowNorm(jacobian, time, norm):
            return _solution_obeys([dense(jacobian, point) for point in points], inequality.bound, time, norm, bounds)
        case FlowDifferentialNorm() as quantity:
            return all(_integral_obeys(inequality, quantity, bounds, point) for point in points)
    raise TypeError(f"{type(inequality.quantity).__name__} is not about a flow")


def _rate(operator: Operator, point: BallEvaluator, norm: Norm) -> float:
    """A float not above the logarithmic norm at a point."""
    matrix, radius = midpoint_radius(dense(operator, point))
    return logarithmic_norm(matrix, float(norm.p), radius=radius).lower


def _blocks_obey(rows: Any, limits: Any, norm: Norm, bounds: BoundEvaluator, point: BallEvaluator) -> bool:
    for i, row in enumerate(rows):
        for j, entry in enumerate(row):
            value = _rate(entry, point, norm) if i == j else norm_of_balls(dense(entry, point), norm.p).lower
            if not _at_most(value, bounds.ball(limits[i, j])):
                return False
    return True


def _solution_obeys(matrices: list[Any], bound: sp.Expr, time: sp.Symbol, norm: Norm, bounds: BoundEvaluator) -> bool:
    """The solution of ``dX/dt = J(t) X`` for a J that is constant between a few times, and the bound at the last one.

    Such a J is not one along a trajectory, but the theorem, which is about any J(t), is tried.
    """
    size = max(1.0, *(norm_of_balls(matrix, norm.p).upper for matrix in matrices))
    step = sp.Rational(2) ** -int(np.ceil(np.log2(size * len(matrices) / _GROWTH)))
    ball = arb(int(step.p)) / int(step.q)
    solution = reduce(mul, ((matrix * ball).exp() for matrix in matrices))
    limit = bounds.ball(bound.xreplace({time: step * len(matrices)}))
    return _at_most(norm_of_balls(solution, norm.p).lower, limit)


def _integral_obeys(
    inequality: Inequality, quantity: FlowDifferentialNorm, bounds: BoundEvaluator, point: BallEvaluator
) -> bool:
    """The integral for J and B that stay as they are at a point, over a short time or a part of it.

    The exponential of ``[[J, B], [0, 0]] t`` has the integral of ``exp(J s) B`` over [0, t] beside that of J.
    """
    matrix = dense(quantity.jacobian, point)
    source = stacked([[point.operator(entry) for entry in row] for row in quantity.rows])
    size, width = matrix.nrows(), source.ncols()
    rows = [[*left, *right] for left, right in zip(matrix.tolist(), source.tolist(), strict=True)]
    whole = arb_mat([*rows, *([arb(0)] * (size + width) for _ in range(width))])
    time = sp.Rational(2) ** -int(np.ceil(np.log2(max(1.0, norm_of_balls(matrix, quantity.norm.p).upper))))
    for first in (sp.S.Zero, time / 4) if quantity.first.is_Symbol else (sp.S.Zero,):
        total = (whole * to_ball(time)).exp() - (whole * to_ball(first)).exp()
        value = arb_mat([[total[i, size + j] for j in range(width)] for i in range(size)])
        if not _at_most(norm_of_balls(value, quantity.norm.p).lower, _limit(inequality, quantity, bounds, first, time)):
            return False
    return True


def _limit(
    inequality: Inequality, quantity: FlowDifferentialNorm, bounds: BoundEvaluator, first: sp.Expr, time: sp.Expr
) -> arb:
    """The stated bound with these times; where it is stated for others, from its premises."""
    if quantity.time.is_Symbol and (quantity.first.is_Symbol or quantity.first == first):
        return bounds.ball(inequality.bound.xreplace({quantity.time: time, quantity.first: first}))
    rate, *sources = (bounds.ball(premise.bound) for premise in inequality.premises)
    factor = vector_norm(arb_mat([[entry] for entry in sources]), quantity.norm)
    return factor * ball_exponential_integral(rate, to_ball(first), to_ball(time))


def _at_most(value: float, limit: arb) -> bool:
    return not exact_ball(value) > limit
