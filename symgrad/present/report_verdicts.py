"""The table of verdicts in a report on a model: what each bound decides for the weights that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.bounds.product import Bound
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.present.powers import DOWN, UP, power_text
from symgrad.present.report_parts import Cell, Grid, Item, Mark, Words

__all__ = ["verdict_table"]

_LOW, _HIGH = -3.0, 3.0  # decimal logarithms of what counts as vanished and as exploded
_UNDECIDED = Mark(Outcome.UNDECIDED.value, "open")


def verdict_table(bounds: Sequence[Bound], weights: Mapping[Any, Any], horizon: int) -> list[Item]:
    """What each bound says about products of as many Jacobians as the horizon has steps; nothing without bounds.

    Bounds from above at or below 1e-3 certify vanishing, bounds from below at or above 1e3 explosion; no other does.
    """
    if not bounds:
        return []
    header = ("bound", "value", "outcome", "known")
    words = f"Verdicts on products of {horizon} Jacobians, which have vanished at 0.001 and exploded at 1000:"
    return [Words(words), Grid(header, [_row(bound, weights, horizon) for bound in bounds], (0.12, 0.44, 0.22, 0.22))]


def _row(bound: Bound, weights: Mapping[Any, Any], horizon: int) -> list[Cell]:
    log10 = bound.with_weights(weights).at(horizon).log10
    upper = bound.side == "upper"
    value = f"{'at most' if upper else 'at least'} {power_text(log10, 3, UP if upper else DOWN)}"
    name = f"norm {bound.norm}"
    outcome = Outcome.VANISHING if upper else Outcome.EXPLODING
    if log10 <= _LOW if upper else log10 >= _HIGH:
        return [name, value, Mark(outcome.value, "bad"), Verdict.CERTIFIED.value]
    return [name, value, _UNDECIDED, Verdict.UNDECIDED.value]
