"""Candidates for a remedy: changed weights or a changed model, each with the formula that it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import product_bound
from symgrad.calculus.jacobian import jacobian
from symgrad.design.direct_paths import direct_paths
from symgrad.design.gate_candidates import gates
from symgrad.design.growth import with_input_ranges
from symgrad.design.questions import RETAINED, STEPS, Candidate, Question, solution
from symgrad.errors import SymgradError
from symgrad.language.norms import OperatorNorm
from symgrad.language.operators import Compose, Diagonal, Elementwise, Operator, Variable, VectorSum, Weight, children
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.mean_field import MeanField, mean_field
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.simulate import batch_of

__all__ = ["candidates", "nearest_orthogonal", "recurrent_matrices"]

Array = NDArray[np.float64]

SCALE = sp.Symbol("s", positive=True)

_STEPS = 200  # of a trajectory, over which the inputs are averaged
_INWARD = 1 - 2.0**-40  # so that no rounding of the entries brings a bound above its limit


def candidates(question: Question) -> Iterator[Candidate]:
    """All remedies that apply to a model with its weights."""
    for propose in (gates, _rescaled, _edge_of_chaos, _scaled_identity, _residual):
        yield from propose(question)


# --- weights ----------------------------------------------------------------------


def _rescaled(question: Question) -> Iterator[Candidate]:
    """All recurrent matrices times one number, such that the bound on one Jacobian is 1.

    Where only zero does that, as with a residual connection, the number brings the bound on all steps to 1/r.
    """
    matrices = recurrent_matrices(question.model)
    rate = _rate(question)
    if rate is None or not matrices:
        return
    scaled = rate.xreplace({OperatorNorm(W): SCALE * OperatorNorm(W) for W in matrices})
    filled = _with_norms(scaled, question)
    limits = (
        (sp.S.One, sp.Eq(scaled, 1, evaluate=False), "no product of Jacobians has a norm above 1"),
        (1 / question.per_step, sp.Eq(scaled**STEPS, 1 / RETAINED, evaluate=False), "no product has a norm above 1/r"),
    )
    found = ((solution(filled, SCALE, limit), formula, promise) for limit, formula, promise in limits)
    for value, formula, promise in islice((item for item in found if item[0]), 1):
        factor = (value or 0.0) * _INWARD
        yield Candidate(
            "scale the recurrent weights",
            formula,
            promise,
            tuple(f"{W} times {factor:.6g}" for W in matrices),
            question.model,
            question.changed({W: factor * question.weights.values[W] for W in matrices}),
        )


def _edge_of_chaos(question: Question) -> Iterator[Candidate]:
    """Orthogonal recurrent weights, scaled to the edge of chaos of mean-field theory."""
    unit = _single_unit(question.model)
    if unit is None:
        return
    W, node = unit
    field = mean_field(node.function)
    gain = _critical_gain(field, _outside_variance(question, node))
    if gain is None:
        return
    yield Candidate(
        f"{W} orthogonal, at the edge of chaos",
        sp.Eq(field.chi_formula, 1, evaluate=False),
        "in the limit of wide networks the mean-squared singular value of a Jacobian is 1",
        (f"{W} = {gain:.6g} times its nearest orthogonal matrix",),
        question.model,
        question.changed({W: gain * nearest_orthogonal(question.weights.values[W])}),
    )


def _scaled_identity(question: Question) -> Iterator[Candidate]:
    """A multiple of the identity as the only recurrent matrix, as large as no product can explode, without biases.

    A unit that hands itself on would add up its bias step by step, and saturate or die.
    """
    unit = _single_unit(question.model)
    if unit is None:
        return
    W, node = unit
    steepest = node.function.slope.sup_abs
    if not steepest.is_finite or steepest.is_zero:
        return
    gain = float(1 / steepest)
    biases = _biases(question.model, node)
    zeros = {bias: np.zeros_like(question.weights.values[bias]) for bias in biases}
    yield Candidate(
        f"{W} a multiple of the identity",
        sp.Eq(OperatorNorm(W) * steepest, 1, evaluate=False),
        "no product of Jacobians has a norm above 1, and each unit passes on all that its slope lets through",
        (f"{W} = {gain:.6g} times the identity", *(f"{bias} = 0" for bias in biases)),
        question.model,
        question.changed({W: gain * np.eye(len(question.weights.values[W])), **zeros}),
    )


# --- the architecture --------------------------------------------------------------


def _residual(question: Question) -> Iterator[Candidate]:
    """The update as the branch of a residual connection, scaled such that products stay bounded."""
    model = question.model
    lipschitz = None if direct_paths(model) or model.is_scalar else _one_step(question)
    if lipschitz is None or lipschitz <= 0:
        return
    scale = float((question.per_step**-1 - 1) / lipschitz) * _INWARD
    updates = {state: state + sp.Float(scale, 17) * update for state, update in model.updates.items()}
    a, norm = sp.symbols("a L", positive=True)
    yield Candidate(
        "add a residual connection",
        sp.Eq((1 + a * norm) ** STEPS, 1 / RETAINED, evaluate=False),
        "norms of products are at most (1 + a*L)**T, and at least (1 - a*L)**T where a*L <= 1",
        (f"x[t] = x[t-1] + {scale:.6g}*F(x[t-1], u[t]), where L = {lipschitz:.6g} bounds the slope of F",),
        replace(model, updates=updates, name=f"residual {model.name}"),
        question.weights,
    )


# --- what they are made of ------------------------------------------------------------


def recurrent_matrices(model: Recurrence) -> tuple[sp.Expr, ...]:
    """The weight matrices that gradients by the states pass through, sorted by name."""
    found = set(_matrices(jacobian(model).operator))
    return tuple(sorted((matrix for matrix in found if isinstance(matrix, sp.MatrixSymbol)), key=str))


def _matrices(operator: Operator) -> Iterator[sp.Expr]:
    if isinstance(operator, Weight):
        yield operator.matrix
    for part in children(operator) if not isinstance(operator, Diagonal) else ():
        if isinstance(part, Operator):
            yield from _matrices(part)


def _single_unit(model: Recurrence) -> tuple[sp.Expr, Elementwise] | None:
    """``W`` and the update, where that is one activation of ``W h`` and of what does not depend on the state."""
    operator = jacobian(model).operator
    node = next(iter(model.nodes.values()))
    if not (isinstance(node, Elementwise) and isinstance(operator, Compose) and len(operator.factors) == 2):
        return None
    slope, weight = operator.factors
    if not (isinstance(slope, Diagonal) and isinstance(weight, Weight) and isinstance(weight.matrix, sp.MatrixSymbol)):
        return None
    return weight.matrix, node


def _biases(model: Recurrence, node: Elementwise) -> tuple[sp.Expr, ...]:
    """The vectors of parameters that are added to what an activation receives."""
    terms = node.argument.terms if isinstance(node.argument, VectorSum) else ()
    added = {term.symbol for term in terms if isinstance(term, Variable)}
    return tuple(parameter for parameter in model.parameters if parameter in added)


def _outside_variance(question: Question, node: Elementwise) -> sp.Expr:
    """The mean square of what a unit receives from inputs and biases, over the trajectories; exact in their floats."""
    trial, evaluator = question.trial, ArrayEvaluator.of_weights(question.weights)
    batch, _ = batch_of(question.model, question.weights, trial.inputs, {}, trial.horizon)
    still = {symbol: np.zeros_like(array) for symbol, array in batch.initial.items()}
    squares = [
        float(
            np.mean(
                evaluator.at({**still, **{s: a[step] for s, a in batch.inputs.items()}}, step).vector(node.argument)
                ** 2
            )
        )
        for step in range(min(trial.horizon, _STEPS))
    ]
    return sp.Rational(f"{float(np.mean(squares)):.3e}")  # a rounded number: the weights set here are floats anyway


def _critical_gain(field: MeanField, variance: sp.Expr) -> float | None:
    """The standard deviation of recurrent weights at the edge of chaos; None where there is none."""
    points = [point for point in field.critical_points(variance) if point.is_edge]
    return math.sqrt(float(points[0].sigma_w2.mid())) if points else None


def nearest_orthogonal(matrix: Array) -> Array:
    """The nearest orthogonal matrix in the Frobenius norm, that of the polar decomposition; approximate."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)


def _rate(question: Question) -> sp.Expr | None:
    """A bound on the norm of one Jacobian in closed form; None where there is no finite one."""
    try:
        return product_bound(with_input_ranges(question.model, question.trial)).rate
    except SymgradError:
        return None


def _with_norms(expr: sp.Expr, question: Question) -> sp.Expr:
    """An expression with the norms of the weights in floats and the scalar parameters."""
    values = question.weights.values
    norms = {W: OperatorNorm(W) for W in recurrent_matrices(question.model)}
    numbers = {norms[W]: sp.Float(np.linalg.norm(values[W], 2), 17) for W in norms}
    scalars = {s: sp.Float(float(values[s]), 17) for s in expr.free_symbols if s in values and values[s].ndim == 0}
    return expr.xreplace(numbers | scalars)


def _one_step(question: Question) -> float | None:
    """A bound on the norm of one Jacobian with the weights put in."""
    try:
        bound = product_bound(with_input_ranges(question.model, question.trial))
        return float(bound.evaluate(question.weights.values, 1))
    except SymgradError:
        return None
