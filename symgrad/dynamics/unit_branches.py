"""The monotone branches of ``B(z) = z - W s(z)`` for one weight W after another, from those of the slope s'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.branch_zeros import ArrayFunction, BallFunction, crossings
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import working_precision
from symgrad.rigor.branches import BRANCH_BITS, Branch
from symgrad.rigor.functions import canonical
from symgrad.rigor.plain_balls import plain_ball_function

__all__ = ["UnitCurves"]

Segment = tuple[arb, arb, int]  # from where to where, and whether B(z) rises


class UnitCurves:
    """``B(z) = z - W s(z)`` for several weights: it rises where ``W s'(z) < 1`` and falls where ``W s'(z) > 1``.

    Args:
        activation: s, continuous.
        slopes: the branches on which s' is monotone, from left to right.
        weights: balls around the values of W.
    """

    def __init__(self, activation: Activation, slopes: Sequence[Branch], weights: Sequence[arb]) -> None:
        slope = activation.derivative.expr
        bend = canonical(slope.diff(VARIABLE).replace(sp.DiracDelta, lambda *_: sp.S.Zero))  # off the jumps of s'
        self.slopes, self.weights = tuple(slopes), list(weights)
        self._value, self._slope, self._bend = (
            plain_ball_function(expr, VARIABLE) for expr in (activation.expr, slope, bend)
        )
        self._float_slope, self._float_bend = array_function(slope), array_function(bend)
        with working_precision(BRANCH_BITS):
            self._levels = [None if weight.contains(0) else 1 / weight for weight in weights]

    def branches(self) -> list[tuple[Branch, ...] | None]:
        """The branches of B(z) for each weight; None where its turns or its limits are not decided."""
        with working_precision(BRANCH_BITS):
            crossed = [self._crossed(level) for level in self._levels]
        places = [(i, self.slopes[j]) for i, found in enumerate(crossed) for j in found or ()]
        turns = iter(crossings(self, places))
        with working_precision(BRANCH_BITS):
            return [self._of_weight(i, found, turns) for i, found in enumerate(crossed)]

    def float_functions(self, members: NDArray[np.int64]) -> tuple[ArrayFunction, ArrayFunction]:
        """``s'(z) - 1/W`` and its slope on arrays."""
        levels = np.array([1 / float(self.weights[i].mid()) for i in members.tolist()])
        return lambda z: self._float_slope(np, z) - levels, lambda z: self._float_bend(np, z)

    def ball_functions(self, member: int) -> tuple[BallFunction, BallFunction]:
        """``s'(z) - 1/W`` and its slope on balls."""
        level, slope = self._levels[member], self._slope
        return lambda z: slope(z) - level, self._bend

    def _crossed(self, level: arb | None) -> list[int] | None:
        """The branches of s' that take the value 1/W; None where that is not decided."""
        if level is None:
            return []
        taken = [branch.takes(level) for branch in self.slopes]
        constant = any(b.direction == 0 and not (b.low < level or b.low > level) for b in self.slopes)
        return None if constant or None in taken else [j for j, takes in enumerate(taken) if takes]

    def _of_weight(self, i: int, crossed: list[int] | None, turns: Iterator[arb | None]) -> tuple[Branch, ...] | None:
        found = {j: next(turns) for j in crossed or ()}
        weight, level = self.weights[i], self._levels[i]
        if crossed is None or None in found.values() or (level is None and not weight.is_zero()):
            return None
        parts = [
            part for j, branch in enumerate(self.slopes) for part in _segments(branch, found.get(j), weight, level)
        ]
        segments = _merged(parts)
        first, last = self.slopes[0].at_left, self.slopes[-1].at_right
        if not (_decided(segments[0][0], first, level) and _decided(segments[-1][1], last, level)):
            return None
        return tuple(
            Branch(left, right, *self._limits(i, left, right, rises), rises) for left, right, rises in segments
        )

    def _limits(self, i: int, left: arb, right: arb, rises: int) -> tuple[arb, arb]:
        """The values of B at the ends of a segment; where s' does not tend to 1/W they are infinite at infinity."""
        at_left, at_right = (
            end - self.weights[i] * self._value(end) if end.is_finite() else end * rises for end in (left, right)
        )
        return at_left, at_right


def _segments(branch: Branch, turn: arb | None, weight: arb, level: arb | None) -> list[Segment]:
    """Where B(z) rises and falls on a branch of s'."""
    if level is None:
        return [(branch.left, branch.right, 1)]
    side = 1 if weight > 0 else -1  # that of B'(z) where s'(z) is below 1/W
    if turn is not None:
        before = side * branch.direction
        return [(branch.left, turn, before), (turn, branch.right, -before)]
    above = branch.low > level if branch.direction == 0 else level <= branch.low
    return [(branch.left, branch.right, -side if above else side)]


def _merged(segments: list[Segment]) -> list[Segment]:
    """Neighbours on which B(z) does the same as one."""
    merged: list[Segment] = []
    for left, right, rises in segments:
        if merged and merged[-1][2] == rises:
            merged[-1] = (merged[-1][0], right, rises)
        else:
            merged.append((left, right, rises))
    return merged


def _decided(end: arb, limit: arb, level: arb | None) -> bool:
    """Whether B(z) is known to be infinite at an infinite end, where s' has this limit."""
    return bool(end.is_finite()) or level is None or bool(limit < level) or bool(limit > level)
