"""What a bound is to satisfy: to lie in an interval, to have a value, to stay below or above a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symgrad.design.spans import Span
from symgrad.errors import InputError
from symgrad.language.numbers import exact_floats, exact_number

__all__ = ["target_span"]

_ACCEPTED = "a number, an interval sg.Interval(low, high), or a relation such as sp.Le(bound.expr, 2)"


def target_span(target: Any, is_bound: Callable[[sp.Expr], bool]) -> Span:
    """The values of the bound that are wanted.

    Args:
        target: a number, a formula in other symbols, an interval, or a relation whose one side is the bound.
        is_bound: whether a side of a relation is the bound.

    Raises:
        InputError: something else.

    >>> target_span(sp.Interval(0, 2), lambda side: False)
    Span(low=0, high=2, open_low=False, open_high=False)
    """
    if isinstance(target, sp.Interval):
        return Span.of(exact_floats(target))
    if isinstance(target, Relational):
        return _of_relation(target, is_bound)
    if isinstance(target, sp.FiniteSet) and len(target) == 1:
        (target,) = target
    if isinstance(target, sp.Expr) and target.free_symbols:
        value = exact_floats(target)
        return Span(value, value)
    if target in (sp.true, sp.false) and not isinstance(target, bool):
        raise InputError(
            f"target: SymPy has found the relation to be {target} for all values before it got here; "
            "give an interval sg.Interval(low, high) instead"
        )
    if isinstance(target, (bool, str)) or not isinstance(target, (int, float, sp.Expr)):
        raise InputError(f"target: {_ACCEPTED} is needed, got {type(target).__name__} {target!r}")
    number = exact_number("target", target)
    return Span(number, number)


def _of_relation(target: Relational, is_bound: Callable[[sp.Expr], bool]) -> Span:
    relation = target if is_bound(target.lhs) else target.reversed
    if not is_bound(relation.lhs):
        raise InputError(f"target: one side of the relation must be the bound, which neither side of {target} is")
    value = exact_floats(relation.rhs)
    if isinstance(relation, sp.Eq):
        return Span(value, value)
    if isinstance(relation, (sp.Ge, sp.Gt)):
        return Span(value, sp.oo, isinstance(relation, sp.Gt), False)
    if isinstance(relation, (sp.Le, sp.Lt)):
        return Span(-sp.oo, value, False, isinstance(relation, sp.Lt))
    raise InputError(f"target: {_ACCEPTED} is needed, got the relation {target}")
