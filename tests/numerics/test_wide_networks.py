"""Simulated wide networks: exact cases, the rate 1/n, and gradients on and beside the critical line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

import symgrad as sg
from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.language.elementwise import Activation
from symgrad.numerics.wide_networks import Estimate, simulate_wide_network

IDENTITY = Activation("identity", X + 0)


def test_the_first_layer_is_as_asked() -> None:
    found = simulate_wide_network("tanh", 30, 2, 1.5, q0=0.7, c0=-0.2, samples=3)
    assert (found.q.mean[0], found.correlation.mean[0]) == pytest.approx((0.7, -0.2), rel=1e-12)
    assert found.gradient.mean[-1] == 1
    assert found.q.mean.shape == found.correlation.mean.shape == found.gradient.mean.shape == (3,)


def test_seeds_decide() -> None:
    first, again, other = (simulate_wide_network("relu", 20, 2, 2, samples=2, seed=seed) for seed in (1, 1, 2))
    assert (first.q.mean == again.q.mean).all()
    assert first.q.mean[2] != other.q.mean[2]


def test_orthogonal_linear_networks_are_isometries_to_rounding() -> None:
    found = simulate_wide_network(IDENTITY, 25, 6, 1.21, weights="orthogonal", samples=3)
    assert found.singular_values == pytest.approx(np.full((3, 25), 1.1**6), rel=1e-12)
    assert found.gradient.mean == pytest.approx(1.21 ** np.arange(6, -1, -1), rel=1e-12)
    assert found.q.mean == pytest.approx(1.21 ** np.arange(7), rel=1e-12)


def test_gradients_and_singular_values_are_those_of_one_jacobian() -> None:
    """The mean squared gradient over all directions at the output is the mean squared singular value."""
    found = simulate_wide_network("tanh", 40, 5, 1.3, 0.1, skip=0.5, samples=40)
    # sixteen random directions leave a relative deviation of at most sqrt(2 m_2/(16 40 40))/m_1 here, about 2 %
    assert found.gradient.mean[0] == pytest.approx(float(found.squared_mean.mean), rel=0.08)
    assert float(found.squared_mean.mean) == pytest.approx((found.singular_values**2).sum() / 40 / 40, rel=1e-12)


def test_finite_width_costs_one_over_n() -> None:
    """The fourth moment of a product of L Gaussian matrices is (for two layers, exactly) off by a multiple of 1/n."""
    depth, exact = 2, {}
    for n in (8, 32):
        # m_2 of one more layer is E[(tr A/n)^2] + (1 + 1/n) m_2, and E[(tr W W'/n)^2] = 1 + 2/n^2
        one = 1 + (1 + 1 / n)
        exact[n] = (1 + 2 / n**2) + (1 + 1 / n) * one
    limit = depth + 1
    deviations = []
    for n, samples in ((8, 2000), (32, 400)):
        found = simulate_wide_network(IDENTITY, n, depth, 1.0, samples=samples, seed=n)
        fourth = (found.singular_values**4).mean(axis=1)
        error = fourth.std() / math.sqrt(samples)
        assert abs(fourth.mean() - exact[n]) < 4 * error
        assert fourth.mean() - limit > 4 * error  # infinite width is told apart from either width
        deviations.append((n * (fourth.mean() - limit), n * error))
    (small, small_error), (large, large_error) = deviations
    assert abs(small - large) < 4 * math.hypot(small_error, large_error) + 0.3  # exactly 3.375 and 3.094
    assert small / 8 > 3 * large / 32


@pytest.mark.slow
def test_error_bars_shrink_with_samples_and_width() -> None:
    few, many, wide = (
        simulate_wide_network("tanh", n, 3, 2, samples=s, seed=5, spectrum=False)
        for n, s in ((16, 60), (16, 960), (64, 60))
    )
    assert few.q.error[3] / many.q.error[3] == pytest.approx(4, rel=0.5)
    assert few.q.error[3] / wide.q.error[3] == pytest.approx(2, rel=0.5)


def _chi(sigma_w2: float, sigma_b2: float) -> tuple[float, float]:
    """The fixed point and chi_1 of tanh, by Gauss and Hermite's rule: independent of what is tested."""
    z, w = np.polynomial.hermite_e.hermegauss(201)
    w = w / math.sqrt(2 * math.pi)
    q = brentq(lambda q: sigma_w2 * (w @ np.tanh(math.sqrt(q) * z) ** 2) + sigma_b2 - q, 1e-6, sigma_w2 + sigma_b2)
    return q, float(sigma_w2 * (w @ np.cosh(math.sqrt(q) * z) ** -4.0))


@pytest.mark.parametrize("factor", [0.9, pytest.param(1.0, marks=pytest.mark.slow), 1.1])
def test_gradients_of_fifty_layers_on_and_beside_the_critical_line(factor: float) -> None:
    gain, offset, depth = 1.760954615, 0.05, 50
    q, chi = _chi(factor * gain, offset)
    found = simulate_wide_network("tanh", 96, depth, factor * gain, offset, q0=q, samples=24, seed=2, spectrum=False)
    logs, spread = np.log(found.gradient.mean), found.gradient.error / found.gradient.mean
    expected = math.log(chi) * np.arange(depth, -1, -1)
    assert (np.abs(logs - expected) < 4 * spread + 0.15).all()
    # what another line would give is refuted: the factors beside it differ by 4 % a layer
    for other in {0.9, 1.0, 1.1} - {factor}:
        assert abs(logs[0] - depth * math.log(_chi(other * gain, offset)[1])) > 4 * spread[0]
    assert np.abs(found.q.mean - q).max() < 5 * found.q.error.max() + 0.01


def test_dropout_and_skip_multiply_the_gradient() -> None:
    found = simulate_wide_network(IDENTITY, 100, 3, 0.5, skip=0.6, dropout=0.2, samples=60, spectrum=False)
    factor = 0.36 + 0.5 / 0.8
    assert abs(found.gradient.mean[0] - factor**3) < 4 * found.gradient.error[0]
    # independent masks leave the product of two inputs as it is
    covariance = found.correlation.mean[-1] * found.q.mean[-1]
    assert covariance == pytest.approx(0.5 * (0.36 + 0.5) ** 3, rel=0.15)


def test_what_is_not_asked_for_is_not_there() -> None:
    found = simulate_wide_network("relu", 10, 1, 2, samples=2, spectrum=False)
    assert isinstance(found.q, Estimate)
    assert found.singular_values is None
    with pytest.raises(InputError, match="spectrum=True"):
        _ = found.squared_mean


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"width": 1}, "width"),
        ({"depth": 0}, "depth"),
        ({"samples": 1}, "samples"),
        ({"seed": -1}, "seed"),
        ({"sigma_w2": -1.0}, "sigma_w2"),
        ({"sigma_b2": math.nan}, "sigma_b2"),
        ({"dropout": 1.0}, "dropout"),
        ({"c0": 1.5}, "c0"),
        ({"q0": "one"}, "q0"),
        ({"weights": "sparse"}, "weights"),
    ],
)
def test_malformed_arguments(options: dict[str, object], name: str) -> None:
    with pytest.raises(InputError, match=name):
        simulate_wide_network("tanh", **{"width": 4, "depth": 1, "sigma_w2": 1.0, "samples": 2, **options})


def test_jumps_have_no_gradient() -> None:
    with pytest.raises(UnsupportedExpressionError, match="jumps"):
        simulate_wide_network(sp.sign(X), 4, 1, 1.0, samples=2)


def test_the_name_at_the_top_is_this_one() -> None:
    assert sg.simulate_wide_network is simulate_wide_network
