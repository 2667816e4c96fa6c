"""Formulas of nodes as SymPy expressions, and short names for gates where the parameters' names give one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import reduce

import sympy as sp

from symgrad.language.elementwise import hadamard
from symgrad.language.nodes import Node
from symgrad.language.operators import (
    Apply,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    VectorSum,
    Weight,
    children,
    symbols_of,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["Formulas"]

_LAYER = re.compile(r"_l\d+(_reverse)?$")


class Formulas:
    """Writes nodes of a model as SymPy expressions; new values of states, and what has a name, stand as symbols.

    Args:
        model: the recurrence.
        updates: state -> node, the new values: one that stands inside another formula is written ``c_next``.
    """

    def __init__(self, model: Recurrence, updates: Mapping[sp.Expr, Vector]) -> None:
        self._model = model
        self.names: dict[Node, str] = {
            node: f"{state}_next" for state, node in updates.items() if not isinstance(node, Variable)
        }

    def of(self, node: Vector) -> sp.Expr:
        """The formula of a vector, written out even if it has a name itself."""
        match node:
            case Variable(symbol):
                return symbol
            case Constant(value, length):
                return value if self._model.is_scalar else _constant(value, length)
            case VectorSum(terms):
                parts = [self._inner(term) for term in terms]
                return sp.Add(*parts) if self._model.is_scalar else sp.MatAdd(*parts)
            case Hadamard(left, right):
                return hadamard(self._inner(left), self._inner(right))
            case Elementwise(function, argument):
                return function(self._inner(argument))
            case Apply(operator, argument):
                return self._applied(operator, self._inner(argument))
        raise TypeError(f"no formula is defined for {type(node).__name__}")

    def _inner(self, node: Vector) -> sp.Expr:
        name = self.names.get(node)
        if name is None:
            return self.of(node)
        return sp.Symbol(name, real=True) if self._model.is_scalar else sp.MatrixSymbol(name, node.size, 1)

    def _applied(self, operator: Operator, value: sp.Expr) -> sp.Expr:
        match operator:
            case Identity():
                return value
            case Weight(matrix):
                return matrix * value
            case Scale(coefficient, operand):
                return coefficient * self._applied(operand, value)
            case Compose(factors):
                return reduce(lambda result, factor: self._applied(factor, result), reversed(factors), value)
            case OperatorSum(terms):
                parts = [self._applied(term, value) for term in terms]
                return sp.Add(*parts) if self._model.is_scalar else sp.MatAdd(*parts)
            case Diagonal(vector):
                return hadamard(self._inner(vector), value)
            case Transpose(Weight(matrix)):
                return matrix.T * value
        raise TypeError(f"no formula is defined for {type(operator).__name__}")

    def short_name(self, node: Vector) -> str | None:
        """The part of their names that the parameters of a node share and no other has; None if there is none.

        ``f`` for ``sigmoid(W_if*u + b_if + W_hf*h + b_hf)`` of an LSTM and for
        ``sigmoid(lin_f_weight*u + lin_f_bias)``.
        """
        own = self._symbols(node) & {str(symbol) for symbol in self._model.parameters}
        others = {str(symbol) for symbol in self._model.parameters} - own
        if not own:
            return None
        ours, theirs = [_LAYER.sub("", name) for name in sorted(own)], [_LAYER.sub("", name) for name in others]
        return _shared_word(ours, theirs) or _shared_ending(ours, theirs)

    def _symbols(self, node: Node) -> set[str]:
        """The names of the symbols in a formula, those inside new values of states left out."""
        inner = children(node)
        if not inner:
            return {str(symbol) for symbol in symbols_of(node)}
        return set().union(*(self._symbols(child) for child in inner if child not in self.names))


def _constant(value: sp.Expr, length: sp.Expr) -> sp.Expr:
    return sp.ZeroMatrix(length, 1) if value == 0 else value * sp.OneMatrix(length, 1)


def _shared_word(ours: list[str], theirs: list[str]) -> str | None:
    """The words between underscores that all of these names have and none of the others, in their order."""
    taken = {word for name in theirs for word in name.split("_")}
    common = set.intersection(*(set(name.split("_")) for name in ours)) - taken
    words = [word for word in ours[0].split("_") if word in common and not word.isdigit()]
    return _accepted("_".join(dict.fromkeys(words)), {*ours, *theirs}) if len(ours) > 1 or theirs else None


def _shared_ending(ours: list[str], theirs: list[str]) -> str | None:
    """The letter that all of these names end with and none of the others: ``f`` of ``W_if``, ``W_hf``, ``b_if``."""
    endings = {name[-1] for name in ours if "_" in name[:-1]}
    ending = endings.pop() if len(endings) == 1 and all("_" in name[:-1] for name in ours) else ""
    if not ending.isalpha() or any(name.endswith(ending) for name in theirs):
        return None
    return _accepted(ending, {*ours, *theirs})


def _accepted(word: str, names: Iterable[str]) -> str | None:
    return word if word and word not in names else None
