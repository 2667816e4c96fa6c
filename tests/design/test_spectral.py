"""Scaled weights and their rates against certified and PyTorch's norms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad import design
from symgrad.design.spectral import SpectralNormalisation
from symgrad.rigor.matrix_norms import operator_norm


@settings(max_examples=12)
@given(st.integers(0, 1000), st.integers(1, 6), st.floats(1e-3, 1e3))
def test_scaled_weights_have_a_norm_of_at_most_rho(seed: int, n: int, radius: float) -> None:
    W = np.random.default_rng(seed).standard_normal((n, n)) + 0.01 * np.eye(n)
    found = design.spectral_normalisation(sg.models.sigmoid_rnn(), radius=radius, weights={"W_rec": W})
    norm = operator_norm(found.project()["W_rec"])
    assert norm.upper <= radius
    assert norm.lower >= radius * (1 - 1e-13)


def test_the_rate_after_scaling_bounds_products() -> None:
    random = np.random.default_rng(0)
    weights = {"W": random.standard_normal((4, 4)), "U": random.standard_normal((4, 2)), "b": np.zeros(4)}
    found = design.spectral_normalisation(sg.models.elman("tanh"), radius=0.8, weights=weights)
    assert (found.rate, found.contracts, found.largest) == (sp.Rational(4, 5), True, 1)
    check = sg.verify(sg.product_bound(sg.models.elman("tanh")), found.project(), horizon=12, trajectories=20)
    assert (check.log10_observed <= np.arange(1, 13) * np.log10(0.8) + 1e-9).all()


def test_models_that_no_radius_makes_contract() -> None:
    found = design.spectral_normalisation(sg.models.residual(), radius=0.1)
    assert found.contracts is False
    assert found.largest == 0
    assert "vanish" not in str(found)


def test_several_weights_at_once() -> None:
    model = sg.models.lstm().assuming({"u": (-1, 1), "h": (-1, 1), "c": (-1, 1)})
    found = design.spectral_normalisation(model, radius=0.5, which=["W_hf", "W_hi"])
    assert [str(W) for W in found.names] == ["W_hf", "W_hi"]
    assert found.verify().holds


class TooSmall(SpectralNormalisation):
    """A rate that is one percent too small."""

    @property
    def expr(self) -> sp.Expr:
        return sp.Rational(99, 100) * super().expr


def test_falsified_bounds_are_caught() -> None:
    true = design.spectral_normalisation(sg.models.sigmoid_rnn(), radius=3)
    assert true.verify().holds
    assert not TooSmall(true.bound, true.names, true.radius).verify().holds


def test_power_iteration_never_exceeds_the_norm() -> None:
    W = np.random.default_rng(1).standard_normal((20, 30))
    values = np.linalg.svd(W, compute_uv=False)
    start = np.random.default_rng(0).standard_normal(30)
    leading = np.linalg.svd(W)[2][0]
    tangent = np.sqrt((start @ start) / (start @ leading) ** 2 - 1)
    for count in (1, 3, 10):
        found = design.power_iteration(W, count)
        least = values[0] / np.sqrt(1 + (values[1] / values[0]) ** (4 * count) * tangent**2)
        assert least * (1 - 1e-12) <= found.estimate <= found.norm.upper * (1 + 1e-12)
        assert np.linalg.norm(W / found.estimate, 2) <= found.excess * (1 + 1e-12)


def test_what_pytorch_leaves_above_one() -> None:
    torch.manual_seed(0)
    layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(16, 16, bias=False), n_power_iterations=1)
    after = float(torch.linalg.matrix_norm(layer.weight.detach(), 2))
    exact = design.spectral_normalisation(
        sg.models.sigmoid_rnn(), weights={"W_rec": layer.parametrizations.weight.original.detach().numpy()}
    )
    assert after > 1
    assert np.linalg.norm(exact.project()["W_rec"], 2) <= 1 + 1e-12


def test_bad_arguments_are_named() -> None:
    model = sg.models.sigmoid_rnn()
    with pytest.raises(sg.InputError, match="model: a Recurrence"):
        design.spectral_normalisation("rnn")
    with pytest.raises(sg.InputError, match="which: the bound does not depend on the norm of W_in"):
        design.spectral_normalisation(model, which="W_in")
    with pytest.raises(sg.UnknownNameError, match="W_rek"):
        design.spectral_normalisation(model, which="W_rek")
    with pytest.raises(sg.InputError, match="radius: a positive number"):
        design.spectral_normalisation(model, radius=0)
    with pytest.raises(sg.InputError, match="W_rec is missing"):
        design.spectral_normalisation(model, weights={"W": np.eye(2)})
    with pytest.raises(sg.InputError, match="W_rec is zero"):
        design.spectral_normalisation(model, weights={"W_rec": np.zeros((2, 2))}).project()
    with pytest.raises(sg.InputError, match="iterations: a positive integer"):
        design.power_iteration(np.eye(2), 0)
