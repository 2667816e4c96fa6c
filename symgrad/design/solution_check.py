"""The check of a solution: the bound evaluated in balls next to the ends of the values, inside and outside."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import sympy as sp
from flint import arb
from sympy.core.relational import Relational

from symgrad.design.level_sets import is_in, value_at
from symgrad.design.monotone_functions import computed
from symgrad.design.scalar_form import ScalarForm
from symgrad.design.signs import Facts
from symgrad.design.spans import Span
from symgrad.errors import UnsupportedExpressionError
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball

__all__ = ["CheckedPoint", "SolutionCheck", "checked"]

_BITS = (128, 512, 2048)
_DRAWS = 400
_SETTINGS = 4
_NEAR = sp.Rational(1, 2**16)  # of the size of an end: how far from it the bound is looked at


class _SolvedCase(Protocol):
    @property
    def condition(self) -> sp.Basic: ...

    @property
    def spans(self) -> tuple[Span, ...]: ...


@dataclass(frozen=True)
class CheckedPoint:
    """One value of the parameter.

    Attributes:
        value: of the parameter.
        others: numbers for other parameters, by name.
        bound: a ball around the bound there.
        claimed: whether the solution says that the target is met.
        met: whether it is, by the ball; None where that is not decided.
    """

    value: sp.Expr
    others: tuple[tuple[str, sp.Expr], ...]
    bound: arb
    claimed: bool
    met: bool | None

    @property
    def holds(self) -> bool:
        """Whether claim and ball agree."""
        return self.met is self.claimed


@dataclass(frozen=True)
class SolutionCheck(Presentable):
    """What :meth:`Solution.check` found.

    Attributes:
        points: what was looked at.
    """

    points: tuple[CheckedPoint, ...]

    @property
    def holds(self) -> bool:
        """Whether there are points and the solution is right about all of them."""
        return bool(self.points) and all(point.holds for point in self.points)

    def __bool__(self) -> bool:
        return self.holds


def checked(
    form: ScalarForm, target: Span, cases: Sequence[_SolvedCase], domain: sp.Interval, seed: int
) -> SolutionCheck:
    """The check of all cases, with drawn numbers for other parameters."""
    generator = random.Random(seed)
    points: list[CheckedPoint] = []
    for case in cases:
        for numbers in _settings(form, target, case.condition, generator):
            with suppress(UnsupportedExpressionError):  # numbers for which the formula is none that balls are known of
                points += _points(form, target, case.spans, domain, numbers)
    return SolutionCheck(tuple(points))


def _settings(
    form: ScalarForm, target: Span, condition: sp.Basic, generator: random.Random
) -> Iterator[dict[sp.Expr, sp.Expr]]:
    """Numbers for the other parameters that are in the case."""
    free = form.formula.free_symbols | form.plain(target.low).free_symbols | form.plain(target.high).free_symbols
    others = sorted(free - {form.unknown}, key=str)
    if not others:
        yield {}
        return
    found = 0
    for _ in range(_DRAWS):
        numbers = {form.shown[symbol]: _drawn(symbol, form.ranges[symbol], generator) for symbol in others}
        numbers |= _forced(condition, numbers)
        if _is_met(condition, numbers):
            found += 1
            yield numbers
        if found == _SETTINGS:
            return


def _is_met(condition: sp.Basic, numbers: dict[sp.Expr, sp.Expr]) -> bool:
    """Whether a case is proved to hold for numbers."""
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if isinstance(condition, sp.And):
        return all(_is_met(part, numbers) for part in condition.args)
    if not isinstance(condition, Relational):
        return False
    difference = (condition.lhs - condition.rhs).xreplace(numbers)
    if difference.free_symbols or difference.has(sp.zoo, sp.nan):
        return False
    ball = to_ball(difference, _BITS[0])
    if ball.is_finite() and not ball.contains(0):
        return bool(condition.func(sp.Integer(1 if ball > 0 else -1), 0))
    signs = Facts().signs(difference) if ball.is_finite() else frozenset()
    return signs == frozenset({0}) and bool(condition.func(0, 0))


def _forced(condition: sp.Basic, numbers: dict[sp.Expr, sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    """Values that equations of the case prescribe for single parameters."""
    equations = [e for e in condition.atoms(sp.Eq) if e.lhs in numbers and e.rhs.is_number]
    return {equation.lhs: equation.rhs for equation in equations}


def _drawn(symbol: sp.Symbol, span: sp.Interval, generator: random.Random) -> sp.Expr:
    if symbol.is_integer:
        return sp.Integer(generator.randint(1, 12))
    low = span.start if span.start.is_finite else None
    high = span.end if span.end.is_finite else None
    share = sp.Rational(generator.randint(1, 99), 100)
    if low is not None and high is not None:
        return low + (high - low) * share
    size = 4 * share**2
    if low is not None:
        return low + size
    return high - size if high is not None else size * generator.choice((1, -1))


def _points(
    form: ScalarForm, target: Span, spans: tuple[Span, ...], domain: sp.Interval, numbers: dict[sp.Expr, sp.Expr]
) -> Iterator[CheckedPoint]:
    plain = {symbol: numbers[atom] for symbol, atom in form.shown.items() if atom in numbers}
    formula, wanted = computed(form.formula.xreplace(plain)), _numeric(target, numbers)
    placed = [_numeric(span, numbers) for span in spans]
    roots = [p.base.xreplace(plain) for p in form.formula.atoms(sp.Pow) if _is_root(p, plain)]
    names = tuple(sorted((str(name), number) for name, number in numbers.items()))
    for value in _values(form, placed, domain):
        negative = any(_is_negative(root.xreplace({form.unknown: value})) for root in roots)
        ball = None if negative else _bound_at(formula, form.unknown, value)
        if ball is None:
            met: bool | None = False  # the bound is no real number there
            ball = arb("nan")
        else:
            met = is_in(ball, wanted)
            met = _exactly(formula.subs(form.unknown, value), wanted) if met is None else met
        yield CheckedPoint(value, names, ball, _is_claimed(value, placed), met)


def _is_root(power: sp.Pow, plain: Mapping[sp.Expr, sp.Expr]) -> bool:
    """Whether the exponent may be any number but zero, so that the power of a negative number counts as no real one."""
    return not power.exp.is_number and power.exp.is_integer is None and power.exp.xreplace(dict(plain)) != 0


def _is_negative(base: sp.Expr) -> bool:
    return not base.free_symbols and bool(to_ball(base, _BITS[0]) < 0)


def _exactly(value: sp.Expr, target: Span) -> bool | None:
    """Whether a value that lies on an end of the target, as far as balls can tell, is one of its points."""
    inside = True
    for end, sign, is_open in ((target.low, 1, target.open_low), (target.high, -1, target.open_high)):
        if end.is_finite:
            signs = Facts().signs((value - end) * sign)
            if len(signs) > 1:
                return None
            inside = inside and (1 in signs or (0 in signs and not is_open))
    return inside


def _numeric(span: Span, numbers: dict[sp.Expr, sp.Expr]) -> Span:
    return replace(span, low=computed(span.low.xreplace(numbers)), high=computed(span.high.xreplace(numbers)))


def _bound_at(formula: sp.Expr, unknown: sp.Symbol, value: sp.Expr) -> arb | None:
    """A ball around the bound; None where it is no real number, or not known to be one."""
    for bits in _BITS:
        ball = value_at(formula, unknown, value, bits)
        if ball.is_finite():
            return ball
    return None


def _values(form: ScalarForm, spans: list[Span], domain: sp.Interval) -> Iterator[sp.Expr]:
    """Points next to the ends on both sides, in the middle, and beyond; whole numbers where only these count."""
    ends = [end for span in spans for end in (span.low, span.high) if end.is_finite]
    near = [end + side * _NEAR * (1 + abs(end)) for end in ends for side in (1, -1)]
    wide = [span for span in spans if span.low.is_finite and span.high.is_finite and not span.is_point]
    middles = [(span.low + span.high) / 2 for span in wide]
    outer = [domain.start, domain.end]
    far = [sp.Rational(1, 3), sp.Integer(1), sp.Integer(7), -sp.Rational(1, 3), -sp.Integer(7)]
    far += [outer[0] + 1, outer[1] - 1] if all(end.is_finite for end in outer) else []
    points = [*near, *middles, *far]
    if form.unknown.is_integer:
        points = [sp.Integer(round(float(sp.N(end)))) + step for end in (*ends, *far) for step in (-1, 0, 1)]
    for point in dict.fromkeys(_rational(point) for point in points):
        if _is_claimed(point, [Span.of(domain)]) and not any(point == end for end in ends):
            yield point


def _rational(number: sp.Expr) -> sp.Expr:
    """A rational next to a number, at 100 bits: a point to look at needs not be more."""
    if number.is_Rational:
        return number
    mantissa, exponent = to_ball(number, 200).mid().man_exp()
    return sp.Integer(int(mantissa)) * sp.Integer(2) ** int(exponent)


def _is_claimed(point: sp.Expr, spans: list[Span]) -> bool:
    return any(_contains(span, point) for span in spans)


def _contains(span: Span, point: sp.Expr) -> bool:
    inside = is_in(to_ball(point, _BITS[0]), span)
    return bool(inside)
