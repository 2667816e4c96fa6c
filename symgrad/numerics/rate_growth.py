"""How products of Jacobians grow along simulated trajectories, to be held against a bracket of the rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import product_log_norms
from symgrad.numerics.rate_bracket import RateBracket
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

__all__ = ["observed_growth", "periodic_growth"]

Array = NDArray[np.float64]

_SCALES = (0.1, 1.0, 3.0)


def observed_growth(bracket: RateBracket, horizon: int, trajectories: int, seed: int) -> Array:
    """(K, B) natural logarithms of ||P_k||, k = 1 ... K, along random trajectories within the ranges, approximate."""
    random = np.random.default_rng(seed)
    setting = Setting(bracket.model, bracket.weights)

    def drawn(symbol: Any, shape: tuple[int, ...]) -> Array:
        scale = np.resize(_SCALES, trajectories)[:, None]
        ends = bracket.ranges[symbol]
        return np.clip(scale * random.standard_normal(shape), ends.low[..., None], ends.high[..., None])

    initial = {s: drawn(s, (setting.size(s), trajectories, 1)) for s in bracket.model.states}
    inputs = {s: drawn(s, (horizon, setting.size(s), trajectories, 1)) for s in bracket.model.inputs}
    return _log_norms(bracket, Batch(initial, inputs, horizon))


def periodic_growth(bracket: RateBracket, horizon: int) -> Array:
    """(K,) the same along the periodic sequence of slopes of the witness."""
    form, slopes = bracket.witness.form, bracket.witness.slopes
    product, total, found = np.eye(form.size), 0.0, np.full(horizon, -np.inf)
    for step in range(horizon):
        product = form.at(slopes[step % len(slopes)]) @ product
        size = float(np.linalg.norm(product, float(bracket.norm.p)))
        if size == 0:
            return found
        product, total = product / size, total + np.log(size)
        found[step] = total
    return found


def _log_norms(bracket: RateBracket, batch: Batch) -> Array:
    evaluator = ArrayEvaluator.of_weights(bracket.weights)
    with np.errstate(all="ignore"):
        return product_log_norms(bracket.model, evaluator, batch, bracket.norm.p)
