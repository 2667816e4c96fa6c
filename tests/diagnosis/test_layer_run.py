"""Runs of one layer: shapes, defaults, overflow and every kind of bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.diagnosis.layer_run import LayerRun, usable
from symgrad.errors import InputError, UnknownNameError

RNG = np.random.default_rng(7)
WEIGHTS = {"W": RNG.standard_normal((3, 3)) / 2, "U": RNG.standard_normal((3, 2)), "b": np.zeros(3)}


def test_states_are_those_of_a_simulation() -> None:
    inputs, start = RNG.standard_normal((4, 5, 2)), RNG.standard_normal((4, 3))
    run = LayerRun("layer 0", sg.models.elman(), WEIGHTS, {"u": inputs}, {"h": start})
    simulated = sg.simulate(sg.models.elman(), WEIGHTS, inputs, initial={"h": start}).states["h"]
    assert np.array_equal(run.states["h"], np.moveaxis(simulated, 1, 0))
    assert (run.size, run.steps, run.total) == (4, 5, 3)
    assert run.finite_steps.tolist() == [5] * 4
    assert usable(run) == (run, ())


def test_stacked_tensors_are_taken_apart() -> None:
    tensors = {
        "weight_ih_l0": RNG.standard_normal((12, 2)),
        "weight_hh_l0": RNG.standard_normal((12, 3)),
        "bias_ih_l0": RNG.standard_normal(12),
        "bias_hh_l0": RNG.standard_normal(12),
    }
    run = LayerRun("lstm", sg.models.lstm(), tensors, {"u": np.zeros((1, 2, 2))})
    assert np.array_equal(run.weights["W_hf"], tensors["weight_hh_l0"][3:6])
    assert {name: array.shape for name, array in run.initial.items()} == {"h": (1, 3), "c": (1, 3)}


def test_a_single_sequence_and_a_model_without_inputs() -> None:
    assert LayerRun("one", sg.models.elman(), WEIGHTS, {"u": np.zeros((6, 2))}).inputs["u"].shape == (1, 6, 2)
    x, r = sp.symbols("x r")
    run = LayerRun("logistic", sg.Recurrence({x: r * x * (1 - x)}), {"r": 4.0}, {}, {"x": [[0.3], [0.4]]}, length=3)
    assert run.states["x"].shape == (2, 4, 1)
    assert run.states["x"][0, 1, 0] == pytest.approx(4 * 0.3 * 0.7)


def test_overflow_is_said_and_left_out() -> None:
    x = sp.Symbol("x")
    square = sg.Recurrence({x: x**2})
    run = LayerRun("square", square, {}, {}, {"x": [[0.5], [1e200], [2.0]]}, length=20)
    assert run.finite_steps.tolist() == [20, 0, 9]
    kept, (note,) = usable(run.part(np.array([0, 0, 0, 1])))
    assert (kept.size, kept.steps) == (3, 20)
    assert note == "1 of 4 sequences overflow, the first at step 1, 1 of the sequences left out"
    kept, (note,) = usable(run)  # most overflow: those that do not would speak for themselves alone
    assert (kept.size, kept.steps) == (2, 9)
    assert "2 of 3 sequences overflow, the first at step 1: the first 9 of 20 steps are used" in note
    assert usable(run.part(np.array([1, 2])))[0].steps == 9
    with pytest.raises(InputError, match="every sequence overflows in its first step"):
        usable(run.part(np.array([1])))


def test_the_last_steps_go_on_from_where_the_first_ones_lead() -> None:
    run = LayerRun("layer 0", sg.models.elman(), WEIGHTS, {"u": RNG.standard_normal((2, 7, 2))})
    assert run.last(7) is run
    assert np.array_equal(run.last(3).states["h"], run.states["h"][:, 4:])


def test_parts_carry_inputs_and_losses_along() -> None:
    inputs, loss = RNG.standard_normal((4, 5, 2)), RNG.standard_normal((4, 5, 3))
    run = LayerRun("layer 0", sg.models.elman(), WEIGHTS, {"u": inputs}, loss={"h": loss}).part(slice(1, 3), 2)
    assert run.loss is not None
    assert np.array_equal(run.inputs["u"], inputs[1:3, :2])
    assert np.array_equal(run.loss["h"], loss[1:3, :2])


GOOD: dict[str, Any] = {
    "name": "layer 0",
    "model": sg.models.elman(),
    "weights": WEIGHTS,
    "inputs": {"u": np.ones((2, 4, 2))},
}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": "lstm"}, "model: a Recurrence is needed, got str"),
    ({"model": sg.models.feedforward()}, "model: a recurrence over steps in time is needed"),
    ({"weights": {**WEIGHTS, "W": np.full((3, 3), np.nan)}}, "NaN"),
    ({"weights": {"W": WEIGHTS["W"]}}, "missing"),
    ({"inputs": {"u": np.ones((2, 4, 5))}}, "last dimension must be m = 2"),
    ({"inputs": {}}, "needs u"),
    ({"inputs": {"u": np.ones((2, 0, 2))}}, "at least one step"),
    ({"inputs": {"u": np.full((2, 4, 2), np.inf)}}, "infinity"),
    ({"initial": {"h": np.ones((3, 3))}}, "do not agree"),
    ({"loss": {"h": np.ones((2, 4, 2))}}, r"loss h: shape \(B, T, n\) = \(2, 4, 3\)"),
    ({"loss": np.ones((2, 4, 3))}, "loss: a mapping"),
    ({"length": 7}, "different numbers of steps"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LayerRun(**{**GOOD, **change})


def test_unknown_states_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        LayerRun(**{**GOOD, "loss": {"hh": np.ones((2, 4, 3))}})
    with pytest.raises(UnknownNameError):
        LayerRun(**{**GOOD, "initial": {"c": np.ones((2, 3))}})
