"""On which side of the diagonal a variance map lies near zero, far out, or everywhere: by bounds under the mean.

If the even part of ``phi(x)^2`` lies below ``a x^2 + c`` for all x, its mean over ``sqrt(q) z`` lies below ``a q + c``;
likewise from above, and with higher powers, whose Gaussian moments are known. The least c is an extremum of a formula
of one variable, which :mod:`symgrad.rigor.extrema` proves. So half-lines of variances are dealt with at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.variance_map import VarianceMap
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.extrema import extrema
from symgrad.rigor.functions import canonical

__all__ = ["Side", "far_out", "is_not_positive", "near_zero", "supremum", "throughout"]

_POSITIVE = sp.Interval.open(0, sp.oo)
_SHARES = tuple(sp.Rational(1, 2**k) for k in (1, 3, 6, 10))
_SCALES = tuple(sp.Integer(4) ** k for k in (0, -2, 2, -5, -9))
_SAMPLES = tuple(sp.Rational(k, 16) for k in (1, 5, 17, 53, 163, 1601))
_FOURTH, _SIXTH = 3, 15  # moments of a standard normal variable
_ROOT = sp.sqrt(sp.pi / 2)


@dataclass(frozen=True)
class Side:
    """The proved sign of ``V(q) - q`` from zero up to a variance, or from a variance on.

    Attributes:
        variance: where the proof ends or begins.
        sign: 1 where the map lies above the diagonal, -1 below.
    """

    variance: arb
    sign: int


def throughout(flow: VarianceMap) -> int | None:
    """The sign of ``V(q) - q`` for all q > 0 where it is the same under the mean: 1, -1, or 0 if all are fixed points.

    None where it is not the same under the mean, or that is not proved.
    """
    excess = _excess(flow, flow.offset / flow.gain)
    seen = _signs(excess)
    above, below = (sign not in seen and is_not_positive(supremum(sign * excess)) for sign in (-1, 1))
    return int(above) - int(below) if above or below else None


def _signs(formula: sp.Expr) -> set[int]:
    """Signs that a formula is proved to take at some points; a wrong guess about a whole half-line is so seen early."""
    value = ball_function(formula, X)
    balls = [value(to_ball(point)) for point in _SAMPLES]
    return {1 if ball > 0 else -1 for ball in balls if ball > 0 or ball < 0}


def far_out(flow: VarianceMap) -> Side | None:
    """From which variance on the map stays on one side of the diagonal."""
    slack = 1 - flow.skip
    if not slack > 0:
        return Side(arb(0), 1) if throughout(flow) == 1 else None
    for share in _SHARES:
        found = _below_a_line(flow, slack, share) or _above_a_line(flow, slack, share)
        if found is not None:
            return found
    return _beside_the_diagonal(flow)


def near_zero(flow: VarianceMap) -> Side | None:
    """Up to which variance the map stays on one side of the diagonal."""
    slack = 1 - flow.skip
    if not slack > 0:
        return None
    if flow.offset > 0:
        return Side(to_ball(flow.offset / slack).lower(), 1)
    if flow.unit.near_zero != 0:
        return _above_zero(flow, slack)
    return next(_by_powers(flow, slack), None)


def _excess(flow: VarianceMap, constant: sp.Expr) -> sp.Expr:
    """A function whose mean is ``(V(q) - q - offset)/gain`` plus a constant."""
    return canonical(flow.unit.even_square - (1 - flow.skip) / flow.gain * X**2 + constant)


def _below_a_line(flow: VarianceMap, slack: sp.Expr, share: sp.Expr) -> Side | None:
    """``phi^2 <= a x^2 + c`` with ``gain a < slack``."""
    rate = slack / flow.gain * (1 - share)
    constant = supremum(flow.unit.even_square - rate * X**2)
    if not constant.is_finite:
        return None
    bound = (flow.gain * constant + flow.offset) / (slack * share)
    return Side(to_ball(bound).upper().max(arb(0)), -1)


def _above_a_line(flow: VarianceMap, slack: sp.Expr, share: sp.Expr) -> Side | None:
    """``phi^2 >= a x^2 - c`` with ``gain a > slack``."""
    rate = slack / flow.gain * (1 + share)
    constant = supremum(rate * X**2 - flow.unit.even_square)
    if not constant.is_finite:
        return None
    bound = (flow.gain * constant - flow.offset) / (slack * share)
    return Side(to_ball(bound).upper().max(arb(0)), 1)


def _beside_the_diagonal(flow: VarianceMap) -> Side | None:
    """The map keeps away from the diagonal by nearly a constant h: by ``h - B/(1 + x^2)`` under the mean."""
    excess = _excess(flow, flow.offset / flow.gain)
    sizes = [flow.offset / flow.gain / 2, *_SCALES] if flow.offset > 0 else list(_SCALES)
    for size in sizes:
        for sign in (1, -1):
            constant = supremum((size - sign * excess) * (1 + X**2))
            if constant.is_finite:  # the mean of 1/(1 + q z^2) is at most sqrt(pi/(2 q))
                least = to_ball((constant / size) ** 2) * arb.pi() / 2
                return Side(least.upper() if to_ball(constant) > 0 else arb(0), sign)
    return None


def _above_zero(flow: VarianceMap, slack: sp.Expr) -> Side | None:
    """Below which variance ``phi^2 >= c - a x^2`` with c > 0 keeps the map above the diagonal."""
    for rate in _SCALES:
        least = -supremum(-flow.unit.even_square - rate * X**2)
        if least.is_finite and to_ball(least) > 0:
            return Side(to_ball(flow.gain * least / (slack + flow.gain * rate)).lower(), 1)
    return None


def _by_powers(flow: VarianceMap, slack: sp.Expr) -> Iterator[Side]:
    """Next to the fixed point zero: by the slope there, or by the next power if the slope is one."""
    rate = slack / flow.gain
    square = flow.unit.even_square
    for share in _SHARES:
        for sign in (-1, 1):
            line = rate * (1 + sign * share)
            above = supremum(-sign * (square - line * X**2) / X**4)
            if above.is_finite:  # sign (V(q) - q) >= gain (share rate q - 3 above q^2)
                yield Side(_quotient(rate * share, _FOURTH * above), sign)
    for size in _SCALES:
        for sign in (-1, 1):
            above = supremum((size * X**4 - sign * (square - rate * X**2)) / X**6)
            if above.is_finite:
                yield Side(_quotient(_FOURTH * size, _SIXTH * above), sign)
            above = supremum((size * X**3 - sign * (square - rate * X**2)) / X**4)
            if above.is_finite:  # the mean of |z|^3 is 2 sqrt(2/pi)
                yield Side(_quotient(2 * size / _ROOT, _FOURTH * above) ** 2, sign)


def _quotient(small: sp.Expr, large: sp.Expr) -> arb:
    """Half of a quotient of positive numbers; infinite if the divisor is not positive."""
    divisor = to_ball(large)
    return (to_ball(small) / divisor / 2).lower() if divisor > 0 else arb.pos_inf()


def supremum(formula: sp.Expr) -> sp.Expr:
    """The supremum of a formula over the positive half-line; infinity where none is proved."""
    try:
        return extrema(canonical(formula), X, _POSITIVE).sup.value
    except (SymgradError, ArithmeticError, ValueError):
        return sp.oo


def is_not_positive(value: sp.Expr) -> bool:
    """Whether a constant is finite and proved not to be positive."""
    return bool(value.is_finite) and (bool(to_ball(value) < 0) or is_zero_constant(value))
