"""The derivative of an activation cut into monotone pieces: on each it takes every level once, or is constant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import sympy as sp
from flint import arb

from symgrad.dynamics.constants import constant_sign, limit_at
from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, tidy
from symgrad.rigor.ends import End, sample_point
from symgrad.rigor.inverses import proved_inverse
from symgrad.rigor.jumps import jumps
from symgrad.rigor.periodicity import period
from symgrad.rigor.real_roots import enclosed_zero, real_roots
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket, RealFunction, Zero

__all__ = ["LEVEL", "Joint", "Sides", "SlopePiece", "joints", "slope_period", "slope_pieces"]

LEVEL = sp.Symbol("q", real=True)
_PRECISIONS = (64, 256, 1024)
_BISECTIONS = 400


@dataclass(frozen=True, eq=False)
class SlopePiece:
    """An open interval on which s is smooth and s' strictly monotone or constant.

    Attributes:
        formula: s there.
        left: the end on the left.
        right: the end on the right.
        first: the limit of s' at the left end, possibly infinite.
        last: that at the right end.
        direction: 1 where s' increases, -1 where it decreases, 0 where it is constant.
    """

    formula: sp.Expr
    left: End
    right: End
    first: sp.Expr
    last: sp.Expr
    direction: int

    @property
    def slope(self) -> sp.Expr:
        """The derivative s' as a formula that is smooth there."""
        return sp.diff(self.formula, VARIABLE)

    @property
    def low(self) -> sp.Expr:
        """The greatest lower bound of s'."""
        return self.last if self.direction < 0 else self.first

    @property
    def high(self) -> sp.Expr:
        """The least upper bound of s'."""
        return self.first if self.direction < 0 else self.last

    def attains(self, *, low: bool) -> bool:
        """Whether s' continues to its lower or upper bound: that end is finite."""
        at_left = (self.direction > 0) == low
        return (self.left if at_left else self.right).is_finite

    @cached_property
    def inverse(self) -> sp.Expr | None:
        """The pre-activation at which s' has the level q, a formula in ``LEVEL``; None where none is proved."""
        if self.direction == 0:
            return None
        return proved_inverse(self.slope, VARIABLE, LEVEL, self.left, self.right, self.low, self.high)

    def at_level(self, level: sp.Expr) -> sp.Expr | None:
        """The only pre-activation inside at which s' is a number, exact or enclosed; None where there is none.

        Raises:
            TailUndecidedError: whether there is one could not be decided.
        """
        if self.direction == 0 or not self.contains(level):
            return None
        if self.inverse is not None:
            return tidy(self.inverse.xreplace({LEVEL: level}))
        return self._enclosed_at(level)

    def _enclosed_at(self, level: sp.Expr) -> sp.Expr:
        difference = self.slope - level
        zero = self._zero_at(level)
        exact = closed_form(zero.ball, lambda c: is_zero_constant(difference.xreplace({VARIABLE: c})))
        return enclosed_zero(difference, VARIABLE, zero) if exact is None else exact

    def _zero_at(self, level: sp.Expr) -> Zero:
        slope, turning = self._compiled
        difference = RealFunction(lambda z: slope.ball(z) - to_ball(level), slope.interval)
        return Zero(self._bracket(difference, turning, level), difference, turning)

    @cached_property
    def _compiled(self) -> tuple[RealFunction, RealFunction]:
        return RealFunction.of(self.slope, VARIABLE), RealFunction.of(sp.diff(self.slope, VARIABLE), VARIABLE)

    def _bracket(self, function: RealFunction, derivative: RealFunction, level: sp.Expr) -> Bracket:
        """An interval at whose ends ``s' - q`` has both signs, on which s'' is proved not to vanish."""
        with working_precision(_PRECISIONS[1]):
            low, high = (self._beyond(function, end, side) for end, side in ((self.left, -1), (self.right, 1)))
            bracket = Bracket(low, high)
            for _ in range(_BISECTIONS):
                slope = derivative.ball(bracket.ball)
                if slope.is_finite() and not slope.contains(0):
                    return bracket
                halves = bracket.halves()
                bracket = halves[0] if function.ball(bracket.middle) * self.direction > 0 else halves[1]
        raise TailUndecidedError(f"where the slope is {level} could not be enclosed")

    def _beyond(self, function: RealFunction, end: End, side: int) -> arb:
        """A point towards an end at which the difference has the sign that it has next to that end."""
        point = to_ball(sample_point(self.left, self.right)).mid()
        distance = arb(1)
        for _ in range(_BISECTIONS):
            if function.ball(point) * (side * self.direction) > 0:
                return point
            point = ((point + end.ball()) / 2).mid() if end.is_finite else (point + side * distance).mid()
            distance *= 2
        raise TailUndecidedError(f"the level of the slope lies too close to its limit at {end.value}")

    def ball_at_level(self, level: sp.Expr, bits: int) -> arb | None:
        """A ball around the only pre-activation inside at which s' is a number; None where there is none."""
        if self.direction == 0 or not self.contains(level):
            return None
        with working_precision(bits):
            if self.inverse is not None:
                return ball_function(self.inverse, LEVEL)(to_ball(level, bits))
            return self._zero_at(level).ball(bits)

    def contains(self, level: sp.Expr) -> bool:
        """Whether s' takes the level in the open interval."""
        above = self.low == -sp.oo or constant_sign(level - self.low) > 0
        return above and (self.high == sp.oo or constant_sign(self.high - level) > 0)


