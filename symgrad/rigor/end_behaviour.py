"""What a smooth function does next to an end of its interval: a proved slope sign and a limit, or a proved range."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.rigor.balls import to_ball
from symgrad.rigor.candidates import Candidate, Smooth
from symgrad.rigor.closed_forms import tidy
from symgrad.rigor.ends import End, eventual_sign, starts
from symgrad.rigor.oscillation import oscillates_without_bound
from symgrad.rigor.smooth_pieces import SmoothPiece
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["EndReport", "near_end"]


@dataclass(frozen=True)
class EndReport:
    """The point up to which an end is dealt with, the value approached there, bounds where no slope sign is proved."""

    cut: arb
    candidates: tuple[Candidate, ...]
    range: tuple[arb, arb] | None = None


def near_end(smooth: Smooth, piece: SmoothPiece, end: End, effort: int) -> EndReport:
    """Finds a neighbourhood of an end in which only the limit can be extreme, or in which bounds are known.

    Raises:
        TailUndecidedError: if neither could be proved.
    """
    if end.is_finite and _is_regular(smooth, piece, end, strictly=True):
        return EndReport(end.outer_bound(), (_end_value(smooth, end),))
    found = eventual_sign(smooth.slope_formula, smooth.symbol, end, starts(piece.left, piece.right))
    if found is not None:
        return EndReport(end.cut(found[1]), (_limit(smooth, piece, end),))
    if end.is_finite and _is_regular(smooth, piece, end, strictly=False):
        return EndReport(end.outer_bound(), (_end_value(smooth, end),))
    return _oscillating_end(smooth, piece, end, effort)


def _is_regular(smooth: Smooth, piece: SmoothPiece, end: End, strictly: bool) -> bool:
    """True if nothing is singular in a neighbourhood of a finite end (and the slope is not zero there)."""
    start = next(starts(piece.left, piece.right)) * 1024
    around = to_ball(end.value) + arb(0).union(arb(end.inward) / start)
    slope = smooth.slope.ball(around)
    if not (slope.is_finite() and smooth.value.ball(around).is_finite() and smooth.curvature.ball(around).is_finite()):
        return False
    return not (strictly and slope.contains(0))


def _end_value(smooth: Smooth, end: End) -> Candidate:
    return Candidate.of(tidy(end.substitute(smooth.formula, smooth.symbol)), None, end.value)


def _limit(smooth: Smooth, piece: SmoothPiece, end: End) -> Candidate:
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


def _oscillating_end(smooth: Smooth, piece: SmoothPiece, end: End, effort: int) -> EndReport:
    """Without a proved sign of the slope: a range that the other candidates must dominate."""
    if oscillates_without_bound(smooth.formula, smooth.symbol, end):
        both = tuple(Candidate.of(value, False, end.value) for value in (sp.oo, -sp.oo))
        return EndReport(end.cut(next(starts(piece.left, piece.right))), both)
    available = list(starts(piece.left, piece.right))[2 * effort + 1 :]
    for start in available:
        try:
            model = tail_model(smooth.formula, smooth.symbol, end.model(start), end.vanishing)
            limit, values = model.limit(), model.bounds()
        except TailUndecidedError:
            continue
        candidates: tuple[Candidate, ...] = ()
        if limit is not None:
            candidates = (Candidate.of(limit if limit in (sp.oo, -sp.oo) else tidy(limit), None, end.value),)
        return EndReport(end.cut(start), candidates, values)
    raise TailUndecidedError(f"the behaviour of {smooth.formula} near {end.value} could not be proved")
