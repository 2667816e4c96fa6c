"""Bounds with numbers put in, at any number of steps: powers of rates and of gain matrices, and sums of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flint import arb, arb_mat

from symgrad.bounds.gain import ball_power_norm
from symgrad.bounds.geometric import ball_power_sum
from symgrad.bounds.horizon import kept_until, settled_from
from symgrad.calculus.enclose import vector_norm
from symgrad.language.norms import Norm

__all__ = [
    "ComparisonSeries",
    "RateSeries",
    "Series",
    "SeriesFromAbove",
    "Source",
    "UpperSeries",
    "nonnegative_inverse",
    "summable",
]

_SCANNED = 10_000  # steps that are looked at one by one where the bound need not fall steadily


class Series(ABC):
    """A bound with numbers put in, at any number of steps."""

    @abstractmethod
    def at(self, k: int) -> arb:
        """A ball around the bound at k steps."""

    @abstractmethod
    def horizon(self, threshold: arb, limit: int) -> int | None:
        """From above: the least k from which on the bound is proved to stay at most the threshold; None if not found.

        From below: the largest k up to which it is proved to be at least the threshold; None if that is every k.
        """


@dataclass(frozen=True, eq=False)
class Source:
    """Bounds on the derivative of one update by the parameters, which the products of a sum are multiplied by.

    Attributes:
        entries: one for each state, exact balls.
        norm: that they are measured in.
    """

    entries: Sequence[arb]
    norm: Norm

    @cached_property
    def size(self) -> arb:
        """The bound on all states together: the norm of the entries."""
        return vector_norm(arb_mat([[entry] for entry in self.entries]), self.norm).upper()


class SeriesFromAbove(Series):
    """A bound from above, whose terms can be added up."""

    @abstractmethod
    def total(self, source: Source, first: int, steps: int) -> arb:
        """An upper bound on the norm of the sum, over k from first to steps - 1, of products of k factors times a B_k.

        Each B_k is bounded by the source, state by state.
        """


class UpperSeries(SeriesFromAbove):
    """``||G**k||`` of a non-negative matrix of balls."""

    def __init__(self, gain: Any, norm: Norm) -> None:
        self._gain, self._norm = gain, norm

    def at(self, k: int) -> arb:
        return ball_power_norm(self._gain, k, self._norm.p)

    def horizon(self, threshold: arb, limit: int) -> int | None:
        return settled_from(self._gain, self._norm.p, threshold, limit)

    def total(self, source: Source, first: int, steps: int) -> arb:
        entries = ball_power_sum(self._gain, source.entries, first, steps)
        return vector_norm(arb_mat([[entry] for entry in entries]), source.norm).upper()


def summable(series: Series) -> SeriesFromAbove:
    """A series, if it bounds from above.

    Raises:
        TypeError: it does not.
    """
    if not isinstance(series, SeriesFromAbove):
        raise TypeError(f"a bound from above is needed, got {type(series).__name__}")
    return series


class RateSeries(Series):
    """``rate**k`` from below."""

    def __init__(self, rate: arb) -> None:
        self._rate = rate if rate > 0 else rate.nonnegative_part()

    def at(self, k: int) -> arb:
        return self._rate**k

    def horizon(self, threshold: arb, limit: int) -> int | None:
        if self._rate >= 1 and threshold <= 1:
            return None
        return kept_until(self.at, threshold, limit)


class ComparisonSeries(Series):
    """``1 / ||M**-k||`` from below, of a matrix of balls; 0 unless M is proved to be a non-singular M-matrix."""

    def __init__(self, comparison: Any, norm: Norm) -> None:
        self._p = norm.p
        self._inverse = nonnegative_inverse(comparison)

    def at(self, k: int) -> arb:
        if k == 0:
            return arb(1)
        return arb(0) if self._inverse is None else 1 / ball_power_norm(self._inverse, k, self._p)

    def horizon(self, threshold: arb, limit: int) -> int | None:
        if self._inverse is None:
            return 0
        scanned = min(limit, _SCANNED)
        fails = next((k for k in range(scanned + 1) if not self.at(k) >= threshold), None)
        if fails is not None:
            return max(fails - 1, 0)
        settled = settled_from(self._inverse, self._p, (1 / threshold).lower(), scanned)
        return None if settled is not None else scanned


def nonnegative_inverse(comparison: Any) -> Any:
    """The inverse of a comparison matrix, None unless it is proved to be a non-singular M-matrix.

    A smaller comparison matrix has the larger inverse, so the exact matrix of the lower ends of the entries decides
    for all. Its leading principal minors are enclosed (Berman and Plemmons 1994, thm. 6.2.3); the entries of the
    inverse are then known not to be negative.
    """
    size = comparison.nrows()
    lower = arb_mat(size, size, [entry.lower() for entry in comparison.entries()])
    for order in range(1, size + 1):
        leading = arb_mat(order, order, [lower[i, j] for i in range(order) for j in range(order)])
        if not leading.det() > 0:
            return None
    inverse = lower.inv()
    return arb_mat(size, size, [entry.nonnegative_part() for entry in inverse.entries()])
