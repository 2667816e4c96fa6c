"""Values of a layer chain and products of its Jacobians with vectors, in floats; own formulas, no autograd.

All numbers here are approximate (float64).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
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
from symgrad.language.layer_chain import ChainWeights, LayerChain
from symgrad.numerics.functions import array_function

__all__ = ["ChainRun", "LayerMap", "back_through", "chain_inputs", "layer_map", "run_chain"]

Array = NDArray[np.float64]
Step: TypeAlias = tuple[Array, Callable[[Array], Array]]


@dataclass(frozen=True)
class LayerMap:
    """One layer at one batch of inputs.

    Attributes:
        values: its outputs, (B, m).
        pull_back: rows v of shape (B, r, m) to ``v J`` of shape (B, r, n), J the Jacobian of each sample.
    """

    values: Array
    pull_back: Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class ChainRun:
    """A chain at one batch of inputs.

    Attributes:
        chain: the network.
        values: ``x_0, ..., x_L``, each of shape (B, width).
        maps: the layers at these inputs.
        weights: the parameters.
    """

    chain: LayerChain
    values: tuple[Array, ...]
    maps: tuple[LayerMap, ...]
    weights: ChainWeights = field(repr=False)

    def first(self, count: int) -> ChainRun:
        """The chain at the first inputs alone."""
        return run_chain(self.chain, self.weights, self.values[0][:count]) if count else self

    @property
    def output(self) -> Array:
        """``x_L``, of shape (B, width)."""
        return self.values[-1]

    def jacobian(self, start: int = 0, stop: int | None = None) -> Array:
        """``dx_stop/dx_start`` of every sample, (B, width of x_stop, width of x_start); stop is L unless given.

        Raises:
            InputError: these are no positions in order between 0 and L.
        """
        last = self.chain.depth if stop is None else stop
        if not 0 <= start <= last <= self.chain.depth:
            raise InputError(
                f"start, stop: positions in order from 0 to {self.chain.depth} are needed, got {start}, {stop}"
            )
        rows = np.broadcast_to(
            np.eye(self.values[last].shape[1]), (len(self.output), *[self.values[last].shape[1]] * 2)
        )
        for part in reversed(self.maps[start:last]):
            rows = part.pull_back(rows)
        return np.array(rows)


def run_chain(chain: LayerChain, weights: Any, inputs: Any) -> ChainRun:
    """A chain's values at inputs, ready for products with its Jacobians; approximate.

    Args:
        chain: the network.
        weights: name -> array, see :meth:`LayerChain.bind`.
        inputs: (B, n) or (n,).

    Raises:
        InputError: malformed arguments.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine, Entrywise
    >>> chain = LayerChain((Affine("0", 1, 1, "w"), Entrywise("1", 1, 1, sg.activation("tanh"))))
    >>> run = run_chain(chain, {"w": [[2.0]]}, [[0.5]])
    >>> run.output.round(6).tolist(), run.jacobian().round(6).tolist()
    ([[0.761594]], [[[0.839949]]])
    """
    arrays = chain.bind(weights)
    values, maps = [chain_inputs(chain, inputs)], []
    for layer in chain.layers:
        maps.append(layer_map(layer, arrays, values[-1]))
        values.append(maps[-1].values)
    return ChainRun(chain, tuple(values), tuple(maps), arrays)


def chain_inputs(chain: LayerChain, inputs: Any) -> Array:
    """Inputs of a chain as an array (B, n); more dimensions are joined where the first layer is a flatten.

    Raises:
        InputError: another shape, integers or complex numbers, numbers that are not finite, no sample at all.
    """
    size = chain.widths[0]
    try:
        given = np.asarray(inputs.detach() if hasattr(inputs, "detach") else inputs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"inputs: {type(inputs).__name__} cannot be read as an array ({error})") from error
    if given.dtype.kind != "f":
        raise InputError(f"inputs: floating-point numbers are needed, got entries of type {given.dtype}")
    flattened = given.ndim > 2 and isinstance(chain.layers[0], PassThrough) and chain.layers[0].reason == "flatten"
    array: Array = np.atleast_2d(given.astype(np.float64))
    if flattened and given.size == len(given) * size:
        array = array.reshape(len(given), size)
    elif given.ndim not in (1, 2) or array.shape[1] != size or not len(array):
        raise InputError(f"inputs: the shape (samples, {size}) or ({size},) is needed, got {given.shape}")
    if not np.isfinite(array).all():
        raise InputError("inputs: finite numbers are needed, got an infinite entry or NaN")
    return array


def layer_map(layer: ChainLayer, weights: ChainWeights, x: Array) -> LayerMap:
    """One layer at inputs of shape (B, n)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return LayerMap(*_step(layer, weights, x))


