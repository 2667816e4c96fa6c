"""Theorems about logarithmic norms, which say how fast a flow ``dx/dt = f(x, u)`` can grow.

The logarithmic norm is mu(A) = lim (||I + h A|| - 1) / h for h from above to 0: for p = 1 and inf the largest entry of
the diagonal plus the moduli of the others in its column or row, for p = 2 the largest eigenvalue of (A + A^T) / 2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    Conclusion,
    EntryRange,
    Lacking,
    LogarithmicNormOf,
    OperatorNormOf,
    Prove,
    rule,
)
from symgrad.bounds.intervals import bound_product
from symgrad.bounds.upper_ends import (
    constant_diagonal,
    diagonal_entries,
    negated,
    scaled_upper_end,
    times_upper_end,
    upper_end,
)
from symgrad.calculus.structure import collected, factors_in_runs, gated_terms
from symgrad.language.construct import add_operators, compose, scale
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Block,
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Vector,
    Zero,
)
from symgrad.language.to_sympy import operator_to_sympy

DESOER = "Desoer and Haneda 1972, The measure of a matrix as a tool to analyze computer algorithms, IEEE Trans. CT 19"
STROEM = "Stroem 1975, On logarithmic norms, SIAM J. Numer. Anal. 12"
SOEDERLIND = "Soederlind 2006, The logarithmic norm: history and modern theory, BIT 46"


@rule(
    LogarithmicNormOf,
    statement=r"\mu(I) = 1,\quad \mu(0) = 0",
    source=f"{DESOER}, definition",
    equality="always",
)
def logarithmic_norm_of_identity_and_zero(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(I) = 1 and mu(0) = 0."""
    match goal.operator:
        case Identity():
            return Conclusion(sp.S.One)
        case Zero():
            return Conclusion(sp.S.Zero)
    return Lacking("it is neither the identity nor zero")


