"""Verdict: what a check says, from the strongest to the weakest, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Verdict"]


class Verdict(StrEnum):
    """The outcome of a check. ``PROVED > CERTIFIED > OBSERVED > UNDECIDED > REFUTED``.

    >>> Verdict.CERTIFIED > Verdict.OBSERVED, str(Verdict.REFUTED), max(Verdict.PROVED, Verdict.UNDECIDED).value
    (True, 'refuted', 'proved')
    """

    REFUTED = "refuted"
    UNDECIDED = "undecided"
    OBSERVED = "observed"
    CERTIFIED = "certified"
    PROVED = "proved"

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the claim and something for it."""
        return self > Verdict.UNDECIDED

    @property
    def advice(self) -> str:
        """What the verdict means and what to try next."""
        return _ADVICE[self.value]

    @property
    def _rank(self) -> int:
        return list(Verdict).index(self)

    def __lt__(self, other: object) -> bool:
        return self._rank < other._rank if isinstance(other, Verdict) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._rank <= other._rank if isinstance(other, Verdict) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._rank > other._rank if isinstance(other, Verdict) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._rank >= other._rank if isinstance(other, Verdict) else NotImplemented


_ADVICE = {
    "refuted": "A counter-example exceeds the claim, confirmed in ball arithmetic: it is false for these weights.",
    "undecided": "The search could not tell; try another seed, more trajectories, or check the declared ranges.",
    "observed": "No trajectory of the search exceeds the claim: evidence, not proof (see the bound's own proof).",
    "certified": "Ball arithmetic confirms the claim for the given weights.",
    "proved": "The claim follows from the rules of the proof for all weights that meet its hypotheses.",
}
