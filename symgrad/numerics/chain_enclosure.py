"""Layer chains at one input in ball arithmetic: values, and norms of gradients at every layer, from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

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
from symgrad.language.layer_chain import ChainWeights, LayerChain, all_layers
from symgrad.language.norms import norm as norm_of
from symgrad.numerics.chain_values import back_through, chain_inputs
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm, matrix_norm
from symgrad.numerics.trajectory_bound_states import PointEvaluator
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import columns_scaled, point_matrix

__all__ = ["MOST_PRODUCTS", "ChainEnclosure", "enclosed_gradients", "enclosure_work"]

Array = NDArray[np.float64]
PullBack: TypeAlias = Callable[[Any], Any]

MOST_PRODUCTS = 2 * 10**7
"""Multiplications of balls up to which norms are enclosed."""

_FIRST_BITS, _MOST_BITS = 128, 2048
_NARROW = 1e-9
_TWO = norm_of(2)


@dataclass(frozen=True, eq=False)
class ChainEnclosure(Presentable):
    """Norms of gradients along one input, proved: the input and the weights are taken as exact.

    Attributes:
        products: for l = 0, ..., L bounds of ``||dx_L/dx_l||_2``; None where the layers are too large.
        losses: bounds of ``||dL/dx_l||_2`` for the given ``dL/dx_L``; None likewise.
        outputs: balls around the entries of ``x_L``.
        bits: the precision of ball arithmetic.
    """

    products: tuple[CertifiedNorm, ...] | None
    losses: tuple[CertifiedNorm, ...] | None
    outputs: tuple[arb, ...]
    bits: int


def enclosure_work(chain: LayerChain, rows: int) -> int:
    """About how many multiplications of balls it takes to pull so many rows back through a chain."""
    parts = [layer for layer in all_layers(chain.layers) if not isinstance(layer, Residual)]
    return rows * sum(part.inputs * part.outputs if isinstance(part, Affine) else part.outputs for part in parts)


def enclosed_gradients(chain: LayerChain, weights: Any, point: Any, gradient: Any) -> ChainEnclosure:
    """Norms of gradients at every layer along one input, enclosed in ball arithmetic.

    The precision is raised until the norms are known to nine digits; where a slope jumps at a kink that is met
    exactly, both sides are counted and they stay wide.

    Args:
        chain: the network.
        weights: its parameters, taken as exact.
        point: (n,) the input, taken as exact.
        gradient: (width of x_L,) the gradient of the loss by the output, taken as exact.

    Raises:
        InputError: malformed arguments.

    >>> from symgrad.language.chain_layers import Affine
    >>> chain = LayerChain((Affine("0", 1, 1, "w"), Affine("1", 1, 1, "v")))
    >>> found = enclosed_gradients(chain, {"w": [[0.5]], "v": [[3.0]]}, [1.0], [1.0])
    >>> [float(norm.upper) for norm in found.products], 1.5 in found.losses[0]
    ([1.5, 3.0, 1.0], True)
    """
    arrays = chain.bind(weights)
    start = chain_inputs(chain, point)[:1]
    row = point_matrix(np.asarray(gradient, dtype=np.float64).reshape(1, chain.widths[-1]))
    bits = _FIRST_BITS
    while True:
        with working_precision(bits):
            found = _at_precision(chain, arrays, start, row, bits)
        if bits >= _MOST_BITS or _is_narrow(found):
            return found
        bits *= 4


def _at_precision(chain: LayerChain, weights: ChainWeights, start: Array, row: Any, bits: int) -> ChainEnclosure:
    value, steps = point_matrix(start.T), []
    for layer in chain.layers:
        value, step = _ball_step(layer, weights, value)
        steps.append(step)
    size = chain.widths[-1]
    products = losses = None
    if enclosure_work(chain, size) <= MOST_PRODUCTS:
        products = _pulled_back(steps, point_matrix(np.eye(size)))
    if enclosure_work(chain, 1) <= MOST_PRODUCTS:
        losses = _pulled_back(steps, row)
    return ChainEnclosure(products, losses, tuple(value.entries()), bits)


def _pulled_back(steps: list[PullBack], rows: Any) -> tuple[CertifiedNorm, ...]:
    norms = [matrix_norm(rows, _TWO)]
    for step in reversed(steps):
        rows = step(rows)
        norms.append(matrix_norm(rows, _TWO))
    return tuple(reversed(norms))


def _is_narrow(found: ChainEnclosure) -> bool:
    norms = (*(found.products or ()), *(found.losses or ()))
    return all(norm.upper.ball - norm.lower.ball <= norm.upper.ball * arb(_NARROW) for norm in norms)


@singledispatch
def _ball_step(layer: ChainLayer, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    """The output, a column of balls, and what turns rows v into ``v J``."""
    raise TypeError(type(layer).__name__)


@_ball_step.register
def _(layer: Affine, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    array = weights[layer.weight].T if layer.transposed else weights[layer.weight]
    matrix = point_matrix(np.ascontiguousarray(array))
    value = matrix * x
    return (value if layer.bias is None else value + _column(weights[layer.bias])), lambda rows: rows * matrix


@_ball_step.register
def _(layer: Entrywise, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    balls = PointEvaluator({}, {})
    slopes = balls.function(layer.activation.derivative, x).entries()
    return balls.function(layer.activation, x), lambda rows: columns_scaled(rows, slopes)


@_ball_step.register
def _(layer: ParametricReLU, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    given = np.broadcast_to(weights[layer.weight], (layer.outputs,))
    slopes = [_kinked(entry, arb(slope)) for entry, slope in zip(x.entries(), given.tolist(), strict=True)]
    return _times(slopes, x), lambda rows: columns_scaled(rows, slopes)


def _kinked(entry: arb, slope: arb) -> arb:
    if entry > 0:
        return arb(1)
    return slope if entry < 0 else slope.union(arb(1))


@_ball_step.register
def _(layer: Scaling, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    gains = np.broadcast_to(1.0 if layer.weight is None else weights[layer.weight], (layer.outputs,))
    shifts = np.broadcast_to(0.0 if layer.bias is None else weights[layer.bias], (layer.outputs,))
    factors = [arb(layer.factor) * arb(entry) for entry in gains.tolist()]
    offset = arb(layer.offset)
    value = _times(factors, x) + arb_mat(layer.outputs, 1, [offset + arb(entry) for entry in shifts.tolist()])
    return value, lambda rows: columns_scaled(rows, factors)


@_ball_step.register
def _(layer: FixedNormalisation, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    gains = np.ones(layer.outputs) if layer.weight is None else weights[layer.weight]
    pairs = zip(gains.tolist(), weights[layer.variance].tolist(), strict=True)
    factors = [arb(gain) / (arb(variance) + arb(layer.eps)).sqrt() for gain, variance in pairs]
    value = _times(factors, x - _column(weights[layer.mean]))
    return value if layer.bias is None else value + _column(weights[layer.bias]), lambda rows: columns_scaled(
        rows, factors
    )


@_ball_step.register
def _(layer: VectorNormalisation, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    size = layer.outputs
    gains = [arb(1)] * size if layer.weight is None else [arb(entry) for entry in weights[layer.weight].tolist()]
    ones = arb_mat(size, 1, [arb(1)] * size)
    mean = sum(x.entries(), arb(0)) / size if layer.centred else arb(0)
    rest = x - ones * mean
    spread = (sum((entry * entry for entry in rest.entries()), arb(0)) / size + arb(layer.eps)).sqrt()
    unit = rest * (1 / spread)
    value = _times(gains, unit)

    def pull_back(rows: Any) -> Any:
        scaled = columns_scaled(rows, gains)
        left = scaled - (scaled * unit) * unit.transpose() * (arb(1) / size)
        if layer.centred:
            left = left - (scaled * ones) * ones.transpose() * (arb(1) / size)
        return left * (1 / spread)

    return value if layer.bias is None else value + _column(weights[layer.bias]), pull_back


@_ball_step.register
def _(layer: PassThrough, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    return x, lambda rows: rows


@_ball_step.register
def _(layer: Residual, weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    (one, back_one), (two, back_two) = (_through(part, weights, x) for part in (layer.shortcut, layer.branch))
    return one + two, lambda rows: back_one(rows) + back_two(rows)


def _through(layers: tuple[ChainLayer, ...], weights: ChainWeights, x: Any) -> tuple[Any, PullBack]:
    steps: list[PullBack] = []
    for layer in layers:
        x, step = _ball_step(layer, weights, x)
        steps.append(step)
    return x, back_through(steps)


def _column(array: Array) -> Any:
    return point_matrix(array.reshape(-1, 1))


def _times(factors: list[arb], x: Any) -> Any:
    return arb_mat(len(factors), 1, [factor * entry for factor, entry in zip(factors, x.entries(), strict=True)])
