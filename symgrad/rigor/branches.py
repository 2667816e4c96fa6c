"""The monotone branches of a function of one variable, with the values at their ends: where it can be inverted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import sympy as sp
from flint import arb

from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.candidates import Candidate, Smooth
from symgrad.rigor.closed_forms import is_zero_constant, is_zero_function
from symgrad.rigor.end_behaviour import near_end
from symgrad.rigor.ends import End, core, sample_point
from symgrad.rigor.multiple_zeros import Derivatives, UndecidedZeroError, zeros_within
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket

__all__ = ["BRANCH_BITS", "Branch", "monotone_branches"]

BRANCH_BITS = 160


@dataclass(frozen=True)
class Branch:
    """An open interval on which a function is strictly monotone, or constant.

    Attributes:
        left: its left end, a ball or minus infinity.
        right: its right end.
        at_left: the limit of the function there, a ball or an infinity.
        at_right: the limit at the right end.
        direction: 1 where it rises, -1 where it falls, 0 where it is constant.
    """

    left: arb
    right: arb
    at_left: arb
    at_right: arb
    direction: int

    @property
    def low(self) -> arb:
        """The infimum of the values."""
        return self.at_left if self.direction >= 0 else self.at_right

    @property
    def high(self) -> arb:
        """The supremum of the values."""
        return self.at_right if self.direction >= 0 else self.at_left

    def takes(self, value: arb) -> bool | None:
        """Whether the function takes a value on the open branch (once then, unless constant); None: not decided."""
        if value > self.low and value < self.high:
            return True
        return False if value <= self.low or value >= self.high else None


@lru_cache(maxsize=256)
def monotone_branches(
    formula: sp.Expr, symbol: sp.Symbol, left: sp.Expr = -sp.oo, right: sp.Expr = sp.oo
) -> tuple[Branch, ...]:
    """The branches of a formula between two ends, from left to right, all of them proved to be monotone.

    They end at kinks, jumps, poles, edges of the domain and zeros of the slope. Next to the ends of a smooth piece the
    slope has one proved sign; in between its zeros are isolated by the interval Newton test (Moore, Kearfott and Cloud,
    Introduction to Interval Analysis 2009, sec. 8.1), multiple ones by further derivatives. A zero of even order
    ends no branch.

    Args:
        formula: of one real symbol, without parameters.
        symbol: the variable.
        left: a real constant, or minus infinity.
        right: a larger one, or infinity.

    Raises:
        TailUndecidedError: there are infinitely many branches, or a zero of the slope could not be resolved.
        SymgradError: the formula is of no known kind.

    >>> z = sp.Symbol("z", real=True)
    >>> [(branch.direction, float(branch.at_left.mid())) for branch in monotone_branches(z**2, z)]
    [(-1, inf), (1, 0.0)]
    """
    with working_precision(BRANCH_BITS):
        pieces = split(formula, symbol, End(left, 1), End(right, -1), where_defined=True)
        return tuple(branch for piece in pieces for branch in _branches_of_piece(piece, symbol))


def _branches_of_piece(piece: SmoothPiece, symbol: sp.Symbol) -> list[Branch]:
    smooth = Smooth(piece.formula, symbol)
    middle = to_ball(sample_point(piece.left, piece.right))
    if _is_constant(smooth, middle):
        value = smooth.value.ball(middle)
        return [Branch(piece.left.ball(), piece.right.ball(), value, value, 0)]
    reports = [near_end(smooth, piece, end, 0) for end in (piece.left, piece.right)]
    if any(report.range is not None or len(report.candidates) != 1 for report in reports):
        raise TailUndecidedError(f"{smooth.formula} has no last branch near an end of its domain")
    bracket = core(reports[0].cut, reports[1].cut)
    inner = [(place, smooth.value.ball(place)) for place in _turns(smooth, piece, bracket)]
    limits = [_limit(report.candidates[0]) for report in reports]
    marks = [(piece.left.ball(), limits[0]), *inner, (piece.right.ball(), limits[1])]
    return [_branch(*first, *second) for first, second in pairwise(marks)]


def _branch(left: arb, at_left: arb, right: arb, at_right: arb) -> Branch:
    if not (at_left < at_right or at_left > at_right):
        raise TailUndecidedError(f"the branch between {left.str(10)} and {right.str(10)} is too short to be resolved")
    return Branch(left, right, at_left, at_right, 1 if at_left < at_right else -1)


def _turns(smooth: Smooth, piece: SmoothPiece, bracket: Bracket) -> list[arb]:
    """The zeros of the slope at which it changes sign, strictly inside the piece."""
    try:
        zeros = zeros_within(Derivatives(smooth.slope_formula, smooth.symbol), bracket)
    except UndecidedZeroError as cause:
        raise TailUndecidedError(f"the turns of {smooth.formula} could not be separated: {cause}") from cause
    places = [zero.ball(BRANCH_BITS) for zero in zeros if zero.multiplicity % 2]
    return [place for place in places if _is_inside(smooth, piece, place)]


def _is_inside(smooth: Smooth, piece: SmoothPiece, place: arb) -> bool:
    """Whether a zero of the slope lies strictly between the ends of the piece, and not at or beyond one."""
    for end in (piece.left, piece.right):
        distance = (place - end.ball()) * end.inward
        if distance < 0:
            return False
        if not distance > 0:
            if is_zero_constant(end.substitute(smooth.slope_formula, smooth.symbol)):
                return False
            raise TailUndecidedError(f"a zero of the slope could not be told apart from the end {end.value}")
    return True


def _limit(candidate: Candidate) -> arb:
    if candidate.exact in (sp.oo, -sp.oo):
        return arb.pos_inf() if candidate.exact is sp.oo else arb.neg_inf()
    return candidate.ball(BRANCH_BITS)


def _is_constant(smooth: Smooth, middle: arb) -> bool:
    if smooth.slope_formula.is_zero:
        return True
    return bool(smooth.slope.ball(middle + arb(1) / 1024).contains(0)) and is_zero_function(smooth.slope_formula)
