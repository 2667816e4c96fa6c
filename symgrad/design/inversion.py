"""Inequalities solved for one unknown by undoing one operation after the other, with formulas for all other numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

from symgrad.design.case_sets import Case, NoChainError, both, either, supposing
from symgrad.design.chain_rules import (
    ABSOLUTE,
    COMPARED,
    EVEN_POWER,
    FACTOR,
    FUNCTION,
    LARGEST,
    LEAST,
    POWER,
    READ_OFF,
    TERM,
)
from symgrad.design.monotone_functions import undone
from symgrad.design.real_powers import real_power
from symgrad.design.signs import Facts
from symgrad.design.spans import EMPTY, REALS, Span
from symgrad.language.derivation import DerivationRule, DerivationStep

__all__ = ["solved"]

_POSITIVE, _NEGATIVE, _ZERO = frozenset({1}), frozenset({-1}), frozenset({0})
_NONNEGATIVE = frozenset({0, 1})


def solved(expr: sp.Expr, above: bool, strict: bool, value: sp.Expr, unknown: sp.Symbol, facts: Facts) -> list[Case]:
    """All unknowns with ``expr >= value`` (``<=``, and strictly).

    Args:
        expr: a formula.
        above: whether the formula is to be the larger side.
        strict: whether equality is left out.
        value: the other side, without the unknown.
        unknown: a real symbol.
        facts: what is known of the symbols; cases are told apart where it does not decide.

    Raises:
        NoChainError: the unknown occurs several times, or in an operation that cannot be undone.

    >>> from symgrad.design.signs import Facts
    >>> x, C = sp.symbols("x C", positive=True)
    >>> [case] = solved(sp.exp(3 * x + 1), False, False, C, x, Facts())
    >>> case.spans[0].high
    log(C)/3 - 1/3
    """
    return _Chain(unknown).solve(_Relation(sp.sympify(expr), above, strict, sp.sympify(value)), facts)


@dataclass(frozen=True)
class _Relation:
    expr: sp.Expr
    above: bool
    strict: bool
    value: sp.Expr

    def turned(self, expr: sp.Expr, value: sp.Expr, flip: bool = False) -> _Relation:
        return _Relation(expr, self.above ^ flip, self.strict, value)

    @property
    def as_sympy(self) -> sp.Basic:
        kinds = {(True, True): sp.Gt, (True, False): sp.Ge, (False, True): sp.Lt, (False, False): sp.Le}
        return kinds[self.above, self.strict](self.expr, self.value, evaluate=False)

    @property
    def span(self) -> Span:
        if self.above:
            return Span(self.value, sp.oo, self.strict, self.value == -sp.oo)
        return Span(-sp.oo, self.value, False, self.strict)

    def met_by(self, signs: Iterable[int]) -> bool | None:
        """Whether the relation holds for the signs that the difference of both sides may have."""
        good = _POSITIVE if self.above else _NEGATIVE
        good = good if self.strict else good | _ZERO
        truths = {sign in good for sign in signs}
        return truths.pop() if len(truths) == 1 else None


class _Chain:
    """One unknown, one operation at a time."""

    def __init__(self, unknown: sp.Symbol) -> None:
        self._unknown = unknown

    def solve(self, relation: _Relation, facts: Facts) -> list[Case]:
        expr = relation.expr
        if expr == self._unknown:
            return [Case(facts, (relation.span,), (DerivationStep(READ_OFF, relation.as_sympy),))]
        if self._unknown not in expr.free_symbols:
            return list(self._constant(relation, facts))
        if isinstance(expr, (sp.Add, sp.Mul)):
            return self._arithmetic(relation, facts)
        if isinstance(expr, sp.Pow):
            return self._power(relation, facts)
        if isinstance(expr, (sp.Max, sp.Min)):
            return self._extreme(relation, facts)
        if isinstance(expr, sp.Abs):
            return self._absolute(relation, facts)
        return self._function(relation, facts)

    def _stepped(self, rule: DerivationRule, relation: _Relation, cases: list[Case]) -> list[Case]:
        step = DerivationStep(rule, relation.as_sympy)
        return [Case(case.facts, case.spans, (step, *case.steps)) for case in cases]

    def _constant(self, relation: _Relation, facts: Facts) -> Iterator[Case]:
        """Without the unknown a relation holds for all or for none."""
        difference = relation.expr - relation.value
        signs = facts.signs(difference)
        step = DerivationStep(COMPARED, relation.as_sympy)
        decided = relation.met_by(signs)
        if decided is not None:
            yield Case(facts, REALS if decided else EMPTY, (step,))
            return
        for truth in (True, False):
            kept = frozenset(sign for sign in signs if relation.met_by([sign]) is truth)
            case = supposing(facts, difference, kept)
            if case is not None:
                yield Case(case, REALS if truth else EMPTY, (step,))

    def _arithmetic(self, relation: _Relation, facts: Facts) -> list[Case]:
        expr = relation.expr
        constant, inner = expr.as_independent(self._unknown, as_Add=isinstance(expr, sp.Add))
        if isinstance(expr, sp.Add):
            if isinstance(inner, sp.Add) and inner == expr:
                raise NoChainError(f"{self._unknown} occurs in several terms of {expr}")
            return self._stepped(TERM, relation, self.solve(relation.turned(inner, relation.value - constant), facts))
        if inner == expr:
            raise NoChainError(f"{self._unknown} occurs in several factors of {expr}")
        return self._stepped(FACTOR, relation, list(self._scaled(relation, constant, inner, facts)))

    def _scaled(self, relation: _Relation, factor: sp.Expr, inner: sp.Expr, facts: Facts) -> Iterator[Case]:
        for sign in sorted(facts.signs(factor), reverse=True):
            case = supposing(facts, factor, frozenset({sign}))
            if case is None:
                continue
            if sign == 0:
                yield from self._constant(relation.turned(sp.S.Zero, relation.value), case)
            else:
                yield from self.solve(relation.turned(inner, relation.value / factor, flip=sign < 0), case)

    def _power(self, relation: _Relation, facts: Facts) -> list[Case]:
        base, exponent = relation.expr.base, relation.expr.exp
        if self._unknown in exponent.free_symbols:
            if self._unknown in base.free_symbols:
                raise NoChainError(f"{self._unknown} occurs in the base and in the exponent of {relation.expr}")
            return self._exponential(relation, base, exponent, facts)
        cases: list[Case] = []
        for sign in sorted(facts.signs(exponent), reverse=True):
            case = supposing(facts, exponent, frozenset({sign}))
            if case is not None:
                cases += self._constant_power(relation, base, exponent, sign, case)
        return cases

    def _constant_power(
        self, relation: _Relation, base: sp.Expr, exponent: sp.Expr, sign: int, facts: Facts
    ) -> list[Case]:
        if sign == 0:
            return list(self._constant(relation.turned(sp.S.One, relation.value), facts))
        if facts.signs(base) <= _NONNEGATIVE or not exponent.is_integer:
            return self._of_nonnegative(relation, base, exponent, sign, facts)
        if exponent.is_even:
            inner = relation.turned(sp.Abs(base), relation.value)
            return self._stepped(EVEN_POWER, relation, self._of_nonnegative(inner, inner.expr, exponent, sign, facts))
        if exponent.is_odd:
            return self._odd_power(relation, base, exponent, sign, facts)
        raise NoChainError(f"the sign of {base} in {relation.expr} is not known")

    def _of_nonnegative(
        self, relation: _Relation, base: sp.Expr, exponent: sp.Expr, sign: int, facts: Facts
    ) -> list[Case]:
        """``base**exponent`` of a base that must not be negative: monotone, and it takes positive values only."""
        domain = self.solve(_Relation(base, True, sign < 0, sp.S.Zero), facts)
        cases: list[Case] = []
        for value_sign in sorted(facts.signs(relation.value), reverse=True):
            case = supposing(facts, relation.value, frozenset({value_sign}))
            if case is None:
                continue
            if value_sign < 0 or (value_sign == 0 and (sign < 0 or relation.above ^ relation.strict)):
                meets = relation.above
                cases += [Case(case, REALS if meets else EMPTY)]
                continue
            if value_sign == 0:
                cases += self.solve(_Relation(base, relation.above, relation.strict, sp.S.Zero), case)
                continue
            root = real_power(relation.value, 1 / exponent)
            cases += self.solve(relation.turned(base, root, flip=sign < 0), case)
        return self._stepped(POWER, relation, both(cases, domain))

    def _odd_power(self, relation: _Relation, base: sp.Expr, exponent: sp.Expr, sign: int, facts: Facts) -> list[Case]:
        """Positive and negative bases apart; at 0 the power is 0, or it has a pole."""
        positive = both(
            self.solve(_Relation(base, True, sign < 0, sp.S.Zero), facts),
            self._of_nonnegative(relation, base, exponent, sign, facts),
        )
        mirrored = relation.turned(-base, -relation.value, flip=True)
        negative = both(
            self.solve(_Relation(base, False, True, sp.S.Zero), facts),
            self._of_nonnegative(mirrored, -base, exponent, sign, facts),
        )
        return self._stepped(POWER, relation, list(either(positive, negative)))

    def _exponential(self, relation: _Relation, base: sp.Expr, exponent: sp.Expr, facts: Facts) -> list[Case]:
        cases: list[Case] = []
        for sign in sorted(facts.signs(base), reverse=True):
            case = supposing(facts, base, frozenset({sign}))
            if case is None:
                continue
            if sign > 0:
                power = sp.exp(exponent * sp.log(base), evaluate=False)
                cases += self.solve(relation.turned(power, relation.value), case)
            elif sign == 0 and case.signs(exponent) <= _POSITIVE:
                cases += self._constant(relation.turned(sp.S.Zero, relation.value), case)
            else:
                raise NoChainError(f"the base of {relation.expr} is not known to be positive")
        return cases

    def _extreme(self, relation: _Relation, facts: Facts) -> list[Case]:
        """The largest is above where one is, and below where all are."""
        parts = [self.solve(relation.turned(part, relation.value), facts) for part in relation.expr.args]
        largest = isinstance(relation.expr, sp.Max)
        found = parts[0]
        for part in parts[1:]:
            found = list(either(found, part)) if largest is relation.above else both(found, part)
        return self._stepped(LARGEST if largest else LEAST, relation, found)

    def _absolute(self, relation: _Relation, facts: Facts) -> list[Case]:
        inner = relation.expr.args[0]
        sides = [self.solve(relation.turned(side, relation.value), facts) for side in (inner, -inner)]
        found = list(either(*sides)) if relation.above else both(*sides)
        return self._stepped(ABSOLUTE, relation, found)

    def _function(self, relation: _Relation, facts: Facts) -> list[Case]:
        function = undone(relation.expr)
        if function is None:
            raise NoChainError(f"{relation.expr} cannot be undone")
        inner = relation.expr.args[0]
        below, above = self._limits(relation, function.low, function.high, facts)
        cases: list[Case] = []
        for case, place in (*below, *above):
            if place:  # the value lies beyond all values of the function
                cases.append(Case(case, REALS if (place < 0) is relation.above else EMPTY))
            else:
                value = function.inverse(relation.value)
                cases += self.solve(relation.turned(inner, value, flip=not function.increasing), case)
        if function.domain != Span():
            cases = both(cases, self._domain(inner, function.domain, facts))
        return self._stepped(FUNCTION, relation, cases)

    def _domain(self, inner: sp.Expr, domain: Span, facts: Facts) -> list[Case]:
        found = [Case(facts, REALS)]
        if domain.low != -sp.oo:
            found = both(found, self.solve(_Relation(inner, True, domain.open_low, domain.low), facts))
        if domain.high != sp.oo:
            found = both(found, self.solve(_Relation(inner, False, domain.open_high, domain.high), facts))
        return found

    def _limits(
        self, relation: _Relation, low: sp.Expr, high: sp.Expr, facts: Facts
    ) -> tuple[list[tuple[Facts, int]], list[tuple[Facts, int]]]:
        """Where the value lies: below (-1), above (1) or within (0) the open range of a function."""
        outside: list[tuple[Facts, int]] = []
        inside: list[Facts] = [facts]
        for end, place in ((low, -1), (high, 1)):
            if end in (sp.oo, -sp.oo):
                continue
            difference = relation.value - end
            beyond = frozenset({0, place})
            for case in tuple(inside):
                signs = case.signs(difference)
                out, kept = (supposing(case, difference, signs & part) for part in (beyond, frozenset({-place})))
                outside += [] if out is None else [(out, place)]
                inside.remove(case)
                inside += [] if kept is None else [kept]
        return [(case, 0) for case in inside], outside
