"""Bifurcations at kinks: a fixed point meets a kink of the update, where its slope is one-sided.

At a kink c of r the fixed points next to (c, p0) solve ``r_p dp + s dx + q dx^2/2 + ... = 0`` with a slope s and a
curvature q for each side. Where both half-branches go to the same side of p0, two fixed points meet and vanish (a fold
at a kink, or non-smooth fold); else one crosses the kink, and its stability may change (border collisions: M. di
Bernardo, C. Budd, A. Champneys and P. Kowalczyk, *Piecewise-smooth Dynamical Systems*, Springer 2008, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import sympy as sp

from symgrad.dynamics.bifurcation_points import (
    BORDER_COLLISION,
    CUSP,
    FLIP,
    PITCHFORK,
    SADDLE_NODE,
    SUBCRITICAL,
    SUPERCRITICAL,
    TRANSCRITICAL,
    BifurcationPoint,
)
from symgrad.dynamics.constant_order import BITS, sign_of, simplified
from symgrad.dynamics.critical_points import levels_at
from symgrad.dynamics.normal_forms import Jet
from symgrad.dynamics.points import UNDECIDED
from symgrad.dynamics.reduction import Piece, Reduction
from symgrad.dynamics.scalar_points import stability_of
from symgrad.dynamics.scalar_system import EQUATION, MAP
from symgrad.rigor.balls import to_ball

__all__ = ["border_points"]


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of a kink at some parameter: -1 left, 1 right, with ``R = R0 + g R1`` in the reduced unknown."""

    state: Jet
    reduced: Jet
    gain: sp.Expr
    side: int

    def sign(self, in_y: int, in_p: int = 0) -> int | None:
        return sign_of(self.reduced.value(in_y, in_p))

    @property
    def slope(self) -> sp.Expr:
        """The derivative of the residual by the state."""
        return simplified(self.gain * self.reduced.value(1))

    @property
    def flips(self) -> bool:
        return self.reduced.system.kind == MAP and sign_of(self.slope + 2) == 0

    @property
    def attracts(self) -> bool:
        """Whether the residual curves towards the kink on this side."""
        return (sign_of(self.gain) or 0) * (self.sign(2) or 0) * self.side < 0

    def direction(self) -> int | None:
        """To which side of p0 the fixed points on this side of the kink go; 0 where all are fixed at p0."""
        moved, slope = self.sign(0, 1), self.sign(1)
        if moved in (0, None) or slope is None:
            return None
        if slope:
            return -slope * self.side * (moved or 0)
        curved = self.sign(2)
        return None if curved is None else -curved * (moved or 0)

    def lasting_direction(self) -> int | None:
        """The same for the other branch that meets a branch on the kink, where the slope is 0."""
        mixed, curved = self.sign(1, 1), self.sign(2)
        return None if mixed is None or curved is None else -curved * mixed * self.side


def border_points(reduction: Reduction, interval: sp.Interval) -> Iterator[BifurcationPoint]:
    """The bifurcations of fixed points on kinks, for parameters in an interval.

    Args:
        reduction: of the system.
        interval: of the parameter.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.reduction import reduction_of
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> system = scalar_system(sg.models.neuron(w=2, activation="relu"))
    >>> [p.conditions[-1] for p in border_points(reduction_of(system, system.symbol("b")), sp.Interval(-1, 1))]
    ['two fixed points meet at the kink, for b < its critical value']
    """
    for left, right in pairwise(reduction.pieces):
        if left.right != right.left:
            continue
        values = [_values(piece, reduction.unknown, left.right) for piece in (left, right)]
        if None in values:
            continue  # a pole or the edge of the domain
        pairs = [pair for pair in values if pair is not None]
        if all(sign_of(a - b) == 0 for a, b in zip(*pairs, strict=True)):
            yield from _at_kink(reduction, (left, right), left.right, pairs[0], interval)
        else:
            yield from _at_jump(reduction, (left, right), left.right, pairs, interval)


