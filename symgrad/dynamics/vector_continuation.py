"""Bifurcations of larger vector systems: curves of fixed points followed from found ones, each candidate certified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import BifurcationPoint, Branch
from symgrad.dynamics.continuation import (
    BRANCH_POINT,
    FOLD,
    ContinuationProblem,
    Curve,
    branch_directions,
    continue_curve,
)
from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_certificates import certify
from symgrad.dynamics.vector_conditions import FLIPS, FOLDS, PAIRS, Box, float_sign
from symgrad.dynamics.vector_derivatives import Extended
from symgrad.dynamics.vector_sampling import sampled_zeros
from symgrad.dynamics.vector_system import VectorSystem, entry_place

__all__ = ["continued_search", "curves_from", "pictured_branches"]

Array = NDArray[np.float64]

_CONDITION = {FOLD: FOLDS, BRANCH_POINT: FOLDS, FLIPS: FLIPS, PAIRS: PAIRS}
_MOST_CURVES = 40
_NEAR = 1e-5  # of the scale: a fixed point this near to a curve lies on it
_SINGULAR = 1e-7  # of the largest singular value: at a branch point the smallest is
_SWITCHED = 1e-3  # of the scale: how far a curve that branches off is entered


def continued_search(
    extended: Extended, whole: Box, symmetries: tuple[Symmetry, ...], starts: int, seed: int
) -> tuple[tuple[BifurcationPoint, ...], tuple[Branch, ...]]:
    """Bifurcations on the curves of fixed points through those that are found at both ends and the middle of p.

    Args:
        extended: the equations.
        whole: the box of (x, p); sides of x may be infinite.
        symmetries: of the equations.
        starts: how many starts are used for fixed points at each of the three values of p.
        seed: of the starts.
    """
    found = _found_points(extended, whole, starts, seed)
    curves = curves_from(extended, whole, found)
    points: list[BifurcationPoint] = []
    branches = []
    for curve in curves:
        special = []
        for candidate in curve.candidates:
            made = certify(extended, symmetries, _CONDITION[candidate.kind], candidate.point)
            point = None if made is None else made[0]
            if point is None or not _is_near(point, candidate.point) or not _inside(point, whole):
                continue
            known = next((p for p in points if _is_same(p, point)), None)
            if known is None:
                points.append(point)
            special.append(point if known is None else known)
        branches.append(_branch(extended, curve, tuple(special)))
    return tuple(sorted(points, key=lambda point: point.value)), tuple(branches)


def pictured_branches(
    extended: Extended, whole: Box, points: tuple[BifurcationPoint, ...], starts: int, seed: int
) -> tuple[Branch, ...]:
    """Curves of fixed points in a box for pictures, each with those of some bifurcations that lie on it."""
    margin = _NEAR * (1 + np.abs(whole.middle))
    margin[-1] = 0.0
    wider = Box(whole.low - margin, whole.high + margin)
    places = [np.array([float(entry) for entry in (*point.state, point.parameter)]) for point in points]
    curves = curves_from(extended, wider, [*_found_points(extended, wider, starts, seed), *places])
    scale = np.maximum(wider.width, 1e-300)
    found = []
    for curve in curves:
        on_it = [point for point, place in zip(points, places, strict=True) if _lies_on(curve, place, scale)]
        found.append(_branch(extended, curve, tuple(on_it)))
    return tuple(found)


def curves_from(extended: Extended, whole: Box, starts: list[Array]) -> tuple[Curve, ...]:
    """The curves of fixed points through some points, and those that cross them at branch points."""
    problem, curves = _problem(extended, whole, starts), list[Curve]()
    waiting: list[tuple[Array, Array | None]] = [(start, None) for start in starts]
    while waiting and len(curves) < _MOST_CURVES:
        start, direction = waiting.pop(0)
        if direction is None and any(_lies_on(curve, start, problem.scale) for curve in curves):
            continue
        curve = _both_ways(problem, start, _null_direction(problem, start) if direction is None else direction)
        if curve is None:
            continue
        curves.append(curve)
        waiting += _crossing_starts(problem, curve, curves)
    return tuple(curves)


def _null_direction(problem: ContinuationProblem, start: Array) -> Array:
    """The tangent of the curve through a point, at a fold too; where two curves cross, the tangent of one of them."""
    slopes = problem.jacobian(start) * problem.scale
    if not np.isfinite(slopes).all():
        return np.append(np.zeros(start.size - 1), 1.0)  # of no use: no curve starts here
    _, sizes, right = np.linalg.svd(slopes)
    crossing = branch_directions(problem, start) if sizes[-1] < _SINGULAR * sizes[0] else ()
    return crossing[0] if crossing else np.asarray(right[-1])


def _crossing_starts(
    problem: ContinuationProblem, curve: Curve, curves: list[Curve]
) -> list[tuple[Array, Array | None]]:
    """Points a little way along the curves that cross at branch points."""
    found: list[tuple[Array, Array | None]] = []
    for candidate in curve.candidates:
        if candidate.kind != BRANCH_POINT:
            continue
        for direction in branch_directions(problem, candidate.point):
            if abs(float(direction @ candidate.tangent)) > 0.99:
                continue
            for sign in (1.0, -1.0):
                point = _corrected(problem, candidate.point, sign * direction)
                if point is not None and not any(_lies_on(other, point, problem.scale) for other in curves):
                    found.append((point, sign * direction))
    return found


def _corrected(problem: ContinuationProblem, base: Array, direction: Array) -> Array | None:
    """The point of a curve that branches off, a small distance along its tangent."""
    predicted = base + _SWITCHED * direction * problem.scale
    point = predicted.copy()
    for _ in range(20):
        slopes = problem.jacobian(point) * problem.scale
        off = float(direction @ ((point - predicted) / problem.scale))
        try:
            step = np.linalg.solve(np.vstack([slopes, direction]), -np.append(problem.residual(point), off))
        except np.linalg.LinAlgError:
            return None
        point = point + step * problem.scale
        if not np.isfinite(point).all():
            return None
        if np.abs(step).max() < 1e-12:
            return point
    return None


def _both_ways(problem: ContinuationProblem, start: Array, direction: Array) -> Curve | None:
    if not np.isfinite(problem.jacobian(start)).all():
        return None
    first = continue_curve(problem, start, direction)
    if first.closed:
        return first
    second = continue_curve(problem, start, -direction)
    points = np.concatenate([second.points[::-1], first.points[1:]])
    return Curve(points, second.candidates[::-1] + first.candidates, first.ended)


def _found_points(extended: Extended, whole: Box, starts: int, seed: int) -> list[Array]:
    low, high = float(whole.low[-1]), float(whole.high[-1])
    found = []
    for p in (low, low / 2 + high / 2, high):
        fixed = _at_value(extended.system, p)
        zeros, _ = sampled_zeros(fixed, None, starts, seed)
        for zero in zeros:
            x = np.array([float(entry) for entry in zero.column.entries()])
            if (whole.low[:-1] <= x).all() and (x <= whole.high[:-1]).all():
                found.append(np.append(x, p))
    return found


def _at_value(system: VectorSystem, p: float) -> VectorSystem:
    """The system with a number for its free scalar."""
    (item,) = system.free
    if isinstance(item, sp.Symbol):
        return replace(system, scalars={**system.scalars, item: sp.Rational(p)}, free=())
    symbol, i, j = entry_place(item)
    array = system.weights.values[symbol].copy()
    array[(i, j) if array.ndim == 2 else i] = p
    weights = replace(system.weights, values={**system.weights.values, symbol: array})
    return replace(system, weights=weights, free=())


def _problem(extended: Extended, whole: Box, starts: list[Array]) -> ContinuationProblem:
    reach = np.abs(np.array(starts)).max(axis=0, initial=1.0) if starts else np.ones(extended.size + 1)
    width = np.where(np.isfinite(whole.width), whole.width, 2 * reach)
    scale = np.where(width > 0, width, 1.0)
    tests: dict[str, Callable[[Array], float]] = {PAIRS: lambda u: float_sign(extended, PAIRS, u)}
    if extended.system.is_map:
        tests[FLIPS] = lambda u: float_sign(extended, FLIPS, u)
    known: dict[bytes, tuple[Array, Array]] = {}

    def values(u: Array) -> tuple[Array, Array]:
        """Residual and derivative are asked for at the same points, one after the other."""
        key = u.tobytes()
        if key not in known:
            known.clear()
            known[key] = extended.floats(u)
        return known[key]

    return ContinuationProblem(lambda u: values(u)[0], lambda u: values(u)[1], whole.low, whole.high, scale, tests)


def _lies_on(curve: Curve, point: Array, scale: Array) -> bool:
    """Whether a point lies on the chords of a curve, as near as these are to it."""
    first, second = curve.points[:-1] / scale, curve.points[1:] / scale
    at, chord = point / scale, second - first
    square = np.maximum((chord**2).sum(axis=1), 1e-300)
    share = np.clip(((at - first) * chord).sum(axis=1) / square, 0, 1)
    away = np.linalg.norm(first + share[:, None] * chord - at, axis=1)
    return bool((away <= _NEAR + 0.05 * np.sqrt(square)).any())


def _is_near(point: BifurcationPoint, start: Array) -> bool:
    found = np.array([float(entry) for entry in (*point.state, point.parameter)])
    return bool(np.abs(found - start).max() <= 1e-2 * (1 + np.abs(start).max()))


def _inside(point: BifurcationPoint, whole: Box) -> bool:
    entries = (*point.state, point.parameter)
    ends = zip(entries, whole.low.tolist(), whole.high.tolist(), strict=True)
    return not any(entry < arb(low) or entry > arb(high) for entry, low, high in ends)


def _is_same(one: BifurcationPoint, other: BifurcationPoint) -> bool:
    pairs = zip((*one.state, one.parameter), (*other.state, other.parameter), strict=True)
    return one.kind == other.kind and all(a.overlaps(b) for a, b in pairs)


def _branch(extended: Extended, curve: Curve, special: tuple[BifurcationPoint, ...]) -> Branch:
    stable = np.array([_is_stable(extended, point) for point in curve.points])
    return Branch(curve.points[:, -1], curve.points[:, :-1], stable, special, curve.closed)


def _is_stable(extended: Extended, point: Array) -> bool:
    values = np.linalg.eigvals(extended.float_linearisation(point))
    return bool((np.abs(values) < 1).all() if extended.system.is_map else (values.real < 0).all())
