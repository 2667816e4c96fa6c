"""Growth monomials: powers, powers of logarithms and exponentials of sums of monomials, ordered by growth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, cmp_to_key, lru_cache

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls import ball_function, to_ball

__all__ = [
    "LOG",
    "UNIT",
    "Monomial",
    "TailUndecidedError",
    "as_ball",
    "dominance",
    "exponential",
    "larger_first",
    "vanishes",
]


class TailUndecidedError(SymgradError):
    """The behaviour of a function near infinity or near a singular point could not be proved."""


@dataclass(frozen=True, eq=False)
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
    def _key(self) -> tuple[object, ...]:
        """What tells it from others, without fractions, which are slow to hash and to compare."""
        return (self.exponent, *self.power.as_integer_ratio(), *self.logs.as_integer_ratio())

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Monomial) and self._hash == other._hash and self._key == other._key

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
        inner = as_ball(self.power) * log
        for monomial, coefficient in self.exponent:
            inner += to_ball(coefficient) * monomial.at(start)
        return inner.exp() * (as_ball(self.logs) * log.log()).exp() if self.logs else inner.exp()


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
    kept = [(m, c) for m, c in merged.items() if not vanishes(c)]
    kept.sort(key=cmp_to_key(larger_first))
    return Monomial(tuple(kept), power, logs)


@lru_cache(maxsize=65536)
def dominance(first: Monomial, second: Monomial) -> int:
    """Growth of ``first / second``: 1 if it tends to infinity, 0 if the two are equal, -1 if it tends to zero."""
    return (first * second ** Fraction(-1)).growth


def larger_first(first: tuple[Monomial, object], second: tuple[Monomial, object]) -> int:
    """Orders terms by growth, for ``functools.cmp_to_key``."""
    return dominance(second[0], first[0])


@lru_cache(maxsize=4096)
def vanishes(constant: sp.Expr) -> bool:
    """True only if a constant expression is proved to be zero by expansion."""
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


def as_ball(value: Fraction) -> arb:
    """A ball around a fraction."""
    return arb(value.numerator) / value.denominator
