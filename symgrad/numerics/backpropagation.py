"""Backpropagation through time in floats, by the derived operators: no Jacobian and no Kronecker product is formed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.unroll import Unrolled, unroll
from symgrad.errors import InputError
from symgrad.language.operators import Column, Kronecker, Operator, OperatorSum, Scale, Zero
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, Weights, bind, exact_array
from symgrad.language.widths import unpadded, width_roles
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.layers import check_layers, filled_up, steps_of_layers, trimmed
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import batch_of, given_initial, given_inputs, run, sized

__all__ = ["Gradients", "backpropagate"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradients of a loss of the last state, in floats (approximate).

    Attributes:
        model: the recurrence.
        parameters: name -> dL/d parameter in the parameter's own shape: (rows, columns), (n,) or (). Of a model with a
            depth for each layer that was reached, ``W_1``, ``W_2`` and so on.
        initial: state name -> dL/d initial state, (n,); of a sum cut short, what the last terms reach.
        terms: how many terms of the sum over the steps were taken, from the last step backwards.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": 0.5 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> linear = sg.models.elman("identity")
    >>> found = sg.backpropagate(linear, weights, np.ones((3, 1)), loss_gradient=[1.0, 0.0])
    >>> found.parameters["b"].tolist(), found.initial["h"].tolist()
    ([1.75, 0.0], [0.125, 0.0])
    """

    model: Recurrence
    parameters: dict[str, Array]
    initial: dict[str, Array]
    terms: int


