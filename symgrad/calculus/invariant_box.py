"""Invariant boxes: for every unit of every state an interval that no trajectory from within leaves, proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.enclose import BallEvaluator
from symgrad.calculus.unit_ranges import IntervalEvaluator, UnitRanges, declared_ranges
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.presentable import Presentable
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["UnitBox", "unit_box"]

Array = NDArray[np.float64]

_ROUNDS = 40
_NARROWING = 12
_SLACK = 2.0**-10
_SLOWEST = 0.9999  # of the ratios of increments that are extrapolated
_ROUNDING = 2.0**-50


@dataclass(frozen=True, eq=False)
class UnitBox(Presentable):
    """Intervals for all units of states and inputs: with inputs in theirs, a state in its own stays there for ever.

    Attributes:
        model: the recurrence.
        weights: its numbers.
        checked: symbol -> (n, 1) intervals that one step is checked on; an end is infinite where nothing is proved.
        closed: ranges that a closed form shows to be invariant; none unless given.
    """

    model: Recurrence
    weights: Weights
    checked: UnitRanges
    closed: UnitRanges = field(default_factory=dict)

    @cached_property
    def ranges(self) -> UnitRanges:
        """Symbol -> (n, 1) intervals, what lies in the checked box and in the one in closed form."""
        return {s: item.intersection(self.closed.get(s, item)) for s, item in self.checked.items()}

    def is_invariant(self) -> bool:
        """Whether one step from anywhere in the checked box is proved to end in it; declared ranges are assumptions."""
        new = _step(self.model, self.weights, self.checked, BallEvaluator.of_weights(self.weights))
        return all(new[state].within(self.checked[state]) for state in new)


def unit_box(model: Recurrence, weights: Weights, start: UnitRanges | None = None) -> UnitBox:
    """An invariant box around a start: the origin, or given ranges of some states.

    From the start, ranges are propagated, extrapolated and widened until one step maps the box into itself; then it is
    narrowed by more steps. Units for which no such interval is found get all numbers. States with a declared range
    keep that one, and what is declared for inputs is taken as given.

    Args:
        model: the recurrence.
        weights: its numbers.
        start: state -> (n, 1) intervals that the box must hold; of other states their origin.

    Raises:
        InputError: the weights do not tell the size of a state or an input.

    Source: Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, sec. 8.1 (inclusion of a set in itself).
    """
    ranges = declared_ranges(model, weights)
    free = [state for state in model.states if state not in model.ranges]
    origin = {state: Intervals.exact(np.zeros(ranges[state].shape)) for state in free}
    given = {} if start is None else {state: start[state] for state in free if state in start}
    search = _Search(model, weights, {**origin, **given})
    return UnitBox(model, weights, search.narrowed(search.grown({**ranges, **search.start})))


def _step(model: Recurrence, weights: Weights, ranges: UnitRanges, balls: BallEvaluator) -> UnitRanges:
    """The ranges of those next states that have no declared range."""
    evaluator = IntervalEvaluator(weights, ranges, balls)
    return {s: evaluator.vector(node) for s, node in model.nodes.items() if s not in model.ranges}


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for a small box around the start that one step maps into itself."""

    model: Recurrence
    weights: Weights
    start: UnitRanges

    @cached_property
    def _balls(self) -> BallEvaluator:
        return BallEvaluator.of_weights(self.weights)

    def step(self, ranges: UnitRanges) -> UnitRanges:
        """The start and all that one step reaches."""
        new = _step(self.model, self.weights, ranges, self._balls)
        return {**ranges, **{state: found.hull(self.start[state]) for state, found in new.items()}}

    def is_inside(self, ranges: UnitRanges, other: UnitRanges) -> bool:
        """Whether the states of one box lie in those of another."""
        return all(ranges[state].within(other[state]) for state in self.start)

    def grown(self, ranges: UnitRanges) -> UnitRanges:
        """An invariant box, from within: units that keep growing get all numbers in the end."""
        growth: dict[sp.Expr, Array] = {}
        for count in range(_ROUNDS):
            now = self.step(ranges)
            if self.is_inside(now, ranges):
                return ranges
            last, growth = growth, {s: _difference(now[s], ranges[s]) for s in self.start}
            for wide in (self.symmetric(now), self.extrapolated(now, growth, last)):
                after = self.step(wide)
                if self.is_inside(after, wide):
                    return wide
            if count >= _ROUNDS // 2:
                wide = {**wide, **{s: _unbounded(after[s], wide[s]) for s in self.start}}
            ranges = wide if count % 4 == 3 or count >= _ROUNDS // 2 else now
        nothing = {s: _unbounded(Intervals(ranges[s].low - 1, ranges[s].high + 1), ranges[s]) for s in self.start}
        return {**ranges, **nothing}

    def extrapolated(self, now: UnitRanges, growth: dict[sp.Expr, Array], last: dict[sp.Expr, Array]) -> UnitRanges:
        """A guess from the last two increments."""
        return {**now, **{s: _extrapolated(now[s], growth[s], last.get(s), 1 + _SLACK) for s in self.start}}

    def symmetric(self, now: UnitRanges) -> UnitRanges:
        """A guess: for all units of a state the same range, from minus to plus a power of two."""
        sizes = {s: float(now[s].magnitude.max(initial=0.0)) for s in self.start}
        with np.errstate(over="ignore"):  # infinity is such a bound as well
            powers = {s: 2.0 ** np.ceil(np.log2(size)) if 0 < size < np.inf else size for s, size in sizes.items()}
        return {**now, **{s: Intervals(*(sign * np.full(now[s].shape, powers[s]) for sign in (-1, 1))) for s in powers}}

    def narrowed(self, ranges: UnitRanges) -> UnitRanges:
        """A smaller invariant box within one, each proved before it counts."""
        proved, shrinking = ranges, {s: np.zeros((2, *ranges[s].shape)) for s in self.start}
        for _ in range(_NARROWING):
            now = self.step(proved)
            last, shrinking = shrinking, {s: _difference(now[s], proved[s]) for s in self.start}
            for slack in (1 - _SLACK, 0.75, 0.0):
                tried = {**now, **{s: _extrapolated(now[s], shrinking[s], last[s], slack) for s in self.start}}
                if self.is_inside(tried, proved) and self.is_inside(self.step(tried), tried):
                    proved = tried
                    break
            else:
                return proved
        return proved


