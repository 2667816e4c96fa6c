"""Cusps of scalar systems in two parameters: where two curves of saddle-nodes meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import sympy as sp

from symgrad.dynamics.bifurcation_points import CUSP, BifurcationPoint, Bifurcations
from symgrad.dynamics.constants import BITS, closed, constant_of, inside, sign_of, simplified
from symgrad.dynamics.critical_box import finite_ends
from symgrad.dynamics.critical_points import levels_at
from symgrad.dynamics.normal_forms import Jet
from symgrad.dynamics.points import UNDECIDED, UNIQUE
from symgrad.dynamics.reduction import Piece, Reduction, affine_level, reduction_of
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.errors import InputError
from symgrad.rigor.balls import to_ball
from symgrad.rigor.roots import all_roots
from symgrad.rigor.system_zeros import system_zeros

__all__ = ["two_parameter_points"]

Pair = tuple[sp.Expr, sp.Expr]


def two_parameter_points(
    system: ScalarSystem,
    parameters: tuple[sp.Symbol, ...],
    intervals: tuple[sp.Interval, ...],
    box: sp.Interval,
) -> Bifurcations:
    """All cusps: r = r_x = r_xx = 0.

    Where both parameters enter the fixed-point equation ``R0(y) + g(p) R1(y) + h(q) R2(y) = 0`` in an affine way, the
    determinant of R0, R1, R2 and their first two derivatives vanishes there: one equation in y, of which all solutions
    are found. Otherwise the box is subdivided.

    Args:
        system: with two parameters left.
        parameters: both.
        intervals: of each.
        box: of the state.

    Raises:
        InputError: a finite interval or box is needed, or a parameter does not move the fixed points.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> reals = sp.Interval(-sp.oo, sp.oo)
    >>> system = scalar_system(sg.models.neuron())
    >>> (cusp,) = two_parameter_points(system, (system.symbol("w"), system.symbol("b")), (reals, reals), reals)
    >>> cusp.exact_parameter, cusp.exact_second, cusp.exact_state, cusp.exact_coefficients["F_xxx/6"]
    (4, -2, (1/2,), -4/3)
    """
    _check_moving(system, parameters)
    parts = _parts(system, parameters)
    if parts is None:
        points, undecided = _in_box(system, parameters, intervals, box)
    else:
        points, undecided = _along_curve(system, parameters, intervals, parts)
    kept = tuple(sorted((p for p in points if _within(p, box)), key=lambda p: (p.value, float(p.state[0].mid()))))
    remarks = ("some stretches are not decided",) if undecided else ()
    return Bifurcations(
        system, parameters, intervals, (box,), kept, (), not undecided, intervals[:1] if undecided else (), remarks
    )


def _check_moving(system: ScalarSystem, parameters: tuple[sp.Symbol, ...]) -> None:
    for parameter in parameters:
        reduction = reduction_of(system, parameter)
        if reduction is not None and reduction.is_fixed:
            raise InputError(
                f"parameter: {parameter} does not move the fixed points of {system.name}: no isolated cusps"
            )


def _parts(
    system: ScalarSystem, parameters: tuple[sp.Symbol, ...]
) -> tuple[Reduction, list[tuple[Piece, Pair]], Pair] | None:
    """The reduction by p, for each piece its ``(R0, R2)``, and the levels g and h; None where it is not affine."""
    p, q = parameters
    reduction = reduction_of(system, p)
    if reduction is None or q in reduction.level.free_symbols:
        return None
    found, level = [], None
    for piece in reduction.pieces:
        split = affine_level(piece.constant, q)
        if split is None or q in piece.factor.free_symbols or (level not in (None, split[2])):
            return None
        level = split[2]
        found.append((piece, (split[0], split[1])))
    return None if level is None else (reduction, found, (reduction.level, level))


def _along_curve(
    system: ScalarSystem,
    parameters: tuple[sp.Symbol, ...],
    intervals: tuple[sp.Interval, ...],
    parts: tuple[Reduction, list[tuple[Piece, Pair]], Pair],
) -> tuple[list[BifurcationPoint], bool]:
    reduction, pieces, levels = parts
    y, points, undecided = reduction.unknown, list[BifurcationPoint](), False
    for piece, (r0, r2) in pieces:
        columns = [[part.diff(y, k) for k in range(3)] for part in (r0, piece.factor, r2)]
        condition = sp.expand(sp.Matrix(columns).det())
        if condition.is_zero or y not in condition.free_symbols:
            undecided = undecided or sign_of(condition) in (0, None)
            continue
        found = all_roots(condition, y, sp.Interval(piece.left, piece.right))
        undecided = undecided or bool(found.gaps or found.continua)
        for root in found.points:
            at = constant_of(root, str(condition))
            if at in (piece.left, piece.right):
                continue
            solved = _levels([[c.subs(y, at) for c in column[:2]] for column in columns])
            undecided = undecided or solved is None
            for values in _parameters(reduction, parameters, intervals, levels, solved):
                points.append(_cusp(system, parameters, piece, (y, at), values, root.proved))
    return points, undecided


def _levels(columns: list[list[sp.Expr]]) -> Pair | None:
    """The levels from ``R0 + g R1 + h R2 = 0`` and the derivative of it, by Cramer's rule."""
    (a0, b0), (a1, b1), (a2, b2) = columns
    bottom = a1 * b2 - a2 * b1
    if sign_of(bottom) in (0, None):
        return None
    return (a2 * b0 - a0 * b2) / bottom, (a0 * b1 - a1 * b0) / bottom


