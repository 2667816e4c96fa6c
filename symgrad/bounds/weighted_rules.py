"""Theorems about weighted norms: moduli of entries and Perron vectors, diagonal and quadratic norms.

In what follows D is a diagonal of slopes, each in an interval of its own, S an invertible matrix. For every S
``||P||_p <= kappa_p(S) gamma^k`` where gamma bounds ``||S J S^-1||`` for every Jacobian J.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.inequality import Conclusion, EntryRange, Lacking, OperatorNormOf, ProductNorm, Prove, rule
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedProductNorm
from symgrad.calculus.structure import collected, gated_terms
from symgrad.language.entrywise import EntrywiseModulus, perron_rate, perron_ratio
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
    Zero,
    walk,
)
from symgrad.language.to_sympy import operator_to_sympy

HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"
LMI = "Boyd, El Ghaoui, Feron and Balakrishnan, Linear Matrix Inequalities in System and Control Theory 1994"
C = sp.Symbol("C", positive=True)
GAMMA = sp.Symbol("gamma", nonnegative=True)
P2 = NORMS[sp.Integer(2)]


@rule(
    MagnitudesOf,
    statement=r"|I| = I,\quad |0| = 0",
    source="definition of the moduli of the entries",
    equality="always",
)
def moduli_of_identity_and_zero(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|I| = I and |0| = 0."""
    match goal.operator:
        case Identity(length):
            return Conclusion(sp.Identity(length))
        case Zero(rows, columns):
            return Conclusion(sp.ZeroMatrix(rows, columns))
    return Lacking("it is neither the identity nor zero")


