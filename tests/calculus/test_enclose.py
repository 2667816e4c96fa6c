"""Balls around expressions with norms of constant matrices in them: they hold the truth, and little else."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.weights import bind

n = sp.Symbol("n", integer=True, positive=True)
W, A, h = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("h", n, 1)
b, g, k = sp.MatrixSymbol("b", n, 1), sp.Symbol("g"), sp.Symbol("k")
eye = sp.Identity(n)
MODEL = sg.Recurrence({h: sg.activation("tanh")((W - W.T - g * eye) * A * h + b)})
RNG = np.random.default_rng(3)
NUMBERS = {"W": RNG.standard_normal((6, 6)), "A": RNG.standard_normal((6, 6)), "b": RNG.standard_normal(6), "g": 0.3}
w, a, v, c = (np.asarray(NUMBERS[name]) for name in ("W", "A", "b", "g"))
one = np.eye(6)


def spectral(matrix):
    return np.linalg.norm(matrix, 2)


CASES = {
    "a symbol": (sg.OperatorNorm(W), spectral(w)),
    "a column": (sg.OperatorNorm(b), np.linalg.norm(v)),
    "column sums": (sg.OperatorNorm(W, 1), np.linalg.norm(w, 1)),
    "row sums": (sg.OperatorNorm(W, sp.oo), np.linalg.norm(w, np.inf)),
    "cancelling terms": (sg.OperatorNorm(W - W.T - g * eye), spectral(w - w.T - c * one)),
    "a product": (sg.OperatorNorm(W * A.T), spectral(w @ a.T)),
    "a power": (sg.OperatorNorm(W**3), spectral(w @ w @ w)),
    "a Cayley transform": (
        sg.OperatorNorm(sp.Inverse(2 * eye + A - A.T) * W),
        spectral(np.linalg.solve(2 * one + a - a.T, w)),
    ),
    "a diagonal": (sg.OperatorNorm(sp.DiagMatrix(b) * W), spectral(v[:, None] * w)),
    "rank one": (sg.OperatorNorm(b * b.T), v @ v),
    "an entrywise product": (sg.OperatorNorm(sp.HadamardProduct(W, A)), spectral(w * a)),
    "an activation": (sg.OperatorNorm(sg.activation("tanh")(W)), spectral(np.tanh(w))),
    "written out numbers": (sg.OperatorNorm(sp.Matrix([[1, 2], [3, 4]])), spectral(np.array([[1, 2], [3, 4]]))),
    "a smallest singular value": (sg.SmallestSingularValue(W), np.linalg.svd(w, compute_uv=False)[-1]),
    "of a sum": (sg.SmallestSingularValue(W + A), np.linalg.svd(w + a, compute_uv=False)[-1]),
    "arithmetic": (
        sp.Max(g * sg.OperatorNorm(W) ** 2, sg.OperatorNorm(A)) / (1 + sp.exp(-sg.OperatorNorm(b))),
        max(c * spectral(w) ** 2, spectral(a)) / (1 + np.exp(-np.linalg.norm(v))),
    ),
    "no norm": (sp.sqrt(2) * g + n, np.sqrt(2) * c + 6),
}


@pytest.mark.parametrize("name", CASES)
def test_balls_around_norms(name):
    expression, expected = CASES[name]
    ball = BoundEvaluator(bind(MODEL, NUMBERS)).ball(expression)
    assert ball.is_finite()
    assert abs(float(ball.mid()) - expected) <= 1e-11 * (1 + abs(expected))
    assert float(ball.rad()) <= 1e-11 * (1 + abs(expected))


def test_missing_weights_and_singular_inverses():
    evaluator = BoundEvaluator(bind(MODEL, {"W": w}))
    with pytest.raises(InputError, match="values: A has no value; given are W"):
        evaluator.ball(sg.OperatorNorm(W * A))
    singular = BoundEvaluator(bind(MODEL, {"W": np.ones((3, 3))}))
    with pytest.raises(InputError, match="could not be proved invertible"):
        singular.ball(sg.OperatorNorm(sp.Inverse(W)))
    assert BoundEvaluator(bind(MODEL, {"W": np.ones((3, 3))})).ball(sg.SmallestSingularValue(W)).contains(0)


def test_unknown_sizes():
    with pytest.raises(InputError, match="sizes: n is not known"):
        BallEvaluator({}, {}).matrix(eye)
