"""Direct paths: what a state hands to its own next value entry by entry, without passing a weight matrix.

Such is the forget gate of an LSTM's cell, the update gate of a GRU, ``1 - t`` of a highway layer, ``1 - a`` of a leaky
one and the 1 of a residual connection. They are read off the Jacobian, not known by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.calculus.jacobian import jacobian
from symgrad.errors import SymgradError
from symgrad.language.elementwise import written_out
from symgrad.language.operators import (
    Apply,
    Block,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Variable,
    Vector,
    VectorSum,
    symbols_of,
    walk,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["DirectPath", "direct_paths", "entering_gate"]


@dataclass(frozen=True)
class DirectPath:
    """The factor by which a state is handed on directly in one step.

    Attributes:
        state: the state.
        factor: it, in an entry where what the gates receive through weights is zero: a SymPy expression in one entry of
            the biases (symbols of their names) and in scalar parameters.
        parameters: symbol of the factor -> the parameter of the model.
    """

    state: sp.Expr
    factor: sp.Expr
    parameters: dict[sp.Symbol, sp.Expr]


def direct_paths(model: Recurrence) -> tuple[DirectPath, ...]:
    """The direct paths of a model, one for each state that has one; a scalar model has no other ones, so none.

    >>> import symgrad as sg
    >>> [(str(path.state), path.factor) for path in direct_paths(sg.models.highway())]
    [('h', 1 - logistic(b_t))]
    >>> direct_paths(sg.models.elman())
    ()
    """
    if model.is_scalar:
        return ()
    operator, found = jacobian(model).operator, []
    blocks = operator.rows if isinstance(operator, Block) else ((operator,),)
    for place, state in enumerate(model.states):
        entries = _Entries(model)
        factor = entries.direct(blocks[place][place])
        if factor != 0:
            used = {symbol: parameter for symbol, parameter in entries.names.items() if symbol in factor.free_symbols}
            found.append(DirectPath(state, factor, used))
    return tuple(found)


def entering_gate(model: Recurrence, path: DirectPath) -> DirectPath | None:
    """The gate of its own that lets something into a state with a direct path; None where there is none.

    The state's update must be what is handed on plus one product of a gate, with values in [0, 1], and of activations
    with values in [-1, 1]. If the gate is one minus the factor of the direct path, the new state is a weighted mean of
    the old one and of numbers in [-1, 1], so that it does not grow.

    >>> import symgrad as sg
    >>> lstm, gru = sg.models.lstm(), sg.models.gru()
    >>> entering_gate(lstm, direct_paths(lstm)[0]).factor
    logistic(b_hi + b_ii)
    >>> entering_gate(gru, direct_paths(gru)[0]) is None  # one gate does both
    True
    """
    update = model.nodes[path.state]
    terms = [_factors(term) for term in update.terms] if isinstance(update, VectorSum) else []
    entering = [factors for factors in terms if Variable(path.state) not in factors]
    if len(entering) != 1 or len(terms) != 2:
        return None
    gates = [factor for factor in entering[0] if _within(factor, sp.S.Zero)]
    if len(gates) != 1 or not all(_within(factor, sp.S.NegativeOne) for factor in entering[0]):
        return None
    entries = _Entries(model)
    factor = written_out(entries.value(gates[0]))
    used = {symbol: parameter for symbol, parameter in entries.names.items() if symbol in factor.free_symbols}
    return None if set(used) & set(path.parameters) else DirectPath(path.state, factor, used)


def _factors(vector: Vector) -> tuple[Vector, ...]:
    """What an entrywise product is made of."""
    return (*_factors(vector.left), *_factors(vector.right)) if isinstance(vector, Hadamard) else (vector,)


def _within(factor: Vector, least: sp.Expr) -> bool:
    """Whether a factor is an activation whose values lie between a number and 1."""
    if not isinstance(factor, Elementwise):
        return False
    try:
        values = factor.function.range
    except SymgradError:
        return False
    return bool(values.is_bounded and (values.inf >= least) == sp.true and (values.sup <= 1) == sp.true)


class _Entries:
    """Entries of vectors and operators where states, inputs and what comes through weights are zero."""

    def __init__(self, model: Recurrence) -> None:
        self.names: dict[sp.Symbol, sp.Expr] = {}
        self._variables = set(model.variables)
        self._weights = _entrywise_weights(model)

    def direct(self, operator: Operator) -> sp.Expr:
        """An entry of the part of an operator that is diagonal."""
        match operator:
            case Identity():
                return sp.S.One
            case Scale(coefficient, operand):
                return self._scalar(coefficient) * self.direct(operand)
            case Diagonal(vector):
                return written_out(self.value(vector))
            case Compose(factors):
                return sp.Mul(*map(self.direct, factors))
            case OperatorSum(terms):
                return sp.Add(*map(self.direct, terms))
        return sp.S.Zero  # weight matrices and their transposes mix the entries

    def value(self, vector: Vector) -> sp.Expr:
        """One entry of a vector."""
        match vector:
            case Constant(value, _):
                return self._scalar(value)
            case Variable(symbol):
                return sp.S.Zero if symbol in self._variables | self._weights else self._entry(symbol)
            case VectorSum(terms):
                return sp.Add(*map(self.value, terms))
            case Hadamard(left, right):
                return self.value(left) * self.value(right)
            case Elementwise(function, argument):
                return function(self.value(argument))
            case Apply(operator, argument):
                return self.direct(operator) * self.value(argument)
        return sp.S.Zero

    def _entry(self, symbol: sp.Expr) -> sp.Symbol:
        entry = symbol if isinstance(symbol, sp.Symbol) else sp.Symbol(str(symbol), real=True)
        self.names[entry] = symbol
        return entry

    def _scalar(self, value: sp.Expr) -> sp.Expr:
        for symbol in value.free_symbols:
            self._entry(symbol)
        return value


def _entrywise_weights(model: Recurrence) -> set[sp.Expr]:
    """Vectors of parameters that states or inputs are multiplied by entry by entry, such as those of peepholes."""
    products = [node for update in model.nodes.values() for node in walk(update) if isinstance(node, Hadamard)]
    sides = [pair for node in products for pair in ((node.left, node.right), (node.right, node.left))]
    variables = set(model.variables)
    return {
        one.symbol
        for one, other in sides
        if isinstance(one, Variable) and one.symbol not in variables and symbols_of(other) & variables
    }
