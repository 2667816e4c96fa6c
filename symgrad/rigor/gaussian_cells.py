"""Gaussian means for whole ranges of variances and means: the range of the formula on cells, times their weights."""

from __future__ import annotations

from functools import lru_cache, reduce
from itertools import pairwise

import sympy as sp
from flint import arb, ctx

from symgrad.rigor.balls import ball_from_ends, interval_function
from symgrad.rigor.gaussian_points import hermite
from symgrad.rigor.gaussian_tails import growth
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
        middle, radius = _range(parts, symbol, *_image(low, high, deviations, mean))
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


def _range(parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, low: arb, high: arb) -> tuple[arb, arb]:
    """The middle and the radius of the values of a formula between two numbers."""
    least, greatest = arb.pos_inf(), arb.neg_inf()
    for part in parts:
        left, right = part.left.ball().lower().max(low), part.right.ball().upper().min(high)
        if left > right:
            continue
        below, above = interval_function(part.formula, symbol)((left, right))
        least, greatest = least.min(below.lower()), greatest.max(above.upper())
    if not (least.is_finite() and greatest.is_finite()):
        return arb("nan"), arb("nan")
    ball = ball_from_ends(least, greatest)
    return ball.mid(), ball.rad()


@lru_cache(maxsize=64)
def _cells(order: int, bits: int) -> tuple[tuple[arb, arb, arb, arb], ...]:
    """Ends, the integral of ``He_n`` times the density, and a bound of that of its absolute value, for each cell."""
    inner = [arb(k) / _STEPS for k in range(-_INNER * _STEPS + 1, _INNER * _STEPS)]
    outer = [arb(k) for k in range(_INNER, _REACH + 1)]
    points = [*(-k for k in reversed(outer)), *inner, *outer]
    polynomial = hermite(order)
    cells = []
    for low, high in pairwise(points):
        weight = _integral(order, low) - _integral(order, high)
        values = polynomial(low.union(high))
        density = (-(low.union(high) ** 2) / 2).exp() / (2 * arb.pi()).sqrt()
        size = abs(weight) if not values.contains(0) else abs(values).upper() * density.upper() * (high - low)
        cells.append((low, high, weight, size))
    return tuple(cells)


def _integral(order: int, z: arb) -> arb:
    """The integral of ``He_n`` times the density from z on."""
    if order == 0:
        return (z / arb(2).sqrt()).erfc() / 2
    return hermite(order - 1)(z) * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def _tail(
    parts: tuple[SmoothPiece, ...], symbol: sp.Symbol, deviations: Range, mean: arb, order: int, side: int
) -> arb:
    """A bound of what lies beyond the cells on one side: the range up to a fixed point, and growth beyond it."""
    part = parts[0] if side < 0 else parts[-1]
    edge = (part.right if side < 0 else part.left).ball() * side
    highest = deviations[1]
    least = 1
    while least < 2**60 and not (edge < least and (side * mean + _REACH * highest) < least):
        least *= 2
    bound = growth(part.formula, symbol, side, least)
    if bound is None:
        return arb.pos_inf()
    start = arb(bound.start)
    inner = (side * mean + _REACH * deviations[0]).lower()
    middle, radius = _range(parts, symbol, *((inner, start) if side > 0 else (-start, -inner)))
    near = (abs(middle) + radius) * abs(_integral(order, arb(_REACH)))
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
