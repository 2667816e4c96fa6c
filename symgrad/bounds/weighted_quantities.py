"""What bounds in weighted norms speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from symgrad.bounds.inequality import Quantity
from symgrad.language.norms import Norm
from symgrad.language.operators import Operator

__all__ = ["MagnitudesOf", "WeightedDifferentialNorm", "WeightedProductNorm", "geometric_parts"]


@dataclass(frozen=True, eq=False)
class MagnitudesOf(Quantity):
    """The moduli of the entries of an operator; bounded entry by entry by a non-negative matrix expression."""

    words: ClassVar[str] = "the moduli of the entries of"

    operator: Operator


@dataclass(frozen=True, eq=False)
class WeightedProductNorm(Quantity):
    """The norm of a product of k Jacobians at any k steps, through a norm in which each of them is small.

    Attributes:
        jacobian: of the states.
        k: the number of factors.
        norm: of the product.
        kind: ``"perron"``, ``"diagonal"`` or ``"quadratic"``, the weighted norm; ``"best"`` for the least of all.
    """

    words: ClassVar[str] = "the norm of products of"

    jacobian: Operator
    k: sp.Symbol
    norm: Norm
    kind: str


@dataclass(frozen=True, eq=False)
class WeightedDifferentialNorm(Quantity):
    """The norm of a part of the sum over the steps, through a norm in which each Jacobian is small.

    The sum is that of :class:`~symgrad.bounds.inequality.DifferentialNorm`.

    Attributes:
        jacobian: of the states.
        rows: for each state the derivatives by the parameters.
        first: the first k of the sum.
        steps: the number of steps.
        norm: of the whole.
        kind: as of :class:`WeightedProductNorm`.
    """

    words: ClassVar[str] = "the norm of the sum over the steps of products with"

    jacobian: Operator
    rows: tuple[tuple[Operator, ...], ...]
    first: sp.Expr
    steps: sp.Expr
    norm: Norm
    kind: str


def geometric_parts(bound: sp.Expr, k: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """C and the rate of ``C rate**k``.

    >>> C, k, r = sp.Symbol("C", positive=True), sp.Symbol("k"), sp.Symbol("r", positive=True)
    >>> geometric_parts(C * r**k, k)
    (C, r)
    """
    constant = bound.xreplace({k: sp.S.Zero})
    return constant, bound.xreplace({k: sp.S.One}) / constant
