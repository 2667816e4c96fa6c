"""Theorems about the growth of a flow: from the logarithmic norm of its Jacobian to the derivative of its state."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.flow_integrals import exponential_integral
from symgrad.bounds.flow_rules import SOEDERLIND, STROEM
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    Conclusion,
    FlowDifferentialNorm,
    FlowNorm,
    Lacking,
    LogarithmicNormOf,
    OperatorNormOf,
    Prove,
    RowNormOf,
    rule,
)


@rule(
    BlockLogarithmicNorms,
    statement=r"\mu(J_{ii}) \le M_{ii},\quad \lVert J_{ij}\rVert \le M_{ij} \text{ for } i \ne j",
    source=f"{STROEM}, definition of the comparison matrix",
    equality="when every block attains its bound at one state and input",
)
def metzler_matrix(goal: BlockLogarithmicNorms, prove: Prove, context: Any) -> Conclusion | Lacking:
    """Logarithmic norms of the diagonal blocks and norms of the others are at most M, entry by entry."""
    rows = [
        [prove((LogarithmicNormOf if i == j else OperatorNormOf)(entry, goal.norm)) for j, entry in enumerate(row)]
        for i, row in enumerate(goal.block.rows)
    ]
    matrix = sp.ImmutableDenseMatrix([[item.bound for item in row] for row in rows])
    return Conclusion(matrix, tuple(item for row in rows for item in row))


@rule(
    FlowNorm,
    statement=r"\mu(J(t)) \le m \ \forall t \;\Rightarrow\; "
    r"\Bigl\lVert\frac{\partial x(T)}{\partial x(0)}\Bigr\rVert \le e^{m T}",
    source="Dahlquist 1958 and Lozinskii 1958; Coppel 1965, Stability and asymptotic behavior of differential "
    f"equations, sec. 1.7; {SOEDERLIND}, sec. 3",
    equality="when the initial directions stay where J is largest, as for normal constant J and p = 2",
    hypotheses=("the bound on the Jacobian holds at all times from 0 to T",),
)
def growth_along_a_flow(goal: FlowNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(J(t)) <= m for all t implies ||dx(T)/dx(0)|| <= exp(m T)."""
    if not context.model.continuous:
        return Lacking("the model is a map, not a flow")
    premise = prove(LogarithmicNormOf(goal.jacobian, goal.norm))
    return Conclusion(sp.exp(premise.bound * goal.time) if premise.is_finite else sp.oo, (premise,))


@rule(
    FlowDifferentialNorm,
    statement=r"\mu(J) \le m,\ \lVert B_i\rVert_p \le b_i \;\Rightarrow\; "
    r"\Bigl\lVert\int_{\tau}^{T} \Phi(T, T-s) B(T-s)\,ds\Bigr\rVert_p \le \lVert b\rVert_p \int_{\tau}^{T} e^{m s}\,ds",
    source=f"variation of constants and growth along a flow; {SOEDERLIND}, sec. 3",
    equality="for a constant normal J and a constant B that is largest where J is",
    hypotheses=("the bounds hold at all times from 0 to T",),
)
def integral_along_a_flow(goal: FlowDifferentialNorm, prove: Prove, context: Any) -> Conclusion | Lacking:
    """mu(J) <= m and ||B_i|| <= b_i imply that the integral of Phi B is at most ||b|| times that of e^(m s)."""
    if not context.model.continuous:
        return Lacking("the model is a map, not a flow")
    rows = tuple(prove(RowNormOf(row, goal.norm)) for row in goal.rows)
    premises = (prove(LogarithmicNormOf(goal.jacobian, goal.norm)), *rows)
    if not all(premise.is_finite for premise in premises):
        return Conclusion(sp.oo, premises)
    source = rows[0].bound if len(rows) == 1 else goal.norm.of_vector([row.bound for row in rows])
    return Conclusion(source * exponential_integral(premises[0].bound, goal.first, goal.time), premises)
