"""Models with random weights, for what is bounded unit by unit."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symgrad as sg

n = sp.Symbol("n", integer=True, positive=True)
A, B, C = (sp.MatrixSymbol(name, n, n) for name in "ABC")
h, u, b = (sp.MatrixSymbol(name, n, 1) for name in "hub")
tanh = sg.activation("tanh")
NESTED = sg.Recurrence(
    {h: h / 2 + A * tanh(B * tanh(C * h + b)) / 4 - sg.hadamard(tanh(B * h), tanh(A * h) + u)},
    inputs=[u],
    name="nested",
)
MODELS = {
    "sigmoid_rnn": sg.models.sigmoid_rnn(),
    "elman": sg.models.elman(),
    "relu": sg.models.elman("relu"),
    "leaky": sg.models.leaky(),
    "lstm": sg.models.lstm(),
    "peephole": sg.models.lstm(peephole=True),
    "coupled": sg.models.lstm(coupled=True),
    "gru": sg.models.gru(),
    "highway": sg.models.highway(),
    "residual": sg.models.residual(),
    "neuron": sg.models.neuron(),
    "nested": NESTED,
    "stack": sg.stack([sg.models.elman(), sg.models.gru()]),
}


def weights_of(model, size=3, scale=1.0, seed=0):
    """Gaussian weights of a given scale for all parameters, 0.3 for scalars."""
    random = np.random.default_rng(seed)
    found = {}
    for symbol in model.parameters:
        if isinstance(symbol, sp.Symbol):
            found[str(symbol)] = 0.3
            continue
        rows, columns = (size if isinstance(side, sp.Symbol) else int(side) for side in symbol.shape)
        array = random.normal(size=(rows, columns)) * scale / np.sqrt(size)
        found[str(symbol)] = array[:, 0] if columns == 1 else array
    return found


def bounded(model):
    """The model with its inputs in [-1, 1]."""
    return model.assuming({str(symbol): (-1, 1) for symbol in model.inputs})


def trajectory(model, weights, steps=40, scale=1.0, seed=0):
    """A trajectory from the origin with inputs of a given scale, of three entries where vectors."""
    random = np.random.default_rng(seed)
    size = 1 if model.is_scalar else 3
    inputs = {str(symbol): scale * random.uniform(-1, 1, (steps, size)) for symbol in model.inputs}
    return sg.simulate(model, weights, inputs or None, steps=None if inputs else steps)
