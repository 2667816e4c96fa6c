"""Theorems about how little an operator can stretch a vector: lower bounds on minimum moduli and on their products.

The minimum modulus of A is min ``||A x|| / ||x||``; for p = 2 and a square matrix the smallest singular value.
A bound of zero is always true and says nothing; the error for it names the hypothesis that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symgrad.bounds.corners import affine_corners
from symgrad.bounds.inequality import (
    ComparisonOf,
    Conclusion,
    EntryRange,
    Inequality,
    Lacking,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    Prove,
    rule,
)
from symgrad.bounds.intervals import mignitude
from symgrad.bounds.shapes import is_hump
from symgrad.calculus.structure import collected, factors_in_runs, gated_terms
from symgrad.errors import NoRuleError
from symgrad.language.construct import compose
from symgrad.language.norms import NORMS, MinimumModulus, OperatorNorm, maximum, minimum
from symgrad.language.operators import (
    Block,
    Compose,
    Diagonal,
    Elementwise,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Zero,
)
from symgrad.language.to_sympy import operator_to_sympy

HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert I x\rVert / \lVert x\rVert = 1,\quad \min_x \lVert 0 x\rVert / \lVert x\rVert = 0",
    source="definition of the minimum modulus",
    equality="always",
)
def least_stretching_of_identity_and_zero(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The identity stretches every vector by 1, the zero map by 0."""
    match goal.operator:
        case Identity():
            return Conclusion(sp.S.One)
        case Zero():
            return Conclusion(sp.S.Zero)
    return Lacking("it is neither the identity nor zero")


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert A x\rVert_2 / \lVert x\rVert_2 = \sigma_{\min}(A),\quad "
    r"\min_x \lVert A x\rVert_p / \lVert x\rVert_p = 1 / \lVert A^{-1}\rVert_p",
    source=f"{HORN}, sec. 2.6 and 5.6",
    equality="always",
    hypotheses=("no state and no input stands in A", "A is square"),
)
def least_stretching_of_a_constant(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||A x||_2 / ||x||_2 = sigma_min(A), and min ||A x||_p / ||x||_p = 1 / ||A^-1||_p, for a constant square A."""
    if not context.is_constant(goal.operator):
        return Lacking("a state or an input stands in it")
    if not _is_square(goal.operator):
        return Lacking("it is not square: a wide matrix maps some vector to zero")
    return Conclusion(MinimumModulus(operator_to_sympy(goal.operator), goal.norm.p))


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert \alpha A x\rVert / \lVert x\rVert = |\alpha| \min_x \lVert A x\rVert / \lVert x\rVert",
    source=f"{HORN}, sec. 5.6, homogeneity",
    equality="always",
)
def least_stretching_of_a_multiple(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||alpha A x|| / ||x|| = |alpha| min ||A x|| / ||x||."""
    match goal.operator:
        case Scale(coefficient, operand):
            premise = prove(MinimumModulusOf(operand, goal.norm))
            return Conclusion(sp.Abs(coefficient) * premise.bound, (premise,))
    return Lacking("it is no scalar multiple")


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert A^T x\rVert_p / \lVert x\rVert_p = \min_x \lVert A x\rVert_q / \lVert x\rVert_q,"
    r"\quad \tfrac1p + \tfrac1q = 1",
    source=f"{HORN}, sec. 5.6, dual norms, for the inverse",
    equality="always",
    hypotheses=("A is square",),
)
def least_stretching_of_a_transpose(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||A^T x||_p / ||x||_p = min ||A x||_q / ||x||_q with 1/p + 1/q = 1, for a square A."""
    if not isinstance(goal.operator, Transpose):
        return Lacking("it is no transpose")
    if not _is_square(goal.operator):
        return Lacking("it is not square")
    premise = prove(MinimumModulusOf(goal.operator.operand, NORMS[goal.norm.dual]))
    return Conclusion(premise.bound, (premise,))


@rule(
    MinimumModulusOf,
    statement=r"\min_i \bigl|a + \textstyle\sum_j c_j v_{j,i}\bigr| \ge \max\bigl(0, \min_e c(e), -\max_e c(e)\bigr),"
    r"\quad c(e) = a + \sum_j c_j e_j,\ e_j \in \{\inf v_j, \sup v_j\}",
    source="an affine function on a box takes its extremes at corners; Rockafellar, Convex Analysis 1970, thm. 32.2",
    equality="when the v_j reach the corner of least modulus in one entry",
    hypotheses=("the v_j have finite ranges",),
)
def least_entry_affine_in_ranges(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The entries a + sum_j c_j v_j of a diagonal lie between the values at the corners of the ranges of the v_j."""
    if not isinstance(goal.operator, Diagonal):
        return Lacking("it is not diagonal")
    corners = affine_corners(goal.operator.vector, prove)
    if isinstance(corners, Lacking):
        return corners
    values, premises = corners
    return Conclusion(maximum(sp.S.Zero, minimum(*values), minimum(*(-value for value in values))), premises)


@rule(
    MinimumModulusOf,
    statement=r"v = f(w),\ f \ge 0 \text{ rising on } (-\infty, 0],\ \text{falling on } [0, \infty),\ w_i \in [a, b] "
    r"\;\Rightarrow\; \min_i |v_i| \ge \min(f(a), f(b))",
    source="a function that rises and then falls is least at an end of an interval",
    equality="when w reaches the end where f is less",
    hypotheses=("f is non-negative, and its slope is >= 0 on the left of 0 and <= 0 on the right, or of one sign",),
)
def least_value_of_a_hump(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If v = f(w) with f >= 0 rising up to 0 and falling from there, and w in [a, b], then |v| >= min(f(a), f(b))."""
    match goal.operator:
        case Diagonal(Elementwise(function, argument)):
            premise = prove(EntryRange(argument))
            low, high = premise.bound
            if not premise.is_finite or (low.is_number and high.is_number):
                return Lacking("the range of the argument is numeric or infinite")
            if not is_hump(function):
                return Lacking(f"{function.name} is not known to rise and then fall")
            ends = {function.expr.xreplace({function.variable: end}) for end in (low, high)}
            if function.parity == "even" and low == -high:
                ends = {function.expr.xreplace({function.variable: high})}
            return Conclusion(minimum(*ends), (premise,))
    return Lacking("it is no diagonal of function values")


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert\operatorname{diag}(v) x\rVert / \lVert x\rVert = \min_i |v_i| \ge "
    r"\max(0, \inf v, -\sup v)",
    source=f"{HORN}, sec. 5.6, norms induced by monotone norms",
    equality="when an entry reaches the end of the range that is least in modulus",
    hypotheses=("inf v > 0 or sup v < 0; otherwise the bound is 0",),
)
def least_entry_of_a_diagonal(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||diag(v) x|| / ||x|| = min_i |v_i| >= max(0, inf v, -sup v)."""
    match goal.operator:
        case Diagonal(vector):
            premise = prove(EntryRange(vector))
            return Conclusion(mignitude(premise.bound), (premise,))
    return Lacking("it is not diagonal")


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert A_1 \cdots A_r x\rVert / \lVert x\rVert \ge "
    r"\prod_i \min_x \lVert A_i x\rVert / \lVert x\rVert",
    source="each factor stretches the image under the later ones by at least its minimum modulus",
    equality="when each factor stretches the image, under the later factors, of one vector least",
)
def least_stretching_of_a_composition(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The minimum modulus of a product is at least the product of the minimum moduli."""
    if not isinstance(goal.operator, Compose):
        return Lacking("it is no product")
    parts = factors_in_runs(goal.operator.factors, context.is_constant)
    if any(isinstance(part, Scale) for part in parts):
        premise = prove(MinimumModulusOf(compose(*parts), goal.norm))
        return Conclusion(premise.bound, (premise,))
    premises = tuple(prove(MinimumModulusOf(part, goal.norm)) for part in parts)
    return Conclusion(sp.Mul(*(premise.bound for premise in premises)), premises)


@rule(
    MinimumModulusOf,
    statement=r"\textstyle\sum_j \operatorname{diag}(v_j) A = \operatorname{diag}\bigl(\sum_j v_j\bigr) A",
    source="distributive law",
    equality="always",
    hypotheses=("at least two terms share the factor A",),
)
def common_factor_stretching_least(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """sum_j diag(v_j) A = diag(sum_j v_j) A."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    rests = [rest for _, rest in gated_terms(goal.operator)]
    if len(set(rests)) == len(rests):
        return Lacking("no two terms share a factor")
    premise = prove(MinimumModulusOf(collected(goal.operator), goal.norm))
    return Conclusion(premise.bound, (premise,))


@rule(
    MinimumModulusOf,
    statement=r"\min_x \lVert (A + B) x\rVert / \lVert x\rVert \ge "
    r"\max\bigl(0,\ \min_x \lVert A x\rVert / \lVert x\rVert - \lVert B\rVert\bigr)",
    source=f"{HORN}, sec. 5.8, reverse triangle inequality; the term that dominates is tried in turn",
    equality="when the rest is largest on the vector that A stretches least, and points the opposite way",
    hypotheses=("one term stretches every vector more than the others together can; otherwise the bound is 0",),
)
def perturbation_of_a_term(goal: MinimumModulusOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||(A + B) x|| / ||x|| >= max(0, min ||A x|| / ||x|| - ||B||), for each term A in turn."""
    if not isinstance(goal.operator, OperatorSum):
        return Lacking("it is no sum")
    found = list(_dominating(goal.operator.terms, goal, prove))
    if not found:
        return Lacking("no rule gives a minimum modulus for any of its terms")
    found = [item for item in found if not item[0].is_zero] or found
    premises = dict.fromkeys(premise for _, parts in found for premise in parts)
    return Conclusion(maximum(sp.S.Zero, *(bound for bound, _ in found)), tuple(premises))


def _dominating(
    terms: tuple[Operator, ...], goal: MinimumModulusOf, prove: Prove
) -> Iterator[tuple[sp.Expr, tuple[Inequality, ...]]]:
    """For each term with a known minimum modulus: the bound where it dominates the others."""
    for index, term in enumerate(terms):
        try:
            least = prove(MinimumModulusOf(term, goal.norm))
            if least.bound.is_zero:
                yield sp.S.Zero, (least,)
                continue
            others = tuple(prove(OperatorNormOf(other, goal.norm)) for i, other in enumerate(terms) if i != index)
        except NoRuleError:
            continue
        rest = sp.Add(*(other.bound for other in others)) if all(other.is_finite for other in others) else sp.oo
        yield (sp.S.Zero if rest == sp.oo else least.bound - rest), (least, *others)


@rule(
    ComparisonOf,
    statement=r"M = [m_{ij}],\quad m_{ii} \le \min_x \lVert J_{ii} x\rVert / \lVert x\rVert,\quad "
    r"m_{ij} \le -\lVert J_{ij}\rVert\ (i \ne j)",
    source="definition of the comparison matrix of blocks; Ostrowski 1961, J. Math. Anal. Appl. 2",
    equality="when every minimum modulus and every norm is attained at one state and input",
)
def comparison_matrix(goal: ComparisonOf, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Minimum moduli of the diagonal blocks, and norms with a minus sign of the others."""
    size = range(len(goal.block.rows))
    if any(len(row) != len(size) for row in goal.block.rows):
        return Lacking("there are not as many block columns as block rows")
    kinds = [[MinimumModulusOf if i == j else OperatorNormOf for j in size] for i in size]
    rows = [[prove(kinds[i][j](goal.block.rows[i][j], goal.norm)) for j in size] for i in size]
    entries = [[rows[i][j].bound if i == j else -rows[i][j].bound for j in size] for i in size]
    return Conclusion(sp.ImmutableDenseMatrix(entries), tuple(item for row in rows for item in row))


@rule(
    ProductModulus,
    statement=r"\min_x \lVert J_t x\rVert / \lVert x\rVert \ge \lambda\ \forall t \;\Rightarrow\; "
    r"\min_x \lVert J_t \cdots J_{t-k+1} x\rVert / \lVert x\rVert \ge \lambda^k",
    source="k - 1 times: each factor stretches by at least its minimum modulus",
    equality="when all J_t stretch one orbit of vectors least",
    hypotheses=("the bound on the Jacobian holds at every step",),
)
def power_of_a_least_rate(goal: ProductModulus, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||J_t x|| / ||x|| >= lambda for all t implies the same for a product of k Jacobians with lambda^k."""
    if context.model.depth is not None:
        return Lacking("every layer has parameters of its own")
    if isinstance(goal.jacobian, Block):
        return Lacking("there are several states")
    premise = prove(MinimumModulusOf(goal.jacobian, goal.norm))
    return Conclusion(sp.Pow(premise.bound, goal.k), (premise,))


@rule(
    ProductModulus,
    statement=r"M \text{ compares the blocks of } J_t\ \forall t,\ M^{-1} \ge 0 \;\Rightarrow\; "
    r"\min_x \lVert J_t \cdots J_{t-k+1} x\rVert_p / \lVert x\rVert_p \ge 1 / \lVert M^{-k}\rVert_p",
    source="y = J x gives M [||x_i||] <= [||y_i||] row by row, hence [||x_i||] <= M^-1 [||y_i||], k times, where "
    "M^-1 >= 0; Ostrowski 1937, Comment. Math. Helv. 10; Berman and Plemmons 1994, ch. 6",
    equality="when the blocks are 1 x 1 and constant, positive on the diagonal and not positive elsewhere",
    hypotheses=(
        "the comparison holds at every step",
        "M is a non-singular M-matrix: its inverse has no negative entry; otherwise the bound is 0",
    ),
)
def power_of_a_comparison_matrix(goal: ProductModulus, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If M compares the blocks of every J_t and M^-1 >= 0, the product stretches by at least 1 / ||M^-k||_p."""
    if context.model.depth is not None:
        return Lacking("every layer has parameters of its own")
    if not isinstance(goal.jacobian, Block):
        return Lacking("there is only one state")
    premise = prove(ComparisonOf(goal.jacobian, goal.norm))
    if not premise.is_finite or any(entry.is_zero for entry in premise.bound.diagonal()):
        return Conclusion(sp.S.Zero, (premise,))
    return Conclusion(1 / OperatorNorm(sp.MatPow(premise.bound, -goal.k), goal.norm.p), (premise,))


def _is_square(operator: Operator) -> bool:
    rows, columns = operator.shape
    return bool(sp.sympify(rows) == sp.sympify(columns))
