"""Certified norms of products of Jacobians along the first sequence that a layer saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import SymgradError
from symgrad.numerics.trajectory_bound import TrajectoryBound, trajectory_bound
from symgrad.rigor.balls import log10_of

__all__ = ["Opening", "SequenceGrowth", "sequence_growth"]

Array = NDArray[np.float64]

MOST_WORK = 120_000  # of the steps times the square of the states, a few seconds of ball arithmetic
OPENING_WORK = 300_000  # likewise of the first steps of a longer sequence, where one product is long enough
SHORTEST = 10  # steps that are worth enclosing


@dataclass(frozen=True)
class Opening:
    """The norm of ``dx_K/dx_0`` over the first K steps of a sequence, enclosed.

    Attributes:
        steps: K.
        least: its decimal logarithm, rounded down.
        most: rounded up.
    """

    steps: int
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class SequenceGrowth:
    """Decimal logarithms of ``||dx_T/dx_{T-k}||_2`` for k = 1 ... K along one sequence, enclosed.

    Attributes:
        most: rounded up, nan for k above T; None where nothing was enclosed.
        least: rounded down.
        note: why nothing was, or how far it goes; empty where all was enclosed.
        opening: the growth over its first steps, where only those were enclosed.
    """

    most: Array | None = None
    least: Array | None = None
    note: str = ""
    opening: Opening | None = None


def sequence_growth(run: LayerRun, horizon: int) -> SequenceGrowth:
    """Enclose the first sequence of a layer and the products of Jacobians along it, as far as its size allows."""
    steps, squared = run.steps, run.total**2
    if steps * squared > MOST_WORK:
        return _opening(run, min(horizon, steps, OPENING_WORK // squared))
    bound = _enclosed(run, steps)
    if isinstance(bound, SymgradError):
        return SequenceGrowth(note=f"The first sequence was not enclosed: {bound}")
    found = bound.norms_from_end[:horizon]
    most, least = np.full(horizon, np.nan), np.full(horizon, np.nan)
    most[: len(found)] = [log10_of(value.upper.ball, up=True) for value in found]
    least[: len(found)] = [log10_of(value.lower.ball, up=False) for value in found]
    return SequenceGrowth(most, least)


def _opening(run: LayerRun, count: int) -> SequenceGrowth:
    """The growth over the first steps alone."""
    most = f"{run.steps} steps of {run.total} states are more than the {MOST_WORK} steps times squared states"
    if count < SHORTEST:
        return SequenceGrowth(note=f"The first sequence was not enclosed: {most} up to which that is tried.")
    bound = _enclosed(run, count)
    if isinstance(bound, SymgradError):
        return SequenceGrowth(note=f"The first sequence was not enclosed: {bound}")
    norm = bound.norms_from_end[-1]
    opening = Opening(count, log10_of(norm.lower.ball, up=False), log10_of(norm.upper.ball, up=True))
    note = f"Of the first sequence the first {count} steps were enclosed: {most} up to which all are."
    return SequenceGrowth(note=note, opening=opening)


def _enclosed(run: LayerRun, count: int) -> TrajectoryBound | SymgradError:
    """The bound along the first steps of the first sequence, or why there is none."""
    inputs = {name: array[0, :count] for name, array in run.inputs.items()}
    initial = {name: array[0] for name, array in run.initial.items()}
    try:
        return trajectory_bound(run.model, run.weights, inputs or None, initial, steps=None if inputs else count)
    except SymgradError as error:
        return error
