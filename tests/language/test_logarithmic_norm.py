"""The atom of a logarithmic norm: what is taken out on construction, its value on entries, its place in SymPy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symgrad.calculus.enclose import BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import OperatorNorm, maximum
from symgrad.language.weights import Weights
from symgrad.rigor.logarithmic_norms import logarithmic_norm

n = sp.Symbol("n", integer=True, positive=True)
W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n)
EYE = sp.Identity(n)
a, b = sp.Symbol("a", real=True), sp.Symbol("b", positive=True)
P = pytest.mark.parametrize("p", [1, 2, sp.oo])


@P
def test_factors_and_shifts_are_taken_out(p):
    mu = LogarithmicNorm(W, p)
    assert LogarithmicNorm(3 * W - 2 * EYE, p) == 3 * mu - 2
    assert LogarithmicNorm(b * W - b * EYE, p) == b * mu - b
    assert LogarithmicNorm(a * EYE + W, p) == a + mu
    assert LogarithmicNorm(-2 * W, p) == 2 * LogarithmicNorm(-W, p)
    assert LogarithmicNorm(a * W, p) not in (a * mu, sp.Abs(a) * mu)
    assert LogarithmicNorm(-EYE, p) == -1
    assert LogarithmicNorm(sp.ZeroMatrix(n, n), p) == 0
    assert LogarithmicNorm(sp.Matrix([[a]]), p) == a


@P
def test_the_value_on_entries_is_the_derivative_of_the_norm(p):
    entries = sp.Matrix([[-2, 1, 3], [0, -1, 4], [-5, 2, sp.Rational(-1, 2)]])
    step = sp.Rational(1, 10**12)
    quotient = (OperatorNorm(sp.eye(3) + step * entries, p).evalf(40) - 1) / step
    assert abs(float(LogarithmicNorm(entries, p).doit()) - float(quotient)) < 1e-9
    assert abs(float(LogarithmicNorm(entries.evalf(20), p).doit()) - float(quotient)) < 1e-9


@P
def test_with_weights_it_is_enclosed(p):
    random = np.random.default_rng(1)
    matrix, other = random.standard_normal((2, 4, 4))
    balls = BoundEvaluator(Weights({W: matrix, V: other}, {n: 4}))
    found = balls.ball(LogarithmicNorm(W, p) - 1)
    assert float(found.mid()) == pytest.approx(logarithmic_norm(matrix, float(p)).upper - 1, abs=1e-12)
    product = float(balls.ball(LogarithmicNorm(W * V - 2 * EYE, p)).mid())
    assert product == pytest.approx(logarithmic_norm(matrix @ other, float(p)).upper - 2, abs=1e-12)


def test_it_is_a_real_number_of_unknown_sign():
    mu = LogarithmicNorm(W)
    assert mu.is_real
    assert mu.is_nonnegative is None
    assert maximum(sp.S.Zero, mu) == sp.Max(0, mu)
    assert maximum(mu - 1, mu - 2) == mu - 1
    assert sp.diff(sp.exp(a * mu), a) == mu * sp.exp(a * mu)
    assert sp.latex(mu) == r"\mu_{2}\left(W\right)"
    assert LogarithmicNorm(W, "inf").subs(W, sp.Matrix([[2]])).doit() == 2


def test_bad_input():
    with pytest.raises(InputError, match="needs a square matrix"):
        LogarithmicNorm(sp.MatrixSymbol("U", n, 2 * n))
    with pytest.raises(InputError, match="accepted are 1, 2 and inf"):
        LogarithmicNorm(W, 3)
    with pytest.raises(InputError, match="a SymPy matrix expression is needed"):
        LogarithmicNorm(3)
