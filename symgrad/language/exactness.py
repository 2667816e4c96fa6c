"""Models whose declared properties hold exactly for given numbers."""

from __future__ import annotations

from dataclasses import replace

from symgrad.language.matrix_properties import exact_properties
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, Weights

__all__ = ["exact_model"]


def exact_model(model: Recurrence, weights: Weights) -> Recurrence:
    """The model with only those declared properties that the numbers, at every layer, have exactly."""
    kept = dict(model.properties)
    for item in weights.layers if isinstance(weights, LayerWeights) else (weights,):
        kept = exact_properties(kept, item.values)
    return model if kept == dict(model.properties) else replace(model, properties=kept)
