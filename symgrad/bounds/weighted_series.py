"""Bounds in weighted norms with numbers put in, the closest of several bounds, and sums of them over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flint import arb, arb_mat

from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.geometric import ball_power_sum
from symgrad.bounds.series import Series, SeriesFromAbove, Source

__all__ = ["CertifiedSeries", "ClosestSeries", "GeometricRate", "certificates_of"]

_SINGLE = 32  # terms at the beginning of a sum for each of which the closest bound is taken
_FRACTION = 8  # later on it is taken for an eighth as many terms as came before


class _Order:
    """Balls by their upper ends, exact, for ``min``."""

    def __init__(self, ball: arb) -> None:
        self._ball = ball

    def __lt__(self, other: _Order) -> bool:
        return bool(self._ball < other._ball)


@dataclass(frozen=True)
class GeometricRate:
    """``constant rate^k`` from above."""

    rate: arb
    constant: arb
    vanishes_after: int | None = None

    def at(self, k: int) -> arb:
        """At most this for products of k factors."""
        if k == 0:
            return arb(1)
        if self.vanishes_after is not None and k >= self.vanishes_after:
            return arb(0)
        return self.constant * self.rate**k

    def horizon(self, threshold: arb) -> int | None:
        """The least k from which on it is at most the threshold."""
        if self.vanishes_after is not None and not self.rate < 1:
            return self.vanishes_after
        if not self.rate < 1:
            return 1 if self.rate == 1 and self.constant <= threshold else None
        if self.constant <= threshold:
            return 0 if threshold >= 1 else 1
        if not self.rate > 0:
            return 1
        steps = ((threshold / self.constant).log() / self.rate.log()).upper()
        found = max(math.ceil(float(steps)) - 2, 1)
        while not self.at(found) <= threshold:
            found += 1
        return found if self.vanishes_after is None else min(found, self.vanishes_after)

    def total(self, source: Source, first: int, steps: int) -> arb:
        """An upper bound on the sum of the terms from first to steps - 1 times the size of a source; term 0 is 1."""
        end = steps if self.vanishes_after is None else min(steps, max(self.vanishes_after, 1))
        if end <= first:
            return arb(0)
        start = max(first, 1)
        (powers,) = ball_power_sum(arb_mat([[self.rate]]), [arb(1)], start, end)
        later = self.constant * powers if end > start else arb(0)
        return (source.size * (later + (1 if first == 0 else 0))).upper()


def _least(values: Iterable[arb]) -> arb:
    """The least of exact balls, of which those that are not numbers do not count."""
    return min((arb.pos_inf() if value.is_nan() else value for value in values), key=_Order)


def _segments(first: int, steps: int) -> Iterator[tuple[int, int]]:
    """The numbers from first to steps - 1 in pieces that do not depend on first: single at 0, longer further on."""
    ends, end = [*range(_SINGLE)], _SINGLE
    while end < steps:
        ends.append(end)
        end += end // _FRACTION
    inside = [end for end in ends if first < end < steps]
    return pairwise([first, *inside, steps])


def closest_total(parts: Sequence[SeriesFromAbove | GeometricRate], source: Source, first: int, steps: int) -> arb:
    """An upper bound on a sum whose every term is bounded by each of several series: the closest counts piece by piece.

    Never above the sum of one series alone.
    """
    if steps <= first:
        return arb(0)
    whole = _least(part.total(source, first, steps) for part in parts)
    if len(parts) == 1:
        return whole
    pieces = (_least(part.total(source, *ends) for part in parts) for ends in _segments(first, steps))
    return _least([whole, sum(pieces, arb(0)).upper()])


class CertifiedSeries(SeriesFromAbove):
    """The least of several ``C rate^k`` from above."""

    def __init__(self, rates: list[GeometricRate], certificates: tuple[RateCertificate, ...] = ()) -> None:
        self._rates = rates
        self.certificates = certificates

    def at(self, k: int) -> arb:
        best = self._rates[0].at(k)
        for rate in self._rates[1:]:
            value = rate.at(k)
            best = value if value < best else best
        return best

    def horizon(self, threshold: arb, limit: int) -> int | None:
        found = [steps for rate in self._rates if (steps := rate.horizon(threshold)) is not None]
        least = min(found, default=limit + 1)
        return least if least <= limit else None

    def total(self, source: Source, first: int, steps: int) -> arb:
        return closest_total(self._rates, source, first, steps)

    @property
    def rate(self) -> arb:
        """The least of the rates."""
        return min((rate.rate for rate in self._rates), key=_Order)


class ClosestSeries(SeriesFromAbove):
    """Several bounds on the same, of which the closest counts at every number of steps.

    Attributes:
        named: name -> bound.
    """

    def __init__(self, named: dict[str, Series], upper: bool) -> None:
        self.named, self._upper = named, upper

    def at(self, k: int) -> arb:
        return self.with_name(k)[1]

    def with_name(self, k: int) -> tuple[str, arb]:
        """The closest bound at k steps, and its name."""
        values = {name: series.at(k) for name, series in self.named.items()}
        known = {name: ball for name, ball in values.items() if not ball.is_nan()} or values
        name = min(known, key=lambda item: _Order(known[item].upper() if self._upper else -known[item].lower()))
        return name, known[name]

    def horizon(self, threshold: arb, limit: int) -> int | None:
        found = [series.horizon(threshold, limit) for series in self.named.values()]
        if not self._upper:
            return None if None in found else max(steps for steps in found if steps is not None)
        known = [steps for steps in found if steps is not None]
        return min(known) if known else None

    @property
    def parts(self) -> list[SeriesFromAbove]:
        """All bounds from above, those that are the closest of several taken apart."""
        found: list[SeriesFromAbove] = []
        for series in self.named.values():
            found += series.parts if isinstance(series, ClosestSeries) else []
            found += [series] if isinstance(series, SeriesFromAbove) and not isinstance(series, ClosestSeries) else []
        return found

    def total(self, source: Source, first: int, steps: int) -> arb:
        return closest_total(self.parts, source, first, steps)


def certificates_of(series: Series) -> tuple[RateCertificate, ...]:
    """What proves the rates of weighted norms in a bound."""
    parts = series.parts if isinstance(series, ClosestSeries) else [series]
    return tuple(item for part in parts if isinstance(part, CertifiedSeries) for item in part.certificates)
