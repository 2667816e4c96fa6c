"""All fixed points of a scalar map, flow or equation, with proof that there are no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

import sympy as sp
from flint import arb

from symgrad.dynamics.points import (
    AT_LEAST_ONE,
    DOUBLE,
    STABLE,
    UNDECIDED,
    UNIQUE,
    UNSTABLE,
    FixedPoint,
    FixedPoints,
    Gap,
)
from symgrad.dynamics.scalar_system import EQUATION, FLOW, ScalarSystem
from symgrad.errors import InputError
from symgrad.language.ranges import interval_of
from symgrad.rigor.balls import ball_function, lower_float, to_ball, upper_float, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.ends import End
from symgrad.rigor.roots import Root, all_roots
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["checked_box", "gaps_between", "scalar_fixed_points", "stability_of"]

_REALS = sp.Interval(-sp.oo, sp.oo)
_DIGITS = 64  # bits after the binary point of an enclosure: a radius below 1e-15
_PRECISIONS = (_DIGITS, 256, 1024, 4096)
_FINER = (512, 2048, 8192)


def scalar_fixed_points(system: ScalarSystem, box: sp.Interval = _REALS) -> FixedPoints:
    """All fixed points of a scalar system whose parameters have values.

    Args:
        system: a map, flow or equation.
        box: where they are searched; a closed interval, or all real numbers.

    Raises:
        InputError: parameters without values, or a residual that is not real anywhere in the box.

    Source: interval Newton, Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, sec. 8.1.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> found = scalar_fixed_points(scalar_system(sg.models.neuron(w=5, b=-2.5)))
    >>> [(round(point.value, 6), point.stability) for point in found], found.complete
    ([(0.144794, 'stable'), (0.5, 'unstable'), (0.855206, 'stable')], True)
    """
    system.check_complete()
    found = all_roots(system.formula, system.state, box)
    points = tuple(_point(root, system) for root in found.points)
    bare = FixedPoints(system, box, points, found.continua, not found.gaps)
    return replace(bare, gaps=gaps_between(bare, found.pieces))


def checked_box(box: Any, state: sp.Symbol) -> sp.Interval:
    """The interval that a user means by a box of one state.

    Args:
        box: None for all real numbers, a SymPy interval, a pair of ends, or a mapping from the state to one of these.
        state: the unknown.

    Raises:
        InputError: something else.
    """
    if isinstance(box, dict):
        keys = list(map(str, box))
        if keys != [str(state)]:
            raise InputError(f"box: an interval of the state {state} is needed, got one of {', '.join(keys) or 'none'}")
        (box,) = box.values()
    if box is None:
        return _REALS
    if isinstance(box, tuple | list) and len(box) == 2 and box[0] == box[1]:
        raise InputError(f"box: two different ends are needed, got {box!r}")
    interval = interval_of("box", box)
    if not interval.is_subset(_REALS):
        raise InputError(f"box: a real interval is needed, got {box!r}")
    return sp.Interval(interval.start, interval.end)


def _point(root: Root, system: ScalarSystem) -> FixedPoint:
    status = _status(root)
    ball, multiplier, stability = _linearised(root, system)
    exact = root.exact if root.proved else None
    return FixedPoint(ball, multiplier, stability, status, exact, root.multiplicity)


def _status(root: Root) -> str:
    if not root.proved:
        return AT_LEAST_ONE if root.changes_sign else UNDECIDED
    return DOUBLE if root.multiplicity is not None and root.multiplicity % 2 == 0 else UNIQUE


def _linearised(root: Root, system: ScalarSystem) -> tuple[arb, arb | None, str]:
    """The enclosure, narrow enough to tell the stability where that can be told, the multiplier and the stability."""
    functions = [_function(slope, system.state) for slope in root.slopes]
    for bits in _PRECISIONS:
        with working_precision(bits + 40):
            ball = _enclosure(root, bits)
            if system.kind == EQUATION:
                return ball, None, UNDECIDED
            multipliers = [system.edge + slope(ball) for slope in functions]
            hull = reduce(arb.union, multipliers)
            stability = stability_of(multipliers, system.kind)
        if root.multiplicity is not None and root.multiplicity > 1:
            return ball, arb(system.edge), UNDECIDED
        if stability != UNDECIDED or not root.proved or _at_edge(root, system):
            break
    return ball, hull, stability


def _function(slope: sp.Expr, state: sp.Symbol) -> Callable[[arb], arb]:
    """A slope as a function of balls; on a side to which there is a jump it is infinite."""
    if slope in (sp.oo, -sp.oo):
        return lambda _: arb.pos_inf() if slope is sp.oo else arb.neg_inf()
    return ball_function(slope, state)


def _enclosure(root: Root, bits: int) -> arb:
    """A ball of a radius of at most 1e-15, however large the point is, and with a sign, however small it is."""
    if root.proved and root.exact is not None and root.exact.is_Rational:
        exact = to_ball(root.exact, bits)
        return exact if abs(exact) <= 1 else to_ball(root.exact, bits + 2 * _size(exact))
    ball = root.ball(bits)
    if ball.is_exact() or not ball.is_finite() or not root.proved:
        return ball
    if abs(ball) > 1:
        return root.ball(bits + 2 * _size(ball))
    if ball.contains(0) and root.exact is None:
        finer = (root.ball(more) for more in _FINER)
        return next((found for found in finer if not found.contains(0)), ball)
    return ball


def _size(ball: arb) -> int:
    """The logarithm of a modulus above 1, rounded up."""
    return int(abs(ball).upper().log().ceil().unique_fmpz() or 0)


def stability_of(multipliers: Sequence[arb], kind: str) -> str:
    """What a real multiplier of a map, or eigenvalue of a flow, says about a fixed point, or that of each side of it.

    A side of a map that is mapped to itself, with a multiplier from 0 to 1, shrinks whatever the other one does; two
    sides that are mapped to each other shrink or grow with the product of their multipliers. Where the map jumps, some
    neighbours, however near, are carried off by the height of the jump.

    Args:
        multipliers: one; at a kink that from the left and that from the right, where there is a jump infinite.
        kind: of the system.

    >>> [stability_of([arb(-1.5)], kind) for kind in ("map", "flow")], stability_of([arb(0), arb(2)], "map")
    (['unstable', 'stable'], 'unstable')
    >>> stability_of([arb(-4), arb(0.2)], "map"), stability_of([arb(-4), arb(-0.2)], "map")
    ('stable', 'stable')
    """
    if kind == FLOW:
        grows, shrinks = any(m > 0 for m in multipliers), all(m < 0 for m in multipliers)
    else:
        first, last = multipliers[0], multipliers[-1]
        around = first * last if first < 0 and last < 0 else arb(0)  # along both sides in turn
        grows = around > 1 or any(m > 1 or m == arb.neg_inf() for m in multipliers)
        shrinks = all(m < 1 for m in multipliers) and bool(first * last < 1)
    return UNSTABLE if grows else STABLE if shrinks else UNDECIDED


def _at_edge(root: Root, system: ScalarSystem) -> bool:
    """Whether a slope at a point in closed form is proved to be at the edge of stability: more digits are in vain."""
    edges = (0,) if system.kind == FLOW else (0, -2)
    exact = root.exact
    return exact is not None and any(
        is_zero_constant(slope.subs(system.state, exact) - edge)
        for slope in root.slopes
        for edge in edges
        if slope not in (sp.oo, -sp.oo)
    )


def gaps_between(found: FixedPoints, pieces: tuple[SmoothPiece, ...]) -> tuple[Gap, ...]:
    """The stretches between fixed points with the sign of the residual there, that at one point of each.

    Args:
        found: the fixed points and continua.
        pieces: where the residual is real, cut at kinks and jumps; none where that is not known.
    """
    function = ball_function(found.system.formula, found.system.state)
    marks: list[tuple[float, float]] = [(lower_float(p.ball), upper_float(p.ball)) for p in found.points]
    marks += [(float(c.start), float(c.end)) for c in found.continua]
    whole = [(float(found.box.start), float(found.box.end))]
    gaps: list[Gap] = []
    for left, right in [(_float_inside(piece.left), _float_inside(piece.right)) for piece in pieces] or whole:
        inner = sorted(mark for mark in marks if left <= mark[1] and mark[0] <= right)
        ends = [(left, left), *inner, (right, right)]
        for (_, begin), (end, _) in pairwise(ends):
            if begin < end:
                gaps.append(Gap(begin, end, _sign_between(function, begin, end) if found.complete else 0))
    return tuple(gaps)


def _float_inside(end: End) -> float:
    """The float at an end of a piece, or the next one inside."""
    if not end.is_finite:
        return float(end.value)
    with working_precision(256):
        return upper_float(end.ball()) if end.inward > 0 else lower_float(end.ball())


def _sign_between(function: Callable[[arb], arb], left: float, right: float) -> int:
    """The sign at a point between two floats."""
    with working_precision(256):
        value = function(arb(_between(left, right)))
    return 1 if value > 0 else -1 if value < 0 else 0


def _between(left: float, right: float) -> float:
    if left == -float("inf"):
        return min(2 * right, 0.0) - 1.0 if right != float("inf") else 0.0
    return max(2 * left, 0.0) + 1.0 if right == float("inf") else left + (right - left) / 2
