"""Whether gradients through a layer vanish or explode over the horizon, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import BoundSeries
from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.diagnosis.limits import MAJORITY, Limits, agreed, size_text
from symgrad.errors import InputError
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable
from symgrad.rigor.powers import DOWN, UP, power_text

__all__ = ["LayerOutcome", "layer_outcome"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerOutcome(Presentable):
    """What became of gradients over the horizon.

    Attributes:
        outcome: vanishing, exploding, neither or undecided.
        verdict: ``PROVED`` for all weights with the declared properties, ``CERTIFIED`` for these ones, ``OBSERVED``
            where only the measurement says so, ``UNDECIDED`` where it does not either.
        reason: in words, with the numbers that it rests on.
        scope: which trajectories it is about, in words.
        steps: the number k of Jacobians whose product decides: the horizon or the steps measured, of an explosion that
            is over by then fewer; None where nothing decides.
    """

    outcome: Outcome
    verdict: Verdict
    reason: str
    scope: str
    steps: int | None = None


def layer_outcome(bounds: GrowthBounds, measured: Array, *, delta: float = 1e-3, growth: float = 1e3) -> LayerOutcome:
    """What bounds and measurement say about gradients over the horizon, the strongest statement first.

    A gradient that reaches ``growth`` after any number of steps up to the horizon has exploded, even if it is small
    again at the horizon; else it has vanished if it is at most ``delta`` there. So a bound from below that is at least
    growth certifies explosion, one from above that is at most delta at the horizon vanishing, and both together with
    the opposite signs that neither happens. The first sequence, enclosed, certifies what it shows where the measured
    ones agree with it. Otherwise the measurement alone decides if three quarters of the sequences agree.

    Args:
        bounds: of one layer.
        measured: (B, K+1) decimal logarithms of ``||dx_T/dx_{T-k}||_2`` for k = 0 ... K of each sequence.
        delta: what counts as vanished, between 0 and 1.
        growth: what counts as exploded, above 1.

    Raises:
        InputError: delta is not between 0 and 1, growth not above 1, or nothing was measured.
    """
    limits = Limits.of(delta, growth)
    curves = np.atleast_2d(np.asarray(measured, dtype=float))
    if curves.shape[-1] < 2:
        raise InputError(f"measured: norms over at least one step are needed, got shape {curves.shape}")
    ends = _Ends(limits, bounds, curves)
    return ends.exploding() or ends.everywhere() or ends.along_first() or ends.observed()


@dataclass(frozen=True, eq=False)
class _Ends:
    """The limits and what is known about every number of steps."""

    limits: Limits
    bounds: GrowthBounds
    curves: Array

    def exploding(self) -> LayerOutcome | None:
        """An explosion, the strongest statement first: in every direction, along one sequence, along most of them."""
        lower = self.bounds.log10_best_lower
        place = _largest(lower)
        if lower[place] >= self.limits.growth[1]:
            name = max(self.bounds.lower, key=lambda method: self.bounds.lower[method][place])
            k = int(self.bounds.ks[place])
            size = f"at least {power_text(float(lower[place]), rounding=DOWN)} ({name} bound)"
            reason = f"{_product(k)} stretches every direction by {size}"
            return LayerOutcome(Outcome.EXPLODING, self._known("lower"), reason, self.bounds.scope_of("lower"), k)
        certified = self._certified(Outcome.EXPLODING)
        return certified or (self.observed() if self._agreed() is Outcome.EXPLODING else None)

    def everywhere(self) -> LayerOutcome | None:
        """What the bounds on all trajectories certify."""
        upper, lower = self.bounds.log10_best, float(self.bounds.log10_best_lower[-1])
        k, end = self.bounds.horizon, float(self.bounds.log10_best[-1])
        if end <= self.limits.delta[0]:
            most = power_text(end, rounding=UP)
            reason = f"the norm of {_product(k)} is at most {most} ({self.bounds.best()} bound)"
            return LayerOutcome(Outcome.VANISHING, self._known("upper"), reason, self.bounds.scope_of("upper"), k)
        if lower > self.limits.delta[1] and upper.max() < self.limits.growth[0]:
            reason = f"the norm of {_product(k)} is {size_text(lower, end)}"
            known = min(map(self._known, ("upper", "lower")))
            return LayerOutcome(Outcome.NEITHER, known, reason, self.bounds.scope, k)
        return None

    def along_first(self) -> LayerOutcome | None:
        """What the enclosed first sequence certifies where the measured ones agree with it."""
        shown = self._agreed()
        return None if shown is Outcome.UNDECIDED else self._certified(shown)

    def observed(self) -> LayerOutcome:
        """What the measurement shows."""
        outcome, count = self._agreed(), len(self.curves)
        scope = "the sequence measured" if count == 1 else f"the {count} sequences measured"
        k = self._decisive(outcome)
        middle = self._middle(k)
        if outcome is Outcome.UNDECIDED:
            votes = ", ".join(f"{self._votes(item)} {item.value}" for item in Outcome if item is not Outcome.UNDECIDED)
            return LayerOutcome(outcome, Verdict.UNDECIDED, f"{middle}; of {count} sequences {votes}", scope)
        last = self.curves.shape[1] - 1
        later = "" if k == last else f", that of ||dx_T/dx_(T-{last})|| {power_text(_median(self.curves[:, -1]))}"
        votes = f"; {self._votes(outcome)} of {count} sequences agree" if count > 1 else ""
        return LayerOutcome(outcome, Verdict.OBSERVED, f"{middle}{later}{votes}; no bound tells", scope, k)

    def _certified(self, outcome: Outcome) -> LayerOutcome | None:
        """That the first sequence, or its first steps, show an outcome, if their enclosure tells."""
        opening = self.bounds.opening
        if self.bounds.along is not None and self.bounds.along_least is not None:
            return self._certified_whole(outcome, self.bounds.along, self.bounds.along_least)
        # Neither vanishing nor explosion over the first steps leaves open what later ones do.
        if opening is None or outcome is Outcome.NEITHER or self._of(opening.least, opening.most) is not outcome:
            return None
        scope = f"the first {opening.steps} steps of the first sequence"
        return self._enclosed(
            outcome, f"dx_{opening.steps}/dx_0", size_text(opening.least, opening.most), scope, opening.steps
        )

    def _certified_whole(self, outcome: Outcome, most: Array, least: Array) -> LayerOutcome | None:
        known = np.flatnonzero(~(np.isnan(most) | np.isnan(least)))
        if not len(known):
            return None
        end = known[-1]
        place = (
            end
            if outcome is not Outcome.EXPLODING or least[end] >= self.limits.growth[1]
            else known[_largest(least[known])]
        )
        if self._of(float(least[place]), float(most[place])) is not outcome:
            return None
        if outcome is Outcome.NEITHER and most[known].max() >= self.limits.growth[0]:
            return None
        k, size = int(self.bounds.ks[place]), size_text(float(least[place]), float(most[place]))
        if place != end:
            later = size_text(float(least[end]), float(most[end]))
            size = f"{size} and that of dx_T/dx_(T-{int(self.bounds.ks[end])}) {later}"
        return self._enclosed(outcome, f"dx_T/dx_(T-{k})", size, "the first sequence", k)

    def _enclosed(self, outcome: Outcome, derivative: str, size: str, scope: str, k: int) -> LayerOutcome:
        reason = f"along {scope} the norm of {derivative} is {size}, enclosed"
        others = "" if len(self.curves) == 1 else f"; of the {len(self.curves)} measured {self._votes(outcome)} agree"
        return LayerOutcome(outcome, Verdict.CERTIFIED, reason + others, scope, k)

    def _of(self, least: float, most: float) -> Outcome:
        if np.isnan(least) or np.isnan(most):
            return Outcome.UNDECIDED
        return self.limits.outcome(least, most)

    @cached_property
    def _shown(self) -> list[Outcome]:
        """What the measured sequences show, one by one."""
        return [self.limits.shown(curve) for curve in self.curves]

    def _votes(self, outcome: Outcome) -> int:
        return self._shown.count(outcome)

    def _agreed(self) -> Outcome:
        """What most of the sequences show."""
        return agreed(self._shown)

    def _decisive(self, outcome: Outcome) -> int:
        """The number of steps that the measurement decides at: all, or those after which explosion is at its height."""
        last, exploded = self.curves.shape[1] - 1, self.limits.exploded(self.curves)
        if outcome is not Outcome.EXPLODING or exploded[:, -1].sum() >= MAJORITY * len(self.curves):
            return last
        return int(np.median([_largest(curve) for curve in self.curves[exploded.any(axis=1)]]))

    def _middle(self, k: int) -> str:
        """The median of the measured norms after some number of steps, in words."""
        value = _median(self.curves[:, k])
        return "no norm" if np.isnan(value) else f"the median of ||dx_T/dx_(T-{k})|| is {power_text(value)}"

    def _known(self, side: str) -> Verdict:
        """``PROVED`` where the bound by operator norms alone decides and no parameter enters it."""
        sign, limit = (1, self.limits.delta[0]) if side == "upper" else (-1, -self.limits.growth[1])
        logs = (self.bounds.upper if side == "upper" else self.bounds.lower).get("norm")
        series = self.bounds.series.get((side, "norm"))
        decides = logs is not None and sign * float(logs[-1]) <= limit
        return Verdict.PROVED if decides and series is not None and _is_general(series) else Verdict.CERTIFIED


def _is_general(series: BoundSeries) -> bool:
    """Whether a bound holds for all values of the parameters."""
    content = series.bound.growth.content
    return not content.atoms(sp.MatrixSymbol) and not content.free_symbols


def _product(count: int) -> str:
    return "a Jacobian" if count == 1 else f"a product of {count} Jacobians"


def _largest(values: Array) -> int:
    """The last place of the largest value."""
    return int(np.flatnonzero(values == np.nanmax(values))[-1])


def _median(values: Array) -> float:
    """Of those that are known, one that was reached; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, 0.5, method="inverted_cdf")) if len(known) else float("nan")
