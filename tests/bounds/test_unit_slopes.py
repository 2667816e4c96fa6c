"""Norms and minimum moduli of all Jacobians, unit by unit, against Jacobians at many slopes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import symgrad as sg
from symgrad.bounds.unit_slopes import UnitSlopes
from symgrad.language.norms import norm
from symgrad.language.weights import bind
from tests.calculus.unit_models import MODELS, bounded, weights_of

NAMES = ["sigmoid_rnn", "elman", "leaky", "lstm", "gru", "highway", "residual", "neuron", "stack"]
NORMS = {1: 1, 2: 2, "inf": np.inf}


def slopes_of(name, scale=0.6, seed=2):
    model = bounded(MODELS[name])
    return UnitSlopes(sg.invariant_box(model), bind(model, weights_of(model, scale=scale, seed=seed)))


def members(form, count=25):
    random = np.random.default_rng(0)
    for index in range(count):
        corner = random.integers(0, 2, form.count) if index % 2 else random.uniform(size=form.count)
        yield form.at(form.low + corner * (form.high - form.low))


def least(matrix, p):
    return 0.0 if np.linalg.matrix_rank(matrix) < len(matrix) else 1 / np.linalg.norm(np.linalg.inv(matrix), p)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", NORMS)
def test_bounds_hold_for_members(name, p) -> None:
    slopes, which = slopes_of(name), norm(p)
    form = slopes.form
    gains, whole = slopes.gains(which), float(slopes.whole(which).upper())
    comparison, modulus = slopes.comparison(which), float(slopes.least(which).lower())
    ends = np.cumsum((0, *form.sizes))
    for matrix in members(form):
        assert np.linalg.norm(matrix, NORMS[p]) <= whole * (1 + 1e-12)
        assert least(matrix, NORMS[p]) >= modulus * (1 - 1e-9) - 1e-12
        for i, j in product(range(len(form.sizes)), repeat=2):
            block = matrix[ends[i] : ends[i + 1], ends[j] : ends[j + 1]]
            assert np.linalg.norm(block, NORMS[p]) <= float(gains[i, j].upper()) * (1 + 1e-12)
            if i == j:
                assert least(block, NORMS[p]) >= float(comparison[i, i].lower()) * (1 - 1e-9) - 1e-12
            else:
                assert float(comparison[i, j].lower()) <= -np.linalg.norm(block, NORMS[p]) * (1 - 1e-12)


def test_rows_are_scaled_by_their_own_slopes() -> None:
    """diag(hi) W replaces s W: a unit far from zero by its bias is flat, and its row counts for little."""
    weights = {"W": [[2.0, 0.0], [0.0, 0.5]], "U": np.zeros((2, 1)), "b": [9.0, 0.0]}
    model = sg.models.elman().assuming({"u": (-1, 1)})
    slopes = UnitSlopes(sg.invariant_box(model), bind(model, weights))
    steepest = 1 - np.tanh(7.0) ** 2  # |W h| <= 2
    assert float(slopes.whole(norm(2))) == pytest.approx(0.5)
    assert slopes.form.high[0] == pytest.approx(steepest, rel=1e-4)
    assert float(sg.product_bound(model).evaluate(weights, 1)) == 2.0


def test_a_least_slope_above_zero_gives_a_lower_bound() -> None:
    weights = {"W": [[0.8, 0.1], [-0.1, 0.9]], "U": [[0.3], [-0.2]], "b": [0.0, 0.0]}
    model = sg.models.elman().assuming({"u": (-1, 1)})
    bound = sg.product_bound(model, side="lower", method="range")
    value = bound.evaluate(weights, 5)
    assert value > 0
    run = sg.simulate(model, weights, np.ones((5, 1)))
    matrix = np.eye(2)
    for state in run.states["h"][1:]:
        matrix = np.diag(1 - state**2) @ np.array(weights["W"]) @ matrix
    assert np.linalg.svd(matrix)[1][-1] >= value
