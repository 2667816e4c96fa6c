"""Dense products and their singular values, as a reference, and random problems for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator


def random_problem(name: str, n: int = 8, steps: int = 30, batch: int = 1, gain: float = 1.3, seed: int = 0) -> tuple:
    """A model of the zoo with Gaussian weights, inputs and initial states."""
    rng = np.random.default_rng(seed)
    model = getattr(sg.models, name)()
    sizes = {s: {"n": n, "m": 3}.get(str(s), n) for s in model.sizes}
    weights = {}
    for symbol in model.parameters:
        if not hasattr(symbol, "shape"):
            weights[symbol] = 0.5
            continue
        shape = tuple(int(d.xreplace(sizes)) for d in symbol.shape)
        drawn = gain * rng.standard_normal(shape) / np.sqrt(max(shape[-1], 1))
        weights[symbol] = 0.1 * drawn[:, 0] if shape[1] == 1 else drawn
    inputs: Any = {s: rng.standard_normal((batch, steps, int(s.shape[0].xreplace(sizes)))) for s in model.inputs}
    initial = {s: rng.standard_normal((batch, int(s.shape[0].xreplace(sizes)))) for s in model.states}
    return model, weights, inputs or None, initial


def dense_log10_norms(model: Any, weights: Any, inputs: Any, initial: Any) -> np.ndarray:
    """``log10 ||J_k ... J_1||_2`` (T, B): explicit matrices multiplied up trajectory by trajectory, then an SVD."""
    states = sg.simulate(model, weights, inputs, initial=initial)
    bound = bind(model, weights, model.parameters)
    blocks, rows = sg.jacobian(model).blocks, []
    by_name = {str(s): s for s in (*model.states, *model.inputs)}
    values = {by_name[name]: array for name, array in {**states.states, **states.inputs}.items()}
    sizes = dict(bound.sizes)
    for s, array in values.items():
        if hasattr(s, "shape") and s.shape[0].is_Symbol:
            sizes.setdefault(s.shape[0], array.shape[-1])
    evaluator = ArrayEvaluator.of_weights(bound, sizes)
    size = next(iter(values.values())).shape[1]
    product, exponent = None, np.zeros(size)
    for t in range(states.steps):
        point = evaluator.at({s: array[t].T[:, :, None] for s, array in values.items()}, t)
        parts = [[_full(point.operator(e), size) for e in row] for row in blocks]
        step = np.block(parts)
        product = step if product is None else step @ product
        largest = np.abs(product).max(axis=(1, 2))
        scale = np.where(largest > 0, largest, 1.0)
        product, exponent = product / scale[:, None, None], exponent + np.log10(scale)
        with np.errstate(divide="ignore"):
            rows.append(np.log10(np.linalg.svd(product, compute_uv=False)[:, 0]) + exponent)
    return np.array(rows)


def _full(value: np.ndarray, size: int) -> np.ndarray:
    """(B, n, m) from (n, B, m) or (n, m)."""
    return np.broadcast_to(value, (size, *value.shape)) if value.ndim == 2 else np.moveaxis(value, 1, 0)
