"""Between which variances ``chi_1 = 1`` can hold at a fixed point of the variance map: proved ends of the search."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.critical_parts import Parts, even_part
from symgrad.meanfield.variance_ends import supremum
from symgrad.meanfield.variance_map import Unit
from symgrad.rigor.balls import ball_function, to_ball

__all__ = ["end_of_search", "start_of_search"]

_RATES = tuple(sp.Integer(4) ** k for k in (0, 2, -2, 4, -4))
_BOXES = tuple((sp.Rational(k, 4), sp.Rational(k + 1, 4)) for k in (1, 2, 3, 4, 6, 8, 11, 15, 20, 30))
_SCALES = tuple(sp.Integer(8) ** k for k in (0, 1, -1, 2, -2, 4, -4, 6, -6))


def start_of_search(unit: Unit, slack: sp.Expr, offset: sp.Expr) -> arb | None:
    """Below this variance ``s (q M - K) < b M``: there is no critical point."""
    if offset > 0:
        return to_ball(offset / slack).lower()
    steepest = supremum(unit.even_squared_slope)
    if unit.vanishes_at_zero or not steepest.is_finite:
        return None
    for rate in _RATES:  # K >= c - a q and M <= m: negative below c/(m + a)
        least = -supremum(-unit.even_square - rate * X**2)
        if least.is_finite and to_ball(least) > 0:
            return to_ball(least / (steepest + rate)).lower()
    return None


def end_of_search(unit: Unit, slack: sp.Expr, offset: sp.Expr) -> arb | None:
    """Above this variance ``s (q M - K)`` stays on one side of ``b M``: there is no critical point.

    A function that is at least h on ``u <= |x| <= v`` has a mean of at least ``2 h (v - u) exp(-1/2)/sqrt(2 pi q)`` for
    q beyond ``v^2``; q times that outgrows every constant.
    """
    steepest, largest = supremum(unit.even_squared_slope), supremum(unit.even_square)
    if not steepest.is_finite:
        return None
    if unit.vanishes_at_zero and unit.squared_slope_near_zero.is_finite:
        curved = (unit.activation.derivative.expr - unit.activation.expr / X) ** 2
        return _outgrown(even_part(curved), to_ball(offset * steepest / slack))
    if largest.is_finite:
        return _outgrown(unit.even_squared_slope, to_ball(largest + offset * steepest / slack))
    return _end_by_parts(Parts(unit), offset * steepest / slack)


def _end_by_parts(parts: Parts, biases: sp.Expr) -> arb | None:
    for sign, needed in ((1, sp.S.Zero), (-1, biases)):  # F < 0, or F > b M/s
        grown = parts.outgrown(sign)
        if grown is not None:
            formula, constant = grown
            return _outgrown(formula, to_ball(constant + needed))
    return None


def _outgrown(formula: sp.Expr, constant: arb) -> arb | None:
    """A variance from which on q times the mean of a non-negative even formula is larger than a constant."""
    value = ball_function(formula, X)
    best: arb | None = None
    for scale in _SCALES:
        for u, v in ((scale * a, scale * b) for a, b in _BOXES):
            least = value(to_ball(u).union(to_ball(v))).lower()
            if least > 0:
                area = 2 * least * to_ball(v - u) * (-arb(1) / 2).exp() / (2 * arb.pi()).sqrt()
                bound = ((constant / area) ** 2).max(to_ball(v**2)).upper()
                best = bound if best is None or bound < best else best
    return best
