"""Enclosures of a function on a whole half-line ``[start, oo)`` as a finite sum of growth monomials.

A *tail model* writes ``f(t) = sum_i c_i(t) * m_i(t)`` for every ``t >= start``, where each monomial is
``t**a * log(t)**b * exp(p(t))`` (p being again a sum of monomials) and each coefficient function ``c_i`` stays inside
a known ball (it is a known constant where the model says so). Sums and products of models are models again, so limits,
signs and ranges on an unbounded interval become finite computations with balls. A point ``c`` is treated in the same
way through ``z = c + 1/t``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cmp_to_key

import sympy as sp
from flint import arb

from symgrad.rigor.balls import to_ball
from symgrad.rigor.tail_monomials import UNIT, Monomial, TailUndecidedError, as_ball, larger_first, vanishes

__all__ = ["Coefficient", "TailModel", "supremum", "variable"]

_MAX_TERMS = 9


@dataclass(frozen=True)
class Coefficient:
    """A bounded function of t: inside ``ball`` for every t, and equal to the constant ``exact`` unless that is None."""

    ball: arb
    exact: sp.Expr | None = None

    @staticmethod
    def constant(value: sp.Expr) -> Coefficient:
        """The constant function."""
        value = sp.sympify(value)
        return Coefficient(to_ball(value), value)

    def __add__(self, other: Coefficient) -> Coefficient:
        exact = None if self.exact is None or other.exact is None else self.exact + other.exact
        if exact is not None and vanishes(exact):
            return Coefficient(arb(0), sp.S.Zero)
        return Coefficient(self.ball + other.ball, exact)

    def __mul__(self, other: Coefficient) -> Coefficient:
        exact = None if self.exact is None or other.exact is None else self.exact * other.exact
        return Coefficient(self.ball * other.ball, exact)

    @property
    def is_zero(self) -> bool:
        """True when it is proved to be the zero function."""
        return self.exact is sp.S.Zero


@dataclass(frozen=True)
class TailModel:
    """``sum(coefficient * monomial)`` on ``[start, oo)``, the fastest growing term first; no term means zero."""

    start: arb
    terms: tuple[tuple[Monomial, Coefficient], ...] = field(default=())

    @staticmethod
    def constant(start: arb, value: sp.Expr) -> TailModel:
        """The constant function."""
        return TailModel.collect(start, [(UNIT, Coefficient.constant(value))])

    @staticmethod
    def collect(start: arb, terms: Iterable[tuple[Monomial, Coefficient]]) -> TailModel:
        """Adds like terms, orders them by growth, and folds the smallest ones into one enclosed remainder."""
        merged: dict[Monomial, Coefficient] = {}
        for monomial, coefficient in terms:
            merged[monomial] = merged[monomial] + coefficient if monomial in merged else coefficient
        present = [(m, c) for m, c in merged.items() if not c.is_zero]
        present.sort(key=cmp_to_key(larger_first))
        return TailModel(start, tuple(_fold(start, present)))

    def __add__(self, other: TailModel) -> TailModel:
        return TailModel.collect(self.start, self.terms + other.terms)

    def __mul__(self, other: TailModel) -> TailModel:
        pairs = ((m * n, c * d) for m, c in self.terms for n, d in other.terms)
        return TailModel.collect(self.start, pairs)

    def __neg__(self) -> TailModel:
        return self.scaled(UNIT, Coefficient.constant(sp.S.NegativeOne))

    def scaled(self, monomial: Monomial, coefficient: Coefficient) -> TailModel:
        """The product with one term."""
        return TailModel(self.start, tuple((m * monomial, c * coefficient) for m, c in self.terms))

    def split(self) -> tuple[TailModel, Coefficient, TailModel]:
        """The unbounded terms, the bounded term that does not tend to zero, the terms that tend to zero."""
        large = tuple(term for term in self.terms if term[0].growth > 0)
        small = tuple(term for term in self.terms if term[0].growth < 0)
        middle = [c for m, c in self.terms if m.growth == 0]
        constant = middle[0] if middle else Coefficient(arb(0), sp.S.Zero)
        return TailModel(self.start, large), constant, TailModel(self.start, small)

    def relative_ball(self) -> arb:
        """Encloses the function divided by its leading monomial."""
        if not self.terms:
            return arb(0)
        leading = self.terms[0][0] ** Fraction(-1)
        return TailModel(self.start, tuple((m * leading, c) for m, c in self.terms)).range()

    def range(self) -> arb:
        """Encloses all values on ``[start, oo)``.

        Raises:
            TailUndecidedError: if the function may be unbounded or a term does not decrease yet.
        """
        total = arb(0)
        for monomial, coefficient in self.terms:
            if monomial.growth == 0:
                total += coefficient.ball
            else:
                total += coefficient.ball * arb(0).union(supremum(monomial, self.start).upper())
        return total

    def bounds(self) -> tuple[arb, arb]:
        """A lower and an upper bound on ``[start, oo)``; one of them is infinite if the function tends to infinity.

        Raises:
            TailUndecidedError: as for :meth:`range`.
        """
        limit = self.limit()
        if limit not in (sp.oo, -sp.oo):
            values = self.range()
            return values.lower(), values.upper()
        leading = self.terms[0][0]
        least = 1 / supremum(leading ** Fraction(-1), self.start)
        relative = self.relative_ball()
        if relative > 0:
            return (least * relative).lower(), arb("inf")
        if relative < 0:
            return arb("-inf"), (least * relative).upper()
        raise TailUndecidedError("the leading term does not dominate yet")

    def sign(self) -> int:
        """1 or -1 if the function has that sign on all of ``[start, oo)``, 0 if it is zero or not decided."""
        ball = self.relative_ball()
        return 1 if ball > 0 else -1 if ball < 0 else 0

    def limit(self) -> sp.Expr | None:
        """The exact limit for ``t -> oo``, possibly infinite; None if it is not known."""
        if not self.terms or self.terms[0][0].growth < 0:
            return sp.S.Zero
        if self.terms[0][0].growth == 0:
            return self.terms[0][1].exact
        leading = self.terms[0][1].ball
        return sp.oo if leading > 0 else -sp.oo if leading < 0 else None


def _fold(start: arb, terms: list[tuple[Monomial, Coefficient]]) -> list[tuple[Monomial, Coefficient]]:
    bounded = sum(1 for monomial, _ in terms if monomial.growth >= 0)
    size = max(_MAX_TERMS, bounded + 3)
    if len(terms) <= size:
        return terms
    kept = terms[:size]
    monomial, coefficient = kept[-1]
    ball = coefficient.ball
    for other, extra in terms[size:]:
        ratio = supremum(other * monomial ** Fraction(-1), start)
        ball += extra.ball * arb(0).union(ratio.upper())
    kept[-1] = (monomial, Coefficient(ball))
    return kept


def variable(start: arb, power: int = 1, scale: int = 1, shift: sp.Expr = sp.S.Zero) -> TailModel:
    """The model of ``shift + scale * t**power``."""
    terms = [(Monomial(power=Fraction(power)), Coefficient.constant(sp.Integer(scale)))]
    return TailModel.collect(start, [*terms, (UNIT, Coefficient.constant(shift))])


def supremum(monomial: Monomial, start: arb) -> arb:
    """The supremum of a monomial on ``[start, oo)``, which is proved to decrease there.

    Raises:
        TailUndecidedError: if it does not decrease on the whole of ``[start, oo)``.
    """
    if monomial.growth == 0:
        return arb(1)
    if monomial.growth > 0 or not _decreases(monomial, start):
        raise TailUndecidedError(f"a term of the expansion does not decrease on [{start.str(5)}, oo)")
    return monomial.at(start)


def _decreases(monomial: Monomial, start: arb) -> bool:
    """Whether ``t * d/dt log(monomial)`` is negative on ``[start, oo)``."""
    if all(not m.exponent and not m.logs for m, _ in monomial.exponent):
        return _decreases_by_powers(monomial, start)
    return logarithmic_slope(monomial, start).sign() < 0


def _decreases_by_powers(monomial: Monomial, start: arb) -> bool:
    """The common case: the exponent is a polynomial in powers of t; all is divided by its leading power."""
    log_start = start.log()
    rest = as_ball(monomial.power) + (as_ball(monomial.logs) / log_start if monomial.logs > 0 else 0)
    if not monomial.exponent:
        return bool(rest < 0) or (monomial.power == 0 and monomial.logs < 0)
    degree = monomial.exponent[0][0].power
    slope = to_ball(monomial.exponent[0][1]) * as_ball(degree)
    for other, coefficient in monomial.exponent[1:]:
        ratio = (as_ball(other.power - degree) * log_start).exp()
        slope += _positive(to_ball(coefficient)) * as_ball(other.power) * ratio
    return bool(slope + _positive(rest) * (as_ball(-degree) * log_start).exp() < 0)


def logarithmic_slope(monomial: Monomial, start: arb) -> TailModel:
    """The model of ``t * d/dt log(monomial)`` on ``[start, oo)``."""
    power, logs = (sp.Rational(f.numerator, f.denominator) for f in (monomial.power, monomial.logs))
    inverse_log = Monomial(logs=Fraction(-1))
    total = TailModel.collect(start, [(UNIT, Coefficient.constant(power)), (inverse_log, Coefficient.constant(logs))])
    for inner, coefficient in monomial.exponent:
        total = total + logarithmic_slope(inner, start).scaled(inner, Coefficient.constant(coefficient))
    return total


def _positive(ball: arb) -> arb:
    return ball if ball > 0 else arb(0) if ball < 0 else ball.union(arb(0)).upper()
