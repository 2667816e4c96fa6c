"""Array functions against ball arithmetic, for every declared activation and for users' formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE as z
from symgrad.numerics.functions import array_function, constant_float
from symgrad.rigor.balls import Enclosed, ball_function, working_precision
from symgrad.rigor.functions import logistic, softplus

HUGE = [1e2, 709.0, 711.0, 745.2, 1e3, 1e5, 1e8, 1e16, 1e100, 1e160, 1e300]
TINY = [1e-3, 1e-8, 1e-16, 1e-100, 1e-300, 5e-324]
KINKS = [0.5, 1.0, 2.0, 3.0, 4.0]


def points() -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal(150) * np.repeat([0.3, 3.0, 30.0], 50)
    listed = np.array(HUGE + TINY + KINKS)
    return np.concatenate([drawn, listed, -listed, [0.0]])


def reference(expr: sp.Expr, x: float) -> tuple[float, float]:
    """The value and its possible error from balls, at whatever precision it takes; NaN where there is none."""
    function = ball_function(expr, z)
    for bits in (128, 1024, 4096):
        with working_precision(bits):
            ball = function(x)
            if ball.rel_accuracy_bits() > 60 or ball.rad() < 1e-300:
                break
    return (float(ball.mid()), float(ball.rad())) if ball.is_finite() else (math.nan, math.nan)


def compare(expr: sp.Expr, x: np.ndarray, tolerance: float = 1e-12) -> None:
    with np.errstate(all="raise"):  # the function has to be silent by itself
        got = array_function(expr)(np, x)
    for place, value in enumerate(got.tolist()):
        expected, error = reference(expr, float(x[place]))
        if math.isfinite(expected):
            assert value == pytest.approx(expected, rel=tolerance, abs=tolerance + error), (expr, x[place])
        else:
            assert math.isnan(expected) == math.isnan(value), (expr, x[place], value)


@pytest.mark.parametrize("name", sg.activation_names())
def test_activations_and_their_slopes_agree_with_balls_everywhere(name: str) -> None:
    function = sg.activation(name)
    x = points()
    usual = x[np.abs(x) < 1e15] if name == "sin" else x  # the sine of a huge float is another matter
    compare(function.expr, usual)
    compare(function.derivative.expr, usual)


@pytest.mark.parametrize("name", sg.activation_names())
def test_no_argument_gives_nan(name: str) -> None:
    for expr in (sg.activation(name).expr, sg.activation(name).derivative.expr):
        assert not np.isnan(array_function(expr)(np, points())).any()


USER_FORMULAS = [
    z * sp.tanh(sp.log(1 + sp.exp(z))),
    z / (1 + sp.exp(-2 * z)),
    sp.log(1 + sp.exp(z) + sp.exp(2 * z)),
    sp.sinh(z) / sp.cosh(z),
    sp.log(sp.cosh(z)),
    sp.sqrt(z**2 + 1),
    z / sp.sqrt(1 + z**2),
    sp.exp(-sp.Abs(z)) * sp.cos(z / 10**17),
    sp.Max(-1, sp.Min(z, sp.Rational(1, 2))),
    sp.Heaviside(z, sp.Rational(1, 3)) * sp.exp(-z),
    sp.sign(z) * sp.log(1 + sp.Abs(z)),
    sp.atan(z) / sp.pi + sp.erfc(z) / 3,
    sp.asinh(z) + sp.sech(z),
    sp.Piecewise((sp.exp(z), z < -1), (z**3, z <= 2), (sp.sqrt(1 + z), True)),
    sp.Piecewise((1, sp.And(z > -1, z < 1)), (0, True)),
    sp.Piecewise((z, sp.Or(sp.Ne(z, 0), z > 2)), (7, True)),
    sp.gamma(1 + logistic(z)),
    sp.loggamma(2 + softplus(z) / (1 + z**2)),
    sp.digamma(2 + sp.tanh(z)),
    sp.acos(sp.tanh(z)) + sp.asin(logistic(z)),
    sp.exp(z) / (1 + sp.exp(z)) ** 2,
    (z**2) ** sp.Rational(1, 3),
    2 ** sp.tanh(z) + sp.pi,
    sp.Float(0.1) * z,
]


@pytest.mark.parametrize("expr", USER_FORMULAS, ids=str)
def test_formulas_agree_with_balls(expr: sp.Expr) -> None:
    ill_conditioned = expr.has(sp.acos, sp.asin)  # infinite slope at 1, which tanh approaches
    compare(expr, points(), 1e-7 if ill_conditioned else 1e-11)


def test_outside_the_domain_is_nan_and_silent() -> None:
    values = array_function(sp.log(z))(np, np.array([-1.0, 1.0]))
    assert math.isnan(values[0])
    assert values[1] == 0


@pytest.mark.parametrize("name", sg.activation_names())
def test_what_is_not_a_number_stays_so(name: str) -> None:
    """An overflow must not turn into a finite state further on."""
    assert np.isnan(array_function(sg.activation(name).expr)(np, np.array([math.nan]))).all()


def test_kinks_take_the_branch_of_the_formula() -> None:
    slope = sg.activation("relu").derivative.expr
    assert array_function(slope)(np, np.array([-0.0, 0.0, 5e-324])).tolist() == [0.0, 0.0, 1.0]


def test_a_constant_formula_has_the_shape_of_the_argument() -> None:
    assert array_function(sp.Integer(3))(np, np.zeros((2, 3))).tolist() == [[3.0] * 3] * 2


def test_constants() -> None:
    assert constant_float(Enclosed("c", lambda bits: (ball_function(sp.pi, ()))())) == math.pi
    assert constant_float(-sp.oo) == -math.inf
    assert constant_float(sp.Integer(10) ** 400) == math.inf


@pytest.mark.parametrize("expr", [sp.besselj(0, z), sp.Symbol("y")])
def test_unknown_functions_and_symbols_are_refused(expr: sp.Expr) -> None:
    with pytest.raises((UnsupportedExpressionError, InputError)):
        array_function(expr)


def test_another_array_library() -> None:
    torch = pytest.importorskip("torch")
    xp = pytest.importorskip("array_api_compat.torch")
    x = torch.linspace(-5, 5, 21, dtype=torch.float64)
    for name in ("gelu", "relu", "mish", "hardswish", "softsign"):
        expr = sg.activation(name).expr
        got = array_function(expr)(xp, x)
        assert got.dtype == torch.float64
        np.testing.assert_allclose(got.numpy(), array_function(expr)(np, x.numpy()), rtol=1e-13)
