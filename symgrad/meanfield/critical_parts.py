"""On which side of zero ``F(q) = q E[phi'^2] - E[phi^2]`` lies, for all variances or for all large ones.

Let phi be continuous with bounded slope. As ``E[x f(x)] = q E[f'(x)]`` for Gaussian x of variance q, integration by
parts of ``f = phi phi'`` gives

    F(q) = E[phi (x phi' - phi)] - q E[phi phi''],

where a kink at k at which the slope rises by h adds ``phi(k) h`` times the density at k to the last mean. Positive
convex activations such as softplus have a negative F: their networks have no critical point at any variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.variance_ends import is_not_positive, supremum
from symgrad.meanfield.variance_map import Unit
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps

__all__ = ["Parts", "even_part"]


@dataclass(frozen=True)
class Parts:
    """Both terms of F.

    Args:
        unit: the activation.
    """

    unit: Unit

    @property
    def always_negative(self) -> bool:
        """Whether it is proved that F is negative at every variance."""
        if self.unit.vanishes_at_zero or not self._bend_has_sign(1):
            return False  # the first mean is negative near zero only if phi does not vanish there
        return is_not_positive(supremum(self.pull))

    def outgrown(self, sign: int) -> tuple[sp.Expr, sp.Expr] | None:
        """A formula f >= 0 and a constant c with ``-sign F(q) >= q E[f] - c``; None where there are none.

        Args:
            sign: 1 or -1, of the second mean.
        """
        if not self._bend_has_sign(sign):
            return None
        constant = supremum(sign * self.pull)
        return (sign * self.bend, constant) if constant.is_finite else None

    @cached_property
    def pull(self) -> sp.Expr:
        """The even part of ``phi (x phi' - phi)``."""
        phi = self.unit.activation.expr
        return even_part(phi * (X * self._slope - phi))

    @cached_property
    def bend(self) -> sp.Expr:
        """The even part of ``phi phi''`` between kinks."""
        curvature = derivative(self._slope, X).replace(sp.DiracDelta, lambda *_: sp.S.Zero)
        return even_part(self.unit.activation.expr * curvature)

    @property
    def _slope(self) -> sp.Expr:
        return self.unit.activation.derivative.expr

    def _bend_has_sign(self, sign: int) -> bool:
        """Whether ``phi phi''`` has the sign, between kinks and at them, and the slope is bounded."""
        try:
            kinks = jumps(self._slope, X)
        except SymgradError:
            return False
        if not supremum(self.unit.even_squared_slope).is_finite or not is_not_positive(supremum(-sign * self.bend)):
            return False
        return all(is_not_positive(-sign * self.unit.activation.expr.subs(X, k) * rise) for k, rise in kinks)


def even_part(formula: sp.Expr) -> sp.Expr:
    """The even part of a formula, which has the same Gaussian mean."""
    return canonical((formula + formula.xreplace({X: -X})) / 2)