@rule(
    MagnitudesOf,
    statement=r"|\alpha A| = |\alpha|\,|A|",
    source="definition of the moduli of the entries",
    equality="always",
)
def moduli_of_a_multiple(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|a A| = |a| |A|."""
    match goal.operator:
        case Scale(coefficient, operand):
            premise = prove(MagnitudesOf(operand))
            return Conclusion(sp.Abs(coefficient) * premise.bound, (premise,))
    return Lacking("it is no scalar multiple")


@rule(
    MagnitudesOf,
    statement=r"|A| = |A| \text{ for a constant matrix } A \text{, taken as a whole}",
    source="definition of the moduli of the entries",
    equality="always",
    hypotheses=("no state and no input stands in A",),
)
def moduli_of_a_constant(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|A| stays |A| for a constant matrix A, taken as a whole."""
    if not context.is_constant(goal.operator):
        return Lacking("a state or an input stands in it")
    return Conclusion(EntrywiseModulus(operator_to_sympy(goal.operator)))


@rule(
    MagnitudesOf,
    statement=r"|A^T| = |A|^T",
    source="definition of the moduli of the entries",
    equality="always",
)
def moduli_of_a_transpose(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|A^T| = |A|^T."""
    match goal.operator:
        case Transpose(operand):
            premise = prove(MagnitudesOf(operand))
            return Conclusion(premise.bound.T, (premise,))
    return Lacking("it is no transpose")


@rule(
    MagnitudesOf,
    statement=r"|\operatorname{diag}(v)| \le \sup|v|\; I",
    source="definition of the moduli of the entries",
    equality="when every entry reaches the end of its range that is larger in modulus",
    hypotheses=("v has a finite range",),
)
def moduli_of_a_diagonal(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|diag(v)| <= sup|v| I."""
    if not isinstance(goal.operator, Diagonal):
        return Lacking("it is not diagonal")
    premise = prove(OperatorNormOf(goal.operator, P2))
    return Conclusion(premise.bound * sp.Identity(goal.operator.shape[0]), (premise,))


@rule(
    MagnitudesOf,
    statement=r"|A_1 \cdots A_r| \le |A_1| \cdots |A_r|",
    source=f"{HORN}, sec. 8.1",
    equality="when no two terms of an entry of the product have opposite signs",
)
def moduli_of_a_composition(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|A_1 ... A_r| <= |A_1| ... |A_r|."""
    if not isinstance(goal.operator, Compose):
        return Lacking("it is no product")
    premises = tuple(prove(MagnitudesOf(factor)) for factor in goal.operator.factors)
    return Conclusion(sp.MatMul(*(premise.bound for premise in premises)).doit(deep=False), premises)


@rule(
    MagnitudesOf,
    statement=r"\textstyle\sum_j \operatorname{diag}(v_j) A = \operatorname{diag}\bigl(\sum_j v_j\bigr) A",
    source="distributive law",
    equality="always",
    hypotheses=("at least two terms share the factor A",),
)
def common_factor_of_moduli(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """sum_j diag(v_j) A = diag(sum_j v_j) A."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    rests = [rest for _, rest in gated_terms(goal.operator)]
    if len(set(rests)) == len(rests):
        return Lacking("no two terms share a factor")
    premise = prove(MagnitudesOf(collected(goal.operator)))
    return Conclusion(premise.bound, (premise,))


@rule(
    MagnitudesOf,
    statement=r"|A + B| \le |A| + |B|",
    source=f"{HORN}, sec. 8.1",
    equality="when no two entries in one place have opposite signs",
)
def moduli_of_a_sum(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|A + B| <= |A| + |B|."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    premises = tuple(prove(MagnitudesOf(term)) for term in goal.operator.terms)
    return Conclusion(sp.MatAdd(*(premise.bound for premise in premises)).doit(deep=False), premises)


@rule(
    MagnitudesOf,
    statement=r"\bigl|[A_{ij}]\bigr| = [\,|A_{ij}|\,]",
    source="definition of the moduli of the entries",
    equality="when every block attains its bound at one state and input",
)
def moduli_of_blocks(goal: MagnitudesOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The moduli of the entries of blocks, block by block."""
    if not isinstance(goal.operator, Block):
        return Lacking("it has no blocks")
    rows = [[prove(MagnitudesOf(entry)) for entry in row] for row in goal.operator.rows]
    matrix = sp.BlockMatrix([[item.bound for item in row] for row in rows])
    return Conclusion(matrix, tuple(item for row in rows for item in row))


def _wanted(goal: WeightedProductNorm, kind: str, context: Any) -> Lacking | None:
    if goal.kind != kind:
        return Lacking(f"a {goal.kind} norm is asked for")
    return Lacking("every layer has parameters of its own") if context.model.depth is not None else None


@rule(
    WeightedProductNorm,
    statement=r"|J_t| \le N \ \forall t,\ N v = \rho(N) v,\ w^T N = \rho(N) w^T,\ v, w > 0 \;\Rightarrow\; "
    r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le \kappa_p(N)\,\rho(N)^k,\quad "
    r"\kappa_\infty = \tfrac{\max v}{\min v},\ \kappa_1 = \tfrac{\max w}{\min w},\ "
    r"\kappa_2 = \tfrac{\max \sqrt{w/v}}{\min \sqrt{w/v}}",
    source=f"Perron and Frobenius; {HORN}, cor. 8.1.33, and ||A||_2^2 <= ||A||_1 ||A||_oo for S = diag(sqrt(w/v))",
    equality="when J = N at every step and v is constant (p = oo), w is (p = 1), or N is symmetric (p = 2)",
    hypotheses=(
        "the bound on the moduli holds at every step",
        "N has positive Perron vectors, as every irreducible N has; with weights, positive v and w with N v <= gamma v "
        "and w^T N <= gamma w^T for a gamma above rho(N) are enough",
    ),
)
def perron_scaling(goal: WeightedProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If |J_t| <= N for all t, the product is at most kappa_p(N) rho(N)^k, kappa_p from the Perron vectors of N."""
    lacking = _wanted(goal, "perron", context)
    if lacking is not None:
        return lacking
    premise = prove(MagnitudesOf(goal.jacobian))
    moduli = premise.bound
    return Conclusion(perron_ratio(moduli, goal.norm.p) * perron_rate(moduli) ** goal.k, (premise,))


@rule(
    WeightedProductNorm,
    statement=r"\lVert S J_t S^{-1}\rVert_2 \le \gamma \ \forall t,\ S \text{ diagonal} \;\Rightarrow\; "
    r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le C\,\gamma^k,\quad C = \kappa_2(S) \text{ for } p = 2",
    source=f"{LMI}, sec. 5.1, with a diagonal P = S^2; S commutes with slopes",
    equality="when the product is largest in the weighted norm along one orbit of vectors",
    hypotheses=("every slope has a finite range", "S and gamma are found for given weights, and certified"),
)
def diagonal_scaling(goal: WeightedProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If ||S J_t S^-1||_2 <= gamma for all t and a diagonal S, the product is at most C gamma^k."""
    lacking = _wanted(goal, "diagonal", context)
    return lacking if lacking is not None else _in_slopes(goal, prove, context)


@rule(
    WeightedProductNorm,
    statement=r"J_t^T P J_t \preceq \gamma^2 P \ \forall t,\ P \succ 0 \;\Rightarrow\; "
    r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le C\,\gamma^k,\quad C = \sqrt{\operatorname{cond} P} \text{ for } p = 2",
    source=f"{LMI}, sec. 5.1 and the S-procedure, sec. 2.6.3, with a multiplier for each slope in its interval",
    equality="when the product is largest in the norm sqrt(x^T P x) along one orbit of vectors",
    hypotheses=("every slope has a finite range", "P and gamma are found for given weights, and certified"),
)
def common_quadratic_norm(goal: WeightedProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If J_t^T P J_t <= gamma^2 P for all t and one P > 0, the product is at most C gamma^k."""
    lacking = _wanted(goal, "quadratic", context)
    return lacking if lacking is not None else _in_slopes(goal, prove, context)


def _in_slopes(goal: WeightedProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """``C gamma^k``, from the ranges of all slopes in the Jacobian."""
    premises = tuple(prove(EntryRange(node.vector)) for node in _slopes(goal.jacobian, context))
    if not all(premise.is_finite for premise in premises):
        return Conclusion(sp.oo, premises)
    return Conclusion(C * GAMMA**goal.k, premises)


def _slopes(operator: Operator, context: Any) -> list[Diagonal]:
    """The diagonals that vary, each once, in one order: names of those in deep layers would be long beyond measure."""
    return [node for node in walk(operator) if isinstance(node, Diagonal) and not context.is_constant(node)]


@rule(
    WeightedProductNorm,
    statement=r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le b_i(k) \ \forall i \;\Rightarrow\; "
    r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le \min_i b_i(k)",
    source="each of the bounds holds",
    equality="when one of them is attained",
    hypotheses=("at least one of the bounds is finite",),
)
def least_of_several_bounds(goal: WeightedProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The least of all bounds on a product is a bound."""
    lacking = _wanted(goal, "best", context)
    if lacking is not None:
        return lacking
    kinds = ("perron", "diagonal", "quadratic")
    goals = [WeightedProductNorm(goal.jacobian, goal.k, goal.norm, kind) for kind in kinds]
    found = tuple(prove(item) for item in (*goals, ProductNorm(goal.jacobian, goal.k, goal.norm)))
    return Conclusion(sp.Min(*(item.bound for item in found if item.is_finite), evaluate=False), found)
