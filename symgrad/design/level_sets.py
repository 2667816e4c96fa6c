"""Where a formula of one unknown takes values in an interval: all crossings enclosed, the sign between them proved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import sympy as sp
from flint import arb

from symgrad.design.spans import Span
from symgrad.errors import InputError, SymgradError
from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.inverses import solutions
from symgrad.rigor.roots import Root, all_roots

__all__ = ["LevelSet", "Mark", "is_in", "level_set", "value_at"]

_BITS = (128, 512, 2048)


@dataclass(frozen=True)
class Mark:
    """A point at which membership may change.

    Attributes:
        value: a closed form, or an enclosed constant.
        level: the value of the formula there; None at a kink, a jump or an end of the domain.
    """

    value: sp.Expr
    level: sp.Expr | None

    def ball(self, bits: int = _BITS[0]) -> arb:
        """An enclosure of the value."""
        return to_ball(self.value, bits)


@dataclass(frozen=True)
class LevelSet:
    """The solutions.

    Attributes:
        spans: the union of these, from left to right.
        marks: the crossings, with the value that is crossed.
        samples: a point of each stretch between two marks, the value there to six digits, and whether it is as wanted.
        gaps: stretches about which nothing is proved; empty where the answer is complete.
    """

    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    samples: tuple[tuple[sp.Expr, sp.Expr, bool], ...]
    gaps: tuple[tuple[arb, arb], ...] = ()


def level_set(formula: sp.Expr, unknown: sp.Symbol, domain: sp.Interval, target: Span) -> LevelSet:
    """All unknowns of the domain at which a formula has values in a span; where it is no real number there are none.

    Args:
        formula: of one unknown, in the language of :func:`symgrad.rigor.balls.ball_function`.
        unknown: a real symbol.
        domain: an interval.
        target: with numbers as ends.

    Raises:
        InputError: the formula is no real number anywhere in the domain.

    >>> x = sp.Symbol("x", real=True)
    >>> found = level_set(x * sp.exp(-x), x, sp.Interval(0, sp.oo), Span(sp.Rational(1, 4), sp.oo))
    >>> [(round(float(span.low), 6), round(float(span.high), 6)) for span in found.spans]
    [(0.357403, 2.153292)]
    """
    return _Search(formula, unknown, domain, target).run()


@dataclass(frozen=True, eq=False)
class _Search:
    formula: sp.Expr
    unknown: sp.Symbol
    domain: sp.Interval
    target: Span

    def run(self) -> LevelSet:
        marks: list[Mark] = []
        gaps: list[tuple[arb, arb]] = []
        closed = sp.Interval(self.domain.start, self.domain.end)
        for level in self._levels:
            roots = all_roots(self.formula - level, self.unknown, closed)
            gaps += roots.gaps
            marks += [Mark(self._closed(root, level), level) for root in roots.points]
            ends = [end.value for piece in roots.pieces for end in (piece.left, piece.right)]
            ends += [end for part in roots.continua for end in (part.start, part.end)]
            marks += [Mark(end, None) for end in ends if end.is_finite]
        if gaps:
            return LevelSet((), (), (), tuple(gaps))
        marks += [Mark(end, None) for end in (self.domain.start, self.domain.end) if end.is_finite]
        return self._assembled([mark for mark in _sorted(marks) if _within(mark.value, closed)])

    @cached_property
    def _levels(self) -> list[sp.Expr]:
        """The finite ends of the target; of an unbounded one any level, so that the pieces are found."""
        found = [end for end in (self.target.low, self.target.high) if end.is_finite]
        return list(dict.fromkeys(found)) or [sp.S.Zero]

    def _closed(self, root: Root, level: sp.Expr) -> sp.Expr:
        """A closed form of a crossing that is proved, else the enclosure as a constant."""
        if root.exact is not None:
            return root.exact
        for candidate in solutions(self.formula, self.unknown, level):
            if self._is_root(candidate, root, level):
                return candidate
        return Enclosed(f"zero of {self.formula - level} in {root.ball(64)}", root.ball)

    def _is_root(self, candidate: sp.Expr, root: Root, level: sp.Expr) -> bool:
        try:
            near = to_ball(candidate, 256).overlaps(root.ball(256))
            return root.proved and bool(near) and is_zero_constant(self._value(candidate) - level)
        except SymgradError:
            return False

    def _value(self, point: sp.Expr) -> sp.Expr:
        return self.formula.subs(self.unknown, point)

    def _assembled(self, marks: list[Mark]) -> LevelSet:
        stretches = list(pairwise([*([None] if self.domain.start == -sp.oo else []), *marks,
                                   *([None] if self.domain.end == sp.oo else [])]))  # fmt: skip
        samples: list[tuple[sp.Expr, sp.Expr, bool]] = []
        spans: list[Span] = []
        if marks and self.domain.start != -sp.oo and self._belongs(marks[0]):
            spans = [Span(marks[0].value, marks[0].value)]
        for left, right in stretches or [(None, None)]:
            point = _between(*(self._outer(left, right)))
            samples.append((point, self._shown(point), self._is_member(point)))
            if samples[-1][-1]:
                spans = _appended(spans, self._span(left, right))
            if right is not None and self._belongs(right):
                spans = _appended(spans, Span(right.value, right.value))
        crossings = tuple(mark for mark in marks if mark.level is not None)
        return LevelSet(tuple(spans), crossings, tuple(samples))

    def _outer(self, left: Mark | None, right: Mark | None) -> tuple[sp.Expr, sp.Expr]:
        return -sp.oo if left is None else left.value, sp.oo if right is None else right.value

    def _span(self, left: Mark | None, right: Mark | None) -> Span:
        low, high = self._outer(left, right)
        return Span(
            low, high, left is not None and not self._belongs(left), right is not None and not self._belongs(right)
        )

    def _shown(self, point: sp.Expr) -> sp.Expr:
        """The value at a point, for the derivation only."""
        ball = value_at(self.formula, self.unknown, point, _BITS[0])
        return sp.Float(ball.mid().str(6, radius=False), 6) if ball.is_finite() else sp.nan

    def _belongs(self, mark: Mark) -> bool:
        """Whether a mark is a solution: at a crossing the target's end must be one of its points."""
        if mark.value in (self.domain.start, self.domain.end) and mark.value not in self.domain:
            return False
        if mark.level is not None:
            at_low = mark.level == self.target.low and not self.target.open_low
            at_high = mark.level == self.target.high and not self.target.open_high
            return at_low or at_high
        return self._is_member(mark.value)

    def _is_member(self, point: sp.Expr) -> bool:
        if not _within(point, self.domain):
            return False
        for bits in _BITS:
            ball = value_at(self.formula, self.unknown, point, bits)
            decided = is_in(ball, self.target)
            if decided is not None:
                return decided
        if not ball.is_finite():
            return False  # no real number there
        value = self._value(point)  # at a jump, the value that is prescribed there
        decided = is_in(to_ball(value), self.target) if value.is_number and value.is_real else None
        if decided is None:
            raise InputError(f"{self.unknown}: whether {self.formula} is in the target at {point} is not decided")
        return decided