def _difference(now: Intervals, before: Intervals) -> Array:
    """By how much the lower and the upper ends have moved outwards."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.stack([before.low - now.low, now.high - before.high]), nan=0.0, posinf=np.inf)


def _extrapolated(now: Intervals, moved: Array, last: Array | None, slack: float) -> Intervals:
    """Where a geometric sequence with these last two increments ends, up to a factor of the rest of the way."""
    with np.errstate(all="ignore"):
        ratio = np.zeros_like(moved) if last is None else np.nan_to_num(moved / last, nan=0.0, posinf=0.0)
        ratio = np.clip(ratio, 0.0, _SLOWEST)
        rest = np.nan_to_num(slack * moved * ratio / (1 - ratio), nan=0.0, posinf=np.inf, neginf=0.0)
        ends = np.stack([now.low, now.high])
        rest += _ROUNDING * np.where(np.isfinite(ends), np.abs(ends), 0.0) * (moved != 0) + _SLACK * np.maximum(
            moved, 0.0
        )
    return Intervals(np.minimum(now.low - rest[0], now.high), np.maximum(now.high + rest[1], now.low))


def _unbounded(after: Intervals, ranges: Intervals) -> Intervals:
    """All numbers for the units that still leave their range."""
    leave = (after.low < ranges.low) | (after.high > ranges.high)
    return Intervals(np.where(leave, -np.inf, ranges.low), np.where(leave, np.inf, ranges.high))
