"""Whether gradients vanish or explode over the layers of a network, and how that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.chain import ChainBound
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.errors import InputError
from symgrad.numerics.chain_enclosure import ChainEnclosure
from symgrad.numerics.chain_gradients import ChainGradients
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict

__all__ = ["deep_outcome"]

Array = NDArray[np.float64]

_MAJORITY = 0.75  # the part of the samples that has to agree before an outcome counts as observed


def deep_outcome(
    bound: ChainBound,
    measured: ChainGradients,
    enclosures: Sequence[ChainEnclosure],
    *,
    delta: float = 1e-3,
    growth: float = 1e3,
) -> LayerOutcome:
    """What bounds, enclosures and measurements say about ``||dx_L/dx_0||``, the strongest statement first.

    A bound for every input certifies vanishing where it is at most delta, and explosion where the bound from below is
    at least growth. Then the enclosed inputs decide if what they show agrees with most of those measured; else the
    measurement alone does, if three quarters of the samples agree.

    Args:
        bound: for every input.
        measured: for the samples.
        enclosures: for some of the samples.
        delta: what counts as vanished, between 0 and 1.
        growth: what counts as exploded, above 1.

    Raises:
        InputError: delta or growth is no such number.
    """
    for label, value, fits in (("delta", delta, 0 < delta < 1), ("growth", growth, 1 < growth < np.inf)):
        if not fits:
            wanted = "between 0 and 1" if label == "delta" else "above 1"
            raise InputError(f"{label}: a number {wanted} is needed, got {value!r}")
    limits = _Limits(float(np.log10(delta)), float(np.log10(growth)))
    return (
        _everywhere(limits, bound)
        or _enclosed(limits, bound, measured, enclosures)
        or _observed(limits, bound, measured)
    )


@dataclass(frozen=True)
class _Limits:
    low: float
    high: float

    def outcome(self, least: float, most: float) -> Outcome:
        """What a norm between two ends amounts to."""
        if most <= self.low:
            return Outcome.VANISHING
        if least >= self.high:
            return Outcome.EXPLODING
        return Outcome.NEITHER if least > self.low and most < self.high else Outcome.UNDECIDED

    def votes(self, values: Array, outcome: Outcome) -> int:
        return sum(self.outcome(float(value), float(value)) is outcome for value in values)

    def majority(self, values: Array) -> Outcome:
        for outcome in (Outcome.VANISHING, Outcome.EXPLODING, Outcome.NEITHER):
            if len(values) and self.votes(values, outcome) >= _MAJORITY * len(values):
                return outcome
        return Outcome.UNDECIDED


def _everywhere(limits: _Limits, bound: ChainBound) -> LayerOutcome | None:
    upper, lower = bound.upper().log10, bound.lower().log10
    outcome = limits.outcome(lower, upper)
    depth = bound.chain.depth
    reasons = {
        Outcome.VANISHING: f"the norm of dx_{depth}/dx_0 is at most {_power(upper)} (product of the layers' norms)",
        Outcome.EXPLODING: f"the norm of dx_{depth}/dx_0 is at least {_power(lower)} (least stretches of the layers)",
        Outcome.NEITHER: f"the norm of dx_{depth}/dx_0 is between {_power(lower)} and {_power(upper)}",
    }
    if outcome is Outcome.UNDECIDED:
        return None
    return LayerOutcome(outcome, Verdict.CERTIFIED, reasons[outcome], "every input")


def _enclosed(
    limits: _Limits, bound: ChainBound, measured: ChainGradients, enclosures: Sequence[ChainEnclosure]
) -> LayerOutcome | None:
    norms = [found.products[0] for found in enclosures if found.products is not None]
    if not norms:
        return None
    least, most = min(norm.lower.log10 for norm in norms), max(norm.upper.log10 for norm in norms)
    outcome = limits.outcome(least, most)
    values = _last(measured)
    if outcome is Outcome.UNDECIDED or limits.majority(values) is not outcome:
        return None
    count = len(norms)
    ends = _power(most) if _power(least) == _power(most) else f"from {_power(least)} to {_power(most)}"
    reason = f"the norm of dx_{bound.chain.depth}/dx_0 is {ends}, enclosed in ball arithmetic"
    agreed = f"; of the {len(values)} samples measured {limits.votes(values, outcome)} agree"
    scope = "the first input" if count == 1 else f"the first {count} inputs"
    return LayerOutcome(outcome, Verdict.CERTIFIED, reason + (agreed if len(values) > count else ""), scope)


def _last(measured: ChainGradients) -> Array:
    """The norms that count: those of the whole Jacobian, or where they are not known the gradient's growth."""
    return measured.log10_products[:, 0] if len(measured.log10_products) else measured.log10_ratios[:, 0]


def _observed(limits: _Limits, bound: ChainBound, measured: ChainGradients) -> LayerOutcome:
    values = _last(measured)
    whole = len(measured.log10_products) > 0
    what = f"||dx_{bound.chain.depth}/dx_0||" if whole else f"||dL/dx_0||/||dL/dx_{bound.chain.depth}||"
    outcome = limits.majority(values)
    if outcome in (Outcome.NEITHER, Outcome.UNDECIDED):
        ratios = measured.log10_ratios[:, 0]
        if limits.majority(ratios) is Outcome.VANISHING:  # the loss may pick a direction that is shrunk
            outcome, values, what = Outcome.VANISHING, ratios, f"||dL/dx_0||/||dL/dx_{bound.chain.depth}||"
    count = len(values)
    scope = "the sample measured" if count == 1 else f"the {count} samples measured"
    known = np.sort(values[~np.isnan(values)])
    middle = f"the median of {what} is {_power(float(known[len(known) // 2]))}" if len(known) else "no norm is finite"
    if outcome is Outcome.UNDECIDED:
        listed = [item for item in Outcome if item is not Outcome.UNDECIDED]
        votes = ", ".join(f"{limits.votes(values, item)} {item.value}" for item in listed)
        return LayerOutcome(outcome, Verdict.UNDECIDED, f"{middle}; of {count} samples {votes}", scope)
    agreed = f"; {limits.votes(values, outcome)} of {count} samples agree" if count > 1 else ""
    return LayerOutcome(outcome, Verdict.OBSERVED, f"{middle}{agreed}; no bound tells", scope)


def _power(log10: float) -> str:
    if np.isneginf(log10):
        return "0"
    return f"1e{log10:+.1f}" if np.isfinite(log10) and abs(log10) > 4 else f"{10**log10:.3g}"
