"""The search for positive variances with a property given by an equation, octave by octave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy as sp
from flint import arb

from symgrad.meanfield.square_means import SquareMean
from symgrad.meanfield.variance_map import VarianceMap
from symgrad.rigor.balls import Interval, to_ball, working_precision
from symgrad.rigor.multiple_zeros import distinct
from symgrad.rigor.zeros import Bracket, RealFunction, Zero, isolate_zeros

__all__ = ["Balance", "Found", "positive_points", "zeros_by_octaves"]

_LOWEST, _HIGHEST = 2.0**-64, 2.0**64
_MOST_BOXES = 100
_SMALLEST = 2.0**-20
_SEARCH_BITS, _FINAL_BITS = 53, 48


@dataclass(frozen=True)
class Found:
    """Enclosures of zeros, each the only one in it, and the stretches left open."""

    points: tuple[arb, ...]
    gaps: tuple[tuple[arb, arb], ...]


@dataclass(frozen=True)
class Balance:
    """``squares K(q) + slopes q M(q) + level M(q) + line q + constant`` with ``K = E[phi^2]``, ``M = E[phi'^2]``.

    Args:
        values: K.
        derivatives: M; None where it does not occur.
        squares: the factor of K.
        slopes: that of q M.
        level: that of M.
        line: that of q.
        constant: the rest.
    """

    values: SquareMean
    derivatives: SquareMean | None = None
    squares: sp.Expr = sp.S.Zero
    slopes: sp.Expr = sp.S.Zero
    level: sp.Expr = sp.S.Zero
    line: sp.Expr = sp.S.Zero
    constant: sp.Expr = sp.S.Zero

    @cached_property
    def value(self) -> RealFunction:
        """The function."""

        def ball(q: arb) -> arb:
            total = to_ball(self.squares) * self.values.ball(q) + to_ball(self.line) * q + to_ball(self.constant)
            if self.derivatives is None:
                return total
            return total + (to_ball(self.slopes) * q + to_ball(self.level)) * self.derivatives.ball(q)

        return RealFunction(ball, _on_ends(ball))

    @cached_property
    def slope(self) -> RealFunction:
        """Its derivative by q."""

        def ball(q: arb) -> arb:
            total = to_ball(self.squares) * self.values.rise(q) / q + to_ball(self.line)
            if self.derivatives is None:
                return total
            rise, slopes = self.derivatives.rise(q), to_ball(self.slopes)
            return total + slopes * (rise + self.derivatives.ball(q)) + to_ball(self.level) * rise / q

        return RealFunction(ball, _on_ends(ball))


def positive_points(flow: VarianceMap, low: arb | None, high: arb | None) -> Found:
    """The fixed points between two variances; where an end is None, a far one is taken and the rest stays open."""
    values = SquareMean(flow.unit.moments.values)
    excess = Balance(values, squares=flow.gain, line=flow.skip - 1, constant=flow.offset)
    return zeros_by_octaves(excess, low, high)


def zeros_by_octaves(balance: Balance, low: arb | None, high: arb | None) -> Found:
    """The zeros of a function of the variance between two variances, likewise."""
    gaps = [] if low is not None else [(arb(0), arb(_LOWEST))]
    gaps += [] if high is not None else [(arb(_HIGHEST), arb.pos_inf())]
    start = arb(_LOWEST) if low is None else low.lower().mid()
    stop = arb(_HIGHEST) if high is None else high.upper().mid()
    simple: list[Zero] = []
    with working_precision(_SEARCH_BITS):
        for bracket in _octaves(start, stop):
            zeros = isolate_zeros(balance.value, balance.slope, bracket, smallest=_SMALLEST, max_boxes=_MOST_BOXES)
            simple += zeros.simple
            gaps += [(box.lo, box.hi) for box in zeros.undecided]
    points = [zero.ball(_FINAL_BITS) for zero in distinct(tuple(simple))]
    return Found(tuple(sorted(points, key=lambda point: float(point.mid()))), _joined(gaps))


def _octaves(start: arb, stop: arb) -> Iterator[Bracket]:
    """The stretch cut at powers of two."""
    while start < stop:
        _, exponent = start.man_exp()
        bits = int(start.man_exp()[0]).bit_length()
        top = arb(2) ** (int(exponent) + bits)
        end = top if top < stop else stop
        yield Bracket(start, end)
        start = end


def _joined(gaps: list[tuple[arb, arb]]) -> tuple[tuple[arb, arb], ...]:
    """Gaps from left to right, those that touch as one."""
    joined: list[tuple[arb, arb]] = []
    for low, high in sorted(gaps, key=lambda gap: float(gap[0].mid())):
        if joined and not low > joined[-1][1]:
            joined[-1] = (joined[-1][0], high.max(joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _on_ends(ball: Callable[[arb], arb]) -> Callable[[Interval], Interval]:
    """The same function on intervals given by their ends."""

    def interval(ends: Interval) -> Interval:
        value = ball(ends[0].union(ends[1]))
        return value.lower(), value.upper()

    return interval
