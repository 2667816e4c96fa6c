"""Basins of maps that are neither increasing nor decreasing: what images of intervals prove."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.basin_parts import UNKNOWN, Attractor, BasinInterval
from symgrad.rigor.balls import lower_float, upper_float
from symgrad.rigor.monotone import FunctionRange

__all__ = ["by_images", "trap"]

Array = NDArray[np.float64]
Bounds = Callable[[float, float], tuple[float, float]]

_CELLS = 256
_HALVINGS = 6
_ROUNDS = 200
_MOST_CELLS = 4000
_TRAP_STEPS = 60


def trap(slopes: Bounds, point: arb, reach: float) -> tuple[float, float] | None:
    """An interval around a fixed point within which a map contracts distances to it, as wide as is found.

    With ``|F'| <= L < 1`` on ``[p - d, p + d]`` all x there have ``|F(x) - p| <= L |x - p|``: they tend to p.

    Args:
        slopes: bounds of F' over intervals.
        point: encloses p.
        reach: the largest d that is tried.
    """
    low, high = lower_float(point), upper_float(point)
    good, bad, distance = 0.0, reach, reach
    for _ in range(_TRAP_STEPS):
        below, above = slopes(low - distance, high + distance)
        if below > -1 and above < 1:
            good = distance
        else:
            bad = distance
        if good == reach:
            break
        distance = (good + bad) / 2
    radius = math.nextafter(good * (1 - 2.0**-50), 0.0)
    return (high - radius, low + radius) if high - radius < low + radius and radius > 0 else None


def by_images(
    image: FunctionRange,
    traps: Sequence[tuple[float, float, Attractor]],
    window: tuple[float, float],
    ends: tuple[float, float],
) -> list[BasinInterval]:
    """Intervals of starts that are proved to be taken into a trap, step by step.

    The window is cut into cells. A cell whose image lies within intervals that are proved to lead to an attractor
    leads there too; cells about which nothing is proved are halved a few times.

    Args:
        image: the range of F over intervals.
        traps: intervals that lead to an attractor, which overlap only where they lead to the same.
        window: bounded, where it is looked closely.
        ends: of all starts that are considered, possibly infinite.
    """
    proved = _merged(list(traps))
    marks = np.unique(np.concatenate([[ends[0]], np.linspace(*window, _CELLS + 1), [ends[1]]]))
    cells = _without(marks, proved)
    for _ in range(_HALVINGS):
        proved, cells = _spread(image, proved, cells)
        if len(cells) == 0 or 2 * len(cells) > _MOST_CELLS:
            break
        cells = _halved(cells, window[1] - window[0])
    return _with_unknown([BasinInterval(_ball(low), _ball(high), target) for low, high, target in proved], ends)


def _halved(cells: Array, reach: float) -> Array:
    """Cells cut in two; from one that is infinite a piece as long as the window is cut off."""
    low, high = cells.T
    with np.errstate(invalid="ignore"):
        middles = np.where(np.isinf(low), high - reach, np.where(np.isinf(high), low + reach, (low + high) / 2))
    return np.concatenate([np.stack([low, middles], 1), np.stack([middles, high], 1)])


def _ball(end: float) -> arb:
    if math.isinf(end):
        return arb.pos_inf() if end > 0 else arb.neg_inf()
    return arb(end)


Proved = list[tuple[float, float, Attractor]]


def _spread(image: FunctionRange, proved: Proved, cells: Array) -> tuple[Proved, Array]:
    """Adds cells that are mapped into what is proved, until there are no more."""
    if len(cells) == 0:
        return proved, cells
    low, high = image.over(cells[:, 0], cells[:, 1])
    for _ in range(_ROUNDS):
        homes = _homes(proved, low, high)
        taken = homes >= 0
        if not taken.any():
            break
        added = [(float(a), float(b), proved[i][2]) for (a, b), i in zip(cells[taken], homes[taken], strict=True)]
        proved = _merged([*proved, *added])
        cells, low, high = cells[~taken], low[~taken], high[~taken]
    return proved, cells


def _homes(proved: Proved, low: Array, high: Array) -> NDArray[np.int64]:
    """For each image the proved interval in which it lies, -1 where there is none."""
    starts, ends = np.array([part[0] for part in proved]), np.array([part[1] for part in proved])
    place = np.searchsorted(starts, low, side="right") - 1
    inside = (place >= 0) & (high <= ends[np.maximum(place, 0)]) if len(proved) else np.zeros(len(low), dtype=bool)
    return np.where(inside, place, -1)


def _merged(parts: Proved) -> Proved:
    """Sorted, with neighbours that touch and lead to the same attractor joined."""
    found: Proved = []
    for low, high, attractor in sorted(parts, key=lambda part: part[:2]):
        if found and low <= found[-1][1] and found[-1][2].same(attractor):
            found[-1] = (found[-1][0], max(high, found[-1][1]), attractor)
        else:
            found.append((low, high, attractor))
    return found


def _without(marks: Array, proved: Proved) -> Array:
    """(M, 2) cells between marks, less what is proved already."""
    ends = np.array([end for low, high, _ in proved for end in (low, high)])
    inner = ends[(ends > marks[0]) & (ends < marks[-1])]
    marks = np.unique(np.concatenate([marks, inner]))
    cells = np.stack([marks[:-1], marks[1:]], 1)
    covered = np.zeros(len(cells), dtype=bool)
    for low, high, _ in proved:
        covered |= (cells[:, 0] >= low) & (cells[:, 1] <= high)
    return cells[~covered]


def _with_unknown(found: list[BasinInterval], ends: tuple[float, float]) -> list[BasinInterval]:
    """The stretches in between as well, about which nothing is proved."""
    complete: list[BasinInterval] = []
    place, last = _ball(ends[0]), _ball(ends[1])
    for part in found:
        if place < part.left:
            complete.append(BasinInterval(place, part.left, Attractor(UNKNOWN)))
        complete.append(part)
        place = part.right
    if place < last:
        complete.append(BasinInterval(place, last, Attractor(UNKNOWN)))
    return complete
