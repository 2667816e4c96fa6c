"""What one wide random layer does to variances: the factor forward, the factor backward, and the slope of the map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.activations import activation as named_activation
from symgrad.language.elementwise import VARIABLE, Activation, written_out
from symgrad.language.gaussian import VARIANCE, GaussianMean
from symgrad.language.numbers import exact_number
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant, tidy

__all__ = ["Moments", "Quantity", "any_activation", "at", "positive_number"]

_BITS = 128


@dataclass(frozen=True)
class Quantity:
    """A constant: its formula, in which means may stand unevaluated, and a ball around it."""

    expr: sp.Expr
    ball: arb

    @property
    def side_of_one(self) -> int | None:
        """Whether it lies below (-1), at (0) or above (1) one; None where that is not proved."""
        if self.ball < 1:
            return -1
        if self.ball > 1:
            return 1
        return 0 if self.expr.is_number and is_zero_constant(self.expr - 1) else None


@dataclass(frozen=True)
class Moments:
    """The Gaussian second moments of an activation and of its derivative, and what they say about one layer.

    Every mean is over ``sqrt(q) z`` with z standard normal, as a function of the variance q.

    Args:
        activation: phi.
    """

    activation: Activation

    @cached_property
    def values(self) -> Mean:
        """The second moment of the values."""
        return Mean(self.activation.expr**2)

    @cached_property
    def average(self) -> Mean:
        """The mean of the values."""
        return Mean(self.activation.expr)

    @cached_property
    def slopes(self) -> Mean:
        """The second moment of the derivative.

        Raises:
            UnsupportedExpressionError: the activation jumps.
        """
        return Mean(self.activation.derivative.expr**2)

    def forward(self, gain: Quantity, variance: sp.Expr) -> Quantity:
        """``g^2 E[phi^2]/q``, the variance of pre-activations after a layer without biases over that before it."""
        moment = at(self.values, variance, f"E[{self.activation}^2]")
        with working_precision(_BITS):
            return Quantity(gain.expr**2 * moment.expr / variance, gain.ball**2 * moment.ball / to_ball(variance))

    def backward(self, gain: Quantity, variance: sp.Expr) -> Quantity:
        """``chi_1 = g^2 E[phi'^2]``, the mean squared gradient before a layer over that after it, at equal widths."""
        return _scaled(gain, at(self.slopes, variance, f"E[{self.activation}'^2]"))

    def slope(self, gain: Quantity, variance: sp.Expr) -> Quantity:
        """``V'(q)``, the derivative of ``V(q) = g^2 E[phi^2]``."""
        return _scaled(gain, at(self.values, variance, f"the derivative of E[{self.activation}^2]", order=1))


def _scaled(gain: Quantity, moment: Quantity) -> Quantity:
    with working_precision(_BITS):
        return Quantity(gain.expr**2 * moment.expr, gain.ball**2 * moment.ball)


def at(mean: Mean, variance: sp.Expr, label: str, order: int = 0) -> Quantity:
    """A mean, or its derivative by the variance, at one variance.

    Raises:
        InputError: it is infinite, or not proved to be finite.
    """
    closed = mean.closed
    if closed is not None and closed.exists.subs(VARIANCE, variance) == sp.false:
        raise InputError(f"activation: {label} is infinite at variance {variance}; it exists where {closed.exists}")
    with working_precision(_BITS):
        ball = mean.ball(to_ball(variance), order)
    if not ball.is_finite():
        raise InputError(f"activation: {label} at variance {variance} is infinite, or could not be proved to be finite")
    return Quantity(_formula(mean, variance, order), ball)


def _formula(mean: Mean, variance: sp.Expr, order: int) -> sp.Expr:
    """The closed form at a variance, or the mean unevaluated; the derivative of one is a mean with another weight."""
    if mean.closed is not None:
        value = sp.diff(mean.closed.value, VARIANCE, order).subs(VARIANCE, variance)
        return tidy(value) if value.is_number else value
    if not order:
        return GaussianMean(sp.Lambda(VARIABLE, mean.formula), variance)
    weighted = (VARIABLE**2 / variance - 1) * mean.formula
    return GaussianMean(sp.Lambda(VARIABLE, weighted), variance) / (2 * variance)


def any_activation(given: Any) -> Activation:
    """An activation given by name, as an :class:`Activation`, or as a SymPy formula in one symbol.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(given, sp.Expr):
        return Activation("phi", written_out(given), r"\varphi")
    if isinstance(given, (str, Activation)):
        return named_activation(given)
    raise InputError(
        "activation: a name such as 'tanh', an Activation or a SymPy formula in one symbol is needed, "
        f"got {type(given).__name__} {given!r}"
    )


def positive_number(label: str, value: Any) -> sp.Expr:
    """An exact positive number.

    Raises:
        InputError: it is none.
    """
    number = exact_number(label, value)
    if not bool(number > 0):
        raise InputError(f"{label}: a positive number is needed, got {value!r}")
    return number