def backpropagate(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    *,
    loss_gradient: Any,
    initial: Mapping[Any, Any] | None = None,
    steps: int | None = None,
    terms: int | None = None,
) -> Gradients:
    """The gradient of a loss ``L(x_T)`` by all parameters, along one simulated trajectory.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters of the model.
        inputs: an array of shape (T, m); a mapping name -> array if there are several inputs.
        loss_gradient: dL/dx_T: an array of the first state's shape (n,), or a mapping state -> array; zero for states
            that are left out.
        initial: symbol or name -> (n,); states that are left out start at zero.
        steps: the number of steps T, needed only for a model without inputs. Of a model with a depth the first T
            layers, all unless given.
        terms: the number K of terms of the sum over the steps that are kept, from the last step backwards (truncated
            backpropagation through time); all unless given.

    Returns:
        :class:`Gradients`; its values are approximate.

    Raises:
        InputError: a missing weight, a wrong shape, or a batch of sequences.
        UnknownNameError: a name that the model does not have.

    Source: the sum of :func:`symgrad.unroll`, evaluated from the left: Werbos 1990.

    >>> import symgrad as sg
    >>> neuron = sg.models.neuron()
    >>> full = backpropagate(neuron, {"w": 4.0, "b": -2.0}, loss_gradient=1.0, initial={"x": 0.5}, steps=3)
    >>> round(float(full.parameters["b"]), 3), round(float(full.initial["x"][0]), 3)
    (0.75, 1.0)
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    bound = bind(model, weights, model.parameters)
    steps = steps_of_layers(bound, steps) if steps is None and not model.inputs else steps
    sequences = given_inputs(model, inputs, steps)
    starts = filled_up(bound, given_initial(model, initial))
    bound = sized(model, bound, sequences, starts)
    batch, single = batch_of(model, bound, sequences, starts, steps)
    if not single:
        raise InputError(f"inputs: one sequence of shape (T, m) is needed, got a batch of {batch.size}")
    check_layers(bound, batch.steps)
    evaluator = ArrayEvaluator.of_weights(bound)
    states = trimmed(bound, run(evaluator, shared_nodes(model).updates, batch))
    costate = _given_gradient(model, loss_gradient, _ends(bound, states, batch.steps))
    count = batch.steps if terms is None else _checked_terms(terms, batch.steps)
    backward = _Backward(unroll(model), evaluator, bound)
    for step in reversed(range(batch.steps - count, batch.steps)):
        point = {s: array[step][:, 0, :] for s, array in [*states.items(), *batch.inputs.items()]}
        costate = backward.step(point, costate, step)
    shown = _ends(bound, {s: array[None, :, None] for s, array in costate.items()}, 0, batch.steps - count)
    return Gradients(model, backward.parameters(), {str(s): array.reshape(-1) for s, array in shown.items()}, count)


def _ends(weights: Weights, states: Mapping[sp.Expr, Array], row: int, step: int | None = None) -> dict[sp.Expr, Array]:
    """One row of states (T+1, n, 1, 1) as columns, without the zeros that fill up narrow layers."""
    widths = weights.widths if isinstance(weights, LayerWeights) else None
    width = None if widths is None else widths[row if step is None else step]
    return {s: array[row][:width, 0, :] for s, array in states.items()}


def _checked_terms(terms: Any, steps: int) -> int:
    if isinstance(terms, bool) or not isinstance(terms, (int, np.integer)) or terms < 1:
        raise InputError(f"terms: a positive integer is needed, got {terms!r}")
    return min(int(terms), steps)


def _given_gradient(model: Recurrence, given: Any, end: Mapping[sp.Expr, Array]) -> dict[sp.Expr, Array]:
    """The gradient by the last states as columns."""
    named = given if isinstance(given, Mapping) else {model.states[0]: given}
    found = {s: np.zeros_like(array) for s, array in end.items()}
    for key, value in named.items():
        symbol = model.symbol(key, model.states)
        array = exact_array(f"loss_gradient {symbol}", value)
        if array.size != found[symbol].size or array.ndim > 1:
            needed = (len(found[symbol]),)
            raise InputError(f"loss_gradient {symbol}: shape {needed} is needed, got {array.shape}")
        found[symbol] = array.reshape(-1, 1)
    return found


class _Backward:
    """Steps backwards in time: the gradient by the states, and what the parameters collect on the way."""

    def __init__(self, unrolled: Unrolled, evaluator: ArrayEvaluator, weights: Weights) -> None:
        self._evaluator, self._weights = evaluator, weights
        self._sources = unrolled.sources
        self._roles = width_roles(unrolled.model) or {}
        states = unrolled.model.states
        self._columns = {
            old: [adjoint(row[index]) for row in unrolled.jacobian.blocks] for index, old in enumerate(states)
        }
        self._total: dict[tuple[sp.Expr, int | None], Array] = {}

    def step(self, point: Mapping[sp.Expr, Array], after: Mapping[sp.Expr, Array], step: int) -> dict[sp.Expr, Array]:
        """The gradient by the states before a step, from that by the states after it."""
        here = self._evaluator.at(point, step)
        gradients = [self._filled(array) for array in after.values()]
        layer = step if isinstance(self._weights, LayerWeights) else None
        for parameter, entries in self._sources.items():
            pulled = [_pulled(here, entry, gradient) for entry, gradient in zip(entries, gradients, strict=True)]
            size = np.size(self._weights.at(step).values[parameter])
            self._total[parameter, layer] = reduce(np.add, pulled, self._total.get((parameter, layer), np.zeros(size)))
        return {
            old: reduce(np.add, (here.apply(entry, g) for entry, g in zip(column, gradients, strict=True)))
            for old, column in self._columns.items()
        }

    def parameters(self) -> dict[str, Array]:
        """The collected gradients in the parameters' own shapes."""
        return {
            str(s) if layer is None else f"{s}_{layer + 1}": self._shaped(s, layer, total)
            for (s, layer), total in sorted(self._total.items(), key=lambda item: item[0][1] or 0)
        }

    def _shaped(self, symbol: sp.Expr, layer: int | None, total: Array) -> Array:
        shape = np.shape(self._weights.at(layer or 0).values[symbol])
        array = total.reshape(shape, order="F")
        if layer is None or not isinstance(self._weights, LayerWeights) or self._weights.widths is None:
            return array
        return unpadded(self._roles, symbol, array, self._weights.widths[layer : layer + 2])

    def _filled(self, gradient: Array) -> Array:
        """A gradient by a narrow layer with zeros added."""
        if not isinstance(self._weights, LayerWeights) or self._weights.widths is None:
            return gradient
        most = max(width for width in self._weights.widths if width is not None)
        return np.pad(gradient, [(0, most - len(gradient)), (0, 0)])


def _pulled(point: ArrayEvaluator, source: Operator, gradient: Array) -> Array:
    """The transpose of a derivative by parameters times a vector; a matrix read column by column.

    For X -> A X v it is ``A^T g v^T``, so that nothing larger than the matrix itself is formed.
    """
    match source:
        case Zero():
            return np.zeros(1)
        case OperatorSum(terms):
            return reduce(np.add, (_pulled(point, term, gradient) for term in terms))
        case Scale(coefficient, operand):
            return np.asarray(point.number(coefficient) * _pulled(point, operand, gradient))
        case Column(vector):
            return np.asarray(point.vector(vector).reshape(1, -1) @ gradient).reshape(-1)
        case Kronecker(vector, outer, transposed, mask):
            left, right = point.apply(adjoint(outer), gradient), point.vector(vector)
            product = right @ left.T if transposed else left @ right.T
            product = product if mask is None else product * point.matrix(mask)
            return np.asarray(product.reshape(-1, order="F"))
    return np.asarray(point.apply(adjoint(source), gradient).reshape(-1))
