"""A model with numbers put in: what can be computed without any claim about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.ranges import RangeSet
from symgrad.numerics.sharing import SharedNodes, shared_nodes

__all__ = ["Setting"]


@dataclass(frozen=True, eq=False)
class Setting:
    """A model with numbers for all parameters, in floats.

    Attributes:
        model: the recurrence.
        weights: all parameters, with all sizes.
        units: intervals for the units of states that take the place of declared ranges.
    """

    model: Recurrence
    weights: Weights
    units: UnitRanges | None = None

    @cached_property
    def evaluator(self) -> ArrayEvaluator:
        """The parameters as NumPy arrays of float64."""
        return ArrayEvaluator.of_weights(self.weights)

    def on(self, backend: Backend) -> ArrayEvaluator:
        """The parameters as arrays of another library, device or data type."""
        with backend.scope(), backend.library.known():  # it is kept after the tracing in which it may be made
            return ArrayEvaluator.of_weights(self.weights, like=backend.like)

    @property
    def nodes(self) -> SharedNodes:
        """The updates and the blocks of the Jacobian as nodes."""
        return shared_nodes(self.model)

    @cached_property
    def ranges(self) -> RangeSet:
        """The ranges of states and inputs."""
        return RangeSet(self.model, self.weights, self.units)

    def size(self, symbol: sp.Expr) -> int:
        """The number of entries of a variable."""
        return (self.weights.shape(symbol) or (1,))[0]

    @cached_property
    def total(self) -> int:
        """The number of entries of all states."""
        return sum(map(self.size, self.model.states))
