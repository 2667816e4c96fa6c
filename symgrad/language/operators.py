"""Vectors and the linear operators that act on them, as immutable nodes.

A user writes SymPy; :mod:`symgrad.language.lowering` turns it into these nodes
once, so that every later pass (Jacobian, bounds, simulation, typesetting) has a
dozen cases to treat and none to guess. SymPy's own matrix products are not used
here because they rewrite themselves and a proof step would vanish. A node holds
operands, shape and equality; every question about it is asked elsewhere. A
scalar model is the same with all sizes 1.

Vectors and operators stand in one file because they are defined through each
other: ``Diagonal`` holds a vector, ``Apply`` holds an operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp

from symgrad.language.elementwise import Activation
from symgrad.language.nodes import Node

__all__ = [
    "Apply",
    "Block",
    "Column",
    "Compose",
    "Constant",
    "Diagonal",
    "Elementwise",
    "Hadamard",
    "Identity",
    "Kronecker",
    "Operator",
    "OperatorSum",
    "Scale",
    "Transpose",
    "Variable",
    "Vector",
    "VectorSum",
    "Weight",
    "Zero",
    "children",
    "symbols_of",
    "walk",
]


@dataclass(frozen=True, eq=False)
class Vector(Node):
    """A column of ``size`` numbers."""

    @property
    def size(self) -> sp.Expr:
        """Number of entries, a SymPy integer expression."""
        raise TypeError(f"{type(self).__name__} does not state its size")


@dataclass(frozen=True, eq=False)
class Operator(Node):
    """A linear map with ``shape`` (rows, columns)."""

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows and columns, SymPy integer expressions."""
        raise TypeError(f"{type(self).__name__} does not state its shape")


# --- vectors ----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Variable(Vector):
    """A state, an input or a parameter: a SymPy (n, 1) matrix leaf, or a Symbol in a scalar model."""

    symbol: sp.Expr

    @property
    def size(self) -> sp.Expr:
        return self.symbol.shape[0] if isinstance(self.symbol, (sp.MatrixExpr, sp.MatrixBase)) else sp.S.One


@dataclass(frozen=True, eq=False)
class Constant(Vector):
    """The same number, an expression in scalar parameters, in every entry."""

    value: sp.Expr
    length: sp.Expr

    @property
    def size(self) -> sp.Expr:
        return self.length


@dataclass(frozen=True, eq=False)
class VectorSum(Vector):
    """The sum of at least two vectors."""

    terms: tuple[Vector, ...]

    @property
    def size(self) -> sp.Expr:
        return self.terms[0].size


@dataclass(frozen=True, eq=False)
class Hadamard(Vector):
    """The entrywise product of two vectors."""

    left: Vector
    right: Vector

    @property
    def size(self) -> sp.Expr:
        return self.left.size


@dataclass(frozen=True, eq=False)
class Elementwise(Vector):
    """A scalar function in every entry."""

    function: Activation
    argument: Vector

    @property
    def size(self) -> sp.Expr:
        return self.argument.size


@dataclass(frozen=True, eq=False)
class Apply(Vector):
    """A linear operator applied to a vector."""

    operator: Operator
    argument: Vector

    @property
    def size(self) -> sp.Expr:
        return self.operator.shape[0]


# --- operators --------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Identity(Operator):
    """The identity."""

    length: sp.Expr

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.length, self.length


@dataclass(frozen=True, eq=False)
class Zero(Operator):
    """The zero map."""

    rows: sp.Expr
    columns: sp.Expr

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.rows, self.columns


@dataclass(frozen=True, eq=False)
class Weight(Operator):
    """A constant matrix: a symbol, numbers, or a SymPy expression in parameters that has no finer structure here."""

    matrix: sp.Expr

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.matrix.shape[0], self.matrix.shape[1]


@dataclass(frozen=True, eq=False)
class Diagonal(Operator):
    """The diagonal matrix with the entries of a vector."""

    vector: Vector

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.vector.size, self.vector.size


@dataclass(frozen=True, eq=False)
class Scale(Operator):
    """An operator times a scalar expression in parameters."""

    coefficient: sp.Expr
    operand: Operator

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.operand.shape


