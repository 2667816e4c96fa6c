"""Signs of formulas from the assumptions on their symbols, from declared ranges, and from a case that is supposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp
from flint import arb

from symgrad.design.sign_cores import ANY, Signs, assumed_signs, constant_signs, core_of, linear
from symgrad.design.spans import Span
from symgrad.errors import SymgradError
from symgrad.rigor.balls import interval_function, to_ball

__all__ = ["Facts", "domain_of"]

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
        ranges: symbol -> the set it lies in, beyond its assumptions: an interval or one point.
        cases: formula -> its possible signs in the case that is supposed, where that is no range of one symbol.
        narrowed: symbols whose range is part of the case.
    """

    ranges: Mapping[sp.Expr, sp.Set] = field(default_factory=dict)
    cases: Mapping[sp.Expr, Signs] = field(default_factory=dict)
    narrowed: Mapping[sp.Expr, sp.Set] = field(default_factory=dict)

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
        if left == self._signs(core):
            return self
        found = _as_range(core, left)
        narrower = None if found is None else self._within(*found)
        if found is None or narrower is None:
            return replace(self, cases={**self.cases, core: left})
        return None if narrower.ranges[found[0]] is sp.EmptySet else narrower

    def merged(self, other: Facts) -> Facts | None:
        """Both cases at once; None where they exclude each other."""
        merged: Facts | None = self
        for symbol, span in other.narrowed.items():
            common = None if merged is None else merged._within(symbol, span)
            merged = None if common is None or common.ranges[symbol] is sp.EmptySet else common
        for expr, signs in other.cases.items():
            merged = None if merged is None else merged.supposing(expr, signs)
        return merged

    @property
    def condition(self) -> sp.Basic:
        """The case as a condition on the symbols."""
        parts = [_relation(expr, signs) for expr, signs in self.cases.items()]
        for symbol, span in self.narrowed.items():
            parts.append(_range_relation(symbol, span))
        return sp.And(*parts)

    @property
    def points(self) -> dict[sp.Expr, sp.Expr]:
        """The symbols that have one value in this case."""
        return {s: next(iter(span)) for s, span in self.ranges.items() if isinstance(span, sp.FiniteSet)}

    def joined(self, other: Facts) -> Facts | None:
        """The case that is either of two, where they differ in one respect only; None where that is no single case."""
        signs = {e for e in {*self.cases, *other.cases} if self.cases.get(e) != other.cases.get(e)}
        spans = {s for s in {*self.narrowed, *other.narrowed} if self.narrowed.get(s) != other.narrowed.get(s)}
        if len(signs) + len(spans) != 1:
            return None
        if spans:
            (symbol,) = spans
            union = self._range(symbol).union(other._range(symbol))
            return self._with_range(symbol, union) if isinstance(union, sp.Interval) else None
        (expr,) = signs
        if expr not in self.cases or expr not in other.cases:
            return None
        rest = {e: s for e, s in self.cases.items() if e != expr}
        both, known = self.cases[expr] | other.cases[expr], replace(self, cases=rest)._signs(expr)
        return replace(self, cases=rest if both >= known else {**self.cases, expr: both})

    def _with_range(self, symbol: sp.Expr, span: sp.Interval) -> Facts:
        narrowed = {s: r for s, r in self.narrowed.items() if s != symbol}
        if span != domain_of(symbol):
            narrowed[symbol] = span
        return replace(self, ranges={**self.ranges, symbol: span}, narrowed=narrowed)

    @property
    def is_generic(self) -> bool:
        """Whether the case supposes no equation."""
        points = [span for span in self.narrowed.values() if isinstance(span, sp.FiniteSet)]
        return not points and all(signs != frozenset({0}) for signs in self.cases.values())

    def _within(self, symbol: sp.Expr, span: sp.Set) -> Facts | None:
        """The facts with a symbol in one more interval; None where SymPy cannot tell which of the ends counts."""
        common = self._range(symbol).intersect(span)
        if not isinstance(common, (sp.Interval, sp.FiniteSet)) and common is not sp.EmptySet:
            return None
        return replace(self, ranges={**self.ranges, symbol: common}, narrowed={**self.narrowed, symbol: common})

    def _core(self, expr: sp.Expr) -> tuple[sp.Expr, bool]:
        """The simplest formula with the same sign, and whether it has the opposite one; known factors are left out."""
        core, flip = core_of(expr.xreplace(self.points) if self.points else expr)
        if core.is_number or not core.is_rational_function(*core.free_symbols):
            return core, flip
        factors = sp.Mul.make_args(sp.factor_terms(sp.together(core)))
        kept: list[sp.Expr] = []
        for factor in factors:
            inner, turned = core_of(factor)
            known = self._signs(inner) if len(factors) > 1 else ANY
            if len(known) > 1 or 0 in known:
                kept.append(factor)
            else:
                flip ^= (-1 in known) ^ turned
        if len(kept) == len(factors):
            return linear(core, flip)
        simpler, turned = core_of(sp.Mul(*kept))
        return linear(simpler, flip ^ turned)

    def _signs(self, core: sp.Expr) -> Signs:
        if core.is_number:
            return constant_signs(core)
        if isinstance(core, sp.Pow) and self.signs(core.base) == frozenset({1}):
            return frozenset({1})  # whatever the real exponent is
        known = assumed_signs(core) & self.cases.get(core, ANY)
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
        found = frozenset(at_most & at_least) or ANY
        return found - {0} if 0 in found and len(symbols) == 1 and self._misses_zero(core, symbols[0]) else found

    def _misses_zero(self, core: sp.Expr, symbol: sp.Expr) -> bool:
        """Whether ``symbol - t`` is not zero because t is an end that the range leaves out."""
        span = self._range(symbol)
        end = symbol - core
        return isinstance(span, sp.Interval) and not end.free_symbols and span.contains(end) == sp.false

    def _range(self, symbol: sp.Expr) -> sp.Set:
        return self.ranges.get(symbol, domain_of(symbol))


