"""The values of any vector of a model at all steps of a run at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import InputError
from symgrad.language.operators import Vector
from symgrad.numerics.arrays import ArrayEvaluator

__all__ = ["Everywhere"]

Array = NDArray[np.float64]

_MOST_ENTRIES = 4_000_000  # of all states together; beyond, steps are left out evenly


@dataclass(frozen=True, eq=False)
class Everywhere:
    """Values along the sequences of a run that stay finite, at all steps or, of very large runs, at evenly spaced ones.

    Raises:
        InputError: every sequence overflows.
    """

    run: LayerRun

    def __post_init__(self) -> None:
        if not (self.run.finite_steps == self.run.steps).any():
            raise InputError(f"{self.run.name}: every sequence overflows")

    @cached_property
    def sequences(self) -> NDArray[np.int64]:
        """The places of the sequences that stay finite."""
        return np.flatnonzero(self.run.finite_steps == self.run.steps)

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """The steps that are looked at, from 0 to T - 1."""
        fitting = max(1, _MOST_ENTRIES // (self.run.total * len(self.sequences)))
        count = min(self.run.steps, fitting)
        return np.unique(np.linspace(0, self.run.steps - 1, count).round().astype(np.int64))

    @cached_property
    def _point(self) -> ArrayEvaluator:
        arrays = {**self.run.columns, **self.run.batch.inputs}
        flat = {}
        for symbol, array in arrays.items():
            kept = array[self.steps][:, :, self.sequences, 0]  # (T, n, B)
            flat[symbol] = np.ascontiguousarray(np.moveaxis(kept, 1, 0)).reshape(kept.shape[1], -1, 1)
        return self.run.setting.evaluator.at(flat)

    def values(self, node: Vector) -> Array:
        """The entries of a vector, (n, steps, sequences); of one that never changes (n, 1, 1)."""
        with np.errstate(all="ignore"):
            found = np.asarray(self._point.vector(node))
        if found.ndim == 2:
            return found[:, :, None]
        return found.reshape(len(found), len(self.steps), len(self.sequences))
