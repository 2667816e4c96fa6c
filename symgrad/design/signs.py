"""Signs of formulas from the assumptions on their symbols, from declared ranges, and from a case that is supposed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls import interval_function, to_ball
from symgrad.rigor.closed_forms import is_zero_constant

__all__ = ["ANY", "Facts", "Signs", "domain_of"]

Signs = frozenset[int]
ANY: Signs = frozenset({-1, 0, 1})
_BITS = (128, 512, 2048, 8192)
_RELATIONS = {
    frozenset({1}): sp.Gt,
    frozenset({-1}): sp.Lt,
    frozenset({0}): sp.Eq,
    frozenset({0, 1}): sp.Ge,
    frozenset({0, -1}): sp.Le,
    frozenset({1, -1}): sp.Ne,
}


def domain_of(symbol: sp.Expr) -> sp.Interval:
    """The real numbers that the assumptions on a symbol leave."""
    low = 0 if symbol.is_nonnegative else -sp.oo
    high = 0 if symbol.is_nonpositive else sp.oo
    return sp.Interval(low, high, bool(symbol.is_positive), bool(symbol.is_negative))


@dataclass(frozen=True)
class Facts:
    """What is known of the symbols.

    Attributes:
        ranges: symbol -> the interval it lies in, beyond its assumptions.
        cases: formula -> its possible signs in the case that is supposed; part of the answer.
    """

    ranges: Mapping[sp.Expr, sp.Interval] = field(default_factory=dict)
    cases: Mapping[sp.Expr, Signs] = field(default_factory=dict)

    def signs(self, expr: sp.Expr) -> Signs:
        """The signs that a formula may have."""
        core, flip = self._core(sp.sympify(expr))
        found = self._signs(core)
        return _negated(found) if flip else found

    def supposing(self, expr: sp.Expr, signs: Signs) -> Facts | None:
        """The facts in one more case; None where it cannot occur."""
        core, flip = self._core(expr)
        left = self._signs(core) & (_negated(signs) if flip else signs)
        if not left:
            return None
        return self if left == self._signs(core) else replace(self, cases={**self.cases, core: left})

    def merged(self, other: Facts) -> Facts | None:
        """Both cases at once; None where they exclude each other."""
        merged: Facts | None = self
        for expr, signs in other.cases.items():
            merged = None if merged is None else merged.supposing(expr, signs)
        return merged

    @property
    def condition(self) -> sp.Basic:
        """The case as a condition on the symbols."""
        return sp.And(*(_relation(expr, signs) for expr, signs in self.cases.items()))

    @property
    def is_generic(self) -> bool:
        """Whether the case supposes no equation."""
        return all(signs != frozenset({0}) for signs in self.cases.values())

    def _core(self, expr: sp.Expr) -> tuple[sp.Expr, bool]:
        """The simplest formula with the same sign, and whether it has the opposite one; known factors are left out."""
        core, flip = _core(expr)
        if core.is_number or not core.is_rational_function(*core.free_symbols):
            return core, flip
        factors = sp.Mul.make_args(sp.factor_terms(sp.together(core)))
        kept: list[sp.Expr] = []
        for factor in factors:
            known = self._signs(_core(factor)[0]) if len(factors) > 1 else ANY
            if len(known) > 1 or 0 in known:
                kept.append(factor)
            else:
                flip ^= (-1 in known) ^ _core(factor)[1]
        if len(kept) == len(factors):
            return core, flip
        simpler, turned = _core(sp.Mul(*kept))
        return simpler, flip ^ turned

    def _signs(self, core: sp.Expr) -> Signs:
        if core.is_number:
            return _constant_signs(core)
        known = _assumed_signs(core) & self.cases.get(core, ANY)
        return known if len(known) == 1 else known & self._range_signs(core)

    def _range_signs(self, core: sp.Expr) -> Signs:
        """By interval arithmetic over the ranges of all symbols."""
        symbols = sorted(core.free_symbols, key=str)
        try:
            spans = [_ends(self._range(symbol)) for symbol in symbols]
            low, high = interval_function(core, symbols)(*spans)
        except SymgradError:
            return ANY
        at_most = {1} if low > 0 else {0, 1} if low >= 0 else set(ANY)
        at_least = {-1} if high < 0 else {0, -1} if high <= 0 else set(ANY)
        return frozenset(at_most & at_least) or ANY

    def _range(self, symbol: sp.Expr) -> sp.Interval:
        return self.ranges.get(symbol, domain_of(symbol))


def _negated(signs: Signs) -> Signs:
    return frozenset(-sign for sign in signs)


def _ends(interval: sp.Interval) -> tuple[arb, arb]:
    low = arb.neg_inf() if interval.start == -sp.oo else to_ball(interval.start)
    return low, arb.pos_inf() if interval.end == sp.oo else to_ball(interval.end)


def _constant_signs(number: sp.Expr) -> Signs:
    if number in (sp.oo, -sp.oo):
        return frozenset({1 if number == sp.oo else -1})
    for bits in _BITS:
        ball = to_ball(number, bits)
        if ball.is_zero():
            return frozenset({0})
        if ball > 0 or ball < 0:
            return frozenset({1 if ball > 0 else -1})
        if bits == _BITS[0] and is_zero_constant(number):
            return frozenset({0})
    return ANY


def _assumed_signs(expr: sp.Expr) -> Signs:
    """What SymPy's assumptions tell."""
    excluded = []
    if expr.is_positive is False or expr.is_nonpositive:
        excluded.append(1)
    if expr.is_negative is False or expr.is_nonnegative:
        excluded.append(-1)
    if expr.is_zero is False:
        excluded.append(0)
    return ANY - frozenset(excluded)


