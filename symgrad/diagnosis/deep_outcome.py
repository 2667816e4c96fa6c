"""Whether gradients vanish or explode over the layers of a network, and how that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.chain import ChainBound
from symgrad.diagnosis.limits import Limits, agreed, size_text
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.numerics.chain_enclosure import ChainEnclosure
from symgrad.numerics.chain_gradients import ChainGradients
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.rigor.powers import DOWN, UP, power_text

__all__ = ["deep_outcome"]

Array = NDArray[np.float64]


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
    limits = Limits.of(delta, growth)
    return (
        _everywhere(limits, bound)
        or _enclosed(limits, bound, measured, enclosures)
        or _observed(limits, bound, measured)
    )


def _shown(limits: Limits, values: Array) -> list[Outcome]:
    """What each sample shows."""
    return [limits.outcome(float(value), float(value)) for value in values]


def _votes(limits: Limits, values: Array, outcome: Outcome) -> int:
    return _shown(limits, values).count(outcome)


def _agreed(limits: Limits, values: Array) -> Outcome:
    """What most of the samples show."""
    return agreed(_shown(limits, values))


def _everywhere(limits: Limits, bound: ChainBound) -> LayerOutcome | None:
    upper, lower = bound.upper().log10, bound.lower().log10
    outcome = limits.outcome(lower, upper)
    depth = bound.chain.depth
    most, least = power_text(upper, rounding=UP), power_text(lower, rounding=DOWN)
    reasons = {
        Outcome.VANISHING: f"at most {most} (product of the layers' norms)",
        Outcome.EXPLODING: f"at least {least} (least stretches of the layers)",
        Outcome.NEITHER: size_text(lower, upper),
    }
    if outcome is Outcome.UNDECIDED:
        return None
    return LayerOutcome(outcome, Verdict.CERTIFIED, f"the norm of dx_{depth}/dx_0 is {reasons[outcome]}", "every input")


def _enclosed(
    limits: Limits, bound: ChainBound, measured: ChainGradients, enclosures: Sequence[ChainEnclosure]
) -> LayerOutcome | None:
    norms = [found.products[0] for found in enclosures if found.products is not None]
    if not norms:
        return None
    least, most = min(norm.lower.log10 for norm in norms), max(norm.upper.log10 for norm in norms)
    outcome = limits.outcome(least, most)
    values = _last(measured)
    if outcome is Outcome.UNDECIDED or _agreed(limits, values) is not outcome:
        return None
    count = len(norms)
    reason = f"the norm of dx_{bound.chain.depth}/dx_0 is {size_text(least, most)}, enclosed in ball arithmetic"
    agreed = f"; of the {len(values)} samples measured {_votes(limits, values, outcome)} agree"
    scope = "the first input" if count == 1 else f"the first {count} inputs"
    return LayerOutcome(outcome, Verdict.CERTIFIED, reason + (agreed if len(values) > count else ""), scope)


def _last(measured: ChainGradients) -> Array:
    """The norms that count: those of the whole Jacobian, or where they are not known the gradient's growth."""
    return measured.log10_products[:, 0] if len(measured.log10_products) else measured.log10_ratios[:, 0]


def _observed(limits: Limits, bound: ChainBound, measured: ChainGradients) -> LayerOutcome:
    values = _last(measured)
    whole = len(measured.log10_products) > 0
    what = f"||dx_{bound.chain.depth}/dx_0||" if whole else f"||dL/dx_0||/||dL/dx_{bound.chain.depth}||"
    outcome = _agreed(limits, values)
    if outcome in (Outcome.NEITHER, Outcome.UNDECIDED):
        ratios = measured.log10_ratios[:, 0]
        if _agreed(limits, ratios) is Outcome.VANISHING:  # the loss may pick a direction that is shrunk
            outcome, values, what = Outcome.VANISHING, ratios, f"||dL/dx_0||/||dL/dx_{bound.chain.depth}||"
    count = len(values)
    scope = "the sample measured" if count == 1 else f"the {count} samples measured"
    known = np.sort(values[~np.isnan(values)])
    middle = (
        f"the median of {what} is {power_text(float(known[len(known) // 2]))}" if len(known) else "no norm is finite"
    )
    if outcome is Outcome.UNDECIDED:
        listed = [item for item in Outcome if item is not Outcome.UNDECIDED]
        votes = ", ".join(f"{_votes(limits, values, item)} {item.value}" for item in listed)
        return LayerOutcome(outcome, Verdict.UNDECIDED, f"{middle}; of {count} samples {votes}", scope)
    agreed = f"; {_votes(limits, values, outcome)} of {count} samples agree" if count > 1 else ""
    return LayerOutcome(outcome, Verdict.OBSERVED, f"{middle}{agreed}; no bound tells", scope)