@rule(
    LogarithmicNormOf,
    statement=r"\mu(A) = \mu(A) \text{ for a constant matrix } A \text{, taken as a whole}",
    source=f"{DESOER}, definition",
    equality="always",
    hypotheses=("no state and no input stands in A",),
)
def logarithmic_norm_of_a_constant(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(A) stays mu(A) for a constant matrix A, taken as a whole."""
    if not context.is_constant(goal.operator):
        return Lacking("a state or an input stands in it")
    if constant_diagonal(goal.operator, context):
        return Lacking("it is the diagonal matrix of a vector whose range is declared")
    return Conclusion(LogarithmicNorm(operator_to_sympy(goal.operator), goal.norm.p))


@rule(
    LogarithmicNormOf,
    statement=r"\mu(\operatorname{diag}(a\mathbf 1 + \textstyle\sum_i c_i v_i)) \le "
    r"\max_{e}\bigl(a + \sum_i c_i e_i\bigr),\quad e_i \in \{\inf v_i, \sup v_i\}",
    source=f"{DESOER}, definition; an affine function on a box is largest at a corner",
    equality="when the v_i reach that corner in one entry",
)
def logarithmic_norm_of_a_diagonal(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(diag(a + sum_i c_i v_i)) <= max over corners e of a + sum_i c_i e_i, e_i in {inf v_i, sup v_i}."""
    entries = diagonal_entries(goal.operator)
    if entries is None:
        return Lacking("it is not diagonal")
    return upper_end(entries, prove)


@rule(
    LogarithmicNormOf,
    statement=r"\mu(A + c I) = \mu(A) + c",
    source=f"{SOEDERLIND}, sec. 2",
    equality="always",
    hypotheses=("a multiple of the identity is among the terms",),
)
def shift_by_a_multiple_of_the_identity(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(A + c I) = mu(A) + c."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    shifts = {term: factor for term in goal.operator.terms if (factor := _multiple_of_identity(term)) is not None}
    if not shifts:
        return Lacking("no term is a multiple of the identity")
    rest = add_operators(*(term for term in goal.operator.terms if term not in shifts))
    premise = prove(LogarithmicNormOf(rest, goal.norm))
    return Conclusion(sp.Add(premise.bound, *shifts.values()), (premise,))


def _multiple_of_identity(term: Operator) -> sp.Expr | None:
    match term:
        case Identity():
            return sp.S.One
        case Scale(coefficient, Identity()):
            return coefficient
    return None


@rule(
    LogarithmicNormOf,
    statement=r"\mu(\alpha A) = \alpha\,\mu(A) \text{ for } \alpha \ge 0,\quad "
    r"\mu(\alpha A) = -\alpha\,\mu(-A) \text{ for } \alpha \le 0",
    source=f"{DESOER}, positive homogeneity",
    equality="always",
    hypotheses=("the sign of alpha is known",),
)
def logarithmic_norm_of_a_multiple(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(a A) = a mu(A) for a >= 0, and mu(a A) = -a mu(-A) for a <= 0."""
    if not isinstance(goal.operator, Scale):
        return Lacking("it is no scalar multiple")
    factor, operand = goal.operator.coefficient, goal.operator.operand
    if factor.is_nonnegative:
        premise = prove(LogarithmicNormOf(operand, goal.norm))
        return Conclusion(times_upper_end(factor, premise.bound), (premise,))
    opposite = negated(operand)
    if not factor.is_nonpositive or opposite is None:
        return Lacking("the sign of the factor is not known, or the minus sign could not be taken inside")
    premise = prove(LogarithmicNormOf(opposite, goal.norm))
    return Conclusion(times_upper_end(-factor, premise.bound), (premise,))


@rule(
    LogarithmicNormOf,
    statement=r"\mu_p(A^T) = \mu_q(A),\quad \tfrac1p + \tfrac1q = 1",
    source=f"{SOEDERLIND}, sec. 2; dual norms",
    equality="always",
)
def logarithmic_norm_of_a_transpose(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu_p(A^T) = mu_q(A) with 1/p + 1/q = 1."""
    match goal.operator:
        case Transpose(operand):
            premise = prove(LogarithmicNormOf(operand, NORMS[goal.norm.dual]))
            return Conclusion(premise.bound, (premise,))
    return Lacking("it is no transpose")


@rule(
    LogarithmicNormOf,
    statement=r"\mu_\infty(\operatorname{diag}(v) A),\ \mu_1(A \operatorname{diag}(v)) \le "
    r"\max\bigl(a\,\mu(A),\ b\,\mu(A)\bigr),\quad v_i \in [a, b],\ a \ge 0"
    r"\quad(\text{else } \max(0,\ b\,\mu(A),\ -a\,\mu(-A)))",
    source=f"{DESOER}, definition: a row of diag(v) A is a row of A times v_i, and so is its term of mu",
    equality="when the row of A with the largest term meets that end of the range of v",
    hypotheses=("p = inf and a diagonal on the left, or p = 1 and one on the right", "v has a finite range"),
)
def rows_or_columns_scaled(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu_inf(diag(v) A) and mu_1(A diag(v)) <= max(a mu(A), b mu(A)) for v in [a, b], a >= 0.

    For a < 0 the bound is max(0, b mu(A), -a mu(-A)).
    """
    found = _scaled_side(goal, context)
    if found is None:
        return Lacking("its rows (p = inf) or columns (p = 1) are not scaled by a vector")
    gate, rest = found
    inside = prove(EntryRange(gate))
    if not inside.is_finite:
        return Lacking("the range of the vector is infinite")
    low, high = inside.bound
    opposite = negated(rest)
    if not low.is_nonnegative and opposite is None:
        return Lacking("the vector may be negative, and the minus sign could not be taken inside")
    only_negative = high.is_nonpositive and not low.is_nonnegative
    premises = [] if only_negative else [prove(LogarithmicNormOf(rest, goal.norm))]
    if not low.is_nonnegative and opposite is not None:
        premises.append(prove(LogarithmicNormOf(opposite, goal.norm)))
    return Conclusion(scaled_upper_end(low, high, [item.bound for item in premises]), (inside, *premises))


def _scaled_side(goal: LogarithmicNormOf, context: Any) -> tuple[Vector, Operator] | None:
    """The vector and the matrix whose rows (p = inf) or columns (p = 1) it scales."""
    if not isinstance(goal.operator, Compose) or goal.norm.p == 2:
        return None
    parts = factors_in_runs(goal.operator.factors, context.is_constant)
    end, others = (parts[0], parts[1:]) if goal.norm.p == sp.oo else (parts[-1], parts[:-1])
    return (end.vector, compose(*others)) if isinstance(end, Diagonal) and others else None


@rule(
    LogarithmicNormOf,
    statement=r"\mu(A \operatorname{diag}(v) B) \le \mu(m A B) + r\,\lVert A\rVert\,\lVert B\rVert,"
    r"\quad v_i \in [m - r, m + r]",
    source=f"{DESOER}: mu(A + B) <= mu(A) + ||B||, with diag(v) = m I + diag(v - m)",
    equality="when mu(m A B) = |m| ||A|| ||B|| and v has the entry of largest modulus everywhere",
    hypotheses=("v has a finite range",),
)
def scaling_around_the_middle(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(A diag(v) B) <= mu(m A B) + r ||A|| ||B|| for v in [m - r, m + r]; A or B may be missing."""
    if not isinstance(goal.operator, Compose):
        return Lacking("it is no product")
    parts = factors_in_runs(goal.operator.factors, context.is_constant)
    for place, part in enumerate(parts):
        inside = prove(EntryRange(part.vector)) if isinstance(part, Diagonal) and len(parts) > 1 else None
        if inside is not None and inside.is_finite:
            low, high = inside.bound
            sides = [compose(*side) for side in (parts[:place], parts[place + 1 :]) if side]
            centre = prove(LogarithmicNormOf(scale((low + high) / 2, compose(*sides)), goal.norm))
            sizes = [prove(OperatorNormOf(side, goal.norm)) for side in sides]
            around = bound_product([(high - low) / 2, *(size.bound for size in sizes)])
            return Conclusion(centre.bound + around, (inside, centre, *sizes))
    return Lacking("no diagonal of finite range stands in it")


@rule(
    LogarithmicNormOf,
    statement=r"\textstyle\mu(\sum_j \operatorname{diag}(v_j) A) = \mu(\operatorname{diag}\bigl(\sum_j v_j\bigr) A)",
    source="distributive law",
    equality="always",
    hypotheses=("at least two terms share the factor A",),
)
def common_factor_in_a_logarithmic_norm(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(sum_j diag(v_j) A) = mu(diag(sum_j v_j) A)."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    rests = [rest for _, rest in gated_terms(goal.operator)]
    if len(set(rests)) == len(rests):
        return Lacking("no two terms share a factor")
    premise = prove(LogarithmicNormOf(collected(goal.operator), goal.norm))
    return Conclusion(premise.bound, (premise,))


@rule(
    LogarithmicNormOf,
    statement=r"\mu(A + B) \le \mu(A) + \mu(B)\quad(\text{constant terms added up first})",
    source=f"{DESOER}, subadditivity",
    equality="when both are largest on one row, column or vector",
)
def logarithmic_norm_of_a_sum(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(A + B) <= mu(A) + mu(B), constant terms added up first."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    constant = [term for term in goal.operator.terms if context.is_constant(term)]
    varying = [term for term in goal.operator.terms if not context.is_constant(term)]
    parts = ([add_operators(*constant)] if constant else []) + varying
    if len(parts) == 1:
        return Lacking("it is constant")
    premises = tuple(prove(LogarithmicNormOf(part, goal.norm)) for part in parts)
    return Conclusion(sp.Add(*(premise.bound for premise in premises)), premises)


@rule(
    LogarithmicNormOf,
    statement=r"[\,\mu(A_{ii}),\ \lVert A_{ij}\rVert\,] \le M \;\Rightarrow\; \mu_p\bigl([A_{ij}]\bigr) \le \mu_p(M)",
    source=f"{STROEM}, for block norms: ||I + h A|| <= ||I + h M + o(h)||, entry by entry",
    equality="when the blocks are 1 x 1 and non-negative off the diagonal",
)
def blocks_to_a_metzler_matrix(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu_p([A_ij]) <= mu_p(M) for a matrix M >= mu(A_ii) on the diagonal and >= ||A_ij|| elsewhere."""
    if not isinstance(goal.operator, Block):
        return Lacking("it has no blocks")
    premise = prove(BlockLogarithmicNorms(goal.operator, goal.norm))
    return Conclusion(LogarithmicNorm(premise.bound, goal.norm.p) if premise.is_finite else sp.oo, (premise,))


@rule(
    LogarithmicNormOf,
    statement=r"\mu(A) \le \lVert A\rVert",
    source=f"{DESOER}, the triangle inequality for I + h A",
    equality="when A is largest on a vector that it maps to its own direction",
)
def logarithmic_norm_below_the_norm(goal: LogarithmicNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(A) <= ||A||."""
    premise = prove(OperatorNormOf(goal.operator, goal.norm))
    return Conclusion(premise.bound, (premise,))
