"""Derivatives of a formula piece by piece, and its jumps: Gaussian means differentiated by parts.

With the density p of variance q, ``d/dq E[f] = E[f'']/2``, where f'' is a distribution: its function part and, at a
point k where f or f' jumps by J_0 or J_1, ``J_1 delta(x - k) + J_0 delta'(x - k)``. Likewise for higher orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls import ball_from_ends, to_ball
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.ends import End
from symgrad.rigor.gaussian_points import hermite
from symgrad.rigor.gaussian_tails import growth
from symgrad.rigor.integrals import is_split, smooth_parts
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["Distribution", "distribution"]


@dataclass(frozen=True)
class Distribution:
    """A derivative of a formula: a function on pieces, and ``size * delta^(order)(x - point)`` for each jump.

    Attributes:
        parts: the function part.
        jumps: triples of a point, an order and a size, those of proved size 0 left out.
    """

    parts: tuple[SmoothPiece, ...]
    jumps: tuple[tuple[sp.Expr, int, sp.Expr], ...]

    def has_means(self, symbol: sp.Symbol) -> bool:
        """Whether its growth is proved to allow means for all small variances."""
        ends = ((self.parts[0].formula, -1), (self.parts[-1].formula, 1))
        return all(growth(formula, symbol, side, 1) is not None for formula, side in ends)

    def jump_means(self, low: arb, high: arb, mean: arb) -> arb:
        """The part of the mean that the jumps make, for all standard deviations between two exact numbers."""
        return sum((to_ball(size) * _delta(to_ball(k) - mean, m, low, high) for k, m, size in self.jumps), arb(0))


@lru_cache(maxsize=512)
def distribution(formula: sp.Expr, symbol: sp.Symbol, order: int) -> Distribution | None:
    """The derivative of that order of a formula, or None where a one-sided derivative at a kink may not be finite."""
    parts = smooth_parts(formula, symbol)
    if parts is None or not is_split(formula, symbol):  # a kink that was not found would be forgotten here
        return None
    ladders = [[part.formula] for part in parts]
    for ladder in ladders:
        for _ in range(order):
            ladder.append(derivative(ladder[-1], symbol))
    if any(rung.has(sp.DiracDelta, sp.Derivative, sp.Subs) for ladder in ladders for rung in ladder):
        return None
    jumps = []
    for place in range(len(parts) - 1):
        before, after = parts[place].right, parts[place + 1].left
        for j in range(order):
            size = _jump(ladders[place][j], before, ladders[place + 1][j], after, symbol)
            if size is None:
                return None
            if size is not sp.S.Zero:
                jumps.append((after.value, order - 1 - j, size))
    return Distribution(
        tuple(SmoothPiece(ladder[-1], part.left, part.right) for ladder, part in zip(ladders, parts, strict=True)),
        tuple(jumps),
    )


def _jump(before: sp.Expr, left: End, after: sp.Expr, right: End, symbol: sp.Symbol) -> sp.Expr | None:
    try:
        size = right.substitute(after, symbol) - left.substitute(before, symbol)
        if not to_ball(size).is_finite():
            return None
        return sp.S.Zero if is_zero_constant(size) else size
    except (SymgradError, TypeError, ValueError):
        return None


def _delta(distance: arb, order: int, low: arb, high: arb) -> arb:
    """``E[delta^(m)(x - k)] = He_m(y) density(y) / s**(m + 1)`` with ``y = distance / s``, for s from low to high."""
    if distance.is_zero() and order % 2:
        return arb(0)
    if low > 0:
        y = distance * ball_from_ends(1 / high, 1 / low)
        factor = ball_from_ends(1 / high ** (order + 1), 1 / low ** (order + 1))
        return hermite(order)(y) * (-y * y / 2).exp() / (2 * arb.pi()).sqrt() * factor
    size = abs(distance).lower()
    if not (size > 0 and high > 0):
        return arb(0) if size > 0 else arb("nan")
    # y**(m+1) He_m(y) exp(-y**2/2) term by term, each largest at the square root of its power or at the first y
    first = (size / high).lower()
    total = arb(0)
    for power, coefficient in enumerate(hermite(order).coeffs()):
        at = first.max(arb(order + 1 + power).sqrt())
        total += abs(coefficient) * at ** (order + 1 + power) * (-at * at / 2).exp()
    bound = total / (2 * arb.pi()).sqrt() / size ** (order + 1)
    return arb(0, 1) * bound.upper()
