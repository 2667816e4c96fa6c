"""All fixed points for each of many values of one parameter, with the statements of a single call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.level_points import FixedPointCurves, points_of_curves
from symgrad.dynamics.linear_parameter import linear_parameter
from symgrad.dynamics.points import FixedPoint, FixedPoints
from symgrad.dynamics.scalar_points import checked_box, gaps_between, scalar_fixed_points
from symgrad.dynamics.scalar_system import ScalarSystem, scalar_system
from symgrad.dynamics.unit import unit_of
from symgrad.dynamics.unit_sweep import UnitSweep
from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["FixedPointSweep", "SweepBranch", "sweep_fixed_points", "swept_points"]

Array = NDArray[np.float64]
_REALS = sp.Interval(-sp.oo, sp.oo)


@dataclass(frozen=True, eq=False)
class SweepBranch:
    """Fixed points that continue one another over neighbouring values of the parameter.

    Attributes:
        values: of the parameter, increasing.
        states: the fixed point at each.
        stability: of all of them.
    """

    values: Array
    states: Array
    stability: str


@dataclass(frozen=True, eq=False)
class FixedPointSweep(Presentable):
    """All fixed points of a scalar system for each value of one parameter: a sequence of :class:`FixedPoints`.

    Attributes:
        system: with the parameter free.
        parameter: its symbol.
        values: float64, exact.
        box: where the fixed points were searched.
        points: for each value those found, from left to right, with enclosures of a radius of at most 1e-15.
        complete: for each value whether it is proved that there are no others.
        continua: for each value intervals that consist of fixed points.

    >>> import symgrad as sg
    >>> sweep = sg.fixed_points(sg.models.neuron(w=5), {"b": np.linspace(-3, -2, 5)})
    >>> sweep.counts.tolist(), bool(sweep.complete.all()), [len(run) for run in sweep.runs]
    ([1, 1, 3, 1, 1], True, [2, 1, 2])
    >>> sweep[2].audit()
    True
    """

    system: ScalarSystem
    parameter: sp.Symbol
    values: Array
    box: sp.Interval
    points: tuple[tuple[FixedPoint, ...], ...]
    complete: NDArray[np.bool_]
    continua: tuple[tuple[sp.Interval, ...], ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FixedPoints:
        system = _at(self.system, self.parameter, float(self.values[index]))
        found = FixedPoints(system, self.box, self.points[index], self.continua[index], bool(self.complete[index]))
        return replace(found, gaps=gaps_between(found, _pieces(found)))

    def __iter__(self) -> Iterator[FixedPoints]:
        return (self[index] for index in range(len(self)))

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of fixed points for each value, those of continua left out."""
        return np.array([len(points) for points in self.points], dtype=np.int64)

    @property
    def runs(self) -> tuple[tuple[int, ...], ...]:
        """Places of neighbouring values, in increasing order, with as many fixed points of the same stabilities."""
        order = np.argsort(self.values, kind="stable").tolist()
        runs = groupby(order, key=lambda i: tuple(point.stability for point in self.points[i]))
        return tuple(tuple(run) for _, run in runs)

    @property
    def branches(self) -> tuple[SweepBranch, ...]:
        """Curves to draw, in each run the first fixed points, the second ones, and so on."""
        found: list[SweepBranch] = []
        for run in self.runs:
            for place, point in enumerate(self.points[run[0]]):
                states = np.array([self.points[i][place].value for i in run])
                found.append(SweepBranch(self.values[list(run)], states, point.stability))
        return tuple(found)


def sweep_fixed_points(
    system: ScalarSystem, parameter: sp.Symbol, values: Any, box: sp.Interval = _REALS
) -> FixedPointSweep:
    """All fixed points for each value of one parameter, proved to be all.

    One unit has an explicit curve of fixed points whose turns are found once, or from the turns of the slope of its
    activation for each weight; comparing a value with those of the curve at its turns tells how many fixed points there
    are, and one interval Newton step encloses each (Moore, Kearfott and Cloud 2009, sec. 8.1). What that leaves open,
    as at a fold, and systems of another form are answered value by value.

    Args:
        system: in which this parameter alone has no value.
        parameter: its symbol.
        values: finite numbers in one dimension, taken as float64 exactly.
        box: where fixed points are searched; a closed interval, or all real numbers.

    Raises:
        InputError: values that are not such numbers, or other parameters without values.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> system = scalar_system(sg.models.neuron(w=5))
    >>> sweep = sweep_fixed_points(system, system.symbol("b"), [-3.0, -2.5, -2.0])
    >>> sweep.counts.tolist(), [point.stability for point in sweep.points[1]]
    ([1, 3, 1], ['stable', 'unstable', 'stable'])
    """
    numbers = _checked(parameter, values)
    _at(system, parameter, float(numbers[0])).check_complete()
    curves = _curves(system, parameter, numbers, box)
    quick = [None] * len(numbers) if curves is None else points_of_curves(curves)
    within = [None if points is None else _within(points, box) for points in quick]
    answers = [
        (points, True, ()) if points is not None else _single(system, parameter, value, box)
        for points, value in zip(within, numbers.tolist(), strict=True)
    ]
    points, complete, continua = zip(*answers, strict=True)
    return FixedPointSweep(system, parameter, numbers, box, points, np.array(complete), continua)