@dataclass(frozen=True)
class Sides:
    """The sign of ``s' - q`` just left and just right of a point, and whether s' tends to q from a side."""

    product: int
    reached: bool


@dataclass(frozen=True, eq=False)
class Joint:
    """A point between neighbouring pieces: s'' vanishes there, or s has a kink or a corner of s'."""

    point: sp.Expr
    before: SlopePiece
    after: SlopePiece

    @property
    def is_kink(self) -> bool:
        """Whether s' jumps."""
        return self.before.last != self.after.first and constant_sign(self.before.last - self.after.first) != 0

    @property
    def is_smooth(self) -> bool:
        """Whether s is one formula on both sides."""
        return self.before.formula == self.after.formula

    def sides(self, level: sp.Expr) -> Sides:
        """How s' lies to a level on both sides: product -1 where it passes it, 0 where it stays on it."""
        before, after = _sign_beyond(self.before.last, level), _sign_beyond(self.after.first, level)
        product = (before or -self.before.direction) * (after or self.after.direction)
        return Sides(product, before == 0 or after == 0)

    @property
    def extreme_slope(self) -> sp.Expr | None:
        """The value of s' at a strict local extremum; at a kink a one-sided limit that is one; None if it is none."""
        if not self.is_kink:
            return self.before.last if self.is_extremum else None
        left, right = self.before.last, self.after.first
        for slope, other, rising in ((left, right, self.before.direction), (right, left, -self.after.direction)):
            if rising * _sign_beyond(slope, other) > 0:
                return slope
        return None

    @property
    def is_extremum(self) -> bool:
        """Whether s' is continuous and has a strict local extremum there."""
        return self.before.direction * self.after.direction < 0 and not self.is_kink


@lru_cache(maxsize=128)
def slope_pieces(activation: Activation) -> tuple[SlopePiece, ...]:
    """The pieces, from left to right; of a slope that is periodic those of one period around zero.

    Raises:
        UnsupportedExpressionError: the activation jumps, or its pieces are not finitely many or could not be found.

    >>> import symgrad as sg
    >>> [(p.left.value, p.right.value, p.first, p.last, p.inverse) for p in slope_pieces(sg.activation("arctan"))]
    [(-oo, 0, 0, 1, -sqrt(-1 + 1/q)), (0, oo, 1, 0, sqrt(-1 + 1/q))]
    """
    heights = jumps(activation.expr, VARIABLE)
    if heights:
        places = ", ".join(str(point) for point, _ in heights)
        raise UnsupportedExpressionError(
            f"activation {activation.name!r} jumps at {places}: its slope has no level there"
        )
    half = (slope_period(activation) or sp.oo) / 2
    try:
        smooth = split(activation.expr, VARIABLE, End(-half, 1), End(half, -1))
        return tuple(piece for part in smooth for piece in _monotone(part))
    except TailUndecidedError as error:
        raise UnsupportedExpressionError(
            f"activation {activation.name!r}: its slope could not be cut into finitely many monotone pieces ({error})"
        ) from error


@lru_cache(maxsize=128)
def slope_period(activation: Activation) -> sp.Expr | None:
    """A period of s', where it is seen to have one.

    >>> import symgrad as sg
    >>> slope_period(sg.activation("sin")), slope_period(sg.activation("tanh"))
    (2*pi, None)
    """
    return period(sp.diff(activation.expr, VARIABLE), VARIABLE)


def joints(pieces: tuple[SlopePiece, ...]) -> tuple[Joint, ...]:
    """The points between the pieces, and that between the last and the first if they make up a period."""
    inner = tuple(Joint(before.right.value, before, after) for before, after in pairwise(pieces))
    first, last = pieces[0], pieces[-1]
    return (*inner, Joint(last.right.value, last, first)) if first.left.is_finite else inner


def _sign_beyond(slope: sp.Expr, level: sp.Expr) -> int:
    if level in (sp.oo, -sp.oo):
        return 0 if slope == level else -1 if level == sp.oo else 1
    return (1 if slope == sp.oo else -1) if slope in (sp.oo, -sp.oo) else constant_sign(slope - level)


def _monotone(part: SmoothPiece) -> list[SlopePiece]:
    slope = sp.diff(part.formula, VARIABLE)
    turning = sp.diff(slope, VARIABLE)
    if turning.is_zero:
        return [SlopePiece(part.formula, part.left, part.right, slope, slope, 0)]
    zeros = real_roots(turning, VARIABLE, part.left, part.right)
    ends = [(part.left, part.left), *((End(zero, 1), End(zero, -1)) for zero in zeros), (part.right, part.right)]
    return [_piece(part.formula, slope, turning, first[0], second[1]) for first, second in pairwise(ends)]


def _piece(formula: sp.Expr, slope: sp.Expr, turning: sp.Expr, left: End, right: End) -> SlopePiece:
    sign = constant_sign(turning.xreplace({VARIABLE: sample_point(left, right)}))
    return SlopePiece(formula, left, right, limit_at(slope, left, right), limit_at(slope, right, left), sign)
