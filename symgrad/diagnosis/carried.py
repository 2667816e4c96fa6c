"""What a gate carries: the states whose direct path to their own next value it multiplies, read off the Jacobian."""

from __future__ import annotations

from itertools import product

import sympy as sp

from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.structure import affine_terms
from symgrad.language.operators import (
    Compose,
    Diagonal,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Vector,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["carried_by"]

# A sum of products of vectors entry by entry: the factors, in a fixed order, and their coefficient.
Terms = dict[tuple[Vector, ...], sp.Expr]


def carried_by(model: Recurrence, gate: Vector) -> tuple[str | None, str | None]:
    """The states that a gate hands on, and that one minus the gate hands on; None where there is no such state.

    >>> import symgrad as sg
    >>> gru = sg.models.gru()
    >>> z = gru.nodes[gru.states[0]].terms[1].left
    >>> carried_by(gru, z)
    ('h', None)
    """
    carries = complement = None
    for place, (state, row) in enumerate(zip(model.states, jacobian(model).blocks, strict=True)):
        sign = _sign(_direct(row[place]), affine_terms(gate))
        if sign > 0:
            carries = carries or str(state)
        elif sign < 0:
            complement = complement or str(state)
    return carries, complement


def _sign(direct: Terms, gate: dict[Vector | None, sp.Expr]) -> int:
    """1 where a direct path grows with the gate, -1 where it falls, 0 where it does not depend on it."""
    bases = [vector for vector in gate if vector is not None]
    if len(bases) != 1:
        return 0
    base = bases[0]
    weight = sum((value for factors, value in direct.items() if base in factors), sp.S.Zero) * gate.get(base, sp.S.One)
    return 0 if weight == 0 else -1 if weight.is_negative else 1


def _direct(operator: Operator) -> Terms:
    """The part of an operator that passes no matrix of weights."""
    match operator:
        case Identity():
            return {(): sp.S.One}
        case Scale(coefficient, operand):
            return {factors: coefficient * value for factors, value in _direct(operand).items()}
        case Diagonal(vector):
            return _expanded(vector)
        case OperatorSum(terms):
            return _sum(list(map(_direct, terms)))
        case Compose(factors):
            return _product(list(map(_direct, factors)))
    return {}


def _expanded(vector: Vector) -> Terms:
    """A vector as a sum of products, as far as sums, multiples and entrywise products reach."""
    found: list[Terms] = []
    for base, coefficient in affine_terms(vector).items():
        if base is None:
            found.append({(): coefficient})
        elif isinstance(base, Hadamard):
            parts = _product([_expanded(base.left), _expanded(base.right)])
            found.append({factors: coefficient * value for factors, value in parts.items()})
        else:
            found.append({(base,): coefficient})
    return _sum(found)


def _sum(parts: list[Terms]) -> Terms:
    total: Terms = {}
    for part in parts:
        for factors, value in part.items():
            total[factors] = total.get(factors, sp.S.Zero) + value
    return {factors: value for factors, value in total.items() if value != 0}


def _product(parts: list[Terms]) -> Terms:
    found: list[Terms] = []
    for choice in product(*(part.items() for part in parts)):
        factors = tuple(sorted((vector for vectors, _ in choice for vector in vectors), key=hash))
        found.append({factors: sp.Mul(*(value for _, value in choice))})
    return _sum(found)
