"""Whether gradients through a layer vanish or explode over the horizon, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import BoundSeries
from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.errors import InputError
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["LayerOutcome", "layer_outcome"]

Array = NDArray[np.float64]

_MAJORITY = 0.75  # the part of the sequences that has to agree before the outcome counts as observed


@dataclass(frozen=True, eq=False)
class LayerOutcome(Presentable):
    """What became of gradients over the horizon.

    Attributes:
        outcome: vanishing, exploding, neither or undecided.
        verdict: ``PROVED`` for all weights with the declared properties, ``CERTIFIED`` for these ones, ``OBSERVED``
            where only the measurement says so, ``UNDECIDED`` where it does not either.
        reason: in words, with the numbers that it rests on.
        scope: which trajectories it is about, in words.
    """

    outcome: Outcome
    verdict: Verdict
    reason: str
    scope: str


def layer_outcome(bounds: GrowthBounds, measured: Array, *, delta: float = 1e-3, growth: float = 1e3) -> LayerOutcome:
    """What bounds and measurement say about gradients over the horizon, the strongest statement first.

    A bound from above that is at most delta at the horizon certifies vanishing, one from below that is at least growth
    explosion; both together with the opposite signs that neither happens. The first sequence, enclosed, certifies what
    it shows where the measured ones agree with it. Otherwise the measurement alone decides if three quarters of the
    sequences agree.

    Args:
        bounds: of one layer.
        measured: (B, K+1) decimal logarithms of ``||dx_T/dx_{T-k}||_2`` for k = 0 ... K of each sequence.
        delta: what counts as vanished, between 0 and 1.
        growth: what counts as exploded, above 1.

    Raises:
        InputError: delta is not between 0 and 1, growth not above 1, or nothing was measured.
    """
    if not 0 < delta < 1:
        raise InputError(f"delta: a number between 0 and 1 is needed, got {delta!r}")
    if not growth > 1:
        raise InputError(f"growth: a number above 1 is needed, got {growth!r}")
    curves = np.atleast_2d(np.asarray(measured, dtype=float))
    if curves.shape[-1] < 2:
        raise InputError(f"measured: norms over at least one step are needed, got shape {curves.shape}")
    ends = _Ends(float(np.log10(delta)), float(np.log10(growth)), bounds, curves)
    return ends.everywhere() or ends.along_first() or ends.observed()


@dataclass(frozen=True, eq=False)
class _Ends:
    """The limits and what is known at the largest number of steps."""

    low: float
    high: float
    bounds: GrowthBounds
    curves: Array

    def everywhere(self) -> LayerOutcome | None:
        """What the bounds on all trajectories certify."""
        upper, lower = float(self.bounds.log10_best[-1]), float(self.bounds.log10_best_lower[-1])
        k = self.bounds.horizon
        if upper <= self.low:
            reason = f"the norm of a product of {k} Jacobians is at most {_power(upper)} ({self.bounds.best()} bound)"
            return LayerOutcome(Outcome.VANISHING, self._known("upper"), reason, self.bounds.scope_of("upper"))
        if lower >= self.high:
            name = self.bounds.best("lower")
            reason = f"a product of {k} Jacobians stretches every direction by at least {_power(lower)} ({name} bound)"
            return LayerOutcome(Outcome.EXPLODING, self._known("lower"), reason, self.bounds.scope_of("lower"))
        if lower > self.low and upper < self.high:
            reason = f"norms of products of {k} Jacobians are between {_power(lower)} and {_power(upper)}"
            return LayerOutcome(Outcome.NEITHER, min(map(self._known, ("upper", "lower"))), reason, self.bounds.scope)
        return None

    def along_first(self) -> LayerOutcome | None:
        """What the enclosed first sequence certifies; one sequence suffices for explosion."""
        found = self._first()
        if found is None:
            return None
        start, k, least, most = found
        outcome = self._of(least, most)
        if outcome is Outcome.UNDECIDED or (outcome is not Outcome.EXPLODING and self._agreed()[0] is not outcome):
            return None
        if start and outcome is Outcome.NEITHER:  # what later steps do is open
            return None
        derivative, scope = f"dx_T/dx_(T-{k})", "the first sequence"
        if start:
            derivative, scope = f"dx_{k}/dx_0", f"the first {k} steps of the first sequence"
        reason = f"along {scope} the norm of {derivative} is {_power(most)}, enclosed in ball arithmetic"
        others = "" if len(self.curves) == 1 else f"; of the {len(self.curves)} measured {self._votes(outcome)} agree"
        return LayerOutcome(outcome, Verdict.CERTIFIED, reason + others, scope)

    def observed(self) -> LayerOutcome:
        """What the measurement shows."""
        outcome, last = self._agreed()
        k, count = self.curves.shape[-1] - 1, len(self.curves)
        scope = "the sequence measured" if count == 1 else f"the {count} sequences measured"
        known = last[~np.isnan(last)]
        middle = f"the median of ||dx_T/dx_(T-{k})|| is {_power(float(np.median(known)))}" if len(known) else "no norm"
        if outcome is Outcome.UNDECIDED:
            votes = ", ".join(f"{self._votes(item)} {item.value}" for item in Outcome if item is not Outcome.UNDECIDED)
            return LayerOutcome(outcome, Verdict.UNDECIDED, f"{middle}; of {count} sequences {votes}", scope)
        agreed = f"; {self._votes(outcome)} of {count} sequences agree" if count > 1 else ""
        return LayerOutcome(outcome, Verdict.OBSERVED, f"{middle}{agreed}; no bound tells", scope)

    def _first(self) -> tuple[bool, int, float, float] | None:
        """Whether only its first steps are enclosed, their number, and the two ends of the norm along them."""
        most, least, opening = self.bounds.along, self.bounds.along_least, self.bounds.opening
        if most is None or least is None or not (~np.isnan(most)).any():
            return None if opening is None else (True, opening.steps, opening.least, opening.most)
        place = int(np.flatnonzero(~np.isnan(most))[-1])
        return False, int(self.bounds.ks[place]), float(least[place]), float(most[place])

    def _of(self, least: float, most: float) -> Outcome:
        if np.isnan(least) or np.isnan(most):
            return Outcome.UNDECIDED
        if most <= self.low:
            return Outcome.VANISHING
        if least >= self.high:
            return Outcome.EXPLODING
        return Outcome.NEITHER if least > self.low and most < self.high else Outcome.UNDECIDED

    def _votes(self, outcome: Outcome) -> int:
        return sum(self._of(float(end), float(end)) is outcome for end in self.curves[:, -1])

    def _agreed(self) -> tuple[Outcome, Array]:
        """What most of the sequences show, and the last norms."""
        last = np.asarray(self.curves[:, -1])
        for outcome in (Outcome.VANISHING, Outcome.EXPLODING, Outcome.NEITHER):
            if self._votes(outcome) >= _MAJORITY * len(last):
                return outcome, last
        return Outcome.UNDECIDED, last

    def _known(self, side: str) -> Verdict:
        """``PROVED`` where the bound by operator norms alone decides and no parameter enters it."""
        sign, limit = (1, self.low) if side == "upper" else (-1, -self.high)
        logs = (self.bounds.upper if side == "upper" else self.bounds.lower).get("norm")
        series = self.bounds.series.get((side, "norm"))
        decides = logs is not None and sign * float(logs[-1]) <= limit
        return Verdict.PROVED if decides and series is not None and _is_general(series) else Verdict.CERTIFIED


def _is_general(series: BoundSeries) -> bool:
    """Whether a bound holds for all values of the parameters."""
    content = series.bound.growth.content
    return not content.atoms(sp.MatrixSymbol) and not content.free_symbols


def _power(log10: float) -> str:
    if log10 == -np.inf:
        return "0"
    return f"1e{log10:+.1f}" if np.isfinite(log10) and abs(log10) > 4 else f"{10**log10:.3g}"