def _values(piece: Piece, y: sp.Symbol, point: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    first, second = piece.constant.subs(y, point), piece.factor.subs(y, point)
    bad = any(value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or not value.is_real for value in (first, second))
    return None if bad else (first, second)


def _sides(reduction: Reduction, pieces: tuple[Piece, Piece], point: sp.Expr, at: sp.Expr) -> tuple[_Side, _Side]:
    left, right = (_side(reduction, piece, point, at, side) for piece, side in zip(pieces, (-1, 1), strict=True))
    return left, right


def _side(reduction: Reduction, piece: Piece, point: sp.Expr, at: sp.Expr, side: int) -> _Side:
    system, y, p = reduction.system, reduction.unknown, reduction.parameter
    state = piece.state.subs(y, point).subs(p, at)
    curve = (piece.constant + reduction.level * piece.factor).xreplace({y: system.state})
    jets = (
        Jet(system, p, piece.residual, simplified(state), at),
        Jet(system, p, curve, point, at),
    )
    return _Side(*jets, reduction.gain.subs(p, at), side)


def _at_kink(
    reduction: Reduction,
    pieces: tuple[Piece, Piece],
    point: sp.Expr,
    values: tuple[sp.Expr, sp.Expr],
    interval: sp.Interval,
) -> Iterator[BifurcationPoint]:
    signs = sign_of(values[0]), sign_of(values[1])
    if signs[1] not in (0, None):
        for at in levels_at(reduction, -values[0] / values[1], interval):
            found = _met(_sides(reduction, pieces, point, at))
            if found is not None:
                yield found
    elif signs == (0, 0):
        for at in _lasting_parameters(reduction, pieces, point, interval):
            found = _lasting(_sides(reduction, pieces, point, at))
            if found is not None:
                yield found


def _lasting_parameters(
    reduction: Reduction, pieces: tuple[Piece, Piece], point: sp.Expr, interval: sp.Interval
) -> list[sp.Expr]:
    """Where one of the one-sided slopes at a fixed point that stays on a kink is critical."""
    y, found = reduction.unknown, list[sp.Expr]()
    targets = [sp.S.Zero, *([sp.Integer(-2)] if reduction.system.kind == MAP else [])]
    for piece in pieces:
        d0, d1 = (part.diff(y).subs(y, point) for part in (piece.constant, piece.factor))
        for target in targets:
            level, gain = reduction.level, reduction.gain
            condition = gain * (d0 + level * d1) - target
            if reduction.parameter not in condition.free_symbols:
                continue
            plain = reduction.parameter not in gain.free_symbols
            goal = (target / gain - d0) / d1 if plain else None
            values = (
                levels_at(reduction, goal, interval) if goal is not None else _zeros(reduction, condition, interval)
            )
            found += [value for value in values if all(sign_of(value - other) != 0 for other in found)]
    return found


def _zeros(reduction: Reduction, condition: sp.Expr, interval: sp.Interval) -> Iterator[sp.Expr]:
    yield from levels_at(replace(reduction, level=condition), sp.S.Zero, interval)


def _met(sides: tuple[_Side, _Side]) -> BifurcationPoint | None:
    """Of a fixed point that crosses the kink or ends there."""
    directions, slopes = [side.direction() for side in sides], [side.sign(1) for side in sides]
    p = sides[0].state.parameter
    if None in directions or None in slopes:
        return _record(sides, UNDECIDED, None, "a fixed point on a kink")
    first, second = directions[0] or 0, directions[1] or 0
    smooth = slopes == [0, 0]
    if first * second > 0:
        where = "<" if first < 0 else ">"
        fact = f"two fixed points meet at the kink, for {p} {where} its critical value"
        return _record(sides, SADDLE_NODE if smooth else BORDER_COLLISION, True if 0 not in slopes else None, fact)
    if first * second == 0:
        return _record(sides, BORDER_COLLISION, False, "next to the kink a whole interval of fixed points")
    if smooth:
        return _record(sides, CUSP, None, "one fixed point on each side of the critical value, slope 0 at the kink")
    if _stabilities(sides):
        return _record(sides, BORDER_COLLISION, True, "a fixed point crosses the kink and its stability changes")
    return None


def _lasting(sides: tuple[_Side, _Side]) -> BifurcationPoint | None:
    """Of a fixed point that stays on the kink, at a parameter where a one-sided slope is critical."""
    slopes = [side.sign(1) for side in sides]
    if slopes == [0, 0]:
        directions = [side.lasting_direction() for side in sides]
        if None in directions or 0 in directions:
            return _record(sides, BORDER_COLLISION, False, "next to the kink a whole interval of fixed points")
        if directions[0] == directions[1]:
            found = _record(sides, PITCHFORK, None, "two more fixed points branch off, one on each side of the kink")
            down = all(side.attracts for side in sides)
            words = SUPERCRITICAL if down else SUBCRITICAL
            return replace(found, criticality=None if sides[0].state.system.kind == EQUATION else words)
        return _record(sides, TRANSCRITICAL, None, "another branch crosses the kink")
    if all(side.flips for side in sides):
        return _record(sides, FLIP, None, "both one-sided multipliers are -1")
    return _record(
        sides, BORDER_COLLISION, None, "one of the one-sided slopes of a fixed point on the kink is critical"
    )


def _at_jump(
    reduction: Reduction,
    pieces: tuple[Piece, Piece],
    point: sp.Expr,
    values: list[tuple[sp.Expr, sp.Expr]],
    interval: sp.Interval,
) -> Iterator[BifurcationPoint]:
    """A fixed point ends where the update jumps."""
    for place, (constant, factor) in enumerate(values):
        if sign_of(factor) in (0, None):
            continue
        for at in levels_at(reduction, -constant / factor, interval):
            side = _sides(reduction, pieces, point, at)[place]
            yield _record((side, side), BORDER_COLLISION, True, "a fixed point ends where the update jumps")


def _stabilities(sides: tuple[_Side, _Side]) -> bool:
    """Whether the one-sided multipliers tell different stabilities."""
    system = sides[0].state.system
    if system.kind == EQUATION:
        return False
    multipliers = [to_ball(side.slope, BITS) + system.edge for side in sides]
    return len({stability_of([m], system.kind) for m in multipliers}) > 1


def _record(sides: tuple[_Side, _Side], kind: str, nondegenerate: bool | None, fact: str) -> BifurcationPoint:
    jet = sides[0].state
    point = jet.point(kind, {}, ("fixed point at a kink", fact))
    multipliers = tuple(to_ball(side.slope, BITS) + jet.system.edge for side in sides)
    values = () if jet.system.kind == EQUATION else multipliers
    return replace(point, eigenvalues=values, nondegenerate=nondegenerate)
