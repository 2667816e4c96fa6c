"""Integrals against the standard normal density in floats, for many integrands at once, with an estimate of the error.

The line is cut at kinks and jumps and integrated by Gauss and Legendre's rule on panels; a panel is halved as long as
the last Legendre coefficients of the integrand on it are not negligible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Indices", "Integrals", "Integrand", "by_panels", "nothing_found", "sharpened"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
#: Which integrand, and at which points, arrays of one shape (or that broadcast) -> value times the normal density.
Integrand = Callable[[Indices, Array], Array]

_NODES = 20
_LAST = 4  # Legendre coefficients that tell whether a panel is fine enough
_RESOLVED = 1e-6  # their size, relative to the integrand, from which on they fall geometrically
_REACHES = (9.0, 14.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
_UNDERFLOW = 40.0  # where the density is 0 in floats
_NEGLIGIBLE = 1e-18
_TOLERANCE = 1e-15
_EDGE = 1 - 1e-6  # just inside a panel of half-width 1, where a jump at its edge is not met
_OUTSIDE = 0.004  # the share of a panel outside the outermost nodes
_WIDTH = 2.5
_ROUNDS = 64
_CHUNK = 20_000  # panels at a time
_MOST = 200_000  # panels in all


@dataclass(frozen=True)
class Integrals:
    """What a rule found, an entry for each integrand.

    Attributes:
        values: the integrals; infinite where the integrand does not decay.
        errors: estimates of their errors, not bounds.
        sizes: the integrals of the absolute values.
    """

    values: Array
    errors: Array
    sizes: Array


def by_panels(integrand: Integrand, which: Indices, breaks: Array, found: Integrals, most: int = _MOST) -> None:
    """Integrals over the real line of functions that decay like the normal density, by panels.

    Args:
        integrand: the functions.
        which: the indices of those wanted.
        breaks: of shape (count, m), where panels begin: kinks, jumps and marks; points far away or NaN are ignored.
        found: where the results of those go.
        most: after how many panels in all the rest is taken as it is, with its error.
    """
    if which.size:
        _by_panels(integrand, which, _reach(integrand, which), breaks, found, most)


def nothing_found(count: int) -> Integrals:
    """Results to be filled in, NaN until then."""
    return Integrals(*(np.full(count, np.nan) for _ in range(3)))


def sharpened(difference: Array, size: Array) -> Array:
    """The error of a rule whose error is at most about the square of that of the rule it is compared with."""
    with np.errstate(all="ignore"):
        return np.where(size > 0, difference * np.sqrt(np.minimum(difference / size, 1)), difference)


def _reach(integrand: Integrand, which: Indices) -> Array:
    """How far from 0 an integrand is not negligible, infinite where it does not decay."""
    reach = np.full(len(which), np.inf)
    peak = np.zeros(len(which))
    begin = 0.0
    for end in _REACHES:
        open_ = np.flatnonzero(np.isinf(reach))
        if not open_.size:
            break
        points = np.arange(begin + 0.25, end, 0.5)
        sizes = np.abs(integrand(which[open_][:, None], np.concatenate([-points, points])[None, :]))
        peak[open_] = np.maximum(peak[open_], sizes.max(axis=1))
        outer = np.concatenate([points, points]) >= end - 1
        far = sizes[:, outer].max(axis=1)
        done = (far <= _NEGLIGIBLE * peak[open_]) & ((peak[open_] > 0) | (end >= _UNDERFLOW))
        reach[open_[done]] = end
        begin = end
    return reach


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array, Array]:
    """Nodes and weights on [-1, 1], and the functionals that give the last Legendre coefficients."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    basis = np.polynomial.legendre.legvander(nodes, _NODES - 1)[:, -_LAST:]
    return nodes, weights, basis * weights[:, None] * (np.arange(_NODES - _LAST, _NODES) + 0.5)


def _by_panels(integrand: Integrand, which: Indices, reach: Array, breaks: Array, found: Integrals, most: int) -> None:
    found.values[which] = found.errors[which] = found.sizes[which] = 0.0
    endless = which[np.isinf(reach)]
    if endless.size:
        far = np.array([[-_REACHES[-1], _REACHES[-1]]])
        found.values[endless] = _infinite(integrand(endless[:, None], far))
        found.errors[endless] = found.sizes[endless] = np.inf
    index, low, high = _panels(which, reach, breaks)
    made = len(index)
    for turn in range(_ROUNDS):
        last = turn == _ROUNDS - 1 or made > most
        split = _one_round(integrand, index, low, high, found, last)
        index, low, high = index[split], low[split], high[split]
        if not index.size:
            return
        middle = (low + high) / 2
        index, low, high = np.tile(index, 2), np.concatenate([low, middle]), np.concatenate([middle, high])
        made += len(index)


