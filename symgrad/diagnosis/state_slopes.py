"""Jacobians of plain recurrent layers from their states alone: the slopes are known where the outputs are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.diagnosis.networks import Part
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Elementwise, Operator, Zero, symbols_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import backend
from symgrad.numerics.functions import ArrayFunction, array_function
from symgrad.numerics.kernels import constant_times_batch
from symgrad.numerics.low_rank_products import Factors, log10_norms

__all__ = ["PlainLayer", "measured_from_states", "plain_layer", "slopes_at"]

Array = NDArray[np.float64]

_DIGITS = 54  # binary digits after the point, each of which takes one halving
_TOLERANCE = 1e-4  # of the norms
_SMALLEST, _LARGEST = 2.0**6, 2.0**40  # of the bounds on arguments


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """A layer ``h = s(A h + ...)`` with one state and a nowhere decreasing s: ``dh/dh' = diag(s') A``.

    Attributes:
        function: s.
        recurrent: A, in which no state and no input stands.
    """

    function: Activation
    recurrent: Operator


def plain_layer(model: Recurrence) -> PlainLayer | None:
    """The parts of a plain layer; None for any other, whose slopes its states alone do not tell."""
    if len(model.states) != 1:
        return None
    (state,), (node,) = model.states, model.nodes.values()
    if not isinstance(node, Elementwise) or not node.function.slope.inf.is_nonnegative:
        return None
    inner = derivative(node.argument, state)
    if isinstance(inner, Zero) or symbols_of(inner) & set(model.variables):
        return None
    return PlainLayer(node.function, inner)


def measured_from_states(layer: PlainLayer, part: Part, states: Array, seed: int = 0) -> Array:
    """``log10 ||dh_T / dh_{T-k}||_2`` for k = 0 ... T along states that were reached, whatever the inputs, (B, T + 1).

    The argument of s is found from its value by bisection. Where s is constant, its slope is zero at any argument; at
    a kink, where it has no slope, one beside it is taken.

    Args:
        layer: the parts of the layer.
        part: its numbers.
        states: (B, T, n), the states after each step.
        seed: of the draws that the search for norms takes.
    """
    slopes = slopes_at(layer.function, states)
    evaluator = ArrayEvaluator.of_weights(bind(part.model, part.weights, part.model.parameters))
    transposed = np.ascontiguousarray(np.asarray(evaluator.operator(layer.recurrent)).T)

    def factors(places: NDArray[np.int64]) -> Iterator[_Transposed]:
        return (_Transposed(transposed, slopes[places, step].T) for step in reversed(range(states.shape[1])))

    products = Factors(factors, len(states), states.shape[2])
    return log10_norms(products, states.shape[1], _TOLERANCE, backend(), seed).T


class _Transposed:
    """The transposed Jacobians ``A^T diag(s')`` of one step, slopes (n, B)."""

    def __init__(self, matrix: Array, slopes: Array) -> None:
        self._matrix, self._slopes, self.finite = matrix, slopes[:, :, None], np.isfinite(slopes).all(axis=0)

    def times(self, columns: Array) -> Any:
        return constant_times_batch(np, self._matrix, self._slopes * columns)


def slopes_at(function: Activation, values: Array) -> Array:
    """The slopes of a nowhere decreasing function where it has the values given, approximate.

    >>> import symgrad as sg
    >>> slopes_at(sg.activation("tanh"), np.array([0.0, 0.5, 1.0])).round(12).tolist()
    [1.0, 0.75, 0.0]
    >>> slopes_at(sg.activation("relu"), np.array([0.0, 3.0])).tolist()
    [0.0, 1.0]
    """
    evaluate = array_function(function.expr)
    with np.errstate(all="ignore"):
        first = _crossing(lambda z: evaluate(np, z) < values, values.shape, _reach(evaluate, values))
        last = _crossing(lambda z: evaluate(np, z) <= values, values.shape, _reach(evaluate, values))
        slopes = array_function(function.derivative.expr)(np, (first + last) / 2)
    return np.nan_to_num(np.broadcast_to(slopes, values.shape), nan=0.0, posinf=0.0, neginf=0.0)


def _reach(evaluate: ArrayFunction, values: Array) -> float:
    """A bound on the arguments; where the function tends to a value, the slope there is zero at any large argument."""
    reach, least, most = _SMALLEST, values.min(), values.max()
    while reach < _LARGEST:
        low, high = evaluate(np, np.array([-reach, reach]))
        if low <= least and high >= most:
            break
        reach *= 2
    return reach


def _crossing(below: Callable[[Array], NDArray[np.bool_]], shape: tuple[int, ...], reach: float) -> Array:
    """Up to where the arguments are below, by bisection to the last digit."""
    low, high = np.full(shape, -reach), np.full(shape, reach)
    for _ in range(_DIGITS + int(np.log2(reach))):
        middle = (low + high) / 2
        holds = below(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return (low + high) / 2
