"""Ends of open intervals: finite, infinite or singular points, and what a smooth function does next to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp
from flint import arb, ctx
from sympy.core.relational import Relational

from symgrad.rigor.balls import to_ball
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_models import TailModel, variable
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket

__all__ = ["End", "core", "eventual_sign", "sample_point", "starts"]

_STARTS = (4, 8, 16, 32, 64, 256, 2**12, 2**20, 2**30, 2**45)


@dataclass(frozen=True)
class End:
    """One end of an open interval.

    Attributes:
        value: a real constant or plus or minus infinity.
        inward: 1 at a left end, -1 at a right end.
        vanishing: sub-expressions that are known to be zero there.
    """

    value: sp.Expr
    inward: int
    vanishing: frozenset[sp.Expr] = field(default=frozenset())

    @property
    def is_finite(self) -> bool:
        """False at plus and minus infinity."""
        return self.value not in (sp.oo, -sp.oo)

    def ball(self) -> arb:
        """A ball around it, or an infinite number."""
        return _ball(self.value, ctx.prec)

    def model(self, start: int) -> TailModel:
        """The variable as a function of t >= start, which tends to this end for t -> oo."""
        if self.is_finite:
            return variable(arb(start), power=-1, scale=self.inward, shift=self.value)
        return variable(arb(start), scale=-self.inward)

    def cut(self, start: int) -> arb:
        """The point at t = start."""
        if self.is_finite:
            return self.ball() + arb(self.inward) / start
        return arb(-self.inward * start)

    def substitute(self, formula: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
        """The formula at a finite end, with what is known to vanish there replaced by zero first."""
        known: dict[sp.Basic, sp.Basic] = dict.fromkeys(self.vanishing, sp.S.Zero)
        for relation in formula.atoms(Relational):
            if relation.lhs - relation.rhs in self.vanishing:
                known[relation] = relation.func(0, 0)
        return formula.xreplace(known).subs(symbol, self.value)

    def outer_bound(self) -> arb:
        """An exact point at or just outside a finite end."""
        ball = self.ball()
        return (ball.lower() if self.inward > 0 else ball.upper()).mid()


@lru_cache(maxsize=4096)
def _ball(value: sp.Expr, bits: int) -> arb:
    """The ball of an end at a precision, which is the present one."""
    if value in (sp.oo, -sp.oo):
        return arb.pos_inf() if value is sp.oo else arb.neg_inf()
    return to_ball(value)


def sample_point(left: End, right: End) -> sp.Rational:
    """A rational point inside the open interval.

    >>> sample_point(End(sp.S(1), 1), End(sp.oo, -1))
    2
    """
    if not left.is_finite and not right.is_finite:
        return sp.S.Zero
    if not right.is_finite:
        return _rational(to_ball(left.value).upper().ceil() + 1)
    if not left.is_finite:
        return _rational(to_ball(right.value).lower().floor() - 1)
    lo, hi = to_ball(left.value), to_ball(right.value)
    return _rational((lo + hi) / 2, (hi - lo) / 8)


def _rational(ball: arb, tolerance: arb | None = None) -> sp.Rational:
    """The midpoint, rounded to a multiple of a power of two not above the tolerance."""
    mantissa, exponent = (int(part) for part in ball.mid().man_exp())
    if tolerance is not None and tolerance > 0:
        size, shift = (int(part) for part in tolerance.lower().man_exp())
        unit = size.bit_length() + shift - 1
        if unit > exponent:
            mantissa, exponent = mantissa >> (unit - exponent), unit
    return sp.Rational(mantissa) * sp.Integer(2) ** exponent


def starts(left: End, right: End) -> Iterator[int]:
    """Values of t from which half-lines are tried: near each end, and not beyond the middle of the interval."""
    if left.is_finite and right.is_finite:
        length = (to_ball(right.value) - to_ball(left.value)).lower()
        least = int((2 / length).ceil().upper().unique_fmpz() or 4) if length > 0 else 4
        yield from (max(least, 4) * start // 4 for start in _STARTS)
    else:
        yield from _STARTS


def eventual_sign(formula: sp.Expr, symbol: sp.Symbol, end: End, others: Iterator[int]) -> tuple[int, int] | None:
    """The sign of a smooth formula near an end and the start from which it is proved to hold; None if undecided."""
    for start in others:
        try:
            sign = tail_model(formula, symbol, end.model(start), end.vanishing).sign()
        except TailUndecidedError:
            continue
        if sign:
            return sign, start
    return None


def core(lo: arb, hi: arb) -> Bracket:
    """The smallest representable bracket that contains two balls."""
    return Bracket(lo.lower().mid(), hi.upper().mid())
