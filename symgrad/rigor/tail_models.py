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
from functools import cached_property, cmp_to_key, lru_cache

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls import ball_function, to_ball

__all__ = [
    "LOG",
    "UNIT",
    "Coefficient",
    "Monomial",
    "TailModel",
    "TailUndecidedError",
    "dominance",
    "exponential",
    "variable",
]

_MAX_TERMS = 9


class TailUndecidedError(SymgradError):
    """The behaviour of a function near infinity or near a singular point could not be proved."""


@dataclass(frozen=True)
class Monomial:
    """``t**power * log(t)**logs * exp(sum(c * m for m, c in exponent))`` with growing monomials m, the largest first.

    The exponents may be any growing monomials, so ``exp(-exp(t))`` and ``t**t`` are monomials too; an irrational power
    is written as ``exp(c * log(t))``.
    """

    exponent: tuple[tuple[Monomial, sp.Expr], ...] = ()
    power: Fraction = Fraction(0)
    logs: Fraction = Fraction(0)

    def __mul__(self, other: Monomial) -> Monomial:
        return _product(self, other)

    def __pow__(self, q: Fraction) -> Monomial:
        factor = sp.Rational(q.numerator, q.denominator)
        return Monomial(tuple((m, c * factor) for m, c in self.exponent), self.power * q, self.logs * q)

    @cached_property
    def _hash(self) -> int:
        return hash((self.exponent, self.power, self.logs))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def growth(self) -> int:
        """1 if it tends to infinity, -1 if it tends to zero, 0 if it is the constant 1."""
        if self.exponent:
            return _sign(self.exponent[0][1])
        leading = self.power or self.logs
        return (leading > 0) - (leading < 0)

    def at(self, start: arb) -> arb:
        """Its value at ``start > 1``."""
        log = start.log()
        inner = _arb(self.power) * log
        for monomial, coefficient in self.exponent:
            inner += to_ball(coefficient) * monomial.at(start)
        return inner.exp() * (_arb(self.logs) * log.log()).exp() if self.logs else inner.exp()

    def supremum(self, start: arb) -> arb:
        """Its supremum on ``[start, oo)``, for a monomial that is proved to decrease there.

        Raises:
            TailUndecidedError: if it does not decrease on the whole of ``[start, oo)``.
        """
        if self.growth == 0:
            return arb(1)
        if self.growth > 0 or not self._decreases(start):
            raise TailUndecidedError(f"a term of the expansion does not decrease on [{start.str(5)}, oo)")
        return self.at(start)

    def _decreases(self, start: arb) -> bool:
        """Whether ``t * d/dt log(monomial)`` is negative on ``[start, oo)``."""
        if all(not m.exponent and not m.logs for m, _ in self.exponent):
            return self._decreases_by_powers(start)
        return self.logarithmic_slope(start).sign() < 0

    def _decreases_by_powers(self, start: arb) -> bool:
        """The common case: the exponent is a polynomial in powers of t; all is divided by its leading power."""
        log_start = start.log()
        rest = _arb(self.power) + (_arb(self.logs) / log_start if self.logs > 0 else 0)
        if not self.exponent:
            return bool(rest < 0) or (self.power == 0 and self.logs < 0)
        degree = self.exponent[0][0].power
        slope = to_ball(self.exponent[0][1]) * _arb(degree)
        for other, coefficient in self.exponent[1:]:
            ratio = (_arb(other.power - degree) * log_start).exp()
            slope += _positive(to_ball(coefficient)) * _arb(other.power) * ratio
        return bool(slope + _positive(rest) * (_arb(-degree) * log_start).exp() < 0)

    def logarithmic_slope(self, start: arb) -> TailModel:
        """The model of ``t * d/dt log(monomial)`` on ``[start, oo)``."""
        power, logs = (sp.Rational(f.numerator, f.denominator) for f in (self.power, self.logs))
        inverse_log = Monomial(logs=Fraction(-1))
        total = TailModel.collect(
            start, [(UNIT, Coefficient.constant(power)), (inverse_log, Coefficient.constant(logs))]
        )
        for monomial, coefficient in self.exponent:
            inner = monomial.logarithmic_slope(start)
            total = total + inner.scaled(monomial, Coefficient.constant(coefficient))
        return total


UNIT = Monomial()
LOG = Monomial(logs=Fraction(1))


@lru_cache(maxsize=65536)
def _product(first: Monomial, second: Monomial) -> Monomial:
    if first == UNIT:
        return second
    if second == UNIT:
        return first
    if not first.exponent and not second.exponent:
        return Monomial((), first.power + second.power, first.logs + second.logs)
    return exponential([*first.exponent, *second.exponent], first.power + second.power, first.logs + second.logs)


def exponential(
    terms: Iterable[tuple[Monomial, sp.Expr]], power: Fraction = Fraction(0), logs: Fraction = Fraction(0)
) -> Monomial:
    """``t**power * log(t)**logs * exp(sum(c * m))`` in its one standard form."""
    merged: dict[Monomial, sp.Expr] = {}
    for monomial, coefficient in terms:
        merged[monomial] = merged.get(monomial, sp.S.Zero) + coefficient
    if LOG in merged:
        total = merged.pop(LOG) + sp.Rational(power.numerator, power.denominator)
        rational = total.is_Rational
        power = Fraction(int(total.p), int(total.q)) if rational else Fraction(0)
        if not rational:
            merged[LOG] = total
    kept = [(m, c) for m, c in merged.items() if not _vanishes(c)]
    kept.sort(key=cmp_to_key(_larger_first))
    return Monomial(tuple(kept), power, logs)


@lru_cache(maxsize=65536)
def dominance(first: Monomial, second: Monomial) -> int:
    """Growth of ``first / second``: 1 if it tends to infinity, 0 if the two are equal, -1 if it tends to zero."""
    return (first * second ** Fraction(-1)).growth


def _larger_first(first: tuple[Monomial, object], second: tuple[Monomial, object]) -> int:
    return dominance(second[0], first[0])


@lru_cache(maxsize=4096)
def _vanishes(constant: sp.Expr) -> bool:
    if constant.is_Rational:
        return constant is sp.S.Zero
    return bool(ball_function(constant, ())().contains(0)) and bool(sp.expand(constant).is_zero)


@lru_cache(maxsize=4096)
def _sign(constant: sp.Expr) -> int:
    if constant.is_Rational:
        return 1 if constant.p > 0 else -1
    ball = to_ball(constant)
    if ball > 0:
        return 1
    if ball < 0:
        return -1
    raise TailUndecidedError(f"the sign of the constant {constant} could not be decided")


def _arb(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator


def _positive(ball: arb) -> arb:
    return ball if ball > 0 else arb(0) if ball < 0 else ball.union(arb(0)).upper()


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
        if exact is not None and _vanishes(exact):
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
        present.sort(key=cmp_to_key(_larger_first))
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
                total += coefficient.ball * arb(0).union(monomial.supremum(self.start).upper())
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
        least = 1 / (leading ** Fraction(-1)).supremum(self.start)
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
        ratio = (other * monomial ** Fraction(-1)).supremum(start)
        ball += extra.ball * arb(0).union(ratio.upper())
    kept[-1] = (monomial, Coefficient(ball))
    return kept


def variable(start: arb, power: int = 1, scale: int = 1, shift: sp.Expr = sp.S.Zero) -> TailModel:
    """The model of ``shift + scale * t**power``."""
    terms = [(Monomial(power=Fraction(power)), Coefficient.constant(sp.Integer(scale)))]
    return TailModel.collect(start, [*terms, (UNIT, Coefficient.constant(shift))])
