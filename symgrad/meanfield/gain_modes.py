"""How each kind of gain is derived: from the variance, from the gradient, or from the linearisation at 0."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.derivation import DerivationRule, DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import GaussianMean
from symgrad.meanfield.gain_rules import GAIN, GRADIENT, KUMAR, LINEARISED, SOLVED, VARIANCE_MAP, evaluated, shown
from symgrad.meanfield.layer_factors import Moments, Quantity, at
from symgrad.meanfield.means import Mean
from symgrad.meanfield.origin import origin
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant, tidy

__all__ = ["Found", "backward_gain", "forward_gain", "kumar_gain", "root_of", "solved"]

_BITS = 128


@dataclass(frozen=True)
class Found:
    """A gain, and how it was found.

    Attributes:
        gain: the number.
        variance: of the pre-activations at which it holds; 0 stands for the limit of small ones.
        keeps: what stays the same from layer to layer, in words.
        condition: the equation that the gain solves.
        steps: the derivation.
        remarks: what else has to be known.
    """

    gain: Quantity
    variance: sp.Expr
    keeps: str
    condition: sp.Basic
    steps: tuple[DerivationStep, ...]
    remarks: tuple[str, ...] = ()


def root_of(square: sp.Expr, ball: arb) -> Quantity:
    """The positive square root."""
    with working_precision(_BITS):
        root = sp.sqrt(square)
        return Quantity(tidy(root) if root.is_number else root, ball.sqrt())


def forward_gain(activation: Activation, variance: sp.Expr) -> Found:
    """``g^2 E[phi(sqrt(q) z)^2] = q``.

    Raises:
        InputError: the second moment is zero, infinite or not proved to be finite.
    """
    mean = Moments(activation).values
    moment = _positive(at(mean, variance, f"E[{activation}^2]"), f"E[{activation}^2]", activation, variance)
    with working_precision(_BITS):
        gain = root_of(variance / moment.expr, to_ball(variance) / moment.ball)
    condition = sp.Eq(GAIN**2 * _unevaluated(mean, variance), variance, evaluate=False)
    keeps = f"the variance {shown(variance)} of the pre-activations, without biases"
    return Found(gain, variance, keeps, condition, _steps(VARIANCE_MAP, condition, mean, variance, moment, gain))


def backward_gain(activation: Activation, variance: sp.Expr) -> Found:
    """``g^2 E[phi'(sqrt(q) z)^2] = 1``.

    Raises:
        InputError: the mean squared slope is zero, infinite (as across a jump) or not proved to be finite.
    """
    try:
        mean = Moments(activation).slopes
    except UnsupportedExpressionError as error:
        raise InputError(f"activation: the mean squared slope is infinite, no gain keeps gradients: {error}") from None
    label = f"E[{activation}'^2]"
    moment = _positive(at(mean, variance, label), label, activation, variance)
    with working_precision(_BITS):
        gain = root_of(1 / moment.expr, 1 / moment.ball)
    condition = sp.Eq(GAIN**2 * _unevaluated(mean, variance), 1, evaluate=False)
    keeps = f"the mean squared gradient, where the pre-activations have variance {shown(variance)}"
    return Found(gain, variance, keeps, condition, _steps(GRADIENT, condition, mean, variance, moment, gain))


def _steps(
    rule: DerivationRule, condition: sp.Basic, mean: Mean, variance: sp.Expr, moment: Quantity, gain: Quantity
) -> tuple[DerivationStep, ...]:
    return (DerivationStep(rule, condition), *evaluated(mean, variance, moment.expr), solved(gain))


def solved(gain: Quantity) -> DerivationStep:
    """The last step: the gain itself."""
    enclosed = gain.expr.has(GaussianMean)
    note = f"enclosed in ball arithmetic, near {gain.ball.mid().str(12, radius=False)}" if enclosed else ""
    return DerivationStep(SOLVED, sp.Eq(GAIN, gain.expr, evaluate=False), note)


def _unevaluated(mean: Mean, variance: sp.Expr) -> sp.Expr:
    return GaussianMean(sp.Lambda(VARIABLE, mean.formula), variance)


def _positive(moment: Quantity, label: str, activation: Activation, variance: sp.Expr) -> Quantity:
    if moment.ball > 0:
        return moment
    zero = moment.expr.is_number and is_zero_constant(moment.expr)
    reason = "is 0" if zero else "could not be told from 0"
    raise InputError(f"activation: {label} {reason} for {activation} at variance {shown(variance)}: no gain follows")


def kumar_gain(activation: Activation) -> Found:
    """``g^2 phi'(0)^2 (1 + phi(0)^2) = 1``, from the linearisation at 0.

    Raises:
        InputError: no derivative at 0, or one that vanishes.
    """
    value, slope = _at_origin(activation)
    square = 1 / (slope**2 * (1 + value**2))
    gain = root_of(square, to_ball(square, _BITS))
    variance = tidy(1 / slope**2)
    linear = sp.Eq(activation(VARIABLE), value + slope * VARIABLE, evaluate=False)
    condition = sp.Eq(GAIN**2 * slope**2 * (1 + value**2), 1, evaluate=False)
    steps = (
        DerivationStep(LINEARISED, linear, "a linear function in the place of the activation"),
        DerivationStep(KUMAR, condition, "activations of variance 1 and mean phi(0) before the layer and after it"),
        solved(gain),
    )
    keeps = "unit variance of the activations, as far as the linearisation at 0 holds"
    return Found(gain, variance, keeps, condition, steps, (_linear_error(activation, variance),))


def _at_origin(activation: Activation) -> tuple[sp.Expr, sp.Expr]:
    near = origin(activation.expr)
    if not near.is_smooth:
        values, slopes = near.both(0), near.both(1)
        kind, (left, right) = ("slopes", slopes) if values[0] == values[1] else ("values", values)
        where = f"{kind} {shown(left)} and {shown(right)}"
        raise InputError(
            f"activation: mode 'kumar' linearises at 0, where {activation} has the {where} from the left and the right "
            "and no derivative; modes 'forward' and 'backward' need none"
        )
    value, slope = near.both(0)[1], near.both(1)[1]
    if is_zero_constant(slope):
        raise InputError(f"activation: mode 'kumar' divides by the slope at 0, which is 0 for {activation}")
    return value, slope


def _linear_error(activation: Activation, variance: sp.Expr) -> str:
    """How far the claim of the linearisation is from the truth."""
    moments, at_variance = Moments(activation), f"pre-activations of variance {shown(variance)}"
    try:
        with working_precision(_BITS):
            second = at(moments.values, variance, "").ball
            spread = second - at(moments.average, variance, "").ball ** 2
    except InputError:
        return f"the exact variance of {activation} at {at_variance} could not be enclosed"
    return (
        f"the linearisation says that {activation} has variance 1 at {at_variance}; "
        f"the exact one is {float(spread.mid()):.4g}"
    )
