"""Everywhere a smooth function on an open interval may come close to its infimum or supremum.

The interval is cut into a bounded core and two ends. Next to an end the derivative has one proved sign, so only the
limit matters; in the core, branch and bound keeps what cannot be excluded by a value or by the sign of the derivative,
and the interval Newton test isolates the critical points that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, is_zero_function, tidy
from symgrad.rigor.ends import End, core, eventual_sign, sample_point, starts
from symgrad.rigor.real_roots import degenerate_zero, enclosed_zero
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_models import TailUndecidedError
from symgrad.rigor.zeros import Bracket, Zero, isolate_zeros

__all__ = ["Candidate", "Known", "PieceReport", "critical_values"]


@dataclass(frozen=True)
class Candidate:
    """A value that a function takes or approaches.

    Attributes:
        ball: encloses the value to a number of bits.
        exact: the value as a closed form, possibly infinite, or None.
        attained: whether the function takes the value, None if that is not known.
        point: where.
        sharpen: looks for closed forms of the value and the point.
    """

    ball: Callable[[int], arb] = field(repr=False)
    exact: sp.Expr | None
    attained: bool | None
    point: sp.Expr
    sharpen: Callable[[], Candidate] | None = field(default=None, repr=False)

    @staticmethod
    def of(value: sp.Expr, attained: bool | None, point: sp.Expr) -> Candidate:
        """A value given by an expression; it is exact unless an Enclosed constant enters it."""
        exact = None if value.has(Enclosed) else value
        return Candidate(partial(to_ball, value), exact, attained, point)


@dataclass
class Known:
    """What is known so far: values at least as large as ``high`` and at least as small as ``low`` are approached."""

    low: arb = field(default_factory=lambda: arb("inf"))
    high: arb = field(default_factory=lambda: arb("-inf"))

    def include(self, value: arb) -> None:
        """Takes a value that the function takes or approaches into account."""
        self.low = value.upper() if value.upper() < self.low else self.low
        self.high = value.lower() if value.lower() > self.high else self.high

    def inside(self, values: arb, upper: arb | None = None) -> bool:
        """True if values in this ball (or up to ``upper``) can neither be the infimum nor the supremum."""
        upper = values if upper is None else upper
        above = self.low == arb("-inf") or values > self.low
        return bool(above) and bool(self.high == arb("inf") or upper < self.high)


@dataclass(frozen=True)
class PieceReport:
    """Candidates of one smooth piece, and ranges of stretches near its ends on which nothing else is known."""

    candidates: tuple[Candidate, ...]
    ranges: tuple[tuple[arb, arb], ...] = ()


@dataclass(frozen=True)
class _EndReport:
    cut: arb
    candidate: Candidate | None
    range: tuple[arb, arb] | None = None


class _Smooth:
    """A formula and its derivatives, compiled once."""

    def __init__(self, formula: sp.Expr, symbol: sp.Symbol) -> None:
        self.symbol = symbol
        self.formula = formula
        self.slope_formula = formula.diff(symbol)
        self.value = ball_function(formula, (symbol,))
        self.slope = ball_function(self.slope_formula, (symbol,))
        self.curvature = ball_function(self.slope_formula.diff(symbol), (symbol,))


def critical_values(piece: SmoothPiece, symbol: sp.Symbol, known: Known, effort: int) -> PieceReport:
    """The candidates for the infimum and the supremum of one smooth piece.

    Args:
        piece: a smooth formula on an open interval.
        symbol: its variable.
        known: values approached so far; updated.
        effort: how far out to look (0, 1, 2, ...) where an oscillating end has to be bounded by its range.

    Raises:
        TailUndecidedError: if the behaviour near an end could not be proved.
    """
    smooth = _Smooth(piece.formula, symbol)
    if _is_constant(smooth, piece):
        point = sample_point(piece.left, piece.right)
        value = tidy(piece.formula.subs(symbol, point))
        return PieceReport((Candidate.of(value, True, point),))
    reports = [_near_end(smooth, piece, end, effort) for end in (piece.left, piece.right)]
    candidates = [report.candidate for report in reports if report.candidate is not None]
    for candidate in candidates:
        known.include(_initial_ball(candidate))
    bracket = core(reports[0].cut, reports[1].cut)
    candidates += _core_candidates(smooth, piece, bracket, known)
    return PieceReport(tuple(candidates), tuple(r.range for r in reports if r.range is not None))


def _initial_ball(candidate: Candidate) -> arb:
    if candidate.exact in (sp.oo, -sp.oo):
        return arb("inf") if candidate.exact is sp.oo else arb("-inf")
    return candidate.ball(128)


def _is_constant(smooth: _Smooth, piece: SmoothPiece) -> bool:
    """Proved by an identically zero derivative, which is looked for when it vanishes at a few points."""
    if smooth.slope_formula.is_zero:
        return True
    middle = sample_point(piece.left, piece.right)
    lo = to_ball(piece.left.value) if piece.left.is_finite else to_ball(middle) - 1
    for weight in (1, sp.Rational(2, 3), sp.Rational(1, 5)):
        point = to_ball(middle) * to_ball(weight) + lo * to_ball(1 - weight)
        if not smooth.slope(point).contains(0):
            return False
    return is_zero_function(smooth.slope_formula)


def _near_end(smooth: _Smooth, piece: SmoothPiece, end: End, effort: int) -> _EndReport:
    if end.is_finite and _is_regular(smooth, piece, end, strictly=True):
        return _EndReport(end.outer_bound(), _end_value(smooth, end))
    found = eventual_sign(smooth.slope_formula, smooth.symbol, end, starts(piece.left, piece.right))
    if found is not None:
        return _EndReport(end.cut(found[1]), _limit(smooth, piece, end))
    if end.is_finite and _is_regular(smooth, piece, end, strictly=False):
        return _EndReport(end.outer_bound(), _end_value(smooth, end))
    return _oscillating_end(smooth, piece, end, effort)


def _is_regular(smooth: _Smooth, piece: SmoothPiece, end: End, strictly: bool) -> bool:
    """True if nothing is singular in a neighbourhood of a finite end (and the slope is not zero there)."""
    start = next(starts(piece.left, piece.right)) * 1024
    around = to_ball(end.value) + arb(0).union(arb(end.inward) / start)
    slope = smooth.slope(around)
    if not (slope.is_finite() and smooth.value(around).is_finite() and smooth.curvature(around).is_finite()):
        return False
    return not (strictly and slope.contains(0))


def _end_value(smooth: _Smooth, end: End) -> Candidate:
    return Candidate.of(tidy(end.substitute(smooth.formula, smooth.symbol)), None, end.value)


def _limit(smooth: _Smooth, piece: SmoothPiece, end: End) -> Candidate:
    if end.is_finite and _is_regular(smooth, piece, end, strictly=False):
        return _end_value(smooth, end)
    for start in starts(piece.left, piece.right):
        try:
            limit = tail_model(smooth.formula, smooth.symbol, end.model(start), end.vanishing).limit()
        except TailUndecidedError:
            continue
        if limit is not None:
            attained = None if end.is_finite else False
            return Candidate.of(limit if limit in (sp.oo, -sp.oo) else tidy(limit), attained, end.value)
    raise TailUndecidedError(f"the limit of {smooth.formula} at {end.value} could not be proved")


def _oscillating_end(smooth: _Smooth, piece: SmoothPiece, end: End, effort: int) -> _EndReport:
    """Without a proved sign of the slope: a range that the other candidates must dominate."""
    available = list(starts(piece.left, piece.right))[2 * effort + 1 :]
    for start in available:
        try:
            model = tail_model(smooth.formula, smooth.symbol, end.model(start), end.vanishing)
            limit, values = model.limit(), model.bounds()
        except TailUndecidedError:
            continue
        candidate = None
        if limit is not None:
            candidate = Candidate.of(limit if limit in (sp.oo, -sp.oo) else tidy(limit), None, end.value)
        return _EndReport(end.cut(start), candidate, values)
    raise TailUndecidedError(f"the behaviour of {smooth.formula} near {end.value} could not be proved")


def _core_candidates(smooth: _Smooth, piece: SmoothPiece, bracket: Bracket, known: Known) -> Iterator[Candidate]:
    left = to_ball(piece.left.value) if piece.left.is_finite else arb("-inf")
    right = to_ball(piece.right.value) if piece.right.is_finite else arb("inf")

    def irrelevant(box: Bracket, slopes: arb) -> bool:
        middle = box.middle
        value = smooth.value(middle)
        if middle > left and middle < right:
            known.include(value)
        if known.inside(smooth.value(box.ball)):
            return True
        centred = value + slopes * (box.ball - middle)
        return bool(centred.is_finite()) and known.inside(centred)

    zeros = isolate_zeros(smooth.slope, smooth.curvature, bracket, irrelevant)
    for zero in zeros.simple:
        place = zero.ball(128)
        if place > left and place < right:
            yield _critical(smooth, zero)
        elif place.overlaps(left) or place.overlaps(right):
            yield replace(_critical(smooth, zero), attained=None, sharpen=None)
    for undecided in zeros.undecided:
        yield from _undecided(smooth, undecided)


def _critical(smooth: _Smooth, zero: Zero) -> Candidate:
    def ball(bits: int) -> arb:
        with working_precision(bits + 40):
            return smooth.value(zero.ball(bits))

    def sharpen() -> Candidate:
        symbol = smooth.symbol
        point = closed_form(zero.ball, lambda c: is_zero_constant(smooth.slope_formula.subs(symbol, c)))
        if point is None:
            exact = sp.S.Zero if _touches_zero(smooth, zero.bracket, ball(128)) else None
            return Candidate(ball, exact, True, enclosed_zero(smooth.slope_formula, symbol, zero))
        return Candidate.of(tidy(smooth.formula.subs(symbol, point)), True, point)

    return Candidate(ball, None, True, sp.nan, sharpen)


def _touches_zero(smooth: _Smooth, bracket: Bracket, value: arb) -> bool:
    """True if ``u**k`` with ``k >= 2`` is a factor and u changes sign: its zero is then the only critical point."""
    if not value.contains(0):
        return False
    for factor in sp.Mul.make_args(smooth.formula):
        if factor.is_Pow and factor.exp.is_Integer and factor.exp >= 2:
            base = ball_function(factor.base, (smooth.symbol,))
            if base(bracket.lo) * base(bracket.hi) < 0:
                return True
    return False


def _undecided(smooth: _Smooth, bracket: Bracket) -> Iterator[Candidate]:
    found = degenerate_zero(smooth.slope_formula, smooth.symbol, bracket)
    if found is not None:
        point, order, _ = found
        if order % 2:
            yield Candidate.of(tidy(smooth.formula.subs(smooth.symbol, point)), True, point)
        return

    def ball(bits: int) -> arb:
        with working_precision(bits + 64):
            zeros = isolate_zeros(smooth.slope, smooth.curvature, bracket, smallest=2.0 ** -min(bits, 900))
            boxes = [z.bracket for z in zeros.simple] + list(zeros.undecided)
            values = [_centred(smooth, box) for box in boxes] or [smooth.value(bracket.middle)]
            hull = values[0]
            for value in values[1:]:
                hull = hull.union(value)
            return hull

    def place(bits: int) -> arb:
        return bracket.ball

    yield Candidate(ball, None, True, Enclosed(f"a point near {bracket.middle.str(20, radius=False)}", place))


def _centred(smooth: _Smooth, box: Bracket) -> arb:
    direct = smooth.value(box.ball)
    centred = smooth.value(box.middle) + smooth.slope(box.ball) * (box.ball - box.middle)
    return direct.intersection(centred) if centred.is_finite() and centred.overlaps(direct) else direct
