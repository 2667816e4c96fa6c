"""Theorems about derivatives by parameters: Kronecker products, rows of them, and the sum over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.bounds.geometric import geometric_sum, sum_over_powers
from symgrad.bounds.inequality import (
    BlockNorms,
    Conclusion,
    DifferentialNorm,
    EntryRange,
    Inequality,
    Lacking,
    OperatorNormOf,
    Prove,
    RowNormOf,
    VectorNormOf,
    rule,
)
from symgrad.bounds.intervals import bound_product, magnitude
from symgrad.calculus.sources import common_factors
from symgrad.language.construct import add_vectors
from symgrad.language.norms import NORMS, Norm, OperatorNorm
from symgrad.language.operators import (
    Apply,
    Block,
    Column,
    Kronecker,
    Operator,
    OperatorSum,
    Scale,
    Vector,
)
from symgrad.language.to_sympy import vector_to_sympy

HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"
TOPICS = "Horn and Johnson, Topics in Matrix Analysis 1991"


@rule(
    VectorNormOf,
    statement=r"\lVert p\rVert = \lVert p\rVert \text{ for a vector } p \text{ of parameters, taken as a whole}",
    source="definition",
    equality="always",
    hypotheses=("no state and no input stands in p",),
)
def constant_vector(goal: VectorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||p|| stays ||p|| for a vector p of parameters, taken as a whole."""
    if not context.is_constant(goal.vector):
        return Lacking("a state or an input stands in it")
    written = vector_to_sympy(goal.vector)
    is_column = isinstance(written, (sp.MatrixExpr, sp.MatrixBase))
    return Conclusion(OperatorNorm(written, goal.norm.p) if is_column else sp.Abs(written))


