"""Ranges in which every trajectory stays from some step on, wherever it begins."""

from __future__ import annotations

import numpy as np

from symgrad.calculus.unit_ranges import IntervalEvaluator, UnitRanges, declared_ranges
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["lasting_ranges"]

_ROUNDS = 60
_LITTLE = 1e-3  # relative narrowing that is not worth another round


def lasting_ranges(model: Recurrence, weights: Weights, start: UnitRanges | None = None) -> UnitRanges:
    """Intervals for all units of states and inputs, which all trajectories enter and do not leave again.

    One step maps all numbers (of what has a declared range, that) into a first box, one step from there into a second,
    and so on; each lies in the one before. Ends stay infinite where no step bounds them.

    Args:
        model: the recurrence.
        weights: its numbers.
        start: ranges that no trajectory from within leaves, for those trajectories alone; by default all are meant.

    Raises:
        InputError: the weights do not tell the size of a state or an input.

    >>> import symgrad as sg
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> found = lasting_ranges(model, bind(model, {"W": [[2.0]], "U": [[1.0]], "b": [0.0]}))
    >>> found[model.symbol("h")].high.item()
    1.0
    """
    ranges = declared_ranges(model, weights) if start is None else start
    free = [state for state in model.states if state not in model.ranges]
    for _ in range(_ROUNDS):
        evaluator = IntervalEvaluator(weights, ranges)
        new = {state: evaluator.vector(model.nodes[state]).intersection(ranges[state]) for state in free}
        narrowed = any(_is_narrower(new[state], ranges[state]) for state in free)
        ranges = {**ranges, **new}
        if not narrowed:
            break
    return ranges


def _is_narrower(new: Intervals, old: Intervals) -> bool:
    with np.errstate(invalid="ignore"):
        before, now = old.high - old.low, new.high - new.low
        return bool(((now < before) & (~np.isfinite(before) | (now < before * (1 - _LITTLE)))).any())
