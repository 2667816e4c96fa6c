"""Basins of attraction of scalar flows and maps, with certified boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb

from symgrad.dynamics.basin_iterates import decreasing_basins, mixed_basins, second_iterate
from symgrad.dynamics.basin_parts import (
    CONTINUUM,
    FIXED_POINT,
    UNKNOWN,
    Attractor,
    BasinInterval,
    by_order,
    right_side,
    slope_bounds,
    stretches,
)
from symgrad.dynamics.points import FixedPoint, FixedPoints
from symgrad.dynamics.scalar_points import checked_box, scalar_fixed_points
from symgrad.dynamics.scalar_system import EQUATION, MAP, ScalarSystem, scalar_system
from symgrad.dynamics.settled import refined
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant

__all__ = ["IMAGES", "ORDER", "SECOND_ITERATE", "Basins", "basins", "system_basins"]

ORDER, SECOND_ITERATE, IMAGES = "order of fixed points", "second iterate", "images of intervals"
_REALS = (-float("inf"), float("inf"))
_PRECISIONS = (128, 1024, 8192)
_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class Basins(Presentable):
    """Which starts of a scalar flow or map lead where.

    Attributes:
        system: with numbers.
        points: its fixed points.
        intervals: open intervals from left to right with the attractor of each, ``"undecided"`` where none is proved.
        boundaries: certified points that repel on at least one side; for a decreasing map those of its second iterate,
            so points of 2-cycles too.
        method: ``"order of fixed points"`` (flows, increasing maps, and others of which it decides all starts),
            ``"second iterate"`` (decreasing maps) or
            ``"images of intervals"`` (other maps: what is proved need not be the whole basin).
        complete: whether the intervals are the whole basins: nothing is undecided, and all starts are covered.

    >>> import symgrad as sg
    >>> print(sg.basins(sg.models.neuron(activation="relu"), {"w": 2, "b": -1}))
    basins of neuron, by order of fixed points: these are the whole basins
    starts     end
    ---------  -------------
    (-inf, 0)  fixed point 0
    (0, 1)     fixed point 0
    (1, inf)   to inf
    certified boundaries: 1
    """

    system: ScalarSystem
    points: FixedPoints = field(repr=False)
    intervals: tuple[BasinInterval, ...]
    boundaries: tuple[FixedPoint, ...]
    method: str
    complete: bool

    @property
    def attractors(self) -> tuple[Attractor, ...]:
        """The different ones that some interval leads to."""
        found: list[Attractor] = []
        for part in self.intervals:
            if part.attractor.kind != UNKNOWN and not any(part.attractor.same(known) for known in found):
                found.append(part.attractor)
        return tuple(found)

    def of(self, initial: Any) -> Attractor:
        """Where the trajectory from x(0) ends.

        Args:
            initial: x(0), a finite real number; a float stands for its shortest decimal.

        Returns:
            The attractor, proved. A start that is a fixed point itself stays there, also if it is unstable.
            ``"undecided"`` where nothing is proved, as for starts that some step takes exactly to a boundary.

        Raises:
            InputError: no such number.

        >>> import symgrad as sg
        >>> found = sg.basins(sg.models.neuron(), {"w": 5, "b": -2.5})
        >>> [round(found.of(start).value, 6) for start in (-7, 0.4999999, 0.5, 0.5000001)]
        [0.144794, 0.144794, 0.5, 0.855206]
        """
        start = exact_number("initial", initial)
        if is_zero_constant(self._formula.subs(self.system.state, start)):
            return Attractor(FIXED_POINT, (to_ball(start),))
        for bits in _PRECISIONS:
            with working_precision(bits):
                found = self._of_ball(to_ball(start), bits)
            if found is not None:
                return found
        return Attractor(UNKNOWN)

    @property
    def _formula(self) -> sp.Expr:
        return self.system.formula

    def _of_ball(self, ball: arb, bits: int) -> Attractor | None:
        """Steps until the ball lies in an interval that is decided; a flow has no steps."""
        parts = self._refined(bits)
        for _ in range(_MOST_STEPS if self.system.kind == MAP else 1):
            inside = next((p for p in parts if p.left < ball and ball < p.right), None)
            if inside is not None and inside.attractor.kind != UNKNOWN:
                stays = inside.attractor.kind == CONTINUUM
                return Attractor(FIXED_POINT, (ball,)) if stays else inside.attractor
            if not ball.is_finite() or ball.rad() > 1:
                return None
            ball = self._step(ball)
        return None

    @cached_property
    def _step(self) -> Any:
        return ball_function(right_side(self.system), self.system.state)

    def _refined(self, bits: int) -> list[BasinInterval]:
        """The intervals with boundaries enclosed more narrowly."""
        if bits == _PRECISIONS[0]:
            return list(self.intervals)
        ends = [(point.ball, refined(self._of_boundaries, point, bits)) for point in self.boundaries]
        return [replace(part, left=_newer(part.left, ends), right=_newer(part.right, ends)) for part in self.intervals]

    @property
    def _of_boundaries(self) -> ScalarSystem:
        return second_iterate(self.system) if self.method == SECOND_ITERATE else self.system


def _newer(end: arb, ends: list[tuple[arb, arb]]) -> arb:
    return next((new for old, new in ends if old is end), end)


def basins(model: Any, values: Mapping[Any, Any] | None = None, box: Any = None) -> Basins:
    """The basins of attraction of a scalar flow or map, and the certified points that bound them.

    Flows and increasing maps: trajectories are monotone and cannot pass a fixed point, so the unstable points are the
    boundaries. Decreasing maps: so it is for F(F(x)), whose other fixed points are 2-cycles of F. Other maps: intervals
    whose images are proved to be taken into a neighbourhood of an attractor.

    Args:
        model: a :class:`symgrad.Recurrence` or :class:`symgrad.Flow` with one scalar state, or an equation
            ``x = g(x)``, read as a map.
        values: numbers for all parameters and inputs, as for :func:`symgrad.fixed_points`.
        box: the interval in which fixed points and starts are considered; all real numbers unless given.

    Raises:
        InputError: another kind of model, a value that is missing or no number, or an equation that is no map.
        UnknownNameError: the model has no such symbol.

    Source: monotone dynamics in one dimension, Strogatz 1994, sec. 2.2 and 10.1.

    >>> import symgrad as sg
    >>> found = sg.basins(sg.models.neuron(), {"w": 5, "b": -2.5})
    >>> [point.exact for point in found.boundaries], found.complete, found.method
    ([1/2], True, 'order of fixed points')
    """
    system = scalar_system(model, values)
    if system.kind == EQUATION:
        raise InputError(f"model: {system.name} is not of the form x = g(x), so it is no map and has no basins")
    return system_basins(system, checked_box(box, system.state))


def system_basins(system: ScalarSystem, interval: sp.Interval = sp.S.Reals) -> Basins:
    """The same of a scalar map or flow in one formula.

    Raises:
        InputError: a parameter has no value.
    """
    system.check_complete()
    points = scalar_fixed_points(system, interval)
    if system.kind == MAP:
        slopes = slope_bounds(system)
        low, high = slopes(*_REALS) if slopes is not None else _REALS
        if slopes is not None and low < 0:
            if high <= 0 and interval == sp.S.Reals:
                decreasing = decreasing_basins(points)
                if decreasing is not None:
                    return _finished(points, decreasing[1], decreasing[0], SECOND_ITERATE)
            found = _finished(points, by_order(points), points, ORDER)
            if found.complete:
                return found
            parts = mixed_basins(points, slopes, interval)
            return Basins(system, points, tuple(parts), points.unstable, IMAGES, False)
    return _finished(points, by_order(points), points, ORDER)


def _finished(points: FixedPoints, parts: list[BasinInterval], ordered: FixedPoints, method: str) -> Basins:
    complete = ordered.complete and bool(parts) and all(part.attractor.kind != UNKNOWN for part in parts)
    return Basins(points.system, points, tuple(parts), _repelling(ordered), method, complete)


def _repelling(points: FixedPoints) -> tuple[FixedPoint, ...]:
    """The fixed points from which the residual points away, on one side or both."""
    parts = stretches(points)
    away = [part.right_site for part in parts if part.sign < 0] + [part.left_site for part in parts if part.sign > 0]
    repelling = {id(site) for site in away}
    return tuple(point for point in points if id(point) in repelling)
