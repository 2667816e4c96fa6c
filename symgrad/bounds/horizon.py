"""From which step on a bound stays below a threshold, and up to which step it stays above one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.gain import ball_power_norm, upper_ends

__all__ = ["kept_until", "settled_from"]


def settled_from(gain: Any, p: sp.Expr, threshold: arb, limit: int) -> int | None:
    """The least K with ``||G^k||_p <= threshold`` for every k >= K; None where none is found up to ``limit``.

    The norms may rise before they fall, and may fall in a rhythm. But as soon as ``G^(T+q) <= G^T``
    entry by entry, multiplication by G keeps this true for every later T, so from T on each of
    the q sub-sequences falls, and the last one to pass the threshold decides.

    Args:
        gain: a non-negative matrix of balls; its upper ends are what is studied.
        p: 1, 2 or oo.
        threshold: a positive number.
        limit: the largest K looked for.
    """
    if not all(entry.is_finite() for entry in gain.entries()):
        return None
    powers = _Powers(upper_ends(gain), p, threshold)
    found = powers.falling_from(limit)
    if found is None:
        return None
    start, period = found
    ends = [powers.first_below(start + shift, period, limit) for shift in range(period)]
    if None in ends:
        return None
    late = [end for end in ends if end is not None and end >= start + period]
    if late:
        return max(late) - period + 1
    while start > 0 and powers.is_below(start - 1):
        start -= 1
    return start


def kept_until(bound: Callable[[int], arb], threshold: arb, limit: int) -> int:
    """The largest k up to the limit with ``bound(k) >= threshold`` proved, or 0; for a bound that never rises in k."""
    first = _least(lambda k: not bound(k) >= threshold, 0, limit)
    return limit if first is None else max(first - 1, 0)


@dataclass(frozen=True)
class _Powers:
    """The powers of an exact non-negative matrix, compared with a threshold and with each other."""

    matrix: Any
    p: sp.Expr
    threshold: arb

    @cached_property
    def periods(self) -> tuple[int, ...]:
        """Candidates for the rhythm: the lengths of disjoint cycles through the states divide the last one."""
        return tuple(sorted({1, math.lcm(*range(1, self.matrix.nrows() + 1))}))

    def is_below(self, k: int) -> bool:
        """Whether ``||G^k||`` is proved to be at most the threshold."""
        return bool(ball_power_norm(self.matrix, k, self.p) <= self.threshold)

    def falls(self, k: int, period: int) -> bool:
        """Whether ``G^(k + period) <= G^k`` entry by entry is proved."""
        now, later = self.matrix**k, self.matrix ** (k + period)
        return all(b == a or b <= a for a, b in zip(now.entries(), later.entries(), strict=True))

    def falling_from(self, limit: int) -> tuple[int, int] | None:
        """The least step from which the powers fall in some rhythm, and the rhythm."""
        for period in self.periods:
            start = _least(partial(self.falls, period=period), 0, limit)
            if start is not None:
                return start, period
        return None

    def first_below(self, start: int, period: int, limit: int) -> int | None:
        """The least of start, start + period, ... with a norm below the threshold, when they fall from start on."""
        steps = _least(lambda j: self.is_below(start + period * j), 0, (limit - start) // period)
        return None if steps is None else start + period * steps


def _least(holds: Callable[[int], bool], low: int, limit: int) -> int | None:
    """The least number from ``low`` on for which a statement holds that stays true once it is; by doubling."""
    if holds(low):
        return low
    step = 1
    while low + step <= limit:
        if holds(low + step):
            return _between(holds, low + step // 2, low + step)
        step *= 2
    return None


def _between(holds: Callable[[int], bool], low: int, high: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
