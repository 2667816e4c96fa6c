"""Taylor coefficients in balls against mpmath and central differences, at smooth points and at kinks."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_mat

import symgrad as sg
from symgrad.calculus.taylor import SeriesEvaluator, taylor_coefficients
from symgrad.rigor.balls import working_precision

NUMERIC = {"logistic": lambda z: 1 / (1 + mpmath.exp(-z)), "softplus": lambda z: mpmath.log1p(mpmath.exp(z))}
SMOOTH = ("tanh", "sigmoid", "arctan", "erf", "softplus", "gelu", "silu")


@pytest.mark.parametrize("name", SMOOTH)
def test_coefficients_are_those_of_mpmath(name):
    activation = sg.activation(name)
    function = sp.lambdify(activation.variable, activation.expr, [NUMERIC, "mpmath"])
    with mpmath.workdps(60), working_precision(120):
        for at in (-1.25, 0.0, 0.5, 2.0):
            found = taylor_coefficients(activation, arb(at), 4)
            for ball, number in zip(found, mpmath.taylor(function, mpmath.mpf(at), 4), strict=True):
                assert abs(float(ball.mid()) - float(number)) < 1e-14
                assert float(ball.rad()) < 1e-25


@pytest.mark.parametrize("name", SMOOTH)
def test_coefficients_over_a_ball_hold_those_of_every_point(name):
    activation = sg.activation(name)
    wide = taylor_coefficients(activation, arb(0.3, 0.2), 3)
    for at in np.linspace(0.1, 0.5, 9).tolist():
        narrow = taylor_coefficients(activation, arb(at), 3)
        assert all(ball.contains(value.mid()) for ball, value in zip(wide, narrow, strict=True))


def test_kinks_are_not_differentiated():
    relu, square = sg.activation("relu"), sg.activation("elu")
    at_kink, right, left = (taylor_coefficients(relu, arb(z), 2) for z in (0, 1, -1))
    assert at_kink[1].contains(0)
    assert at_kink[1].contains(1)
    assert not at_kink[2].is_finite()
    assert [float(c) for c in right] == [1, 1, 0]
    assert [float(c) for c in left] == [0, 0, 0]
    second = taylor_coefficients(square, arb(0), 3)  # exp(z) - 1 on the left: the first derivative is continuous
    assert second[1] == 1
    assert second[2].contains(0)
    assert second[2].contains(0.5)
    assert not second[3].is_finite()


def test_series_of_a_model_is_that_of_a_composition():
    model = sg.models.elman()
    (h,), node = model.states, next(iter(model.nodes.values()))
    values = {"W": [[0.5, -2.0], [1.0, 0.25]], "U": [[1.0], [2.0]], "b": [[0.5], [-0.25]], "u": [[0.125]]}
    numbers = {model.symbol(name): (arb_mat(rows),) for name, rows in values.items()}
    start, speed = [[0.25], [-0.5]], [[1.0], [0.75]]
    line = {**numbers, h: (arb_mat(start), arb_mat(speed))}
    sizes = {s: 2 if str(s) == "n" else 1 for s in model.sizes}
    found = SeriesEvaluator(line, sizes, 3).vector(node)
    weights = {name: mpmath.matrix(rows) for name, rows in values.items()}

    def entry(i):
        def along(t):
            state = mpmath.matrix(start) + t * mpmath.matrix(speed)
            inner = weights["W"] * state + weights["U"] * weights["u"] + weights["b"]
            return mpmath.tanh(inner[i])

        return along

    with mpmath.workdps(50):
        for i in range(2):
            wanted = mpmath.taylor(entry(i), 0, 3)
            assert all(abs(float(c[i, 0]) - float(w)) < 1e-13 for c, w in zip(found, wanted, strict=True))


def test_scalar_parameters_move_along_their_line():
    g, h = sp.Symbol("g"), sp.MatrixSymbol("h", 1, 1)
    model = sg.Recurrence({h: sg.activation("tanh")(g**2 * h)})
    values = {g: (arb_mat([[0.5]]), arb_mat([[1]])), h: (arb_mat([[1.5]]),)}
    found = SeriesEvaluator(values, {}, 3).vector(model.nodes[h])
    wanted = mpmath.taylor(lambda t: mpmath.tanh((0.5 + t) ** 2 * 1.5), 0, 3)
    assert all(abs(float(c[0, 0]) - float(w)) < 1e-12 for c, w in zip(found, wanted, strict=True))
