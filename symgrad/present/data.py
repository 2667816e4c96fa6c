"""Plain data that JSON can hold, for expressions, numbers and ranges."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symgrad.present.scalars import LatexScalars

__all__ = ["bound_data", "expression", "interval", "number"]


def expression(expr: sp.Basic) -> dict[str, str]:
    """A SymPy expression as SymPy's own text and as LaTeX."""
    return {"text": str(expr), "latex": LatexScalars().doprint(expr)}


def number(value: float) -> float | str:
    """A float that JSON can hold: infinities and NaN as strings.

    >>> number(0.5), number(float("-inf"))
    (0.5, '-inf')
    """
    return float(value) if math.isfinite(value) else str(float(value))


def interval(declared: sp.Interval) -> list[str]:
    """Both ends of an interval as SymPy's text."""
    return [str(declared.start), str(declared.end)]


def bound_data(bound: sp.Basic) -> Any:
    """What an inequality states: an expression, a pair of them for a range, rows of them for a gain matrix."""
    if isinstance(bound, sp.MatrixBase):
        return [[expression(entry) for entry in row] for row in bound.tolist()]
    return [expression(end) for end in bound] if isinstance(bound, sp.Tuple) else expression(bound)
