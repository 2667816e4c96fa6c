"""The ready-made cells: against the functions they call and against numbers computed another way."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.sweeps.cells import QUANTITIES, bound_rate, lyapunov_exponent, neuron_fixed_points, phase, product_growth
from symgrad.sweeps.random_models import model_named, random_weights


@pytest.mark.parametrize("law", ["gaussian", "orthogonal"])
def test_weights_have_the_gain_asked_for(law: str) -> None:
    for name in ("elman", "lstm", "gru"):
        model = model_named(name)
        weights = random_weights(model, 100, 1.5, np.random.default_rng(0), law=law, inputs=3)
        assert set(weights) == {str(parameter) for parameter in model.parameters}
        square = [array for array in weights.values() if array.shape == (100, 100)]
        assert square
        for array in square:
            largest = np.linalg.norm(array, 2)
            assert largest == pytest.approx(1.5) if law == "orthogonal" else 2.5 < largest < 3.3  # 2 * 1.5 in the limit
        assert all(np.all(array == 0) for array in weights.values() if array.ndim == 1)


def test_the_growth_is_the_norm_of_the_product_of_explicit_jacobians() -> None:
    found = product_growth(1.2, 12, seed=3, steps=30)
    rng = np.random.default_rng(3)
    weights = random_weights(model_named("elman"), 12, 1.2, rng)
    inputs, state, product = rng.normal(size=(30, 1)), np.zeros(12), np.eye(12)
    for u in inputs:
        state = np.tanh(weights["W"] @ state + weights["U"] @ u + weights["b"])
        product = ((1 - state**2)[:, None] * weights["W"]) @ product
    assert found["log10_norm"] == pytest.approx(np.log10(np.linalg.norm(product, 2)), abs=1e-5)
    assert found["rate"] == pytest.approx(np.linalg.norm(product, 2) ** (1 / 30), rel=1e-5)


def test_the_growth_stays_below_the_bound_on_the_same_weights() -> None:
    for seed in range(4):
        law = ("gaussian", "orthogonal")[seed % 2]
        measured = product_growth(1.1, 10, seed, law=law)["log10_norm"]
        bounds = [bound_rate(1.1, 10, seed, method, law=law)["log10_bound"] for method in ("norm", "perron", "best")]
        assert measured <= min(bounds) < np.inf


def test_a_leaky_unit_needs_its_leak() -> None:
    assert product_growth(0.9, 8, 0, model="leaky", alpha=0.5)["rate"] < 1.2
    with pytest.raises(InputError, match="alpha: model leaky needs this number too"):
        product_growth(0.9, 8, 0, model="leaky")
    with pytest.raises(InputError, match="beta: model elman has no such number"):
        product_growth(0.9, 8, 0, beta=0.5)
    with pytest.raises(InputError, match="model: one with weight matrices"):
        product_growth(0.9, 8, 0, model="neuron")
    with pytest.raises(InputError, match="law: one of gaussian, orthogonal"):
        product_growth(0.9, 8, 0, law="uniform")
    with pytest.raises(InputError, match="size: a positive integer"):
        product_growth(0.9, 8.5, 0)


def test_small_gains_contract_at_the_rate_of_the_spectral_radius() -> None:
    found = lyapunov_exponent(0.5, 40, 0, steps=200, scale=0.0)
    weights = random_weights(model_named("elman"), 40, 0.5, np.random.default_rng(0))
    assert found["exponent"] == pytest.approx(np.log(np.abs(np.linalg.eigvals(weights["W"])).max()), abs=0.05)


def test_the_phase_is_that_of_the_theory() -> None:
    assert phase(1.0, 0.0)["phase"] == "critical"
    cell = phase(1.7, 0.05)
    # The fixed point and chi_1 by Gauss-Hermite quadrature and plain iteration.
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    q = 1.0
    for _ in range(500):
        q = 1.7 * weights @ np.tanh(np.sqrt(q) * nodes) ** 2 + 0.05
    assert cell["q"] == pytest.approx(q, rel=1e-8)
    assert cell["chi"] == pytest.approx(1.7 * weights @ np.cosh(np.sqrt(q) * nodes) ** -4, rel=1e-8)
    assert phase(3.0, 0.0, "relu") == {"chi": None, "q": None, "phase": "variance diverges", "fixed_points": 1}


def test_the_neuron_has_three_fixed_points_where_a_scan_finds_three() -> None:
    for w, b in ((5.0, -2.5), (6.0, -2.0), (-3.0, 1.0), (0.0, 0.7)):
        x = np.linspace(0, 1, 200_001)
        crossings = np.flatnonzero(np.diff(np.sign(1 / (1 + np.exp(-w * x - b)) - x + 1e-12)))
        found = neuron_fixed_points(w, b)
        assert found["complete"]
        assert found["fixed_points"] == len(crossings)
        assert (found["least"], found["largest"]) == pytest.approx((x[crossings[0]], x[crossings[-1]]), abs=1e-5)


def test_every_quantity_can_be_swept() -> None:
    grids = {
        "phase": {"sigma_w2": [1.5], "sigma_b2": [0.05]},
        "product-growth": {"gain": [1.0], "size": [6], "steps": [10]},
        "lyapunov-exponent": {"gain": [1.0], "size": [6], "steps": [30]},
        "bound-rate": {"gain": [1.0], "size": [6], "method": ["norm"]},
        "neuron-fixed-points": {"w": [5.0], "b": [-2.5]},
    }
    assert grids.keys() == QUANTITIES.keys()
    for name, grid in grids.items():
        found = sg.sweep(QUANTITIES[name], grid)
        assert found.failed == 0, found.errors
        assert all(np.isfinite(found.column(column)).all() for column in found.values if column != "phase")
