"""What bounds in weighted norms speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from symgrad.bounds.inequality import Quantity
from symgrad.language.norms import Norm
from symgrad.language.operators import Operator

__all__ = ["MagnitudesOf", "WeightedProductNorm"]


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