@dataclass(frozen=True, eq=False)
class OperatorSum(Operator):
    """The sum of at least two operators."""

    terms: tuple[Operator, ...]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.terms[0].shape


@dataclass(frozen=True, eq=False)
class Compose(Operator):
    """The product of at least two operators; the last one acts first."""

    factors: tuple[Operator, ...]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.factors[0].shape[0], self.factors[-1].shape[1]


@dataclass(frozen=True, eq=False)
class Transpose(Operator):
    """The transpose of an operator."""

    operand: Operator

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.operand.shape[1], self.operand.shape[0]


@dataclass(frozen=True, eq=False)
class Column(Operator):
    """A vector as the operator from numbers that it is: the derivative by a scalar parameter."""

    vector: Vector

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.vector.size, sp.S.One


@dataclass(frozen=True, eq=False)
class Kronecker(Operator):
    """The map from a matrix X to ``A X v``: the derivative by a matrix of parameters.

    As a matrix it acts on the columns of X, one below the other, and is the Kronecker product ``v^T (x) A``. Transposed
    it maps X to ``A X^T v`` and is ``A (x) v^T``. With a mask M, entry by entry, X stands for ``M o X`` throughout.
    """

    vector: Vector
    outer: Operator
    transposed: bool = False
    mask: sp.Expr | None = None

    @property
    def parameter_shape(self) -> tuple[sp.Expr, sp.Expr]:
        """The shape of X."""
        shape = self.outer.shape[1], self.vector.size
        return (shape[1], shape[0]) if self.transposed else shape

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.outer.shape[0], self.outer.shape[1] * self.vector.size


@dataclass(frozen=True, eq=False)
class Block(Operator):
    """An operator between stacked vectors, as rows of operators."""

    rows: tuple[tuple[Operator, ...], ...]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return (
            sp.Add(*(row[0].shape[0] for row in self.rows)),
            sp.Add(*(entry.shape[1] for entry in self.rows[0])),
        )


# --- walking ------------------------------------------------------------------


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node that are nodes themselves."""
    match node:
        case VectorSum(terms) | OperatorSum(terms):
            return terms
        case Compose(factors):
            return factors
        case Hadamard(left, right):
            return left, right
        case Elementwise(_, argument):
            return (argument,)
        case Apply(operator, argument):
            return operator, argument
        case Diagonal(vector) | Column(vector):
            return (vector,)
        case Kronecker(vector, outer):
            return vector, outer
        case Scale(_, operand) | Transpose(operand):
            return (operand,)
        case Block(rows):
            return tuple(entry for row in rows for entry in row)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Every node below (and with) a node, shared ones once."""
    seen: set[Node] = set()
    stack: list[Node] = [node]
    while stack:
        current = stack.pop()
        if current not in seen:
            seen.add(current)
            yield current
            stack.extend(children(current))


def symbols_of(node: Node) -> frozenset[sp.Basic]:
    """All SymPy symbols (vectors, matrices, scalar coefficients) below a node, sizes left out."""
    known: frozenset[sp.Basic] | None = node.__dict__.get("_symbols")
    if known is None:
        known = _own_symbols(node).union(*map(symbols_of, children(node)))
        object.__setattr__(node, "_symbols", known)  # asked for again by every node above
    return known


def _own_symbols(node: Node) -> frozenset[sp.Basic]:
    match node:
        case Variable(symbol) | Weight(symbol):
            return _leaf_symbols(symbol)
        case Constant(value, _):
            return frozenset(value.free_symbols)
        case Scale(coefficient, _):
            return frozenset(coefficient.free_symbols)
        case Kronecker(_, _, _, mask) if mask is not None:
            return _leaf_symbols(mask)
    return frozenset()


def _leaf_symbols(expression: sp.Basic) -> frozenset[sp.Basic]:
    """Matrix symbols and scalar coefficients of a leaf, without the symbols that only give sizes."""
    matrices = expression.atoms(sp.MatrixSymbol)
    sizes = {
        symbol
        for leaf in expression.atoms(sp.MatrixExpr)
        for size in leaf.shape
        for symbol in sp.sympify(size).free_symbols
    }
    scalars = expression.atoms(sp.Symbol) & expression.free_symbols  # arguments of functions are bound
    return frozenset(matrices) | (scalars - sizes)
