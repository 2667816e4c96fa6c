"""Vectors and operators in writing: one traversal for LaTeX and plain text, with brackets where they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symgrad.language.nodes import Node
from symgrad.language.operators import (
    Apply,
    Block,
    Column,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Kronecker,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    VectorSum,
    Weight,
    Zero,
    symbols_of,
    walk,
)
from symgrad.present.vocabulary import Vocabulary

__all__ = ["Writer", "joined"]

# How tightly a piece binds: a sum needs brackets nearly everywhere, an atom nowhere.
SUM, ENTRYWISE, PRODUCT, ATOM = range(4)
Piece = tuple[str, int]
Term = tuple[bool, str]


def joined(terms: Iterable[Term]) -> str:
    """A sum from its terms, each with whether it is subtracted."""
    result = ""
    for negative, written in terms:
        sign = ("-" if negative else "") if not result else (" - " if negative else " + ")
        result += sign + written
    return result


class Writer:
    """Writes the nodes of one model.

    Args:
        vocabulary: what symbols and functions are called.
        short: nodes that are written by a name of their own.
    """

    def __init__(self, vocabulary: Vocabulary, short: Mapping[Node, str] | None = None) -> None:
        self.vocabulary = vocabulary
        self.notation = vocabulary.notation
        self.short = short or {}

    def write(self, node: Node) -> str:
        """A vector or an operator."""
        return joined(self.terms(node))

    def terms(self, node: Node, spelled_out: bool = False) -> list[Term]:
        """The terms of a node that is a sum, else the node as the only one.

        Args:
            node: a vector or an operator.
            spelled_out: whether the name of this very node, if it has one, is left aside.
        """
        if node in self.short and not spelled_out:
            return [(False, self.short[node])]
        match node:
            case VectorSum(terms):
                return _positive_first([self._sum_term(term) for term in sorted(terms, key=self._vector_order)])
            case OperatorSum(terms):
                return _positive_first([self._term(term) for term in sorted(terms, key=self._operator_order)])
            case Vector() | Operator():
                return [self._term(node, spelled_out)]
        raise TypeError(f"{type(node).__name__} is neither a vector nor an operator")

    def _vector_order(self, term: Vector) -> tuple[int, bool]:
        """States first, linear ones before functions of them, then inputs, then constants: how models are written."""
        symbols, model = symbols_of(term), self.vocabulary.model
        if symbols & set(model.states):
            return 0, any(isinstance(node, (Elementwise, Hadamard)) for node in walk(term))
        return (1 if symbols & set(model.inputs) else 2), False

    def _operator_order(self, term: Operator) -> bool:
        """Constant terms first."""
        return bool(symbols_of(term) & set(self.vocabulary.model.variables))

    def _term(self, node: Node, spelled_out: bool = False) -> Term:
        """A node as a term of a sum: its sign and the rest, without brackets."""
        if node in self.short and not spelled_out:
            return False, self.short[node]
        match node:
            case Column(vector):
                return self._term(vector)
            case Apply(Scale(coefficient, Identity()), argument):
                return self._scaled_term(coefficient, self.piece(argument))
            case Apply(Scale(coefficient, operand), argument):
                return self._scaled_term(coefficient, self.piece(Apply(operand, argument)))
            case Scale(coefficient, operand):
                return self._scaled_term(coefficient, self.piece(operand))
            case Constant(value, length) if length != 1 and value not in (0, 1):
                return self._scaled_term(value, (self.notation.ones, ATOM))
            case Constant(value, _) if value not in (0, 1):
                negative, rest = _without_sign(value)
                return negative, self.vocabulary.scalar(rest)
        written, level = self._piece(node)
        return False, self._within(written, level, ENTRYWISE)

    def _sum_term(self, term: Vector) -> Term:
        match term:
            case Constant(value, length) if value == 1 and length != 1:
                return False, self.notation.ones_in_sum
        return self._term(term)

    def _scaled_term(self, coefficient: sp.Expr, piece: Piece) -> Term:
        negative, rest = _without_sign(coefficient)
        factor = self._within(*piece, PRODUCT)
        if rest == 1:
            return negative, self._within(*piece, ENTRYWISE)
        number = self.vocabulary.scalar(rest)
        return negative, self.notation.product([self.notation.brackets(number) if rest.is_Add else number, factor])

    def _within(self, written: str, level: int, needed: int) -> str:
        return written if level >= needed else self.notation.brackets(written)

    def piece(self, node: Node) -> Piece:
        """A node with how tightly its writing binds."""
        return (self.short[node], ATOM) if node in self.short else self._piece(node)

    def _piece(self, node: Node) -> Piece:
        match node:
            case VectorSum() | OperatorSum():
                return joined(self.terms(node, spelled_out=True)), SUM
            case Apply(Scale(), _) | Scale():
                negative, written = self._term(node, spelled_out=True)
                return joined([(negative, written)]), SUM if negative else PRODUCT
            case Vector():
                return self._vector(node)
            case Operator():
                return self._operator(node)
        raise TypeError(f"{type(node).__name__} is neither a vector nor an operator")

    def _vector(self, node: Vector) -> Piece:
        match node:
            case Variable(symbol):
                return self._leaf(symbol)
            case Constant(value, length):
                return self._constant(value, length)
            case Hadamard():
                factors = [self.piece(factor) for factor in _factors(node)]
                binds = self.notation.hadamard_binds
                parts = [self._within(*factor, SUM if binds else ATOM) for factor in factors]
                return self.notation.hadamard(parts), ATOM if binds else ENTRYWISE
            case Elementwise(function, argument):
                return self.vocabulary.function(function) + self.notation.brackets(self.write(argument)), ATOM
            case Apply(operator, argument):
                pair = (self._within(*self.piece(operator), PRODUCT), self._within(*self.piece(argument), ATOM))
                return self.notation.product(pair), PRODUCT
        raise TypeError(f"{type(node).__name__} has no written form")

    def _constant(self, value: sp.Expr, length: sp.Expr) -> Piece:
        if value == 0:
            return self.notation.zero, ATOM
        if value == 1:
            return ("1" if length == 1 else self.notation.ones), ATOM
        negative, written = self._term(Constant(value, length))
        single = not negative and length == 1 and value.is_Atom
        return joined([(negative, written)]), ATOM if single else SUM if negative or value.is_Add else PRODUCT

    def _operator(self, node: Operator) -> Piece:
        match node:
            case Identity():
                return self.notation.identity, ATOM
            case Zero():
                return self.notation.zero, ATOM
            case Weight(matrix):
                return self._leaf(matrix)
            case Diagonal(vector):
                return self.notation.diagonal(self.write(vector)), ATOM
            case Compose(factors):
                written = [self._power(*run) for run in _runs(self._merged(factors))]
                return self.notation.product(written), PRODUCT if len(written) > 1 else ATOM
            case Transpose(operand):
                inner, level = self.piece(operand)
                return self.notation.transposed(self._within(inner, SUM if "^" in inner else level, ATOM)), ATOM
            case Column(vector):
                return self.piece(vector)
            case Kronecker():
                return self._kronecker(node)
            case Block(rows):
                return self.notation.matrix([[self.write(entry) for entry in row] for row in rows]), ATOM
        raise TypeError(f"{type(node).__name__} has no written form")

    def _kronecker(self, node: Kronecker) -> Piece:
        row = self.notation.transposed(self._within(*self.piece(node.vector), ATOM))
        outer = self._within(*self.piece(node.outer), SUM if self.notation.hadamard_binds else PRODUCT)
        product = self.notation.kronecker((outer, row) if node.transposed else (row, outer))
        if node.mask is None:
            return product, ENTRYWISE
        mask = self.notation.diagonal(self.notation.stacked(self.vocabulary.scalar(node.mask)))
        return self.notation.product([self.notation.brackets(product), mask]), PRODUCT

    def _power(self, factor: Operator, count: int) -> str:
        written = self._within(*self.piece(factor), PRODUCT)
        return self.notation.power(written, str(count)) if count > 1 else written

    def _merged(self, factors: tuple[Operator, ...]) -> list[Operator]:
        """The factors with neighbouring diagonals as one."""
        found: list[Operator] = []
        for factor in factors:
            match found[-1:], factor:
                case [Diagonal(left) as last], Diagonal(right) if not {last, factor} & self.short.keys():
                    found[-1] = Diagonal(Hadamard(left, right))
                case _:
                    found.append(factor)
        return found

    def _leaf(self, expr: sp.Expr) -> Piece:
        """A symbol or a constant matrix expression, written by SymPy."""
        entrywise = ATOM if self.notation.hadamard_binds else ENTRYWISE
        loose = {sp.MatAdd: SUM, sp.MatMul: PRODUCT, sp.HadamardProduct: entrywise}
        level = next((level for kind, level in loose.items() if isinstance(expr, kind)), ATOM)
        negative = isinstance(expr, sp.MatMul) and _without_sign(expr.as_coeff_mmul()[0])[0]
        return self.vocabulary.scalar(expr), SUM if negative else level


def _runs(factors: list[Operator]) -> list[tuple[Operator, int]]:
    """Neighbouring equal matrix symbols counted; everything else by itself."""
    found: list[tuple[Operator, int]] = []
    for factor in factors:
        symbol = isinstance(factor, Weight) and isinstance(factor.matrix, sp.MatrixSymbol)
        if symbol and found and found[-1][0] == factor:
            found[-1] = (factor, found[-1][1] + 1)
        else:
            found.append((factor, 1))
    return found


def _positive_first(terms: list[Term]) -> list[Term]:
    """The same terms with a positive one in front, if there is any."""
    first = next((index for index, (negative, _) in enumerate(terms) if not negative), 0)
    return [terms[first], *terms[:first], *terms[first + 1 :]]


def _factors(node: Vector) -> list[Vector]:
    """The factors of nested entrywise products, from left to right."""
    return [*_factors(node.left), *_factors(node.right)] if isinstance(node, Hadamard) else [node]


def _without_sign(coefficient: sp.Expr) -> tuple[bool, sp.Expr]:
    """Whether a coefficient starts with a minus sign, and the rest."""
    if coefficient.is_number:
        return bool(coefficient.is_negative), abs(coefficient) if coefficient.is_negative else coefficient
    negative = coefficient.is_Mul and coefficient.could_extract_minus_sign()
    return negative, -coefficient if negative else coefficient
