"""Constants that are known exactly or by enclosures: their signs, their order, their names, and limits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key
from itertools import pairwise

import sympy as sp

from symgrad.dynamics.constant_order import sign_of
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import Enclosed, to_ball, working_precision
from symgrad.rigor.closed_forms import tidy
from symgrad.rigor.ends import End, sample_point, starts
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["between", "constant_sign", "in_order", "limit_at", "named"]

_PRECISIONS = (64, 256, 1024)


def constant_sign(constant: sp.Expr) -> int:
    """The sign of a constant, proved.

    Raises:
        TailUndecidedError: it is too close to zero and not proved to be zero.
    """
    sign = sign_of(constant)
    if sign is None:
        raise TailUndecidedError(f"the sign of {constant} could not be decided")
    return sign


def in_order(constants: Iterable[sp.Expr], *, merged: bool = False) -> list[sp.Expr]:
    """Constants in increasing order, equal ones once.

    Args:
        constants: in any order.
        merged: whether those that could not be told apart count as equal.

    Raises:
        TailUndecidedError: two could not be told apart, and such are not merged.
    """

    def compared(a: sp.Expr, b: sp.Expr) -> int:
        difference = sp.sympify(a) - sp.sympify(b)
        return (sign_of(difference) or 0) if merged else constant_sign(difference)

    ordered = sorted(constants, key=cmp_to_key(compared))
    return ordered[:1] + [b for a, b in pairwise(ordered) if compared(b, a) != 0]


def between(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """A rational number strictly between two constants or infinities in order, proved.

    Raises:
        TailUndecidedError: they are too close.
    """
    for bits in _PRECISIONS:
        with working_precision(bits):
            point = sample_point(End(low, 1), End(high, -1))
        above = low == -sp.oo or sign_of(point - low) == 1
        if above and (high == sp.oo or sign_of(high - point) == 1):
            return point
    raise TailUndecidedError(f"no number between {low} and {high} was found")


def named(constant: sp.Expr) -> sp.Expr:
    """A constant that contains enclosed ones as one enclosed constant; others in their shortest form."""
    if not constant.atoms(Enclosed):
        return tidy(constant)
    if isinstance(constant, Enclosed):
        return constant
    return Enclosed(f"{sp.srepr(constant)}", lambda bits: to_ball(constant, bits))


def limit_at(formula: sp.Expr, end: End, other: End) -> sp.Expr:
    """The limit of a smooth formula of ``VARIABLE`` at an end of its interval.

    Raises:
        TailUndecidedError: it could not be proved.
    """
    if end.is_finite:
        value = end.substitute(formula, VARIABLE)
        if not value.has(sp.nan, sp.zoo, sp.oo) and to_ball(value).is_finite():
            return named(value)
    left, right = (end, other) if end.inward > 0 else (other, end)
    for start in starts(left, right):
        try:
            limit = tail_model(formula, VARIABLE, end.model(start), end.vanishing).limit()
        except TailUndecidedError:
            continue
        if limit is not None:
            return limit if limit in (sp.oo, -sp.oo) else tidy(limit)
    raise TailUndecidedError(f"the limit of {formula} at {end.value} could not be proved")
