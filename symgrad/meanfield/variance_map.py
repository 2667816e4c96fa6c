"""The map of the pre-activation variance from one layer of a wide random network to the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import VARIANCE, GaussianMean
from symgrad.meanfield.layer_factors import Moments
from symgrad.meanfield.moment_growth import constant_ball, growth_of_even_part, growth_of_second_moment
from symgrad.meanfield.origin import origin
from symgrad.rigor.balls import to_ball
from symgrad.rigor.closed_forms import is_zero_constant, tidy
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.extrema import extrema
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps

__all__ = ["Unit", "VarianceMap"]


@dataclass(frozen=True)
class Unit:
    """What mean-field theory needs to know of an activation phi.

    Args:
        activation: phi.
    """

    activation: Activation

    @cached_property
    def moments(self) -> Moments:
        """The Gaussian second moments of phi and its derivative."""
        return Moments(self.activation)

    @cached_property
    def jumps(self) -> bool:
        """Whether phi jumps somewhere; then the mean of the squared derivative is infinite."""
        return bool(jumps(self.activation.expr, VARIABLE))

    @cached_property
    def even_square(self) -> sp.Expr:
        """The even part of ``phi^2``, of the same Gaussian mean, as a formula for positive arguments."""
        return self._even_part(self.activation.expr**2)

    @cached_property
    def even_squared_slope(self) -> sp.Expr:
        """The even part of ``phi'^2``, likewise."""
        return self._even_part(self.activation.derivative.expr**2)

    @cached_property
    def constant_slope(self) -> sp.Expr | None:
        """The mean of the squared derivative where it does not depend on the variance; else None."""
        found = extrema(self.even_squared_slope, VARIABLE, sp.Interval.open(0, sp.oo))
        return found.sup.value if is_zero_constant(found.sup.value - found.inf.value) else None

    @cached_property
    def growth_of_square(self) -> tuple[arb, arb]:
        """Bounds of the logarithmic derivative of the second moment by the logarithm of the variance."""
        return _sharper(growth_of_second_moment(self.activation.expr), self.even_square)

    @cached_property
    def growth_of_squared_slope(self) -> tuple[arb, arb]:
        """The same for the mean of the squared derivative."""
        return growth_of_second_moment(self.activation.derivative.expr)

    def _even_part(self, square: sp.Expr) -> sp.Expr:
        if self.activation.parity is not None:
            return square
        return canonical((square + square.xreplace({VARIABLE: -VARIABLE})) / 2)

    @cached_property
    def vanishes_at_zero(self) -> bool:
        """Whether phi is zero at zero and tends to zero there."""
        return is_zero_constant(self.at_zero) and is_zero_constant(self.near_zero)

    @cached_property
    def at_zero(self) -> sp.Expr:
        """``phi(0)^2``, the second moment at variance zero."""
        return self.activation.expr.subs(VARIABLE, 0) ** 2

    @cached_property
    def near_zero(self) -> sp.Expr:
        """The limit of the second moment as the variance tends to zero, half the sum of both one-sided squares."""
        left, right = (piece.subs(VARIABLE, 0) ** 2 for piece in self.beside_zero)
        return (left + right) / 2

    @cached_property
    def slope_at_zero(self) -> sp.Expr:
        """The derivative of the second moment at variance zero from the right; infinite beside a jump or a corner."""
        if not is_zero_constant(self.near_zero - self.at_zero):
            return sp.oo * sp.sign(self.near_zero - self.at_zero)
        squares = [piece**2 for piece in self.beside_zero]
        corner = _at_zero(sp.diff(squares[1] - squares[0], VARIABLE))
        if not is_zero_constant(corner):
            return sp.oo * sp.sign(corner)
        return tidy(_at_zero(sp.diff(squares[0] + squares[1], VARIABLE, 2)) / 4)

    @cached_property
    def slopes_beside_zero(self) -> tuple[sp.Expr, sp.Expr]:
        """The derivatives of phi at zero from the left and from the right."""
        left, right = (_at_zero(derivative(piece, VARIABLE)) for piece in self.beside_zero)
        return left, right

    @cached_property
    def squared_slope_near_zero(self) -> sp.Expr:
        """The limit of the mean of the squared derivative as the variance tends to zero."""
        left, right = self.slopes_beside_zero
        return sp.oo if self.jumps else tidy((left**2 + right**2) / 2)

    @cached_property
    def beside_zero(self) -> tuple[sp.Expr, sp.Expr]:
        """The smooth formulas that phi has to the left and to the right of zero."""
        found = origin(self.activation.expr)
        return found.left, found.right


