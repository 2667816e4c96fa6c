"""The curve B(z) = z - W s(z) of a unit with a given weight, cut into monotone arcs: it counts fixed points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import sympy as sp

from symgrad.dynamics.constants import between, constant_sign, in_order, limit_at, named
from symgrad.dynamics.slope_pieces import SlopePiece, joints, slope_period, slope_pieces
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.rigor.balls import to_ball
from symgrad.rigor.ends import End

__all__ = ["Arcs", "arcs_of"]


@dataclass(frozen=True, eq=False)
class Arcs:
    """The monotone arcs of B(z) for one number W.

    Attributes:
        marks: pre-activations at which arcs meet, from left to right: turns of B and ends of what is constant.
        heights: B at minus infinity, at each mark, and at plus infinity.
        turns: whether a mark is a turn.
        step: where s' has a period, what B grows by over one; the arcs are those of one period then, and the outer
            heights are those at its ends.
    """

    marks: tuple[sp.Expr, ...]
    heights: tuple[sp.Expr, ...]
    turns: tuple[bool, ...]
    step: sp.Expr | None = None

    def count(self, bias: sp.Expr) -> sp.Expr:
        """How many solutions ``z = W s(z) + B`` has: an integer, or infinity where B(z) is constant on an arc.

        Raises:
            TailUndecidedError: B lies too close to the height of a mark, and is not proved equal.
        """
        if self.step is not None:
            return self._count_periods(bias, self.step)
        sides = [_side(height, bias) for height in self.heights]
        if any(left == right == 0 for left, right in pairwise(sides)):
            return sp.oo
        crossed = sum(left * right < 0 for left, right in pairwise(sides))
        return sp.Integer(crossed + sum(side == 0 for side in sides[1:-1]))

    def _count_periods(self, bias: sp.Expr, step: sp.Expr) -> sp.Expr:
        """Over all periods: B(z + k P) is B(z) + k times the step, so that the integers k are counted."""
        if constant_sign(step) == 0:
            sides = [_side(height, bias) for height in self.heights]
            return sp.oo if 0 in sides or any(a * b < 0 for a, b in pairwise(sides)) else sp.S.Zero
        places = [(bias - height) / step for height in self.heights]
        crossed = sum(_integers_between(first, second) for first, second in pairwise(places))
        return sp.Integer(crossed + sum(_is_integer(place) for place in places[:-1]))

    @cached_property
    def boundaries(self) -> tuple[sp.Expr, ...]:
        """The heights at which the number of solutions changes, in increasing order, each once."""
        return tuple(in_order(height for height in self.heights if height not in (sp.oo, -sp.oo)))

    @cached_property
    def counts(self) -> tuple[sp.Expr, ...]:
        """The number of solutions below the first boundary, between neighbouring ones, and above the last."""
        edges = [-sp.oo, *self.boundaries, sp.oo]
        return tuple(self.count(between(low, high)) for low, high in pairwise(edges))


def _integers_between(first: sp.Expr, second: sp.Expr) -> int:
    """How many integers lie strictly between two constants, in either order."""
    low, high = in_order([first, second]) if constant_sign(first - second) else (first, first)
    return max(0, -_floor(-high) - _floor(low) - 1)


def _floor(constant: sp.Expr) -> int:
    nearest = sp.Integer(int((to_ball(constant, 256).mid() + 0.5).floor().unique_fmpz()))
    return int(nearest) - (1 if constant_sign(constant - nearest) < 0 else 0)


def _is_integer(constant: sp.Expr) -> bool:
    return constant_sign(constant - _floor(constant)) == 0


def _side(height: sp.Expr, bias: sp.Expr) -> int:
    return (1 if height == sp.oo else -1) if height in (sp.oo, -sp.oo) else constant_sign(height - bias)


@lru_cache(maxsize=512)
def arcs_of(activation: Activation, weight: sp.Expr) -> Arcs:
    """The arcs for a number W.

    Raises:
        UnsupportedExpressionError: the slope of the activation has infinitely many monotone pieces.
        TailUndecidedError: where B turns could not be decided.

    >>> import symgrad as sg
    >>> found = arcs_of(sg.activation("hard_tanh"), sp.Integer(2))
    >>> found.marks, found.boundaries, found.counts
    ((-1, 1), (-1, 1), (1, 3, 1))
    """
    pieces = slope_pieces(activation)
    marks = sorted(_marks(pieces, weight), key=lambda mark: float(to_ball(mark[0]).mid()))
    length = slope_period(activation)
    outer = [limit_at(VARIABLE - weight * p.formula, *ends) for p, ends in _outer_ends(pieces)]
    heights = [outer[0], *(_height(formula, weight, z) for z, formula, _ in marks), outer[1]]
    step = None if length is None else named(heights[-1] - heights[0])
    return Arcs(tuple(z for z, _, _ in marks), tuple(heights), tuple(turn for _, _, turn in marks), step)


def _outer_ends(pieces: tuple[SlopePiece, ...]) -> list[tuple[SlopePiece, tuple[End, End]]]:
    first, last = pieces[0], pieces[-1]
    return [(first, (first.left, first.right)), (last, (last.right, last.left))]


def _marks(pieces: tuple[SlopePiece, ...], weight: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr, bool]]:
    """Where B turns, and where it becomes or ceases to be constant, with the formula of s there."""
    if weight.is_zero:
        return
    level = 1 / weight
    for piece in pieces:
        z = piece.at_level(level)
        if z is not None:
            yield z, piece.formula, True
    for joint in joints(pieces)[: len(pieces) - 1]:
        product = joint.sides(level).product
        if product <= 0:
            yield joint.point, joint.before.formula, product < 0


def _height(formula: sp.Expr, weight: sp.Expr, z: sp.Expr) -> sp.Expr:
    return named(z - weight * named(formula.xreplace({VARIABLE: z})))
