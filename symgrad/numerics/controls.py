"""Controls: what a search may choose about trajectories, initial states and inputs, moved along a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.numerics.ranges import RangeSet
from symgrad.numerics.simulate import Batch

__all__ = ["Controls", "where"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]


@dataclass(frozen=True, eq=False)
class Controls:
    """Initial states and inputs of some steps; also a gradient by them.

    Attributes:
        initial: state symbol -> array (n, B, 1).
        inputs: for each step input symbol -> array (m, B, 1).
    """

    initial: Point
    inputs: list[Point]

    @classmethod
    def of(cls, batch: Batch, steps: int) -> Controls:
        """Those of the first steps of a batch."""
        return cls(dict(batch.initial), [{s: a[t] for s, a in batch.inputs.items()} for t in range(steps)])

    def stacked(self) -> Point:
        """The inputs of all steps in one array, input symbol -> (T, m, B, 1)."""
        return {s: np.stack([part[s] for part in self.inputs]) for s in (self.inputs[0] if self.inputs else ())}

    def zeros(self) -> Controls:
        """Zero in the same shapes."""
        return Controls(_zeros(self.initial), list(map(_zeros, self.inputs)))

    def where(self, chosen: Any, other: Controls) -> Controls:
        """These for the trajectories that are chosen, the others' for the rest."""
        return Controls(
            where(chosen, self.initial, other.initial),
            [where(chosen, a, b) for a, b in zip(self.inputs, other.inputs, strict=True)],
        )

    def moved(self, gradient: Controls, step: Array) -> Controls:
        """Moved uphill so that the entry that changes most changes by the step (B,) of its trajectory."""
        arrays = [*gradient.initial.values(), *(a for part in gradient.inputs for a in part.values())]
        largest = reduce(np.maximum, [np.abs(np.nan_to_num(a)).max(axis=(0, 2)) for a in arrays])
        factor = np.where(largest > 0, step / np.where(largest > 0, largest, 1.0), 0.0)[None, :, None]

        def shift(values: Point, slopes: Point) -> Point:
            return {s: array + factor * np.nan_to_num(slopes[s]) for s, array in values.items()}

        return Controls(
            shift(self.initial, gradient.initial),
            [shift(a, b) for a, b in zip(self.inputs, gradient.inputs, strict=True)],
        )

    def clipped(self, ranges: RangeSet) -> Controls:
        """Moved into the declared ranges."""

        def within(values: Point) -> Point:
            return {s: ranges.clipped(s, array) for s, array in values.items()}

        return Controls(within(self.initial), list(map(within, self.inputs)))

    def repeated(self, steps: int) -> Batch:
        """A batch of any number of steps, whose inputs repeat."""
        inputs = {s: array[np.arange(steps) % len(array)] for s, array in self.stacked().items()}
        return Batch(self.initial, inputs, steps)


def where(chosen: Any, values: Mapping[sp.Expr, Any], others: Mapping[sp.Expr, Any]) -> Point:
    """For each trajectory the first or the second value of every symbol."""
    return {s: np.where(chosen[None, :, None], array, others[s]) for s, array in values.items()}


def _zeros(values: Point) -> Point:
    return {s: np.zeros_like(array) for s, array in values.items()}
