"""The inverse of an activation that is strictly monotone, in closed form where one is proved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from symgrad.dynamics.constants import constant_sign, limit_at
from symgrad.dynamics.slope_pieces import slope_pieces
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.rigor.ends import End
from symgrad.rigor.inverses import proved_inverse
from symgrad.rigor.smooth_pieces import SmoothPiece, split

__all__ = ["OUTPUT", "Inverse", "inverse_of"]

OUTPUT = sp.Symbol("y", real=True)


@dataclass(frozen=True)
class Inverse:
    """The inverse of a strictly monotone activation.

    Attributes:
        expr: a formula in ``OUTPUT``; None where no closed form was found and proved.
        slope: the derivative of the activation as a formula in ``OUTPUT``, its value.
        low: the greatest lower bound of the activation, which it does not take.
        high: the least upper bound.
    """

    expr: sp.Expr | None
    slope: sp.Expr
    low: sp.Expr
    high: sp.Expr

    @property
    def derivative(self) -> sp.Expr | None:
        """The derivative of the formula, if there is one, in a short form; such as ``1/s'``, a formula in s."""
        if self.expr is None:
            return None
        if self.expr.has(sp.Abs):  # only the odd ones are written so, and their derivative is even
            size = sp.Dummy(positive=True)
            return sp.factor(sp.diff(self.expr.xreplace({OUTPUT: size}), size)).xreplace({size: sp.Abs(OUTPUT)})
        plain = sp.diff(self.expr, OUTPUT)
        candidates = [plain, sp.factor(plain)]
        if not plain.has(sp.Piecewise):
            candidates += [sp.simplify(plain), 1 / self.slope]
        return min(candidates, key=lambda e: (e.count_ops(), len(str(e))))


@lru_cache(maxsize=128)
def inverse_of(activation: Activation) -> Inverse | None:
    """The inverse, or None where the activation is not strictly monotone on all of R.

    >>> import symgrad as sg
    >>> inverse_of(sg.activation("sigmoid")).expr, inverse_of(sg.activation("softsign")).expr
    (log(y/(1 - y)), y/(1 - Abs(y)))
    >>> inverse_of(sg.activation("relu")) is None
    True
    """
    slopes = slope_pieces(activation)
    directions = {constant_sign(p.low) if p.low != -sp.oo else -1 for p in slopes}
    directions |= {constant_sign(p.high) if p.high != sp.oo else 1 for p in slopes}
    flat = any(piece.direction == 0 and constant_sign(piece.first) == 0 for piece in slopes)
    if flat or {1, -1} <= directions:
        return None
    parts = split(activation.expr, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1))
    ends = [(limit_at(p.formula, p.left, p.right), limit_at(p.formula, p.right, p.left)) for p in parts]
    low, high = (ends[0][0], ends[-1][1]) if 1 in directions else (ends[-1][1], ends[0][0])
    formulas = [_inverse_on(part, pair) for part, pair in zip(parts, ends, strict=True)]
    if any(formula is None for formula in formulas):
        return Inverse(None, sp.nan, low, high)
    inverse = _joined(formulas, ends, activation.parity == "odd", rising=1 in directions)
    slope = sp.diff(activation.expr, VARIABLE).xreplace({activation.expr: OUTPUT}).xreplace({VARIABLE: inverse})
    return Inverse(inverse, slope, low, high)


def _inverse_on(part: SmoothPiece, ends: tuple[sp.Expr, sp.Expr]) -> sp.Expr | None:
    rising = ends[0] == -sp.oo or ends[1] == sp.oo or (ends[1] != -sp.oo and ends[0] != sp.oo and _less(*ends))
    low, high = ends if rising else ends[::-1]
    return proved_inverse(part.formula, VARIABLE, OUTPUT, part.left, part.right, low, high)


def _less(first: sp.Expr, second: sp.Expr) -> bool:
    return constant_sign(second - first) > 0


def _joined(formulas: list[sp.Expr], ends: list[tuple[sp.Expr, sp.Expr]], odd: bool, *, rising: bool) -> sp.Expr:
    """One formula for all pieces: by the absolute value for an odd function of two pieces, where that is short."""
    if len(formulas) == 1:
        return formulas[0]
    if odd and len(formulas) == 2:
        quotient = sp.cancel(formulas[1] / OUTPUT)
        if quotient.count_ops() <= formulas[1].count_ops() and rising:
            return OUTPUT * _without_sign(quotient.xreplace({OUTPUT: sp.Abs(OUTPUT)}))
    below = sp.Lt if rising else sp.Gt
    parts = [(f, below(OUTPUT, pair[1])) for f, pair in zip(formulas[:-1], ends[:-1], strict=True)]
    return sp.Piecewise(*parts, (formulas[-1], True))


def _without_sign(quotient: sp.Expr) -> sp.Expr:
    """``-1/(a - 1)`` as ``1/(1 - a)``."""
    numerator, denominator = sp.fraction(quotient)
    return -numerator / sp.expand(-denominator) if numerator.could_extract_minus_sign() else quotient
