"""Fixed points over a parameter in which the residual is linear: they are the curve ``p = h(x)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.branch_zeros import ZERO_BITS, ArrayFunction, BallFunction
from symgrad.dynamics.level_points import clear_point
from symgrad.dynamics.points import FixedPoint
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.branches import Branch, monotone_branches
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.functions import canonical
from symgrad.rigor.plain_balls import plain_ball_function
from symgrad.rigor.roots import all_roots
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["LinearParameter", "linear_parameter"]

Array = NDArray[np.float64]
_REALS = sp.Interval(-sp.oo, sp.oo)
_LONG = 200  # operations beyond which no common factor is looked for


def linear_parameter(
    system: ScalarSystem, parameter: sp.Symbol, values: Array, box: sp.Interval
) -> LinearParameter | None:
    """The curve of fixed points, if the residual is ``r0(x) + p r1(x)`` and the zeros of r1 are known; else None.

    Args:
        system: with p as its only parameter.
        parameter: p.
        values: finite numbers.
        box: where fixed points are searched.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> x, p = sp.symbols("x p", real=True)
    >>> system = scalar_system(sp.Eq(x, p * x * (1 - x)))
    >>> found = linear_parameter(system, p, np.array([2.0]), sp.Interval(-sp.oo, sp.oo))
    >>> found.curve.subs(found.variable, x), found.constant
    (-1/(x - 1), (0,))
    """
    formula = system.formula.xreplace({system.state: VARIABLE})
    factor = formula.diff(parameter)
    if parameter in factor.free_symbols or factor.is_zero:
        return None
    rest = formula.xreplace({parameter: sp.S.Zero})
    constant = _common_zeros(rest, factor, box)
    return None if constant is None else LinearParameter(system, rest, factor, constant, values, box)


def _common_zeros(rest: sp.Expr, factor: sp.Expr, box: sp.Interval) -> tuple[sp.Expr, ...] | None:
    """The points that are fixed points for every p, where all zeros of the factor are known exactly."""
    if not factor.free_symbols:
        return ()
    found = next((roots for ends in (_REALS, box) if not (roots := all_roots(factor, VARIABLE, ends)).gaps), None)
    if found is None or found.continua:
        return None
    common: list[sp.Expr] = []
    for root in found.points:
        if root.exact is None:
            return None
        value = rest.subs(VARIABLE, root.exact)
        if value.has(sp.zoo, sp.oo, -sp.oo, sp.nan) or value.is_real is False:
            continue  # the residual is not defined there
        if is_zero_constant(value):
            common.append(root.exact)
        elif to_ball(value).contains(0):
            return None
    return tuple(common)


class LinearParameter:
    """The residual ``r0(x) + p r1(x)`` at many values of p: the fixed points solve ``p = h(x)`` with ``h = -r0/r1``.

    Attributes:
        variable: the symbol that stands for x.
        curve: h, without the factors that r0 and r1 have in common.
        constant: the zeros that they have in common, fixed points for every p.
    """

    variable = VARIABLE

    def __init__(
        self,
        system: ScalarSystem,
        rest: sp.Expr,
        factor: sp.Expr,
        constant: tuple[sp.Expr, ...],
        values: Array,
        box: sp.Interval,
    ) -> None:
        self._kind, self._edge, self._box, self._values = system.kind, system.edge, box, values
        quotient = -rest / factor
        short = bool(factor.free_symbols) and quotient.count_ops() < _LONG
        self.curve, self.constant = canonical(sp.cancel(quotient) if short else sp.expand(quotient)), constant
        slope = _slope(self.curve)
        self._value, self._slope = (plain_ball_function(expr, VARIABLE) for expr in (self.curve, slope))
        self._float_value, self._float_slope = array_function(self.curve), array_function(slope)
        parts = (rest, factor, _slope(rest), _slope(factor))
        self._rest, self._factor, *self._changes = (plain_ball_function(expr, VARIABLE) for expr in parts)
        self._hull = ball_function(self.curve, VARIABLE)
        self._levels = [arb(value) for value in values.tolist()]

    def branches(self) -> Sequence[tuple[Branch, ...] | None]:
        """The branches of h, on all of R or in the box, the same for all values."""
        found: tuple[Branch, ...] | None = None
        for ends in ((-sp.oo, sp.oo), (self._box.start, self._box.end)):
            try:
                found = found or monotone_branches(self.curve, VARIABLE, *ends)
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
        """The fixed point x, with the multiplier ``r0'(x) + p r1'(x)``, plus 1 for a map."""
        level = self._levels[member]
        residual = self._rest(place) + level * self._factor(place)
        if not (residual.is_finite() and residual.contains(0)):
            return None  # h may be defined where the residual is not
        change = self._changes[0](place) + level * self._changes[1](place)
        return clear_point(place, self._edge + change, self._kind)

    def lasting(self, member: int) -> list[FixedPoint | None]:
        """The fixed points for every p; None for one that another fixed point meets."""
        found: list[FixedPoint | None] = []
        for constant in self.constant:
            place = to_ball(constant, ZERO_BITS)
            point = self.point(member, place)
            met = point is None or self._hull(place).overlaps(self._levels[member])
            found.append(None if met or point is None else replace(point, exact=constant))
        return found


def _slope(formula: sp.Expr) -> sp.Expr:
    """The derivative, off the jumps."""
    return canonical(formula.diff(VARIABLE).replace(sp.DiracDelta, lambda *_: sp.S.Zero))
