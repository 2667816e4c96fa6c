"""What to change in a layer whose gradients vanish or explode, with formula, numbers and code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from symgrad.presentable import Presentable

__all__ = ["RemedyFound"]


@dataclass(frozen=True, eq=False)
class RemedyFound(Presentable):
    """A remedy with its formula and the numbers for one layer and horizon.

    Attributes:
        name: what it is, in a few words.
        formula: the relation that gives the value.
        values: what to set -> the number, or in words.
        promise: what the formula says about the gradient, in words.
        code: lines for PyTorch that set it; None where it is no change of numbers.
        growth: decimal logarithms of the typical ``||dx_T/dx_0||_2`` before and after, simulated (approximate); nan
            where it was not tried.
        proved: a decimal logarithm that the norm is proved not to exceed with the remedy; None where there is none.
    """

    name: str
    formula: sp.Basic
    values: Mapping[str, float | str]
    promise: str
    code: str | None
    growth: tuple[float, float]
    proved: float | None = field(default=None)
