"""What the spread of squared slopes tends to along the critical line for large variances."""

from __future__ import annotations

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.language.derivation import DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import VARIANCE, GaussianMean
from symgrad.meanfield.isometry_ends import LineLimit, limit_step, sign_of, two_sided
from symgrad.meanfield.spectral_rules import (
    CLOSED_RATIO,
    LIMIT_FAR_OUT,
    LINE_FAR_OUT,
    MOMENT_RATIO,
    POINCARE,
    POWERS_FAR_OUT,
    VARIANCE_OF_LINE,
)
from symgrad.rigor.closed_forms import is_zero_constant, tidy
from symgrad.rigor.ends import End as LineEnd
from symgrad.rigor.ends import starts
from symgrad.rigor.extrema import extrema
from symgrad.rigor.parity import is_odd
from symgrad.rigor.smooth_pieces import split
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["far_end"]


def far_end(phi: Activation, ratio: sp.Expr) -> LineLimit:
    """The end at which the variance grows without bound."""
    try:
        slopes = _slopes_far_out(phi)
    except SymgradError:
        return _oscillating(ratio)
    left, right = slopes
    if not (left.is_finite and right.is_finite) or (is_zero_constant(left) and is_zero_constant(right)):
        return _by_powers(phi, slopes)
    limit = two_sided(left, right)
    step = limit_step(LIMIT_FAR_OUT, limit, sp.oo)
    if not is_zero_constant(limit - 1):
        return LineLimit(False, f"mu_2/mu_1^2 tends to {limit} for q -> oo", (step,))
    return _line_far_out(phi, slopes, step)


def _by_powers(phi: Activation, slopes: tuple[sp.Expr, sp.Expr]) -> LineLimit:
    """Slopes that vanish or grow without bound: faster than any slowly varying function, their spread stays."""
    grows = not all(slope.is_finite for slope in slopes)
    words = "grows without bound" if grows else "vanishes"
    try:
        powers = [_power_far_out(phi, side) for side, s in zip((-1, 1), slopes, strict=True) if grows != s.is_finite]
    except SymgradError:
        powers = [sp.S.Zero]
    signs = [sign_of(power) for power in powers]
    if 1 not in signs if grows else not all(sign == -1 for sign in signs):
        return LineLimit(None, f"the slope {words} far out, and how fast is not decided")
    relation = sp.Gt(sp.Limit(MOMENT_RATIO, VARIANCE, sp.oo), 1, evaluate=False)
    note = f"the slope {words} like a power or faster"
    reason = f"the slope {words} far out, so that mu_2/mu_1^2 does not tend to 1 for q -> oo"
    return LineLimit(False, reason, (DerivationStep(POWERS_FAR_OUT, relation, note),))


def _power_far_out(phi: Activation, side: int) -> sp.Expr:
    """The limit of ``x phi''(x)/phi'(x)``: the power that the slope is like; minus infinity where it is 0."""
    pieces = split(phi.derivative.expr, VARIABLE, LineEnd(-sp.oo, 1), LineEnd(sp.oo, -1))
    slope = pieces[0 if side < 0 else -1].formula
    if slope.is_zero:
        return -sp.oo
    return _limit(sp.together(VARIABLE * sp.diff(slope, VARIABLE) / slope), side)


def _slopes_far_out(phi: Activation) -> tuple[sp.Expr, sp.Expr]:
    pieces = split(phi.derivative.expr, VARIABLE, LineEnd(-sp.oo, 1), LineEnd(sp.oo, -1))
    return _limit(pieces[0].formula, -1), _limit(pieces[-1].formula, 1)


