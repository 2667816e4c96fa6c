"""Ranges of one function over many intervals: where its slope changes sign is found once, then ends decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.balls import Interval, interval_function, lower_float, to_ball, upper_float, working_precision
from symgrad.rigor.candidates import Candidate, Smooth
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.end_behaviour import near_end
from symgrad.rigor.ends import End, core, sample_point
from symgrad.rigor.plain_balls import plain_ball_function
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import isolate_zeros

__all__ = ["FunctionRange", "function_range"]

Array = NDArray[np.float64]

_BITS = 96
_MOST_BOXES = 400
_REMEMBERED = 10**5
_ENOUGH = 60  # bits of a value: more than a float has


@dataclass(frozen=True)
class Turn:
    """A stretch outside of which the function is monotone, and bounds of its values there, one-sided ones included."""

    left: float
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class FunctionRange:
    """Bounds of a function over intervals: rounded outwards, and tight up to rounding where it has few turns.

    Attributes:
        formula: of one variable.
        turns: where monotony may end, from left to right; None when that was not found for all of R.
    """

    formula: sp.Expr
    symbol: sp.Symbol
    turns: tuple[Turn, ...] | None
    _known: dict[float, tuple[float, float]] = field(default_factory=dict, compare=False, repr=False)

    def over(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Bounds of the values over each interval [low, high], entry by entry; the ends may be infinite.

        At a jump the values of both sides count.

        >>> z = sp.Symbol("z", real=True)
        >>> low, high = function_range(1 - sp.tanh(z) ** 2, z).over(np.array([-1.0, 1.0]), np.array([2.0, np.inf]))
        >>> high.round(6).tolist(), low.round(6).tolist()
        ([1.0, 0.419974], [0.070651, 0.0])
        """
        if self.turns is None:
            return self._without_turns(low, high)
        ends = self._at(np.stack([low, high]))
        below, above = ends[..., 0].min(axis=0), ends[..., 1].max(axis=0)
        for turn in self.turns:
            inside = (turn.right >= low) & (turn.left <= high)
            below = np.where(inside, np.minimum(below, turn.low), below)
            above = np.where(inside, np.maximum(above, turn.high), above)
        least, most = min(turn.low for turn in self.turns), max(turn.high for turn in self.turns)
        return np.maximum(below, least), np.minimum(above, most)  # which all values on R keep to

    def _at(self, points: Array) -> Array:
        """Bounds of the values at points, along a new last axis; at infinite ones, whose limits are turns, none."""
        distinct, places = np.unique(points, return_inverse=True)
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        new = [point for point in distinct.tolist() if point not in self._known]
        if new:
            function, plain = interval_function(self.formula, self.symbol), self._at_points
            with working_precision(_BITS):
                self._known.update((point, _value(plain, function, point)) for point in new)
        bounds = np.array([self._known[point] for point in distinct.tolist()]).reshape(-1, 2)
        return bounds[places.reshape(points.shape)]

    @cached_property
    def _at_points(self) -> Callable[[arb], arb]:
        return plain_ball_function(self.formula, self.symbol)

    def _without_turns(self, low: Array, high: Array) -> tuple[Array, Array]:
        below, above = np.empty_like(low), np.empty_like(high)
        function = interval_function(self.formula, self.symbol)
        with working_precision(_BITS):
            for place in np.ndindex(low.shape):
                below[place], above[place] = _floats(*function((_ball(float(low[place])), _ball(float(high[place])))))
        return below, above


def _value(plain: Callable[[arb], arb], function: Callable[..., Interval], point: float) -> tuple[float, float]:
    """Bounds of the value at a finite point, by the fast function on balls where that says enough."""
    if math.isinf(point):
        return math.inf, -math.inf
    end = arb(point)
    value = plain(end)
    if value.is_finite() and value.rel_accuracy_bits() >= _ENOUGH:
        return lower_float(value), upper_float(value)
    return _floats(*function((end, end)))


