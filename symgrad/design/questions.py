"""What remedies are looked for, and what one is before it is tried."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.growth import Trial
from symgrad.design.solving import solve
from symgrad.errors import SymgradError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights

__all__ = ["RETAINED", "STEPS", "Candidate", "Question", "solution"]

Array = NDArray[np.float64]

STEPS = sp.Symbol("T", integer=True, positive=True)
RETAINED = sp.Symbol("r", positive=True)


@dataclass(frozen=True, eq=False)
class Question:
    """What candidates are made for.

    Attributes:
        model: the recurrence.
        weights: its numbers, with all sizes.
        trial: the trajectories.
        retain: the part of a gradient that is to be left after the steps.
    """

    model: Recurrence
    weights: Weights
    trial: Trial
    retain: sp.Expr

    @property
    def per_step(self) -> sp.Expr:
        """The part that is to be left after one step."""
        return self.retain ** sp.Rational(1, self.trial.horizon)

    def changed(self, values: dict[sp.Expr, Array]) -> Weights:
        """The weights with some of them replaced."""
        return replace(self.weights, values={**self.weights.values, **values})


@dataclass(frozen=True, eq=False)
class Candidate:
    """One remedy before it is tried.

    Attributes:
        name: what it is, in a few words.
        formula: the relation that gives the value.
        promise: what the formula says about the gradient, in words.
        changes: what is set, in words.
        model: the recurrence, changed or not.
        weights: the numbers, changed or not.
    """

    name: str
    formula: sp.Basic
    promise: str
    changes: tuple[str, ...]
    model: Recurrence
    weights: Weights


def solution(expr: sp.Expr, symbol: sp.Symbol, target: sp.Expr) -> float | None:
    """A value of a symbol at which an expression has a value, the least in modulus; None where there is none."""
    try:
        found = solve(expr, for_=symbol, target=target).values
    except SymgradError:
        return None
    points = [float(point) for point in found if point.is_number] if isinstance(found, sp.FiniteSet) else []
    return min(points, key=abs, default=None)