def _at_zero(formula: sp.Expr) -> sp.Expr:
    """The value of a formula at zero; infinite where it has a pole there."""
    value = formula.subs(VARIABLE, 0)
    return value if value.is_finite else sp.oo


def _sharper(known: tuple[arb, arb], even: sp.Expr) -> tuple[arb, arb]:
    """Bounds of a growth, sharpened by the even part where the half-lines tell one end: on one of them phi may fade.

    Where they tell neither, the extrema of the even part may take very long.
    """
    if known[0] > -arb(1) / 2 or not known[1].is_finite():
        return known
    other = growth_of_even_part(even)
    return known[0].max(other[0]), known[1].min(other[1])


@dataclass(frozen=True)
class VarianceMap:
    """``V(q) = skip q + gain E[phi(sqrt(q) z)^2] + offset`` on variances q >= 0.

    Args:
        unit: the activation.
        gain: ``sigma_w^2``, divided by the rate at which entries are kept where there is dropout.
        offset: ``sigma_b^2``.
        skip: the square of the factor of a residual connection.

    The last three are exact non-negative constants, or expressions where only ``expr`` is asked for.
    """

    unit: Unit
    gain: sp.Expr
    offset: sp.Expr
    skip: sp.Expr = sp.S.Zero

    @property
    def expr(self) -> sp.Expr:
        """The map as an expression in the variance."""
        return self.skip * VARIANCE + self.gain * self.unit.moments.values.expr + self.offset

    @property
    def closed(self) -> sp.Expr | None:
        """The same where the mean has a closed form, or None."""
        return None if self.unit.moments.values.closed is None else self.expr

    @property
    def domain(self) -> sp.Interval:
        """The variances at which the closed mean exists; it is infinite beyond."""
        closed = self.unit.moments.values.closed
        if closed is None or closed.exists == sp.true:
            return sp.Interval(0, sp.oo)
        return sp.Interval(0, sp.oo).intersect(closed.exists.as_set())

    @property
    def chi_expr(self) -> sp.Expr:
        """``chi_1 = skip + gain E[phi'^2]`` as an expression in the variance; infinite where phi jumps."""
        return sp.oo if self.unit.jumps else self.skip + self.gain * self.unit.moments.slopes.expr

    def ball(self, variance: arb, order: int = 0) -> arb:
        """An enclosure of the map or of a derivative, for all variances in a ball."""
        mean = to_ball(self.gain) * self.unit.moments.values.ball(variance, order)
        if order > 1:
            return mean
        return mean + (to_ball(self.skip) if order else to_ball(self.skip) * variance + to_ball(self.offset))

    def chi(self, variance: arb) -> arb:
        """An enclosure of ``chi_1``, the factor by which the mean squared gradient grows from layer to layer."""
        if self.unit.jumps:
            return arb.pos_inf()
        if variance == 0:
            return constant_ball(self.chi_at_zero)
        return to_ball(self.skip) + to_ball(self.gain) * self.unit.moments.slopes.ball(variance)

    @cached_property
    def chi_at_zero(self) -> sp.Expr:
        """``chi_1`` as the variance tends to zero."""
        return self.skip + self.gain * self.unit.squared_slope_near_zero

    def is_critical(self, variance: sp.Expr | arb) -> bool:
        """Whether ``chi_1 = 1`` is proved by rewriting, at zero, at a known variance, or at all."""
        if self.unit.jumps:
            return False
        formula = self.chi_at_zero if variance == 0 else self.chi_expr
        if isinstance(variance, sp.Expr):
            formula = formula.subs(VARIANCE, variance)
        return not formula.free_symbols and not formula.has(GaussianMean) and is_zero_constant(formula - 1)

    @cached_property
    def value_at_zero(self) -> sp.Expr:
        """``V(0)``."""
        return self.gain * self.unit.at_zero + self.offset

    @cached_property
    def slope_at_zero(self) -> sp.Expr:
        """``V'(0)`` from the right."""
        return self.skip + self.gain * self.unit.slope_at_zero

    def floats(self, variances: Any) -> np.ndarray:
        """Approximate values of the map for an array of variances."""
        q = np.asarray(variances, dtype=float)
        return float(self.skip) * q + float(self.gain) * self.unit.moments.values.floats(q) + float(self.offset)

    def chi_floats(self, variances: Any) -> np.ndarray:
        """Approximate values of ``chi_1`` for an array of variances."""
        q = np.asarray(variances, dtype=float)
        if self.unit.jumps:
            return np.full_like(q, np.inf)
        return float(self.skip) + float(self.gain) * self.unit.moments.slopes.floats(q)
