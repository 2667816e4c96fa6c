"""Spectral norms from Gram matrices, of several horizons at once, and the table that they are put in."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.backends import Backend
from symgrad.numerics.leading_values import leading_values
from symgrad.numerics.symmetric_lapack import inner_products

__all__ = ["GramNorms", "Measured", "NormTable"]

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


@dataclass(frozen=True, eq=False)
class Measured:
    """Inner products of columns Y (N, B, r) at w horizons.

    Attributes:
        grams: (w B, r, r), the Gram matrices of the directions kept; on NumPy only their upper triangles count.
        traces: (w, B), the sums of the squares of their singular values.
        probes: (w, B, s), the squares of the lengths of the probes; s = 0 where nothing was dropped.
    """

    grams: Any
    traces: Array
    probes: Array

    def is_within(self, least: float) -> NDArray[np.bool_]:
        """(w, B) whether the traces are between the least and its reciprocal."""
        return np.asarray((self.traces > least) & (self.traces < 1 / least))


@dataclass(frozen=True, eq=False)
class _Note:
    """What is kept of w horizons: numbers (w, B) for each trajectory, and (B,) exponents."""

    ks: Sequence[int]
    rank: int
    has_dropped: bool
    finite: NDArray[np.bool_]
    dropped: Array
    exponent: IntArray


class GramNorms:
    """Collects Gram matrices ``Y^T Y`` and fills a table with the norms of Y.

    Args:
        table: is filled at the horizons it has.
        backend: where to compute.
        tolerance: relative, between lower and upper sides of the squares.
        factor: the norm on dropped directions is at most this times the largest image of a probe.
        seed: of the search for eigenvalues.
    """

    def __init__(self, table: NormTable, backend: Backend, tolerance: float, factor: float, seed: int) -> None:
        self._table, self._backend, self._xp, self._factor = table, backend, backend.xp, factor
        self._size = table.lower.shape[1]
        self._leading = leading_values(backend, tolerance, self._size, seed)
        self._grams: list[Any] = []
        self._sides: list[Array] = []
        self._notes: list[_Note] = []
        self._last: Any = None
        self._traces = np.zeros(self._size)

    def measured(self, passed: Sequence[Any], rank: int) -> Measured:
        """What columns (N, B, r + s) at some horizons measure, of which the first r were kept."""
        grams, probes, xp = self._products(passed, rank), passed[0].shape[2] - rank, self._xp
        diagonals = self._numbers(xp.linalg.diagonal(grams)).reshape(len(passed), self._size, rank)
        lengths = np.zeros((len(passed), self._size, 0))
        if probes:
            dropped = [columns[:, :, rank:] for columns in passed]
            lengths = self._numbers(xp.stack([xp.vecdot(part, part, axis=-3) for part in dropped], axis=0))
        return Measured(grams, diagonals.sum(axis=2), lengths)

    def _numbers(self, array: Any) -> Array:
        return np.asarray(self._backend.numpy(array), dtype=np.float64)

    def _products(self, passed: Sequence[Any], rank: int) -> Any:
        """The Gram matrices (w B, r, r) of the first r of w columns (N, B, p)."""
        kept = passed if passed[0].shape[2] == rank else [columns[:, :, :rank] for columns in passed]
        if self._backend.name == "numpy":
            return inner_products(kept[0]) if len(kept) == 1 else np.concatenate([*map(inner_products, kept)])
        several = kept[0][None, ...] if len(kept) == 1 else self._xp.stack(kept, axis=0)
        batch = self._xp.permute_dims(several, (0, 2, 1, 3))
        return self._xp.reshape(self._xp.matrix_transpose(batch) @ batch, (-1, rank, rank))

    def add(self, ks: Sequence[int], measured: Measured, finite: NDArray[np.bool_], exponent: IntArray) -> None:
        """Take in w horizons; (w, B) finite trajectories count, and columns are times two to the powers (B,)."""
        finite = finite & np.isfinite(measured.traces)
        grams = measured.grams if finite.all() else self._clean(measured.grams)
        self._last, self._traces = grams[-self._size :, ...], measured.traces[-1]
        self._grams.append(grams)
        has_dropped, probes = measured.probes.shape[2] > 0, measured.probes.max(axis=2, initial=0.0)
        dropped = np.where(np.isnan(probes), np.inf, self._factor**2 * probes)
        self._notes.append(_Note(ks, int(grams.shape[1]), has_dropped, finite, dropped, exponent))
        if self._leading.at_once or len(self._grams) * math.prod(grams.shape) >= _TOGETHER:
            self._find()

    def _clean(self, grams: Any) -> Any:
        """Zeros in place of matrices with entries that are not finite."""
        xp = self._xp
        finite = xp.all(xp.isfinite(grams), axis=(1, 2), keepdims=True)
        return grams if bool(xp.all(finite)) else xp.where(finite, grams, xp.zeros_like(grams))

    def grams(self, columns: Any, rows: slice | None) -> Any:
        """Gram matrices (B, r, r) of the columns (N, B, r) of the last horizon, whose ``rows`` alone were measured."""
        return self._last if rows is None else self._clean(self._products([columns], columns.shape[2]))

    def turn(self, basis: Any) -> None:
        """Take part in a change of basis (B, r, r') of what comes next."""
        self._find()
        self._leading.turn(basis)

    def last(self) -> Array:
        """The squares (B,) of the norms at the horizon taken in last, without powers of two."""
        self._find()
        return self._sides[-1][0, -self._size :]

    def is_crowded(self, share: float) -> bool:
        """Whether the squares of all singular values sum to what one in so many as large as the largest would."""
        return bool((share * self._traces <= self._notes[-1].rank * self.last()).all())

    def _find(self) -> None:
        """Both sides (2, w B) of the squares of the norms of what was taken in."""
        if self._grams:
            stacked = self._grams[0] if len(self._grams) == 1 else self._xp.concat(self._grams, axis=0)
            self._sides.append(np.stack(self._leading(stacked)))
            self._grams = []

    def fill(self) -> None:
        """Put the norms of all that was taken in, and is wanted, into the table."""
        self._find()
        if not self._notes:
            return
        table, notes, shape = self._table, self._notes, (-1, self._size)
        values, above = (side.reshape(shape) for side in np.concatenate(self._sides, axis=1))
        dropped = np.concatenate([note.dropped for note in notes])
        finite = np.concatenate([note.finite for note in notes])
        powers = np.concatenate([np.broadcast_to(note.exponent, note.finite.shape) for note in notes]) * math.log(2.0)
        above = above + np.where(finite, dropped, 0.0)
        with np.errstate(divide="ignore"):
            lower = np.where(finite, np.log(values) / 2 + powers, np.nan)
            upper = np.where(finite, np.log(above) / 2 + powers, np.nan)
        known = [(k, note.rank, note.has_dropped) for note in notes for k in note.ks]
        places = [place for place, (k, _, _) in enumerate(known) if k in table.rows]
        rows = [table.rows[known[place][0]] for place in places]
        table.lower[rows], table.upper[rows] = lower[places], upper[places]
        table.ranks[rows] = np.array([known[place][1] for place in places], dtype=np.int64)[:, None]
        table.dropped[rows] = np.array([known[place][2] for place in places], dtype=np.bool_)[:, None]
