"""Ascent: states and inputs improved along the gradient of the logarithm of a product's norm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.numerics.block_vectors import split
from symgrad.numerics.controls import Controls, where
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.gradients import AutomaticGradient, DerivedGradient, Gradient
from symgrad.numerics.products import stretched
from symgrad.numerics.simulate import Batch

__all__ = ["Ascent"]

Point = dict[sp.Expr, Any]

_FIRST_STEP = 0.3
_LEAST_STEP = 1e-5
_GROWTH, _SHRINKAGE = 1.6, 0.35


@dataclass(frozen=True, eq=False)
class Ascent:
    """Gradient ascent on ``log ||J_k ... J_1 v||`` over initial state, inputs and the direction v.

    The gradient is the array library's own where it differentiates by itself, else ours.

    Attributes:
        problem: the model with its weights, and the norm.
    """

    problem: Exploration

    @cached_property
    def gradient(self) -> Gradient:
        """Where the gradient comes from."""
        automatic = AutomaticGradient(self.problem)
        return automatic if automatic.is_possible else DerivedGradient(self.problem)

    @property
    def is_possible(self) -> bool:
        """Whether the gradient exists; products that are to be small are not improved here."""
        return self.problem.sign == 1 and self.gradient.is_possible

    def improved(self, batch: Batch, factors: int, iterations: int) -> Batch:
        """The trajectories with larger products of this many factors; their inputs repeat afterwards."""
        variables = Controls.of(batch, factors)
        direction = self.first_direction(batch, factors)
        best = np.full(batch.size, -np.inf)
        step = np.full(batch.size, _FIRST_STEP)
        kept, gradient = variables, variables.zeros()
        for _ in range(iterations):
            found = self.gradient.at(variables, direction)
            better = found.objective > best
            best = np.where(better, found.objective, best)
            kept, gradient = variables.where(better, kept), found.gradient.where(better, gradient)
            direction = where(better, found.direction, direction)
            step = np.where(better, step * _GROWTH, step * _SHRINKAGE)
            if (step < _LEAST_STEP).all():
                break
            variables = kept.moved(gradient, step).clipped(self.problem.ranges)
        return kept.repeated(batch.steps)

    def first_direction(self, batch: Batch, factors: int) -> Point:
        """For each trajectory the direction that its product stretches most."""
        last = self.problem.last_products(batch, factors)
        columns = np.stack([stretched(last[:, b], self.problem.norm) for b in range(batch.size)], axis=1)
        return split(columns[:, :, None], batch.initial)
