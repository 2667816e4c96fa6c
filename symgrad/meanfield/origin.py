"""A piecewise smooth formula on both sides of 0: values, slopes and Taylor coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import split

__all__ = ["Origin", "origin"]

_FAR = sp.Integer(1)  # how far from 0 pieces are looked for; there may be infinitely many beyond


@dataclass(frozen=True)
class Origin:
    """A formula near 0.

    Attributes:
        left: the analytic formula that holds just below 0.
        right: the one just above.
    """

    left: sp.Expr
    right: sp.Expr

    def coefficient(self, order: int, side: int) -> sp.Expr:
        """The Taylor coefficient of a power of ``|x|`` on one side of 0 (1 or -1); not finite where there is none."""
        formula = self.right if side > 0 else self.left
        derivative = sp.diff(formula, VARIABLE, order)
        value = derivative.subs(VARIABLE, 0)
        if not value.is_finite:
            value = sp.limit(derivative, VARIABLE, 0, "+" if side > 0 else "-")
        return sp.Integer(side) ** order * value / sp.factorial(order)

    def both(self, order: int) -> tuple[sp.Expr, sp.Expr]:
        """The derivatives of some order (0 or 1) on the left and on the right."""
        return -self.coefficient(order, -1) if order % 2 else self.coefficient(order, -1), self.coefficient(order, 1)

    @property
    def is_smooth(self) -> bool:
        """Whether value and slope are finite and agree from both sides."""
        pairs = [self.both(order) for order in (0, 1)]
        return all(a.is_finite and b.is_finite and (a == b or is_zero_constant(a - b)) for a, b in pairs)


def origin(formula: sp.Expr) -> Origin:
    """The smooth formulas on both sides of 0.

    Raises:
        SymgradError: the pieces near 0 could not be found.

    >>> origin(sp.Abs(VARIABLE)).both(1)
    (-1, 1)
    """
    left = split(formula, VARIABLE, End(-_FAR, 1), End(sp.S.Zero, -1))[-1]
    right = split(formula, VARIABLE, End(sp.S.Zero, 1), End(_FAR, -1))[0]
    return Origin(left.formula, right.formula)
