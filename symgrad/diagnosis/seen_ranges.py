"""The model of a layer with declared ranges that hold what the layer saw."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.language.recurrence import Recurrence

__all__ = ["with_seen_ranges"]

_GRAIN = 16  # ends are rounded outwards to multiples of 1/16, so that they stay short


def with_seen_ranges(run: LayerRun) -> Recurrence:
    """The model with every input declared to lie where the sequences do.

    A declared range stays where it holds all that was seen; that of a state which leaves it is dropped.
    """
    ranges = dict(run.model.ranges)
    for symbol in run.model.inputs:
        declared = ranges.get(symbol)
        if declared is None or not _holds(declared, run.inputs[str(symbol)]):
            ranges[symbol] = _around(run.inputs[str(symbol)])
    states = run.states
    left = [s for s in run.model.states if s in ranges and not _holds(ranges[s], states[str(s)])]
    return replace(run.model, ranges={symbol: item for symbol, item in ranges.items() if symbol not in left})


def _holds(interval: sp.Interval, seen: NDArray[np.float64]) -> bool:
    if interval.free_symbols or not np.isfinite(seen).all():
        return False
    least, most = sp.Rational(float(seen.min())), sp.Rational(float(seen.max()))
    return bool(interval.start <= least) and bool(most <= interval.end)


def _around(seen: NDArray[np.float64]) -> sp.Interval:
    """A symmetric interval around zero that holds all entries."""
    end = sp.Rational(max(1, math.ceil(float(np.abs(seen).max()) * _GRAIN)), _GRAIN)
    return sp.Interval(-end, end)
