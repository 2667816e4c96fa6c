"""All real zeros of a scalar formula, with their multiplicities, on an interval or the whole line.

The formula is cut where it has kinks, jumps and singular points. Next to the ends of each smooth piece its sign is
proved; in between bisection and interval Newton isolate the zeros, and those that lie close together or are multiple
are told apart by their derivatives (:mod:`symgrad.rigor.multiple_zeros`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant, is_zero_function
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.ends import End, core, eventual_sign, sample_point, starts
from symgrad.rigor.multiple_zeros import Derivatives, Place, UndecidedZeroError, distinct, lies_in, zeros_within
from symgrad.rigor.real_roots import position
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket, isolate_zeros

__all__ = ["Root", "Roots", "all_roots"]

_BITS = 128
_MOST_BOXES = 3000
_MOST_DERIVATIVES = 8
_PRECISIONS = (128, 512, 2048)


@dataclass(frozen=True, eq=False)
class Root:
    """A real zero of a formula.

    Attributes:
        ball: encloses it to about so many bits.
        multiplicity: its order; None at a kink, and where it is not known.
        slopes: formulas of the derivative next to it: one, or at a kink that from the left and that from the right;
            infinite where the function jumps to or from it.
        proved: whether there is exactly this zero in its ball; otherwise ``changes_sign`` tells whether there is one.
        changes_sign: whether the function has opposite signs on both sides, where that is known.
    """

    ball: Callable[[int], arb] = field(repr=False)
    multiplicity: int | None
    slopes: tuple[sp.Expr, ...] = field(repr=False)
    proved: bool = True
    changes_sign: bool | None = None
    _closed: Callable[[], sp.Expr | None] = field(default=lambda: None, repr=False)

    @cached_property
    def exact(self) -> sp.Expr | None:
        """A closed form that is proved, or None."""
        return self._closed()


@dataclass(frozen=True, eq=False)
class Roots:
    """All zeros in an interval.

    Attributes:
        points: from left to right.
        continua: intervals on which the formula is zero throughout.
        gaps: why the list may not be complete: ends of stretches about which nothing is proved; empty if it is.
        pieces: the open intervals on which the formula is defined and smooth, from left to right.
    """

    points: tuple[Root, ...]
    continua: tuple[sp.Interval, ...]
    gaps: tuple[tuple[arb, arb], ...]
    pieces: tuple[SmoothPiece, ...]


def all_roots(formula: sp.Expr, symbol: sp.Symbol, interval: sp.Interval) -> Roots:
    """All real zeros of a formula in an interval, wherever it is a real number.

    Args:
        formula: of one symbol, in the language of :func:`symgrad.rigor.balls.ball_function`.
        symbol: a real symbol.
        interval: closed where its ends are finite; an end may be infinite.

    Raises:
        InputError: the formula is not defined anywhere in the interval.

    >>> x = sp.Symbol("x", real=True)
    >>> found = all_roots(x**2 * (x - 3) * sp.Abs(x - 1), x, sp.Interval(-sp.oo, sp.oo))
    >>> [(root.exact, root.multiplicity) for root in found.points], found.gaps
    ([(0, 2), (1, None), (3, 1)], ())
    """
    left, right = End(interval.start, 1), End(interval.end, -1)
    with working_precision(_BITS):
        try:
            pieces = split(formula, symbol, left, right, where_defined=True)
        except TailUndecidedError:
            return Roots((), (), ((left.ball(), right.ball()),), ())
        if not pieces:
            raise InputError(f"{symbol}: {formula} is not a real number anywhere in {interval}")
        continua = tuple(_closure(piece) for piece in pieces if _is_zero(piece, symbol))
        found, gaps = [], []
        for piece in pieces:
            if not _is_zero(piece, symbol):
                roots, undecided = _roots_of_piece(piece, symbol)
                found += roots
                gaps += undecided
        ends = _distinct_ends(pieces)
        kinks = _at_points(formula, symbol, [end for end in ends if not _within(end, continua)], pieces)
        points = sorted([*found, *kinks.points], key=lambda root: float(root.ball(64).mid()))
        return Roots(tuple(points), _joined(continua), (*gaps, *kinks.gaps), pieces)


def _is_zero(piece: SmoothPiece, symbol: sp.Symbol) -> bool:
    point = to_ball(sample_point(piece.left, piece.right))
    return bool(Derivatives(piece.formula, symbol).function(0).ball(point).contains(0)) and is_zero_function(
        piece.formula
    )


def _closure(piece: SmoothPiece) -> sp.Interval:
    return sp.Interval(piece.left.value, piece.right.value)


def _joined(continua: tuple[sp.Interval, ...]) -> tuple[sp.Interval, ...]:
    """Neighbouring intervals as one."""
    joined: list[sp.Interval] = []
    for interval in continua:  # from left to right
        if joined and joined[-1].end == interval.start:
            joined[-1] = sp.Interval(joined[-1].start, interval.end)
        else:
            joined.append(interval)
    return tuple(joined)


def _within(point: sp.Expr, continua: tuple[sp.Interval, ...]) -> bool:
    return any(point in (interval.start, interval.end) for interval in continua)


def _distinct_ends(pieces: tuple[SmoothPiece, ...]) -> list[sp.Expr]:
    ends: list[sp.Expr] = []
    for end in (end for piece in pieces for end in (piece.left, piece.right)):
        if end.is_finite and end.value not in ends:
            ends.append(end.value)
    return ends


def _at_points(formula: sp.Expr, symbol: sp.Symbol, points: list[sp.Expr], pieces: tuple[SmoothPiece, ...]) -> Roots:
    """The zeros among some exact points: kinks, jumps and ends of the interval."""
    roots, gaps = [], []
    for point in points:
        zero = _vanishes(formula, symbol, point)
        if zero is None:
            gaps.append((to_ball(point), to_ball(point)))
        elif zero:
            slopes, order = _beside(formula, symbol, point)
            roots.append(Root(_constant(point), order, slopes, _closed=_known(point)))
    return Roots(tuple(roots), (), tuple(gaps), pieces)


def _beside(formula: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> tuple[tuple[sp.Expr, ...], int | None]:
    """The slopes on both sides of a zero, beyond an end of the interval too, and its multiplicity where smooth."""
    near = sp.floor(point)
    slopes = []
    for piece in split(formula, symbol, End(near - 1, 1), End(near + 2, -1), where_defined=True):
        places = position(point, piece.left), position(point, piece.right)
        if places == (1, -1):
            return (derivative(piece.formula, symbol),), _multiplicity(Derivatives(piece.formula, symbol), point)
        if 0 in places:
            slopes.append(_slope_from(piece, symbol, point, piece.left if places[0] == 0 else piece.right))
    return tuple(slopes), None


def _slope_from(piece: SmoothPiece, symbol: sp.Symbol, point: sp.Expr, end: End) -> sp.Expr:
    """The slope of a piece at an end at which the function is zero: infinite if the piece tends to another value."""
    if _vanishes(piece.formula, symbol, point) is False:
        for bits in _PRECISIONS:
            limit = to_ball(end.substitute(piece.formula, symbol), bits) * end.inward
            if limit > 0 or limit < 0:
                return sp.oo if limit > 0 else -sp.oo
    return derivative(piece.formula, symbol)


def _multiplicity(derivatives: Derivatives, point: sp.Expr) -> int | None:
    """The order of the first derivative that is not zero at a zero; None where that is not decided."""
    for order in range(1, _MOST_DERIVATIVES):
        zero = _vanishes(derivatives.formula(order), derivatives.symbol, point)
        if not zero:
            return None if zero is None else order
    return None


def _constant(point: sp.Expr) -> Callable[[int], arb]:
    return lambda bits: to_ball(point, bits)


def _known(point: sp.Expr) -> Callable[[], sp.Expr | None]:
    return lambda: point


def _vanishes(formula: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> bool | None:
    """Whether the formula is zero at a point, False where it is not defined; None if that is not decided."""
    value = formula.subs(symbol, point)
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or value.is_real is False:
        return False
    for bits in _PRECISIONS:
        ball = to_ball(value, bits)
        if ball.is_finite() and not ball.contains(0):
            return False
    return True if is_zero_constant(value) else None


def _roots_of_piece(piece: SmoothPiece, symbol: sp.Symbol) -> tuple[list[Root], list[tuple[arb, arb]]]:
    """The zeros strictly inside a smooth piece, and stretches about which nothing is proved."""
    derivatives = Derivatives(piece.formula, symbol)
    slope = (derivatives.formula(1),)
    cuts = [_cut(piece, symbol, end) for end in (piece.left, piece.right)]
    gaps = [(cut, cut) for cut in cuts if not cut.is_finite()]
    if gaps:
        return [], [(piece.left.ball(), piece.right.ball())]
    bracket = core(cuts[0], cuts[1])
    try:
        roots = [_simple(place, slope) for place in zeros_within(derivatives, bracket)]
    except UndecidedZeroError:
        roots, undecided = _as_far_as_proved(derivatives, bracket, slope)
    else:
        undecided = []
    return [root for root in roots if _lies_inside(root, piece)], undecided


def _as_far_as_proved(
    derivatives: Derivatives, bracket: Bracket, slopes: tuple[sp.Expr, ...]
) -> tuple[list[Root], list[tuple[arb, arb]]]:
    """The zeros that could be isolated, and small boxes in which there may be others."""
    found = isolate_zeros(derivatives.function(0), derivatives.function(1), bracket, max_boxes=_MOST_BOXES)
    simple = distinct(found.simple)
    roots = [_simple(Place(derivatives, 0, zero.ball, 1), slopes) for zero in simple]
    if not found.complete:  # too many zeros to part them all
        return roots, [(box.lo, box.hi) for box in found.undecided]
    undecided: list[tuple[arb, arb]] = []
    for box in found.undecided:
        try:
            places = zeros_within(derivatives, box.widened())
            roots += [_simple(p, slopes) for p in places if not lies_in(p, simple)]
        except UndecidedZeroError:
            roots.append(_uncertain(derivatives, box.widened(), slopes))
            undecided.append((box.lo, box.hi))
    return roots, undecided


def _simple(place: Place, slopes: tuple[sp.Expr, ...]) -> Root:
    odd = place.multiplicity % 2 == 1
    return Root(place.ball, place.multiplicity, slopes, True, odd, lambda: place.exact)


def _uncertain(derivatives: Derivatives, box: Bracket, slopes: tuple[sp.Expr, ...]) -> Root:
    """A box in which zeros may lie; a change of sign proves at least one."""
    function = derivatives.function(0)
    product = function.ball(box.lo) * function.ball(box.hi)
    changes = True if product < 0 else None
    return Root(lambda bits: box.ball, None, slopes, False, changes)


def _lies_inside(root: Root, piece: SmoothPiece) -> bool:
    """Whether a root lies strictly between the ends: one that is an end is found there."""
    for end in (piece.left, piece.right):
        if not end.is_finite:
            continue
        for bits in _PRECISIONS:
            difference = (root.ball(bits) - to_ball(end.value, bits)) * end.inward
            if not difference.contains(0):
                break
        if difference < 0:
            return False
        if difference.contains(0) and (root.exact is None or position(root.exact, end) == 0):
            return False
    return True


def _cut(piece: SmoothPiece, symbol: sp.Symbol, end: End) -> arb:
    """A point between which and the end there is no zero; infinite if none is found."""
    derivatives = Derivatives(piece.formula, symbol)
    if end.is_finite:
        value = derivatives.function(0).ball(end.ball())
        slope = derivatives.function(1).ball(end.ball())
        if value.is_finite() and (not value.contains(0) or (slope.is_finite() and not slope.contains(0))):
            return end.outer_bound()
    else:
        for start in starts(piece.left, piece.right):
            if derivatives.function(0).excludes_zero(_beyond(end, end.cut(start))):
                return end.cut(start)
    found = eventual_sign(piece.formula, symbol, end, starts(piece.left, piece.right))
    if found is not None:
        return end.cut(found[1])
    return end.outer_bound() if end.is_finite else end.ball()


def _beyond(end: End, cut: arb) -> Bracket:
    """The half-line from a point to an infinite end."""
    return Bracket(cut, end.ball()) if end.inward < 0 else Bracket(end.ball(), cut)
