"""Everywhere a smooth function on an open interval may come close to its infimum or supremum.

The interval is cut into a bounded core and two ends. Next to an end the derivative has one proved sign, so only the
limit matters; in the core, branch and bound keeps what cannot be excluded by a value or by the sign of the derivative,
and the interval Newton test isolates the critical points that are left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.candidates import Candidate, Known, Smooth
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, is_zero_function, tidy
from symgrad.rigor.end_behaviour import near_end
from symgrad.rigor.ends import core, sample_point
from symgrad.rigor.real_roots import degenerate_zero, enclosed_zero
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket, Zero, isolate_zeros

__all__ = ["PieceReport", "critical_values"]

_FEW_BOXES = 150
_DESCENT_STEPS = 150


@dataclass(frozen=True)
class PieceReport:
    """Candidates of one smooth piece, and ranges of stretches near its ends on which nothing else is known."""

    candidates: tuple[Candidate, ...]
    ranges: tuple[tuple[arb, arb], ...] = ()


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
    smooth = Smooth(piece.formula, symbol)
    if _is_constant(smooth, piece):
        point = sample_point(piece.left, piece.right)
        value = tidy(piece.formula.subs(symbol, point))
        return PieceReport((Candidate.of(value, True, point),))
    reports = [near_end(smooth, piece, end, effort) for end in (piece.left, piece.right)]
    candidates = [candidate for report in reports for candidate in report.candidates]
    for candidate in candidates:
        known.include(_initial_ball(candidate))
    bracket = core(reports[0].cut, reports[1].cut)
    candidates += _core_candidates(smooth, piece, bracket, known)
    return PieceReport(tuple(candidates), tuple(r.range for r in reports if r.range is not None))


def _initial_ball(candidate: Candidate) -> arb:
    if candidate.exact in (sp.oo, -sp.oo):
        return arb("inf") if candidate.exact is sp.oo else arb("-inf")
    return candidate.ball(128)


def _is_constant(smooth: Smooth, piece: SmoothPiece) -> bool:
    """Proved by an identically zero derivative, which is looked for when it vanishes at a few points."""
    if smooth.slope_formula.is_zero:
        return True
    middle = sample_point(piece.left, piece.right)
    lo = to_ball(piece.left.value) if piece.left.is_finite else to_ball(middle) - 1
    for weight in (1, sp.Rational(2, 3), sp.Rational(1, 5)):
        point = to_ball(middle) * to_ball(weight) + lo * to_ball(1 - weight)
        if not smooth.slope.ball(point).contains(0):
            return False
    return is_zero_function(smooth.slope_formula)


def _core_candidates(smooth: Smooth, piece: SmoothPiece, bracket: Bracket, known: Known) -> Iterator[Candidate]:
    left, right = (end.ball() for end in (piece.left, piece.right))
    irrelevant = partial(_is_irrelevant, smooth, known, left, right)
    zeros = isolate_zeros(smooth.slope, smooth.curvature, bracket, irrelevant, max_boxes=_FEW_BOXES)
    if not zeros.complete:
        for direction in (1, -1):
            _descend(smooth, bracket, known, direction)
        zeros = isolate_zeros(smooth.slope, smooth.curvature, bracket, irrelevant)
    if not zeros.complete:
        raise TailUndecidedError(f"{smooth.formula} varies too much to separate its extrema on {bracket.ball.str(5)}")
    for zero in zeros.simple:
        if _lies_inside(smooth, zero, piece):
            yield _critical(smooth, zero)
    for undecided in zeros.undecided:
        yield from _undecided(smooth, undecided)


def _lies_inside(smooth: Smooth, zero: Zero, piece: SmoothPiece) -> bool:
    """Whether a critical point lies strictly between the ends; one at an end is covered by the value there."""
    for end in (piece.left, piece.right):
        if not end.is_finite:
            continue
        for bits in (128, 1024):
            with working_precision(bits):
                distance = (zero.ball(bits) - end.ball()) * end.inward
            if not distance.contains(0):
                break
        if distance < 0:
            return False
        if not distance > 0:
            same = enclosed_zero(smooth.slope_formula, smooth.symbol, zero) == end.value
            if same or is_zero_constant(end.substitute(smooth.slope_formula, smooth.symbol)):
                return False
            raise TailUndecidedError(f"a critical point could not be told apart from the end {end.value}")
    return True


def _is_irrelevant(smooth: Smooth, known: Known, left: arb, right: arb, box: Bracket) -> bool:
    """True if the values on a box cannot be extreme; learns from the value in its middle."""
    middle = box.middle
    value = smooth.value.ball(middle)
    if middle > left and middle < right:
        known.include(value)
    if known.inside(*smooth.value.bounds(box)):
        return True
    centred = value + smooth.slope.ball(box.ball) * (box.ball - middle)
    return bool(centred.is_finite()) and known.inside(centred, centred)


def _descend(smooth: Smooth, bracket: Bracket, known: Known, direction: int) -> None:
    """Bisects the most promising box again and again, to learn good values near narrow peaks early."""
    counter = count()
    heap = [(-math.inf, next(counter), bracket)]
    for _ in range(_DESCENT_STEPS):
        for half in heappop(heap)[2].halves():
            lower, upper = smooth.value.bounds(half)
            middle = half.middle
            if middle > bracket.lo and middle < bracket.hi:
                known.include(smooth.value.ball(middle))
            promise = -float(upper) if direction > 0 else float(lower)
            heappush(heap, (promise, next(counter), half))


def _critical(smooth: Smooth, zero: Zero) -> Candidate:
    def ball(bits: int) -> arb:
        with working_precision(bits + 40):
            return smooth.value.ball(zero.ball(bits))

    def sharpen() -> Candidate:
        symbol = smooth.symbol
        point = closed_form(zero.ball, lambda c: is_zero_constant(smooth.slope_formula.subs(symbol, c)))
        if point is None:
            exact = sp.S.Zero if _touches_zero(smooth, zero.bracket, ball(128)) else None
            return Candidate(ball, exact, True, enclosed_zero(smooth.slope_formula, symbol, zero))
        return Candidate.of(tidy(smooth.formula.subs(symbol, point)), True, point)

    return Candidate(ball, None, True, sp.nan, sharpen)


def _touches_zero(smooth: Smooth, bracket: Bracket, value: arb) -> bool:
    """True if ``u**k`` with ``k >= 2`` is a factor and u changes sign: its zero is then the only critical point."""
    if not value.contains(0):
        return False
    for factor in sp.Mul.make_args(smooth.formula):
        if factor.is_Pow and factor.exp.is_Integer and factor.exp >= 2:
            base = ball_function(factor.base, smooth.symbol)
            if base(bracket.lo) * base(bracket.hi) < 0:
                return True
    return False


def _undecided(smooth: Smooth, bracket: Bracket) -> Iterator[Candidate]:
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
            values = [_centred(smooth, box) for box in boxes] or [smooth.value.ball(bracket.middle)]
            hull = values[0]
            for value in values[1:]:
                hull = hull.union(value)
            return hull

    def place(bits: int) -> arb:
        return bracket.ball

    label = f"an extremal point of {smooth.formula} near {bracket.middle.str(20, radius=False)}"
    yield Candidate(ball, None, True, Enclosed(label, place))


def _centred(smooth: Smooth, box: Bracket) -> arb:
    direct = smooth.value.ball(box.ball)
    centred = smooth.value.ball(box.middle) + smooth.slope.ball(box.ball) * (box.ball - box.middle)
    return direct.intersection(centred) if centred.is_finite() and centred.overlaps(direct) else direct
