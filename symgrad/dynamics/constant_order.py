"""Constants that are exact or refinable: their order, and where in an interval they lie."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant, tidy
from symgrad.rigor.roots import Root

__all__ = ["BITS", "closed", "constant_of", "inside", "order_of", "sign_at", "sign_of", "simplified"]

BITS = 128
_PRECISIONS = (64, 256, 1024)
_LONGEST = 100  # operations of a constant that is rewritten


def sign_of(constant: sp.Expr) -> int | None:
    """-1, 0 (proved) or 1; None where that is not decided.

    >>> sign_of(sp.sqrt(2) - 1), sign_of(sp.sqrt(2) ** 2 - 2)
    (1, 0)
    """
    if constant.is_Rational:
        return int(sp.sign(constant))
    for bits in _PRECISIONS:
        ball = to_ball(constant, bits)
        if ball > 0 or ball < 0:
            return 1 if ball > 0 else -1
    return 0 if closed(constant) and is_zero_constant(constant) else None  # of enclosed numbers nothing is rewritten


def sign_at(formula: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> int | None:
    """The sign of a formula at a constant; keeps digits that are lost where the constant is put into the formula."""
    function = ball_function(formula, symbol)
    for bits in _PRECISIONS:
        with working_precision(bits):
            ball = function(to_ball(point, bits))
        if ball > 0 or ball < 0:
            return 1 if ball > 0 else -1
    return sign_of(formula.subs(symbol, point))


def order_of(first: sp.Expr, second: sp.Expr) -> int | None:
    """The sign of ``first - second``, infinite ends allowed; None where that is not decided."""
    for one, other, sign in ((first, second, 1), (second, first, -1)):
        if one in (sp.oo, -sp.oo):
            return 0 if one == other else sign * (1 if one is sp.oo else -1)
    return 0 if first == second else sign_of(first - second)


def inside(constant: sp.Expr, interval: sp.Interval) -> bool | None:
    """Whether a constant lies in a closed interval; None where that is not decided."""
    sides = order_of(constant, interval.start), order_of(interval.end, constant)
    if any(side is not None and side < 0 for side in sides):
        return False
    return None if None in sides else True


def closed(constant: sp.Expr) -> bool:
    """Whether nothing in a constant is known by an enclosure only."""
    return not constant.atoms(Enclosed)


def simplified(constant: sp.Expr) -> sp.Expr:
    """A closed form that reads well, or the constant itself.

    >>> simplified(-5 / (sp.sqrt(5) / 2 + sp.Rational(5, 2)) - sp.log(2))
    -5/2 - log(2) + sqrt(5)/2
    """
    if not closed(constant) or constant.count_ops() > _LONGEST:
        return constant
    terms = sp.Add.make_args(constant)
    return tidy(constant) if len(terms) == 1 else min((tidy(constant), sp.Add(*map(tidy, terms))), key=_length)


def _length(constant: sp.Expr) -> tuple[int, int]:
    return constant.count_ops(), len(str(constant))


def constant_of(root: Root, label: str) -> sp.Expr:
    """A zero in closed form, or as a constant that can be refined.

    Args:
        root: of a formula.
        label: which formula, for the name of the constant.
    """
    if root.exact is not None:
        return root.exact
    digits = _digits(root.ball(BITS))
    return Enclosed(f"the zero of {label} near {digits}", root.ball)


def _digits(ball: arb) -> str:
    return str(ball.mid().str(30, radius=False))
