"""Changes of layer chains: other weights, smaller residual branches, added residual connections and normalisations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from symgrad.language.chain_layers import (
    Affine,
    ChainLayer,
    Entrywise,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.layer_chain import ChainWeights, LayerChain, all_layers

__all__ = ["redrawn", "with_normalisation", "with_scaled_branches", "with_skips"]

Array = NDArray[np.float64]


def redrawn(chain: LayerChain, weights: ChainWeights, gain: float, orthogonal: bool, seed: int) -> dict[str, Array]:
    """The parameters with all weight matrices drawn anew, of standard deviation ``gain/sqrt(n_in)``, and no biases.

    Orthogonal ones are multiples of a matrix with orthonormal rows or columns.
    """
    random = np.random.default_rng(seed)
    found = dict(weights)
    for layer in all_layers(chain.layers):
        if isinstance(layer, Affine):
            matrix = random.standard_normal((layer.outputs, layer.inputs))
            size = np.sqrt(max(1.0, layer.outputs / layer.inputs))  # so that the variance is that of Gaussian ones
            matrix = gain * (size * _orthonormal(matrix) if orthogonal else matrix / np.sqrt(layer.inputs))
            found[layer.weight] = matrix.T if layer.transposed else matrix
            if layer.bias is not None:
                found[layer.bias] = np.zeros(layer.outputs)
    return found


def _orthonormal(matrix: Array) -> Array:
    tall = matrix.shape[0] >= matrix.shape[1]
    q, r = np.linalg.qr(matrix if tall else matrix.T)
    q = q * np.sign(np.diag(r))
    return q if tall else q.T


def with_scaled_branches(chain: LayerChain, scale: float) -> LayerChain:
    """The chain with the branches of its residual blocks times a factor; those with a shortcut of their own stay."""

    def scaled(layer: ChainLayer) -> ChainLayer:
        if not isinstance(layer, Residual) or layer.shortcut:
            return layer
        factor = Scaling(f"{layer.name}.scale", layer.outputs, layer.outputs, factor=scale)
        return replace(layer, branch=(*layer.branch, factor))

    return replace(chain, layers=tuple(map(scaled, chain.layers)))


def with_skips(chain: LayerChain) -> tuple[int, LayerChain]:
    """The chain with ``x + a phi(W x + b)`` for each such layer of equal width, a one over the root of their number."""
    pairs = [place for place in range(chain.depth - 1) if _is_pair(chain.layers, place)]
    scale = 1 / np.sqrt(max(len(pairs), 1))
    layers: list[ChainLayer] = []
    place = 0
    while place < chain.depth:
        layer = chain.layers[place]
        if place in pairs:
            name, width = f"{layer.name}.residual", layer.inputs
            factor = Scaling(f"{name}.scale", width, width, factor=float(scale))
            layers.append(Residual(name, width, width, branch=(layer, chain.layers[place + 1], factor)))
            place += 2
        else:
            layers.append(layer)
            place += 1
    return len(pairs), replace(chain, layers=tuple(layers))


def _is_pair(layers: tuple[ChainLayer, ...], place: int) -> bool:
    one, two = layers[place], layers[place + 1]
    return isinstance(one, Affine) and one.inputs == one.outputs and isinstance(two, Entrywise)


def with_normalisation(chain: LayerChain, eps: float = 1e-5) -> tuple[int, LayerChain]:
    """The chain with layer norm between each weight matrix and its activation, and how many there are."""
    layers: list[ChainLayer] = []
    count = 0
    for layer in chain.layers:
        before = next((item for item in reversed(layers) if not isinstance(item, PassThrough)), None)
        if isinstance(layer, Entrywise) and isinstance(before, Affine) and layer.inputs > 2:
            layers.append(VectorNormalisation(f"{layer.name}.norm", layer.inputs, layer.inputs, eps))
            count += 1
        layers.append(layer)
    return count, replace(chain, layers=tuple(layers))