def _core(expr: sp.Expr) -> tuple[sp.Expr, bool]:
    """The simplest formula with the same sign, and whether it has the opposite one.

    Positive factors are left out; ``x**p - 1`` with p > 0 and ``log(x)`` with x > 0 have the sign of ``x - 1``.
    """
    flip = False
    while True:
        simpler, turned = _step(expr)
        if simpler == expr:
            break
        expr, flip = simpler, flip ^ turned
    if expr.could_extract_minus_sign() and not expr.is_number:
        return -expr, not flip
    return expr, flip


def _step(expr: sp.Expr) -> tuple[sp.Expr, bool]:
    factored = sp.factor_terms(expr)
    if factored.is_Mul:
        return _without_known_factors(factored)
    if isinstance(expr, sp.log):
        return expr.args[0] - 1, False
    if isinstance(expr, sp.Pow) and expr.exp.is_odd:
        return expr.base, False
    for power, turned in _powers_minus_one(expr):
        base, exponent = power.as_base_exp()
        if base.is_nonnegative and exponent.is_positive:
            return base - 1, turned
        if base.is_positive and exponent.is_negative:
            return base - 1, not turned
    return expr, False


def _without_known_factors(product: sp.Expr) -> tuple[sp.Expr, bool]:
    kept, turned = [], False
    for factor in product.args:
        if factor.is_positive:
            continue
        if factor.is_negative:
            turned = not turned
            continue
        kept.append(factor)
    if len(kept) == len(product.args):
        return product, False
    return (sp.Mul(*kept), turned) if kept else (sp.S.One, turned)


def _powers_minus_one(expr: sp.Expr) -> Iterator[tuple[sp.Expr, bool]]:
    if not (expr.is_Add and len(expr.args) == 2):
        return
    constant, rest = expr.as_coeff_Add()
    if constant == -1 and rest.is_Pow:
        yield rest, False
    if constant == 1 and (-rest).is_Pow:
        yield -rest, True


def _relation(expr: sp.Expr, signs: Signs) -> sp.Basic:
    """The condition with its constant on the right."""
    constant, rest = expr.as_coeff_Add()
    return _RELATIONS[signs](rest, -constant)
