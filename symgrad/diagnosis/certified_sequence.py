"""Certified norms of products of Jacobians along the first sequence that a layer saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import SymgradError
from symgrad.numerics.trajectory_bound import trajectory_bound
from symgrad.rigor.balls import log10_of

__all__ = ["SequenceGrowth", "sequence_growth"]

Array = NDArray[np.float64]

MOST_WORK = 120_000  # of the steps times the square of the states, a few seconds of ball arithmetic


@dataclass(frozen=True, eq=False)
class SequenceGrowth:
    """Decimal logarithms of ``||dx_T/dx_{T-k}||_2`` for k = 1 ... K along one sequence, enclosed.

    Attributes:
        most: rounded up, nan for k above T; None where nothing was enclosed.
        least: rounded down.
        note: why nothing was, or how far it goes; empty where all was enclosed.
    """

    most: Array | None
    least: Array | None
    note: str


def sequence_growth(run: LayerRun, horizon: int) -> SequenceGrowth:
    """Enclose the first sequence of a layer and the products of Jacobians along it, where its size allows."""
    steps, size = run.steps, run.total
    if steps * size**2 > MOST_WORK:
        return SequenceGrowth(
            None,
            None,
            f"The first sequence was not enclosed: {steps} steps of {size} states are more than the {MOST_WORK} "
            "steps times squared states up to which that is tried.",
        )
    inputs = {name: array[0] for name, array in run.inputs.items()}
    initial = {name: array[0] for name, array in run.initial.items()}
    try:
        bound = trajectory_bound(run.model, run.weights, inputs or None, initial, steps=None if inputs else steps)
    except SymgradError as error:
        return SequenceGrowth(None, None, f"The first sequence was not enclosed: {error}")
    found = bound.norms_from_end[:horizon]
    most, least = np.full(horizon, np.nan), np.full(horizon, np.nan)
    most[: len(found)] = [log10_of(value.upper.ball, up=True) for value in found]
    least[: len(found)] = [log10_of(value.lower.ball, up=False) for value in found]
    return SequenceGrowth(most, least, "")
