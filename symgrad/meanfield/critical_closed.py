"""Critical variances from closed forms: all zeros of ``s (q M - K) - b M`` wherever both means exist."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.language.gaussian import VARIANCE
from symgrad.meanfield.means import Mean
from symgrad.meanfield.variance_map import Unit
from symgrad.rigor.balls import working_precision
from symgrad.rigor.roots import all_roots

__all__ = ["closed_zeros"]

_BITS = 96


def closed_zeros(unit: Unit, slack: sp.Expr, offset: sp.Expr) -> tuple[arb, ...] | None:
    """All positive critical variances, each the only one in its ball; None where that is not proved.

    Args:
        unit: the activation.
        slack: s, positive.
        offset: b, not negative.
    """
    values, slopes = unit.moments.values, unit.moments.slopes
    if values.closed is None or slopes.closed is None:
        return None
    balance = sp.factor_terms((slack * VARIANCE - offset) * slopes.expr - slack * values.expr)
    try:
        with working_precision(_BITS):
            found = all_roots(balance, VARIANCE, _domain(values).intersect(_domain(slopes)))
            balls = [root.ball(_BITS) for root in found.points]
    except (SymgradError, ArithmeticError, ValueError, TypeError, AttributeError):
        return None
    if found.gaps or found.continua or not all(root.proved and root.multiplicity for root in found.points):
        return None
    positive = [ball for ball in balls if ball > 0]
    others = [root for root, ball in zip(found.points, balls, strict=True) if not ball > 0]
    return tuple(positive) if all(root.exact is not None and root.exact.is_zero for root in others) else None


def _domain(mean: Mean) -> sp.Set:
    exists = sp.true if mean.closed is None else mean.closed.exists
    half_line = sp.Interval(0, sp.oo)
    return half_line if exists == sp.true else half_line.intersect(exists.as_set())
