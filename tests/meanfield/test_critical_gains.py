"""Gains at the edge of chaos, and given gains beside derived ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq

import symgrad as sg
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function

Z = VARIABLE


def mean(formula: sp.Expr, q: float) -> float:
    """``E[f(sqrt(q) z)]`` by scipy."""
    function = array_function(formula)

    def integrand(z: float) -> float:
        return float(function(np, np.array([np.sqrt(q) * z]))[0] * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    return float(sum(quad(integrand, *ends, epsabs=1e-13)[0] for ends in ((-12, -1), (-1, 0), (0, 1), (1, 12))))


@pytest.mark.parametrize(
    ("name", "gain"),
    [("tanh", 1), ("erf", sp.sqrt(sp.pi) / 2), ("relu", sp.sqrt(2)), ("sin", 1), ("identity", 1), ("elu", 1)],
)
def test_gains_at_the_edge_of_chaos(name: str, gain: sp.Expr) -> None:
    found = sg.init_gain(name, "chi1")
    assert sp.simplify(found.gain - gain) == 0
    assert found.variance == (1 if name in ("relu", "identity") else 0)
    assert float(found.chi.ball) == pytest.approx(1, abs=1e-12)


def test_selu_has_a_gain_in_the_limit_of_small_variances() -> None:
    slopes = [float(sp.diff(sg.activation("selu").expr, Z).subs(Z, x)) for x in (-1e-12, 1e-12)]
    assert float(sg.init_gain("selu", "chi1")) == pytest.approx((2 / sum(s * s for s in slopes)) ** 0.5, rel=1e-9)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_no_gain_where_the_variance_repels(name: str) -> None:
    with pytest.raises(sg.InputError, match="gain 2, but the fixed point 0 of the variance there is repelling"):
        sg.init_gain(name, "chi1")


@pytest.mark.parametrize("phi", [Z**3, Z * sp.tanh(Z), Z**2 / (1 + Z**2), sp.Max(Z - 1, 0)])
def test_no_gain_where_the_activation_is_flat_at_zero(phi: sp.Expr) -> None:
    with pytest.raises(sg.InputError, match="chi_1 > 1 at every positive fixed point"):
        sg.init_gain(phi, "chi1")
    for q in (0.3, 4.0):
        assert q * mean(sp.diff(phi, Z) ** 2, q=q) > mean(phi**2, q=q)


def test_the_critical_variance_attracts() -> None:
    """A network of tanh at the critical gain loses variance, and more slowly than exponentially."""
    gain = float(sg.init_gain("tanh", "chi1"))
    values = [0.3]
    for _ in range(60):
        values.append(gain**2 * mean(sp.tanh(Z) ** 2, values[-1]))
    ratios = np.diff(np.log(values))
    assert (ratios < 0).all()
    assert (np.diff(ratios) > 0).all()


def test_five_thirds_of_pytorch() -> None:
    """PyTorch lists 5/3 for tanh: it keeps a variance of 1.18, where gradients grow by 1.21 a layer."""
    found = sg.init_gain("tanh").compare(sp.Rational(5, 3))
    kept = brentq(lambda q: 25 / 9 * mean(sp.tanh(Z) ** 2, q) - q, 0.5, 2)
    attracting = [point for point in found.points if point.attracts]
    assert [float(point) for point in attracting] == pytest.approx([kept], rel=1e-9)
    chi = 25 / 9 * mean((1 - sp.tanh(Z) ** 2) ** 2, kept)
    assert float(attracting[0].chi) == pytest.approx(chi, rel=1e-9)
    assert chi > 1.2
    assert float(found.forward.ball) == pytest.approx(25 / 9 * mean(sp.tanh(Z) ** 2, 1), rel=1e-10)
    assert float(found.ratio) == pytest.approx(1.04655, abs=1e-5)


def test_given_gains_that_keep_every_variance_or_none() -> None:
    he = sg.init_gain("relu").compare(sp.sqrt(2))
    assert he.points.continuum
    assert "every variance is kept" in he.sentences
    small = sg.init_gain("leaky_relu").compare(1)
    assert [point.stability for point in small.points] == ["attracting"]
    assert small.backward is not None
    assert float(small.backward.ball) == pytest.approx(0.50005)
    step = sg.init_gain(sp.Heaviside(Z)).compare(2)
    assert step.backward is None
    assert [float(point) for point in step.points] == pytest.approx([2.0])
    with pytest.raises(sg.InputError, match="gain: a positive number"):
        sg.init_gain("tanh").compare(-1)


@pytest.mark.slow
def test_critical_gain_of_the_sigmoid() -> None:
    found = sg.init_gain("sigmoid", "chi1")
    phi = sg.activation("sigmoid")
    first, second = phi.expr**2, phi.derivative.expr**2
    q = brentq(lambda q: q * mean(second, q) - mean(first, q), 20, 80)
    assert float(found.variance) == pytest.approx(q, rel=1e-7)
    assert float(found) == pytest.approx((q / mean(first, q)) ** 0.5, rel=1e-7)
    assert abs(float(found.slope.ball)) < 1
