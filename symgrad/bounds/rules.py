"""The theorems: one decorated function a rule.

A rule looks at one quantity, asks for the premises that it needs and states the
bound that follows, or says which hypothesis is lacking. Rules about one type of
quantity are tried from the top down, so the sharper stand above the more general.
Notation of the statements: all norms are the induced p-norm, p in {1, 2, inf},
unless a subscript is written.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import sympy as sp

from symgrad.bounds.corners import affine_corners
from symgrad.bounds.inequality import (
    BlockNorms,
    Conclusion,
    EntryRange,
    Lacking,
    OperatorNormOf,
    ProductNorm,
    Prove,
    rule,
)
from symgrad.bounds.intervals import bound_product, is_within_unit, magnitude
from symgrad.calculus.structure import (
    affine_terms,
    are_complementary,
    collected,
    factors_in_runs,
    gate_choices,
    gated_terms,
)
from symgrad.language.construct import add_operators, compose
from symgrad.language.norms import NORMS, OperatorNorm, maximum
from symgrad.language.operators import (
    Block,
    Column,
    Compose,
    Diagonal,
    Identity,
    Kronecker,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Vector,
    Zero,
    walk,
)
from symgrad.language.to_sympy import operator_to_sympy

HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"


@rule(
    OperatorNormOf,
    statement=r"\lVert I\rVert = 1,\quad \lVert 0\rVert = 0",
    source=f"{HORN}, sec. 5.6",
    equality="always",
)
def identity_and_zero(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||I|| = 1 and ||0|| = 0."""
    match goal.operator:
        case Identity():
            return Conclusion(sp.S.One)
        case Zero():
            return Conclusion(sp.S.Zero)
    return Lacking("it is neither the identity nor zero")


