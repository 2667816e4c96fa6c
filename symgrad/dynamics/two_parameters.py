"""Cusps of scalar systems in two parameters: where two curves of saddle-nodes meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

import sympy as sp

from symgrad.dynamics.bifurcation_points import CUSP, BifurcationPoint, Bifurcations
from symgrad.dynamics.constant_order import BITS, closed, constant_of, inside, sign_of, simplified
from symgrad.dynamics.critical_box import finite_ends
from symgrad.dynamics.critical_points import values_of, without_positive_factors
from symgrad.dynamics.normal_forms import Jet
from symgrad.dynamics.points import UNDECIDED, UNIQUE
from symgrad.dynamics.reduction import affine_level, smooth_parts
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.dynamics.unit import unit_of
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
    parts = _affine_parts(system, parameters)
    if parts is None:
        points, undecided = _in_box(system, parameters, intervals, box)
    else:
        points, undecided = _along_curve(system, parameters, intervals, parts)
    kept = tuple(sorted((p for p in points if _within(p, box)), key=lambda p: (p.value, float(p.state[0].mid()))))
    remarks = ("kinks, or stretches far out, are not decided",) if undecided else ()
    return Bifurcations(
        system, parameters, intervals, (box,), kept, (), not undecided, intervals[:1] if undecided else (), remarks
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """R0, R1, R2 on a smooth piece, x in terms of y and the parameters, and the residual in x."""

    left: sp.Expr
    right: sp.Expr
    terms: tuple[sp.Expr, sp.Expr, sp.Expr]
    state: sp.Expr
    residual: sp.Expr


@dataclass(frozen=True, eq=False)
class _Affine:
    """The unknown y, the levels g(p) and h(q), and the pieces."""

    unknown: sp.Symbol
    levels: Pair
    parts: tuple[_Part, ...]


def _affine_parts(system: ScalarSystem, parameters: tuple[sp.Symbol, ...]) -> _Affine | None:
    """The fixed-point equation as an affine one in a function of each parameter; None where it has another form.

    Raises:
        InputError: a parameter does not occur in it.
    """
    unit, output, x = unit_of(system), sp.Dummy("s", real=True), system.state
    if unit is not None:
        found = _separated(unit.variable - unit.weight * output - unit.bias, system, parameters)
        if found is not None:
            inner = unit.weight_in * x + unit.bias_in
            parts = []
            for piece in smooth_parts(unit.activation.expr, unit.variable):
                branch = piece.formula
                terms = tuple(term.xreplace({output: branch}) for term in found[0])
                residual = unit.decay * (x - unit.height * branch.xreplace({unit.variable: inner}) - unit.offset)
                state = unit.height * branch + unit.offset
                parts.append(_Part(piece.left.value, piece.right.value, _three(terms), state, residual))
            return _Affine(unit.variable, found[1], tuple(parts))
    found = _separated(system.formula, system, parameters)
    return None if found is None else _Affine(x, found[1], tuple(_state_parts(system, *found)))


def _three(terms: tuple[sp.Expr, ...]) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    first, second, third = terms
    return first, second, third


def _separated(
    expr: sp.Expr, system: ScalarSystem, parameters: tuple[sp.Symbol, ...]
) -> tuple[tuple[sp.Expr, sp.Expr, sp.Expr], Pair] | None:
    """``(R0, R1, R2), (g, h)`` with ``expr = R0 + g(p) R1 + h(q) R2``."""
    p, q = parameters
    for parameter in parameters:
        if parameter not in expr.free_symbols:
            raise InputError(
                f"parameter: {parameter} does not move the fixed points of {system.name}: no isolated cusps"
            )
    first = affine_level(expr, p)
    second = None if first is None else affine_level(first[0], q)
    if first is None or second is None or q in first[1].free_symbols:
        return None
    return (second[0], first[1], second[1]), (first[2], second[2])


def _state_parts(system: ScalarSystem, terms: tuple[sp.Expr, sp.Expr, sp.Expr], levels: Pair) -> Iterator[_Part]:
    x = system.state
    for first in smooth_parts(terms[0], x):
        for second in smooth_parts(terms[1], x, first):
            for third in smooth_parts(terms[2], x, second):
                branches = (first.formula, second.formula, third.formula)
                residual = branches[0] + levels[0] * branches[1] + levels[1] * branches[2]
                yield _Part(third.left.value, third.right.value, branches, x, residual)


def _along_curve(
    system: ScalarSystem, parameters: tuple[sp.Symbol, ...], intervals: tuple[sp.Interval, ...], affine: _Affine
) -> tuple[list[BifurcationPoint], bool]:
    y, points, undecided = affine.unknown, list[BifurcationPoint](), False
    for part in affine.parts:
        columns = [[term.diff(y, k) for k in range(3)] for term in part.terms]
        condition = without_positive_factors(sp.Matrix(columns).det())
        if y not in condition.free_symbols:
            undecided = undecided or sign_of(condition) is None
            continue  # no cusp, or as in a linear piece no smooth one
        found = all_roots(condition, y, sp.Interval(part.left, part.right))
        undecided = undecided or bool(found.gaps or found.continua)
        for root in found.points:
            at = constant_of(root, str(condition))
            if at in (part.left, part.right):
                continue
            solved = _levels([[c.subs(y, at) for c in column[:2]] for column in columns])
            undecided = undecided or solved is None
            for values in _parameters(affine, parameters, intervals, solved):
                state = part.state.subs(y, at).subs(dict(zip(parameters, values, strict=True)))
                points.append(_record(system, parameters, part.residual, (simplified(state), *values), root.proved))
    for left, right in pairwise(affine.parts):
        kinks = _at_kink(system, parameters, intervals, affine, (left, right)) if left.right == right.left else None
        undecided = undecided or kinks is None
        points += kinks or []
    return points, undecided


def _at_kink(
    system: ScalarSystem,
    parameters: tuple[sp.Symbol, ...],
    intervals: tuple[sp.Interval, ...],
    affine: _Affine,
    parts: tuple[_Part, _Part],
) -> list[BifurcationPoint] | None:
    """Cusps where the slope is continuous and the curvature changes sign; None where a slope jumps."""
    y, at = affine.unknown, parts[0].right
    columns = [[[term.diff(y, k).subs(y, at) for k in range(3)] for term in part.terms] for part in parts]
    smooth = all(sign_of(one[k] - other[k]) == 0 for one, other in zip(*columns, strict=True) for k in range(2))
    solved = _levels([column[:2] for column in columns[0]]) if smooth else None
    if solved is None:
        return None
    weights = (sp.S.One, *solved)
    curved = [sign_of(sum(w * c[2] for w, c in zip(weights, side, strict=True))) for side in columns]
    if None in curved:
        return None
    if (curved[0] or 0) * (curved[1] or 0) >= 0:
        return []
    found = []
    for values in _parameters(affine, parameters, intervals, solved):
        state = parts[0].state.subs(y, at).subs(dict(zip(parameters, values, strict=True)))
        point = _record(system, parameters, parts[0].residual, (simplified(state), *values), True)
        notes = (*point.conditions[:1], "the curvature changes sign at a kink of the slope")
        found.append(replace(point, coefficients={}, exact_coefficients={}, nondegenerate=None, conditions=notes))
    return found


def _levels(columns: list[list[sp.Expr]]) -> Pair | None:
    """The levels from ``R0 + g R1 + h R2 = 0`` and the derivative of it, by Cramer's rule."""
    (a0, b0), (a1, b1), (a2, b2) = columns
    bottom = a1 * b2 - a2 * b1
    if sign_of(bottom) in (0, None):
        return None
    return (a2 * b0 - a0 * b2) / bottom, (a0 * b1 - a1 * b0) / bottom


def _parameters(
    affine: _Affine, parameters: tuple[sp.Symbol, ...], intervals: tuple[sp.Interval, ...], solved: Pair | None
) -> Iterator[tuple[sp.Expr, ...]]:
    if solved is None:
        return
    yield from product(
        *(
            list(values_of(level, symbol, simplified(value), interval))
            for symbol, interval, level, value in zip(parameters, intervals, affine.levels, solved, strict=True)
        )
    )


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
