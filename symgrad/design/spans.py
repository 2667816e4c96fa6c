"""Intervals whose ends may be formulas, and sets that are unions of a few of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp
from sympy.core.relational import Relational

__all__ = ["EMPTY", "REALS", "Span", "as_set", "relation_of", "replaced"]


@dataclass(frozen=True)
class Span:
    """An interval of real numbers.

    Attributes:
        low: a formula, or minus infinity.
        high: a formula, or infinity.
        open_low: whether the lower end is left out; of an infinite one it is.
        open_high: the same of the upper end.
    """

    low: sp.Expr = -sp.oo
    high: sp.Expr = sp.oo
    open_low: bool = False
    open_high: bool = False

    @classmethod
    def of(cls, interval: sp.Interval) -> Span:
        """The span of a SymPy interval."""
        return cls(interval.start, interval.end, bool(interval.left_open), bool(interval.right_open))

    @property
    def is_point(self) -> bool:
        """Whether both ends are the same formula."""
        return bool(self.low == self.high)

    def mirrored(self) -> Span:
        """The span of the negatives."""
        return Span(-self.high, -self.low, self.open_high, self.open_low)

    def xreplace(self, rule: dict[sp.Expr, sp.Expr]) -> Span:
        """With parts of the ends replaced."""
        return replace(self, low=self.low.xreplace(rule), high=self.high.xreplace(rule))

    def relation(self, variable: sp.Expr, domain: Span) -> sp.Basic:
        """That the variable lies in the span, without the ends that are those of its domain."""
        if self.is_point:
            return sp.Eq(variable, self.low, evaluate=False)
        parts = []
        if self.low not in (-sp.oo, domain.low):
            parts.append((sp.Gt if self.open_low else sp.Ge)(variable, self.low, evaluate=False))
        if self.high not in (sp.oo, domain.high):
            parts.append((sp.Lt if self.open_high else sp.Le)(variable, self.high, evaluate=False))
        return sp.And(*parts, evaluate=False) if len(parts) > 1 else (parts[0] if parts else sp.true)


REALS: tuple[Span, ...] = (Span(),)
EMPTY: tuple[Span, ...] = ()


def as_set(spans: tuple[Span, ...]) -> sp.Set:
    """The union as a SymPy set."""
    return sp.Union(*(_one(span) for span in spans)) if spans else sp.EmptySet


def _one(span: Span) -> sp.Set:
    if span.is_point:
        return sp.FiniteSet(span.low)
    return sp.Interval(span.low, span.high, span.open_low, span.open_high)


def relation_of(spans: tuple[Span, ...], variable: sp.Expr, domain: Span) -> sp.Basic:
    """That the variable lies in the union."""
    parts = [span.relation(variable, domain) for span in spans]
    if len(parts) == 1:
        return parts[0]
    return sp.Or(*parts, evaluate=False) if parts else sp.false


def replaced(relation: sp.Basic, rule: Mapping[sp.Expr, sp.Expr]) -> sp.Basic:
    """A relation, or several, with parts replaced, and not evaluated: SymPy would multiply large powers out."""
    if isinstance(relation, Relational):
        return relation.func(relation.lhs.xreplace(rule), relation.rhs.xreplace(rule), evaluate=False)
    if isinstance(relation, (sp.And, sp.Or)):
        return relation.func(*(replaced(part, rule) for part in relation.args), evaluate=False)
    return relation.xreplace(dict(rule))
