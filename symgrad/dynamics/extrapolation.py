"""Ordinary differential equations at any precision: the extrapolated midpoint rule of Gragg, Bulirsch and Stoer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision

__all__ = ["extrapolated"]

Blocks = list[Any]  # matrices of balls whose radii are not kept
_MOST_STEPS = 20000
_SAFETY, _LEAST_CHANGE, _LARGEST_CHANGE = 0.85, 0.1, 8.0
_FIRST_TESTED = 3  # columns, before which two extrapolations may agree by chance
_STALLED = 0.3  # a column that gains less than this factor tells of a kink, or a step far too long
_SHORTENED = 0.25


def extrapolated(
    right_side: Callable[[Blocks], Blocks], start: Blocks, horizon: arb, digits: int, first_step: float
) -> list[tuple[arb, Blocks]]:
    """The solution of ``dy/dt = g(y)`` from 0 to T, at the steps that were taken.

    Each step of length H is computed by the modified midpoint rule with 2, 4, ..., 2K parts and extrapolated in the
    square of their length. H is chosen so that the last two extrapolations agree to about ``digits`` decimals of each
    block; at a kink of g, where that takes ever shorter steps, it is passed by one of length about 10^-digits.

    Args:
        right_side: g, of several matrices of balls.
        start: y(0).
        horizon: T, positive.
        digits: decimals to which each step is computed; errors grow or shrink on the way to T as the flow has it.
        first_step: tried first.

    Raises:
        InputError: the solution ceases to exist before T, or leaves the domain of g.

    Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 1993, sec. II.9.
    """
    columns = max(6, digits // 3 + 3)
    with working_precision(int(digits * 3.33) + 64 + 4 * columns):
        tolerance, shortest = arb(10) ** -digits, horizon * arb(10) ** (-2 * digits - 20)
        time, state, length = arb(0), _mid(start), min(arb(first_step), horizon)
        record = [(time, state)]
        for _ in range(_MOST_STEPS):
            last = bool(time + length >= horizon)
            step = (horizon - time).mid() if last else length
            proposed, change = _step(right_side, state, step, columns, tolerance)
            if proposed is not None:
                time, state = (time + step).mid(), proposed
                record.append((time, state))
                if last:
                    return record
            length = (step * change).mid()
            if length < shortest:
                break
    raise InputError(f"horizon: the trajectory could be followed to t = {float(time.mid()):.6g} only, not to {horizon}")


def _step(
    right_side: Callable[[Blocks], Blocks], state: Blocks, length: arb, columns: int, tolerance: arb
) -> tuple[Blocks | None, arb]:
    """One step, None if its last two extrapolations differ by too much, and the factor for the next one."""
    slope = right_side(state)
    row: list[Blocks] = []
    error = arb.pos_inf()
    for k in range(1, columns + 1):
        row = _extrapolated_row(_midpoint(right_side, state, slope, length, 2 * k), row)
        if k < _FIRST_TESTED:
            continue
        previous, error = error, max((_difference(i, row[-1], row[-2]) for i in range(len(state))), key=_order)
        if error <= tolerance:
            return row[-1], arb(_LARGEST_CHANGE) if k < columns else _change(error, tolerance, columns)
        if k > _FIRST_TESTED + 1 and not error < _STALLED * previous:
            return None, arb(_SHORTENED)
    return None, _change(error, tolerance, columns)


def _extrapolated_row(coarsest: Blocks, before: Sequence[Blocks]) -> list[Blocks]:
    """The next row of the table of Aitken and Neville in the square of the length of the parts."""
    row, k = [coarsest], len(before) + 1
    for j, coarser in enumerate(before):
        weight = arb(1) / ((arb(k) / (k - j - 1)) ** 2 - 1)
        row.append(_mid(_sum(row[j], _scaled(_sum(row[j], _scaled(coarser, -1)), weight))))
    return row


def _change(error: arb, tolerance: arb, columns: int) -> arb:
    """The factor for the next step, from an error that is of order H^(2K-1)."""
    if not error.is_finite():
        return arb(_LEAST_CHANGE)
    if error.is_zero():
        return arb(_LARGEST_CHANGE)
    factor = _SAFETY * (tolerance / error) ** (arb(1) / (2 * columns - 1))
    return min(max(factor.mid(), arb(_LEAST_CHANGE)), arb(_LARGEST_CHANGE))


def _difference(place: int, fine: Blocks, coarse: Blocks) -> arb:
    """The distance of two approximations of one block; of the first, the state, relative to 1 if it is small."""
    distance = _largest(fine[place] - coarse[place])
    if distance.is_zero():
        return distance
    size = _largest(fine[place])
    return distance / (size + 1 if place == 0 else size)


def _order(error: arb) -> tuple[bool, Any]:
    return not error.is_finite(), error.mid() if error.is_finite() else 0


def _largest(matrix: Any) -> arb:
    entries = [abs(entry) for entry in matrix.entries()]
    if not all(entry.is_finite() for entry in entries):
        return arb.pos_inf()
    return max((entry.mid() for entry in entries), default=arb(0))


def _midpoint(right_side: Callable[[Blocks], Blocks], state: Blocks, slope: Blocks, length: arb, parts: int) -> Blocks:
    """The modified midpoint rule with a smoothing step at the end."""
    part = length / parts
    before, now = state, _sum(state, _scaled(slope, part))
    for _ in range(parts - 1):
        before, now = now, _mid(_sum(before, _scaled(right_side(now), 2 * part)))
    return _mid(_scaled(_sum(_sum(before, now), _scaled(right_side(now), part)), arb(0.5)))


def _sum(first: Sequence[Any], second: Sequence[Any]) -> Blocks:
    return [a + b for a, b in zip(first, second, strict=True)]


def _scaled(blocks: Sequence[Any], factor: Any) -> Blocks:
    return [block * factor for block in blocks]


def _mid(blocks: Sequence[Any]) -> Blocks:
    return [block.mid() for block in blocks]