def swept_points(model: Any, values: Mapping[Any, Any] | None, box: Any) -> FixedPointSweep | None:
    """The sweep of a scalar model over the one value that is an array; None where no value is one.

    Raises:
        InputError: more than one value is an array, or as for :func:`sweep_fixed_points`.
        UnknownNameError: a value for a symbol that does not occur.
    """
    arrays = [key for key, value in values.items() if _is_array(value)] if isinstance(values, Mapping) else []
    if values is None or not arrays:
        return None
    if len(arrays) > 1:
        names = ", ".join(map(str, arrays))
        raise InputError(f"values: one of them may be an array, to sweep over; {names} are arrays")
    (key,) = arrays
    numbers = {name: value for name, value in values.items() if name != key}
    system = scalar_system(model, numbers, [key])
    return sweep_fixed_points(system, system.symbol(key), values[key], checked_box(box, system.state))


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, list, tuple, range))


def _checked(parameter: sp.Symbol, values: Any) -> Array:
    needed = f"value of {parameter}: a one-dimensional array of finite numbers, one at least, is needed"
    try:
        given = np.asarray(values)
    except ValueError as cause:
        raise InputError(f"{needed}, got {values!r}") from cause
    if given.dtype.kind not in "iuf":
        raise InputError(f"{needed}, got {given.dtype} {values!r}")
    if given.ndim != 1 or not given.size:
        raise InputError(f"{needed}, got shape {given.shape}")
    numbers = given.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise InputError(f"{needed}, got {numbers[~np.isfinite(numbers)][0]} among them")
    numbers.flags.writeable = False
    return numbers


def _curves(system: ScalarSystem, parameter: sp.Symbol, values: Array, box: sp.Interval) -> FixedPointCurves | None:
    """The curve of fixed points in a form that is solved for many values at once, or None."""
    unit = unit_of(system)
    try:
        return UnitSweep(unit, parameter, values) if unit else linear_parameter(system, parameter, values, box)
    except (UnsupportedExpressionError, InputError):
        return None


def _within(points: tuple[FixedPoint, ...], box: sp.Interval) -> tuple[FixedPoint, ...] | None:
    """Those in the box; None where one may lie on its edge."""
    if box == _REALS:
        return points
    low, high = (arb.neg_inf() if box.start == -sp.oo else to_ball(box.start)), arb.pos_inf()
    high = high if box.end == sp.oo else to_ball(box.end)
    if any(point.ball.overlaps(end) for point in points for end in (low, high)):
        return None
    return tuple(point for point in points if point.ball > low and point.ball < high)


def _single(
    system: ScalarSystem, parameter: sp.Symbol, value: float, box: sp.Interval
) -> tuple[tuple[FixedPoint, ...], bool, tuple[sp.Interval, ...]]:
    try:
        found = scalar_fixed_points(_at(system, parameter, value), box)
    except InputError:  # for this value the residual is a real number nowhere in the box
        return (), True, ()
    return found.points, found.complete, found.continua


def _pieces(found: FixedPoints) -> tuple[SmoothPiece, ...]:
    """Where the residual is real, cut at kinks and jumps; none where that is not known."""
    ends = End(found.box.start, 1), End(found.box.end, -1)
    try:
        return split(found.system.formula, found.system.state, *ends, where_defined=True)
    except TailUndecidedError:
        return ()


def _at(system: ScalarSystem, parameter: sp.Symbol, value: float) -> ScalarSystem:
    """The system at exactly this float."""
    return replace(system, residual=system.residual.xreplace({parameter: sp.Rational(value)}))
