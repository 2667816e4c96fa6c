"""A wall as the horizon T shows it: a short interval of the parameter across which the loss at T is proved to jump."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.walls import Wall
from symgrad.presentable import Presentable

__all__ = ["WallAtHorizon", "wall_at_horizon"]

Array = NDArray[np.float64]

_SHARE = 0.8  # of the jump of the settled loss
_NEAREST, _GROWTH = sp.Rational(1, 10**12), 4

Place = tuple[arb, arb]  # balls around the state and the loss


@dataclass(frozen=True, eq=False)
class WallAtHorizon(Presentable):
    """Two values of the parameter, on both sides of a wall, between which most of the jump is seen at T already.

    Attributes:
        wall: which one.
        horizon: T.
        low: the lower value.
        high: the higher value.
        states: balls around x(T) at both, proved.
        losses: balls around the loss at both, proved.
    """

    wall: Wall
    horizon: float
    low: sp.Rational
    high: sp.Rational
    states: tuple[arb, arb]
    losses: tuple[arb, arb]

    @property
    def steepness(self) -> arb:
        """A ball around the slope of the chord; the gradient is that large somewhere between (mean value theorem)."""
        return (self.losses[1] - self.losses[0]) / _ball(self.high - self.low)


def wall_at_horizon(
    wall: Wall,
    horizon: float,
    span: sp.Interval,
    simulated: Callable[[Array], Array],
    proved: Callable[[sp.Rational], Place | None],
) -> WallAtHorizon | None:
    """The nearest values on a geometric scale across which at least 80 % of the jump is proved at T.

    Args:
        wall: with a known jump.
        horizon: T.
        span: values that may be taken.
        simulated: (M,) values of the parameter -> losses at T in floats, which propose where to begin.
        proved: the parameter -> balls around the state and the loss at T, or None.

    Returns:
        None where the loss does not jump, the jump is not known, or T is too short for it.
    """
    if wall.jump is None or wall.jump.contains(0):
        return None
    pairs = list(_pairs(wall, span))
    for low, high in pairs[_first(pairs, float(wall.jump.mid()), simulated) :]:
        below, above = proved(low), proved(high)
        if below is not None and above is not None:
            share = (above[1] - below[1]) / wall.jump
            if share.is_finite() and share > _SHARE:
                return WallAtHorizon(wall, horizon, low, high, (below[0], above[0]), (below[1], above[1]))
    return None


def _pairs(wall: Wall, span: sp.Interval) -> Iterator[tuple[sp.Rational, sp.Rational]]:
    """Values on both sides, from near to far."""
    middle = _rational(wall.parameter.mid())
    distance = max(_NEAREST * (1 + abs(middle)), 2 * _rational(arb(wall.parameter.rad())))
    while span.start <= middle - distance and middle + distance <= span.end:
        yield middle - distance, middle + distance
        distance *= _GROWTH


def _first(pairs: list[tuple[sp.Rational, sp.Rational]], jump: float, simulated: Callable[[Array], Array]) -> int:
    """The first pair across which floats see the jump."""
    if not pairs:
        return 0
    losses = simulated(np.array([float(value) for pair in pairs for value in pair])).reshape(-1, 2)
    seen = np.flatnonzero((losses[:, 1] - losses[:, 0]) / jump > _SHARE)
    return int(seen[0]) if len(seen) else len(pairs)


def _rational(ball: arb) -> sp.Rational:
    mantissa, exponent = (int(part) for part in ball.man_exp())
    return sp.Rational(mantissa) * sp.Integer(2) ** exponent


def _ball(number: sp.Rational) -> arb:
    return arb(int(number.p)) / int(number.q)
