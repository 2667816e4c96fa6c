"""Where a loss can go: proved limits of it and of its derivative at the ends of its domain."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from symgrad.design.statements import Statement
from symgrad.dynamics.constants import limit_at
from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import extrema
from symgrad.rigor.smooth_pieces import SmoothPiece, split
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["LossEnd", "components", "end_limits", "is_above", "least_value", "loss_ends", "plateaus"]

_BITS = 128
_PRECISIONS = (64, 256, 1024)


@dataclass(frozen=True)
class LossEnd:
    """One end of the domain of a loss.

    Attributes:
        point: plus or minus infinity, or a finite end of the domain.
        loss: the limit of the loss, None where it could not be proved.
        factor: the limit of its derivative, likewise.
        saturates: whether the derivative tends to zero and the loss not to its infimum; None where undecided.
        direction: ``"+"`` for a limit from the right, ``"-"`` for one from the left.
    """

    point: sp.Expr
    loss: sp.Expr | None
    factor: sp.Expr | None
    saturates: bool | None
    direction: str

    def statements(self, symbol: sp.Symbol, factor: sp.Expr) -> list[Statement]:
        """The limits in print."""
        verdict = {True: "saturates", False: "does not saturate", None: "undecided"}[self.saturates]
        rows = []
        if self.factor is not None:
            limit = sp.Limit(factor, symbol, self.point, self.direction)
            rows.append(Statement(f"limit of the factor, {verdict}", sp.Eq(limit, self.factor, evaluate=False)))
        if self.loss is not None:
            limit = sp.Limit(sp.Function("L")(symbol), symbol, self.point, self.direction)
            rows.append(Statement("limit of the loss", sp.Eq(limit, self.loss, evaluate=False)))
        return rows


def components(formula: sp.Expr) -> list[list[SmoothPiece]]:
    """The smooth pieces of a formula, grouped into the intervals on which it is defined throughout."""
    with working_precision(_BITS):
        pieces = split(formula, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1), where_defined=True)
    if not pieces:
        return []
    groups = [[pieces[0]]]
    for left, right in pairwise(pieces):
        if left.right.value == right.left.value and _is_defined(formula, left.right):
            groups[-1].append(right)
        else:
            groups.append([right])
    return groups


def _is_defined(formula: sp.Expr, end: End) -> bool:
    value = formula.subs(VARIABLE, end.value)
    return not value.has(sp.nan, sp.zoo, sp.oo) and bool(value.is_real is not False)


def least_value(formula: sp.Expr) -> sp.Expr | None:
    """The infimum over the whole domain, proved; None where that fails."""
    least: sp.Expr = sp.oo
    try:
        for part in components(formula):
            domain = sp.Interval.open(part[0].left.value, part[-1].right.value)
            found = extrema(formula, VARIABLE, domain).inf.value
            lower = is_above(least, found)
            if lower is None:
                return None
            least = found if lower else least
    except SymgradError:
        return None
    return least


def is_above(value: sp.Expr, other: sp.Expr) -> bool | None:
    """Whether one constant is greater than another, each possibly infinite; None where undecided."""
    if value == other or other == sp.oo or value == -sp.oo:
        return False
    if value == sp.oo or other == -sp.oo:
        return True
    if is_zero_constant(value - other):
        return False
    for bits in _PRECISIONS:
        difference = to_ball(value - other, bits)
        if difference > 0 or difference < 0:
            return bool(difference > 0)
    return None


def loss_ends(formula: sp.Expr, factor: sp.Expr, infimum: sp.Expr | None) -> tuple[LossEnd, ...]:
    """Both ends of every interval on which the loss is defined, from left to right."""
    ends = []
    for part in components(formula):
        first, last = part[0], part[-1]
        ends += [
            _at(first, first.left, first.right, factor, infimum),
            _at(last, last.right, last.left, factor, infimum),
        ]
    return tuple(ends)


def _at(piece: SmoothPiece, end: End, other: End, factor: sp.Expr, infimum: sp.Expr | None) -> LossEnd:
    loss, slope = _limit(piece.formula, end, other), _limit(_on(factor, end, other), end, other)
    return LossEnd(end.value, loss, slope, _saturates(loss, slope, infimum), "+" if end.inward > 0 else "-")


def _saturates(loss: sp.Expr | None, slope: sp.Expr | None, infimum: sp.Expr | None) -> bool | None:
    if slope is not None and (slope.is_infinite or not is_zero_constant(slope)):
        return False
    if loss is not None and infimum is not None and is_above(loss, infimum) is False:
        return False
    if slope is None or loss is None or infimum is None:
        return None
    return is_above(loss, infimum)


def _on(formula: sp.Expr, end: End, other: End) -> sp.Expr | None:
    """The formula of a factor next to an end."""
    left, right = (end, other) if end.inward > 0 else (other, end)
    try:
        with working_precision(_BITS):
            pieces = split(formula, VARIABLE, left, right, where_defined=True)
    except SymgradError:
        return None
    if not pieces:
        return None
    piece = pieces[0] if end.inward > 0 else pieces[-1]
    reaches = (piece.left if end.inward > 0 else piece.right).value == end.value
    return piece.formula if reaches else None


def _limit(formula: sp.Expr | None, end: End, other: End) -> sp.Expr | None:
    if formula is None:
        return None
    try:
        with working_precision(_BITS):
            return limit_at(formula, end, other)
    except TailUndecidedError:
        return None


def end_limits(formula: sp.Expr) -> list[tuple[sp.Expr, sp.Expr | None]]:
    """The outermost two ends of the domain of a formula with its limits there, None where one could not be proved."""
    pieces = [piece for part in components(formula) for piece in part]
    if not pieces:
        return []
    first, last = pieces[0], pieces[-1]
    return [
        (first.left.value, _limit(first.formula, first.left, first.right)),
        (last.right.value, _limit(last.formula, last.right, last.left)),
    ]


def plateaus(formula: sp.Expr, factor: sp.Expr, infimum: sp.Expr | None) -> tuple[sp.Interval, ...]:
    """Pieces on which the loss is constant and above its infimum."""
    found = []
    for piece in (piece for part in components(formula) for piece in part):
        constant = not piece.formula.has(VARIABLE) or sp.diff(piece.formula, VARIABLE) == 0
        if constant and infimum is not None:
            value = piece.formula.subs(VARIABLE, 0) if piece.formula.has(VARIABLE) else piece.formula
            if is_above(value, infimum):
                found.append(sp.Interval(piece.left.value, piece.right.value))
    return tuple(found)
