"""Infimum and supremum of a scalar formula on an interval, with where they are attained or approached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.rigor.balls import Enclosed, to_ball, working_precision
from symgrad.rigor.candidates import Candidate, Known
from symgrad.rigor.closed_forms import is_zero_constant, tidy
from symgrad.rigor.critical_values import PieceReport, critical_values
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical
from symgrad.rigor.parity import is_even, is_odd
from symgrad.rigor.periodicity import one_period
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["Extrema", "Extremum", "extrema", "is_even", "is_odd"]

_REALS = sp.Interval(-sp.oo, sp.oo)
_BITS = 128
_TARGET_BITS = 60
_MAX_BITS = 2048
_EFFORTS = 3


@dataclass(frozen=True)
class Extremum:
    """An infimum or supremum.

    Attributes:
        value: a closed form, an Enclosed constant (relative radius at most 1e-15), or plus or minus infinity.
        exact: True if ``value`` is a closed form (or infinite).
        attained: whether the function takes the value; False if it is only approached, None if not known.
        points: where it is attained or approached, possibly plus or minus infinity.
    """

    value: sp.Expr
    exact: bool
    attained: bool | None
    points: tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Extrema:
    """The infimum and the supremum of one function on one interval."""

    inf: Extremum
    sup: Extremum

    @property
    def sup_abs(self) -> sp.Expr:
        """The supremum of the absolute value."""
        low, high = -self.inf.value, self.sup.value
        if sp.oo in (low, high):
            return sp.oo
        if low == high or is_zero_constant(low - high):
            return min(low, high, key=lambda value: value.count_ops())
        for bits in (_BITS, _MAX_BITS):
            first, second = to_ball(low, bits), to_ball(high, bits)
            if first > second or second > first:
                return low if first > second else high
        return Enclosed(f"max({low}, {high})", lambda bits: to_ball(low, bits).max(to_ball(high, bits)))


def extrema(expr: sp.Expr, symbol: sp.Symbol, interval: sp.Interval = _REALS) -> Extrema:
    """Infimum and supremum of a formula of one real variable.

    At kinks and jumps the one-sided limits count, as do limits at open and infinite ends. Between them the function is
    smooth; critical points are found by branch and bound in ball arithmetic, and limits by proved expansions.

    Args:
        expr: any expression of the functions that :func:`symgrad.rigor.balls.ball_function` accepts.
        symbol: its variable; no other symbol may occur.
        interval: a real interval of positive length (all of R unless given); its ends may be infinite.

    Returns:
        Both extrema. Closed forms are proved; all others are enclosed to a relative radius of 1e-15.

    Raises:
        InputError: for another free symbol, an interval that is not one, or a formula that is not real there.
        UnsupportedExpressionError: for a function outside the accepted language.
        TailUndecidedError: if the answer could not be proved; the message says where.

    >>> import sympy as sp
    >>> z = sp.Symbol("z", real=True)
    >>> extrema(sp.tanh(z).diff(z), z).sup
    Extremum(value=1, exact=True, attained=True, points=(0,))
    >>> extrema(sp.exp(-z**2), z, sp.Interval(1, sp.oo)).inf
    Extremum(value=0, exact=True, attained=False, points=(oo,))
    """
    if isinstance(expr, (int, float)):
        expr = sp.Number(expr)
    _check_input(expr, symbol, interval)
    return _extrema(expr, symbol, interval)


def _check_input(expr: sp.Expr, symbol: sp.Symbol, interval: sp.Interval) -> None:
    if not isinstance(symbol, sp.Symbol):
        raise InputError(f"symbol must be a SymPy Symbol, not {symbol!r}")
    if not isinstance(expr, sp.Expr):
        raise InputError(f"expr must be a scalar SymPy expression, not {type(expr).__name__}")
    others = expr.free_symbols - {symbol}
    if others:
        raise InputError(
            f"expr {expr} must contain no symbol but {symbol}; it has {', '.join(sorted(map(str, others)))}"
        )
    if not isinstance(interval, sp.Interval):
        raise InputError(f"interval must be a SymPy Interval of positive length, not {interval!r}")


@lru_cache(maxsize=512)
def _extrema(expr: sp.Expr, symbol: sp.Symbol, interval: sp.Interval) -> Extrema:
    name = f"{expr} on {interval}"
    with working_precision(_BITS):
        real = sp.Symbol(symbol.name, real=True)
        formula = canonical(_exact_numbers(expr).xreplace({symbol: real}))
        interval = one_period(formula, real, interval)
        left, right = End(interval.start, 1), End(interval.end, -1)
        pieces = tuple(_within_one_period(piece, real) for piece in split(formula, real, left, right))
        candidates = _all_candidates(pieces, real) + _values_at_ends(formula, real, pieces, interval)
        candidates = [_with_attainment(c, candidates) for c in candidates]
        return Extrema(_pick(candidates, -1, f"inf of {name}"), _pick(candidates, 1, f"sup of {name}"))


def _within_one_period(piece: SmoothPiece, symbol: sp.Symbol) -> SmoothPiece:
    """A periodic piece on a half-line takes all its values in one period."""
    whole = sp.Interval(piece.left.value, piece.right.value)
    short = one_period(piece.formula, symbol, whole)
    if short == whole:
        return piece
    left = piece.left if piece.left.value == short.start else End(short.start, 1)
    right = piece.right if piece.right.value == short.end else End(short.end, -1)
    return SmoothPiece(piece.formula, left, right)


def _exact_numbers(expr: sp.Expr) -> sp.Expr:
    return expr.xreplace({number: sp.Rational(number) for number in expr.atoms(sp.Float)})


def _all_candidates(pieces: tuple[SmoothPiece, ...], symbol: sp.Symbol) -> list[Candidate]:
    """Candidates of all pieces, looking further out while an oscillating end is not dominated by other values."""
    for effort in range(_EFFORTS):
        known = Known()
        reports: list[PieceReport] = [critical_values(piece, symbol, known, effort) for piece in pieces]
        if all(known.inside(low, high) for report in reports for low, high in report.ranges):
            return [candidate for report in reports for candidate in report.candidates]
    raise TailUndecidedError("the extrema could not be separated from an oscillation near an end of the interval")


def _values_at_ends(
    formula: sp.Expr, symbol: sp.Symbol, pieces: tuple[SmoothPiece, ...], interval: sp.Interval
) -> list[Candidate]:
    """The values at kinks, jumps and closed ends, which are attained."""
    ends = {end.value: end for piece in pieces for end in (piece.left, piece.right) if end.is_finite}
    excluded = {end for end, is_open in _openness(interval) if is_open}
    candidates = []
    for point, end in ends.items():
        if point in excluded:
            continue
        value = end.substitute(formula, symbol)
        if value.has(sp.DiracDelta):
            candidates += _infinite_slope(value, point)
        elif value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
            continue
        elif _is_defined(value, point):
            candidates.append(Candidate.of(tidy(value), True, point))
    return candidates


def _is_defined(value: sp.Expr, point: sp.Expr) -> bool:
    ball = to_ball(value, 256)
    if ball.is_finite() and ball.rad() > abs(ball.mid()) * 2.0**-100 + 2.0**-100:
        raise TailUndecidedError(f"the value at the jump near {point} could not be decided")
    return bool(ball.is_finite())


def _infinite_slope(value: sp.Expr, point: sp.Expr) -> list[Candidate]:
    """A Dirac delta in a derivative: the function jumps, its difference quotients are unbounded on one side."""
    spike = sp.Dummy("delta")
    nodes = value.atoms(sp.DiracDelta)
    weight = value.xreplace({node: spike for node in nodes}).diff(spike)
    if spike in weight.free_symbols or any(len(node.args) > 1 for node in nodes):
        raise UnsupportedExpressionError(f"only terms linear in DiracDelta(...) are accepted, not {value}")
    ball = to_ball(weight, 256)
    if ball.contains(0):
        if is_zero_constant(weight):
            return []
        raise TailUndecidedError(f"the height of the jump at {point} could not be told from zero")
    return [Candidate.of(sp.oo if ball > 0 else -sp.oo, False, point)]


def _openness(interval: sp.Interval) -> tuple[tuple[sp.Expr, bool], tuple[sp.Expr, bool]]:
    return (interval.start, bool(interval.left_open)), (interval.end, bool(interval.right_open))


def _with_attainment(candidate: Candidate, all_candidates: list[Candidate]) -> Candidate:
    """Decides whether a limit at a finite point is also the value there."""
    if candidate.attained is not None or candidate.exact in (sp.oo, -sp.oo):
        return candidate
    values = [c for c in all_candidates if c.attained and c.point == candidate.point]
    taken: bool | None = False
    for other in values:
        if candidate.expression is not None and candidate.expression == other.expression:
            taken = True
        elif candidate.exact is not None and other.exact is not None:
            taken = candidate.exact == other.exact or is_zero_constant(candidate.exact - other.exact)
        elif candidate.ball(256).overlaps(other.ball(256)):
            taken = None
    return replace(candidate, attained=taken)


def _pick(candidates: list[Candidate], direction: int, name: str) -> Extremum:
    """The largest candidate (for direction 1) or the smallest one (for -1)."""
    infinite = [c for c in candidates if c.exact == direction * sp.oo]
    if infinite:
        return Extremum(direction * sp.oo, True, False, _points(infinite))
    finite = [c for c in candidates if c.exact not in (sp.oo, -sp.oo)]
    for bits in (_BITS, 4 * _BITS):
        finite = _leading(finite, direction, bits)
        if len(finite) == 1:
            break
    tied = [c.sharpen() if c.sharpen else c for c in finite]
    return _tied(tied, direction, name)


def _leading(candidates: list[Candidate], direction: int, bits: int) -> list[Candidate]:
    with working_precision(bits):
        balls = [candidate.ball(bits) * direction for candidate in candidates]
        best = balls[0].lower()
        for ball in balls[1:]:
            best = ball.lower() if ball.lower() > best else best
        return [c for c, ball in zip(candidates, balls, strict=True) if not ball < best]


def _points(candidates: list[Candidate]) -> tuple[sp.Expr, ...]:
    return tuple(dict.fromkeys(c.point for c in candidates))


def _tied(tied: list[Candidate], direction: int, name: str) -> Extremum:
    values = [c.exact for c in tied if c.exact is not None]
    if len(values) == len(tied) and all(v == values[0] or is_zero_constant(v - values[0]) for v in values[1:]):
        best = min(values, key=lambda value: value.count_ops())
        taken = [c for c in tied if c.attained]
        unknown = any(c.attained is None for c in tied)
        return Extremum(best, True, True if taken else None if unknown else False, _points(taken or tied))
    refine = _hull_of(tied, direction)
    _check_accuracy(refine, name)
    flags = {c.attained for c in tied}
    return Extremum(Enclosed(name, refine), False, flags.pop() if len(flags) == 1 else None, _points(tied))


def _hull_of(tied: list[Candidate], direction: int) -> Callable[[int], arb]:
    def refine(bits: int) -> arb:
        with working_precision(bits + 40):
            best = tied[0].ball(bits)
            for candidate in tied[1:]:
                other = candidate.ball(bits)
                best = best.max(other) if direction > 0 else best.min(other)
            return best

    return refine


def _check_accuracy(refine: Callable[[int], arb], name: str) -> None:
    bits = _BITS
    while bits <= _MAX_BITS:
        ball = refine(bits)
        if ball.is_finite() and ball.rad() <= abs(ball.mid()) * 2.0**-_TARGET_BITS:
            return
        bits *= 2
    raise TailUndecidedError(f"the {name} could not be enclosed accurately")
