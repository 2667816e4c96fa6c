"""Theorems about weight matrices with declared properties: orthogonal, symmetric, diagonal, non-negative."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.inequality import Conclusion, EntryRange, Lacking, MinimumModulusOf, OperatorNormOf, Prove, rule
from symgrad.bounds.intervals import ends
from symgrad.language.construct import compose
from symgrad.language.matrix_properties import MatrixProperty, diagonal, nonnegative, orthogonal, symmetric
from symgrad.language.norms import OperatorNorm, SmallestSingularValue, SpectralRadius, maximum
from symgrad.language.operators import (
    Apply,
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Weight,
    Zero,
)
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import operator_to_sympy

HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"
ORTHOGONAL = "Q is declared orthogonal"

# What is kept by transposing, by products and by sums. A product of symmetric matrices need not be symmetric, a sum of
# orthogonal ones not orthogonal.
_IN_PRODUCTS = frozenset({orthogonal, diagonal, nonnegative})
_IN_SUMS = frozenset({symmetric, diagonal, nonnegative})


def has(operator: Operator, wanted: MatrixProperty, model: Recurrence) -> bool:
    """Whether a constant operator has a property by what is declared; False where that is not known."""
    match operator:
        case Identity():
            return True
        case Zero(rows, columns):
            return wanted != orthogonal and bool(rows == columns or not wanted.square)
        case Weight(matrix):
            held = model.properties.get(matrix, frozenset())
            return wanted in held or (wanted == symmetric and diagonal in held)
        case Diagonal():
            return wanted in (diagonal, symmetric)
        case Transpose(operand):
            return has(operand, wanted, model)
        case Scale(coefficient, operand):
            return _keeps(coefficient, wanted) and has(operand, wanted, model)
        case Compose(factors):
            several = wanted in _IN_PRODUCTS and all(has(factor, wanted, model) for factor in factors)
            return several or (wanted == symmetric and all(has(factor, diagonal, model) for factor in factors))
        case OperatorSum(terms):
            return wanted in _IN_SUMS and all(has(term, wanted, model) for term in terms)
    return False


def _keeps(coefficient: sp.Expr, wanted: MatrixProperty) -> bool:
    """Whether a scalar multiple of a matrix with the property has it too."""
    if wanted == orthogonal:
        return bool(coefficient in (1, -1))
    return bool(coefficient.is_nonnegative) if wanted == nonnegative else True


@rule(
    OperatorNormOf,
    statement=r"Q^T Q = I \;\Rightarrow\; \lVert Q\rVert_2 = 1",
    source=f"{HORN}, sec. 2.1",
    equality="always",
    hypotheses=(ORTHOGONAL,),
)
def norm_of_an_orthogonal_matrix(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||Q||_2 = 1 for an orthogonal Q."""
    if isinstance(goal.operator, Identity):
        return Lacking("it is the identity, in any norm")
    if goal.norm.p != 2:
        return Lacking("the norm is not the 2-norm")
    if not context.is_constant(goal.operator) or not has(goal.operator, orthogonal, context.model):
        return Lacking("it is not known to be orthogonal")
    return Conclusion(sp.S.One)