def _limit(formula: sp.Expr, side: int) -> sp.Expr:
    """The proved limit of a smooth formula at plus or minus infinity.

    Raises:
        TailUndecidedError: it is not proved.
    """
    end = LineEnd(side * sp.oo, -side)
    other = LineEnd(sp.S.Zero, side)
    for start in starts(other, end) if side > 0 else starts(end, other):
        try:
            found = tail_model(formula, VARIABLE, end.model(start), end.vanishing).limit()
        except TailUndecidedError:
            continue
        if found is not None:
            return found if not found.is_finite else tidy(found)
    raise TailUndecidedError(f"the limit of {formula} at {side * sp.oo} could not be proved")


def _oscillating(ratio: sp.Expr) -> LineLimit:
    """Slopes without limits: what the ratio tends to where it is known in closed form."""
    limit = sp.nan if ratio.has(GaussianMean) else sp.limit(ratio, VARIANCE, sp.oo)
    if not limit.is_number or (limit != sp.oo and not (limit.is_finite and sign_of(limit - 1) == 1)):
        return LineLimit(None, "what the spread of the slope tends to far out is not decided")
    return LineLimit(False, f"mu_2/mu_1^2 tends to {limit} for q -> oo", (limit_step(CLOSED_RATIO, limit, sp.oo),))


def _line_far_out(phi: Activation, slopes: tuple[sp.Expr, sp.Expr], step: DerivationStep) -> LineLimit:
    """Where the ratio tends to 1: whether ``sigma_b^2 >= 0`` for large q."""
    words = "mu_2/mu_1^2 tends to 1 as q* tends to infinity on the critical line"
    nonnegative = sp.Ge(VARIANCE_OF_LINE(VARIANCE), 0, evaluate=False)
    if is_odd(phi.expr, VARIABLE):
        return LineLimit(True, words, (step, DerivationStep(POINCARE, nonnegative, "phi is odd")))
    try:
        pieces = split(phi.expr, VARIABLE, LineEnd(-sp.oo, 1), LineEnd(sp.oo, -1))
        rests = [_limit(pieces[i].formula - s * VARIABLE, d) for i, s, d in ((0, slopes[0], -1), (-1, slopes[1], 1))]
    except SymgradError:
        rests = [sp.nan]
    if not all(rest.is_finite for rest in rests):
        return LineLimit(None, "whether the critical line reaches large q is not decided", (step,))
    if is_zero_constant(slopes[0] - slopes[1]):
        return LineLimit(True, words, (step, DerivationStep(LINE_FAR_OUT, nonnegative, "equal slopes")))
    sign = _sign_of_opposite_slopes(phi, slopes[1], rests)
    if not sign:
        return LineLimit(None, "whether the critical line reaches large q is not decided", (step,))
    if sign < 0:
        negative = sp.Lt(VARIANCE_OF_LINE(VARIANCE), 0, evaluate=False)
        words = "the critical line ends before large q"
        return LineLimit(False, words, (step, DerivationStep(LINE_FAR_OUT, negative, "opposite slopes")))
    return LineLimit(True, words, (step, DerivationStep(LINE_FAR_OUT, nonnegative, "opposite slopes")))


def _sign_of_opposite_slopes(phi: Activation, slope: sp.Expr, rests: list[sp.Expr]) -> int | None:
    """The sign of the integral of ``g'^2`` less ``4 s phi(0)``, where ``phi = s |x| + g``."""
    height = slope * phi.expr.subs(VARIABLE, 0)
    if sign_of(height) in (0, -1):
        return 1
    sides = ((-1, sp.Interval.Lopen(-sp.oo, 0)), (1, sp.Interval.Ropen(0, sp.oo)))
    bound: sp.Expr = sp.S.Zero
    try:
        for (side, domain), rest in zip(sides, rests, strict=True):
            turning = extrema(phi.derivative.expr - side * slope, VARIABLE, domain)
            if sign_of(turning.inf.value) == -1 and sign_of(turning.sup.value) == 1:
                return None
            fall = sp.Abs(rest - phi.expr.subs(VARIABLE, 0))  # g is monotone on this side
            bound += turning.sup_abs * fall
    except SymgradError:
        return None
    return -1 if sign_of(4 * height - bound) == 1 else None
