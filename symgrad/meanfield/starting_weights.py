"""How the parameters of a recurrence are to start: the role of each, read off the update, and the size that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.elementwise import ActivatedMatrix, Activation
from symgrad.language.matrix_properties import orthogonal
from symgrad.language.recurrence import Recurrence

__all__ = ["INPUT", "RECURRENT", "Matrix", "hidden_activation", "matrices_of", "retaining_biases", "vectors_of"]

RECURRENT, INPUT = "recurrent", "input"


@dataclass(frozen=True)
class Matrix:
    """A weight matrix.

    Attributes:
        symbol: its symbol.
        role: whether it multiplies what comes from the states (``"recurrent"``) or inputs alone (``"input"``).
        transposed: whether it stands transposed, so that its rows are the inputs.
    """

    symbol: sp.MatrixSymbol
    role: str
    transposed: bool

    @property
    def is_square(self) -> bool:
        """Whether it has as many rows as columns."""
        return bool(self.symbol.shape[0] == self.symbol.shape[1])


def matrices_of(model: Recurrence) -> tuple[Matrix, ...]:
    """The weight matrices of a model, by name.

    Raises:
        InputError: the model is scalar, or a matrix is declared to have a property that random weights lack.
    """
    if model.is_scalar:
        raise InputError(f"model: {model.name} has numbers for weights; a model with weight matrices is needed")
    found: dict[sp.Expr, Matrix] = {}
    for update in model.updates.values():
        for product in _products(update):
            for matrix in _factors(model, product):
                known = found.get(matrix.symbol)
                found[matrix.symbol] = matrix if known is None or known.role == INPUT else known
    for symbol, held in model.properties.items():
        wanting = sorted(str(item) for item in held if item != orthogonal)
        if wanting:
            raise InputError(f"model: {symbol} is declared {', '.join(wanting)}, which random weights are not")
    return tuple(sorted(found.values(), key=lambda matrix: str(matrix.symbol)))


def _products(update: sp.Expr) -> Iterator[sp.MatMul]:
    return (node for node in sp.preorder_traversal(update) if isinstance(node, sp.MatMul))


def _factors(model: Recurrence, product: sp.MatMul) -> Iterator[Matrix]:
    for factor in product.args:
        inner = factor.arg if isinstance(factor, sp.Transpose) else factor
        if isinstance(inner, sp.MatrixSymbol) and inner in model.parameters and inner.shape[1] != 1:
            fed = product.atoms(sp.MatrixSymbol) & set(model.variables)
            role = INPUT if fed and fed <= set(model.inputs) else RECURRENT
            yield Matrix(inner, role, inner is not factor)


def vectors_of(model: Recurrence) -> tuple[sp.MatrixSymbol, ...]:
    """The parameters that are vectors: biases, and weights of single units."""
    return tuple(p for p in model.parameters if isinstance(p, sp.MatrixSymbol) and p.shape[1] == 1)


def hidden_activation(model: Recurrence) -> Activation | None:
    """The activation between a plain layer and the next; None where gates or several activations are in between."""
    nodes = {node for update in model.updates.values() for node in sp.preorder_traversal(update)}
    if any(isinstance(node, sp.HadamardProduct) for node in nodes):
        return None
    found = {node.activation for node in nodes if isinstance(node, ActivatedMatrix)}
    return found.pop() if len(found) == 1 else None


def retaining_biases(model: Recurrence) -> dict[sp.MatrixSymbol, int]:
    """The biases of gates that decide how much of a state is kept: 1 where an open gate keeps it, -1 where it forgets.

    A gate is an activation with values between 0 and 1 that multiplies an old state, by itself or as ``1 - gate``. Of
    several biases that are added the first is given.
    """
    found: dict[sp.MatrixSymbol, int] = {}
    for update in model.updates.values():
        for node in sp.preorder_traversal(update):
            if isinstance(node, sp.HadamardProduct) and set(node.args) & set(model.states):
                for factor in node.args:
                    found.update(_gate_bias(model, factor))
    return found


def _gate_bias(model: Recurrence, factor: sp.Expr) -> dict[sp.MatrixSymbol, int]:
    gates = [node for node in sp.preorder_traversal(factor) if isinstance(node, ActivatedMatrix)]
    if not gates or gates[0].activation.range.inf < 0 or gates[0].activation.range.sup > 1:
        return {}
    gate = gates[0]
    if factor == gate:
        sign = 1
    elif (factor - sp.OneMatrix(*gate.shape) + gate).doit() == sp.ZeroMatrix(*gate.shape):
        sign = -1
    else:
        return {}
    terms = gate.argument.args if isinstance(gate.argument, sp.MatAdd) else (gate.argument,)
    biases = sorted((term for term in terms if term in vectors_of(model)), key=str)
    return {biases[0]: sign} if biases else {}
