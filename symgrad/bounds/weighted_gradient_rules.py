"""Theorems about sums over the steps in weighted norms: the geometric series, and the least of several sums."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.geometric import geometric_sum
from symgrad.bounds.inequality import Conclusion, DifferentialNorm, Lacking, Prove, RowNormOf, rule
from symgrad.bounds.intervals import bound_product
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm, WeightedProductNorm, geometric_parts
from symgrad.language.norms import Norm

__all__ = ["KINDS", "K", "source_size"]

KINDS = ("perron", "diagonal", "quadratic")
K = sp.Symbol("k", integer=True, nonnegative=True)


def source_size(bounds: list[sp.Expr], norm: Norm) -> sp.Expr:
    """The bound on the derivatives of all states together, from those of each."""
    return bounds[0] if len(bounds) == 1 else norm.of_vector(bounds)


@rule(
    WeightedDifferentialNorm,
    statement=r"\lVert J_t \cdots J_{t-k+1}\rVert_p \le C \gamma^k \ \forall k,\ \lVert B_t\rVert_p \le M "
    r"\;\Rightarrow\; \Bigl\lVert\sum_{k=K}^{T-1} J_T \cdots J_{T-k+1} B_{T-k}\Bigr\rVert_p \le "
    r"C M \sum_{k=K}^{T-1} \gamma^k",
    source="triangle inequality and submultiplicativity; geometric series",
    equality="when all terms are largest on one vector and map it to the same direction, and C = 1",
    hypotheses=("the bounds hold at every step",),
)
def weighted_geometric_series(goal: WeightedDifferentialNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||J_t ... J_(t-k+1)|| <= C gamma^k and ||B_t|| <= M imply that the sum is at most C M sum_k gamma^k."""
    if goal.kind not in KINDS:
        return Lacking("no one weighted norm is asked for")
    product = prove(WeightedProductNorm(goal.jacobian, K, goal.norm, goal.kind))
    rows = tuple(prove(RowNormOf(row, goal.norm)) for row in goal.rows)
    premises = (product, *rows)
    if not all(premise.is_finite for premise in premises):
        return Conclusion(sp.oo, premises)
    constant, rate = geometric_parts(product.bound, K)
    source = source_size([row.bound for row in rows], goal.norm)
    return Conclusion(bound_product([constant, source]) * geometric_sum(rate, goal.first, goal.steps), premises)


@rule(
    WeightedDifferentialNorm,
    statement=r"\Bigl\lVert\sum_{k=K}^{T-1} J_T \cdots J_{T-k+1} B_{T-k}\Bigr\rVert_p \le s_i \ \forall i "
    r"\;\Rightarrow\; \Bigl\lVert\sum_{k=K}^{T-1} J_T \cdots J_{T-k+1} B_{T-k}\Bigr\rVert_p \le \min_i s_i",
    source="each of the bounds holds; with weights also for every part of the sum",
    equality="when one of them is attained",
    hypotheses=("at least one of the bounds is finite",),
)
def least_of_several_sums(goal: WeightedDifferentialNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The least of all bounds on a sum over the steps is a bound."""
    if goal.kind != "best":
        return Lacking("one norm is asked for")
    parts = goal.jacobian, goal.rows, goal.first, goal.steps, goal.norm
    found = (prove(DifferentialNorm(*parts)), *(prove(WeightedDifferentialNorm(*parts, kind)) for kind in KINDS))
    finite = [item.bound for item in found if item.is_finite]
    return Conclusion(sp.Min(*finite, evaluate=False) if finite else sp.oo, found)
