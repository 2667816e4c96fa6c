"""Unions of intervals in several cases: what is in both, and what is in either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import sympy as sp

from symgrad.design.signs import Facts
from symgrad.design.spans import EMPTY, Span
from symgrad.errors import SymgradError
from symgrad.language.derivation import DerivationStep

__all__ = ["Case", "NoChainError", "both", "either", "joined_spans", "supposing"]

_POSITIVE = frozenset({1})
_NONNEGATIVE = frozenset({0, 1})


class NoChainError(SymgradError):
    """The operations cannot be undone one by one."""


@dataclass(frozen=True)
class Case:
    """The solutions in one case.

    Attributes:
        facts: what is supposed.
        spans: the union of these.
        steps: how they were found.
    """

    facts: Facts
    spans: tuple[Span, ...]
    steps: tuple[DerivationStep, ...] = ()


def _intersected(first: tuple[Span, ...], second: tuple[Span, ...], facts: Facts) -> Iterator[Case]:
    """The common part of two unions, in every case of the order of their ends."""
    cases = [Case(facts, EMPTY)]
    for left, right in product(first, second):
        cases = [
            Case(common.facts, case.spans + common.spans)
            for case in cases
            for common in _common(left, right, case.facts)
        ]
    yield from cases


def both(first: list[Case], second: list[Case]) -> list[Case]:
    """The solutions of two conditions at once."""
    found = []
    for left, right in product(first, second):
        facts = left.facts.merged(right.facts)
        if facts is not None:
            parts = _intersected(left.spans, right.spans, facts)
            found += [Case(part.facts, part.spans, left.steps + right.steps) for part in parts]
    return found


def supposing(facts: Facts, expr: sp.Expr, signs: frozenset[int]) -> Facts | None:
    """The facts in the case of these signs; None where it cannot occur.

    Raises:
        NoChainError: the sign of a constant is not decided.
    """
    if not signs:
        return None
    if expr.is_number and len(facts.signs(expr)) > 1:
        raise NoChainError(f"the sign of {expr} is not decided")
    return facts.supposing(expr, signs)


def either(first: list[Case], second: list[Case]) -> Iterator[Case]:
    """The solutions of one condition or the other."""
    for left, right in product(first, second):
        facts = left.facts.merged(right.facts)
        if facts is not None:
            yield from _united(left, right, facts)


def _united(left: Case, right: Case, facts: Facts) -> Iterator[Case]:
    steps = left.steps + right.steps
    cases = [Case(facts, left.spans, steps)]
    for span in right.spans:
        cases = [Case(f, s, steps) for case in cases for f, s in joined_spans(case.spans, span, case.facts)]
    yield from cases


def joined_spans(spans: tuple[Span, ...], new: Span, facts: Facts) -> Iterator[tuple[Facts, tuple[Span, ...]]]:
    """A union with one more span; half-lines that overlap become one, the rest stays apart."""
    for index, old in enumerate(spans):
        others = spans[:index] + spans[index + 1 :]
        if old == Span() or new == Span():
            yield facts, (Span(),)
            return
        touching = _touching(old, new)
        if touching is not None:
            yield facts, (*others, touching)
            return
        if old.low == new.low == -sp.oo:
            for case, later in _order(old.high, new.high, old.open_high, new.open_high, facts, 1):
                yield case, (*others, old if later else new)
            return
        if old.high == new.high == sp.oo:
            for case, later in _order(old.low, new.low, old.open_low, new.open_low, facts, -1):
                yield case, (*others, old if later else new)
            return
    yield facts, (*spans, new)


def _touching(first: Span, second: Span) -> Span | None:
    """Two spans as one where an end of one is the opposite end of the other and belongs to either."""
    for left, right in ((first, second), (second, first)):
        if left.high == right.low and not (left.open_high and right.open_low):
            return Span(left.low, right.high, left.open_low, right.open_high)
    return None


def _order(
    first: sp.Expr, second: sp.Expr, first_open: bool, second_open: bool, facts: Facts, side: int
) -> Iterator[tuple[Facts, bool]]:
    """The cases of which end reaches farther to one side: whether it is the first."""
    if first == second:
        yield facts, not first_open
        return
    difference = (first - second) * side
    farther = _NONNEGATIVE if second_open or not first_open else _POSITIVE
    for truth, signs in ((True, farther), (False, frozenset({-1, 0, 1}) - farther)):
        case = supposing(facts, difference, signs & facts.signs(difference))
        if case is not None:
            yield case, truth


def _common(left: Span, right: Span, facts: Facts) -> Iterator[Case]:
    """The common part of two spans in every case of the order of their ends."""
    for lower_facts, low, open_low in _later_low(left, right, facts):
        for facts_of_both, high, open_high in _earlier_high(left, right, lower_facts):
            yield from _nonempty(Span(low, high, open_low, open_high), facts_of_both)


def _later_low(left: Span, right: Span, facts: Facts) -> Iterator[tuple[Facts, sp.Expr, bool]]:
    if -sp.oo in (left.low, right.low):
        span = right if left.low == -sp.oo else left
        yield facts, span.low, span.open_low
        return
    for case, first in _order(left.low, right.low, not left.open_low, not right.open_low, facts, 1):
        span = left if first else right
        yield case, span.low, span.open_low


def _earlier_high(left: Span, right: Span, facts: Facts) -> Iterator[tuple[Facts, sp.Expr, bool]]:
    for case, high, is_open in _later_low(left.mirrored(), right.mirrored(), facts):
        yield case, -high, is_open


def _nonempty(span: Span, facts: Facts) -> Iterator[Case]:
    if sp.oo in (span.high, -span.low):
        yield Case(facts, (span,))
        return
    difference = span.high - span.low
    strict = span.open_low or span.open_high
    for signs, spans in (((1,), (span,)), ((0,), EMPTY if strict else (span,)), ((-1,), EMPTY)):
        case = supposing(facts, difference, frozenset(signs) & facts.signs(difference))
        if case is not None:
            yield Case(case, spans)
