"""What counts as vanished and as exploded, compared with norms without a rounding error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.numerics.network_verdict import Outcome, checked_limits
from symgrad.rigor.balls import log10_of
from symgrad.rigor.powers import DOWN, UP, power_text

__all__ = ["MAJORITY", "Limits", "agreed", "size_text"]

Array = NDArray[np.float64]

MAJORITY = 0.75  # the part of what was measured that has to agree before an outcome counts as observed


@dataclass(frozen=True)
class Limits:
    """Two limits on norms; all numbers are decimal logarithms.

    Attributes:
        delta: floats at most and at least that of the norm up to which a gradient has vanished.
        growth: the same of the norm from which on it has exploded.

    >>> limits = Limits.of(1e-3, 1e3)
    >>> limits.outcome(-5.0, -3.0).value, limits.outcome(3.0, 4.0).value, limits.outcome(-1.0, 0.0).value
    ('vanishing', 'exploding', 'neither')
    """

    delta: tuple[float, float]
    growth: tuple[float, float]

    @classmethod
    def of(cls, delta: Any, growth: Any) -> Limits:
        """The logarithms of two numbers.

        Raises:
            InputError: delta is no number between 0 and 1, or growth none above 1.
        """
        ends = (
            (log10_of(arb(limit), up=False), log10_of(arb(limit), up=True)) for limit in checked_limits(delta, growth)
        )
        return cls(*ends)

    def outcome(self, least: float, most: float) -> Outcome:
        """What a norm between two ends amounts to."""
        if most <= self.delta[0]:
            return Outcome.VANISHING
        if least >= self.growth[1]:
            return Outcome.EXPLODING
        keeps = least > self.delta[1] and most < self.growth[0]
        return Outcome.NEITHER if keeps else Outcome.UNDECIDED

    def shown(self, curve: Array) -> Outcome:
        """What norms after 0, 1, 2 ... steps amount to: explosion at any of them, else what the last one does."""
        if self.exploded(curve).any():
            return Outcome.EXPLODING
        return Outcome.UNDECIDED if np.isnan(curve[-1]) else self.outcome(float(curve[-1]), float(curve[-1]))

    def exploded(self, norms: Array) -> NDArray[np.bool_]:
        """Which norms of a curve have exploded; the first, after no step, never has."""
        return np.asarray((norms >= self.growth[1]) & (np.arange(norms.shape[-1]) > 0))


def agreed(outcomes: Sequence[Outcome]) -> Outcome:
    """What most of some outcomes are; undecided where no three quarters agree.

    >>> agreed([Outcome.VANISHING] * 3 + [Outcome.NEITHER]).value, agreed([]).value
    ('vanishing', 'undecided')
    """
    return next((item for item in Outcome if 0 < MAJORITY * len(outcomes) <= outcomes.count(item)), Outcome.UNDECIDED)


def size_text(least: float, most: float) -> str:
    """A norm between two decimal logarithms, as one number where they agree in all digits that are shown.

    >>> size_text(-1.0, -1.0), size_text(-2.0, -1.1), size_text(-400.5, -400.5)
    ('0.1', 'between 0.01 and 0.0795', '3.16e-401')
    """
    if power_text(least) == power_text(most):
        return power_text(most)
    return f"between {power_text(least, rounding=DOWN)} and {power_text(most, rounding=UP)}"