def _infinite(ends: Array) -> Array:
    """Plus or minus infinity by the signs far away, NaN where the signs differ."""
    signs = np.sign(np.where(np.abs(ends) > 0, ends, 0)).sum(axis=1)
    return np.where(signs == 0, np.nan, np.sign(signs) * np.inf)


def _panels(which: Indices, reach: Array, breaks: Array) -> tuple[Indices, Array, Array]:
    """The first panels of all integrands."""
    index, lows, highs = [], [], []
    for end in np.unique(reach[np.isfinite(reach)]):
        rows = np.flatnonzero(reach == end)
        steps = np.linspace(-end, end, int(np.ceil(2 * end / _WIDTH)) + 1)
        marks = np.clip(np.nan_to_num(breaks[which[rows]], nan=end), -end, end)
        edges = np.sort(np.concatenate([np.broadcast_to(steps, (len(rows), len(steps))), marks], axis=1), axis=1)
        row, place = np.nonzero(np.diff(edges, axis=1) > 0)
        index.append(which[rows][row])
        lows.append(edges[row, place])
        highs.append(edges[row, place + 1])
    if not index:
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0)
    return np.concatenate(index), np.concatenate(lows), np.concatenate(highs)


def _one_round(
    integrand: Integrand, index: Indices, low: Array, high: Array, found: Integrals, last: bool
) -> NDArray[np.bool_]:
    """Adds the panels that are good enough; which ones are not."""
    parts = [
        _on_panels(integrand, index[i : i + _CHUNK], low[i : i + _CHUNK], high[i : i + _CHUNK])
        for i in range(0, len(index), _CHUNK)
    ]
    values, errors, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
    count = len(found.values)
    total = found.sizes + np.bincount(index, sizes, count)
    with np.errstate(invalid="ignore"):
        tiny = high - low <= 1e-15 * np.maximum(np.abs(low), np.abs(high))
        coarse = ~(errors <= _TOLERANCE * total[index]) & ~tiny & np.isfinite(total[index])
    fine = np.ones(len(index), dtype=bool) if last else ~coarse
    for into, column in zip(
        (found.values, found.errors, found.sizes), (values, errors + 4e-16 * sizes, sizes), strict=True
    ):
        into += np.bincount(index[fine], column[fine], count)
    return ~fine


def _on_panels(integrand: Integrand, index: Indices, low: Array, high: Array) -> tuple[Array, Array, Array]:
    nodes, weights, last = _rule()
    half = (high - low) / 2
    points = low[:, None] + half[:, None] * (np.concatenate([nodes, [-_EDGE, _EDGE]]) + 1)
    everywhere = integrand(index[:, None], points)
    values, edges = everywhere[:, :_NODES], everywhere[:, _NODES:]
    with np.errstate(all="ignore"):
        tail = np.abs(values @ last).max(axis=1)
        peak = np.abs(values).max(axis=1)
        rough = np.where(tail <= _RESOLVED * peak, sharpened(tail, peak), tail)  # at a kink they fall like powers
        errors = half * (2 * rough + _blind(values, edges))
        return half * (values @ weights), errors, half * (np.abs(values) @ weights)


@lru_cache(maxsize=1)
def _to_edges() -> Array:
    """What gives the values at the edges of the polynomial through those at the nodes."""
    nodes = _rule()[0]
    basis, at_edges = (np.polynomial.legendre.legvander(x, _NODES - 1) for x in (nodes, np.array([-_EDGE, _EDGE])))
    return np.asarray(np.linalg.solve(basis.T, at_edges.T))


def _blind(values: Array, edges: Array) -> Array:
    """The error of a kink between the last node and an edge, where no node sees it."""
    missed = np.abs(values @ _to_edges() - edges).max(axis=1)
    spread = values.max(axis=1) - values.min(axis=1)
    share = np.where(missed < _OUTSIDE * spread, missed / spread, _OUTSIDE)
    return np.asarray(missed * share)
