"""Certified bounds on the growth of products of Jacobians of one layer, for the inputs that it saw."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import BoundSeries
from symgrad.diagnosis.certified_sequence import Opening, SequenceGrowth, sequence_growth
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.seen_ranges import with_seen_ranges
from symgrad.language.exactness import exact_model
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.all_bounds import AllBounds, Theorems, all_bounds, checked_count, checked_methods
from symgrad.presentable import Presentable

__all__ = ["GrowthBounds", "growth_bounds"]

Array = NDArray[np.float64]

_TELLING = 6.0  # decades
MOST_STATES = {"diagonal": 64, "quadratic": 64, "perron": 256, "range": 256, "norm": 8192}


@dataclass(frozen=True, eq=False)
class GrowthBounds(Presentable):
    """What is proved about ``||J_t ... J_{t-k+1}||_2``, products of k Jacobians of one layer that follow each other.

    All of ``upper`` and ``lower`` hold for every trajectory whose inputs keep to the range of those that the layer saw
    (see ``scope``); ``along`` holds for the first sequence alone.

    Attributes:
        ks: (K,) the numbers of factors, 1 ... K.
        upper: method -> (K,) decimal logarithms of bounds from above, rounded up.
        lower: method -> (K,) those of bounds from below on ``min ||P x|| / ||x||``, rounded down.
        missing: ``"upper"`` or ``"lower"`` and a method -> why it gives no bound.
        along: (K,) decimal logarithms of the norms of ``dx_T/dx_{T-k}`` along the first sequence, rounded up, nan for k
            above the length T; None where it was not enclosed.
        note: what was left out and why, in words; empty where nothing was.
        scope: for which inputs and starts the bounds hold, in words.
        along_least: the same norms rounded down.
        series: side and method -> the bound with weights put in, whose ``.bound`` is the theorem with its proof.
        model: the recurrence with the ranges of the inputs.
        weights: its numbers.
        opening: the growth over the first steps of the first sequence, where no more of it could be enclosed.
    """

    ks: NDArray[np.int64]
    upper: Mapping[str, Array]
    lower: Mapping[str, Array]
    missing: Mapping[tuple[str, str], str]
    along: Array | None
    note: str
    scope: str = ""
    along_least: Array | None = None
    series: Mapping[tuple[str, str], BoundSeries] = field(default_factory=dict, repr=False)
    model: Recurrence | None = None
    weights: Weights | None = field(default=None, repr=False)
    opening: Opening | None = None

    @property
    def horizon(self) -> int:
        """The largest number of factors."""
        return len(self.ks)

    @cached_property
    def log10_best(self) -> Array:
        """(K,) decimal logarithms of the least bound from above; infinity where there is none."""
        return np.min(list(self.upper.values()), axis=0, initial=math.inf) + np.zeros(self.horizon)

    @cached_property
    def log10_best_lower(self) -> Array:
        """(K,) decimal logarithms of the largest bound from below; minus infinity where there is none."""
        return np.max(list(self.lower.values()), axis=0, initial=-math.inf) + np.zeros(self.horizon)

    def telling(self, side: str) -> tuple[str, ...]:
        """The methods whose bound at the horizon is within a million of 1, or of the square of what is proved to occur.

        The others are true, but tell nothing about gradients.

        Args:
            side: ``"upper"`` or ``"lower"``.
        """
        found, sign = (self.upper, 1) if side == "upper" else (self.lower, -1)
        occurs = [0.0, sign * float((self.log10_best_lower if sign == 1 else self.log10_best)[-1])]
        enclosed = self.along_least if sign == 1 else self.along
        if enclosed is not None:
            occurs += (sign * enclosed[~np.isnan(enclosed)][-1:]).tolist()
        most = _TELLING + 2 * max(value for value in occurs if np.isfinite(value))
        return tuple(name for name, logs in found.items() if sign * float(logs[-1]) <= most)

    def scope_of(self, side: str) -> str:
        """Which trajectories the closest bound at the horizon is about, in words."""
        name = self.best(side)
        series = None if name is None else self.series.get((side, name))
        return self.scope if series is None or self.model is None else _scope(self.model, series.units is not None)

    def best(self, side: str = "upper") -> str | None:
        """The method of the closest bound at the horizon; None where none gives a finite one."""
        found = self.upper if side == "upper" else self.lower
        sign = 1 if side == "upper" else -1
        logs = [(sign * float(values[-1]), name) for name, values in found.items()]
        value, name = min(logs, default=(math.inf, None))
        return name if value < math.inf else None


def growth_bounds(run: LayerRun, horizon: int = 200, *, methods: Any = None, along: bool = True) -> GrowthBounds:
    """Every method's bounds on products of 1 ... ``horizon`` Jacobians of a layer, and those along its first sequence.

    Inputs are declared to lie where those of the sequences do, unless the model declares a range that holds them.
    Methods that take long for many states are left out above a number of states, which ``missing`` says; a bound that
    rests on an invariant box counts only if all sequences start in that box.

    Args:
        run: the layer with its sequences.
        horizon: the largest number of factors.
        methods: names of methods of :func:`symgrad.product_bound`, tried whatever the size; all of them unless given.
        along: whether to enclose the first sequence, its states in ball arithmetic and the products of its Jacobians
            by floats with proved error bounds, as far as its size allows.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight.
        UnknownNameError: an unknown method.

    Source: :func:`symgrad.product_bound` and :func:`symgrad.trajectory_bound`, which prove them; along larger layers
    Rump 1999, Fast and parallel interval arithmetic, BIT 39.
    """
    steps, names = checked_count("horizon", horizon, 1), checked_methods(methods)
    model = with_seen_ranges(run)
    numbers, size = run.setting.weights, run.total
    found = _all(model, numbers, size, names, methods is not None)
    kept, missing = _starting_inside(found, run)
    ends = sequence_growth(run, steps) if along else SequenceGrowth()
    logs = {key: np.array([series.at(k).log10 for k in range(1, steps + 1)]) for key, series in kept.items()}
    return GrowthBounds(
        np.arange(1, steps + 1),
        {name: values for (side, name), values in logs.items() if side == "upper"},
        {name: values for (side, name), values in logs.items() if side == "lower"},
        missing,
        ends.most,
        " ".join(filter(None, (_left_out(missing), ends.note))),
        _scope(model, any(series.units for series in kept.values())),
        ends.least,
        kept,
        model,
        numbers,
        ends.opening,
    )


def _all(model: Recurrence, numbers: Weights, size: int, names: Collection[str], wanted: bool) -> AllBounds:
    small = [name for name in names if wanted or size <= MOST_STATES[name]]
    found = all_bounds(Theorems(exact_model(model, numbers), norm_of(2)), numbers, small)
    large = {
        (side, name): f"{size} states are more than the {MOST_STATES[name]} up to which it is tried"
        for name in names
        if name not in small
        for side in (("upper", "lower") if name in ("norm", "range") else ("upper",))
    }
    return AllBounds(found.model, numbers, found.norm, found.upper, found.lower, {**found.missing, **large})


def _starting_inside(
    found: AllBounds, run: LayerRun
) -> tuple[dict[tuple[str, str], BoundSeries], dict[tuple[str, str], str]]:
    """The bounds that hold for where the sequences start, and why others do not count."""
    kept: dict[tuple[str, str], BoundSeries] = {}
    missing = dict(found.missing)
    for side, given in (("upper", found.upper), ("lower", found.lower)):
        for name, series in given.items():
            outside = _outside(series, run)
            if outside is None:
                kept[side, name] = series
            else:
                missing[side, name] = f"a sequence starts with {outside} outside of the invariant box that it rests on"
    return kept, missing


def _outside(series: BoundSeries, run: LayerRun) -> sp.Expr | None:
    """A state that starts outside of the box of a bound, None where all start inside or there is no box."""
    for state in run.model.states if series.units is not None else ():
        start, box = run.initial.get(str(state)), series.units.ranges.get(state) if series.units else None
        if start is not None and box is not None:
            inside = (start.reshape(-1, box.shape[0]) >= box.low.T) & (start.reshape(-1, box.shape[0]) <= box.high.T)
            if not inside.all():
                return state
    return None


def _left_out(missing: Mapping[tuple[str, str], str]) -> str:
    large = sorted({name for (_, name), reason in missing.items() if "up to which it is tried" in reason})
    return f"Left out for the number of states: {', '.join(large)}." if large else ""


def _scope(model: Recurrence, in_box: bool) -> str:
    """Which trajectories a bound is about: the ranges that are assumed, and whether they start in the invariant box."""
    ranges = [
        f"{s} between {model.ranges[s].start} and {model.ranges[s].end}" for s in model.variables if s in model.ranges
    ]
    start = ", every start in the invariant box" if in_box else ""
    return (f"every trajectory with all entries of {', '.join(ranges)}" if ranges else "every trajectory") + start
