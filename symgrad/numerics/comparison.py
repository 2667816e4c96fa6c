"""compare_bounds: what every method proves for the same weights, against the growth of simulated trajectories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import Bound, BoundSeries
from symgrad.errors import InputError
from symgrad.language.exactness import exact_model
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.all_bounds import (
    AllBounds,
    Theorems,
    all_bounds,
    checked_count,
    checked_methods,
    given_windows,
    long_run_rate,
    with_numbers,
)
from symgrad.numerics.exploration import SideExploration
from symgrad.numerics.findings import Findings
from symgrad.numerics.search import explored
from symgrad.numerics.simulate import Batch
from symgrad.presentable import Presentable

__all__ = ["BoundComparison", "ComparedBound", "compare_bounds"]

Array = NDArray[np.float64]

_LN10 = math.log(10.0)


@dataclass(frozen=True, eq=False)
class ComparedBound(Presentable):
    """One method's bound with the weights of a comparison.

    Attributes:
        bound: the theorem.
        series: the bound with weights put in.
        rate: the bound per step over many steps, rounded up (from below down); None for layers of their own weights.
        log10: (K,) decimal logarithms at k = 1 ... K, rounded likewise.
    """

    bound: Bound
    series: BoundSeries
    rate: float | None
    log10: Array

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.bound.method

    @property
    def side(self) -> str:
        """``"upper"`` or ``"lower"``."""
        return self.bound.side

    def horizon(self, delta: Any = 1e-3) -> int | None:
        """From above the least k from which on the bound stays at most delta, from below the largest up to which it is.

        None where there is no such k up to 10**9, or no end to them.

        Raises:
            InputError: delta is not a positive number.
        """
        number = exact_number("delta", delta)
        if not number.is_positive:
            raise InputError(f"delta: a positive number is needed, got {delta!r}")
        found = self.series.horizon(number)
        return None if found == sp.oo else int(found)


@dataclass(frozen=True, eq=False)
class BoundComparison(Presentable):
    """What :func:`compare_bounds` found.

    Attributes:
        model: the recurrence.
        weights: its numbers.
        norm: the operator norm.
        ks: (K,) the numbers of factors, 1 ... K.
        upper: method -> bound from above.
        lower: method -> bound from below.
        missing: ``"upper"`` or ``"lower"`` and a method -> why it gives no bound.
        log10_largest: (K,) decimal logarithms of the largest norms found in floats (approximate); minus infinity for
            zero, nan where no trajectory stayed within the ranges.
        log10_smallest: (K,) those of the smallest minimum moduli found.
        trajectories: how many were simulated.
        left_range: how many of them left the ranges, or overflowed.
        seed: of the search.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2) / 2, "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> found = sg.compare_bounds(sg.models.elman(), weights, horizon=3, trajectories=4, methods=["norm"])
    >>> found.ks.tolist(), found.winners, float(found.upper["norm"].series.at(3))
    ([1, 2, 3], ('norm', 'norm', 'norm'), 0.125)
    """

    model: Recurrence
    weights: Weights
    norm: Norm
    ks: NDArray[np.int64]
    upper: Mapping[str, ComparedBound]
    lower: Mapping[str, ComparedBound]
    missing: Mapping[tuple[str, str], str]
    log10_largest: Array
    log10_smallest: Array
    trajectories: int
    left_range: int
    seed: int

    @property
    def horizon(self) -> int:
        """The largest number of factors."""
        return len(self.ks)

    @cached_property
    def winners(self) -> tuple[str | None, ...]:
        """For each k the method of the least bound from above (the first of equal ones), None where there is none."""
        return _winners(self.upper, self.horizon, 1)

    @cached_property
    def lower_winners(self) -> tuple[str | None, ...]:
        """For each k the method of the largest bound from below."""
        return _winners(self.lower, self.horizon, -1)

    def winner(self, k: int, side: str = "upper") -> ComparedBound | None:
        """The closest bound at k factors, None where no method gives one.

        Raises:
            InputError: k is not from 1 to the horizon, or another side.
        """
        if side not in ("upper", "lower"):
            raise InputError(f"side: 'upper' or 'lower' is needed, got {side!r}")
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= self.horizon:
            raise InputError(f"k: an integer from 1 to {self.horizon} is needed, got {k!r}")
        name = (self.winners if side == "upper" else self.lower_winners)[int(k) - 1]
        return None if name is None else (self.upper if side == "upper" else self.lower)[name]

    @property
    def log10_best(self) -> Array:
        """(K,) decimal logarithms of the least bound from above; infinity where there is none."""
        return np.min([item.log10 for item in self.upper.values()], axis=0, initial=math.inf) + 0 * self.ks

    @property
    def log10_best_lower(self) -> Array:
        """(K,) decimal logarithms of the largest bound from below; minus infinity where there is none."""
        return np.max([item.log10 for item in self.lower.values()], axis=0, initial=-math.inf) + 0 * self.ks


def _winners(found: Mapping[str, ComparedBound], horizon: int, sign: int) -> tuple[str | None, ...]:
    if not found:
        return (None,) * horizon
    names, logs = list(found), sign * np.array([item.log10 for item in found.values()])
    return tuple(names[place] for place in np.argmin(logs, axis=0))


def compare_bounds(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    horizon: int = 100,
    *,
    norm: Any = 2,
    methods: Any = None,
    trajectories: int = 100,
    seed: int = 0,
    inputs: Any = None,
) -> BoundComparison:
    """What every method proves about products of k Jacobians, against what simulated trajectories do.

    Args:
        model: the recurrence, with ranges declared by ``.assuming`` where they are needed.
        weights: symbol or name -> number or array, for all parameters; taken as exact.
        horizon: the largest k; for a model with a depth at most that of its layers.
        norm: 1, 2 or inf.
        methods: names of methods of :func:`symgrad.product_bound`; all of them unless given. Those that give no bound
            are listed in ``missing`` with the reason.
        trajectories: how many to simulate, within the declared ranges and, where it is known, the invariant box.
        seed: of the simulation.
        inputs: sequences to examine too, as :func:`symgrad.verify` takes them.

    Returns:
        A :class:`BoundComparison`; ``print`` it or ``.plot()`` it.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight.
        UnknownNameError: a name that the model does not have, or an unknown method.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": [[0.5, 2.0], [0.0, 0.5]], "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> found = sg.compare_bounds(sg.models.elman(), weights, horizon=50, trajectories=20)
    >>> round(found.upper["norm"].rate, 2), round(found.upper["quadratic"].rate, 2)
    (2.12, 0.5)
    >>> found.winners[0], bool(found.log10_best[-1] >= found.log10_largest[-1])
    ('norm', True)
    """
    which, names = norm_of(norm), checked_methods(methods)
    numbers, steps, given = with_numbers(model, weights, inputs, horizon)
    count, seed = checked_count("trajectories", trajectories, 1), checked_count("seed", seed, 0)
    found = all_bounds(Theorems(exact_model(model, numbers), which), numbers, names)
    largest, smallest = (_observed(found, side, steps, given, count, seed) for side in ("upper", "lower"))
    return BoundComparison(
        model,
        numbers,
        which,
        np.arange(1, steps + 1),
        {name: _compared(series, steps) for name, series in found.upper.items()},
        {name: _compared(series, steps) for name, series in found.lower.items()},
        found.missing,
        _logs(largest),
        -_logs(smallest),
        largest.trajectories,
        largest.left,
        seed,
    )


def _compared(series: BoundSeries, steps: int) -> ComparedBound:
    logs = np.array([series.at(k).log10 for k in range(1, steps + 1)])
    return ComparedBound(series.bound, series, long_run_rate(series), logs)


def _observed(found: AllBounds, side: str, steps: int, given: Batch | None, count: int, seed: int) -> Findings:
    exploration = SideExploration(found.setting, found.norm, side, steps)
    with np.errstate(all="ignore"):  # what overflows in floats is left out
        return explored(exploration, given_windows(exploration, given), "random", count, seed)


def _logs(found: Findings) -> Array:
    """Decimal logarithms with the sign of findings; nan where no trajectory counts."""
    return np.where(found.counted > 0, found.log / _LN10, np.nan)
