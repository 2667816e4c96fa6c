"""Theorems about products of layers, each with parameters of its own."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.inequality import (
    BlockNorms,
    ComparisonOf,
    Conclusion,
    Inequality,
    Lacking,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
    Prove,
    rule,
)
from symgrad.bounds.layers import LayerProduct
from symgrad.language.operators import Block

SHARED = Lacking("all steps share the parameters")


@rule(
    ProductNorm,
    statement=r"\lVert J_l\rVert \le \gamma_l\ (l = 1, \ldots, k) \;\Rightarrow\; "
    r"\lVert J_k \cdots J_1\rVert \le \prod_{l=1}^{k} \gamma_l",
    source="submultiplicativity, k - 1 times; Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6",
    equality="when all J_l are largest along one orbit of vectors",
    hypotheses=("the bound on the Jacobian holds with the parameters of each layer",),
)
def product_over_layers(goal: ProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """||J_l|| <= gamma_l for l = 1 ... k implies ||J_k ... J_1|| <= gamma_1 ... gamma_k."""
    if context.model.depth is None:
        return SHARED
    if isinstance(goal.jacobian, Block):
        return Lacking("there are several states")
    return _concluded(goal, prove(OperatorNormOf(goal.jacobian, goal.norm)), context)


@rule(
    ProductNorm,
    statement=r"[\,\lVert (J_l)_{ij}\rVert_p\,] \le G_l\ (l = 1, \ldots, k) \;\Rightarrow\; "
    r"\lVert J_k \cdots J_1\rVert_p \le \lVert G_k \cdots G_1\rVert_p",
    source="block norms are sub-multiplicative entry by entry, the p-norm is monotone on non-negative matrices; "
    "Ostrowski 1961",
    equality="when the blocks are 1 x 1, non-negative and constant",
    hypotheses=("the bound on the blocks holds with the parameters of each layer",),
)
def product_of_gain_matrices(goal: ProductNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """[ ||(J_l)_ij||_p ] <= G_l for l = 1 ... k implies ||J_k ... J_1||_p <= ||G_k ... G_1||_p."""
    if context.model.depth is None:
        return SHARED
    if not isinstance(goal.jacobian, Block):
        return Lacking("there is only one state")
    return _concluded(goal, prove(BlockNorms(goal.jacobian, goal.norm)), context)


@rule(
    ProductModulus,
    statement=r"\min_x \lVert J_l x\rVert / \lVert x\rVert \ge \lambda_l\ (l = 1, \ldots, k) \;\Rightarrow\; "
    r"\min_x \lVert J_k \cdots J_1 x\rVert / \lVert x\rVert \ge \prod_{l=1}^{k} \lambda_l",
    source="k - 1 times: each factor stretches by at least its minimum modulus",
    equality="when all J_l stretch one orbit of vectors least",
    hypotheses=("the bound on the Jacobian holds with the parameters of each layer",),
)
def least_product_over_layers(goal: ProductModulus, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Min ||J_l x|| / ||x|| >= lambda_l for l = 1 ... k implies the same for J_k ... J_1 with their product."""
    if context.model.depth is None:
        return SHARED
    if isinstance(goal.jacobian, Block):
        return Lacking("there are several states")
    return _concluded(goal, prove(MinimumModulusOf(goal.jacobian, goal.norm)), context)


@rule(
    ProductModulus,
    statement=r"M_l \text{ compares the blocks of } J_l,\ M_l^{-1} \ge 0\ (l = 1, \ldots, k) \;\Rightarrow\; "
    r"\min_x \lVert J_k \cdots J_1 x\rVert_p / \lVert x\rVert_p \ge 1 / \lVert (M_k \cdots M_1)^{-1}\rVert_p",
    source="y = J x gives [||x_i||] <= M^-1 [||y_i||] where M^-1 >= 0, layer by layer; Ostrowski 1937, Comment. Math. "
    "Helv. 10; Berman and Plemmons 1994, ch. 6",
    equality="when the blocks are 1 x 1 and constant, positive on the diagonal and not positive elsewhere",
    hypotheses=(
        "the comparison holds with the parameters of each layer",
        "every M_l is a non-singular M-matrix: its inverse has no negative entry; otherwise the bound is 0",
    ),
)
def product_of_comparison_matrices(goal: ProductModulus, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If M_l compares the blocks of J_l and M_l^-1 >= 0, products stretch by 1 / ||(M_k ... M_1)^-1||_p at least."""
    if context.model.depth is None:
        return SHARED
    if not isinstance(goal.jacobian, Block):
        return Lacking("there is only one state")
    premise = prove(ComparisonOf(goal.jacobian, goal.norm))
    if any(entry.is_zero for entry in premise.bound.diagonal()):
        return Conclusion(sp.S.Zero, (premise,))
    return _concluded(goal, premise, context)


def _concluded(goal: ProductNorm | ProductModulus, premise: Inequality, context: Any) -> Conclusion:
    """The product of the premise over all layers; where the premise says nothing, neither does the conclusion."""
    upper = isinstance(goal, ProductNorm)
    if not premise.is_finite:
        return Conclusion(sp.oo if upper else sp.S.Zero, (premise,))
    return Conclusion(LayerProduct(premise.bound, goal.norm, upper, context.model).expr(goal.k), (premise,))
