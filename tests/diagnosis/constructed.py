"""Layers whose gradients are known to vanish, explode or be kept, and why."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

import symgrad as sg
from symgrad.diagnosis.layer_run import LayerRun

Array = NDArray[np.float64]
N, M = 8, 2
LSTM, GRU = sg.models.lstm(), sg.models.gru()  # made once: what is derived from a model is kept with it


def orthogonal(n: int = N, seed: int = 0) -> Array:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0])


def layer(
    model: sg.Recurrence, weights: dict[str, Any], steps: int = 60, count: int = 3, scale: float = 1.0
) -> LayerRun:
    """The model on standard normal sequences."""
    drawn = np.random.default_rng(1)
    inputs = {str(symbol): scale * drawn.standard_normal((count, steps, M)) for symbol in model.inputs}
    return LayerRun("layer 0", model, weights, inputs, length=None if inputs else steps)


def elman(matrix: Array, bias: float = 0.0, activation: str = "tanh", **more: Any) -> LayerRun:
    n = len(matrix)
    given = {"W": matrix, "U": 0.2 * np.random.default_rng(2).standard_normal((n, M)), "b": np.full(n, bias)}
    return layer(sg.models.elman(activation), given, **more)


def gated(model: sg.Recurrence, gate: dict[str, float], size: float = 0.2, n: int = N, **more: Any) -> LayerRun:
    """Small random weights, the biases of one gate as given."""
    drawn = np.random.default_rng(3)
    shapes = {
        str(s): tuple(n if str(d) == "n" else M if str(d) == "m" else 1 for d in s.shape) for s in model.parameters
    }
    weights = {name: size * drawn.standard_normal(shape) for name, shape in shapes.items()}
    weights = {name: array[:, 0] if array.shape[1] == 1 else array for name, array in weights.items()}
    return layer(model, {**weights, **{name: np.full(n, value) for name, value in gate.items()}}, **more)


@lru_cache
def own_cell(residual: bool = False) -> sg.Recurrence:
    """A cell with one gate z, ``z h + (1 - z) c``, or ``h + z (c - h)``."""
    h, u, b = (sp.MatrixSymbol(name, rows, 1) for name, rows in (("h", N), ("u", M), ("b", N)))
    V, W, U = (sp.MatrixSymbol(name, N, columns) for name, columns in (("V", N), ("W", N), ("U", M)))
    z, c = sg.activation("sigmoid")(V * h + b), sg.activation("tanh")(W * h + U * u)
    times, ones = sp.HadamardProduct, sp.OneMatrix(N, 1)
    update = h + times(z, c - h) if residual else times(z, h) + times(ones - z, c)
    return sg.Recurrence({h: update}, inputs=[u], name="own cell")


def own(bias: float, residual: bool = False, **more: Any) -> LayerRun:
    drawn = np.random.default_rng(4)
    given = {"V": 0.1 * orthogonal(), "W": 0.9 * orthogonal(seed=5), "U": 0.2 * drawn.standard_normal((N, M))}
    return layer(own_cell(residual), {**given, "b": np.full(N, bias)}, **more)
