"""Simulation and products in many digits against closed forms and exact rational arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, SymgradError, UnsupportedExpressionError
from symgrad.language.weights import bind
from symgrad.numerics.multiprecision import product_log10_norms
from symgrad.numerics.multiprecision_formulas import formula_value
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import shared_nodes

z = sp.Symbol("z", real=True)
x, r = sp.symbols("x r")
n = sp.Symbol("n", integer=True, positive=True)
W, h = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("h", n, 1)
LINEAR = sg.Recurrence({h: W * h})


@pytest.mark.parametrize("digits", [20, 50, 200])
def test_the_logistic_map_against_its_closed_form(digits: int) -> None:
    """With r = 4 the state is ``sin(2**t * arcsin(sqrt(x_0)))**2``; each step loses a binary digit."""
    steps = 30
    run = sg.simulate(
        sg.Recurrence({x: r * x * (1 - x)}), {"r": 4}, initial={"x": 0.25}, steps=steps, backend="mpmath", digits=digits
    )
    with mpmath.workdps(digits + 30):
        exact = mpmath.sin(2**steps * mpmath.pi / 6) ** 2
        assert abs(run.states["x"][-1, 0] - exact) < mpmath.mpf(10) ** (10 - digits)
    assert run.states["x"].dtype == object


def test_products_of_a_linear_map_are_powers() -> None:
    """``[[1, 1], [0, 1]]**k`` has the largest singular value ``(k + sqrt(k**2 + 4))/2``."""
    weights = bind(LINEAR, {"W": [[1.0, 1.0], [0.0, 1.0]]}, LINEAR.parameters)
    nodes, batch = shared_nodes(LINEAR), Batch({h: np.ones((2, 1, 1))}, {}, 7)
    logs = product_log10_norms(weights, nodes.updates, nodes.blocks, batch, ks=[2, 7], digits=40)
    assert logs.shape == (2, 1)
    with mpmath.workdps(40):
        for k, log in zip((2, 7), logs[:, 0], strict=True):
            assert abs(log - mpmath.log10((k + mpmath.sqrt(k * k + 4)) / 2)) < mpmath.mpf(10) ** -38
    one = product_log10_norms(weights, nodes.updates, nodes.blocks, batch, norm=1, digits=40)
    assert abs(one[6, 0] - mpmath.log10(8)) < 1e-15


def test_a_product_of_zero_is_minus_infinity() -> None:
    weights = bind(LINEAR, {"W": [[0.0, 1.0], [0.0, 0.0]]}, LINEAR.parameters)
    nodes, batch = shared_nodes(LINEAR), Batch({h: np.ones((2, 1, 1))}, {}, 3)
    logs = product_log10_norms(weights, nodes.updates, nodes.blocks, batch)
    assert [str(log) for log in logs[:, 0]] == ["0.0", "-inf", "-inf"]


@pytest.mark.parametrize(
    ("formula", "point", "equal"),
    [
        (1 - sp.tanh(z) ** 2, "200", lambda y: mpmath.sech(y) ** 2),
        (1 + sp.erf(z), "-20", lambda y: mpmath.erfc(-y)),
        (sp.exp(z) - 1, "1e-30", mpmath.expm1),
        (sp.Piecewise((z * (z + 3) / 6, z > -3), (0, True)), "-3", lambda y: mpmath.mpf(0)),
        (sp.Heaviside(z, sp.Rational(1, 3)), "0", lambda y: mpmath.mpf(1) / 3),
        (sp.polygamma(1, z), "2.5", lambda y: mpmath.psi(1, y)),
        (sp.sqrt(z), "-1", lambda y: mpmath.nan),
    ],
)
def test_formulas_that_cancel_keep_their_digits(formula: sp.Expr, point: str, equal: object) -> None:
    with mpmath.workdps(40):
        value, exact = formula_value(formula, {z: mpmath.mpf(point)}), equal(mpmath.mpf(point))
        assert (mpmath.isnan(value) and mpmath.isnan(exact)) or abs(value - exact) <= abs(exact) * mpmath.mpf(10) ** -38


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="digits: an integer from 15 to 10000 is needed, got 3"):
        sg.simulate(LINEAR, {"W": [[1.0]]}, initial={"h": [1.0]}, steps=1, backend="mpmath", digits=3)
    with pytest.raises(InputError, match="digits: only backend='mpmath'"):
        sg.simulate(LINEAR, {"W": [[1.0]]}, initial={"h": [1.0]}, steps=1, digits=30)
    with pytest.raises(InputError, match="mpmath has digits, but no device or dtype"):
        sg.simulate(LINEAR, {"W": [[1.0]]}, initial={"h": [1.0]}, steps=1, backend="mpmath", dtype="float32")
    with pytest.raises(UnsupportedExpressionError, match="no value in digits"):
        formula_value(sp.besselj(0, z), {z: mpmath.mpf(1)})


def test_what_mpmath_cannot_hold_is_said() -> None:
    x = sp.Symbol("x", real=True)
    model = sg.Recurrence({x: sp.gamma(x**2 + 10)})
    with pytest.raises(SymgradError, match="backend 'mpmath': values grow beyond what it holds"):
        sg.simulate(model, {}, initial={"x": 3.0}, steps=5, backend="mpmath", digits=20)
