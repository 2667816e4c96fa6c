"""Stacks taken apart: the layers, run one after the other, are the stack."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.diagnosis.unstacking import unstacked

STACKS = {
    "lstm": [sg.models.lstm(), sg.models.lstm()],
    "mixed": [sg.models.gru(), sg.models.elman("identity"), sg.models.leaky(), sg.models.residual()],
    "one": [sg.models.elman()],
}


def numbers(model: sg.Recurrence, size: int = 3) -> dict[str, np.ndarray]:
    source = np.random.default_rng(1)
    shapes = {symbol: getattr(symbol, "shape", ()) for symbol in model.parameters}
    return {
        str(s): source.standard_normal(tuple(size for k in shape if k != 1)) * 0.5 if shape else np.array(0.5)
        for s, shape in shapes.items()
    }


@pytest.mark.parametrize("kind", STACKS)
def test_the_layers_run_one_after_the_other_are_the_stack(kind: str) -> None:
    model = sg.stack(STACKS[kind])
    weights, inputs = numbers(model), np.random.default_rng(2).standard_normal((2, 5, 3))
    whole = sg.simulate(model, weights, inputs).states
    layers = unstacked(model)
    assert [layer.name for layer in layers] == [layer.name for layer in STACKS[kind]] or len(layers) == 1
    given = inputs
    for layer in layers:
        own = {str(symbol): weights[str(symbol)] for symbol in layer.parameters}
        found = sg.simulate(layer, own, given).states
        for name, array in found.items():
            np.testing.assert_allclose(array, whole[name], rtol=1e-13, atol=1e-15)
        given = np.swapaxes(next(iter(found.values()))[1:], 0, 1)


def test_tensor_names_stay_with_their_layer() -> None:
    first, second = unstacked(sg.stack([sg.models.lstm(), sg.models.lstm()]))
    assert set(first.stacked) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    assert set(second.stacked) == {"weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"}


def test_what_is_no_stack_stays_whole() -> None:
    n = sp.Symbol("n", positive=True, integer=True)
    a, b, u = (sp.MatrixSymbol(name, n, 1) for name in "abu")
    W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n)
    tanh = sg.activation("tanh")
    skipping = sg.Recurrence({a: tanh(W * a + u), b: tanh(V * b + W * tanh(W * a + u) + u)}, inputs=[u])
    delayed = sg.Recurrence({a: tanh(W * a + u), b: tanh(V * b + W * a)}, inputs=[u])
    for model in (skipping, delayed, sg.models.lstm(), sg.models.gru()):
        assert unstacked(model) == (model,)
