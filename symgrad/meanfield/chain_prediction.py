"""Mean-field theory layer by layer through a given chain: what wide random weights of its variances would do.

The variance of every weight matrix and of every bias is taken from its entries, so that the prediction is for a
network of the same widths with independent entries of these variances. Values are approximate floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.language.activations import activation
from symgrad.language.chain_layers import (
    Affine,
    ChainLayer,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.elementwise import Activation
from symgrad.language.layer_chain import ChainWeights, LayerChain
from symgrad.meanfield.layer_factors import Moments
from symgrad.presentable import Presentable

__all__ = ["ChainPrediction", "LayerPrediction", "predict_chain"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Law:
    """What is known of the entries of a layer's values over random weights.

    Attributes:
        mean: of an entry.
        square: the mean of its square.
        gaussian: whether entries are Gaussian of mean zero in the limit of large width.
    """

    mean: float
    square: float
    gaussian: bool


@dataclass(frozen=True)
class LayerPrediction:
    """What mean-field theory says about one layer.

    Attributes:
        variance: the mean square of the entries of its output; NaN where nothing is known.
        factor: the mean squared gradient at its input over that at its output, summed over the entries; NaN likewise.
        sigma_w2: of an affine layer n_in times the variance of the weights.
        sigma_b2: of an affine layer the mean square of the biases.
        chi: of an activation after an affine layer, the factor of both together, ``chi_1``.
        reason: why nothing is known; empty where it is.
    """

    variance: float = math.nan
    factor: float = math.nan
    sigma_w2: float | None = None
    sigma_b2: float | None = None
    chi: float | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ChainPrediction(Presentable):
    """The mean-field prediction for a layer chain.

    Attributes:
        layers: for each layer.
        log10_gradients: (L+1,) decimal logarithms of ``||dL/dx_l|| / ||dL/dx_L||`` in root mean square; NaN from where
            on, going back, a layer is not known to the theory.
    """

    layers: tuple[LayerPrediction, ...]
    log10_gradients: Array


def predict_chain(chain: LayerChain, weights: Any, *, square: float, gaussian: bool = False) -> ChainPrediction:
    """The mean-field prediction of gradient norms at every layer of a chain.

    Args:
        chain: the network.
        weights: its parameters, of which only variances are used (of factors and gains the values).
        square: the mean square of the inputs' entries.
        gaussian: whether these are Gaussian of mean zero.

    Raises:
        InputError: malformed weights, a negative or infinite ``square``.

    Source: Poole et al. 2016; Schoenholz et al. 2017; Yang and Schoenholz 2017 for residual networks.

    >>> import numpy as np, symgrad as sg
    >>> layers = (Affine("0", 500, 500, "w"), Entrywise("1", 500, 500, sg.activation("relu")))
    >>> w = np.random.default_rng(0).normal(size=(500, 500)) * (2 / 500) ** 0.5
    >>> found = predict_chain(LayerChain(layers), {"w": w}, square=1.0)
    >>> round(found.layers[1].chi, 1)
    1.0
    """
    if not (isinstance(square, (int, float)) and 0 <= square < math.inf):
        raise InputError(f"square: a finite number of at least 0 is needed, got {square!r}")
    arrays = chain.bind(weights)
    law: _Law | None = _Law(0.0, float(square), gaussian)
    found: list[LayerPrediction] = []
    for layer in chain.layers:
        law, prediction = _through(layer, arrays, law)
        before = found[-1] if found else LayerPrediction()
        if isinstance(layer, (Entrywise, ParametricReLU)) and before.sigma_w2 is not None:
            prediction = replace(prediction, chi=before.factor * prediction.factor)
        found.append(prediction)
    return ChainPrediction(tuple(found), _from_the_end([item.factor for item in found]))


def _from_the_end(factors: list[float]) -> Array:
    with np.errstate(divide="ignore"):
        steps = np.log10(np.array(factors, dtype=float)) / 2
    return np.append(np.cumsum(steps[::-1])[::-1], 0.0)


def _through(layer: ChainLayer, weights: ChainWeights, law: _Law | None) -> tuple[_Law | None, LayerPrediction]:
    """The law after a layer; the factor of the squared gradient is in the prediction."""
    if law is None and not isinstance(layer, (PassThrough, FixedNormalisation, Scaling, Affine)):
        return None, LayerPrediction(reason="the values before it are not known")
    after, factor, reason = _moments(layer, weights, law)
    if after is not None and not math.isfinite(after.square):
        after = None
    prediction = LayerPrediction(math.nan if after is None else after.square, factor, reason=reason)
    if isinstance(layer, Affine):
        bias = 0.0 if layer.bias is None else float(np.mean(weights[layer.bias] ** 2))
        prediction = replace(prediction, sigma_w2=factor, sigma_b2=bias)
    return after, prediction


Found = tuple[_Law | None, float, str]


@singledispatch
def _moments(layer: ChainLayer, weights: ChainWeights, law: _Law | None) -> Found:
    """The law of the output, the factor of the squared gradient, and why one is not known."""
    return None, math.nan, f"{layer.kind} is not known to the theory"


@_moments.register
def _(layer: Affine, weights: ChainWeights, law: _Law | None) -> Found:
    gain = layer.inputs * float(np.var(weights[layer.weight]))
    bias = 0.0 if layer.bias is None else float(np.mean(weights[layer.bias] ** 2))
    return (None if law is None else _Law(0.0, gain * law.square + bias, True)), gain, ""


@_moments.register
def _(layer: Entrywise, weights: ChainWeights, law: _Law | None) -> Found:
    return _activated(layer.activation, law)


@_moments.register
def _(layer: ParametricReLU, weights: ChainWeights, law: _Law | None) -> Found:
    slopes = weights[layer.weight]
    if law is None or not law.gaussian:
        return None, math.nan, "its inputs are not Gaussian"
    root, spread = float(np.mean(slopes)), float(np.mean(slopes**2))
    mean = (1 - root) * math.sqrt(law.square / (2 * math.pi))
    return _Law(mean, (1 + spread) / 2 * law.square, False), (1 + spread) / 2, ""


def _activated(phi: Activation, law: _Law | None) -> Found:
    if phi == activation("identity"):
        return law, 1.0, ""
    if law is None or not law.gaussian:
        return None, math.nan, "its inputs are not Gaussian"
    try:
        moments = Moments(phi)
        means = [float(part.floats([law.square])[0]) for part in (moments.average, moments.values, moments.slopes)]
    except SymgradError as error:
        return None, math.nan, str(error)
    if not all(map(math.isfinite, means)):
        return None, math.nan, f"a Gaussian mean of {phi.name} is not finite"
    return _Law(means[0], means[1], False), means[2], ""


@_moments.register
def _(layer: Scaling, weights: ChainWeights, law: _Law | None) -> Found:
    gains = layer.factor * (np.ones(1) if layer.weight is None else weights[layer.weight])
    shifts = layer.offset + (np.zeros(1) if layer.bias is None else weights[layer.bias])
    size = float(np.mean(gains**2))
    if law is None:
        return None, size, ""
    mean = float(np.mean(gains)) * law.mean + float(np.mean(shifts))
    square = size * law.square + 2 * float(np.mean(gains)) * law.mean * float(np.mean(shifts)) + np.mean(shifts**2)
    plain = float(np.ptp(np.abs(gains))) == 0.0 and layer.offset == 0
    return _Law(mean, float(square), law.gaussian and plain), size, ""


@_moments.register
def _(layer: FixedNormalisation, weights: ChainWeights, law: _Law | None) -> Found:
    gains = np.ones(layer.outputs) if layer.weight is None else weights[layer.weight]
    scale = gains / np.sqrt(weights[layer.variance] + layer.eps)
    shift = (0.0 if layer.bias is None else weights[layer.bias]) - scale * weights[layer.mean]
    factor = float(np.mean(scale**2))
    if law is None:
        return None, factor, ""
    mean = float(np.mean(scale)) * law.mean + float(np.mean(shift))
    cross = 2 * float(np.mean(scale * shift)) * law.mean
    plain = float(np.ptp(np.abs(scale))) == 0.0 and not shift.any()
    return _Law(mean, factor * law.square + cross + float(np.mean(shift**2)), law.gaussian and plain), factor, ""


@_moments.register
def _(layer: VectorNormalisation, weights: ChainWeights, law: _Law | None) -> Found:
    if law is None:
        return None, math.nan, "the values before it are not known"
    gains = np.ones(layer.outputs) if layer.weight is None else weights[layer.weight]
    shift = np.zeros(layer.outputs) if layer.bias is None else weights[layer.bias]
    variance = law.square - law.mean**2 if layer.centred else law.square
    spread = variance + layer.eps
    if not spread > 0:
        return None, math.nan, "its inputs are all equal"
    size = float(np.mean(gains**2))
    mean = 0.0 if layer.centred else float(np.mean(gains)) * law.mean / math.sqrt(spread)
    cross = 2 * mean * float(np.mean(shift))
    plain = float(np.ptp(np.abs(gains))) == 0.0 and not shift.any()
    square = size * variance / spread + cross + float(np.mean(shift**2))
    return _Law(mean + float(np.mean(shift)), square, law.gaussian and plain), size / spread, ""


@_moments.register
def _(layer: PassThrough, weights: ChainWeights, law: _Law | None) -> Found:
    return law, 1.0, ""


@_moments.register
def _(layer: Residual, weights: ChainWeights, law: _Law | None) -> Found:
    """The sum of two paths whose gradients are independent, since one of them at least has random weights."""
    if law is None:
        return None, math.nan, "the values before it are not known"
    sides = [_composed(part, weights, law) for part in (layer.shortcut, layer.branch)]
    if not any(isinstance(part, Affine) for part in layer.branch):
        return None, math.nan, "its branch has no weight matrix"
    (one, first, why), (two, second, other) = sides
    if one is None or two is None or not math.isfinite(first + second):
        return None, math.nan, why or other
    square = one.square + two.square + 2 * one.mean * two.mean
    return _Law(one.mean + two.mean, square, one.gaussian and two.gaussian), first + second, ""


def _composed(layers: tuple[ChainLayer, ...], weights: ChainWeights, law: _Law) -> Found:
    current: _Law | None = law
    factor = 1.0
    for layer in layers:
        current, prediction = _through(layer, weights, current)
        factor *= prediction.factor
        if current is None or not math.isfinite(factor):
            return None, math.nan, f"{layer.name}: {prediction.reason}"
    return current, factor, ""
