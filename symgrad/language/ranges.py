"""Declared ranges: read, intersected, and held against what a symbol is assumed to be."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.numbers import exact_floats, exact_number

__all__ = ["check_against_assumptions", "intersection", "interval_of"]


def interval_of(key: object, value: Any) -> sp.Interval:
    """A declared range as an interval, its ends taken exactly.

    Raises:
        InputError: it is no interval, or an empty one.
    """
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = sp.Interval(*(_end(key, end) for end in value))
    if not isinstance(value, sp.Interval):
        raise InputError(f"range of {key}: an Interval(low, high) with low < high is needed, got {value!r}")
    return sp.Interval(_end(key, value.start), _end(key, value.end), value.left_open, value.right_open)


def _end(key: object, end: Any) -> sp.Expr:
    """An end of a range: a real number taken exactly, infinity, or an expression in scalar parameters."""
    if isinstance(end, float) and math.isinf(end):
        return sp.oo if end > 0 else -sp.oo
    if end in (sp.oo, -sp.oo):
        return end
    if isinstance(end, sp.Expr) and end.free_symbols and end.is_extended_real is not False:
        return exact_floats(end)
    return exact_number(f"range of {key}", end)


def intersection(symbol: sp.Expr, former: sp.Interval | None, added: sp.Interval) -> sp.Interval:
    """Both of two ranges declared for one symbol.

    Raises:
        InputError: they have no interval in common.
    """
    if former is None or former == added:
        return added
    low, high = sp.Max(former.start, added.start), sp.Min(former.end, added.end)
    if sp.Ge(low, high) == sp.true:
        raise InputError(f"range of {symbol}: {added} contradicts {former}, which was declared before")
    return sp.Interval(low, high, _open(low, former, added, "left"), _open(high, former, added, "right"))


def _open(end: sp.Expr, former: sp.Interval, added: sp.Interval, side: str) -> bool:
    names = ("start", "left_open") if side == "left" else ("end", "right_open")
    return any(getattr(item, names[1]) == sp.true for item in (former, added) if getattr(item, names[0]) == end)


def check_against_assumptions(symbol: sp.Expr, declared: sp.Interval) -> None:
    """Refuse a range in which no number has the sign that a scalar symbol is assumed to have.

    Raises:
        InputError: names both.
    """
    if not isinstance(symbol, sp.Symbol):
        return
    low, high = declared.start, declared.end
    if (symbol.is_nonnegative and high.is_negative) or (symbol.is_positive and high.is_nonpositive):
        sign = "positive" if symbol.is_positive else "nonnegative"
    elif (symbol.is_nonpositive and low.is_positive) or (symbol.is_negative and low.is_nonnegative):
        sign = "negative" if symbol.is_negative else "nonpositive"
    else:
        return
    raise InputError(f"range of {symbol}: {declared} contradicts that the symbol is {sign}")
