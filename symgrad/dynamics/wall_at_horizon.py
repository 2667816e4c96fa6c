"""A wall as the horizon T shows it: a short interval of the parameter across which the loss at T is proved to jump."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.dynamics.walls import Wall
from symgrad.presentable import Presentable

__all__ = ["WallAtHorizon", "wall_at_horizon"]

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
    wall: Wall, horizon: float, span: sp.Interval, seen: Callable[[sp.Rational], Place | None]
) -> WallAtHorizon | None:
    """The nearest values on a geometric scale across which at least 80 % of the jump is proved at T.

    Args:
        wall: with a known jump.
        horizon: T.
        span: values that may be taken.
        seen: the parameter -> balls around the state and the loss at T, proved, or None.

    Returns:
        None where the jump is not known or T is too short for it.
    """
    if wall.jump is None:
        return None
    middle = _rational(wall.parameter.mid())
    distance = max(_NEAREST, 2 * _rational(arb(wall.parameter.rad())))
    while True:
        low, high = middle - distance, middle + distance
        if low < span.start or high > span.end:
            return None
        below, above = seen(low), seen(high)
        if below is not None and above is not None:
            share = (above[1] - below[1]) / wall.jump
            if share.is_finite() and share > _SHARE:
                return WallAtHorizon(wall, horizon, low, high, (below[0], above[0]), (below[1], above[1]))
        distance *= _GROWTH


def _rational(ball: arb) -> sp.Rational:
    mantissa, exponent = (int(part) for part in ball.man_exp())
    return sp.Rational(mantissa) * sp.Integer(2) ** exponent


def _ball(number: sp.Rational) -> arb:
    return arb(int(number.p)) / int(number.q)
