"""Gaussian means for whole ranges of variances and means: the range of the formula on cells, times their weights."""

from __future__ import annotations

from functools import lru_cache, reduce
from itertools import pairwise

import sympy as sp
from flint import arb, ctx

from symgrad.rigor.balls import ball_from_ends
from symgrad.rigor.gaussian_points import FARTHEST, hermite, hermite_integral
from symgrad.rigor.gaussian_tails import growth, values_between
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["Range", "common", "mean_on_cells"]

Range = tuple[arb, arb]
_REACH, _INNER, _STEPS = 9, 4, 4


def mean_on_cells(parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, deviations: Range, mean: arb, order: int) -> arb:
    """Encloses ``E[f(mean + s z) He_n(z)]`` for all standard deviations s in a range that may begin at 0.

    Args:
        parts: the smooth pieces of f from left to right.
        symbol: their variable.
        deviations: exact numbers, the least and the greatest.
        mean: a ball.
        order: n.

    Returns:
        A ball whose width is of first order in the width of the range and of the cells. Not finite where nothing is
        proved.
    """
    total = arb(0)
    for low, high, weight, size in _cells(order, ctx.prec):
        middle, radius = values_between(parts, symbol, *_image(low, high, deviations, mean))
        if not radius.is_finite():
            return arb("nan")
        total += middle * weight + arb(0, 1) * (radius * size).upper()
    for side in (-1, 1):
        total += arb(0, 1) * _tail(parts, symbol, deviations, mean, order, side)
    return total


def _image(low: arb, high: arb, deviations: Range, mean: arb) -> Range:
    """The exact ends of ``mean + s z`` for z from low to high."""
    ends = [s * z for s in deviations for z in (low, high)]
    return (mean + reduce(arb.min, ends)).lower(), (mean + reduce(arb.max, ends)).upper()


@lru_cache(maxsize=64)
def _cells(order: int, bits: int) -> tuple[tuple[arb, arb, arb, arb], ...]:
    """Ends, the integral of ``He_n`` times the density, and a bound of that of its absolute value, for each cell."""
    inner = [arb(k) / _STEPS for k in range(-_INNER * _STEPS + 1, _INNER * _STEPS)]
    outer = [arb(k) for k in range(_INNER, _REACH + 1)]
    points = [*(-k for k in reversed(outer)), *inner, *outer]
    polynomial = hermite(order)
    cells = []
    for low, high in pairwise(points):
        weight = hermite_integral(order, low) - hermite_integral(order, high)
        values = polynomial(low.union(high))
        density = (-(low.union(high) ** 2) / 2).exp() / (2 * arb.pi()).sqrt()
        size = abs(weight) if not values.contains(0) else abs(values).upper() * density.upper() * (high - low)
        cells.append((low, high, weight, size))
    return tuple(cells)


def _tail(
    parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, deviations: Range, mean: arb, order: int, side: int
) -> arb:
    """A bound of what lies beyond the cells on one side: the range up to a fixed point, and growth beyond it."""
    part = parts[0] if side < 0 else parts[-1]
    edge = (part.right if side < 0 else part.left).ball() * side
    highest = deviations[1]
    least = 1
    while least < 2**FARTHEST and not (edge < least and (side * mean + _REACH * highest) < least):
        least *= 2
    bound = growth(part.formula, symbol, side, least) if edge < least else None
    if bound is None:
        return arb.pos_inf()
    start = arb(bound.start)
    inner = (side * mean + _REACH * deviations[0]).lower()
    middle, radius = values_between(parts, symbol, *((inner, start) if side > 0 else (-start, -inner)))
    near = (abs(middle) + radius) * abs(hermite_integral(order, arb(_REACH)))
    if highest.is_zero():
        return near.upper()
    begin = ((start - side * mean) / highest).lower()
    return (near + bound.tail_from_start(begin, highest, side * mean, order)).upper()


def common(balls: list[arb]) -> arb:
    """A ball around what the finite ones among these enclosures of one set have in common."""
    finite = [ball for ball in balls if ball.is_finite()]
    if not finite:
        return arb("nan")
    low = reduce(arb.max, [ball.lower() for ball in finite])
    return ball_from_ends(low, reduce(arb.min, [ball.upper() for ball in finite]))
