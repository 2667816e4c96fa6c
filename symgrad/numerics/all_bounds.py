"""All bounds on products of Jacobians of one model for the same weights, and why some methods give none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from symgrad.bounds.invariant import invariant_box
from symgrad.bounds.product import METHODS, Bound, BoundSeries, product_bound
from symgrad.bounds.unit_slopes import UnitSlopes
from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.layers import steps_of_layers
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch, batch_of, given_inputs, sized
from symgrad.rigor.balls import lower_float, upper_float, working_precision

__all__ = [
    "AllBounds",
    "Theorems",
    "all_bounds",
    "checked_count",
    "checked_methods",
    "given_windows",
    "long_run_rate",
    "with_numbers",
]

_FREE_SIZE = 2
_BITS = 192
_LONG = 2**40  # steps after which a constant in front of a power no longer shows in a float


@dataclass(frozen=True, eq=False)
class AllBounds:
    """Bounds by several methods for the same weights.

    Attributes:
        model: the recurrence, with only those declared properties that the numbers have exactly.
        weights: the numbers, with all sizes.
        norm: the operator norm.
        upper: method -> bound from above, for the methods that give one.
        lower: method -> bound from below.
        missing: ``"upper"`` or ``"lower"`` and a method -> why it gives none.
    """

    model: Recurrence
    weights: Weights
    norm: Norm
    upper: Mapping[str, BoundSeries]
    lower: Mapping[str, BoundSeries]
    missing: Mapping[tuple[str, str], str]

    @cached_property
    def setting(self) -> Setting:
        """The model with its weights; its states in the invariant box, where that is known."""
        units = next((item.units for item in (*self.upper.values(), *self.lower.values()) if item.units), None)
        if units is None and self.model.depth is None:
            units = UnitSlopes(invariant_box(self.model), self.weights).units
        return Setting(self.model, self.weights, None if units is None else units.ranges)


def with_numbers(model: Any, weights: Any, inputs: Any, horizon: Any) -> tuple[Weights, int, Batch | None]:
    """Checked weights with all sizes, the number of steps (at most that of the layers), and given trajectories.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight, too short sequences.
        UnknownNameError: a name that the model does not have.
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    checked_count("horizon", horizon, 1)
    numbers = bind(model, weights, model.parameters)
    steps = steps_of_layers(numbers, int(horizon)) or int(horizon)
    sequences = {} if inputs is None else given_inputs(model, inputs)
    short = {str(s): array.shape for s, array in sequences.items() if array.shape[-2] < steps}
    if short:
        raise InputError(f"inputs: sequences of at least horizon = {steps} steps are needed, got {short}")
    numbers = sized(model, numbers, sequences, {})
    numbers = numbers.with_sizes({**dict.fromkeys(model.sizes, _FREE_SIZE), **numbers.sizes})
    return numbers, steps, batch_of(model, numbers, sequences, {}, None)[0] if sequences else None


def given_windows(exploration: Exploration, batch: Batch | None) -> Batch | None:
    """Given trajectories cut into windows of as many steps as are looked at."""
    return None if batch is None else exploration.windows(batch)


def checked_count(name: str, value: Any, least: int) -> int:
    """An integer that is not below another one.

    Raises:
        InputError: something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        kind = "non-negative" if least == 0 else "positive"
        raise InputError(f"{name}: a {kind} integer is needed, got {value!r}")
    return int(value)


def checked_methods(methods: Any) -> tuple[str, ...]:
    """The names of single methods, all of them unless given; "best", which is made of them, is left out.

    Raises:
        InputError: no collection of names.
        UnknownNameError: a method that there is not.
    """
    known = METHODS["upper"]
    if methods is None:
        return tuple(name for name in known if name != "best")
    if isinstance(methods, str) or not isinstance(methods, Collection) or not methods:
        raise InputError(f"methods: names such as ['norm', 'perron'] are needed, got {methods!r}")
    for name in methods:
        if name not in known:
            raise UnknownNameError("methods", str(name), known)
    return checked_methods(None) if "best" in methods else tuple(dict.fromkeys(methods))


class Theorems:
    """Bounds on products of Jacobians of one model, each derived once.

    Args:
        model: the recurrence.
        norm: the operator norm.
    """

    def __init__(self, model: Recurrence, norm: Norm) -> None:
        self.model, self.norm = model, norm
        self._known: dict[tuple[str, str], Bound | SymgradError] = {}

    def get(self, side: str, method: str) -> Bound | SymgradError:
        """The bound, or why there is none."""
        key = side, method
        if key not in self._known:
            try:
                self._known[key] = product_bound(self.model, self.norm.p, side, method)
            except SymgradError as error:
                self._known[key] = error
        return self._known[key]


def all_bounds(
    theorems: Theorems, weights: Weights, methods: Collection[str], sides: Collection[str] = tuple(METHODS)
) -> AllBounds:
    """The bounds of several methods with weights put in; they share the invariant box and the slopes of the units.

    Args:
        theorems: the bounds, of a model with only those declared properties that the numbers have exactly.
        weights: all numbers, with all sizes.
        methods: names; from below those count that there are.
        sides: ``"upper"``, ``"lower"`` or both.
    """
    found: dict[str, dict[str, BoundSeries]] = {"upper": {}, "lower": {}}
    missing: dict[tuple[str, str], str] = {}
    slopes: UnitSlopes | None = None
    for side, method in ((which, name) for which in sides for name in METHODS[which] if name in methods):
        bound = theorems.get(side, method)
        try:
            if isinstance(bound, SymgradError):
                raise bound
            series = BoundSeries(bound, weights, slopes)
        except SymgradError as error:
            missing[side, method] = str(error)
            continue
        found[side][method], slopes = series, slopes or series.slopes
    return AllBounds(theorems.model, weights, theorems.norm, found["upper"], found["lower"], missing)


def long_run_rate(series: BoundSeries) -> float | None:
    """The bound per step over many steps: of an upper bound rounded up, of a lower one down; None for layers.

    For products of any number of factors, the k-th root of an upper bound on all products of k factors bounds the
    rate at which they grow over many steps, and from below likewise.
    """
    if series.layers is not None:
        return None
    with working_precision(_BITS):
        roots = [_root(series.at(k).ball, k) for k in (1, _LONG)]
        if series.bound.side == "upper":
            return min(map(upper_float, roots))
        return max(0.0, *map(lower_float, roots))


def _root(ball: arb, k: int) -> arb:
    return arb(0) if ball == 0 else ball.root(k)
