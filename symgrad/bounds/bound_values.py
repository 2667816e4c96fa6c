"""Values of bounds as floats that are rounded to the safe side."""

from __future__ import annotations

from flint import arb

from symgrad.rigor.balls import log10_of, lower_float, upper_float

__all__ = ["BoundValue"]


class BoundValue(float):
    """A bound as a float: an upper bound rounded up, a lower bound rounded down.

    Attributes:
        ball: the enclosure that it comes from, a python-flint ball without limits on its exponent.
        side: ``"upper"`` or ``"lower"``.
        method: the method that gave it: of ``"best"`` the one that was least.
    """

    ball: arb
    side: str
    method: str

    def __new__(cls, ball: arb, side: str = "upper", method: str = "norm") -> BoundValue:
        value = super().__new__(cls, upper_float(ball) if side == "upper" else max(lower_float(ball), 0.0))
        value.ball = ball
        value.side = side
        value.method = method
        return value

    @property
    def log10(self) -> float:
        """The decimal logarithm, rounded as the float is; finite also where the float itself under- or overflows."""
        return log10_of(self.ball, up=self.side == "upper")
