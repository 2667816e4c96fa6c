"""Fixed points over a parameter that is only added to the residual: they are the curve ``p = h(x)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.branch_zeros import ArrayFunction, BallFunction
from symgrad.dynamics.level_points import clear_point
from symgrad.dynamics.points import FixedPoint
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import ball_function
from symgrad.rigor.branches import Branch, monotone_branches
from symgrad.rigor.functions import canonical
from symgrad.rigor.plain_balls import plain_ball_function
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["AddedParameter", "added_factor"]

Array = NDArray[np.float64]


def added_factor(system: ScalarSystem, parameter: sp.Symbol) -> sp.Expr | None:
    """k, if the residual is ``r(x) + k p`` with a number k that is not 0; else None.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> x, p = sp.symbols("x p", real=True)
    >>> added_factor(scalar_system(sp.Eq(x, sp.log(x / (1 - x)) - 2 * p)), p)
    -2
    """
    factor = system.formula.diff(parameter)
    return factor if factor.is_number and factor.is_nonzero else None


class AddedParameter:
    """The residual ``r(x) + k p`` at many values of p: the fixed points solve ``p = h(x)`` with ``h = -r/k``.

    Args:
        system: with p as its only parameter.
        parameter: p.
        factor: k.
        values: finite numbers.
        box: where fixed points are searched.
    """

    def __init__(
        self, system: ScalarSystem, parameter: sp.Symbol, factor: sp.Expr, values: Array, box: sp.Interval
    ) -> None:
        self._kind, self._edge, self._box, self._values = system.kind, system.edge, box, values
        curve = sp.expand(-system.formula.xreplace({parameter: sp.S.Zero}) / factor)
        self._curve = curve.xreplace({system.state: VARIABLE})
        slope = canonical(self._curve.diff(VARIABLE).replace(sp.DiracDelta, lambda *_: sp.S.Zero))
        self._value, self._slope = (plain_ball_function(expr, VARIABLE) for expr in (self._curve, slope))
        self._float_value, self._float_slope = array_function(self._curve), array_function(slope)
        self._change = plain_ball_function(-factor * slope, VARIABLE)
        self._hull = ball_function(self._curve, VARIABLE)
        self._levels = [arb(value) for value in values.tolist()]

    def branches(self) -> Sequence[tuple[Branch, ...] | None]:
        """The branches of h in the box, the same for all values."""
        found: tuple[Branch, ...] | None = None
        for ends in ((-sp.oo, sp.oo), (self._box.start, self._box.end)):
            try:
                found = found or monotone_branches(self._curve, VARIABLE, *ends)
            except TailUndecidedError:
                continue
        return [found] * len(self._levels)

    def level(self, member: int) -> arb:
        """The value of p."""
        return self._levels[member]

    def joint(self, place: arb, limit: arb) -> arb:
        """What h takes there, on both sides if it jumps."""
        return limit.union(self._hull(place))

    def float_functions(self, members: NDArray[np.int64]) -> tuple[ArrayFunction, ArrayFunction]:
        """``h(x) - p`` and its slope on arrays."""
        levels = self._values[members]
        return lambda x: self._float_value(np, x) - levels, lambda x: self._float_slope(np, x)

    def ball_functions(self, member: int) -> tuple[BallFunction, BallFunction]:
        """``h(x) - p`` and its slope on balls."""
        level, value = self._levels[member], self._value
        return lambda x: value(x) - level, self._slope

    def point(self, member: int, place: arb) -> FixedPoint | None:
        """The fixed point x, with the multiplier r'(x), plus 1 for a map."""
        return clear_point(place, self._edge + self._change(place), self._kind)
