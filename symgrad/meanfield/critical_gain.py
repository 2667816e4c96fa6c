"""The gain of a network without biases at the edge of chaos: chi_1 = 1 at a variance that the network settles at."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.derivation import DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import GaussianMean
from symgrad.meanfield.critical_points import CriticalLine, CriticalPoint
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.gain_modes import Found, root_of, solved
from symgrad.meanfield.gain_rules import GAIN, GRADIENT, SMALL, VARIANCE_MAP
from symgrad.meanfield.layer_factors import Moments, at
from symgrad.meanfield.origin import origin
from symgrad.meanfield.variance_words import NEUTRAL
from symgrad.meanfield.variants import LayerVariant
from symgrad.rigor.balls import Enclosed, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.jumps import jumps

__all__ = ["critical_gain"]

_BITS = 128
_STEPS = 8
# Integration by parts against the normal density gives the equation.
_FLAT = (
    "which is 0 with slope 0 at 0: q E[phi'^2] - E[phi^2] = q E[(phi'(x) - phi(x)/x)^2] > 0 at every q > 0, "
    "so that chi_1 > 1 at every positive fixed point, and chi_1 = 0 at the fixed point 0"
)


def critical_gain(activation: Activation) -> Found:
    """The gain with ``chi_1 = 1`` at a fixed point of ``V(q) = g^2 E[phi(sqrt(q) z)^2]`` that attracts or is kept.

    Raises:
        InputError: there is none, or none is proved; the message lists what there is.
    """
    if not jumps(activation.expr, VARIABLE) and _is_flat_zero(activation):
        raise InputError(f"activation: no gain of mode 'chi1' for {activation}, {_FLAT}")
    line = MeanField(LayerVariant(activation)).critical_points(0)
    if not line.edge:
        raise InputError(f"activation: no gain of mode 'chi1' for {activation}: {_reason(line)}")
    point = line.edge[0]
    if point.exact is not None and (point.variance == 0 or _is_kept(point)):
        return _limit(activation, point, point.exact)
    return _settled(activation, point)


def _is_flat_zero(activation: Activation) -> bool:
    near = origin(activation.expr)
    found = (*near.both(0), *near.both(1))
    return all(value.is_finite and is_zero_constant(value) for value in found) and activation.expr != 0


def _is_kept(point: CriticalPoint) -> bool:
    return point.stability == NEUTRAL


def _reason(line: CriticalLine) -> str:
    parts = [
        f"chi_1 = 1 at the gain {_short(point.sigma_w2.sqrt())}, but the fixed point "
        f"{_short(point.variance)} of the variance there is {point.stability}"
        for point in line
    ]
    if line.reason:
        parts.append(line.reason)
    if not line.complete:
        others = "that there are no others" if len(line) else "none was found; that there is none"
        parts.append(f"{others} is not proved")
    return "; ".join(parts) or "there is no fixed point of the variance with chi_1 = 1"


def _short(ball: arb) -> str:
    return f"{float(ball.mid()):.6g}"


def _limit(activation: Activation, point: CriticalPoint, square: sp.Expr) -> Found:
    """The gain at the fixed point 0, or where all variances are fixed."""
    gain = root_of(square, to_ball(square, _BITS))
    condition = sp.Eq(GAIN**2 / square, 1, evaluate=False)
    if _is_kept(point):
        keeps = "every variance and the mean squared gradient (chi_1 = 1 at every q)"
        remark = "every variance is a fixed point and none attracts: the input's variance is kept"
        steps = (DerivationStep(GRADIENT, condition, f"E[{activation}'^2] is the same at every variance"), solved(gain))
        return Found(gain, sp.S.One, keeps, condition, steps, (remark,))
    keeps = "gradients and correlations in the limit of small variances (edge of chaos, chi_1 = 1 at q* = 0)"
    remark = "the variance shrinks to 0 more slowly than exponentially in the depth"
    steps = (DerivationStep(SMALL, condition, f"{activation} is 0 at 0"), solved(gain))
    return Found(gain, sp.S.Zero, keeps, condition, steps, (remark,))


def _settled(activation: Activation, point: CriticalPoint) -> Found:
    """The gain at a positive variance that attracts, where ``q E[phi'^2] = E[phi^2]``."""
    moments = Moments(activation)
    variance = Enclosed(f"critical variance of {activation} at {point.variance}", _refined(moments, point.variance))
    moment = at(moments.slopes, variance, f"E[{activation}'^2]")
    with working_precision(_BITS):
        gain = root_of(1 / moment.expr, 1 / moment.ball)
    slopes, values = (
        GaussianMean(sp.Lambda(VARIABLE, mean.formula), variance) for mean in (moments.slopes, moments.values)
    )
    condition = sp.Eq(GAIN**2 * slopes, 1, evaluate=False)
    steps = (
        DerivationStep(
            VARIANCE_MAP, sp.Eq(GAIN**2 * values, variance, evaluate=False), f"{point.stability} fixed point"
        ),
        DerivationStep(GRADIENT, condition),
        solved(gain),
    )
    keeps = f"gradients and correlations at the variance {_short(point.variance)} that the network settles at"
    return Found(gain, variance, keeps, condition, steps)


def _refined(moments: Moments, ball: arb) -> Callable[[int], arb]:
    """The one zero of ``q E[phi'^2] - E[phi^2]`` in a ball, by interval Newton at any precision."""

    def refine(bits: int) -> arb:
        found = ball
        for _ in range(_STEPS):
            middle = found.mid()
            value = middle * moments.slopes.ball(middle) - moments.values.ball(middle)
            rise = moments.slopes.ball(found) + found * moments.slopes.ball(found, 1) - moments.values.ball(found, 1)
            step = middle - value / rise
            if not step.is_finite() or not step.overlaps(found) or not step.rad() < found.rad():
                break
            found = found.intersection(step)
        return found

    return refine
