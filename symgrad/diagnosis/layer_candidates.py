"""Remedies for one layer besides those of the design functions: biases at zero, orthogonal or rescaled weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.candidates import nearest_orthogonal, recurrent_matrices
from symgrad.design.growth import simulated
from symgrad.design.questions import STEPS, Candidate, Question
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Elementwise, Variable, Vector, VectorSum
from symgrad.language.weights import Weights

__all__ = ["common_factor", "orthogonal_weights", "without_shifts"]

Array = NDArray[np.float64]

_HALVINGS = 12
_WIDEST = 64.0  # the largest factor that weights are scaled by
_SCALE = sp.Symbol("s", positive=True)


def without_shifts(question: Question, saturated: Iterable[Elementwise]) -> Iterator[Candidate]:
    """The biases inside saturated activations whose slope is largest at 0 set to zero."""
    shifts = _shifts(saturated, set(question.model.parameters))
    given = question.weights.values
    biases = sorted((symbol for symbol in shifts if np.any(given[symbol] != 0)), key=str)
    if not biases:
        return
    function = shifts[biases[0]]
    x, slope = sp.Symbol("x", real=True), sp.Function(f"{function.name}'")
    yield Candidate(
        f"set {' and '.join(map(str, biases))} to zero",
        sp.Eq(slope(sp.S.Zero), sp.Function("sup")(slope(x)), evaluate=False),
        f"where nothing shifts them, the slopes of {function.name} are as large as they can be",
        tuple(f"{symbol} = 0" for symbol in biases),
        question.model,
        question.changed({symbol: np.zeros_like(given[symbol]) for symbol in biases}),
    )


def _shifts(nodes: Iterable[Elementwise], parameters: set[sp.Expr]) -> dict[sp.Expr, Activation]:
    """Vectors of parameters that are added inside an activation which is steepest at 0 -> that activation."""
    found: dict[sp.Expr, Activation] = {}
    for node in filter(_is_steepest_at_zero, nodes):
        for term in _terms(node.argument):
            if isinstance(term, Variable) and term.symbol in parameters:
                found.setdefault(term.symbol, node.function)
    return found


def _terms(vector: Vector) -> tuple[Vector, ...]:
    return vector.terms if isinstance(vector, VectorSum) else (vector,)


def _is_steepest_at_zero(node: Elementwise) -> bool:
    slope, most = node.function.derivative.expr, node.function.slope.sup_abs
    at_zero = sp.Abs(slope.xreplace(dict.fromkeys(slope.free_symbols, sp.S.Zero)))
    return bool(most.is_finite) and sp.simplify(at_zero - most) == 0


def orthogonal_weights(question: Question) -> Iterator[Candidate]:
    """Every square recurrent matrix replaced by the orthogonal one nearest to it."""
    given = question.weights.values
    square = [W for W in recurrent_matrices(question.model) if given[W].shape[0] == given[W].shape[1]]
    if not square:
        return
    first = square[0]
    yield Candidate(
        f"{' and '.join(map(str, square))} orthogonal",
        sp.Eq(sp.MatMul(first.T, first, evaluate=False), sp.Identity(first.shape[0]), evaluate=False),
        "orthogonal matrices keep every length, so that no product of them grows for a while",
        tuple(f"{W} = its nearest orthogonal matrix" for W in square),
        question.model,
        question.changed({W: nearest_orthogonal(given[W]) for W in square}),
    )


def common_factor(question: Question) -> Iterator[Candidate]:
    """All recurrent matrices times the number at which the simulated gradient over all steps is 1."""
    matrices = recurrent_matrices(question.model)
    factor = _factor(question, matrices) if matrices else None
    if factor is None:
        return
    norm = sp.Function("g")(_SCALE, STEPS)
    yield Candidate(
        "scale the recurrent weights to the measured edge",
        sp.Eq(norm, 1, evaluate=False),
        "the typical norm g(s, T) of dx_T/dx_0, measured with all recurrent weights times s, is 1; nothing is proved",
        tuple(f"{W} times {factor:.6g}" for W in matrices),
        question.model,
        _scaled(question, matrices, factor),
    )


def _factor(question: Question, matrices: tuple[sp.Expr, ...]) -> float | None:
    """The factor by bisection of its logarithm; None where even the largest or smallest leaves it on one side."""

    def typical(factor: float) -> float:
        with np.errstate(all="ignore"):
            return simulated(question.model, _scaled(question, matrices, factor), question.trial)[1]

    low, high = -math.log(_WIDEST), math.log(_WIDEST)
    grows = typical(1.0) > 0
    low, high = (low, 0.0) if grows else (0.0, high)
    if not typical(math.exp(low)) <= 0 <= typical(math.exp(high)):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if typical(math.exp(middle)) > 0 else (middle, high)
    return math.exp((low + high) / 2)


def _scaled(question: Question, matrices: tuple[sp.Expr, ...], factor: float) -> Weights:
    return question.changed({W: factor * question.weights.values[W] for W in matrices})
