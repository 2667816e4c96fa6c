"""Moments of singular values and dynamical isometry: closed forms, quadrature, hidden-case formulas, mutations."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.errors import InputError, SymgradError, UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.language.elementwise import Activation
from symgrad.meanfield.infinite_width import infinite_width
from symgrad.meanfield.isometry import IMPOSSIBLE, POSSIBLE, UNDECIDED, dynamical_isometry
from symgrad.meanfield.singular_values import singular_values
from symgrad.numerics.wide_networks import simulate_wide_network

R = sp.Rational


def test_relu_at_its_critical_point_is_exact() -> None:
    # Pennington, Schoenholz and Ganguli 2018: mu_2/mu_1^2 = 2, so that the variance is 2 L, and L if orthogonal
    gaussian = singular_values("relu", 2, 10, q=1)
    orthogonal = singular_values("relu", 2, 10, q=1, weights="orthogonal")
    assert (gaussian.mean, gaussian.variance, gaussian.second_moment) == (1, 20, 21)
    assert (orthogonal.mean, orthogonal.variance) == (1, 10)
    assert (gaussian.s_1, orthogonal.s_1) == (-1, 0)


def test_tanh_agrees_with_quadrature() -> None:
    found = singular_values("tanh", R(9, 5), 30, q=R(3, 5), weights="orthogonal")
    with mpmath.workdps(30):
        moments = [
            mpmath.quad(
                lambda z, k=k: mpmath.sech(mpmath.sqrt(0.6) * z) ** (4 * k) * mpmath.npdf(z), [-25, -5, 0, 5, 25]
            )
            for k in (1, 2)
        ]
        chi = mpmath.mpf("1.8") * moments[0]
        variance = chi**60 * 30 * (moments[1] / moments[0] ** 2 - 1)
    for ball, value in zip(found.moments, moments, strict=True):
        assert float(abs(ball - arb(str(value)))) < 1e-13
    assert float(found.mean) == pytest.approx(float(chi**30), rel=1e-12)
    assert float(found.variance) == pytest.approx(float(variance), rel=1e-11)


def test_the_variance_of_the_biases_gives_the_fixed_point() -> None:
    found = singular_values("erf", R(3, 2), 5, sigma_b2=R(1, 20))
    q = float(found.q)
    assert found.stability == "attracting"
    assert 1.5 * 2 / mpmath.pi * mpmath.asin(2 * q / (1 + 2 * q)) + 0.05 == pytest.approx(q, rel=1e-12)


def test_the_formulas_are_those_of_the_numbers() -> None:
    found = singular_values("erf", 2, 7, q=R(1, 2))
    (sigma,) = [s for s in found.variance_formula.free_symbols if str(s) == "sigma_w"]
    (depth,) = [s for s in found.variance_formula.free_symbols if str(s) == "L"]
    (q,) = [s for s in found.variance_formula.free_symbols if str(s) == "q"]
    value = found.variance_formula.subs({sigma: sp.sqrt(2), depth: 7, q: R(1, 2)})
    assert float(value) == pytest.approx(float(found.variance), rel=1e-12)


@pytest.mark.parametrize("weights", ["gaussian", "orthogonal"])
def test_simulated_networks_have_these_moments_and_not_others(weights: str) -> None:
    network = simulate_wide_network("relu", 96, 3, 2, weights=weights, samples=60, seed=3)
    expected = singular_values("relu", 2, 3, q=1, weights=weights)
    limit = infinite_width(network)
    assert (limit.squared_mean, limit.squared_variance) == pytest.approx((1.0, float(expected.variance)), rel=1e-12)
    seen = network.squared_variance
    bias = float(expected.variance) * 9 / 96  # of the order depth^2/width
    assert abs(float(seen.mean) - float(expected.variance)) < 4 * float(seen.error) + bias
    other = 9 - float(expected.variance)  # what the other kind of weights would give
    assert abs(float(seen.mean) - other) > 10 * float(seen.error)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"depth": 0, "q": 1}, "depth"),
        ({"depth": 3}, "q, sigma_b2"),
        ({"depth": 3, "q": 1, "sigma_b2": 1}, "q, sigma_b2"),
        ({"depth": 3, "q": -1}, "q"),
        ({"depth": 3, "q": 1, "weights": "sparse"}, "weights"),
        ({"depth": 3, "sigma_b2": -1}, "sigma_b2"),
        ({"depth": 3, "sigma_b2": 1}, "sigma_b2"),  # relu at sigma_w^2 = 2 diverges
    ],
)
def test_malformed_arguments(options: dict[str, object], name: str) -> None:
    with pytest.raises(InputError, match=name):
        singular_values("relu", 2, **options)
    with pytest.raises(UnsupportedExpressionError, match="jumps"):
        singular_values(Activation("step", sp.Heaviside(X)), 1, 3, q=1)


VERDICTS: list[Any] = [
    ("relu", IMPOSSIBLE, 2),
    (sp.Piecewise((X, X > 0), (-X / 2, True)), IMPOSSIBLE, R(34, 25)),
    (X**2, IMPOSSIBLE, 3),
    (X + 0, POSSIBLE, 1),
    (sp.Abs(X), POSSIBLE, 1),
    (sp.Abs(sp.Abs(X) - 1), POSSIBLE, 1),
    ("tanh", POSSIBLE, 1),
    ("hard_tanh", POSSIBLE, 1),
    (sp.Max(-1, sp.Min(2, X)), POSSIBLE, 1),
    ("elu", POSSIBLE, 1),
    pytest.param(X / (1 + sp.Abs(X)), POSSIBLE, 1, marks=pytest.mark.slow),
    ("sigmoid", IMPOSSIBLE, None),
    ("softplus", IMPOSSIBLE, None),
    pytest.param(sp.cos(X), IMPOSSIBLE, None, marks=pytest.mark.slow),
    (sp.sqrt(1 + X**2), IMPOSSIBLE, None),
    (X + 1 / (1 + sp.exp(-X)), POSSIBLE, 1),
    (sp.sqrt(1 + X**2) - 1, POSSIBLE, 1),
    (X * sp.log(1 + X**2), UNDECIDED, None),
]


@pytest.mark.parametrize(("activation", "verdict", "infimum"), VERDICTS, ids=str)
def test_isometry_with_orthogonal_weights(activation: object, verdict: str, infimum: object) -> None:
    found = dynamical_isometry(activation)
    assert (found.verdict, found.infimum) == (verdict, infimum)
    if verdict == IMPOSSIBLE and found.smallest is not None:
        assert found.smallest[0] > 1.01


@pytest.mark.slow
def test_gelu_reaches_isometry_only_at_repelling_variances() -> None:
    found = dynamical_isometry("gelu")
    assert found.verdict == POSSIBLE
    assert "repels" in found.reason
    assert "attracts" in dynamical_isometry("tanh").reason


def test_gaussian_weights_never_allow_isometry() -> None:
    for activation in (X + 0, "tanh", "relu"):
        found = dynamical_isometry(activation, "gaussian")
        assert found.possible is False
        assert isinstance(found.derivation.conclusion, sp.Ge)


def test_the_limit_of_the_ratio_is_approached_by_the_enclosed_one() -> None:
    means = [singular_values("tanh", 1, 1, q=q).moments for q in (R(1, 10), R(1, 1000))]
    ratios = [second / first**2 for first, second in means]
    assert ratios[0] > ratios[1] > 1
    assert ratios[1] < 1.01


def test_malformed_weights_and_jumps() -> None:
    with pytest.raises(InputError, match="weights"):
        dynamical_isometry("tanh", "sparse")
    with pytest.raises(SymgradError, match="jumps"):
        dynamical_isometry(sp.sign(X))
    assert sg.dynamical_isometry("erf").possible


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
def test_a_constant_has_no_critical_line(weights: str) -> None:
    with pytest.raises(InputError, match="slope of three is 0 almost everywhere"):
        dynamical_isometry(Activation("three", sp.Integer(3)), weights)
