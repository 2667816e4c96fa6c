"""What the spread of squared slopes tends to along the critical line for small variances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.language.derivation import DerivationRule, DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import VARIANCE
from symgrad.meanfield.origin import Origin, origin
from symgrad.meanfield.spectral_rules import (
    HERMITE,
    LIMIT_AT_ZERO,
    MOMENT_RATIO,
    MU,
    ON_THE_LINE,
    POINCARE,
    TAYLOR,
    VARIANCE_OF_LINE,
)
from symgrad.rigor.balls import to_ball
from symgrad.rigor.closed_forms import is_zero_constant, tidy
from symgrad.rigor.ends import End as LineEnd
from symgrad.rigor.parity import is_odd
from symgrad.rigor.smooth_pieces import split

__all__ = ["LineLimit", "limit_step", "near_end", "sign_of", "two_sided"]

_ORDERS = 8
_BITS = (64, 256, 1024)
Weight = Callable[[int, int], sp.Expr]


@dataclass(frozen=True)
class LineLimit:
    """One end of the critical line.

    Attributes:
        reaches_one: whether ``mu_2/mu_1^2`` tends to 1 along the line there; False also where the line does not reach
            this end; None where it is not decided.
        words: what was found.
        steps: of the proof.
    """

    reaches_one: bool | None
    words: str
    steps: tuple[DerivationStep, ...] = ()


def sign_of(constant: sp.Expr) -> int | None:
    """The sign of a constant, proved; None where it is not decided."""
    if constant in (sp.oo, -sp.oo):
        return 1 if constant == sp.oo else -1
    if is_zero_constant(constant):
        return 0
    for bits in _BITS:
        ball = to_ball(constant, bits)
        if ball > 0 or ball < 0:
            return 1 if ball > 0 else -1
    return None


def near_end(phi: Activation) -> LineLimit:
    """The end at which the variance tends to 0."""
    try:
        around = origin(phi.expr)
        values, slopes = around.both(0), around.both(1)
        if not all(number.is_finite for number in (*values, *slopes)):
            return LineLimit(None, "the activation has no finite slopes next to 0")
        return _near(phi, around, values[1], slopes)
    except SymgradError as error:
        return LineLimit(None, f"the activation next to 0 is not decided: {error}")


def _near(phi: Activation, around: Origin, value: sp.Expr, slopes: tuple[sp.Expr, sp.Expr]) -> LineLimit:
    if sign_of(value) is None:
        return LineLimit(None, "whether the activation vanishes at 0 is not decided")
    if sign_of(value) != 0:
        relation = sp.Lt(sp.Limit(VARIANCE_OF_LINE(VARIANCE), VARIANCE, 0), 0, evaluate=False)
        words = "phi(0) is not 0, so the critical line stays away from q = 0"
        return LineLimit(False, words, (DerivationStep(ON_THE_LINE, relation, f"phi(0) = {value}"),))
    limit = _ratio_at_zero(around, slopes)
    if limit is None:
        return LineLimit(None, "the leading power of the slope at 0 is not decided")
    step = limit_step(LIMIT_AT_ZERO, limit, sp.S.Zero)
    if not is_zero_constant(limit - 1):
        return LineLimit(False, f"mu_2/mu_1^2 tends to {limit} for q -> 0", (step,))
    return _line_near_zero(phi, around, step)


def _ratio_at_zero(around: Origin, slopes: tuple[sp.Expr, sp.Expr]) -> sp.Expr | None:
    """The limit of ``mu_2/mu_1^2`` from the leading powers of the slope on both sides of 0."""
    for order in range(1, _ORDERS):
        pair = tuple(order * around.coefficient(order, side) for side in (-1, 1))
        if not all(number.is_finite for number in pair):
            return None
        signs = [sign_of(number) for number in pair]
        if None in signs:
            return None
        if any(signs):
            power = order - 1
            spread = _absolute_moment(4 * power) / _absolute_moment(2 * power) ** 2
            return tidy(two_sided(*pair) * spread)
    return None


def two_sided(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """``mu_2/mu_1^2`` of two slopes, one on each side of 0."""
    return tidy(2 * (left**4 + right**4) / (left**2 + right**2) ** 2)


def _absolute_moment(power: int) -> sp.Expr:
    """The mean of a power of the absolute value of a standard normal variable."""
    if power % 2 == 0:
        return sp.factorial2(power - 1)
    return sp.sqrt(2 / sp.pi) * 2 ** ((power - 1) // 2) * sp.factorial((power - 1) // 2)


def _line_near_zero(phi: Activation, around: Origin, step: DerivationStep) -> LineLimit:
    """Where the ratio tends to 1: whether ``sigma_b^2 >= 0`` for small q, and whether the fixed point attracts."""
    stability = _stability_near_zero(phi, around)
    words = f"mu_2/mu_1^2 tends to 1 as q* tends to 0 on the critical line: keep L q* small; q* {stability}"
    nonnegative = sp.Ge(VARIANCE_OF_LINE(VARIANCE), 0, evaluate=False)
    if is_odd(phi.expr, VARIABLE):
        return LineLimit(True, words, (step, DerivationStep(POINCARE, nonnegative, "phi is odd")))
    sides = [[around.coefficient(k, side) for k in range(1, _ORDERS)] for side in (-1, 1)]
    if all(is_zero_constant(number) for side in sides for number in side[1:]) and _is_linear(around):
        return LineLimit(True, words, (step, DerivationStep(HERMITE, nonnegative, "phi is linear next to 0")))
    found = _leading(sides, lambda j, k: j * k * _absolute_moment(j + k - 2) - _absolute_moment(j + k))
    if found is None:
        return LineLimit(None, "whether the critical line reaches q = 0 is not decided", (step,))
    power, coefficient = found
    if coefficient < 0:
        return LineLimit(False, "the critical line stays away from q = 0", (step,))
    leading = sp.Eq(MU[0] * VARIANCE_OF_LINE(VARIANCE), tidy(coefficient) * VARIANCE**power, evaluate=False)
    note = "the leading term, positive"
    return LineLimit(True, words, (step, DerivationStep(TAYLOR, leading, note)))


def _is_linear(around: Origin) -> bool:
    return all(side.is_polynomial(VARIABLE) and sp.degree(side, VARIABLE) <= 1 for side in (around.left, around.right))


def _leading(sides: list[list[sp.Expr]], weight: Weight) -> tuple[sp.Expr, sp.Expr] | None:
    """The first term of half the sum of ``c_j c_k weight(j, k) q^((j+k)/2)`` that does not vanish."""
    for total in range(3, _ORDERS + 1):
        terms = [c[j - 1] * c[total - j - 1] * weight(j, total - j) for c in sides for j in range(1, total)]
        coefficient = sp.Add(*terms) / 2
        if not coefficient.is_finite:
            return None
        sign = sign_of(coefficient)
        if sign is None:
            return None
        if sign:
            return sp.Rational(total, 2), coefficient
    return None


def _stability_near_zero(phi: Activation, around: Origin) -> str:
    """What the fixed point on the critical line does for small variances: the sign of ``V'(q) - 1``."""
    sides = [[around.coefficient(k, side) for k in range(1, _ORDERS)] for side in (-1, 1)]

    def weight(j: int, k: int) -> sp.Expr:
        return sp.Rational(j + k, 2) * _absolute_moment(j + k) - j * k * _absolute_moment(j + k - 2)

    found = _leading(sides, weight)
    sign = _sign_at_nearest_kinks(phi) if found is None and _is_linear(around) else found and sign_of(found[1])
    return {-1: "attracts there", 1: "repels there (no edge of chaos)"}.get(
        sign or 0, "is of undecided stability there"
    )


def _sign_at_nearest_kinks(phi: Activation) -> int | None:
    """The sign of ``E[phi phi'']`` for small q where phi is linear next to 0: that of the nearest corners."""
    try:
        pieces = split(phi.expr, VARIABLE, LineEnd(-sp.oo, 1), LineEnd(sp.oo, -1))
    except SymgradError:
        return None
    corners = []
    for left, right in pairwise(pieces):
        point = left.right.value
        turn = sp.diff(right.formula - left.formula, VARIABLE).subs(VARIABLE, point)
        corners.append((abs(float(point)), sp.sign(left.formula.subs(VARIABLE, point) * turn)))
    corners = [corner for corner in corners if corner[0] > 0]
    if not corners:
        return None
    nearest = min(distance for distance, _ in corners)
    signs = {sign for distance, sign in corners if distance <= nearest * (1 + 1e-9)}
    return int(signs.pop()) if len(signs) == 1 else None


def limit_step(rule: DerivationRule, limit: sp.Expr, point: sp.Expr) -> DerivationStep:
    """The step that states the limit of ``mu_2/mu_1^2``."""
    return DerivationStep(rule, sp.Eq(sp.Limit(MOMENT_RATIO, VARIANCE, point), limit, evaluate=False))
