"""How gradients grow over a number of steps with given weights: the bounds proved, and what simulation shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import Bound
from symgrad.errors import InputError, SymgradError
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.numerics.all_bounds import Theorems, checked_count
from symgrad.numerics.products import product_log_norms
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import batch_of, given_inputs, sized

__all__ = ["METHODS", "Growth", "Trial", "growth", "simulated", "trial", "with_input_ranges", "without_state_ranges"]

Array = NDArray[np.float64]

METHODS = ("norm", "range")  # quick for any size; the others search for a weighted norm


@dataclass(frozen=True, eq=False)
class Trial:
    """The trajectories on which candidates are compared.

    Attributes:
        inputs: input symbol -> (B, T, m); empty for a model without inputs.
        horizon: T.
    """

    inputs: Mapping[sp.Expr, Array]
    horizon: int


@dataclass(frozen=True)
class Growth:
    """Decimal logarithms of ``||dx_T/dx_0||_2``.

    Attributes:
        simulated: the quartiles over the trajectories, in floats (approximate); minus infinity for zero, infinite
            where floats overflow.
        at_most: the least upper bound that a method proves, rounded up; None where none gives one.
        at_least: the largest lower bound, rounded down; None where none gives one or it is zero.
        method: which method gives the upper bound.
    """

    simulated: tuple[float, float, float]
    at_most: float | None
    at_least: float | None
    method: str | None

    @property
    def typical(self) -> float:
        """The median over the trajectories."""
        return self.simulated[1]

    @property
    def distance(self) -> float:
        """How far the typical norm is from 1, in decades; infinite where it is zero, infinite or unknown."""
        return abs(self.typical) if math.isfinite(self.typical) else math.inf


def trial(model: Any, weights: Any, horizon: Any, inputs: Any, trajectories: Any, seed: Any) -> tuple[Weights, Trial]:
    """Checked weights with all sizes, and the trajectories: those given, or with standard normal inputs.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight, too short sequences.
    """
    if not isinstance(model, Recurrence) or model.continuous or model.depth is not None:
        got = f"{type(model).__name__} {model!r}" if not isinstance(model, Recurrence) else f"model {model.name}"
        raise InputError(f"model: a Recurrence whose steps share their weights is needed, got {got}")
    steps, count = checked_count("horizon", horizon, 1), checked_count("trajectories", trajectories, 1)
    numbers = bind(model, weights, model.parameters)
    if inputs is not None:
        sequences = given_inputs(model, inputs)
        short = {str(s): array.shape for s, array in sequences.items() if array.shape[-2] < steps}
        if short:
            raise InputError(f"inputs: sequences of at least horizon = {steps} steps are needed, got {short}")
        sequences = {s: np.atleast_3d(a[None] if a.ndim == 2 else a)[:, :steps] for s, a in sequences.items()}
        numbers = sized(model, numbers, sequences, {})
    else:
        sequences = _normal_inputs(model, numbers, steps, count, checked_count("seed", seed, 0))
    return numbers, Trial(sequences, steps)


def _normal_inputs(model: Recurrence, weights: Weights, steps: int, count: int, seed: int) -> dict[sp.Expr, Array]:
    source = np.random.default_rng(seed)
    shapes = {symbol: (weights.shape(symbol) or (1,))[0] for symbol in model.inputs}
    return {symbol: source.standard_normal((count, steps, size)) for symbol, size in shapes.items()}


def growth(model: Recurrence, weights: Weights, among: Trial, methods: tuple[str, ...] = METHODS) -> Growth:
    """The growth of products over all steps of a trial, bounded by some methods."""
    theorems = _theorems(model, among)
    upper = _bounds(theorems, weights, among.horizon, "upper", methods)
    lower = _bounds(theorems, weights, among.horizon, "lower", methods[:1])
    lower = [item for item in lower if math.isfinite(item[0])]
    at_most, method = min(upper, default=(None, None))
    at_least = max((value for value, _ in lower), default=None)
    return Growth(simulated(model, weights, among), at_most, at_least, method)


def simulated(model: Recurrence, weights: Weights, among: Trial) -> tuple[float, float, float]:
    """The quartiles over the trajectories of ``log10 ||dx_T/dx_0||_2``, in floats; infinite where they overflow."""
    batch, _ = batch_of(model, weights, among.inputs, {}, among.horizon)
    with np.errstate(all="ignore"):
        logs = product_log_norms(model, Setting(model, weights).evaluator, batch, 2, [among.horizon])[0]
    known = np.sort(np.where(np.isnan(logs), np.inf, logs)) / math.log(10.0)  # none is known after an overflow
    low, middle, high = (float(known[round(part * (len(known) - 1))]) for part in (0.25, 0.5, 0.75))
    return low, middle, high


def with_input_ranges(model: Recurrence, among: Trial) -> Recurrence:
    """The model with the inputs declared to lie where those of the trial do, unless a range is declared."""
    free = [symbol for symbol in among.inputs if symbol not in model.ranges]
    ends = {s: sp.Rational(max(1, math.ceil(float(np.abs(among.inputs[s]).max()) * 16)), 16) for s in free}
    return model.assuming({symbol: sp.Interval(-end, end) for symbol, end in ends.items()})


def without_state_ranges(model: Recurrence) -> Recurrence:
    """The model with nothing declared about where its states lie; the same object where nothing is."""
    if not any(symbol in model.states for symbol in model.ranges):
        return model
    return replace(model, ranges={symbol: item for symbol, item in model.ranges.items() if symbol not in model.states})


@lru_cache(maxsize=32)
def _theorems(model: Recurrence, among: Trial) -> Theorems:
    """Bounds of a model on the ranges of a trial, derived once for all weights that are tried."""
    return Theorems(with_input_ranges(model, among), norm_of(2))


def _bounds(
    theorems: Theorems, weights: Weights, k: int, side: str, methods: tuple[str, ...]
) -> list[tuple[float, str]]:
    found = []
    for method in methods:
        bound = theorems.get(side, method)
        if isinstance(bound, Bound):
            try:
                found.append((float(bound.evaluate(weights.values, k).log10), method))
            except SymgradError:  # this method has no bound for these weights
                continue
    return found
