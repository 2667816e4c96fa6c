"""The plain recurrent network in its two forms, recognised in a recurrence: which matrix feeds the state back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language import models
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Apply, Elementwise, Variable, Vector, VectorSum, Weight
from symgrad.language.recurrence import Recurrence

__all__ = ["PlainNetwork", "plain_network"]

Array = NDArray[np.float64]

_ACCEPTED = (
    "accepted are networks with one state and a free bias, x = W s(x) + ... + b (sg.models.sigmoid_rnn) "
    "or x = s(W x + ... + b) (sg.models.elman), without declared ranges"
)


@dataclass(frozen=True, eq=False)
class PlainNetwork:
    """A network ``x = W s(x) + W_in u + b``, or ``x = s(W x + U u + b)``.

    Both have one Jacobian up to order, ``W diag(s'(x))`` and ``diag(s'(a)) W``, which have the same eigenvalues.

    Attributes:
        model: the recurrence.
        activation: s.
        weight: the symbol of W.
        bias: the symbol of b.
        inside: whether W stands inside the activation.
    """

    model: Recurrence
    activation: Activation
    weight: sp.MatrixSymbol
    bias: sp.MatrixSymbol
    inside: bool

    def weights(self, matrix: Array, biases: Array) -> dict[str, Array]:
        """Values for all parameters: W and b as given, inputs of size 1 without effect."""
        sizes = {self.weight.shape[0]: sp.Integer(len(matrix))}
        shapes = {str(p): [_length(size, sizes) for size in p.shape] for p in self.model.parameters}
        zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
        return {**zeros, str(self.weight): matrix, str(self.bias): biases}


def _length(size: Any, sizes: dict[Any, Any]) -> int:
    """A size as a number; of inputs 1 where they are free."""
    number = sp.sympify(size).xreplace(sizes)
    return int(number) if number.is_Integer else 1


def plain_network(model: Recurrence | None, activation: Any = "sigmoid") -> PlainNetwork:
    """The parts of a plain recurrent network.

    Args:
        model: the network; None for ``sg.models.sigmoid_rnn(activation)``.
        activation: name or object, of no effect where a model is given.

    Raises:
        InputError: the model is no plain network; says which are.
        UnknownNameError: no such activation.

    >>> network = plain_network(models.elman("relu"))
    >>> network.weight, network.bias, network.activation.name, network.inside
    (W, b, 'relu', True)
    """
    if model is None:
        model = models.sigmoid_rnn(activation)
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence or None is needed, got {type(model).__name__}; {_ACCEPTED}")
    found = None
    if len(model.states) == 1 and not model.ranges and model.depth is None:
        found = _recognised(model, model.nodes[model.states[0]])
    if found is None:
        raise InputError(f"model: {model.name} is no plain recurrent network; {_ACCEPTED}")
    return found


def _recognised(model: Recurrence, update: Vector) -> PlainNetwork | None:
    match update:
        case Elementwise(function=function, argument=VectorSum(terms=terms)):
            return _assembled(model, terms, function)
        case VectorSum(terms=terms):
            return _assembled(model, terms, None)
    return None


def _assembled(model: Recurrence, terms: Sequence[Vector], outer: Activation | None) -> PlainNetwork | None:
    """The network whose sum has these terms: one of the state, one bias, any of inputs."""
    own = [term for term in terms if not _is_fed(model, term)]
    biases = [term.symbol for term in own if isinstance(term, Variable) and term.symbol in model.parameters]
    back = [found for term in own if (found := _feedback(term, Variable(model.states[0]), outer)) is not None]
    if len(own) != 2 or len(biases) != 1 or len(back) != 1:
        return None
    function, matrix = back[0]
    return PlainNetwork(model, function, matrix, biases[0], outer is not None)


def _is_fed(model: Recurrence, term: Vector) -> bool:
    """Whether a term is a matrix times an input."""
    match term:
        case Apply(operator=Weight(), argument=Variable(symbol=symbol)):
            return symbol in model.inputs
    return False


def _feedback(term: Vector, state: Variable, outer: Activation | None) -> tuple[Activation, sp.MatrixSymbol] | None:
    """Activation and matrix where a term is W x, inside an outer activation, or W s(x)."""
    match term:
        case Apply(operator=Weight(matrix=sp.MatrixSymbol() as matrix), argument=argument):
            if outer is not None:
                return (outer, matrix) if argument == state else None
            if isinstance(argument, Elementwise) and argument.argument == state:
                return argument.function, matrix
    return None
