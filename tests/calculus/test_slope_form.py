"""Slope forms against Jacobians in numbers: equal at the slopes of a point, and around them over the box."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.calculus.invariant_box import unit_box
from symgrad.calculus.slope_form import slope_form
from symgrad.errors import InputError, NoBoundError
from symgrad.language.weights import bind
from tests.calculus.unit_models import MODELS, bounded, weights_of

UNBOUNDED = ("residual", "peephole", "nested")


def prepared(name, scale=0.8, seed=1):
    model = bounded(MODELS[name])
    if name in UNBOUNDED:
        model = model.assuming({str(state): (-2, 2) for state in model.states})
    numbers = bind(model, weights_of(model, scale=scale, seed=seed))
    numbers = numbers.with_sizes({**dict.fromkeys(model.sizes, 3), **numbers.sizes})
    return model, numbers, unit_box(model, numbers).ranges


def jacobian_at(model, numbers, values):
    columns = {symbol: column_of_balls(array.ravel()) for symbol, array in values.items()}
    point = BallEvaluator({**BallEvaluator.of_weights(numbers).values, **columns}, numbers.sizes)
    blocks = [[point.operator(entry) for entry in row] for row in sg.jacobian(model).blocks]
    return np.block(
        [[np.array([float(e.mid()) for e in m.entries()]).reshape(m.nrows(), m.ncols()) for m in row] for row in blocks]
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_box_holds_every_jacobian(name) -> None:
    model, numbers, ranges = prepared(name)
    form = slope_form(model, numbers, ranges)
    low, high = form.entries()
    random = np.random.default_rng(0)
    for _ in range(40):
        values = {s: random.uniform(np.maximum(r.low, -9), np.minimum(r.high, 9)) for s, r in ranges.items()}
        matrix = jacobian_at(model, numbers, values)
        assert (low - 1e-12 <= matrix).all()
        assert (matrix <= high + 1e-12).all()
        assert (np.abs(matrix) <= form.magnitudes() + 1e-12).all()


@pytest.mark.parametrize("name", MODELS)
def test_floats_balls_and_intervals_agree(name) -> None:
    model, numbers, ranges = prepared(name)
    form = slope_form(model, numbers, ranges)
    random = np.random.default_rng(0)
    for _ in range(5):
        delta = random.uniform(form.low, form.high)
        floats, balls = form.at(delta), form.at_balls(delta)
        assert floats.shape == (form.size, form.size)
        exact = np.array([float(entry.mid()) for entry in balls.entries()]).reshape(floats.shape)
        assert floats == pytest.approx(exact, abs=1e-12)
        assert (form.entries()[0] - 1e-12 <= floats).all()
        assert (floats <= form.entries()[1] + 1e-12).all()


@pytest.mark.parametrize("name", MODELS)
def test_many_slopes_at_once_against_linear_systems(name) -> None:
    form, random = slope_form(*prepared(name)), np.random.default_rng(0)
    direct, out, into, inner = form.floats
    slopes = form.low + (form.high - form.low) * random.uniform(size=(2, 3, form.count))
    left = random.standard_normal((2, 3, form.size)) + 1j * random.standard_normal((2, 3, form.size))
    for place in np.ndindex(2, 3):
        delta = np.diag(slopes[place])
        entering = np.linalg.solve(np.eye(form.count) - inner @ delta, into)
        np.testing.assert_allclose(form.entering(slopes)[place], entering, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(form.at(slopes)[place], direct + out @ delta @ entering, rtol=1e-9, atol=1e-12)
        leaving = np.linalg.solve((np.eye(form.count) - delta @ inner).T, left[place] @ out)
        np.testing.assert_allclose(form.leaving(slopes, left)[place], leaving, rtol=1e-9, atol=1e-12)


def test_the_slopes_of_a_plain_network_are_the_derivatives() -> None:
    model, numbers, ranges = prepared("elman")
    form = slope_form(model, numbers, ranges)
    random = np.random.default_rng(0)
    values = {s: random.uniform(r.low, r.high) for s, r in ranges.items()}
    named = {str(s): v for s, v in {**numbers.values, **values}.items()}
    argument = named["W"] @ named["h"] + named["U"] @ named["u"] + named["b"].reshape(-1, 1)
    slopes = 1 - np.tanh(argument).ravel() ** 2
    assert (form.low <= slopes + 1e-15).all()
    assert (slopes <= form.high + 1e-15).all()
    assert form.at(slopes) == pytest.approx(jacobian_at(model, numbers, values), abs=1e-14)


def test_ends_of_slopes_are_reached() -> None:
    """Tight: a scalar network with |a| <= 1.5 has slopes from tanh'(1.5) to 1."""
    model = sg.models.elman().assuming({"u": (-1, 1), "h": (-1, 1)})
    form = slope_form(model, bind(model, {"W": [[0.5]], "U": [[1.0]], "b": [0.0]}))
    assert form.high.tolist() == [1.0]
    assert form.low[0] == pytest.approx(1 - np.tanh(1.5) ** 2, rel=1e-14)
    with mpmath.workdps(40):
        assert form.low[0] <= mpmath.sech(1.5) ** 2


def test_one_signal_serves_both_rows_of_an_lstm() -> None:
    """Its hidden state multiplies the Jacobian of the cell: read once, six diagonals instead of ten."""
    model, numbers, ranges = prepared("lstm")
    assert len(slope_form(model, numbers, ranges).slots) == 6


def test_errors_name_what_is_missing() -> None:
    model = sg.models.gru()
    with pytest.raises(NoBoundError, match="declare ranges"):
        slope_form(model, bind(model, weights_of(model)))
    layers = sg.models.feedforward(2)
    with pytest.raises(InputError, match="weights of its own"):
        slope_form(layers, bind(layers, {"W": [np.eye(2), np.eye(2)]}))
