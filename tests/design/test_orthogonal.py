"""Orthogonal and identity initialisation, and slopes of leaky ReLU, against autograd through recurrent steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad import design

pytestmark = pytest.mark.usefixtures("double_precision")
Z = sp.Symbol("z", real=True)
BY_TORCH = {
    "identity": lambda a: a,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "leaky_relu": lambda a: torch.nn.functional.leaky_relu(a, 0.01),
    "abs": torch.abs,
}


def singular_values(function: str, W: np.ndarray, steps: int, seed: int) -> np.ndarray:
    """Those of the Jacobian of so many recurrent steps by the first state."""
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randn(steps, len(W), generator=source)
    weights = torch.tensor(W)

    def run(h: torch.Tensor) -> torch.Tensor:
        for u in inputs:
            h = BY_TORCH[function](weights @ h + u)
        return h

    jacobian = torch.autograd.functional.jacobian(run, torch.randn(len(W), generator=source))
    return np.linalg.svd(jacobian.numpy(), compute_uv=False)


def activation(name: str) -> object:
    return sg.Activation("abs", sp.Abs(Z)) if name == "abs" else name


@pytest.mark.parametrize("name", sorted(BY_TORCH))
def test_products_of_recurrent_steps_obey_both_bounds(name: str) -> None:
    found = design.orthogonal_initialisation(activation(name), gain=1.1)
    k = next(iter(found.upper.free_symbols))
    for seed in range(3):
        Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((5, 5)))[0]
        for steps in (1, 6):
            values = singular_values(name, 1.1 * Q, steps, seed)
            assert values[0] <= float(found.upper.subs(k, steps)) * (1 + 1e-12)
            assert values[-1] >= float(sp.sympify(found.lower).subs(k, steps)) * (1 - 1e-12)


def test_what_is_and_what_is_not_guaranteed() -> None:
    assert design.orthogonal_initialisation("identity").is_isometry
    assert design.orthogonal_initialisation(sg.Activation("abs", sp.Abs(Z))).is_isometry
    relu = design.identity_initialisation("relu")
    assert (relu.upper, relu.lower, relu.is_projection, relu.is_isometry) == (1, 0, True, False)
    assert "not away from 0" in str(relu)
    assert design.orthogonal_initialisation("leaky_relu").floor == sp.Rational(1, 100)
    assert not design.orthogonal_initialisation("tanh").is_projection
    with pytest.raises(sg.NoBoundError):
        design.orthogonal_initialisation(sg.Activation("cube", Z**3))
    with pytest.raises(sg.InputError, match="gain: a positive number"):
        design.orthogonal_initialisation(gain=0)


def test_identity_with_relu_multiplies_to_a_projection() -> None:
    values = singular_values("relu", np.eye(6), 3, seed=1)
    assert set(np.round(values, 12)) == {0.0, 1.0}


@pytest.mark.parametrize("name", ["identity", "relu", "tanh", "abs"])
def test_falsified_bounds_are_caught(name: str) -> None:
    found = design.orthogonal_initialisation(activation(name))
    assert found.verify().holds
    smaller = replace(found.upper_bound, factor=sp.Rational(99, 100))
    assert not replace(found, upper_bound=smaller).verify().holds
    assert not replace(found, lower_bound=None, least_slope=found.least_slope + sp.Rational(101, 100)).verify().holds


@pytest.mark.parametrize(("steps", "share", "sigma"), [(1, 0.5, 1), (20, 0.1, 1), (50, 0.9, 0.999)])
def test_leaky_slopes_keep_the_share_that_was_asked_for(steps: int, share: float, sigma: float) -> None:
    found = design.leaky_slope(steps=steps, at_least=share, sigma_min=sigma)
    assert float(found.value) == pytest.approx(share ** (1 / steps) / sigma, rel=1e-14)
    assert found.verify().holds
    assert not found.with_value(0.99 * float(found)).verify().holds
    unit = torch.nn.LeakyReLU(float(found))
    jacobian = np.eye(4)
    for seed in range(steps):
        Q = sigma * np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
        a = torch.randn(4, generator=torch.Generator().manual_seed(seed))
        jacobian = np.diag(torch.autograd.functional.jacobian(unit, a).diagonal().numpy()) @ Q @ jacobian
    assert np.linalg.svd(jacobian, compute_uv=False)[-1] >= share * (1 - 1e-12)


def test_the_slope_agrees_with_the_bound_of_the_library() -> None:
    found = design.leaky_slope(steps=2, at_least=0.25)
    assert found.bounds[0].evaluate({"W": np.eye(3)}, k=2) == 0.25
    assert design.leaky_slope().value is None


def test_slopes_that_do_not_exist() -> None:
    with pytest.raises(sg.InputError, match="even a slope of 1 keeps only"):
        design.leaky_slope(steps=100, at_least=0.5, sigma_min=0.9)
    with pytest.raises(sg.InputError, match="at_least: a positive number"):
        design.leaky_slope(steps=3, at_least=0)
    assert design.leaky_slope(steps=5, at_least=1).value == 1
