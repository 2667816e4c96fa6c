"""Trajectories through layers with parameters of their own: the number of steps, and states of different widths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.weights import LayerWeights, Weights

__all__ = ["check_layers", "filled_up", "steps_of_layers", "trimmed"]

Array = NDArray[np.float64]


def steps_of_layers(weights: Weights, most: int | None) -> int | None:
    """A number of steps, at most that of the layers; without a number all layers."""
    if not isinstance(weights, LayerWeights):
        return most
    return len(weights.layers) if most is None else min(most, len(weights.layers))


def check_layers(weights: Weights, steps: int) -> None:
    """Refuse more steps than there are layers.

    Raises:
        InputError: there are fewer layers.
    """
    if isinstance(weights, LayerWeights) and steps > len(weights.layers):
        raise InputError(f"steps: the weights have {len(weights.layers)} layers, got {steps} steps")


def filled_up(weights: Weights, starts: Mapping[sp.Expr, Array]) -> dict[sp.Expr, Array]:
    """Initial states (n,) or (B, n) with zeros added up to the largest width.

    Raises:
        InputError: another width than that of the first layer.
    """
    if not isinstance(weights, LayerWeights) or weights.widths is None:
        return dict(starts)
    first, most = weights.widths[0], max(width for width in weights.widths if width is not None)
    for symbol, array in starts.items():
        if first is not None and array.shape[-1] != first:
            raise InputError(f"initial {symbol}: the last dimension must be {first}, got {array.shape}")
    return {
        symbol: np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, most - array.shape[-1])])
        for symbol, array in starts.items()
    }


def trimmed(weights: Weights, states: dict[sp.Expr, Array]) -> dict[sp.Expr, Array]:
    """States (T+1, n, B, 1) with zeros where a narrow layer has no entries."""
    if isinstance(weights, LayerWeights) and weights.widths is not None:
        for array in states.values():
            for step, width in enumerate(weights.widths[: len(array)]):
                array[step, width:] = 0.0
    return states
