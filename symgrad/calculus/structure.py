"""Reading the structure of operators and vectors: what rules match on."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import groupby

import sympy as sp

from symgrad.language.construct import (
    add_operators,
    add_vectors,
    apply_operator,
    compose,
    diagonal,
    hadamard_vectors,
    scale,
)
from symgrad.language.elementwise import VARIABLE
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
    Vector,
    VectorSum,
)

__all__ = [
    "affine_terms",
    "are_complementary",
    "collected",
    "complementary_products",
    "factors_in_runs",
    "gate_choices",
    "gated_terms",
    "multi_affine",
    "one_argument_function",
]


def affine_terms(vector: Vector) -> dict[Vector | None, sp.Expr]:
    """A vector as a sum of scalar coefficients times vectors; the key None holds the constant."""
    match vector:
        case Constant(value, _):
            return {None: value}
        case VectorSum(terms):
            total: dict[Vector | None, sp.Expr] = {}
            for term in terms:
                for base, coefficient in affine_terms(term).items():
                    total[base] = total.get(base, sp.S.Zero) + coefficient
            return {base: coefficient for base, coefficient in total.items() if not coefficient.is_zero}
        case Apply(Scale(coefficient, Identity()), argument):
            return {base: coefficient * inner for base, inner in affine_terms(argument).items()}
        case Hadamard(left, right):
            return _scaled_product(left, right)
    return {vector: sp.S.One}


def _scaled_product(left: Vector, right: Vector) -> dict[Vector | None, sp.Expr]:
    """Pull scalar coefficients out of an entrywise product."""
    coefficient: sp.Expr = sp.S.One
    parts: list[Vector] = []
    for factor in (left, right):
        terms = affine_terms(factor)
        base, inner = next(iter(terms.items())) if len(terms) == 1 else (factor, sp.S.One)
        coefficient, base = (coefficient * inner, base) if base is not None else (coefficient, factor)
        parts.append(base)
    return {Hadamard(parts[0], parts[1]): coefficient}


def are_complementary(first: Vector, second: Vector) -> bool:
    """Whether two vectors add up to ones, as ``z`` and ``1 - z`` do."""
    return affine_terms(VectorSum((first, second))) == {None: sp.S.One}


def complementary_products(vector: Vector) -> tuple[Vector, Vector, Vector] | None:
    """``z o a + (1 - z) o b`` as (z, a, b), where a vector has this form."""
    match vector:
        case VectorSum((Hadamard(a, b), Hadamard(c, d))):
            for gate, branch in ((a, b), (b, a)):
                for other, second in ((c, d), (d, c)):
                    if affine_terms(gate).keys() - {None} and are_complementary(gate, other):
                        swapped = isinstance(gate, VectorSum) and not isinstance(other, VectorSum)
                        return (other, second, branch) if swapped else (gate, branch, second)
    return None


def gated_terms(operator: OperatorSum) -> list[tuple[Vector, Operator]]:
    """Each term as (v, A) with the term equal to diag(v) A; v is constant where there is no gate."""
    found: list[tuple[Vector, Operator]] = []
    for term in operator.terms:
        coefficient, gates, rest = _leading_gates(term)
        gate = reduce(hadamard_vectors, gates) if gates else Constant(sp.S.One, term.shape[0])
        found.append((apply_operator(scale(coefficient, Identity(gate.size)), gate), rest))
    return found


def gate_choices(term: Operator) -> list[tuple[Vector, Operator]]:
    """Every way to write a term as diag(z) A with z one of the vectors that multiply it from the left."""
    coefficient, gates, rest = _leading_gates(term)
    choices: list[tuple[Vector, Operator]] = []
    for index, gate in enumerate(gates):
        others = [diagonal(other) for i, other in enumerate(gates) if i != index]
        choices.append((gate, scale(coefficient, compose(*others, rest))))
    return choices


def _leading_gates(term: Operator) -> tuple[sp.Expr, list[Vector], Operator]:
    """A coefficient, the entrywise factors of the diagonals in front, and what they multiply."""
    match term:
        case Scale(coefficient, operand):
            inner, gates, rest = _leading_gates(operand)
            return coefficient * inner, gates, rest
        case Diagonal(vector):
            return sp.S.One, _entrywise_factors(vector), Identity(vector.size)
        case Compose(factors) if isinstance(factors[0], Diagonal):
            _, gates, rest = _leading_gates(compose(*factors[1:]))
            return sp.S.One, _entrywise_factors(factors[0].vector) + gates, rest
    return sp.S.One, [], term


def _entrywise_factors(vector: Vector) -> list[Vector]:
    if isinstance(vector, Hadamard):
        return _entrywise_factors(vector.left) + _entrywise_factors(vector.right)
    return [vector]


def collected(operator: OperatorSum) -> Operator:
    """The same sum with terms ``diag(v) A`` and ``diag(w) A`` taken together as ``diag(v + w) A``."""
    groups: dict[Operator, list[Vector]] = {}
    for gate, rest in gated_terms(operator):
        groups.setdefault(rest, []).append(gate)
    return add_operators(*(compose(diagonal(add_vectors(*gates)), rest) for rest, gates in groups.items()))


def factors_in_runs(factors: tuple[Operator, ...], is_constant: Callable[[Operator], bool]) -> list[Operator]:
    """Neighbouring constant factors composed, neighbouring diagonals merged into one."""

    def kind(factor: Operator) -> str:
        if is_constant(factor):
            return "constant"
        return "diagonal" if isinstance(factor, Diagonal) else f"other {id(factor)}"

    runs: list[Operator] = []
    for name, run in groupby(factors, key=kind):
        parts = list(run)
        if name == "diagonal":
            vectors = [part.vector for part in parts if isinstance(part, Diagonal)]
            runs.append(diagonal(reduce(hadamard_vectors, vectors)))
        else:
            runs.append(compose(*parts))
    return runs


def one_argument_function(vector: Vector) -> tuple[sp.Expr, Vector] | None:
    """A vector as f applied to one vector, f free of parameters, where several nodes fuse into such an f."""
    formula, base = _fused(vector)
    if base is None or base == vector or (isinstance(vector, Elementwise) and base == vector.argument):
        return None
    return formula, base


def _fused(vector: Vector) -> tuple[sp.Expr, Vector | None]:
    """(f, base) with the vector equal to f(base); a node over different bases is a base itself."""
    match vector:
        case Constant(value, _) if value.is_number:
            return value, None
        case Elementwise(function, argument):
            inner, base = _fused(argument)
            return function.expr.xreplace({VARIABLE: inner}), base
        case Hadamard(left, right):
            return _joined(vector, (left, right), sp.Mul)
        case VectorSum(terms):
            return _joined(vector, terms, sp.Add)
        case Apply(Scale(coefficient, Identity()), argument) if coefficient.is_number:
            inner, base = _fused(argument)
            return coefficient * inner, base
    return VARIABLE, vector


def _joined(node: Vector, parts: tuple[Vector, ...], combine: Callable[..., sp.Expr]) -> tuple[sp.Expr, Vector | None]:
    fused = [_fused(part) for part in parts]
    bases = {base for _, base in fused if base is not None}
    if len(bases) > 1:
        return VARIABLE, node
    return combine(*(formula for formula, _ in fused)), next(iter(bases), None)


Monomials = dict[frozenset[Vector], sp.Expr]


def multi_affine(vector: Vector) -> Monomials | None:
    """A vector as a polynomial that is affine in each of the vectors it is made of: their sets -> coefficients.

    None where some vector is multiplied with itself.

    >>> from symgrad.language.models import gru
    >>> model = gru()
    >>> sorted(len(bases) for bases in multi_affine(model.nodes[model.states[0]]))
    [1, 2, 2]
    """
    match vector:
        case Constant(value, _):
            return {frozenset(): value}
        case VectorSum(terms):
            return _added([multi_affine(term) for term in terms])
        case Apply(Scale(coefficient, Identity()), argument):
            inner = multi_affine(argument)
            return None if inner is None else {bases: coefficient * c for bases, c in inner.items()}
        case Hadamard(left, right):
            return _multiplied(multi_affine(left), multi_affine(right))
    return {frozenset((vector,)): sp.S.One}


def _added(parts: list[Monomials | None]) -> Monomials | None:
    total: Monomials = {}
    for part in parts:
        if part is None:
            return None
        for bases, coefficient in part.items():
            total[bases] = total.get(bases, sp.S.Zero) + coefficient
    return {bases: coefficient for bases, coefficient in total.items() if not coefficient.is_zero}


def _multiplied(left: Monomials | None, right: Monomials | None) -> Monomials | None:
    if left is None or right is None or any(a & b for a in left for b in right):
        return None
    return _added([{a | b: c * d} for a, c in left.items() for b, d in right.items()])
