"""Symmetries that keep a branch of fixed points of a vector system: reflections, and points fixed for all p."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

__all__ = ["Symmetry", "lasting_point", "reflection"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Where a branch of fixed points lies, ``x = x_0 + P y``, and the directions ``q = Q w`` that lead away from it.

    Attributes:
        origin: x_0, (N,) floats, exact.
        kept: P, (N, m) of integers.
        turned: Q, (N, N - m) of integers.
        kept_rows: m equations that say that x is fixed, for an x on the branch.
        turned_rows: N - m equations that tell all of a vector ``Q w``.
        text: what is known, in words.
        odd: whether the branch is that of a reflection, so that fixed points next to it come in mirrored pairs.
    """

    origin: Array
    kept: Array
    turned: Array
    kept_rows: tuple[int, ...]
    turned_rows: tuple[int, ...]
    text: str
    odd: bool

    @property
    def inner(self) -> Symmetry:
        """The same branch with the directions that lie in its space."""
        return replace(self, turned=self.kept, turned_rows=self.kept_rows)

    def point(self, coordinates: Sequence[arb]) -> Any:
        """The column ``x_0 + P y``."""
        entries = [arb(value) for value in self.origin.tolist()]
        for i, row in enumerate(self.kept.tolist()):
            for factor, y in zip(row, coordinates, strict=True):
                entries[i] += y * factor if factor else 0
        return arb_mat(len(entries), 1, entries)

    def direction(self, coordinates: Sequence[arb]) -> Any:
        """The column ``Q w``."""
        entries = [
            sum((w * q for q, w in zip(row, coordinates, strict=True) if q), arb(0)) for row in self.turned.tolist()
        ]
        return arb_mat(len(entries), 1, entries)

    def coordinates(self, x: Array) -> Array:
        """About the y of the point of the branch that is next to x."""
        if not self.kept.shape[1]:
            return np.zeros(0)
        return np.asarray(np.linalg.lstsq(self.kept, x - self.origin, rcond=None)[0])

    def nearest(self, x: Array) -> Array:
        """The point ``x_0 + P y`` next to x, exactly on the branch's space where x_0 = 0."""
        return np.asarray(self.origin + self.kept @ self.coordinates(x))

    def turned_part(self, vector: Array) -> Array:
        """The part of a vector among the directions Q w, exactly so in floats, of length about 1."""
        found = np.zeros_like(vector)
        for direction in self.turned.T:
            found += direction * float(direction @ vector / (direction @ direction))
        return np.asarray(found / np.linalg.norm(found))


def lasting_point(x: Array, text: str, odd: bool = False) -> Symmetry:
    """A point that is fixed whatever the parameter is."""
    size = len(x)
    return Symmetry(x, np.zeros((size, 0)), np.eye(size), (), tuple(range(size)), text, odd)


def reflection(places: Sequence[int], signs: Sequence[int], text: str) -> Symmetry:
    """The fixed space of ``(S x)_i = s_i x_(k_i)``, an involution that commutes with the right sides.

    Args:
        places: k, with ``k_(k_i) = i``.
        signs: s, each 1 or -1, with ``s_(k_i) = s_i``.
        text: how it is called.

    >>> swap = reflection((1, 0), (1, 1), "exchange of x_1 and x_2")
    >>> swap.kept.T.tolist(), swap.turned.T.tolist()
    ([[1.0, 1.0]], [[1.0, -1.0]])
    """
    size = len(places)
    kept: list[Array] = []
    turned: list[Array] = []
    rows: tuple[list[int], list[int]] = ([], [])
    for i, (k, sign) in enumerate(zip(places, signs, strict=True)):
        if k < i:
            continue
        unit, other = np.eye(size)[i], np.eye(size)[k] * sign
        if k == i:
            (kept if sign == 1 else turned).append(unit)
            rows[0 if sign == 1 else 1].append(i)
            continue
        kept.append(unit + other)
        turned.append(unit - other)
        rows[0].append(i)
        rows[1].append(i)
    inside, outside = (np.array(c).reshape(-1, size).T for c in (kept, turned))
    return Symmetry(np.zeros(size), inside, outside, tuple(rows[0]), tuple(rows[1]), text, True)
