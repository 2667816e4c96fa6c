"""Curves of fixed points of a scalar system against its parameter, for a picture: traced in floats from many starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import BifurcationPoint, Bifurcations, Branch
from symgrad.dynamics.continuation import ContinuationProblem, branch_directions, continue_curve
from symgrad.dynamics.scalar_system import EQUATION, FLOW, ScalarSystem
from symgrad.rigor.balls import ball_function, working_precision

__all__ = ["diagram", "near_ones"]

Array = NDArray[np.float64]

_SCANNED, _LINES = 161, 3
_NEAR = 2e-3  # in units of the picture
_MOST_CURVES = 40
_GAP = 1e4


def diagram(found: Bifurcations) -> tuple[Branch, ...]:
    """The curves of fixed points through the bifurcations and through what a scan of three parameters finds.

    Args:
        found: of a scalar system in one parameter. An infinite interval is cut around the bifurcations.
    """
    system, (parameter,) = found.system, found.parameter
    low, high = _window(found.interval[0], [point.value for point in found], 1.0)
    bottom, top = _window(found.box[0], [float(point.state[0].mid()) for point in found], 2.0)
    problem = _problem(system, parameter, (bottom, low), (top, high))
    traced = _Traced(problem)
    with working_precision(64):
        for start, direction in [*_from_points(found, problem), *_from_scans(problem)]:
            if len(traced.curves) < _MOST_CURVES and problem.inside(start):
                traced.follow(start, direction)
    stable = _stability(system, problem)
    return tuple(_branch(curve, closed, stable, found, problem) for curve, closed in traced.curves)


def _window(interval: sp.Interval, values: list[float], least: float) -> tuple[float, float]:
    """A finite interval as it is; of an infinite one the part around some values."""
    ends = [float(end) if end.is_finite else None for end in (interval.start, interval.end)]
    known = near_ones(values) or [end for end in ends if end is not None] or [0.0]
    room = max(least, 0.5 * (max(known) - min(known)), 0.25 * max(map(abs, known)))
    low = ends[0] if ends[0] is not None else min(known) - room
    high = ends[1] if ends[1] is not None else max(known) + room
    return low, max(high, low + least)


def near_ones(values: Iterable[float]) -> list[float]:
    """Those that one picture shows: from the smallest on, up to a gap of several orders of magnitude."""
    kept: list[float] = []
    for value in sorted(filter(math.isfinite, values), key=abs):
        if kept and abs(value) > _GAP * max(1.0, abs(kept[-1])):
            break
        kept.append(value)
    return kept


def _problem(
    system: ScalarSystem, parameter: sp.Symbol, low: tuple[float, float], high: tuple[float, float]
) -> ContinuationProblem:
    symbols = (system.state, parameter)
    smooth = [part.replace(sp.DiracDelta, lambda *_: sp.S.Zero) for part in map(system.formula.diff, symbols)]
    value = _in_floats(ball_function(system.formula, symbols))
    slopes = [_in_floats(ball_function(part, symbols)) for part in smooth]
    ends = np.array(low), np.array(high)
    return ContinuationProblem(
        lambda u: np.array([value(u)]), lambda u: np.array([[slope(u) for slope in slopes]]), *ends, ends[1] - ends[0]
    )


def _in_floats(function: Callable[..., arb]) -> Callable[[Array], float]:
    def at(point: Array) -> float:
        if not np.isfinite(point).all():
            return math.nan
        ball = function(arb(float(point[0])), arb(float(point[1])))
        return float(ball.mid()) if ball.is_finite() else math.nan

    return at


def _from_points(found: Bifurcations, problem: ContinuationProblem) -> list[tuple[Array, Array]]:
    """Starts at the bifurcations: along the curve, or along both curves that cross."""
    starts = []
    for point in found:
        place = np.array([float(point.state[0].mid()), point.value])
        slopes = problem.jacobian(place) * problem.scale
        if not np.isfinite(slopes).all():
            continue
        if np.linalg.norm(slopes) > 1e-6:
            starts.append((place, np.array([-slopes[0, 1], slopes[0, 0]])))
        else:
            starts += [(place, direction) for direction in branch_directions(problem, place)]
    return starts


def _from_scans(problem: ContinuationProblem) -> list[tuple[Array, Array]]:
    """Starts at changes of sign of the residual along lines of one parameter."""
    starts = []
    (bottom, low), (top, high) = problem.low, problem.high
    states = np.linspace(bottom, top, _SCANNED)
    for parameter in np.linspace(low, high, _LINES):
        values = np.array([problem.residual(np.array([x, parameter]))[0] for x in states])
        for place in np.flatnonzero(values[:-1] * values[1:] <= 0):
            point = _newton(problem, np.array([(states[place] + states[place + 1]) / 2, parameter]))
            if point is not None and problem.inside(point):
                starts.append((point, np.array([0.0, 1.0])))
    return starts


def _newton(problem: ContinuationProblem, point: Array) -> Array | None:
    for _ in range(20):
        value, slope = problem.residual(point)[0], problem.jacobian(point)[0, 0]
        if not math.isfinite(value) or not slope:
            return None
        step = value / slope
        point = point - np.array([step, 0.0])
        if abs(step) < 1e-13 * problem.scale[0]:
            return point
    return None


class _Traced:
    """Curves that are followed once each."""

    def __init__(self, problem: ContinuationProblem) -> None:
        self.problem = problem
        self.curves: list[tuple[Array, bool]] = []

    def follow(self, start: Array, direction: Array) -> None:
        """Both ways from a start, unless a curve passes there in that direction."""
        along = direction / np.linalg.norm(direction)
        regular = self.problem.tangent(start, along)
        along = regular if np.isfinite(regular).all() and abs(regular @ along) > 1e-3 else along
        if any(self._passes(curve, start, along) for curve, _ in self.curves):
            return
        forward = continue_curve(self.problem, start, along)
        if forward.closed:
            self.curves.append((forward.points, True))
            return
        backward = continue_curve(self.problem, start, -along)
        self.curves.append((np.vstack([backward.points[:0:-1], forward.points]), False))

    def _passes(self, curve: Array, point: Array, along: Array) -> bool:
        if len(curve) < 2:
            return False
        scaled = (curve - point) / self.problem.scale
        parts = np.diff(scaled, axis=0)
        lengths = np.maximum(np.linalg.norm(parts, axis=1), 1e-300)
        share = np.clip(-np.sum(scaled[:-1] * parts, axis=1) / lengths**2, 0, 1)
        distances = np.linalg.norm(scaled[:-1] + share[:, None] * parts, axis=1)
        nearest = int(np.argmin(distances))
        return bool(distances[nearest] < _NEAR and abs(parts[nearest] @ along) > 0.9 * lengths[nearest])


def _stability(system: ScalarSystem, problem: ContinuationProblem) -> Callable[[Array], bool]:
    def stable(point: Array) -> bool:
        slope = float(problem.jacobian(point)[0, 0])
        if system.kind == EQUATION:
            return True
        return slope < 0 if system.kind == FLOW else abs(1 + slope) < 1

    return stable


def _branch(
    curve: Array, closed: bool, stable: Callable[[Array], bool], found: Bifurcations, problem: ContinuationProblem
) -> Branch:
    with working_precision(64):
        flags = np.array([stable(point) for point in curve])
    special = tuple(point for point in found if _lies_on(curve, point, problem))
    return Branch(curve[:, -1].copy(), curve[:, :-1].copy(), flags, special, closed)


def _lies_on(curve: Array, point: BifurcationPoint, problem: ContinuationProblem) -> bool:
    place = np.array([float(point.state[0].mid()), point.value])
    return bool(np.linalg.norm((curve - place) / problem.scale, axis=1).min() < problem.step)