@rule(
    OperatorNormOf,
    statement=r"\lVert A\rVert = \lVert A\rVert \text{ for a constant matrix } A \text{, taken as a whole}",
    source="definition of the operator norm",
    equality="always",
    hypotheses=("no state and no input stands in A",),
)
def constant_sub_matrix(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||A|| stays ||A|| for a constant matrix A, taken as a whole."""
    if not context.is_constant(goal.operator):
        return Lacking("a state or an input stands in it")
    if any(isinstance(node, (Column, Kronecker)) for node in walk(goal.operator)):
        return Lacking("a derivative by parameters has a norm of its own")
    if isinstance(goal.operator, Diagonal) and isinstance(goal.operator.vector, Variable):
        return Lacking("it is the diagonal matrix of a vector, whose entries tell its norm")
    return Conclusion(OperatorNorm(operator_to_sympy(goal.operator), goal.norm.p))


@rule(
    OperatorNormOf,
    statement=r"\lVert \alpha A\rVert = |\alpha|\,\lVert A\rVert",
    source=f"{HORN}, sec. 5.6, homogeneity",
    equality="always",
)
def scalar_multiple(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||a A|| = |a| ||A||."""
    match goal.operator:
        case Scale(coefficient, operand):
            premise = prove(OperatorNormOf(operand, goal.norm))
            return Conclusion(bound_product([sp.Abs(coefficient), premise.bound]), (premise,))
    return Lacking("it is no scalar multiple")


@rule(
    OperatorNormOf,
    statement=r"\lVert A^T\rVert_p = \lVert A\rVert_q,\quad \tfrac1p + \tfrac1q = 1",
    source=f"{HORN}, sec. 5.6, dual norms",
    equality="always",
)
def transpose(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||A^T||_p = ||A||_q with 1/p + 1/q = 1."""
    match goal.operator:
        case Transpose(operand):
            premise = prove(OperatorNormOf(operand, NORMS[goal.norm.dual]))
            return Conclusion(premise.bound, (premise,))
    return Lacking("it is no transpose")


@rule(
    OperatorNormOf,
    statement=r"\lVert\operatorname{diag}(a\mathbf 1 + \textstyle\sum_i c_i v_i)\rVert \le "
    r"\max_{e}\,\bigl|a + \sum_i c_i e_i\bigr|,\quad e_i \in \{\inf v_i, \sup v_i\}",
    source="a convex function on a box is largest at a corner; Rockafellar, Convex Analysis 1970, thm. 32.2",
    equality="when the v_i reach that corner in one entry",
    hypotheses=("the v_i have finite ranges",),
)
def diagonal_affine_in_ranges(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||diag(a + sum_i c_i v_i)|| <= max over corners e of |a + sum_i c_i e_i|, e_i in {inf v_i, sup v_i}."""
    if not isinstance(goal.operator, Diagonal):
        return Lacking("it is not diagonal")
    corners = affine_corners(goal.operator.vector, prove)
    if isinstance(corners, Lacking):
        return corners
    values, premises = corners
    return Conclusion(maximum(*map(sp.Abs, values)), premises)


@rule(
    OperatorNormOf,
    statement=r"\lVert\operatorname{diag}(v)\rVert = \max_i |v_i| \le \max(|\inf v|, |\sup v|)",
    source=f"{HORN}, sec. 5.6, norms induced by monotone norms",
    equality="when an entry reaches the end of the range that is larger in modulus",
)
def diagonal_matrix(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||diag(v)|| = max_i |v_i| <= max(|inf v|, |sup v|)."""
    match goal.operator:
        case Diagonal(vector):
            premise = prove(EntryRange(vector))
            return Conclusion(magnitude(premise.bound), (premise,))
    return Lacking("it is not diagonal")


@rule(
    OperatorNormOf,
    statement=r"\lVert A_1 \cdots A_r\rVert \le \lVert A_1\rVert \cdots \lVert A_r\rVert"
    r"\quad(\text{constants composed, diagonals merged first})",
    source=f"{HORN}, sec. 5.6, submultiplicativity",
    equality="when each factor is largest on the image, under the later factors, of one vector",
)
def composition(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||A_1 ... A_r|| <= ||A_1|| ... ||A_r||, constants composed and diagonals merged first."""
    if not isinstance(goal.operator, Compose):
        return Lacking("it is no product")
    parts = factors_in_runs(goal.operator.factors, context.is_constant)
    if any(isinstance(part, Scale) for part in parts):
        premise = prove(OperatorNormOf(compose(*parts), goal.norm))
        return Conclusion(premise.bound, (premise,))
    premises = tuple(prove(OperatorNormOf(part, goal.norm)) for part in parts)
    return Conclusion(bound_product([premise.bound for premise in premises]), premises)


@rule(
    OperatorNormOf,
    statement=r"\textstyle\sum_j \operatorname{diag}(v_j) A = \operatorname{diag}\bigl(\sum_j v_j\bigr) A",
    source="distributive law",
    equality="always",
    hypotheses=("at least two terms share the factor A",),
)
def common_factor(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """sum_j diag(v_j) A = diag(sum_j v_j) A."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    rests = [rest for _, rest in gated_terms(goal.operator)]
    if len(set(rests)) == len(rests):
        return Lacking("no two terms share a factor")
    premise = prove(OperatorNormOf(collected(goal.operator), goal.norm))
    return Conclusion(premise.bound, (premise,))


@rule(
    OperatorNormOf,
    statement=r"\lVert\operatorname{diag}(z) A + \operatorname{diag}(\mathbf 1 - z) B\rVert_p \le "
    r"\bigl\lVert(\lVert A\rVert_p, \lVert B\rVert_p)\bigr\rVert_p",
    source="entrywise |z a + (1-z) b|^p <= z|a|^p + (1-z)|b|^p (Jensen); with max in place of the p-norm it is "
    "false for p = 1 and p = 2",
    equality="p = 2: z in {0, 1}^n picking rows of A and B that are largest on one vector",
    hypotheses=("0 <= z <= 1 in every entry",),
)
def convex_gate(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||diag(z) A + diag(1 - z) B||_p <= ||(||A||_p, ||B||_p)||_p for 0 <= z <= 1."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    pair = _complementary_pair(goal.operator.terms)
    if pair is None:
        return Lacking("no two terms carry gates z and 1 - z")
    (gate, first), (_, second), others = pair
    inside = prove(EntryRange(gate))
    if not is_within_unit(inside.bound):
        return Lacking("the gate is not known to lie in [0, 1]")
    branches = tuple(prove(OperatorNormOf(branch, goal.norm)) for branch in (first, second))
    rest = tuple(prove(OperatorNormOf(other, goal.norm)) for other in others)
    mixed = goal.norm.of_vector([branch.bound for branch in branches])
    return Conclusion(sp.Add(mixed, *(premise.bound for premise in rest)), (inside, *branches, *rest))


Gated = tuple[Vector, Operator]


def _complementary_pair(terms: tuple[Operator, ...]) -> tuple[Gated, Gated, list[Operator]] | None:
    for one, other in combinations(terms, 2):
        for first, second in product(gate_choices(one), gate_choices(other)):
            gate_varies = affine_terms(first[0]).keys() - {None}
            if gate_varies and are_complementary(first[0], second[0]):
                return first, second, [term for term in terms if term is not one and term is not other]
    return None


@rule(
    OperatorNormOf,
    statement=r"\lVert A + B\rVert \le \lVert A\rVert + \lVert B\rVert\quad(\text{constant terms added up first})",
    source=f"{HORN}, sec. 5.6, triangle inequality",
    equality="when the terms are largest on one vector and map it to the same direction",
)
def triangle_inequality(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||A + B|| <= ||A|| + ||B||, constant terms added up first."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    constant = [term for term in goal.operator.terms if context.is_constant(term)]
    varying = [term for term in goal.operator.terms if not context.is_constant(term)]
    parts = ([add_operators(*constant)] if constant else []) + varying
    premises = tuple(prove(OperatorNormOf(part, goal.norm)) for part in parts)
    return Conclusion(sp.Add(*(premise.bound for premise in premises)), premises)


@rule(
    OperatorNormOf,
    statement=r"\bigl\lVert[A_{ij}]\bigr\rVert_p \le \bigl\lVert[\,\lVert A_{ij}\rVert_p\,]\bigr\rVert_p",
    source="triangle inequality over block columns, then monotonicity of the p-norm; theory of block norms, "
    "Ostrowski 1961, J. Math. Anal. Appl. 2",
    equality="when the blocks are 1 x 1 and non-negative",
)
def blocks_to_gain(goal: OperatorNormOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||[A_ij]||_p <= || [ ||A_ij||_p ] ||_p."""
    if not isinstance(goal.operator, Block):
        return Lacking("it has no blocks")
    premise = prove(BlockNorms(goal.operator, goal.norm))
    return Conclusion(OperatorNorm(premise.bound, goal.norm.p) if premise.is_finite else sp.oo, (premise,))


@rule(
    BlockNorms,
    statement=r"[\,\lVert J_{ij}\rVert\,] \le G \text{ entry by entry}",
    source="definition of the gain matrix",
    equality="when every block norm is attained at one state and input",
)
def gain_matrix(goal: BlockNorms, prove: Prove, context: Any) -> Conclusion | Lacking:
    """[ ||J_ij|| ] <= G entry by entry."""
    rows = [[prove(OperatorNormOf(entry, goal.norm)) for entry in row] for row in goal.block.rows]
    matrix = sp.ImmutableDenseMatrix([[item.bound for item in row] for row in rows])
    return Conclusion(matrix, tuple(item for row in rows for item in row))


@rule(
    ProductNorm,
    statement=r"\lVert J_t\rVert \le \gamma \ \forall t \;\Rightarrow\; \lVert J_t \cdots J_{t-k+1}\rVert \le \gamma^k",
    source="submultiplicativity, k - 1 times; Pascanu, Mikolov and Bengio 2013, sec. 2.1",
    equality="when all J_t are largest along one orbit of vectors",
    hypotheses=("the bound on the Jacobian holds at every step",),
)
def power_of_a_rate(goal: ProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||J_t|| <= gamma for all t implies ||J_t ... J_(t-k+1)|| <= gamma^k."""
    if context.model.depth is not None:
        return Lacking("every layer has parameters of its own")
    if isinstance(goal.jacobian, Block):
        return Lacking("there are several states")
    premise = prove(OperatorNormOf(goal.jacobian, goal.norm))
    return Conclusion(sp.Pow(premise.bound, goal.k), (premise,))


@rule(
    ProductNorm,
    statement=r"[\,\lVert (J_t)_{ij}\rVert_p\,] \le G \ \forall t \;\Rightarrow\; "
    r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le \lVert G^k\rVert_p",
    source="block norms are sub-multiplicative entry by entry, the p-norm is monotone on non-negative matrices; "
    "Ostrowski 1961",
    equality="when the blocks are 1 x 1, non-negative and constant",
    hypotheses=("the bound on the blocks holds at every step",),
)
def power_of_a_gain_matrix(goal: ProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """[ ||(J_t)_ij||_p ] <= G for all t implies ||J_t ... J_(t-k+1)||_p <= ||G^k||_p."""
    if context.model.depth is not None:
        return Lacking("every layer has parameters of its own")
    if not isinstance(goal.jacobian, Block):
        return Lacking("there is only one state")
    premise = prove(BlockNorms(goal.jacobian, goal.norm))
    if not premise.is_finite:
        return Conclusion(sp.oo, (premise,))
    return Conclusion(OperatorNorm(sp.MatPow(premise.bound, goal.k), goal.norm.p), (premise,))
