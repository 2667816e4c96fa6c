"""The search for periodic slopes against enumeration, finite differences and published growth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symgrad as sg
from symgrad.calculus.slope_form import slope_form
from symgrad.language.weights import bind
from symgrad.numerics.slope_search import SlopeSearch


def gaussian(n, seed):
    return np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def elman_search(W, activation="tanh"):
    n = len(W)
    model = sg.models.elman(activation)
    form = slope_form(model, bind(model, {"W": W, "U": np.zeros((n, 1)), "b": np.zeros(n)}))
    return SlopeSearch(form, np.eye(n))


def lstm_search(n):
    model = sg.models.lstm().assuming({"c": (-2, 2)})
    random = np.random.default_rng(0)
    weights = {str(s): random.standard_normal([n if str(d) == "n" else 2 for d in s.shape]) for s in model.parameters}
    weights = {name: array[:, 0] if name.startswith("b") else array for name, array in weights.items()}
    return SlopeSearch(slope_form(model, bind(model, weights)), np.eye(2 * n))


@pytest.mark.parametrize("make", [lambda: elman_search(gaussian(4, 1)), lambda: lstm_search(2)])
def test_gradient_agrees_with_differences(make):
    search = make()
    low, high = search.form.low, search.form.high
    slopes = low + (high - low) * np.random.default_rng(2).uniform(0.1, 0.9, (1, 2, len(low)))
    rate, gradient = search.gradient(slopes)
    for t, i in np.ndindex(*slopes.shape[1:]):
        moved = np.repeat(slopes, 2, axis=0)
        moved[:, t, i] += (1e-6, -1e-6)
        up, down = 2 * np.log(search.rates(moved))
        assert (up - down) / 2e-6 == pytest.approx(gradient[0, t, i], abs=1e-6)
    assert rate == pytest.approx(search.rates(slopes))


@pytest.mark.parametrize("seed", range(3))
def test_finds_the_best_of_all_corners(seed):
    W = gaussian(4, seed)
    search = elman_search(W)
    corners = [np.diag(d) @ W for d in itertools.product([0.0, 1.0], repeat=4)]
    values = [np.abs(np.linalg.eigvals(a @ b)).max() ** 0.5 for a in corners for b in corners]
    found = search.best([1, 2], 16, 4, np.random.default_rng(0))
    assert search.rates(found[None])[0] == pytest.approx(max(values), rel=1e-9)


def test_improving_never_makes_worse_and_ends_at_corners():
    search = elman_search(gaussian(8, 5))
    start = search.starts(3, 12, np.random.default_rng(1))
    ends = search.improved(start)
    assert (search.rates(ends) >= search.rates(start) * (1 - 1e-12)).all()
    assert np.isin(ends, (0.0, 1.0)).all()


def test_growth_at_spectral_radius_zero():
    search = elman_search(np.array([[8.0, -16.0], [4.0, -8.0]]), "sigmoid")
    assert search.rates(search.best([1], 8, 2, np.random.default_rng(0))[None])[0] == pytest.approx(2.0)
