"""Cases of an answer put together where they say the same."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symgrad.design.case_sets import Case, joined_spans
from symgrad.design.spans import Span

__all__ = ["gathered"]


def gathered(cases: list[Case]) -> list[Case]:
    """As few cases: two are one where their answers agree and together they are a single condition.

    A case that supposes an equation is put in first, so that its answer is compared as it is there.
    """
    kept = list(cases)
    joined = _joined_once(kept)
    while joined is not None:
        kept = joined
        joined = _joined_once(kept)
    return [_plain(case) for case in kept]


def _joined_once(cases: list[Case]) -> list[Case] | None:
    """The cases with two of them made one; None where no two can be."""
    for index, first in enumerate(cases):
        for partner in range(index + 1, len(cases)):
            whole = _one(first, cases[partner])
            if whole is not None:
                rest = [case for i, case in enumerate(cases) if i not in (index, partner)]
                return [whole, *rest]
    return None


def _one(first: Case, second: Case) -> Case | None:
    """Two cases as one; the general one's answer must hold in the special one too."""
    for general, special in ((first, second), (second, first)):
        if _at_points(general, special) == _at_points(special, special):
            facts = general.facts.joined(special.facts)
            if facts is not None:
                return Case(facts, general.spans, general.steps)
    return None


def _at_points(case: Case, where: Case) -> tuple[object, ...]:
    return tuple(span.xreplace(where.facts.points) for span in case.spans)


def _short(span: Span) -> Span:
    """Ends that are numbers, with logarithms of powers written out where that is shorter."""
    return replace(span, low=_shorter(span.low), high=_shorter(span.high))


def _shorter(end: sp.Expr) -> sp.Expr:
    return min((end, sp.expand_log(end)), key=sp.count_ops) if end.is_number and end.is_finite else end


def _plain(case: Case) -> Case:
    """The answer with the values that the case prescribes put in; spans that then touch become one."""
    placed = tuple(_short(span.xreplace(case.facts.points)) for span in case.spans)
    cases = [(case.facts, placed[:1])]
    for span in placed[1:]:
        cases = [more for facts, spans in cases for more in joined_spans(spans, span, facts)]
    return Case(case.facts, cases[0][1] if len(cases) == 1 else placed, case.steps)
