"""Brackets of growth rates: known answers, validity along simulated trajectories, refuted claims, bad input, print."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.bounds.form_parts import circular_parts, restricted, vertices, working_slopes
from symgrad.calculus.lasting_ranges import lasting_ranges
from symgrad.calculus.slope_form import slope_form
from symgrad.errors import InputError, NoBoundError, UnknownNameError
from symgrad.language.weights import bind
from symgrad.numerics.rate_growth import observed_growth, periodic_growth
from symgrad.rigor.balls import working_precision

PUBLISHED = np.array([[8.0, -16.0], [4.0, -8.0]])


def gaussian(n, seed, gain=1.0):
    return gain * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def elman(W, activation="tanh", U=None, **options):
    n = len(W)
    weights = {"W": W, "U": np.eye(n) if U is None else U, "b": np.zeros(n)}
    return sg.rate_bracket(sg.models.elman(activation), weights, **options)


def drawn(model, n, m, scale, seed=0):
    random = np.random.default_rng(seed)
    sizes = {"n": n, "m": m}
    found = {}
    for symbol in model.parameters:
        if isinstance(symbol, sp.Symbol):
            continue
        shape = [sizes.get(str(d), 1) for d in symbol.shape]
        array = scale * random.standard_normal(shape) / np.sqrt(n)
        found[str(symbol)] = array[:, 0] if symbol.shape[1] == 1 else array
    return found


def test_normal_weights_have_the_rate_of_the_spectral_radius():
    W = np.array([[0.6, 0.8], [-0.8, 0.6]]) * 1.25
    found = elman(W)
    assert found.lower == pytest.approx(1.25, rel=1e-12)
    assert found.upper == pytest.approx(1.25, rel=1e-9)
    assert found.reached == "by real trajectories"
    assert found.conclusion == "gradients explode along a real trajectory"
    assert found.replay()


@pytest.mark.parametrize(
    ("w", "activation", "slope"), [(1.5, "tanh", 1.0), (-3.0, "sigmoid", 0.25), (2.0, "relu", 1.0)]
)
def test_one_unit(w, activation, slope):
    found = elman(np.array([[w]]), activation)
    rate = abs(w) * slope
    assert found.lower <= rate <= found.upper
    assert found.gap < 1e-9
    assert found.realised.rate == pytest.approx(rate, rel=1e-9)


def test_a_scalar_neuron():
    model = sg.models.neuron()
    numbers = {"w": 5.0, "b": -2.5, "epsilon": 0.5, "eps": 0.5, "v": 1.0, "w_in": 1.0}
    weights = {str(s): numbers.get(str(s), 0.5) for s in model.parameters}
    found = sg.rate_bracket(model, weights)
    assert 0 < found.lower <= found.upper < np.inf
    assert found.replay()


def test_growth_without_a_spectral_radius_is_realised():
    weights = {"W_rec": PUBLISHED, "W_in": np.zeros((2, 1)), "b": [-4.0, -100.0]}
    found = sg.rate_bracket(sg.models.sigmoid_rnn(), weights)
    assert found.lower == pytest.approx(2.0, abs=1e-9)
    assert found.realised.rate >= 1.999
    np.testing.assert_allclose(found.realised.states["x"][0], [0.0, -98.0], atol=1e-12)
    assert found.realised.replay()
    assert found.upper == pytest.approx(2.0, abs=1e-3)


def test_triangular_weights_have_the_rate_of_their_diagonal():
    W = np.tril(gaussian(8, 0, 5.0))
    found = elman(W, effort="quick")
    assert found.upper == pytest.approx(np.abs(np.diag(W)).max(), rel=1e-9)
    assert found.lower == pytest.approx(np.abs(np.diag(W)).max(), rel=1e-9)


def test_nilpotent_weights_have_rate_zero():
    found = elman(np.eye(4, k=1))
    assert (found.lower, found.upper, found.gap, found.method) == (0.0, 0.0, 0.0, "zero pattern")
    assert found.conclusion == "all gradients vanish"
    assert found.replay()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_gaussian_weights_are_bracketed_tightly_and_realised(seed):
    found = elman(gaussian(16, seed), effort="quick")
    assert found.gap < 0.08
    assert found.reached == "by real trajectories"
    assert found.replay()


def test_branch_and_bound_improves_on_one_norm():
    found = elman(gaussian(4, 4))
    assert found.method == "products"
    assert found.upper < 0.999 * found.rates["quadratic"]
    assert found.gap < 2e-3


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.3, 3.0), st.sampled_from(["tanh", "sigmoid", "relu"]))
@settings(max_examples=8, deadline=None)
def test_trajectories_stay_below_and_the_lower_end_below_the_upper(seed, n, gain, activation):
    found = elman(gaussian(n, seed, gain), activation, effort="quick")
    assert found.lower <= found.upper
    assert found.witness.replay()
    horizon = 60
    observed = observed_growth(found, horizon, 6, seed % 1000).max(axis=1)
    if np.isfinite(found.constant):
        claims = np.log(found.constant) + np.arange(1, horizon + 1) * np.log(found.upper)
        assert (observed <= claims + 1e-9).all()
    along = periodic_growth(found, 600)
    assert along[-1] / 600 >= np.log(found.lower) - 0.02


@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("gru", "lstm")), "leaky", "residual"]
)
def test_other_cells(name):
    model = sg.models.build(name).assuming({"u": (-1, 1)}) if name in ("gru", "lstm") else sg.models.build(name)
    weights = drawn(model, 3, 2 if name in ("gru", "lstm") else 3, 0.5)
    if name == "leaky":
        weights["alpha"] = 0.3
    found = sg.rate_bracket(model, weights, effort="quick")
    assert 0 < found.lower <= found.upper
    assert found.realised is not None
    assert found.realised.rate <= found.lower
    assert found.replay()
    rates = observed_growth(found, 100, 6, 0)[-1] / 100
    assert (rates <= np.log(found.upper) + np.log(50.0) / 100).all()


def test_a_realised_trajectory_is_one_of_the_model():
    found = elman(gaussian(5, 2), effort="quick")
    orbit = found.realised
    model, weights = found.model, {str(s): array for s, array in found.weights.values.items()}
    run = sg.simulate(model, weights, orbit.inputs["u"], initial={"h": orbit.states["h"][0]})
    np.testing.assert_allclose(run.states["h"][-1], orbit.states["h"][0], atol=1e-9)
    product = np.eye(5)
    for t in range(orbit.period):
        product = np.diag(1 - run.states["h"][t + 1] ** 2) @ weights["W"] @ product
    rate = np.abs(np.linalg.eigvals(product)).max() ** (1 / orbit.period)
    assert rate == pytest.approx(orbit.rate, rel=1e-9)


def test_tightened_and_forged_claims_are_caught():
    found = elman(gaussian(4, 1))
    assert found.witness.rate > 0.99 * found.upper  # refutes the claim of a rate 1 % lower
    assert not replace(found.witness, rate=1.01 * found.witness.rate).replay()
    assert not replace(found.realised, rate=1.01 * found.realised.rate).replay()
    assert not replace(found.witness, slopes=found.witness.slopes + 1.0).replay()
    moved = {"h": found.realised.states["h"] + 0.5}
    assert not replace(found.realised, states=moved, rate=found.realised.rate).replay() or np.allclose(
        moved["h"], found.realised.states["h"], atol=1.0
    )
    part = found.bound.parts[0]
    forged = replace(part, rates={name: 0.9 * rate for name, rate in part.rates.items()})
    assert not replace(found.bound, parts=(forged,)).verify()
    assert not replace(found.bound, parts=()).verify()
    assert not replace(found, bound=replace(found.bound, parts=(forged,))).replay()
    assert not replace(found, weights=bind(found.model, {"W": np.eye(4), "U": np.eye(4), "b": np.zeros(4)})).replay()


def test_an_orbit_outside_its_ranges_is_not_proved():
    found = elman(np.array([[1.5]]))
    model = found.model
    narrow = lasting_ranges(model.assuming({"u": (5, 6)}), found.weights)
    assert found.realised.replay()
    assert not replace(found.realised, ranges=narrow).replay()


def test_the_logistic_map():
    x, r = sp.symbols("x r")
    model = sg.Recurrence({x: r * x * (1 - x)}).assuming({"x": (0, 1)})
    found = sg.rate_bracket(model, {"r": 3.2}, effort="quick")
    assert found.upper == pytest.approx(3.2)  # slopes r (1 - 2x) for 0 <= x <= 1
    assert found.realised.rate == pytest.approx(3.2)  # at the fixed point 0, exactly on the edge of the range
    assert found.reached == "by real trajectories"
    inside = sg.rate_bracket(model.assuming({"x": (0.1, 1)}), {"r": 3.2}, effort="quick")
    assert inside.realised.rate == pytest.approx(1.2)  # |2 - r| at the fixed point 1 - 1/r
    assert inside.reached == "in part by real trajectories"
    assert found.lower <= found.upper


def test_blocks_and_slopes_that_matter():
    W = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
    model = sg.models.elman()
    form = slope_form(model, bind(model, {"W": W, "U": np.eye(3), "b": np.zeros(3)}))
    parts = circular_parts(form)
    assert [part.tolist() for part in parts] == [[0, 1]]
    block = restricted(form, parts[0])
    assert working_slopes(block).tolist() == [0, 1]
    corners = vertices(block, 4)
    assert corners.shape == (4, 3)
    assert vertices(block, 3) is None
    np.testing.assert_array_equal(block.at(np.ones(3)), W[:2, :2])


def test_ranges_that_all_trajectories_enter():
    model = sg.models.elman("sigmoid").assuming({"u": (0, 1)})
    weights = bind(model, {"W": [[1.0]], "U": [[1.0]], "b": [0.0]})
    found = lasting_ranges(model, weights)[model.symbol("h")]
    low, high = found.low.item(), found.high.item()
    assert 0.5 < low <= 1 / (1 + np.exp(-low)) + 1e-12
    assert high < 1 / (1 + np.exp(-2.0)) + 1e-12


def test_print_data_and_picture():
    found = elman(gaussian(3, 1), effort="quick")
    assert "growth rate" in str(found)
    assert r"\limsup" in found.latex()
    data = json.loads(json.dumps(found.to_dict()))
    assert data["lower"] == found.lower
    assert data["witness"]["slopes"] == found.witness.slopes.tolist()
    for item in (found.witness, found.realised):
        assert str(item)
        assert item.latex()
        json.dumps(item.to_dict())
    axes = found.plot(horizon=10, trajectories=3)
    assert len(axes.get_lines()) == 3 + 1 + 3
    with pytest.raises(InputError, match="horizon"):
        found.plot(horizon=0)


def test_lstm_without_ranges_says_what_is_missing():
    with pytest.raises(NoBoundError, match="declare ranges"):
        sg.rate_bracket(sg.models.lstm(), drawn(sg.models.lstm(), 2, 1, 1.0))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"period": 0}, InputError, "period: an integer from 1 to 64"),
        ({"period": 1.5}, InputError, "period"),
        ({"seed": -1}, InputError, "seed"),
        ({"effort": "huge"}, UnknownNameError, "effort"),
        ({"norm": 3}, InputError, "norm"),
        ({"weights": {"W": np.eye(2)}}, InputError, "missing"),
        ({"weights": {"W": np.ones((2, 3)), "U": np.eye(2), "b": [0, 0]}}, InputError, "W"),
        ({"model": 3}, InputError, "a Recurrence is needed"),
        ({"model": sg.models.feedforward()}, InputError, "layers"),
    ],
)
def test_bad_input_is_refused(change, error, message):
    arguments = {"model": sg.models.elman(), "weights": {"W": np.eye(2), "U": np.eye(2), "b": np.zeros(2)}, **change}
    with pytest.raises(error, match=message):
        sg.rate_bracket(arguments.pop("model"), arguments.pop("weights"), **arguments)


def test_orbits_that_are_not_isolated_are_proved_exactly_or_nearby():
    weights = {"W": np.eye(3), "U": np.ones((3, 1)), "b": np.zeros(3)}
    found = sg.rate_bracket(sg.models.irnn(), weights, effort="quick")
    assert found.realised.rate == 1.0  # any positive state is a fixed point without inputs
    assert found.realised.replay()
    biased = sg.rate_bracket(sg.models.elman(), {"W": np.eye(3), "U": np.eye(3), "b": np.full(3, 0.3)}, effort="quick")
    assert 0.999 < biased.realised.rate < 1.0 == biased.lower


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_extreme_scales(scale):
    found = elman(gaussian(3, 0, scale), effort="quick")
    assert found.lower <= found.upper
    assert found.gap < 1e-3
    assert found.replay()


def test_slopes_with_ends_that_are_no_floats_stay_inside():
    W = np.array([[0.7]])
    found = elman(W, "erf", effort="quick")
    with working_precision(128):
        rate = arb(0.7) * 2 / arb.pi().sqrt()
        assert arb(found.lower) <= rate <= arb(found.upper)
    assert found.gap < 1e-14
