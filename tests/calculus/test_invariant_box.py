"""Invariant boxes unit by unit: no trajectory leaves them, and a smaller box does not hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import symgrad as sg
from symgrad.calculus.invariant_box import unit_box
from symgrad.calculus.unit_ranges import declared_ranges
from symgrad.language.weights import bind
from symgrad.rigor.interval_arrays import Intervals
from tests.calculus.unit_models import MODELS, bounded, trajectory, weights_of

BOUNDED = [name for name in MODELS if name not in ("residual", "peephole", "nested")]


def box_of(name, scale=1.0, seed=0):
    model = bounded(MODELS[name])
    weights = weights_of(model, scale=scale, seed=seed)
    numbers = bind(model, weights)
    return model, weights, unit_box(model, numbers.with_sizes({**dict.fromkeys(model.sizes, 3), **numbers.sizes}))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scale", [pytest.param(0.4, marks=pytest.mark.slow), 2.0])
def test_no_trajectory_from_the_origin_leaves_the_box(name, scale) -> None:
    model, weights, box = box_of(name, scale)
    assert box.is_invariant()
    for seed, size in enumerate((1.0, 1.0, 0.3, 0.0)):
        run = trajectory(model, weights, scale=size, seed=seed)
        for state in model.states:
            values = run.states[str(state)].reshape(41, -1)
            ends = box.ranges[state]
            with np.errstate(invalid="ignore"):
                assert (values >= ends.low.ravel() - 1e-12).all()
                assert (values <= ends.high.ravel() + 1e-12).all()


@pytest.mark.parametrize("name", BOUNDED)
def test_contracting_and_gated_models_have_finite_boxes(name) -> None:
    _, _, box = box_of(name, 0.3)
    assert all(ends.is_finite for ends in box.ranges.values())


@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "leaky"])
def test_a_shrunk_box_is_found_out(name) -> None:
    model, _, box = box_of(name)
    shrunk = {
        s: Intervals(0.5 * ends.low, 0.5 * ends.high) if s in model.states else ends for s, ends in box.ranges.items()
    }
    assert not replace(box, checked=shrunk).is_invariant()


def test_a_linear_box_is_the_sum_of_the_series() -> None:
    """x' = x/2 + u with |u| <= 1 reaches every number below 2 in modulus and no other."""
    model = sg.models.elman("identity").assuming({"u": (-1, 1)})
    box = unit_box(model, bind(model, {"W": [[0.5]], "U": [[1.0]], "b": [0.0]}))
    ends = box.ranges[model.states[0]]
    assert ends.high[0, 0] == pytest.approx(2.0, abs=1e-5)
    assert ends.low[0, 0] == pytest.approx(-2.0, abs=1e-5)
    assert ends.high[0, 0] >= 2.0


def test_growing_linear_units_get_all_numbers_and_others_keep_theirs() -> None:
    model = sg.models.elman("identity").assuming({"u": (-1, 1)})
    weights = {"W": np.diag([2.0, 0.0]), "U": np.eye(2), "b": np.zeros(2)}
    ends = unit_box(model, bind(model, weights)).ranges[model.states[0]]
    assert ends.high[:, 0].tolist() == [np.inf, 1.0]


def test_declared_states_keep_their_range() -> None:
    model = sg.models.elman().assuming({"u": (-1, 1), "h": (0, sg.Interval(0, 1).end)})
    numbers = bind(model, weights_of(model))
    box = unit_box(model, numbers)
    assert box.ranges[model.states[0]].high.max() == 1.0
    assert box.ranges[model.states[0]].low.min() == 0.0
    assert declared_ranges(model, numbers)[model.states[0]].low.min() == 0.0


@pytest.mark.parametrize("name", ["gru", "highway", "leaky", "coupled"])
def test_convex_combinations_stay_between_minus_one_and_one(name) -> None:
    """Also with gates that saturate, where naive interval arithmetic grows for ever."""
    model, _, box = box_of(name, 6.0)
    for state in model.states:
        assert box.ranges[state].magnitude.max() <= 1 + 1e-9
