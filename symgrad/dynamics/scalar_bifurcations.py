"""All bifurcations of a scalar system in one parameter, with proof that there are no others."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.dynamics.bifurcation_points import BifurcationPoint, Bifurcations
from symgrad.dynamics.border_points import border_points
from symgrad.dynamics.constant_order import BITS, constant_of, sign_of
from symgrad.dynamics.critical_box import FLIPS, STATIONARY, box_points
from symgrad.dynamics.critical_points import Critical, critical_points, values_of
from symgrad.dynamics.normal_forms import classified_flip, classified_stationary, jet_of
from symgrad.dynamics.reduction import Reduction, reduction_of
from symgrad.dynamics.scalar_system import MAP, ScalarSystem
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.roots import all_roots
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["REALS", "scalar_bifurcations"]

REALS = sp.Interval(-sp.oo, sp.oo)


@dataclass(eq=False)
class _Found:
    """What is collected on the way."""

    points: list[BifurcationPoint] = field(default_factory=list)
    undecided: list[sp.Interval] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def scalar_bifurcations(
    system: ScalarSystem, parameter: sp.Symbol, interval: sp.Interval = REALS, box: sp.Interval = REALS
) -> Bifurcations:
    """The bifurcations of a scalar system in which one parameter is left.

    Where the parameter enters the fixed-point equation in one affine way, as weights and biases of units do, the
    search is over all real numbers; otherwise by subdivision of ``box`` and ``interval``, which must be finite then.

    Args:
        system: a map, flow or equation.
        parameter: its only one without a value.
        interval: of the parameter, closed where finite.
        box: of the state.

    Raises:
        InputError: a finite interval or box is needed and not given.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> system = scalar_system(sg.models.neuron(b=-2))
    >>> found = scalar_bifurcations(system, system.symbol("w"))
    >>> [(point.kind, round(point.value, 6)) for point in found], found.complete
    ([('flip', -23.109647), ('cusp', 4.0)], True)
    """
    found = _Found()
    try:
        reduction = reduction_of(system, parameter)
    except TailUndecidedError:
        reduction = None
    if reduction is None:
        _by_box(found, system, parameter, interval, box, (STATIONARY, FLIPS))
    elif reduction.is_fixed:
        _at_fixed_points(found, reduction, interval, box)
    else:
        _along_curve(found, reduction, interval, box)
    points = [point for point in found.points if _in_box(point, box)]
    points.sort(key=lambda point: (point.value, float(point.state[0].mid())))
    complete = not found.undecided
    remarks = tuple(dict.fromkeys(found.remarks))
    return Bifurcations(
        system, (parameter,), (interval,), (box,), tuple(points), (), complete, tuple(found.undecided), remarks
    )


def _in_box(point: BifurcationPoint, box: sp.Interval) -> bool:
    (state,) = point.state
    ends = [None if not end.is_finite else to_ball(end, BITS) for end in (box.start, box.end)]
    return not (ends[0] is not None and state < ends[0]) and not (ends[1] is not None and state > ends[1])


def _along_curve(found: _Found, reduction: Reduction, interval: sp.Interval, box: sp.Interval) -> None:
    """Where the fixed points move with the parameter."""
    system, p = reduction.system, reduction.parameter
    within = _unknown_range(reduction, interval, box)
    _stationary(found, reduction, interval, within)
    if p in reduction.gain.free_symbols:
        _note_standstill(found, reduction, interval)
    if system.kind == MAP:
        if p in reduction.gain.free_symbols:
            _by_box(found, system, p, interval, box, (FLIPS,))
        else:
            search = critical_points(reduction, -2 / reduction.gain, interval, within)
            found.points += [classified_flip(jet_of(system, p, c, reduction.unknown), c.proved) for c in search.points]
            found.undecided += search.undecided
            found.remarks += search.remarks
    found.points += border_points(reduction, interval)


def _stationary(found: _Found, reduction: Reduction, interval: sp.Interval, within: sp.Interval) -> None:
    search = critical_points(reduction, sp.S.Zero, interval, within)
    for critical in search.points:
        jet = jet_of(reduction.system, reduction.parameter, critical, reduction.unknown)
        found.points.append(classified_stationary(jet, critical.order, critical.lasting, critical.proved))
    found.undecided += search.undecided
    found.remarks += search.remarks


def _note_standstill(found: _Found, reduction: Reduction, interval: sp.Interval) -> None:
    """Parameters at which the residual vanishes for all states."""
    for root in all_roots(reduction.gain, reduction.parameter, interval).points:
        at = constant_of(root, str(reduction.gain))
        found.remarks.append(f"at {reduction.parameter} = {at} every state is a fixed point")


def _at_fixed_points(found: _Found, reduction: Reduction, interval: sp.Interval, box: sp.Interval) -> None:
    """Where the fixed points are the same for all values of the parameter, which only scales their slope."""
    system, y, p = reduction.system, reduction.unknown, reduction.parameter
    _note_standstill(found, reduction, interval)
    within = box if reduction.unit is None else REALS
    for piece in reduction.pieces:
        roots = all_roots(piece.constant, y, sp.Interval(piece.left, piece.right).intersect(within))
        if roots.gaps or roots.continua:
            found.undecided.append(interval)
        for root in roots.points:
            at = constant_of(root, str(piece.constant))
            if at in (piece.left, piece.right):
                found.remarks.append(f"the fixed point on a kink, at {y} = {at}, is not examined")
                found.undecided.append(interval)
                continue
            slope = piece.constant.diff(y).subs(y, at)
            if sign_of(slope) in (0, None):
                found.remarks.append(f"the fixed point at {y} = {at} is degenerate for every {p}")
            elif system.kind == MAP:
                for value in _flips(reduction, slope, interval):
                    critical = Critical(piece, at, value, 1, True, root.proved)
                    found.points.append(classified_flip(jet_of(system, p, critical, y), root.proved))


def _flips(reduction: Reduction, slope: sp.Expr, interval: sp.Interval) -> list[sp.Expr]:
    """Values of the parameter with ``gain * slope = -2``."""
    constant, factor = sp.expand(reduction.gain).as_independent(reduction.parameter, as_Add=True)
    return list(values_of(factor, reduction.parameter, -2 / slope - constant, interval))


def _unknown_range(reduction: Reduction, interval: sp.Interval, box: sp.Interval) -> sp.Interval:
    """Where y must lie: the box, or what a bounded activation can feed back for a bounded parameter."""
    if reduction.unit is None:
        return box
    unit, p = reduction.unit, reduction.parameter
    known = REALS
    span = unit.activation.range
    output = sp.Dummy("s", real=True)
    if span.is_bounded and _is_finite(interval):
        ball = ball_function(unit.weight * output + unit.bias, (output, p))
        known = known.intersect(_widened(ball(_hull(span.inf, span.sup), _hull(interval.start, interval.end))))
    inner = reduction.inner
    moving = inner is not None and p in inner.free_symbols
    if inner is None or not _is_finite(box) or (moving and not _is_finite(interval)):
        return known
    ball = ball_function(inner, (reduction.system.state, p))
    at = _hull(interval.start, interval.end) if moving else arb(0)
    return known.intersect(_widened(ball(_hull(box.start, box.end), at)))


def _is_finite(interval: sp.Interval) -> bool:
    return bool(interval.start.is_finite and interval.end.is_finite)


def _hull(low: sp.Expr, high: sp.Expr) -> arb:
    return to_ball(low, BITS).union(to_ball(high, BITS))


def _widened(ball: arb) -> sp.Interval:
    """An interval with integer ends around a ball, so that nothing lies on its ends."""
    if not ball.is_finite():
        return REALS
    low, high = (ball.lower().floor() - 1).unique_fmpz(), (ball.upper().ceil() + 1).unique_fmpz()
    return REALS if low is None or high is None else sp.Interval(int(low), int(high))


def _by_box(
    found: _Found,
    system: ScalarSystem,
    parameter: sp.Symbol,
    interval: sp.Interval,
    box: sp.Interval,
    kinds: tuple[str, ...],
) -> None:
    for kind in kinds:
        if kind == FLIPS and system.kind != MAP:
            continue
        points, undecided, remarks = box_points(system, parameter, interval, box, kind)
        found.points += points
        found.undecided += undecided
        found.remarks += remarks
