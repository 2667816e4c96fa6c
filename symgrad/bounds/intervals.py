"""Arithmetic of ranges (low, high) whose ends are SymPy expressions, possibly infinite or symbolic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import sympy as sp

from symgrad.language.norms import maximum
from symgrad.rigor.functions import logistic

__all__ = [
    "REALS",
    "Ends",
    "bound_product",
    "ends",
    "hull",
    "interval_product",
    "interval_scaled",
    "interval_sum",
    "is_numeric",
    "is_within_unit",
    "largest",
    "magnitude",
    "mignitude",
]

Ends = sp.Tuple
REALS = sp.Tuple(-sp.oo, sp.oo)


def ends(low: sp.Expr, high: sp.Expr) -> sp.Tuple:
    """A range from its ends."""
    return sp.Tuple(low, high)


def is_numeric(bounds: sp.Tuple) -> bool:
    """Whether both ends are numbers or infinite."""
    return all(end.is_number for end in bounds)


def is_within_unit(bounds: sp.Tuple) -> bool:
    """Whether a range is known to lie in [0, 1], as a gate's must."""
    below = isinstance(bounds[1], logistic) or bool((1 - bounds[1]).is_nonnegative)
    return bool(bounds[0].is_nonnegative) and below


def largest(*values: sp.Expr) -> sp.Expr:
    """The maximum, infinite as soon as one value is."""
    return sp.oo if any(value == sp.oo for value in values) else maximum(*values)


def magnitude(bounds: sp.Tuple) -> sp.Expr:
    """The largest absolute value in a range."""
    low, high = bounds
    if sp.oo in (abs(low), abs(high)):
        return sp.oo
    if low.is_nonnegative or (low == -high and high.is_nonnegative):
        return high
    if high.is_nonpositive:
        return -low
    return maximum(sp.Abs(low), sp.Abs(high))


def mignitude(bounds: sp.Tuple) -> sp.Expr:
    """The least absolute value in a range, zero where its ends are not known to have one sign."""
    low, high = bounds
    if low == -sp.oo and high == sp.oo:
        return sp.S.Zero
    parts = [end for end in (low, -high) if end != -sp.oo]
    return maximum(sp.S.Zero, *parts)


def hull(*ranges: sp.Tuple) -> sp.Tuple:
    """The smallest range that holds all given ones."""
    return sp.Tuple(-largest(*(-low for low, _ in ranges)), largest(*(high for _, high in ranges)))


def interval_sum(*ranges: sp.Tuple) -> sp.Tuple:
    """The range of a sum."""
    lows, highs = zip(*ranges, strict=True)
    low = -sp.oo if -sp.oo in lows else sp.Add(*lows)
    return sp.Tuple(low, sp.oo if sp.oo in highs else sp.Add(*highs))


def interval_product(left: sp.Tuple, right: sp.Tuple) -> sp.Tuple:
    """The range of a product; symmetric where the ends are symbols of unknown order."""
    if is_numeric(left) and is_numeric(right):
        corners = [_times(a, b) for a, b in product(left, right)]
        return sp.Tuple(sp.Min(*corners), sp.Max(*corners))
    size = _times(magnitude(left), magnitude(right))
    low = sp.S.Zero if left[0].is_nonnegative and right[0].is_nonnegative else -size
    return sp.Tuple(low, size)


def bound_product(factors: Sequence[sp.Expr]) -> sp.Expr:
    """A product of non-negative bounds; zero wins over infinity: a factor that vanishes makes the product vanish."""
    if any(factor.is_zero for factor in factors):
        return sp.S.Zero
    return sp.oo if sp.oo in factors else sp.Mul(*factors)


def interval_scaled(coefficient: sp.Expr, bounds: sp.Tuple) -> sp.Tuple:
    """The range of a scalar times a quantity."""
    low, high = bounds
    if coefficient.is_nonnegative:
        return sp.Tuple(_times(coefficient, low), _times(coefficient, high))
    if coefficient.is_nonpositive:
        return sp.Tuple(_times(coefficient, high), _times(coefficient, low))
    return interval_product(sp.Tuple(coefficient, coefficient), bounds)


def _times(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """A product where zero times infinity is zero: the ends are suprema of real numbers, never infinite themselves.

    The sign of what multiplies an infinite end must be known.
    """
    if left.is_zero or right.is_zero:
        return sp.S.Zero
    if sp.oo not in (left, -left, right, -right):
        return left * right
    return -sp.oo if bool(left.is_extended_nonpositive) != bool(right.is_extended_nonpositive) else sp.oo