def _parameters(
    reduction: Reduction,
    parameters: tuple[sp.Symbol, ...],
    intervals: tuple[sp.Interval, ...],
    levels: Pair,
    solved: Pair | None,
) -> Iterator[tuple[sp.Expr, ...]]:
    if solved is None:
        return
    lists = []
    for symbol, interval, level, value in zip(parameters, intervals, levels, solved, strict=True):
        lists.append(list(levels_at(replace(reduction, parameter=symbol, level=level), simplified(value), interval)))
    yield from product(*lists)


def _cusp(
    system: ScalarSystem,
    parameters: tuple[sp.Symbol, ...],
    piece: Piece,
    place: Pair,
    values: tuple[sp.Expr, ...],
    proved: bool,
) -> BifurcationPoint:
    y, at = place
    state = piece.state.subs(y, at).subs(dict(zip(parameters, values, strict=True)))
    return _record(system, parameters, piece.residual, (simplified(state), *values), proved)


def _record(
    system: ScalarSystem,
    parameters: tuple[sp.Symbol, ...],
    residual: sp.Expr,
    constants: tuple[sp.Expr, ...],
    proved: bool,
) -> BifurcationPoint:
    """The normal form: ``r_xxx/6`` and ``r_p r_xq - r_q r_xp`` differ from 0 (Kuznetsov, theorem 8.1)."""
    (p, q), (state, first, second) = parameters, constants
    jet = Jet(system, p, residual.subs(q, second), state, first)
    other = Jet(system, q, residual.subs(p, first), state, second)
    name = jet.letter
    turning = simplified(jet.value(0, 1) * other.value(1, 1) - other.value(0, 1) * jet.value(1, 1))
    coefficients = {f"{name}_xxx/6": simplified(jet.value(3) / 6), f"{name}_p {name}_xq - {name}_q {name}_xp": turning}
    notes = (f"fixed point with {name}_x = {1 if system.kind == 'map' else 0}", f"{name}_xx = 0")
    point = jet.point(CUSP, coefficients, notes, UNIQUE if proved else UNDECIDED)
    exact = second if closed(second) else None
    return replace(point, second=to_ball(second, BITS), exact_second=exact)


def _in_box(
    system: ScalarSystem, parameters: tuple[sp.Symbol, ...], intervals: tuple[sp.Interval, ...], box: sp.Interval
) -> tuple[list[BifurcationPoint], bool]:
    x = system.state
    whole = (
        finite_ends("box", box, x),
        *(finite_ends("interval", interval, p) for interval, p in zip(intervals, parameters, strict=True)),
    )
    residual = system.formula
    found = system_zeros([residual, residual.diff(x), residual.diff(x, 2)], [x, *parameters], whole)
    points = [_record(system, parameters, residual, zero.constants, True) for zero in found.certified]
    return points, bool(found.undecided)


def _within(point: BifurcationPoint, box: sp.Interval) -> bool:
    if point.exact_state is not None:
        return inside(point.exact_state[0], box) is not False
    (state,) = point.state
    low, high = (None if not end.is_finite else to_ball(end, BITS) for end in (box.start, box.end))
    return not (low is not None and state < low) and not (high is not None and state > high)