def _ball(end: float) -> arb:
    if math.isinf(end):
        return arb.pos_inf() if end > 0 else arb.neg_inf()
    return arb(end)


def _floats(low: arb, high: arb) -> tuple[float, float]:
    return _float(low, up=False), _float(high, up=True)


def _float(ball: arb, up: bool) -> float:
    if ball == arb.pos_inf() or ball == arb.neg_inf():
        return math.inf if ball == arb.pos_inf() else -math.inf
    return upper_float(ball) if up else lower_float(ball)


@lru_cache(maxsize=256)
def function_range(formula: sp.Expr, symbol: sp.Symbol) -> FunctionRange:
    """The function from intervals to ranges of a formula of one real variable.

    Its turns are the ends of its smooth pieces and the zeros of its slope, all of them proved to be found: next to the
    ends of a piece the slope has one proved sign, in between the zeros are isolated by the interval Newton test
    (Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, sec. 8.1). Where that fails, as for functions
    that oscillate for ever, interval arithmetic on the formula stands in: rigorous, but wider.
    """
    try:
        with working_precision(_BITS):
            return FunctionRange(formula, symbol, _turns(formula, symbol))
    except TailUndecidedError:
        return FunctionRange(formula, symbol, None)


def _turns(formula: sp.Expr, symbol: sp.Symbol) -> tuple[Turn, ...] | None:
    found: list[Turn] = []
    for piece in split(formula, symbol, End(-sp.oo, 1), End(sp.oo, -1)):
        turns = _turns_of_piece(piece, symbol)
        if turns is None:
            return None
        found += turns
        if piece.right.is_finite:  # the value at a kink itself
            place = piece.right.ball()
            found.append(_turn(place, place, *interval_function(formula, symbol)((place, place))))
    return tuple(found)


def _turn(left: arb, right: arb, low: arb, high: arb) -> Turn:
    return Turn(*_floats(left, right), *_floats(low, high))


def _turns_of_piece(piece: SmoothPiece, symbol: sp.Symbol) -> list[Turn] | None:
    """The ends of a smooth piece, with the limits there, and where its slope may be zero.

    None when it oscillates near an end or its slope has too many zeros.
    """
    smooth = Smooth(piece.formula, symbol)
    if _is_constant(smooth):
        return [_at_end(end, smooth.value.ball(to_ball(sample_point(piece.left, piece.right)))) for end in _ends(piece)]
    reports = [near_end(smooth, piece, end, 0) for end in _ends(piece)]
    if any(report.range is not None or len(report.candidates) != 1 for report in reports):
        return None
    zeros = isolate_zeros(smooth.slope, smooth.curvature, core(reports[0].cut, reports[1].cut), max_boxes=_MOST_BOXES)
    if not zeros.complete:
        return None
    simple = [zero.ball(_BITS) for zero in zeros.simple]
    places = [(ball.lower(), ball.upper()) for ball in simple] + [(box.lo, box.hi) for box in zeros.undecided]
    inner = [_turn(left, right, *smooth.value.interval((left, right))) for left, right in places]
    ends = zip(_ends(piece), reports, strict=True)
    return inner + [_at_end(end, _limit(report.candidates[0])) for end, report in ends]


def _ends(piece: SmoothPiece) -> tuple[End, End]:
    return piece.left, piece.right


def _at_end(end: End, value: arb) -> Turn:
    return _turn(end.ball(), end.ball(), value, value)


def _limit(candidate: Candidate) -> arb:
    if candidate.exact in (sp.oo, -sp.oo):
        return arb.pos_inf() if candidate.exact is sp.oo else arb.neg_inf()
    return candidate.ball(_BITS)


def _is_constant(smooth: Smooth) -> bool:
    if smooth.slope_formula.is_zero:
        return True
    return bool(smooth.slope.ball(arb(1) / 3).contains(0)) and bool(is_zero_function(smooth.slope_formula))
