"""Diagonal operators as the vector of their entries, and how large its entries can be; operators with a minus sign."""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any

import sympy as sp

from symgrad.bounds.inequality import Conclusion, EntryRange, Prove
from symgrad.bounds.intervals import bound_product, interval_scaled, largest
from symgrad.calculus.structure import affine_terms
from symgrad.language.construct import add_operators, add_vectors, apply_operator, compose, hadamard_vectors, scale
from symgrad.language.operators import (
    Compose,
    Constant,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    Weight,
    walk,
)

__all__ = ["constant_diagonal", "diagonal_entries", "negated", "scaled_upper_end", "times_upper_end", "upper_end"]

_CORNERS = 3  # coefficients of unknown sign up to which all corners are compared


def diagonal_entries(operator: Operator) -> Vector | None:
    """The entries of an operator that is put together from diagonals alone, else None."""
    match operator:
        case Identity(length):
            return Constant(sp.S.One, length)
        case Diagonal(vector):
            return vector
        case Scale(coefficient, operand):
            inner = diagonal_entries(operand)
            return None if inner is None else apply_operator(scale(coefficient, Identity(inner.size)), inner)
        case Transpose(operand):
            return diagonal_entries(operand)
        case OperatorSum(parts) | Compose(parts):
            vectors = [diagonal_entries(part) for part in parts]
            known = [vector for vector in vectors if vector is not None]
            if len(known) < len(vectors):
                return None
            return add_vectors(*known) if isinstance(operator, OperatorSum) else reduce(hadamard_vectors, known)
    return None


def constant_diagonal(operator: Operator, context: Any) -> bool:
    """Whether an operator is the diagonal of vectors of parameters for some of which a range is declared."""
    vector = diagonal_entries(operator)
    leaves = [] if vector is None else [node for node in walk(vector) if isinstance(node, Variable)]
    return any(context.declared(leaf.symbol) is not None for leaf in leaves)


def upper_end(entries: Vector, prove: Prove) -> Conclusion:
    """How large the entries of a vector can be: numbers by the arithmetic of ranges, symbols at the corners."""
    terms = affine_terms(entries)
    if all(coefficient.is_number for coefficient in terms.values()) and terms.keys() != {None}:
        premise = prove(EntryRange(entries))
        return Conclusion(premise.bound[1], (premise,))
    constant = terms.pop(None, sp.S.Zero)
    premises = tuple(prove(EntryRange(base)) for base in terms if base is not None)
    total = constant
    corners: list[Any] = []
    for coefficient, premise in zip(terms.values(), premises, strict=True):
        ends = _upper_corners(coefficient, premise.bound)
        if len(ends) == 2 and len(corners) < _CORNERS:
            corners.append(ends)
        else:
            total = sp.oo if sp.oo in ends else total + largest(*ends)
    if total == sp.oo or any(sp.oo in pair for pair in corners):
        return Conclusion(sp.oo, premises)
    return Conclusion(largest(*(sp.Add(total, *ends) for ends in product(*corners))), premises)


def _upper_corners(coefficient: sp.Expr, bounds: sp.Tuple) -> list[sp.Expr]:
    """The products of a coefficient with the ends of a range that may be the largest."""
    if coefficient.is_nonnegative or coefficient.is_nonpositive:
        return [interval_scaled(coefficient, bounds)[1]]
    if sp.oo in (abs(bounds[0]), abs(bounds[1])):
        return [sp.oo]
    return [coefficient * bounds[0], coefficient * bounds[1]]


def negated(operator: Operator) -> Operator | None:
    """Minus an operator, the sign taken inside as far as to a matrix or a vector; None where that is not possible."""
    match operator:
        case Weight(matrix):
            return Weight(-matrix)
        case Identity() | Scale():
            return scale(-1, operator)
        case Diagonal(vector):
            return Diagonal(apply_operator(scale(-1, Identity(vector.size)), vector))
        case Transpose(operand):
            inner = negated(operand)
            return None if inner is None else Transpose(inner)
        case OperatorSum(terms):
            return add_operators(*(scale(-1, term) for term in terms))
        case Compose(factors):
            first = negated(factors[0])
            return None if first is None else compose(first, *factors[1:])
    return None


def times_upper_end(factor: sp.Expr, bound: sp.Expr) -> sp.Expr:
    """A non-negative number times an upper bound, which may be infinite."""
    return bound_product([factor, bound]) if bound == sp.oo else factor * bound


def scaled_upper_end(low: sp.Expr, high: sp.Expr, rates: list[sp.Expr]) -> sp.Expr:
    """The largest ``|v| mu(sign(v) A)`` for v in [low, high]."""
    if low.is_nonnegative:
        return largest(times_upper_end(low, rates[0]), times_upper_end(high, rates[0]))
    if high.is_nonpositive:
        return largest(times_upper_end(-low, rates[0]), times_upper_end(-high, rates[0]))
    return largest(sp.S.Zero, _non_negative_times(high, rates[0]), _non_negative_times(-low, rates[1]))


def _non_negative_times(factor: sp.Expr, rate: sp.Expr) -> sp.Expr:
    """A factor that may be negative times a rate, for a maximum with zero."""
    return times_upper_end(factor if factor.is_nonnegative else largest(sp.S.Zero, factor), rate)
