"""What proves that settled states on two sides of a value of a parameter belong together, or that they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import sympy as sp
from flint import arb

from symgrad.dynamics.basin_parts import CYCLE, FIXED_POINT, INFINITY, OUTSIDE, Attractor, right_side
from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.dynamics.unit import Unit, unit_of
from symgrad.errors import SymgradError, UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE, written_out
from symgrad.rigor.balls import ball_function, interval_function, to_ball, working_precision
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps
from symgrad.rigor.monotone import function_range

__all__ = ["APART", "NEAR", "SAME", "UNDECIDED", "Passage", "limits", "monotony"]

APART, SAME, NEAR, UNDECIDED = "apart", "same", "near", "undecided"

_BITS = 128
_PIECES = 32
_LITTLE = 1e-3  # a settled state that moves by less is called near
_GROWTH = 4
_FIRST = 1e-9
_JUMPS = (sp.sign, sp.Heaviside, sp.Piecewise, sp.floor, sp.ceiling)

Span = tuple[sp.Rational, sp.Rational]
Limits = tuple[arb, arb]


def limits(attractor: Attractor) -> Limits | None:
    """The lowest and the highest number that the states come back to; None where that is not known."""
    if attractor.kind not in (FIXED_POINT, CYCLE, INFINITY, OUTSIDE):
        return None
    return attractor.points[0], attractor.points[-1]


@dataclass(frozen=True, eq=False)
class Passage:
    """What a settled state can do while the parameter passes from one value to another.

    A settled state is a zero of the residual. So if a number c is no zero for any value of the parameter in between,
    a state that moves continuously cannot pass c (intermediate value theorem). This proves jumps, and their absence.

    Attributes:
        system: a map or a flow; two steps of a map where cycles of two are settled states as well.
        parameter: its only one.
        span: both values.
    """

    system: ScalarSystem
    parameter: sp.Symbol
    span: Span

    def compare(self, before: Limits, after: Limits, marks: Iterable[float]) -> str:
        """How the limits on both sides are related.

        Args:
            before: balls around the lowest and the highest limit at the one value.
            after: likewise at the other.
            marks: numbers between which residuals are expected to have a sign, such as fixed points.

        Returns:
            ``"apart"``: proved to be no continuous branch; ``"same"``: proved to be one branch, the only one there;
            ``"near"``: proved to move by little; ``"undecided"``.
        """
        known = sorted(marks)
        with working_precision(_BITS):
            verdicts = {self._of_pair(one, other, known) for one, other in zip(before, after, strict=True)}
        return next(word for word in (APART, UNDECIDED, NEAR, SAME) if word in verdicts)

    def _of_pair(self, one: arb, other: arb, marks: list[float]) -> str:
        if not (one.is_finite() or other.is_finite()) and one == other:
            return SAME
        low, high = (one, other) if one < other else (other, one)
        if low < high and any(self._separates(low, c, high) for c in _between(low, high, marks)):
            return APART
        return self._near(one, other)

    def _separates(self, low: arb, place: float, high: arb) -> bool:
        return bool(low < place and high > place) and self._excludes(arb(place))

    def _excludes(self, place: arb) -> bool:
        """Whether a state is proved to be no fixed point for any value of the parameter in between."""
        value = self._residual(place, self._span)
        return bool(value.is_finite() and not value.contains(0))

    def _near(self, one: arb, other: arb) -> str:
        """Looks for numbers on both sides of two settled states which they cannot pass."""
        if not (one.is_finite() and other.is_finite()):
            return UNDECIDED
        both = one.union(other)
        low, high = (self._barrier(both, side) for side in (-1, 1))
        if low is None or high is None:
            return UNDECIDED
        try:
            slope = self._slope(low.union(high), self._span)
        except UnsupportedExpressionError:  # as of a jump
            return NEAR
        return SAME if slope.is_finite() and not slope.contains(0) else NEAR

    def _barrier(self, both: arb, side: int) -> arb | None:
        scale = 1 + float(abs(both.mid()))
        edge = arb((both.upper() if side > 0 else both.lower()).mid())
        distance = _FIRST * scale
        while distance < _LITTLE * scale:
            place = arb((edge + side * distance).mid())
            if self._excludes(place):
                return place
            distance *= _GROWTH
        return None

    @cached_property
    def _span(self) -> arb:
        return to_ball(self.span[0]).union(to_ball(self.span[1]))

    @cached_property
    def _symbols(self) -> tuple[sp.Symbol, sp.Symbol]:
        return self.system.state, self.parameter

    @cached_property
    def _residual(self) -> Callable[..., arb]:
        return ball_function(canonical(written_out(self.system.residual)), self._symbols)

    @cached_property
    def _slope(self) -> Callable[..., arb]:
        return ball_function(canonical(written_out(self.system.residual.diff(self.system.state))), self._symbols)


def _between(low: arb, high: arb, marks: list[float]) -> list[float]:
    """Middles of neighbouring marks between two numbers, which may be infinite."""
    first, last = (float(end.mid()) if end.is_finite() else float(end) for end in (low, high))
    inner = [mark for mark in marks if first < mark < last]
    finite = [mark for mark in (first, *inner, last) if np.isfinite(mark)]
    beyond = [mark + step for mark in (finite or [0.0]) for step in (-1.0, 1.0)]
    return [(a + b) / 2 for a, b in pairwise(finite)] + [place for place in beyond if first < place < last]


def monotony(system: ScalarSystem, parameter: sp.Symbol, interval: sp.Interval) -> int:
    """1 for a system that keeps the order of states for all values of the parameter, -1 for a map that reverses it.

    Flows keep it, if they are continuous; maps if their slope is proved to have one sign. 0 where that is not proved.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> system = scalar_system(sg.models.neuron(b=0))
    >>> w = system.symbol("w")
    >>> [monotony(system, w, sp.Interval(*ends)) for ends in ((0, 3), (-3, 0), (-1, 1))]
    [1, -1, 0]
    """
    unit = unit_of(system)
    try:
        if not _is_continuous(system, unit):
            return 0
        if system.kind == FLOW:
            return 1
        low, high = _slopes(system, parameter, interval) if unit is None else _unit_slopes(unit, parameter, interval)
    except SymgradError:
        return 0
    return 1 if low >= 0 else -1 if high <= 0 else 0


def _is_continuous(system: ScalarSystem, unit: Unit | None) -> bool:
    if unit is not None:
        return not jumps(unit.activation.expr, VARIABLE)
    return not right_side(system).has(*_JUMPS)


def _unit_slopes(unit: Unit, parameter: sp.Symbol, interval: sp.Interval) -> tuple[float, float]:
    """Bounds of the slope of a map, which is affine in that of its activation: extreme where that is."""
    everywhere = np.array([-np.inf]), np.array([np.inf])
    steepness = [float(end[0]) for end in function_range(unit.activation.derivative.expr, VARIABLE).over(*everywhere)]
    if not np.isfinite(steepness).all():
        return -np.inf, np.inf
    ends = np.array([float(interval.start)]), np.array([float(interval.end)])
    found = []
    for slope in map(sp.Rational, steepness):
        formula = canonical(sp.expand(1 + unit.decay - unit.decay * unit.weight * slope))
        found += [float(end[0]) for end in function_range(formula, parameter).over(*ends)]
    return min(found), max(found)


def _slopes(system: ScalarSystem, parameter: sp.Symbol, interval: sp.Interval) -> tuple[float, float]:
    """Bounds of the slope of a map over all states, by interval evaluation."""
    slope = canonical(written_out(sp.S.Zero if system.multiplier is None else system.multiplier))
    over = interval_function(slope, (system.state, parameter))
    marks = np.linspace(float(interval.start), float(interval.end), _PIECES + 1)
    states = arb.neg_inf(), arb.pos_inf()
    with working_precision(_BITS):
        found = [over(states, (arb(low), arb(high))) for low, high in pairwise(marks.tolist())]
        signs = [(bool(low >= 0), bool(high <= 0)) for low, high in found]
    if all(rises for rises, _ in signs):
        return 0.0, np.inf
    return -np.inf, 0.0 if all(falls for _, falls in signs) else np.inf
