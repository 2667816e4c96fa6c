"""Gains against independent quadrature, Monte Carlo, published numbers and what PyTorch lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import symgrad as sg
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import to_ball, working_precision

Z = VARIABLE
# Breakpoints of all activations of the library, so that no panel crosses a kink.
EDGES = np.unique(np.concatenate([np.linspace(-14, 14, 57), [-3.0, -1.0, 0.0, 1.0, 3.0]]))


def panels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre on panels: nodes, and weights with the normal density."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.diff(EDGES)[:, None] / 2
    z = ((EDGES[1:] + EDGES[:-1])[:, None] / 2 + half * nodes).ravel()
    return z, (half * weights).ravel() * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


NODES, WEIGHTS = panels()


def mean(formula: sp.Expr) -> float:
    """The Gaussian mean of a formula by that rule."""
    return float(array_function(formula)(np, NODES) @ WEIGHTS)


@pytest.mark.parametrize("name", sg.activation_names())
def test_forward_and_backward_gains_agree_with_quadrature(name: str) -> None:
    phi = sg.activation(name)
    forward, backward = sg.init_gain(name), sg.init_gain(name, "backward")
    assert float(forward) == pytest.approx(mean(phi.expr**2) ** -0.5, rel=1e-11)
    assert float(backward) == pytest.approx(mean(phi.derivative.expr**2) ** -0.5, rel=1e-11)


@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_tanh_to_thirty_digits(mode: str) -> None:
    function: Callable[[mpmath.mpf], mpmath.mpf] = (
        mpmath.tanh if mode == "forward" else lambda z: 1 - mpmath.tanh(z) ** 2
    )
    with mpmath.workdps(34):
        moment = 2 * mpmath.quad(lambda z: function(z) ** 2 * mpmath.npdf(z), [0, 1, 3, 6, 14])
        expected = mpmath.nstr(1 / mpmath.sqrt(moment), 30)
    ball = sg.init_gain("tanh", mode).ball
    assert abs(float(ball - to_ball(sp.Rational(expected), 128))) < 1e-28
    assert float(ball.rad()) < 1e-25


def test_closed_forms() -> None:
    assert sg.init_gain("relu").gain == sp.sqrt(2)  # He et al. 2015
    assert sg.init_gain("relu", "backward").gain == sp.sqrt(2)
    assert sg.init_gain("identity").gain == 1  # LeCun et al. 1998
    assert sp.simplify(sg.init_gain("sin").gain ** -2 - (1 - sp.exp(-2)) / 2) == 0
    assert sp.simplify(sg.init_gain("erf").gain ** -2 - 2 * sp.asin(sp.Rational(2, 3)) / sp.pi) == 0
    step = sg.Activation("step", sp.Heaviside(Z))
    assert sg.init_gain(step).gain == sp.sqrt(2)


@given(st.fractions(min_value=-3, max_value=3, max_denominator=50))
@settings(max_examples=8, deadline=None)
def test_leaky_gain_of_any_slope(slope: object) -> None:
    s = sp.Rational(str(slope))
    phi = sg.activation("leaky_relu", slope=s)
    for mode in ("forward", "backward"):
        assert sp.simplify(sg.init_gain(phi, mode).gain ** 2 - 2 / (1 + s**2)) == 0


@pytest.mark.parametrize("q", ["0.01", "2.5", "400"])
def test_other_variances_are_kept(q: str) -> None:
    found = sg.init_gain("arctan", variance=sp.Rational(q))
    moment = mean(sp.atan(sp.sqrt(float(q)) * Z) ** 2)
    assert float(found) ** 2 * moment == pytest.approx(float(q), rel=1e-10)
    assert float(found.forward.ball) == pytest.approx(1, abs=1e-12)


def test_kumar() -> None:
    """Kumar 2017: for the logistic function 3.6/sqrt(N), for tanh 1/sqrt(N)."""
    logistic = sg.init_gain("sigmoid", "kumar", fan_in=100)
    assert sp.simplify(logistic.gain**2 - sp.Rational("12.8")) == 0
    assert float(logistic) / 10 == pytest.approx(0.36, abs=0.003)
    assert sg.init_gain("tanh", "kumar").gain == 1
    assert "the exact one is" in logistic.warnings[0]
    with pytest.raises(sg.InputError, match="slopes 0 and 1 from the left"):
        sg.init_gain("relu", "kumar")
    with pytest.raises(sg.InputError, match="slope at 0, which is 0"):
        sg.init_gain("gaussian", "kumar")
    with pytest.raises(sg.InputError, match="values 0 and 1"):
        sg.init_gain(sp.Heaviside(Z), "kumar")


def test_where_pytorch_agrees_and_where_not() -> None:
    torch = pytest.importorskip("torch")
    listed = torch.nn.init.calculate_gain
    assert float(sg.init_gain("identity")) == pytest.approx(listed("linear"))
    assert float(sg.init_gain("relu")) == pytest.approx(listed("relu"))
    assert float(sg.init_gain(sg.activation("leaky_relu", slope=0.2))) == pytest.approx(listed("leaky_relu", 0.2))
    for name, smallest in (("tanh", 0.04), ("selu", 0.2), ("sigmoid", 0.4)):
        gap = abs(listed(name) / float(sg.init_gain(name)) - 1)
        assert gap > smallest, name


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "softplus"])
def test_a_wide_layer_keeps_the_variance(name: str) -> None:
    rng = np.random.default_rng(1)
    n = 1500
    inputs = rng.standard_normal((n, 4))
    gain = sg.init_gain(name, fan_in=n)
    weights = rng.standard_normal((n, n)) * float(gain) * float(gain.scale)
    outputs = weights @ array_function(sg.activation(name).expr)(np, inputs)
    assert (outputs**2).mean() == pytest.approx(1, abs=0.15)


def test_the_condition_is_sharp() -> None:
    found = sg.init_gain("gelu")
    with working_precision(128):
        moment = to_ball(found.gain**-2, 128)
        assert (found.ball**2 * moment).contains(1)
        assert not ((found.ball * (1 + to_ball(sp.Rational(1, 10**20)))) ** 2 * moment).contains(1)


def test_fans() -> None:
    assert sg.init_gain("identity", fan_in=300, fan_out=100).std == sp.sqrt(2) / 20  # Glorot and Bengio 2010
    assert sg.init_gain("relu", fan_in=50).std == sp.Rational(1, 5)  # He et al. 2015
    assert sg.init_gain("relu", "backward", fan_out=50).std == sp.Rational(1, 5)
    assert sg.init_gain("identity").std == 1 / sp.sqrt(sp.Symbol("n_in", positive=True, integer=True))


def test_warnings_say_what_is_not_kept() -> None:
    assert sg.init_gain("relu").warnings == ()
    gelu = " ".join(sg.init_gain("gelu").warnings)
    assert "repelling" in gelu
    assert "grow" in gelu
    assert not any("repelling" in line for line in sg.init_gain("tanh").warnings)
    assert "biases of variance 0.151 keep it" in sg.init_gain("tanh", "backward").warnings[0]
    steep = sg.init_gain(VARIABLE**3, "backward").warnings[0]
    assert "biases" in steep
    assert any("infinite" in line for line in sg.init_gain(sp.Heaviside(Z)).warnings)


def test_bias_variance_of_the_backward_gain_keeps_the_variance() -> None:
    found = sg.init_gain("tanh", "backward")
    missing = 1 - float(found.forward.ball)
    assert float(found) ** 2 * mean(sp.tanh(Z) ** 2) + missing == pytest.approx(1, abs=1e-12)
    assert float(found.chi.ball) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("phi", "mode", "message"),
    [
        (sp.exp(Z**2), "forward", "infinite"),
        (sp.Heaviside(Z), "backward", "jumps at 0"),
        (sp.sqrt(sp.Abs(Z)), "backward", "infinite"),
        (sp.Integer(3), "backward", "is 0"),
        (Z * 0, "forward", "is 0"),
        (sp.Heaviside(Z), "chi1", "infinite"),
    ],
)
def test_no_gain(phi: sp.Expr, mode: str, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        sg.init_gain(phi, mode)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "he"},
        {"mode": 1},
        {"variance": 0},
        {"variance": "1"},
        {"fan_in": 0},
        {"fan_out": 2.0},
        {"fan_in": True},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(sg.InputError, match=next(iter(options))):
        sg.init_gain("tanh", **options)


def test_variance_belongs_to_two_modes() -> None:
    with pytest.raises(sg.InputError, match="finds its own"):
        sg.init_gain("tanh", "kumar", variance=2)
    with pytest.raises(sg.InputError, match="activation: a name"):
        sg.init_gain(3)
    with pytest.raises(sg.UnknownNameError, match="tanh"):
        sg.init_gain("tanhh")
