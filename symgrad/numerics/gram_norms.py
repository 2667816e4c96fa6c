"""Spectral norms from Gram matrices, of several horizons at once, and the table that they are put in."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.backends import Backend
from symgrad.numerics.leading_values import LeadingValues

__all__ = ["GramNorms", "NormTable"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TOGETHER = 2**18  # entries of the Gram matrices that are kept until their norms are found together


@dataclass(eq=False)
class NormTable:
    """Natural logarithms of norms of products, and what they cost; (K, B) for the horizons wanted.

    Attributes:
        lower: as found.
        upper: what the norms can be at most.
        ranks: directions kept.
        dropped: whether directions were dropped, so that ``upper`` rests on draws.
        columns: products of a step's Jacobian with a column that were made.
        rows: horizon -> row.
    """

    lower: Array
    upper: Array
    ranks: IntArray
    dropped: NDArray[np.bool_]
    columns: int
    rows: dict[int, int]

    @classmethod
    def empty(cls, wanted: Collection[int], size: int) -> NormTable:
        """A table to be filled."""
        shape = len(wanted), size
        rows = {k: row for row, k in enumerate(sorted(wanted))}
        return cls(
            np.full(shape, np.nan),
            np.full(shape, np.nan),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape, dtype=np.bool_),
            0,
            rows,
        )

    def replace(self, other: NormTable, places: IntArray) -> None:
        """Take what another run found for some of the trajectories; its cost is added."""
        self.lower[:, places], self.upper[:, places] = other.lower, other.upper
        self.ranks[:, places], self.dropped[:, places] = other.ranks, other.dropped
        self.columns += other.columns


class GramNorms:
    """Collects Gram matrices ``Y^T Y`` and fills a table with the norms of Y.

    Args:
        table: is filled at the horizons it has.
        backend: where to compute.
        tolerance: relative, between lower and upper sides of the squares.
        seed: of the search for eigenvalues.
    """

    def __init__(self, table: NormTable, backend: Backend, tolerance: float, seed: int) -> None:
        self._table, self._backend, self._xp = table, backend, backend.xp
        self._size = table.lower.shape[1]
        self._values = LeadingValues(backend, tolerance, self._size, seed)
        self._last = np.zeros(self._size)
        self._grams: list[Any] = []
        self._notes: list[tuple[int, NDArray[np.bool_], IntArray, Array, bool]] = []

    def add(
        self, k: int, grams: Any, finite: NDArray[np.bool_], exponent: IntArray, dropped: Array, has_dropped: bool
    ) -> None:
        """Take in the matrices of a horizon.

        Args:
            k: the horizon.
            grams: (B, r, r).
            finite: (B,) which of them count.
            exponent: (B,) each Y is to be taken times two to this power.
            dropped: (B,) squares of what the norm on other directions is at most, times the same power of four.
            has_dropped: whether there are any.
        """
        self._grams.append(grams if finite.all() else self.clean(grams))
        self._notes.append((k, finite, exponent, np.where(np.isnan(dropped), np.inf, dropped), has_dropped))
        if len(self._grams) * math.prod(grams.shape) >= _TOGETHER:
            self.find()

    def clean(self, grams: Any) -> Any:
        """Zeros in place of matrices with entries that are not finite."""
        xp = self._xp
        finite = xp.all(xp.isfinite(grams), axis=(1, 2), keepdims=True)
        return grams if bool(xp.all(finite)) else xp.where(finite, grams, xp.zeros_like(grams))

    def turn(self, basis: Any) -> None:
        """Take part in a change of basis (B, r, r') of what comes next."""
        self.find()
        self._values.turn(basis)

    def find(self) -> Array:
        """Find the norms of all that was taken in; the squares (B,) of the last horizon, without powers of two."""
        if not self._grams:
            return self._last
        xp, size = self._xp, self._size
        stacked = self._grams[0] if len(self._grams) == 1 else xp.concat(self._grams, axis=0)
        values, above = self._values(stacked)
        shape = len(self._grams), size
        self._fill(values.reshape(shape), above.reshape(shape), int(stacked.shape[1]))
        self._grams, self._notes = [], []
        self._last = values[-size:]
        return self._last

    def _fill(self, values: Array, above: Array, rank: int) -> None:
        ks, finite, exponent, dropped, has_dropped = zip(*self._notes, strict=True)
        places = [place for place, k in enumerate(ks) if k in self._table.rows]
        rows, counts = [self._table.rows[ks[place]] for place in places], np.array(finite)[places]
        powers = np.array(exponent)[places] * math.log(2.0)
        with np.errstate(divide="ignore"):
            lower = np.log(values[places]) / 2 + powers
            upper = np.log(above[places] + np.where(counts, np.array(dropped)[places], 0.0)) / 2 + powers
        self._table.lower[rows] = np.where(counts, lower, np.nan)
        self._table.upper[rows] = np.where(counts, upper, np.nan)
        self._table.ranks[rows] = rank
        self._table.dropped[rows] = np.array(has_dropped)[places][:, None]
