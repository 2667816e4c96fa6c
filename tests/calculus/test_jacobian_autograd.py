"""The derived Jacobian against PyTorch's automatic differentiation of cells written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.language.weights import bind
from tests.calculus.torch_cells import CASES, M, N, Values, differentiated, flat, numbers, torch, torch_gru, torch_lstm


def derived(model: sg.Recurrence, values: dict[str, np.ndarray]) -> np.ndarray:
    each = (lambda value: [value] * model.depth) if model.depth else (lambda value: value)
    weights = bind(model, {str(symbol): each(values[str(symbol)]) for symbol in model.parameters})
    evaluator = BallEvaluator.of_weights(weights.at(0))
    evaluator.sizes.update({size: sp.Integer({"n": N, "m": M}[str(size)]) for size in model.sizes})
    evaluator.values.update({symbol: column_of_balls(values[str(symbol)].ravel()) for symbol in model.variables})
    rows = [[evaluator.operator(block) for block in row] for row in sg.jacobian(model).blocks]
    return np.block([[floats(block) for block in row] for row in rows])


def floats(matrix: Any) -> np.ndarray:
    return np.array([[float(entry.mid()) for entry in line] for line in matrix.tolist()])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_autograd(name, seed):
    model, cell = CASES[name]
    values = numbers(model, seed)
    expected = differentiated(cell, model, flat(model, values))
    assert np.abs(derived(model, values) - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


def test_every_model_family_is_compared():
    assert set(sg.models.names()) <= {name.split()[0] for name in CASES}


@pytest.mark.parametrize(("gates", "kind", "cell"), [("ifgo", "LSTMCell", torch_lstm), ("rzn", "GRUCell", torch_gru)])
def test_cells_are_torchs_own(gates, kind, cell):
    """The cells written by hand, which the derived Jacobian is compared with, give the values of torch.nn's."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(M, N, dtype=torch.float64)
    tensors: Values = {"h": torch.randn(N).double(), "c": torch.randn(N).double(), "u": torch.randn(M).double()}
    for tensor, letter in (("weight", "W"), ("bias", "b")):
        for side in "ih":
            parts = getattr(theirs, f"{tensor}_{side}h").detach().chunk(len(gates))
            tensors |= {f"{letter}_{side}{gate}": part for gate, part in zip(gates, parts, strict=True)}
    states = [tensors[name][None] for name in ("hc" if kind == "LSTMCell" else "h")]
    expected = theirs(tensors["u"][None], tuple(states) if len(states) > 1 else states[0])
    for found, wanted in zip(cell(tensors), expected if len(states) > 1 else [expected], strict=True):
        assert torch.allclose(found, wanted[0], rtol=1e-13, atol=1e-14)
