"""The mean-squared singular values predicted for infinite width against cells of finite width, by autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.meanfield.recurrent import RecurrentMeanField, recurrent_mean_field

pytest.importorskip("torch")

from tests.meanfield.simulated_cells import mean_squares


def _theory(name: str, bias: float) -> RecurrentMeanField:
    if name == "elman":
        return recurrent_mean_field(sg.models.elman(), {"W": 2})
    if name == "leaky":
        return recurrent_mean_field(sg.models.leaky(sp.Rational(3, 10), "relu"), {"W": 2})
    gate = {"gru": "b_hz", "lstm": "b_hf"}[name]
    return recurrent_mean_field(getattr(sg.models, name)(), {"weight_hh": 1}, {gate: bias})


def _simulated(name: str, width: int, runs: int, bias: float, steps: int = 15) -> tuple[Any, Any]:
    """The mean over several draws and its standard error."""
    samples = np.array([mean_squares(name, width, seed, steps, bias) for seed in range(runs)])
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / runs**0.5


@pytest.mark.parametrize(("name", "bias"), [("elman", 0.0), ("leaky", 0.0), ("lstm", 2.0)])
def test_blocks_agree_with_a_cell_of_width_100(name: str, bias: float) -> None:
    predicted = np.array(_theory(name, bias).point.blocks, dtype=float)
    mean, error = _simulated(name, 100, 5, bias, 10)
    assert np.all(np.abs(mean - predicted) <= 4 * error + 0.02 * predicted)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bias"), [("elman", 0.0), ("leaky", 0.0), ("gru", 1.0), ("lstm", 2.0)])
def test_deviations_shrink_with_the_width(name: str, bias: float) -> None:
    predicted = np.array(_theory(name, bias).point.blocks, dtype=float)
    errors = []
    for width, runs in ((100, 24), (400, 6)):
        mean, error = _simulated(name, width, runs, bias, 25)
        # two per cent more for the cell state, whose law is taken as Gaussian
        assert np.all(np.abs(mean - predicted) <= 4 * error + (0.02 if name == "lstm" else 0.004) * predicted)
        errors.append(error * runs**0.5)
    assert np.all(errors[1] < errors[0])  # the spread of one draw


def test_a_falsified_prediction_is_caught() -> None:
    predicted = 1.1 * np.array(_theory("leaky", 0.0).point.blocks, dtype=float)
    mean, error = _simulated("leaky", 100, 5, 0.0, 10)
    assert not np.all(np.abs(mean - predicted) <= 4 * error + 0.02 * predicted)


@pytest.mark.slow
def test_the_growth_over_ten_steps_is_that_of_products() -> None:
    import torch

    torch.manual_seed(3)
    theory = recurrent_mean_field(sg.models.elman(), {"W": 3}, inputs=0)
    width, steps = 300, 10
    state = torch.randn(width, dtype=torch.float64)
    for _ in range(20):
        state = torch.tanh(torch.randn(width, width, dtype=torch.float64) * (3 / width) ** 0.5 @ state)
    product = torch.eye(width, dtype=torch.float64)
    for _ in range(steps):
        weights = torch.randn(width, width, dtype=torch.float64) * (3 / width) ** 0.5
        state = torch.tanh(weights @ state)
        product = (1 - state**2)[:, None] * weights @ product
    observed = float((product**2).sum()) / width
    assert observed == pytest.approx(float(theory.point.gradient_variance(steps)), rel=0.35)