@rule(
    VectorNormOf,
    statement=r"\lVert A v\rVert_p \le \lVert A\rVert_p \lVert v\rVert_p",
    source="definition of the operator norm",
    equality="when v is a vector that A stretches most",
)
def image_of_a_vector(goal: VectorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||A v||_p <= ||A||_p ||v||_p."""
    match goal.vector:
        case Apply(operator, argument):
            premises = prove(OperatorNormOf(operator, goal.norm)), prove(VectorNormOf(argument, goal.norm))
            return Conclusion(bound_product([premise.bound for premise in premises]), premises)
    return Lacking("it is no matrix times a vector")


@rule(
    VectorNormOf,
    statement=r"v \in \mathbb{R}^n \;\Rightarrow\; \lVert v\rVert_p \le n^{1/p} \max_i |v_i|",
    source=f"{HORN}, sec. 5.4",
    equality="when all entries reach the end of the range that is larger in modulus",
)
def vector_of_bounded_entries(goal: VectorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||v||_p <= n^(1/p) max_i |v_i| for v with n entries."""
    premise = prove(EntryRange(goal.vector))
    root = sp.S.One if goal.norm.p == sp.oo else goal.vector.size ** (1 / goal.norm.p)
    return Conclusion(bound_product([root, magnitude(premise.bound)]), (premise,))


@rule(
    OperatorNormOf,
    statement=r"\lVert v^T \otimes A\rVert_p = \lVert A \otimes v^T\rVert_p = \lVert v\rVert_q \lVert A\rVert_p,"
    r"\quad \tfrac1p + \tfrac1q = 1;\quad "
    r"\lVert (v^T \otimes A) \operatorname{diag}(\operatorname{vec} M)\rVert_p \le "
    r"\lVert v\rVert_q \lVert A\rVert_p \lVert M\rVert_p",
    source=f"{TOPICS}, thm. 4.2.15; no entry of a matrix exceeds its norm",
    equality="always without a mask M",
)
def kronecker_product_with_a_row(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||v^T (x) A||_p = ||A (x) v^T||_p = ||v||_q ||A||_p, 1/p + 1/q = 1; with a mask M at most ||M||_p times that."""
    match goal.operator:
        case Kronecker(vector, outer, _, mask):
            premises = prove(VectorNormOf(vector, NORMS[goal.norm.dual])), prove(OperatorNormOf(outer, goal.norm))
            masked = [] if mask is None else [OperatorNorm(mask, goal.norm.p)]
            return Conclusion(bound_product([*masked, *(premise.bound for premise in premises)]), premises)
    return Lacking("it is no Kronecker product with a row")


@rule(
    OperatorNormOf,
    statement=r"\lVert v_1 + \cdots + v_r\rVert \text{ as an operator from numbers is the norm of that vector}",
    source="definition of the operator norm",
    equality="always",
)
def column_vector(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """A column, or a sum of columns, has as an operator from numbers the norm of the vector."""
    terms = goal.operator.terms if isinstance(goal.operator, OperatorSum) else (goal.operator,)
    columns = [term.vector for term in terms if isinstance(term, Column)]
    if len(columns) < len(terms):
        return Lacking("it is no column")
    premise = prove(VectorNormOf(columns[0] if len(columns) == 1 else add_vectors(*columns), goal.norm))
    return Conclusion(premise.bound, (premise,))


@rule(
    OperatorNormOf,
    statement=r"\bigl\lVert\textstyle\sum_j v_j^T \otimes A_j\bigr\rVert \le "
    r"\sum_j \lVert v_j^T \otimes A_j\rVert",
    source=f"{HORN}, sec. 5.6, triangle inequality",
    equality="when the terms are largest on one matrix and map it to the same direction",
)
def sum_of_kronecker_products(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||sum_j v_j^T (x) A_j|| <= sum_j ||v_j^T (x) A_j||."""
    if not isinstance(goal.operator, OperatorSum) or not any(map(_has_kronecker, goal.operator.terms)):
        return Lacking("it is no sum of Kronecker products")
    premises = tuple(prove(OperatorNormOf(term, goal.norm)) for term in goal.operator.terms)
    return Conclusion(sp.Add(*(premise.bound for premise in premises)), premises)


def _has_kronecker(operator: Operator) -> bool:
    return isinstance(operator, Kronecker) or (isinstance(operator, Scale) and _has_kronecker(operator.operand))


@rule(
    RowNormOf,
    statement=r"\bigl\lVert[\,v_1^T \otimes A,\ \ldots,\ v_m^T \otimes A,\ A\,]\bigr\rVert_p = "
    r"\lVert A\rVert_p \lVert(v_1, \ldots, v_m, 1)\rVert_q,\quad \tfrac1p + \tfrac1q = 1",
    source=f"the row is (v_1, ..., v_m, 1)^T (x) A; {TOPICS}, thm. 4.2.15",
    equality="always",
    hypotheses=("all blocks share the factor A",),
)
def common_left_factor(goal: RowNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||[v_1^T (x) A, ..., v_m^T (x) A, A]||_p = ||A||_p ||(v_1, ..., v_m, 1)||_q with 1/p + 1/q = 1."""
    groups = common_factors(goal.entries)
    if len(groups) != 1:
        return Lacking("the blocks do not share a factor")
    ((factor, vectors),) = groups.items()
    if vectors == [None]:
        return Lacking("there is only one block")
    dual = NORMS[goal.norm.dual]
    outer = prove(OperatorNormOf(factor, goal.norm))
    lengths = [None if vector is None else prove(VectorNormOf(vector, dual)) for vector in vectors]
    sizes = [sp.S.One if length is None else length.bound for length in lengths]
    premises = (outer, *(length for length in lengths if length is not None))
    return Conclusion(bound_product([outer.bound, _dual_norm(sizes, goal.norm)]), premises)


@rule(
    RowNormOf,
    statement=r"\bigl\lVert[\,B_1, \ldots, B_r\,]\bigr\rVert_p \le "
    r"\bigl\lVert(\lVert B_1\rVert_p, \ldots, \lVert B_r\rVert_p)\bigr\rVert_q,\quad \tfrac1p + \tfrac1q = 1",
    source="triangle inequality, then Hoelder's inequality; blocks with a common left factor taken together first",
    equality="p = 1: always; else when all blocks map one vector each, in proportion to their norms, to one direction",
)
def row_of_blocks(goal: RowNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||[B_1, ..., B_r]||_p <= ||(||B_1||_p, ..., ||B_r||_p)||_q with 1/p + 1/q = 1."""
    groups = common_factors(goal.entries)
    if len(groups) == 1 and [*groups.values()] != [[None]]:
        return Lacking("the blocks share a factor")
    premises = tuple(_part(factor, vectors, goal.norm, prove) for factor, vectors in groups.items())
    return Conclusion(_dual_norm([premise.bound for premise in premises], goal.norm), premises)


def _part(factor: Operator, vectors: Sequence[Vector | None], norm: Norm, prove: Prove) -> Inequality:
    """The norm of the blocks with one factor."""
    blocks = tuple(factor if vector is None else Kronecker(vector, factor) for vector in vectors)
    return prove(OperatorNormOf(blocks[0], norm) if len(blocks) == 1 else RowNormOf(blocks, norm))


@rule(
    DifferentialNorm,
    statement=r"\lVert J_t\rVert \le \gamma,\ \lVert B_t\rVert \le M \;\Rightarrow\; "
    r"\Bigl\lVert\sum_{k=K}^{T-1} J_T \cdots J_{T-k+1} B_{T-k}\Bigr\rVert \le M \sum_{k=K}^{T-1} \gamma^k",
    source="triangle inequality and submultiplicativity; geometric series",
    equality="when all terms are largest on one vector and map it to the same direction",
    hypotheses=("the bounds hold at every step",),
)
def geometric_series(goal: DifferentialNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||J_t|| <= gamma and ||B_t|| <= M imply that the sum of J_T ... J_(T-k+1) B_(T-k) is at most M sum_k gamma^k."""
    if isinstance(goal.jacobian, Block):
        return Lacking("there are several states")
    premises = prove(OperatorNormOf(goal.jacobian, goal.norm)), prove(RowNormOf(goal.rows[0], goal.norm))
    rate, source = (premise.bound for premise in premises)
    if not all(premise.is_finite for premise in premises):
        return Conclusion(sp.oo, premises)
    return Conclusion(source * geometric_sum(rate, goal.first, goal.steps), premises)


@rule(
    DifferentialNorm,
    statement=r"[\,\lVert (J_t)_{ij}\rVert_p\,] \le G,\ [\,\lVert (B_t)_i\rVert_p\,] \le m \;\Rightarrow\; "
    r"\Bigl\lVert\sum_{k=K}^{T-1} J_T \cdots J_{T-k+1} B_{T-k}\Bigr\rVert_p \le "
    r"\Bigl\lVert\sum_{k=K}^{T-1} G^k m\Bigr\rVert_p",
    source="triangle inequality for each state; block norms are sub-multiplicative entry by entry, Ostrowski 1961",
    equality="when the blocks are 1 x 1, non-negative and constant",
    hypotheses=("the bounds hold at every step",),
)
def geometric_series_of_gain_matrices(goal: DifferentialNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """[ ||(J_t)_ij|| ] <= G and [ ||(B_t)_i|| ] <= m imply that the sum over the steps is at most ||sum_k G^k m||."""
    if not isinstance(goal.jacobian, Block):
        return Lacking("there is only one state")
    rows = tuple(prove(RowNormOf(row, goal.norm)) for row in goal.rows)
    premises = (prove(BlockNorms(goal.jacobian, goal.norm)), *rows)
    if not all(premise.is_finite for premise in premises):
        return Conclusion(sp.oo, premises)
    source = sp.ImmutableDenseMatrix([row.bound for row in rows])
    return Conclusion(sum_over_powers(premises[0].bound, source, goal.first, goal.steps, goal.norm), premises)


def _dual_norm(sizes: Sequence[sp.Expr], norm: Norm) -> sp.Expr:
    if sp.oo in sizes:
        return sp.oo
    return NORMS[norm.dual].of_vector(list(sizes)) if sizes else sp.S.Zero