@rule(
    OperatorNormOf,
    statement=r"Q^T Q = I \;\Rightarrow\; \lVert Q A\rVert_2 = \lVert A Q\rVert_2 = \lVert A\rVert_2",
    source=f"{HORN}, sec. 5.6, unitary invariance",
    equality="always",
    hypotheses=(ORTHOGONAL,),
)
def orthogonal_factor(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||Q A||_2 = ||A Q||_2 = ||A||_2 for an orthogonal Q."""
    rest = _without_orthogonal_ends(goal, context)
    if isinstance(rest, Lacking):
        return rest
    premise = prove(OperatorNormOf(rest, goal.norm))
    return Conclusion(premise.bound, (premise,))


@rule(
    MinimumModulusOf,
    statement=r"Q^T Q = I \;\Rightarrow\; \sigma_{\min}(Q) = 1",
    source=f"{HORN}, sec. 2.1",
    equality="always",
    hypotheses=(ORTHOGONAL,),
)
def least_stretching_of_an_orthogonal_matrix(
    goal: MinimumModulusOf, prove: Prove, context: Any
) -> Conclusion | Lacking:
    """sigma_min(Q) = 1 for an orthogonal Q."""
    if goal.norm.p != 2:
        return Lacking("the norm is not the 2-norm")
    if not context.is_constant(goal.operator) or not has(goal.operator, orthogonal, context.model):
        return Lacking("it is not known to be orthogonal")
    return Conclusion(sp.S.One)


@rule(
    MinimumModulusOf,
    statement=r"Q^T Q = I \;\Rightarrow\; \sigma_{\min}(Q A) = \sigma_{\min}(A Q) = \sigma_{\min}(A)",
    source=f"{HORN}, sec. 7.3, unitary invariance of singular values",
    equality="always",
    hypotheses=(ORTHOGONAL,),
)
def orthogonal_factor_stretching_least(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """sigma_min(Q A) = sigma_min(A Q) = sigma_min(A) for an orthogonal Q."""
    rest = _without_orthogonal_ends(goal, context)
    if isinstance(rest, Lacking):
        return rest
    premise = prove(MinimumModulusOf(rest, goal.norm))
    return Conclusion(premise.bound, (premise,))


def _without_orthogonal_ends(goal: OperatorNormOf | MinimumModulusOf, context: Any) -> Operator | Lacking:
    """A product without the orthogonal factors at its ends."""
    if goal.norm.p != 2:
        return Lacking("the norm is not the 2-norm")
    if not isinstance(goal.operator, Compose):
        return Lacking("it is no product")
    factors = list(goal.operator.factors)
    while factors and has(factors[0], orthogonal, context.model):
        factors.pop(0)
    while factors and has(factors[-1], orthogonal, context.model):
        factors.pop()
    if not factors or len(factors) == len(goal.operator.factors):
        return Lacking("no factor at an end is known to be orthogonal")
    return compose(*factors)


@rule(
    OperatorNormOf,
    statement=r"S^T = S \;\Rightarrow\; \lVert S\rVert_2 = \rho(S)",
    source=f"{HORN}, sec. 2.5 and 5.6, normal matrices",
    equality="always",
    hypotheses=("S is declared symmetric",),
)
def norm_of_a_symmetric_matrix(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||S||_2 = rho(S) for a symmetric S."""
    if goal.norm.p != 2:
        return Lacking("the norm is not the 2-norm")
    if isinstance(goal.operator, (Identity, Zero, Diagonal)) or not context.is_constant(goal.operator):
        return Lacking("it is no constant matrix of weights")
    if not has(goal.operator, symmetric, context.model) or has(goal.operator, diagonal, context.model):
        return Lacking("it is not known to be symmetric, or known to be diagonal")
    return Conclusion(SpectralRadius(operator_to_sympy(goal.operator)))


@rule(
    OperatorNormOf,
    statement=r"D \text{ diagonal} \;\Rightarrow\; \lVert D\rVert_p = \max_i |d_{ii}| = \lVert D\rVert_2",
    source=f"{HORN}, sec. 5.6",
    equality="always",
    hypotheses=("D is declared diagonal",),
)
def norm_of_a_diagonal_weight(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||D||_p = max |d_ii| = ||D||_2 for a diagonal D and every p."""
    lacking = _no_diagonal_weight(goal, context)
    return lacking or Conclusion(OperatorNorm(operator_to_sympy(goal.operator)))


@rule(
    MinimumModulusOf,
    statement=r"D \text{ diagonal} \;\Rightarrow\; \min_x \lVert D x\rVert_p / \lVert x\rVert_p = \min_i |d_{ii}| = "
    r"\sigma_{\min}(D)",
    source=f"{HORN}, sec. 5.6",
    equality="always",
    hypotheses=("D is declared diagonal",),
)
def least_stretching_of_a_diagonal_weight(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||D x||_p / ||x||_p = min |d_ii| = sigma_min(D) for a diagonal D and every p."""
    lacking = _no_diagonal_weight(goal, context)
    return lacking or Conclusion(SmallestSingularValue(operator_to_sympy(goal.operator)))


def _no_diagonal_weight(goal: OperatorNormOf | MinimumModulusOf, context: Any) -> Lacking | None:
    if goal.norm.p == 2:
        return Lacking("the norm is the 2-norm already")
    if isinstance(goal.operator, (Identity, Zero, Diagonal)) or not context.is_constant(goal.operator):
        return Lacking("it is no constant matrix of weights")
    return None if has(goal.operator, diagonal, context.model) else Lacking("it is not known to be diagonal")


@rule(
    EntryRange,
    statement=r"A \ge 0,\ v_j \in [a, b] \;\Rightarrow\; (A v)_i \in "
    r"\lVert A\rVert_\infty\,[\min(0, a), \max(0, b)]",
    source="each entry is a sum of the v_j with weights that are non-negative and add up to at most ||A||_inf",
    equality="when v is constant at an end and the row sum is the largest",
    hypotheses=("A is declared nonnegative",),
)
def non_negative_sum_of_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """A >= 0 and v_j in [a, b] imply (A v)_i in ||A||_inf [min(0, a), max(0, b)]."""
    match goal.vector:
        case Apply(operator, argument) if context.is_constant(operator):
            if isinstance(operator, (Scale, Identity)) or not has(operator, nonnegative, context.model):
                return Lacking("the matrix is not known to be non-negative")
            premise = prove(EntryRange(argument))
            size = OperatorNorm(operator_to_sympy(operator), sp.oo)
            low, high = premise.bound
            above = sp.S.Zero if high.is_nonpositive else high if high.is_nonnegative else maximum(sp.S.Zero, high)
            below = sp.S.Zero if low.is_nonnegative else -low if low.is_nonpositive else maximum(sp.S.Zero, -low)
            sides = [sp.oo if end == sp.oo else size * end for end in (below, above)]
            return Conclusion(ends(-sides[0], sides[1]), (premise,))
    return Lacking("it is no constant matrix times a vector")
