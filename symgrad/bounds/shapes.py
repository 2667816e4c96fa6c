"""Functions that rise, fall, or rise and then fall: their ranges over intervals whose ends are symbols."""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symgrad.bounds.intervals import ends
from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation
from symgrad.language.norms import minimum
from symgrad.rigor.jumps import jumps

__all__ = ["is_hump", "range_in_closed_form"]

POSITIVE = sp.Interval(0, sp.oo)
NEGATIVE = sp.Interval(-sp.oo, 0)


def _at(function: Activation, end: sp.Expr) -> sp.Expr:
    """The value of a continuous function at an end; the branch of a case distinction is taken by its sign."""
    for sign, known in ((1, end.is_nonnegative), (-1, end.is_nonpositive)):
        if known:
            place = sp.Dummy("end", positive=True)
            return function.expr.xreplace({function.variable: sign * place}).xreplace({place: sign * end})
    return function.expr.xreplace({function.variable: end})


def _signed(value: sp.Expr, function: Activation) -> sp.Expr:
    """A value of a function that is nowhere negative, in a form that shows it."""
    nonnegative = bool(function.range.inf.is_nonnegative) and value.is_nonnegative is None
    return sp.Abs(value) if nonnegative else value


@lru_cache(maxsize=512)
def _slope_signs(function: Activation) -> tuple[int, int] | None:
    """The signs of the slope on the left and on the right of 0, 1 for >= 0 and -1 for <= 0; None when not proved."""
    try:
        sides = [function.slope_on(side) for side in (NEGATIVE, POSITIVE)]
    except SymgradError:
        return None
    signs = [1 if side.inf.is_nonnegative else -1 if side.sup.is_nonpositive else 0 for side in sides]
    return (signs[0], signs[1]) if all(signs) else None


def is_hump(function: Activation) -> bool:
    """Whether f >= 0 rises on the left of 0 and falls on the right, or is monotone: proved, not sampled."""
    signs = _slope_signs(function)
    return bool(function.range.inf.is_nonnegative) and signs is not None and signs != (-1, 1)


def range_in_closed_form(function: Activation, bounds: sp.Tuple) -> sp.Tuple | None:
    """The range of a continuous function over an interval with symbols in its ends.

    For a function that is monotone, from the values at the ends; for one that rises up to 0 and falls from there the
    value at 0 is the supremum and the smaller value at an end the infimum. None for any other.

    >>> import symgrad as sg
    >>> a = sp.Symbol("a", positive=True)
    >>> range_in_closed_form(sg.activation("tanh").derivative, sp.Tuple(-a, a))
    (Abs(tanh(a)**2 - 1), 1)
    """
    signs = _slope_signs(function)
    if signs is None or signs == (-1, 1) or jumps(function.expr, function.variable):
        return None
    low, high = (_signed(_at(function, end), function) for end in bounds)
    if signs == (1, 1):
        return ends(low, high)
    if signs == (-1, -1):
        return ends(high, low)
    top = function.expr.xreplace({function.variable: sp.S.Zero})
    same = function.parity == "even" and bounds[0] == -bounds[1]
    return ends(high if same else minimum(low, high), top)