def _as_range(core: sp.Expr, signs: Signs) -> tuple[sp.Expr, sp.Set] | None:
    """A case about ``symbol - t`` as a range of the symbol."""
    if len(core.free_symbols) != 1 or signs == frozenset({1, -1}):
        return None
    (symbol,) = core.free_symbols
    end = symbol - core
    if end.free_symbols:
        return None
    if signs == frozenset({0}):
        return symbol, sp.FiniteSet(end)
    if 1 in signs:
        return symbol, sp.Interval(end, sp.oo, 0 not in signs)
    return symbol, sp.Interval(-sp.oo, end, False, 0 not in signs)


def _range_relation(symbol: sp.Expr, span: sp.Set) -> sp.Basic:
    """A narrowed range as a condition; zero left out of the numbers >= 0 must be said."""
    shown = _span(span)
    own = _span(domain_of(symbol))
    same_low = shown.low == own.low and shown.open_low == own.open_low
    same_high = shown.high == own.high and shown.open_high == own.open_high
    return shown.relation(symbol, Span(own.low if same_low else sp.nan, own.high if same_high else sp.nan))


def _span(span: sp.Set) -> Span:
    if isinstance(span, sp.Interval):
        return Span.of(span)
    return Span(span.inf, span.sup)


def _negated(signs: Signs) -> Signs:
    return frozenset(-sign for sign in signs)


def _ends(span: sp.Set) -> tuple[arb, arb]:
    low = arb.neg_inf() if span.inf == -sp.oo else to_ball(span.inf)
    return low, arb.pos_inf() if span.sup == sp.oo else to_ball(span.sup)


def _relation(expr: sp.Expr, signs: Signs) -> sp.Basic:
    """The condition with its constant on the right."""
    constant, rest = expr.as_coeff_Add()
    return _RELATIONS[signs](rest, -constant)
