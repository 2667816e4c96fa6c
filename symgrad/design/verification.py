"""What a check of a remedy found: how many cases, how close they came, and what failed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["Case", "Verification", "verified"]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Case:
    """One comparison of an observed number with the claim about it.

    Attributes:
        words: what was looked at.
        observed: the number that was found, in floats.
        bound: what the claim says about it.
        side: ``"upper"`` when observed <= bound is claimed, ``"lower"`` for >=, ``"equal"`` for both.
    """

    words: str
    observed: float
    bound: float
    side: str = "upper"

    @property
    def holds(self) -> bool:
        """Whether the claim holds up to rounding errors of floats, 1e-9 of the larger size."""
        if math.isnan(self.observed) or math.isnan(self.bound):
            return False
        if self.observed == self.bound:
            return True
        if math.isinf(self.observed) or math.isinf(self.bound):
            slack = 0.0
        else:
            slack = _ROUNDING * max(abs(self.observed), abs(self.bound))
        above, below = self.observed <= self.bound + slack, self.observed >= self.bound - slack
        return {"upper": above, "lower": below, "equal": above and below}[self.side]

    @property
    def ratio(self) -> float:
        """How much of the bound is used, 1 where it is attained, above 1 where it is broken."""
        used, limit = (self.bound, self.observed) if self.side == "lower" else (self.observed, self.bound)
        if limit:
            return abs(used / limit)
        return math.inf if used else 1.0


@dataclass(frozen=True)
class Verification(Presentable):
    """The outcome of trying a claim on numbers that are computed in another way.

    Attributes:
        claim: what was checked.
        against: how the numbers were found.
        cases: the comparisons.

    >>> check = Verification("x <= 1", "two numbers", (Case("a", 0.5, 1.0), Case("b", 1.1, 1.0)))
    >>> bool(check), check.failures
    (False, ('b: 1.1 is not <= 1',))
    """

    claim: str
    against: str
    cases: tuple[Case, ...]

    @property
    def verdict(self) -> Verdict:
        """``observed`` when all cases hold up to rounding, ``refuted`` when one fails, ``undecided`` without cases."""
        if not self.cases:
            return Verdict.UNDECIDED
        return Verdict.OBSERVED if all(case.holds for case in self.cases) else Verdict.REFUTED

    @property
    def holds(self) -> bool:
        """Whether there are cases and the claim holds in all of them."""
        return self.verdict.holds

    @property
    def worst(self) -> float:
        """The largest ratio of what was observed to its bound, 1 where the bound is attained."""
        return max((case.ratio for case in self.cases), default=math.nan)

    @property
    def failures(self) -> tuple[str, ...]:
        """One sentence on each case in which the claim fails."""
        signs = {"upper": "<=", "lower": ">=", "equal": "="}
        failed = (case for case in self.cases if not case.holds)
        return tuple(f"{c.words}: {c.observed:.12g} is not {signs[c.side]} {c.bound:.12g}" for c in failed)

    def __bool__(self) -> bool:
        return self.holds


def verified(claim: str, against: str, cases: Iterable[Case]) -> Verification:
    """The verification of a claim by cases."""
    return Verification(claim, against, tuple(cases))
