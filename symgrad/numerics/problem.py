"""What a check examines: a bound with its weights, and trajectories that are measured against it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.product import Bound, BoundSeries
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.backends import Backend
from symgrad.numerics.examination import examine
from symgrad.numerics.exploration import NUMPY, Exploration
from symgrad.numerics.findings import Findings
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

__all__ = ["Problem"]

Array = NDArray[np.float64]

_LN10 = float(np.log(10.0))
_ROUNDING = 8  # of the back end's unit of rounding, in each operation


@dataclass(frozen=True, eq=False)
class Problem(Exploration):
    """A bound, numbers for all parameters, and the number of steps to look at.

    Attributes:
        bound: the claim.
        weights: all parameters, with all sizes.
        horizon: the largest number of factors.
        backend: what simulates and multiplies.
    """

    bound: Bound
    weights: Weights
    horizon: int
    backend: Backend = NUMPY

    @property
    def model(self) -> Recurrence:
        """The recurrence of the bound."""
        return self.bound.model

    @cached_property
    def setting(self) -> Setting:
        """The model with its weights, without the claim; the states in the box that the claim is about."""
        units = self.series.units
        return Setting(self.model, self.weights, None if units is None else units.ranges)

    @cached_property
    def series(self) -> BoundSeries:
        """The bound with its weights."""
        return BoundSeries(self.bound, self.weights)

    @property
    def norm(self) -> Norm:
        """The norm of the bound."""
        return self.bound.norm

    @property
    def sign(self) -> int:
        """1 for an upper bound, which norms are held against; -1 for a lower one, held against minimum moduli.

        Findings are logarithms times this sign: the larger, the worse for the bound.
        """
        return 1 if self.bound.side == "upper" else -1

    @cached_property
    def log10_bound(self) -> Array:
        """The bound for k = 1 ... horizon, decimal logarithms, rounded up (those of a lower bound down)."""
        return np.array([self.series.at(k).log10 for k in range(1, self.horizon + 1)])

    @property
    def log_bound(self) -> Array:
        """The same in natural logarithms with the sign of findings, in floats."""
        return self.sign * self.log10_bound * _LN10

    def lowered(self, found: Findings) -> Array:
        """The logarithms found, less what rounding of floats can have added (an estimate)."""
        ks, bound = np.arange(1, self.horizon + 1), self.log_bound
        rounding = _ROUNDING * self.backend.eps / 2
        steps = ks * (self.total + 16) * rounding
        return found.log - steps - np.where(np.isfinite(bound), np.abs(bound), 0.0) * rounding

    def recomputed(self, found: Findings) -> Findings:
        """Findings of less than double precision that exceed the bound, replaced by those of float64 for their starts.

        A rounding error of float32 is no violation; those that do not exceed the bound stay as they are.
        """
        exceeding = np.flatnonzero(self.lowered(found) > self.log_bound)
        if self.backend.dtype == "float64" or not len(exceeding):
            return found
        numbers = sorted(set(found.trajectory[exceeding].tolist()) - {-1})
        batch = reduce(Batch.joined, [found.starts[number] for number in numbers])
        exact = examine(self.reference, batch).renumbered(np.array(numbers, dtype=np.int64))
        return found.replaced(exact, exceeding)
