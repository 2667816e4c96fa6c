"""Real zeros of a smooth formula in an open interval: all of them, exact where a closed form can be proved."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import closed_form, is_zero_constant
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.ends import End, core, eventual_sign, starts
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket, RealFunction, Zero, isolate_zeros, newton_zero

__all__ = ["degenerate_zero", "enclosed_zero", "position", "real_roots"]

_MAX_MULTIPLICITY = 8


@lru_cache(maxsize=1024)
def real_roots(formula: sp.Expr, symbol: sp.Symbol, left: End, right: End) -> tuple[sp.Expr, ...]:
    """All zeros strictly between two ends, in increasing order, as closed forms or Enclosed constants.

    Raises:
        TailUndecidedError: if it could not be proved that the list is complete.
    """
    polynomial = sp.Poly(formula, symbol) if formula.is_polynomial(symbol) else None
    if polynomial is not None and polynomial.degree() <= 2 and not to_ball(polynomial.LC()).contains(0):
        roots = _low_degree_roots(polynomial)
    else:
        roots = _isolated_roots(formula, symbol, left, right)
    inside = [r for r in roots if position(r, left) * left.inward > 0 and position(r, right) * right.inward > 0]
    return tuple(sorted(inside, key=lambda root: float(to_ball(root).mid())))


def position(point: sp.Expr, end: End) -> int:
    """Sign of ``point - end``.

    Raises:
        TailUndecidedError: if the two are too close to be told apart and are not proved equal.
    """
    if not end.is_finite:
        return -1 if end.value is sp.oo else 1
    if point == end.value:
        return 0
    for bits in (64, 256, 1024):
        difference = to_ball(point, bits) - to_ball(end.value, bits)
        if not difference.contains(0):
            return 1 if difference > 0 else -1
    if is_zero_constant(point - end.value):
        return 0
    raise TailUndecidedError(f"the points {point} and {end.value} could not be told apart")


def _low_degree_roots(polynomial: sp.Poly) -> list[sp.Expr]:
    coefficients = polynomial.all_coeffs()
    if polynomial.degree() < 1:
        return []
    if polynomial.degree() == 1:
        return [-coefficients[1] / coefficients[0]]
    a, b, c = coefficients
    discriminant = sp.expand(b**2 - 4 * a * c)
    if is_zero_constant(discriminant):
        return [-b / (2 * a)]
    ball = to_ball(discriminant, 256)
    if ball < 0:
        return []
    if not ball > 0:
        raise TailUndecidedError(f"the sign of the discriminant {discriminant} could not be decided")
    return [(-b + s * sp.sqrt(discriminant)) / (2 * a) for s in (1, -1)]


def _isolated_roots(formula: sp.Expr, symbol: sp.Symbol, left: End, right: End) -> list[sp.Expr]:
    function, slope = (RealFunction.of(f, symbol) for f in (formula, derivative(formula, symbol)))
    if _excludes_zero(function, left, right):
        return []
    cuts = [_zero_free_cut(formula, symbol, end, left, right) for end in (left, right)]
    zeros = isolate_zeros(function, slope, core(cuts[0], cuts[1]))
    roots = [_root_of(formula, symbol, zero) for zero in zeros.simple]
    for bracket in zeros.undecided:
        degenerate = degenerate_zero(formula, symbol, bracket)
        if degenerate is None:
            raise TailUndecidedError(f"the zeros of {formula} near {bracket.middle.str(10)} could not be isolated")
        roots.append(degenerate[0])
    _check_separated(roots)
    return roots


def _excludes_zero(function: RealFunction, left: End, right: End) -> bool:
    low, high = function.interval((left.ball(), right.ball()))
    return bool(low > 0) or bool(high < 0)


def _zero_free_cut(formula: sp.Expr, symbol: sp.Symbol, end: End, left: End, right: End) -> arb:
    found = eventual_sign(formula, symbol, end, starts(left, right))
    if found is not None:
        return end.cut(found[1])
    if end.is_finite:
        return end.outer_bound()
    raise TailUndecidedError(f"{formula} may have zeros arbitrarily far out: its sign near {end.value} is not proved")


def _root_of(formula: sp.Expr, symbol: sp.Symbol, zero: Zero) -> sp.Expr:
    exact = closed_form(zero.ball, lambda c: is_zero_constant(formula.subs(symbol, c)))
    return enclosed_zero(formula, symbol, zero) if exact is None else exact


def enclosed_zero(formula: sp.Expr, symbol: sp.Symbol, zero: Zero) -> Enclosed:
    """The zero as a constant that can be refined to any precision."""
    with working_precision(128):
        digits = zero.ball(96).mid().str(20, radius=False)
    named = formula.subs(symbol, sp.Symbol("z", real=True))
    return Enclosed(f"the zero of {named} near {digits}", zero.ball)


def degenerate_zero(formula: sp.Expr, symbol: sp.Symbol, bracket: Bracket) -> tuple[sp.Expr, int, int] | None:
    """A zero c of order m that is the only zero in a bracket, where the m-th derivative has one sign.

    Returns:
        ``(c, m, sign of the m-th derivative)``, or None if no such zero is proved.
    """
    box = bracket.widened()
    chain = [formula]
    for order in range(1, _MAX_MULTIPLICITY + 1):
        chain.append(derivative(chain[-1], symbol))
        values = ball_function(chain[order], symbol)(box.ball)
        if not values.is_finite():
            return None
        if values.contains(0):
            continue
        centre = _common_zero(chain[:order], symbol, box)
        return None if centre is None else (centre, order, 1 if values > 0 else -1)
    return None


def _common_zero(chain: list[sp.Expr], symbol: sp.Symbol, box: Bracket) -> sp.Expr | None:
    """The zero of the last formula in the box, if it is a closed form at which all the formulas vanish."""
    function = RealFunction.of(chain[-1], symbol)
    slope = RealFunction.of(derivative(chain[-1], symbol), symbol)
    if not (function.ball(box.lo) * function.ball(box.hi) < 0):
        return None
    return closed_form(
        lambda bits: newton_zero(function, slope, box, bits),
        lambda c: all(is_zero_constant(f.subs(symbol, c)) for f in reversed(chain)),
    )


def _check_separated(roots: list[sp.Expr]) -> None:
    ordered = sorted((to_ball(root, 128) for root in roots), key=lambda ball: float(ball.mid()))
    for first, second in pairwise(ordered):
        if first.overlaps(second):
            raise TailUndecidedError("two zeros could not be told apart")
