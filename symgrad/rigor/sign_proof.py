"""A proof by subdivision that a formula keeps one strict sign on an open interval."""

from __future__ import annotations

import math

import sympy as sp
from flint import arb

from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.ends import End, eventual_sign, starts
from symgrad.rigor.multiple_zeros import Derivatives
from symgrad.rigor.smooth_pieces import split
from symgrad.rigor.zeros import Bracket

__all__ = ["exact_end", "excludes_zeros", "keeps_sign"]

_BITS = 256
_MOST_BOXES = 20000
_MOST_DERIVATIVES = 8


def keeps_sign(formula: sp.Expr, symbol: sp.Symbol, left: float, right: float, sign: int) -> bool:
    """Whether a formula is proved to have a sign strictly between two numbers, at which it may be zero.

    Nothing but interval evaluation of the formula and its derivatives enters, and expansions towards infinity.

    Args:
        formula: of one real symbol.
        symbol: the variable.
        left: a float or minus infinity.
        right: a larger float or infinity.
        sign: 1 or -1.

    >>> x = sp.Symbol("x", real=True)
    >>> keeps_sign(sp.exp(x) - 1, x, 0.0, math.inf, 1), keeps_sign(sp.exp(x) - 1, x, -0.1, 1.0, 1)
    (True, False)
    """
    ends = [End(exact_end(value), side) for value, side in ((left, 1), (right, -1))]
    with working_precision(_BITS):
        pieces = split(formula, symbol, ends[0], ends[1])
        return all(_PieceSign(Derivatives(p.formula, symbol), p.left, p.right, sign).is_kept() for p in pieces)


def excludes_zeros(formula: sp.Expr, symbol: sp.Symbol, left: sp.Expr, right: sp.Expr) -> bool:
    """Whether a formula is proved to have no zero strictly between two constants, at which it may be zero.

    Args:
        formula: of one real symbol; where it is no real number it has no zero.
        symbol: the variable.
        left: a finite real constant.
        right: a larger one.

    >>> x = sp.Symbol("x", real=True)
    >>> excludes_zeros(sp.tan(x), x, sp.S(1), sp.S(2)), excludes_zeros(sp.tan(x), x, sp.S(1), sp.S(4))
    (True, False)
    """
    with working_precision(_BITS):
        pieces = split(formula, symbol, End(left, 1), End(right, -1), where_defined=True)
        parts = [(Derivatives(piece.formula, symbol), piece.left, piece.right) for piece in pieces]
        joints = {end.value for _, *ends in parts for end in ends} - {left, right}
        return not any(_may_vanish(formula.subs(symbol, joint)) for joint in joints) and all(
            any(_PieceSign(*part, sign).is_kept() for sign in (1, -1)) for part in parts
        )


def _may_vanish(value: sp.Expr) -> bool:
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or value.is_real is False:
        return False
    ball = to_ball(value)
    return bool(ball.is_finite()) and bool(ball.contains(0))


def exact_end(value: float) -> sp.Expr:
    """A float, which may be infinite, as the number that it is.

    >>> exact_end(0.25), exact_end(-math.inf)
    (1/4, -oo)
    """
    return sp.Rational(value) if math.isfinite(value) else sp.oo * int(math.copysign(1, value))


class _PieceSign:
    """The sign of a smooth formula between two ends."""

    def __init__(self, derivatives: Derivatives, left: End, right: End, sign: int) -> None:
        self.derivatives, self.left, self.right, self.sign = derivatives, left, right, sign

    def is_kept(self) -> bool:
        """Whether the sign is proved."""
        cuts = [self._cut(end) for end in (self.left, self.right)]
        if cuts[0] is None or cuts[1] is None:
            return False
        if cuts[0] > cuts[1]:  # what is proved next to one end reaches beyond the other one
            return True
        boxes = [Bracket(cuts[0], cuts[1])]
        for _ in range(_MOST_BOXES):
            if not boxes:
                return True
            box = boxes.pop()
            if not self._holds_on(box):
                if box.width < arb(2) ** (-_BITS // 2) * (1 + abs(box.lo)):
                    return False
                boxes += box.halves()
        return False

    def _holds_on(self, box: Bracket) -> bool:
        low, high = self.derivatives.function(0).bounds(box)
        if low > 0 or high < 0:
            return bool(low > 0) == (self.sign > 0)
        middle = self.derivatives.function(0).ball(box.middle) * self.sign
        steepness = self.derivatives.function(1).ball(box.ball)
        if middle > 0 and steepness.is_finite() and middle > abs(steepness) * box.width / 2:
            return True
        return any(self._holds_next_to(end, box) for end in (self.left, self.right))

    def _holds_next_to(self, end: End, box: Bracket) -> bool:
        """Next to an end at which the formula vanishes to some order, by the first derivative that does not."""
        if not end.is_finite or not (box.lo == end.ball() if end.inward > 0 else box.hi == end.ball()):
            return False
        for order in range(1, _MOST_DERIVATIVES):
            if not is_zero_constant(self.derivatives.at(order - 1, end.value)):
                return False
            slope = self.derivatives.function(order).ball(box.ball) * self.sign * end.inward**order
            if slope.is_finite() and not slope.contains(0):
                return bool(slope > 0)
        return False

    def _cut(self, end: End) -> arb | None:
        """The end itself, or for one at infinity or a singular one a point beyond which the sign is proved."""
        function = self.derivatives.function(0)
        if end.is_finite:
            value, slope = function.ball(end.ball()), self.derivatives.function(1).ball(end.ball())
            if value.is_finite() and (slope.is_finite() or not value.contains(0)):
                return end.outer_bound()
        for start in starts(self.left, self.right):
            cut = end.cut(start)
            low, high = function.bounds(Bracket(end.ball(), cut) if end.inward > 0 else Bracket(cut, end.ball()))
            if low * self.sign > 0 and high * self.sign > 0:
                return cut
        formula = self.derivatives.formula(0)
        found = eventual_sign(formula, self.derivatives.symbol, end, starts(self.left, self.right))
        return end.cut(found[1]) if found is not None and found[0] == self.sign else None