def value_at(formula: sp.Expr, unknown: sp.Symbol, point: sp.Expr, bits: int) -> arb:
    """A ball around the value of a formula at a constant; not finite where it is no real number there."""
    with working_precision(bits):
        return ball_function(formula, unknown)(to_ball(point, bits))


def _within(point: sp.Expr, domain: sp.Interval) -> bool:
    ball = to_ball(point)
    low, high = domain.start, domain.end
    below = low != -sp.oo and (ball < to_ball(low) or (point == low and domain.left_open))
    above = high != sp.oo and (ball > to_ball(high) or (point == high and domain.right_open))
    return not (below or above)


def is_in(ball: arb, target: Span) -> bool | None:
    """Whether a ball lies in a span; None where that is not decided."""
    inside = True
    for end, sign, is_open in ((target.low, 1, target.open_low), (target.high, -1, target.open_high)):
        if not end.is_finite:
            continue
        difference = (ball - to_ball(end)) * sign
        if difference < 0 or (is_open and difference.is_zero()):
            return False
        inside = inside and bool(difference > 0 or (difference.is_zero() and not is_open))
    return True if inside and ball.is_finite() else None


def _sorted(marks: list[Mark]) -> list[Mark]:
    """The marks from left to right; of equal ones that with a level."""
    ordered = sorted(marks, key=lambda mark: (float(mark.ball().mid()), mark.level is None))
    kept: list[Mark] = []
    for mark in ordered:
        same = kept and _coincide(kept[-1], mark)
        if not same:
            kept.append(mark)
        elif kept[-1].level is None:
            kept[-1] = mark
    return kept


def _coincide(first: Mark, second: Mark) -> bool:
    if first.value == second.value:
        return True
    return all(first.ball(bits).overlaps(second.ball(bits)) for bits in _BITS)


def _between(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """A rational number strictly between two points, or beyond one of them."""
    with working_precision(_BITS[0]):
        if not (low.is_finite and high.is_finite):
            end = next((end for end in (low, high) if end.is_finite), sp.S.Zero)
            near = sp.Rational(sp.Float(str(to_ball(end).mid().str(30, radius=False)), 40))
            step = 1 + abs(near)
            return near + step if high == sp.oo else near - step
        middle = (to_ball(low, _BITS[-1]) + to_ball(high, _BITS[-1])) / 2
        mantissa, exponent = middle.mid().man_exp()
        return sp.Integer(int(mantissa)) * sp.Integer(2) ** int(exponent)


def _appended(spans: list[Span], new: Span) -> list[Span]:
    """The union with a span to the right of all others."""
    if spans and spans[-1].high == new.low and not (spans[-1].open_high and new.open_low):
        last = spans[-1]
        return [*spans[:-1], Span(last.low, new.high, last.open_low, new.open_high)]
    return [*spans, new]
