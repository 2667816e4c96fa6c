"""The state Jacobian of a recurrence, in numerator layout, with the structure kept."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import sympy as sp

from symgrad.calculus.explicit import ExplicitEvaluator
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.construct import add_operators, compose, diagonal
from symgrad.language.operators import (
    Apply,
    Block,
    Compose,
    Constant,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Variable,
    Vector,
    VectorSum,
    Zero,
    children,
    walk,
)
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import operator_to_sympy
from symgrad.presentable import Presentable

__all__ = ["Jacobian", "derivative", "jacobian"]


@dataclass(frozen=True)
class Jacobian(Presentable):
    """The derivative of the next states by the old states.

    Attributes:
        model: the recurrence.
        blocks: ``blocks[i][j]`` is the operator d next_state_i / d state_j, in
            **numerator layout**: entry [a, b] is the derivative of entry a of the
            next state by entry b of the old state. All is meant at one step t.

    >>> import symgrad as sg
    >>> J = sg.jacobian(sg.models.lstm())
    >>> len(J.blocks), J.block("c", "c") == J.blocks[1][1]
    (2, True)
    """

    model: Recurrence
    blocks: tuple[tuple[Operator, ...], ...]

    @property
    def operator(self) -> Operator:
        """The Jacobian as one operator; a ``Block`` when there are several states."""
        return self.blocks[0][0] if len(self.blocks) == 1 else Block(self.blocks)

    def block(self, of: Any, by: Any) -> Operator:
        """The derivative of one next state by one old state, given as symbols or names.

        Raises:
            UnknownNameError: the model has no such state.
        """
        states = self.model.states
        return self.blocks[states.index(self.model.symbol(of, states))][states.index(self.model.symbol(by, states))]

    def to_sympy(self) -> sp.Expr:
        """The Jacobian as a SymPy matrix expression of symbolic size (a ``BlockMatrix`` for several states)."""
        rows = [[operator_to_sympy(entry) for entry in row] for row in self.blocks]
        return rows[0][0] if len(rows) == 1 else sp.BlockMatrix(rows)

    def explicit(self, size: int | None = None, **sizes: int) -> sp.ImmutableDenseMatrix:
        """All entries, for fixed sizes: ``explicit(2)`` for all, ``explicit(n=2, m=3)`` for each.

        Sizes that are not named take the positional number, or else the only one that is named.

        Returns:
            A SymPy matrix in the entries ``W[i, j]``, ``h[i, 0]`` of the symbols.

        Raises:
            InputError: a size is missing or not a positive integer.
        """
        numbers = self._sizes(size, sizes)
        evaluator = ExplicitEvaluator(self.model.variables + self.model.parameters, numbers)
        rows = [[evaluator.operator(entry) for entry in row] for row in self.blocks]
        return sp.ImmutableDenseMatrix(sp.BlockMatrix(rows).as_explicit())

    def _sizes(self, size: int | None, sizes: dict[str, int]) -> dict[sp.Symbol, int]:
        known = {str(symbol): symbol for symbol in self.model.sizes}
        for name in sizes:
            if name not in known:
                raise UnknownNameError(f"size of model {self.model.name}", name, known)
        size = next(iter(sizes.values())) if size is None and len(sizes) == 1 else size
        numbers: dict[sp.Symbol, int] = {}
        for name, symbol in known.items():
            number = sizes.get(name, size)
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise InputError(f"size {name}: a positive integer is needed, got {number!r}")
            numbers[symbol] = number
        return numbers


def jacobian(model: Recurrence) -> Jacobian:
    r"""The state Jacobian ``J = dF/dx_{t-1}`` of a recurrence.

    Returns:
        A :class:`Jacobian`; its operators keep the structure, e.g.
        ``diag(tanh'(a)) W`` for ``h = tanh(W h + U u + b)``.

    Raises:
        InputError: the argument is no Recurrence.

    Source: chain and product rule for vectors in numerator layout, e.g. Magnus and
    Neudecker, *Matrix Differential Calculus*, chapter 5.

    >>> import symgrad as sg
    >>> sg.jacobian(sg.models.elman()).explicit(n=1, m=1)
    Matrix([[(1 - tanh(U[0, 0]*u[0, 0] + W[0, 0]*h[0, 0] + b[0, 0])**2)*W[0, 0]]])
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    known: Jacobian | None = model.__dict__.get("_jacobian")
    if known is None:
        passes: dict[Vector, _Differentiation] = {}  # layers of a stack have the layers below in common
        columns = [_Differentiation(Variable(state), passes) for state in model.states]
        known = Jacobian(model, tuple(tuple(column.of(node) for column in columns) for node in model.nodes.values()))
        object.__setattr__(model, "_jacobian", known)  # every bound and every page asks for it again
    return known


def derivative(vector: Vector, variable: sp.Expr) -> Operator:
    """The derivative of a vector by one of its symbols, as an operator."""
    return _Differentiation(Variable(variable), {}).of(vector)


class _Differentiation:
    """One pass of the chain and product rules, each shared sub-expression treated once.

    Where all that depends on the variable passes through one vector v, as through the output of a layer, the derivative
    is ``d node / dv  dv / d variable``, not written out over all paths, of which there are exponentially many in the
    number of layers. (Such a v is a dominator; Griewank and Walther, Evaluating Derivatives 2008, ch. 9.)

    Args:
        variable: a vector that is treated as independent.
        passes: those by other vectors, to be shared.
    """

    def __init__(self, variable: Vector, passes: dict[Vector, _Differentiation]) -> None:
        self.variable = variable
        self.passes = passes
        self.known: dict[Vector, Operator] = {}
        self.waists: dict[Vector, tuple[Vector, ...]] = {}

    def of(self, node: Vector) -> Operator:
        if node not in self.known:
            self.known[node] = self._by_parts(node) or self._of(node)
        return self.known[node]

    def _by_parts(self, node: Vector) -> Operator | None:
        """The derivative through the last vector that all dependence passes through, where it is a sum there."""
        _, *between = self._passed(node)[:-1] or (None,)
        if not between or not _branches(self.of(between[-1])):
            return None
        last = between[-1]
        outer = self.passes.setdefault(last, _Differentiation(last, self.passes))
        return compose(outer.of(node), self.of(last))

    def _passed(self, node: Vector) -> tuple[Vector, ...]:
        """The vectors that all dependence on the variable passes through, both ends included; () if there is none."""
        if node == self.variable:
            return (node,)
        if node not in self.waists:
            chains = [chain for part in children(node) if isinstance(part, Vector) and (chain := self._passed(part))]
            shared = [same[0] for same in takewhile(lambda row: len(set(row)) == 1, zip(*chains, strict=False))]
            self.waists[node] = (*shared, node) if chains else ()
        return self.waists[node]

    def _of(self, node: Vector) -> Operator:
        if node == self.variable:
            return Identity(node.size)
        match node:
            case Variable() | Constant():
                return Zero(node.size, self.variable.size)
            case VectorSum(terms):
                return add_operators(*map(self.of, terms))
            case Hadamard(left, right):
                return add_operators(
                    compose(diagonal(right), self.of(left)),
                    compose(diagonal(left), self.of(right)),
                )
            case Elementwise(function, argument):
                inner = self.of(argument)
                if isinstance(inner, Zero):
                    return inner
                return compose(self._slope(function.derivative, argument), inner)
            case Apply(operator, argument):
                return compose(operator, self.of(argument))
        raise TypeError(f"no derivative is defined for {type(node).__name__}")

    def _slope(self, slope: Any, argument: Vector) -> Operator:
        if slope.expr.is_number:
            return diagonal(Constant(slope.expr, argument.size))
        return diagonal(Elementwise(slope, argument))


def _branches(operator: Operator) -> bool:
    """Whether a sum that is no constant stands among the factors: constants are sharper when multiplied out."""
    factors = operator.factors if isinstance(operator, Compose) else (operator,)
    return any(isinstance(f, OperatorSum) and any(isinstance(n, Elementwise) for n in walk(f)) for f in factors)
