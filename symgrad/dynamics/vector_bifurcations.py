"""Bifurcations of the fixed points of models with several unknowns, in one parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import BifurcationPoint, Bifurcations
from symgrad.dynamics.found_symmetries import symmetries_of
from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_boxes import checked_vector_box
from symgrad.dynamics.vector_certificates import certify
from symgrad.dynamics.vector_conditions import Box
from symgrad.dynamics.vector_continuation import continued_search, pictured_branches
from symgrad.dynamics.vector_derivatives import Extended
from symgrad.dynamics.vector_region import enclosing_region
from symgrad.dynamics.vector_search import Search, search_box
from symgrad.dynamics.vector_values import vector_system
from symgrad.errors import InputError
from symgrad.language.ranges import interval_of
from symgrad.rigor.balls import lower_float, to_ball, upper_float
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["COMPLETE", "CONTINUATION", "vector_bifurcations"]

Array = NDArray[np.float64]

COMPLETE, CONTINUATION = "complete", "continuation"
_PICTURED = 12  # starts for the branches of a complete search
_MOST_UNKNOWNS = 6  # for a complete search unless it is asked for


def vector_bifurcations(
    model: Any,
    parameter: Any,
    values: Mapping[Any, Any] | None = None,
    interval: Any = None,
    box: Any = None,
    search: str | None = None,
    *,
    max_boxes: int = 20_000,
    starts: int = 64,
    seed: int = 0,
    branches: bool = True,
) -> Bifurcations:
    """Bifurcations of the fixed points of a model with vectors or several numbers as states, in one parameter.

    Saddle-nodes, flips and Neimark-Sacker points of maps, Hopf points of flows, and transcritical and pitchfork
    bifurcations on branches that a symmetry keeps. Each is proved by its augmented system, with the coefficients of
    its normal form in balls.

    Args:
        model: a :class:`~symgrad.language.recurrence.Recurrence` or :class:`~symgrad.language.flow.Flow`.
        parameter: a scalar symbol or its name, or an entry of a weight matrix, a bias or an input, as in
            ``W[0, 1]`` or ``"W[0, 1]"``.
        values: all other parameters and constant inputs; arrays are taken as exact floats.
        interval: of the parameter, finite: a pair of ends or a SymPy interval.
        box: where fixed points are searched, as for
            :func:`~symgrad.dynamics.vector_points.vector_fixed_points`; a box that holds all of them unless given.
        search: ``"complete"``: all bifurcations with the parameter in the interval and the state in the box, with proof
            that there are no others, the default up to six unknowns; ``"continuation"``: those on the curves of fixed
            points that are found, for any size.
        max_boxes: a complete search gives up after so many boxes; the stretches of the parameter that are then open are
            listed as ``undecided``.
        starts: for fixed points from which curves are followed.
        seed: of the starts.
        branches: whether curves of fixed points are followed for a picture after a complete search.

    Raises:
        InputError: a value is missing or of a wrong shape, no finite interval, another kind of box or search, or a
            complete search without a box where no bounded one can be derived.
        UnknownNameError: the model has no such symbol.
        UnsupportedExpressionError: an activation jumps, so that there is no Jacobian.

    Source: Kuznetsov, Elements of Applied Bifurcation Theory (3rd ed. 2004), chapters 5 and 10.

    >>> import symgrad as sg
    >>> g, h, W = sp.Symbol("g"), sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2)
    >>> model = sg.Recurrence({h: sg.activation("tanh")(g * W * h)})
    >>> found = vector_bifurcations(model, g, {"W": [[0.6, -0.8], [0.8, 0.6]]}, interval=(0, 1.2))
    >>> [(point.kind, point.value, point.criticality) for point in found], found.complete
    ([('Neimark-Sacker', 1.0, 'supercritical')], True)
    """
    if isinstance(parameter, (tuple, list)):
        raise InputError(f"parameter: a model with several unknowns takes one parameter, got {parameter!r}")
    system = vector_system(model, values, free=[parameter])
    span = _checked_interval(interval)
    chosen = _checked_search(search, system.size)
    for name, number in (("max_boxes", max_boxes), ("starts", starts)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{name}: a positive integer is needed, got {number!r}")
    extended = Extended(system)
    low, high = lower_float(to_ball(span.start)), upper_float(to_ball(span.end))
    ball = to_ball(span.start).union(to_ball(span.end))
    region = _region(extended, checked_vector_box(box, system), ball, chosen)
    symbol = (_named(system.free[0]),)
    if region is None:
        return Bifurcations(system, symbol, (span,), (), (), remarks=("there are no fixed points",))
    whole = Box(np.append(region.low[:, 0], low), np.append(region.high[:, 0], high))
    sides = tuple(sp.Interval(a, b) for a, b in zip(whole.low[:-1].tolist(), whole.high[:-1].tolist(), strict=True))
    symmetries = symmetries_of(extended, ball)
    if chosen == CONTINUATION:
        points, curves = continued_search(extended, whole, symmetries, starts, seed)
        remark = "found on the curves of fixed points that were followed; that there are no others is not proved"
        return Bifurcations(system, symbol, (span,), sides, points, curves, False, (span,), (remark,))
    outcome, points = _complete_search(extended, whole, symmetries, max_boxes)
    open_parts = _stretches(outcome.open)
    remarks = _remarks(symmetries, bool(open_parts))
    curves = pictured_branches(extended, whole, points, min(starts, _PICTURED), seed) if branches else ()
    return Bifurcations(system, symbol, (span,), sides, points, curves, not open_parts, open_parts, remarks)


def _complete_search(
    extended: Extended, whole: Box, symmetries: tuple[Symmetry, ...], max_boxes: int
) -> tuple[Search, tuple[BifurcationPoint, ...]]:
    """All bifurcations with (x, p) in a box."""
    outcome = search_box(extended, whole, lambda c, z, reach: certify(extended, symmetries, c, z, reach), max_boxes)
    points = [f.result for f in outcome.found if f.result is not None and _may_lie_in(f.z, whole)]
    return outcome, tuple(sorted(points, key=lambda point: (point.value, [float(x) for x in point.state])))


def _may_lie_in(z: Any, whole: Box) -> bool:
    ends = zip(z.entries(), whole.low.tolist(), whole.high.tolist(), strict=True)
    return not any(entry < low or entry > high for entry, low, high in ends)


def _stretches(boxes: list[Box]) -> tuple[sp.Interval, ...]:
    """The values of the parameter in some boxes, joined where they touch."""
    found: list[tuple[float, float]] = []
    for low, high in sorted((float(box.low[-1]), float(box.high[-1])) for box in boxes):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(sp.Interval(low, high) for low, high in found)


def _remarks(symmetries: tuple[Symmetry, ...], is_open: bool) -> tuple[str, ...]:
    known = tuple(symmetry.text for symmetry in symmetries)
    if not is_open:
        return known
    return (*known, "in the undecided stretches there may be other bifurcations, degenerate ones among them")


def _checked_interval(interval: Any) -> sp.Interval:
    if interval is None:
        raise InputError("interval: of a model with several unknowns a finite interval of the parameter is needed")
    found = interval_of("interval", interval)
    if found.start.free_symbols or found.end.free_symbols or not (found.start.is_finite and found.end.is_finite):
        raise InputError(f"interval: two finite numbers are needed, got {interval!r}")
    return sp.Interval(found.start, found.end)


def _checked_search(search: str | None, size: int) -> str:
    if search is None:
        return COMPLETE if size <= _MOST_UNKNOWNS else CONTINUATION
    if search not in (COMPLETE, CONTINUATION):
        raise InputError(f'search: "{COMPLETE}" or "{CONTINUATION}" is needed, got {search!r}')
    return search


def _region(extended: Extended, given: Intervals | None, parameter: arb, search: str) -> Intervals | None:
    """(N, 1) where all fixed points of the box lie, for all values of the parameter."""
    region = enclosing_region(extended.system, given, (parameter,))
    if region is not None and search == COMPLETE and not region.is_finite:
        raise InputError(
            f"box: no bounded box is known to hold all fixed points of {extended.system.name}; give box=..., "
            f'or search="{CONTINUATION}"'
        )
    return region


def _named(item: sp.Expr) -> sp.Symbol:
    """The parameter as a symbol; an entry of a matrix by its name."""
    return item if isinstance(item, sp.Symbol) else sp.Symbol(str(item))
