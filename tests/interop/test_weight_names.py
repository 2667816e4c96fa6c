"""Bare weights tell the network that they are of, or what is missing to tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError
from symgrad.interop.weight_names import model_of_weights


def arrays(module: nn.Module, prefix: str = "") -> dict[str, np.ndarray]:
    return {prefix + name: value.numpy() for name, value in module.state_dict().items()}


CLASSES = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("layers", "bias", "prefix"), [(1, True, ""), (1, False, "a."), (2, False, "encoder.rnn."), (11, True, "")]
)
def test_the_network_is_that_of_the_module(kind: str, layers: int, bias: bool, prefix: str) -> None:
    torch.manual_seed(0)
    module = CLASSES[kind](3, 4, layers, bias=bias).double()
    given = arrays(module, prefix) | arrays(nn.Linear(4, 2), "head.")
    model, weights = model_of_weights(given, "elman" if kind == "elman" else None)
    expected, numbers = sg.from_torch(module)
    assert model.stacked == expected.stacked
    assert list(weights) == list(numbers)
    if layers > 2:  # comparing deep stacks, and running them, takes long
        return
    assert dict(model.updates) == dict(expected.updates)
    inputs = np.random.default_rng(1).normal(size=(3, 3))
    top = f"h_l{layers - 1}"
    assert np.array_equal(
        sg.simulate(model, weights, inputs).states[top], sg.simulate(expected, numbers, inputs).states[top]
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_two_directions_are_seen(kind: str) -> None:
    module = CLASSES[kind](3, 4, 2, bidirectional=True)
    model, weights = model_of_weights(arrays(module), kind)
    assert isinstance(model, sg.BidirectionalStack)
    assert len(model.layers) == 2
    assert set(weights) == set(module.state_dict())


@pytest.mark.parametrize(("cell", "kind"), [(nn.LSTMCell, "lstm"), (nn.GRUCell, "gru"), (nn.RNNCell, "elman")])
def test_cells_have_no_layer_in_their_names(cell: type[nn.Module], kind: str) -> None:
    model, weights = model_of_weights(arrays(cell(2, 3), "cell."), None if kind != "elman" else "rnn")
    assert dict(model.updates) == dict(sg.models.build(kind).updates)
    assert sorted(weights) == ["bias_hh", "bias_ih", "weight_hh", "weight_ih"]


def test_a_recurrence_states_what_shapes_do_not_tell() -> None:
    module = nn.RNN(3, 4, 2, nonlinearity="relu")
    model, _ = model_of_weights(arrays(module), sg.models.elman("relu"))
    assert dict(model.updates) == dict(sg.from_torch(module)[0].updates)
    whole = sg.stack([sg.models.elman("relu"), sg.models.elman("tanh")])
    assert model_of_weights(arrays(module), whole)[0] is whole


def test_names_of_symbols_are_known_too() -> None:
    size = {"n": 2, "m": 1}
    named = {str(s): np.zeros([size[str(d)] for d in s.shape if d != 1]) for s in sg.models.lstm().parameters}
    assert model_of_weights(named)[0].name == "lstm"
    plain = {"W": np.eye(2), "U": np.eye(2), "b": np.zeros(2)}
    assert model_of_weights(plain | {"head": np.eye(2)}, "elman")[0].name == "elman"
    with pytest.raises(InputError, match=r"model: the weights do not tell it: they may be of elman, .*pass one"):
        model_of_weights(plain)


LSTM = arrays(nn.LSTM(3, 4, 2))


def without(*names: str) -> dict[str, Any]:
    return {name: array for name, array in LSTM.items() if name not in names}


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "plain": (arrays(nn.RNN(2, 3)), None, r"do not tell its activation; pass 'elman' for tanh"),
    "other kind": (LSTM, "gru", r"the weights are of kind lstm, as weight_hh has 4 square blocks; gru does not"),
    "other recurrence": (LSTM, sg.models.elman(), r"kind lstm.*elman does not have these"),
    "two networks": (
        arrays(nn.GRU(2, 3), "a.") | arrays(nn.GRU(2, 3), "b."),
        None,
        r"several networks, under 'a\.', 'b\.'",
    ),
    "missing layer": (
        {n: a for n, a in LSTM.items() if "l0" not in n},
        None,
        r"weight_hh_l0 missing, as there are _l1",
    ),
    "missing tensor": (without("weight_ih_l1"), None, r"weight_ih_l1 missing"),
    "missing bias": (without("bias_hh_l0"), None, r"bias_hh_l0 missing"),
    "missing direction": (LSTM | {"weight_hh_l0_reverse": np.zeros((16, 4))}, None, r"weight_hh_l1_reverse missing"),
    "projection": (arrays(nn.LSTM(3, 4, proj_size=2)), None, r"projections \(proj_size\)"),
    "shape": (LSTM | {"weight_hh_l0": np.zeros((8, 4))}, None, r"weight_hh_l0: shape \(n, n\).*got \(8, 4\)"),
    "vector": (LSTM | {"weight_hh_l0": np.zeros(4)}, None, r"got \(4,\)"),
    "mixture": (LSTM | {"weight_hh_l1": np.zeros((12, 4))}, None, r"layers of different kinds: .*_l1 of gru"),
    "cell and layer": (LSTM | {"weight_hh": np.eye(3)}, None, r"with and without a layer"),
    "none": ({"head.weight": np.eye(2)}, None, r"no network has these names; pass one\. Given: head\.weight"),
    "none of it": ({"head.weight": np.eye(2)}, "lstm", r"none is of model lstm \(W_hf, .*given: head\.weight"),
    "parametrised": ({"parametrizations.weight_hh_l0.original0": np.eye(2)}, None, r"part of a parametrised weight"),
    "weight norm": ({"weight_hh_l0_g": np.eye(2)}, None, r"weight_hh_l0_g is part of a parametrised weight"),
    "no mapping": ([1], None, r"weights: a mapping .* got list"),
    "empty": ({}, None, r"weights: a mapping .* got dict nothing"),
    "model": (LSTM, 3, r"model: the name of a family or a Recurrence is needed, got int 3"),
    "huge layer": ({"weight_hh_l99999999": np.eye(2)}, None, r"weight_hh_l0, weight_hh_l1 missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_tell_a_network_is_said(name: str) -> None:
    weights, model, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        model_of_weights(weights, model)
    assert "\n" not in str(caught.value)


def test_unknown_families_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'lstm'"):
        model_of_weights(LSTM, "lsmt")
