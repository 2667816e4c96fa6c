"""The gain of a network without biases at the edge of chaos: chi_1 = 1 at a variance that the network settles at."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.derivation import DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.meanfield.gain_modes import Found, root_of, solved
from symgrad.meanfield.gain_rules import GAIN, SMALL
from symgrad.meanfield.origin import Origin, origin
from symgrad.rigor.balls import to_ball
from symgrad.rigor.closed_forms import is_zero_constant, is_zero_function
from symgrad.rigor.extrema import extrema
from symgrad.rigor.jumps import jumps

__all__ = ["critical_gain"]

_BITS = 128
_ORDERS = 12
_ATTRACTS, _NEUTRAL, _REPELS = -1, 0, 1


def critical_gain(activation: Activation) -> Found:
    """The gain with ``chi_1 = 1`` at an attracting fixed point of ``V(q) = g^2 E[phi(sqrt(q) z)^2]``.

    Raises:
        InputError: there is none, or none could be proved; the message says why.
    """
    if jumps(activation.expr, VARIABLE):
        raise InputError(f"activation: chi_1 is infinite for {activation}, which jumps: no gain makes it 1")
    near = origin(activation.expr)
    square = _slope_square(near)
    if square is None:
        return _settled(
            activation, f"{activation} is not 0 with finite slopes at 0, so that variances do not shrink to 0"
        )
    side = _side(near, square, activation)
    if side == _ATTRACTS:
        return _at_zero(activation, square)
    if side == _NEUTRAL:
        return _everywhere(activation, square)
    fate = "repels" if side == _REPELS else "is not proved to attract"
    gain = root_of(1 / square, arb(1)).expr
    return _settled(activation, f"chi_1 = 1 in the limit of small variances at the gain {gain}, but that limit {fate}")


def _slope_square(near: Origin) -> sp.Expr | None:
    """``(phi'(0-)^2 + phi'(0+)^2)/2`` of a function that is 0 at 0; None where it has no positive finite value."""
    values, slopes = near.both(0), near.both(1)
    if not all(value.is_finite and is_zero_constant(value) for value in values):
        return None
    if not all(slope.is_finite for slope in slopes):
        return None
    square = (slopes[0] ** 2 + slopes[1] ** 2) / 2
    return None if is_zero_constant(square) else square


def _side(near: Origin, square: sp.Expr, activation: Activation) -> int | None:
    """The sign of ``E[phi^2] - m q`` at small q > 0; 0 where it is 0 for all q and so is ``E[phi'^2] - m``."""
    mirrored = near.left.subs(VARIABLE, -VARIABLE)
    excess = near.right**2 + mirrored**2 - 2 * square * VARIABLE**2
    for order in range(3, _ORDERS):
        value = sp.diff(excess, VARIABLE, order).subs(VARIABLE, 0)
        if not value.is_finite:
            return None
        if not is_zero_constant(value):
            return _sign(value)
    return _side_everywhere(activation.expr, square)


def _side_everywhere(formula: sp.Expr, square: sp.Expr) -> int | None:
    half = sp.Interval(0, sp.oo)
    x = sp.Symbol("x", positive=True)
    both = [sp.simplify(formula.subs(VARIABLE, sign * x)) for sign in (1, -1)]
    excess = both[0] ** 2 + both[1] ** 2 - 2 * square * x**2
    if is_zero_function(sp.expand(excess)):
        steep = sp.expand(sum(sp.diff(part, x) ** 2 for part in both) - 2 * square)
        return _NEUTRAL if is_zero_function(steep) else None
    real = sp.Symbol("x", real=True)
    reached = extrema(excess.subs(x, real), real, half)
    if not bool(reached.sup.value > 0):
        return _ATTRACTS
    return None if bool(reached.inf.value < 0) else _REPELS


def _sign(value: sp.Expr) -> int | None:
    ball = to_ball(value, _BITS)
    return _REPELS if ball > 0 else _ATTRACTS if ball < 0 else None


def _at_zero(activation: Activation, square: sp.Expr) -> Found:
    keeps = "gradients and correlations in the limit of small variances (edge of chaos, chi_1 = 1 at q* = 0)"
    remark = "the variance shrinks to 0 more slowly than exponentially in the depth"
    return _limit(activation, square, sp.S.Zero, keeps, remark)


def _everywhere(activation: Activation, square: sp.Expr) -> Found:
    keeps = "every variance and the mean squared gradient (chi_1 = 1 at every q)"
    remark = "every variance is a fixed point and none attracts: the input's variance is kept"
    return _limit(activation, square, sp.S.One, keeps, remark)


def _limit(activation: Activation, square: sp.Expr, variance: sp.Expr, keeps: str, remark: str) -> Found:
    gain = root_of(1 / square, 1 / to_ball(square, _BITS))
    condition = sp.Eq(GAIN**2 * square, 1, evaluate=False)
    steps = (DerivationStep(SMALL, condition, f"{activation} is 0 at 0"), solved(gain))
    return Found(gain, variance, keeps, condition, steps, (remark,))


def _settled(activation: Activation, reason: str) -> Found:
    """A gain with ``chi_1 = 1`` at a positive variance that attracts."""
    raise InputError(f"activation: no gain of mode 'chi1' for {activation}: {reason}")
