"""Fixed points of one unit over a parameter, from its curves ``B = z - W s(z)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.branch_zeros import ZERO_BITS, ArrayFunction, BallFunction
from symgrad.dynamics.level_points import clear_point
from symgrad.dynamics.points import FixedPoint
from symgrad.dynamics.scalar_system import FLOW
from symgrad.dynamics.unit import Unit
from symgrad.dynamics.unit_branches import UnitCurves
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import ball_function, lower_float, upper_float, working_precision
from symgrad.rigor.branches import Branch, monotone_branches
from symgrad.rigor.plain_balls import plain_ball_function
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["UnitSweep"]

Array = NDArray[np.float64]


class UnitSweep:
    """One unit at many values of a parameter, which may enter any of its coefficients.

    Args:
        unit: with that parameter as its only symbol.
        parameter: the symbol.
        values: finite numbers.
    """

    def __init__(self, unit: Unit, parameter: sp.Symbol, values: Array) -> None:
        self.unit, self.parameter = unit, parameter
        self.activation = unit.activation
        slope = self.activation.derivative.expr
        self._value, self._slope = (plain_ball_function(expr, VARIABLE) for expr in (self.activation.expr, slope))
        self._float_value, self._float_slope = array_function(self.activation.expr), array_function(slope)
        with working_precision(ZERO_BITS):
            given = [arb(value) for value in values.tolist()]
            self.weights, self.levels, self._decays, self._heights, self._offsets = (
                list(map(plain_ball_function(expr, parameter), given))
                for expr in (unit.weight, unit.bias, unit.decay, unit.height, unit.offset)
            )
        self._float_weights = np.array([float(weight.mid()) for weight in self.weights])
        self._float_levels = np.array([float(level.mid()) for level in self.levels])

    def branches(self) -> Sequence[tuple[Branch, ...] | None]:
        """The branches of B(z): of one curve where the weight is fixed, else of one for each weight."""
        count = len(self.levels)
        if not self.unit.weight.free_symbols:
            curve = VARIABLE - self.unit.weight * self.activation.expr
            return [self._branches(curve)] * count
        slopes = self._branches(self.activation.derivative.expr)
        return [None] * count if slopes is None else UnitCurves(self.activation, slopes, self.weights).branches()

    def _branches(self, formula: sp.Expr) -> tuple[Branch, ...] | None:
        """On all of R, or where that is not known on the part of it where fixed points can be."""
        try:
            return monotone_branches(formula, VARIABLE)
        except TailUndecidedError:
            pass
        ends = self._reach()
        try:
            return None if ends is None else monotone_branches(formula, VARIABLE, *ends)
        except TailUndecidedError:
            return None

    def _reach(self) -> tuple[sp.Expr, sp.Expr] | None:
        """Rational ends beyond all ``W s(z) + B``, if s is bounded: fixed points solve ``z = W s(z) + B``."""
        values = self.activation.range
        if not values.is_bounded:
            return None
        height = ball_function(values.sup_abs, ())()
        radii = [
            level + weight * arb(0, height.upper()) for weight, level in zip(self.weights, self.levels, strict=True)
        ]
        if not all(ball.is_finite() for ball in radii):
            return None
        low, high = min(map(lower_float, radii)), max(map(upper_float, radii))
        return sp.floor(sp.Rational(low)) - 1, sp.ceiling(sp.Rational(high)) + 1

    def level(self, member: int) -> arb:
        """B; not a number where the unit has no form."""
        sizes = (self._decays[member], self._heights[member], self._offsets[member], self.weights[member])
        proper = all(size.is_finite() for size in sizes) and not self._decays[member].contains(0)
        return self.levels[member] if proper else arb.nan()

    def joint(self, place: arb, limit: arb) -> arb:
        """The limit, as B(z) is continuous."""
        return limit

    def float_functions(self, members: NDArray[np.int64]) -> tuple[ArrayFunction, ArrayFunction]:
        """``z - W s(z) - B`` and its slope on arrays."""
        weight, level = self._float_weights[members], self._float_levels[members]
        return (
            lambda z: z - weight * self._float_value(np, z) - level,
            lambda z: 1 - weight * self._float_slope(np, z),
        )

    def ball_functions(self, member: int) -> tuple[BallFunction, BallFunction]:
        """``z - W s(z) - B`` and its slope on balls."""
        weight, level, value, slope = self.weights[member], self.levels[member], self._value, self._slope
        return lambda z: z - weight * value(z) - level, lambda z: 1 - weight * slope(z)

    def point(self, member: int, place: arb) -> FixedPoint | None:
        """The state ``c s(z) + d``, with the multiplier ``a (1 - W s'(z))``, plus 1 for a map."""
        system = self.unit.system
        state = self._heights[member] * self._value(place) + self._offsets[member]
        change = self._decays[member] * (1 - self.weights[member] * self._slope(place))
        return clear_point(state, change if system.kind == FLOW else 1 + change, system.kind)

    def lasting(self, member: int) -> Sequence[FixedPoint | None]:
        """None: every fixed point lies on the curve."""
        return ()
