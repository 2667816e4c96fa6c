"""How operators and vectors are put together: what is neutral is dropped, what is nested is flattened."""

from __future__ import annotations

import sympy as sp

from symgrad.language.elementwise import written_out
from symgrad.language.operators import (
    Apply,
    Compose,
    Constant,
    Diagonal,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Vector,
    VectorSum,
    Zero,
    walk,
)

__all__ = [
    "add_operators",
    "add_vectors",
    "apply_operator",
    "compose",
    "constant_vector",
    "diagonal",
    "hadamard_vectors",
    "scale",
]


def constant_vector(value: object, size: sp.Expr) -> Vector:
    """The vector with ``value`` in each of ``size`` entries."""
    return Constant(written_out(sp.sympify(value, strict=True)), sp.sympify(size, strict=True))


def _is_zero_vector(vector: Vector) -> bool:
    return isinstance(vector, Constant) and bool(vector.value.is_zero)


def add_vectors(*terms: Vector) -> Vector:
    """Sum of vectors of one size; nested sums are flattened, zeros dropped."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, VectorSum) else (term,))]
    kept = tuple(term for term in flat if not _is_zero_vector(term))
    if not kept:
        return flat[0]
    return kept[0] if len(kept) == 1 else VectorSum(kept)


def hadamard_vectors(left: Vector, right: Vector) -> Vector:
    """Entrywise product; a constant factor becomes a scaling."""
    if isinstance(left, Constant):
        return apply_operator(scale(left.value, Identity(right.size)), right)
    if isinstance(right, Constant):
        return apply_operator(scale(right.value, Identity(left.size)), left)
    return Hadamard(left, right)


def apply_operator(operator: Operator, vector: Vector) -> Vector:
    """Operator times vector; a diagonal becomes an entrywise product."""
    if isinstance(operator, Identity):
        return vector
    if isinstance(operator, Zero) or _is_zero_vector(vector):
        return Constant(sp.S.Zero, operator.shape[0])
    if isinstance(operator, Diagonal):
        return hadamard_vectors(operator.vector, vector)
    if isinstance(operator, Scale) and isinstance(vector, Constant) and isinstance(operator.operand, Identity):
        return Constant(operator.coefficient * vector.value, vector.length)
    if isinstance(operator, OperatorSum) and any(_varies_inside(term) for term in operator.terms):
        return add_vectors(*(apply_operator(term, vector) for term in operator.terms))
    if isinstance(operator, Compose) and _varies_inside(operator):
        for factor in reversed(operator.factors):
            vector = apply_operator(factor, vector)
        return vector
    if isinstance(operator, Scale) and not isinstance(operator.operand, Identity) and _varies_inside(operator.operand):
        inner = apply_operator(operator.operand, vector)
        return apply_operator(scale(operator.coefficient, Identity(inner.size)), inner)
    if isinstance(vector, Apply):
        return apply_operator(compose(operator, vector.operator), vector.argument)
    return Apply(operator, vector)


def _varies_inside(operator: Operator) -> bool:
    """Whether a diagonal of a vector expression stands inside, which then has to become an entrywise product."""
    return any(isinstance(node, Diagonal) for node in walk(operator))


def diagonal(vector: Vector) -> Operator:
    """The diagonal operator; a constant vector gives a multiple of the identity."""
    if isinstance(vector, Constant):
        return scale(vector.value, Identity(vector.length))
    return Diagonal(vector)


def scale(coefficient: object, operator: Operator) -> Operator:
    """A scalar times an operator."""
    factor = written_out(sp.sympify(coefficient, strict=True))
    if isinstance(operator, Scale):
        return scale(factor * operator.coefficient, operator.operand)
    if factor.is_zero or isinstance(operator, Zero):
        return Zero(*operator.shape)
    return operator if factor == 1 else Scale(factor, operator)


def add_operators(*terms: Operator) -> Operator:
    """Sum of operators of one shape; nested sums are flattened, zeros dropped, equal terms collected."""
    collected: dict[Operator, sp.Expr] = {}
    for term in terms:
        for part in term.terms if isinstance(term, OperatorSum) else (term,):
            factor, base = (part.coefficient, part.operand) if isinstance(part, Scale) else (sp.S.One, part)
            if not isinstance(base, Zero):
                collected[base] = collected.get(base, sp.S.Zero) + factor
    kept = tuple(scale(factor, base) for base, factor in collected.items() if not factor.is_zero)
    if not kept:
        return Zero(*terms[0].shape)
    return kept[0] if len(kept) == 1 else OperatorSum(kept)


def compose(*factors: Operator) -> Operator:
    """Product of operators; identities are dropped, scalars are pulled to the front."""
    coefficient: sp.Expr = sp.S.One
    kept: list[Operator] = []
    for factor in factors:
        if isinstance(factor, Scale):
            coefficient, factor = coefficient * factor.coefficient, factor.operand
        if isinstance(factor, Zero):
            return Zero(factors[0].shape[0], factors[-1].shape[1])
        if isinstance(factor, Compose):
            kept.extend(factor.factors)
        elif not isinstance(factor, Identity):
            kept.append(factor)
    if not kept:
        return scale(coefficient, Identity(factors[0].shape[0]))
    return scale(coefficient, kept[0] if len(kept) == 1 else Compose(tuple(kept)))
