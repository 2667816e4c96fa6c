"""Whole numbers in intervals: the ends are rounded inward, by exact comparison."""

from __future__ import annotations

import sympy as sp

from symgrad.design.signs import Facts
from symgrad.design.spans import Span, as_set
from symgrad.errors import InputError
from symgrad.rigor.balls import to_ball

__all__ = ["first_whole", "whole_spans"]


def whole_spans(spans: tuple[Span, ...]) -> sp.Set:
    """The whole numbers in a union of intervals: ranges where the ends are numbers.

    Raises:
        InputError: whether an end is a whole number is not decided.

    >>> whole_spans((Span(sp.Rational(3, 2), sp.sqrt(26)),))
    {2, 3, 4, 5}
    """
    if any((span.low.free_symbols | span.high.free_symbols) for span in spans):
        return sp.Intersection(as_set(spans), sp.S.Integers, evaluate=False)
    return sp.Union(*(_whole(span) for span in spans)) if spans else sp.EmptySet


def _whole(span: Span) -> sp.Set:
    low = -sp.oo if span.low == -sp.oo else first_whole(span.low, span.open_low)
    high = sp.oo if span.high == sp.oo else -first_whole(-span.high, span.open_high)
    if low.is_finite and high.is_finite and high - low < 16:
        return sp.FiniteSet(*range(int(low), int(high) + 1))
    return sp.Range(low, high if high == sp.oo else high + 1)


def first_whole(end: sp.Expr, is_open: bool = False) -> sp.Integer:
    """The least whole number that is not below a constant (above it, if that is to be left out).

    Raises:
        InputError: it is not decided which one that is.
    """
    near = to_ball(end).mid().floor().unique_fmpz()
    if near is None:
        raise InputError(f"{end}: it is not decided which whole number is next to it")
    for whole in (sp.Integer(int(near)) + step for step in (-1, 0, 1, 2)):
        signs = Facts().signs(whole - end)
        if len(signs) != 1:
            raise InputError(f"{end}: whether it is the whole number {whole} is not decided")
        if 1 in signs or (0 in signs and not is_open):
            return whole
    raise InputError(f"{end}: it is not decided which whole number is next to it")
