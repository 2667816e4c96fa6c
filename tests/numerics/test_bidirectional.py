"""Bidirectional stacks: what they accept, and that each direction is an ordinary recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError

BOTH = sg.BidirectionalStack.of([sg.models.elman(), sg.models.gru()])
DRAW = np.random.default_rng(0)


def numbers(model: sg.Recurrence, inputs: int) -> dict[str, np.ndarray]:
    width = {str(size): inputs if str(size).startswith("m") else 3 for size in model.sizes}
    return {str(s): DRAW.normal(size=[width[str(d)] for d in s.shape if d != 1]) for s in model.parameters}


WEIGHTS = {
    name: array
    for layer, inputs in zip(BOTH.layers, (2, 6), strict=True)
    for model in layer
    for name, array in numbers(model, inputs).items()
}


def test_each_direction_is_a_recurrence_that_reads_one_way() -> None:
    inputs = DRAW.normal(size=(5, 2))
    found = BOTH.simulate(WEIGHTS, inputs)
    (forward, reverse), own = BOTH.layers[0], [BOTH.weights_of(WEIGHTS, 0, turn) for turn in (False, True)]
    ahead = sg.simulate(forward, own[0], inputs).states["h_l0"][1:]
    back = sg.simulate(reverse, own[1], inputs[::-1]).states["h_l0_reverse"][1:][::-1]
    assert np.array_equal(found.runs[1][0].inputs["u"], np.concatenate([ahead, back], axis=1))
    assert found.outputs.shape == (5, 6)
    assert [name for name, _ in BOTH.directions] == ["layer 0", "layer 0, reverse", "layer 1", "layer 1, reverse"]


def test_an_output_depends_on_all_inputs_in_a_layer_of_one_direction_only_on_the_past() -> None:
    inputs = DRAW.normal(size=(5, 2))
    changed = inputs.copy()
    changed[2] += 1.0
    difference = np.abs(BOTH.simulate(WEIGHTS, inputs).outputs - BOTH.simulate(WEIGHTS, changed).outputs).max(axis=1)
    assert (difference > 1e-9).all()
    first = sg.BidirectionalStack(BOTH.layers[:1])
    own = {name: array for turn in (False, True) for name, array in BOTH.weights_of(WEIGHTS, 0, turn).items()}
    moved = first.simulate(own, inputs).outputs - first.simulate(own, changed).outputs
    assert not moved[:2, :3].any()
    assert not moved[3:, 3:].any()
    assert moved[2:, :3].any(axis=1).all()
    assert moved[:3, 3:].any(axis=1).all()


ELMAN = sg.models.elman()
FEEDFORWARD, NEURON = sg.models.feedforward(), sg.models.neuron()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), r"layers: pairs \(forward, reverse\) of recurrences are needed, got \(\)"),
        (3, r"pairs \(forward, reverse\) of recurrences are needed, got 3"),
        ((ELMAN,), r"layer 0 must be a pair \(forward, reverse\)"),
        (((ELMAN, 3),), r"layer 0 must be a pair"),
        (((ELMAN, ELMAN),), r"the state h stands in several"),
        (((FEEDFORWARD, ELMAN),), r"must have vector states, one input and no depth"),
        (((NEURON, ELMAN),), r"must have vector states, one input and no depth"),
    ],
)
def test_layers_are_checked(layers: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sg.BidirectionalStack(layers)


def test_names_and_numbers_are_checked() -> None:
    inputs = np.zeros((5, 2))
    with pytest.raises(UnknownNameError, match=r"weight of the bidirectional stack 'W'"):
        BOTH.simulate({**WEIGHTS, "W": np.eye(3)}, inputs)
    with pytest.raises(UnknownNameError, match=r"state of the bidirectional stack 'h'"):
        BOTH.simulate(WEIGHTS, inputs, initial={"h": np.zeros(3)})
    with pytest.raises(InputError, match=r"layer: a number from 0 to 1 is needed, got 2"):
        BOTH.weights_of(WEIGHTS, 2)
    with pytest.raises(InputError, match=r"weights: a mapping \{name: array\} is needed, got list"):
        BOTH.simulate([1], inputs)
    with pytest.raises(InputError, match=r"weights: W_l0 .* missing"):
        BOTH.simulate({name: array for name, array in WEIGHTS.items() if name != "W_l0"}, inputs)
    with pytest.raises(InputError, match=r"inputs u"):
        BOTH.simulate(WEIGHTS, np.zeros(5))
    with pytest.raises(InputError, match=r"inputs u"):
        BOTH.simulate(WEIGHTS, np.zeros((5, 3)))