@singledispatch
def _step(layer: ChainLayer, weights: ChainWeights, x: Array) -> Step:
    raise InputError(f"layers: {type(layer).__name__} is no kind of layer that can be evaluated")


@_step.register
def _(layer: Affine, weights: ChainWeights, x: Array) -> Step:
    matrix = weights[layer.weight].T if layer.transposed else weights[layer.weight]
    values = x @ matrix.T
    return values if layer.bias is None else values + weights[layer.bias], lambda rows: rows @ matrix


@_step.register
def _(layer: Entrywise, weights: ChainWeights, x: Array) -> Step:
    slopes = array_function(layer.activation.derivative.expr)(np, x)
    return array_function(layer.activation.expr)(np, x), _rows_times(slopes)


@_step.register
def _(layer: ParametricReLU, weights: ChainWeights, x: Array) -> Step:
    slopes = np.where(x > 0, 1.0, np.broadcast_to(weights[layer.weight], x.shape))
    return slopes * x, _rows_times(slopes)


@_step.register
def _(layer: Scaling, weights: ChainWeights, x: Array) -> Step:
    scale = layer.factor * (1.0 if layer.weight is None else weights[layer.weight])
    shift = layer.offset + (0.0 if layer.bias is None else weights[layer.bias])
    return scale * x + shift, _rows_times(np.broadcast_to(scale, x.shape))


@_step.register
def _(layer: FixedNormalisation, weights: ChainWeights, x: Array) -> Step:
    gains = 1.0 if layer.weight is None else weights[layer.weight]
    scale = gains / np.sqrt(weights[layer.variance] + layer.eps)
    shift = 0.0 if layer.bias is None else weights[layer.bias]
    return (x - weights[layer.mean]) * scale + shift, _rows_times(np.broadcast_to(scale, x.shape))


@_step.register
def _(layer: VectorNormalisation, weights: ChainWeights, x: Array) -> Step:
    gains = np.ones(layer.outputs) if layer.weight is None else weights[layer.weight]
    rest = x - x.mean(axis=1, keepdims=True) if layer.centred else x
    spread = np.sqrt(np.mean(rest**2, axis=1, keepdims=True) + layer.eps)
    unit = rest / spread

    def pull_back(rows: Array) -> Array:
        scaled = rows * gains
        along = np.mean(scaled * unit[:, None], axis=2, keepdims=True) * unit[:, None]
        mean = scaled.mean(axis=2, keepdims=True) if layer.centred else 0.0
        return (scaled - mean - along) / spread[:, None]

    return unit * gains + (0.0 if layer.bias is None else weights[layer.bias]), pull_back


@_step.register
def _(layer: PassThrough, weights: ChainWeights, x: Array) -> Step:
    return x, lambda rows: rows


@_step.register
def _(layer: Residual, weights: ChainWeights, x: Array) -> Step:
    sides = [_composed(part, weights, x) for part in (layer.shortcut, layer.branch)]
    return sides[0][0] + sides[1][0], lambda rows: sides[0][1](rows) + sides[1][1](rows)


def _composed(layers: tuple[ChainLayer, ...], weights: ChainWeights, x: Array) -> Step:
    steps: list[Callable[[Array], Array]] = []
    for layer in layers:
        x, pull_back = _step(layer, weights, x)
        steps.append(pull_back)

    return x, back_through(steps)


def back_through(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Rows times the Jacobians of layers that follow each other, the last one first; floats or balls."""

    def through(rows: Any) -> Any:
        for step in reversed(steps):
            rows = step(rows)
        return rows

    return through


def _rows_times(slopes: Any) -> Callable[[Array], Array]:
    return lambda rows: rows * slopes[:, None]
