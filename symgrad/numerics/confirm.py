"""From findings in floats to a verdict: nothing is called refuted before ball arithmetic has confirmed it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.findings import Findings
from symgrad.numerics.problem import Problem
from symgrad.numerics.products import stretched
from symgrad.numerics.verdict import Verdict
from symgrad.numerics.witness import PRECISIONS, Separation, Witness, separate
from symgrad.rigor.balls import log10_of

__all__ = ["Confirmation", "confirm"]

Array = NDArray[np.float64]

_CANDIDATES = 6
_SETTLED_BITS = 40  # a ball this accurate that does not exceed the bound will not do so at more precision


@dataclass(frozen=True)
class Confirmation:
    """A verdict, why, and the witness of a refutation."""

    verdict: Verdict
    reason: str
    witness: Witness | None = None


def confirm(problem: Problem, found: Findings, seed: int) -> Confirmation:
    """The verdict that findings in floats lead to."""
    if not found.counted[0]:
        return Confirmation(
            Verdict.UNDECIDED, f"all {found.trajectories} trajectories left the declared ranges in the first step"
        )
    excess = problem.lowered(found) - problem.log_bound
    excess[np.isnan(excess)] = -np.inf  # nothing found, and a bound of zero
    exceeding = np.flatnonzero(excess > 0)
    verb = "exceeds" if problem.sign == 1 else "falls below"
    if not len(exceeding):
        return Confirmation(Verdict.OBSERVED, f"no product of {found.trajectories} trajectories {verb} the bound")
    for place in _candidates(excess, exceeding):
        witness = _witness(problem, found, int(place) + 1, seed)
        if witness is not None:
            reason = f"the product of {witness.k} Jacobians {verb} the bound in ball arithmetic"
            return Confirmation(Verdict.REFUTED, reason, witness)
    worst = int(exceeding[np.argmax(excess[exceeding])]) + 1
    return Confirmation(
        Verdict.UNDECIDED,
        f"in floats the product {verb} the bound (at k = {worst}), but balls of up to {PRECISIONS[-1]} bits "
        "do not separate the two sides",
    )


def _candidates(excess: Array, exceeding: NDArray[np.int64]) -> list[int]:
    """Places to try: the largest excess, then from the shortest product to the longest."""
    first = int(exceeding[np.argmax(excess[exceeding])])
    spread = exceeding[np.linspace(0, len(exceeding) - 1, min(_CANDIDATES - 1, len(exceeding))).astype(int)]
    return list(dict.fromkeys([first, *spread.tolist()]))


def _witness(problem: Problem, found: Findings, k: int, seed: int) -> Witness | None:
    """A confirmed witness for k factors along the trajectory found for it, or None."""
    number = int(found.trajectory[k - 1])
    start = found.starts[number]
    direction = _direction(problem.last_products(start, k)[:, 0, :], problem)
    initial = {str(s): array[:, 0, 0].copy() for s, array in start.initial.items()}
    inputs = {str(s): array[:k, :, 0, 0].copy() for s, array in start.inputs.items()}
    for bits in PRECISIONS:
        sides = separate(problem.bound, problem.weights, initial, inputs, direction, k, bits)
        if sides.is_proved:
            upper = problem.sign == 1
            observed, claimed = log10_of(sides.observed, up=not upper), log10_of(sides.bound, up=upper)
            return Witness(
                problem.bound, problem.weights, seed, number, k, k, initial, inputs, direction, observed, claimed, bits
            )
        if _is_settled(sides):
            return None
    return None


def _direction(matrix: Array, problem: Problem) -> Array:
    """A vector that the product stretches most; for a lower bound, from the inverse, one that it stretches least."""
    most = stretched(matrix, problem.bound.norm)
    if problem.sign == 1:
        return most
    least = matrix @ most
    return least / np.abs(least).max() if np.isfinite(least).all() and least.any() else most


def _is_settled(sides: Separation) -> bool:
    """Whether more precision cannot help: the observed side is accurate already."""
    return sides.observed.is_finite() and sides.observed.rel_accuracy_bits() > _SETTLED_BITS and sides.inside
