"""Spectral norms of products of Jacobians at every horizon, on as few directions as matter, in floats.

A product P_k is carried as ``Y = P_k V``, V orthonormal (and never formed): the norm of Y is at most that of P_k, and
``||P_k||^2 <= ||P_k V||^2 + ||P_k V'||^2``, where V' holds the directions that were dropped. Random combinations of
the dropped directions are carried along as well; they bound the second term but for a small probability (Halko,
Martinsson and Tropp, *SIAM Review* 53, 2011, Lemma 4.1). Where it is not small enough, everything is done again with
fewer directions dropped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.blas_threads import scipy_on_one_thread
from symgrad.numerics.gram_norms import GramNorms, Measured, NormTable
from symgrad.numerics.jacobian_steps import jacobian_steps, rescaled_columns
from symgrad.numerics.rank_reduction import least_rank, next_look, reduction
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import SharedNodes

__all__ = ["ATTEMPTS", "FAILURE", "Factor", "Factors", "log10_norms", "low_rank_norms", "probe_count", "probe_factor"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

FAILURE = 1e-10  # probability that what was dropped is larger than its bound, at one horizon of one trajectory
_FEWEST, _MOST = 10, 16  # probes
_KEEP = 0.8  # a smaller basis is taken when it is smaller than that
_FIRST_LOOK, _NEVER = 10, 2**62
_LEAST = 2.0**-60  # squares of norms are brought between this and its reciprocal, nearer to 1 in single precision
_LONGEST, _TOGETHER = 16, 2**17  # steps, and numbers in their columns, after which norms are found together
_CROWDED = 29  # earlier, where the squares of the singular values sum to as if one in so many were as large as any
_PARTS = (0.02, 1e-5, 0.0)  # of what the tolerance leaves, for one drop; then again, then without any
ATTEMPTS = len(_PARTS)


@dataclass(eq=False)
class _Carried:
    """Columns of a product: the directions kept, then the probes; both times ``2**exponent``."""

    columns: Any
    rank: int
    exponent: IntArray
    finite: NDArray[np.bool_]
    look: int
    probes: int = 0
    has_looked: bool = False
    is_far: bool = False

    def rescale(self, backend: Backend) -> None:
        """Bring the largest entry of each trajectory near 1."""
        self.columns, shift = rescaled_columns(self.columns, backend)
        self.exponent, self.is_far = self.exponent + shift, False

    @property
    def kept(self) -> Any:
        """The directions kept."""
        return self.columns[:, :, : self.rank] if self.probes else self.columns


def probe_count(total: int) -> int:
    """How many random combinations of the dropped directions are carried along."""
    return min(max(total // 16, _FEWEST), _MOST)


def probe_factor(probes: int, failure: float = FAILURE) -> float:
    """A norm is at most this times the largest image of so many Gaussian vectors, but for a probability ``failure``.

    >>> round(probe_factor(10), 3)
    7.979
    """
    return math.sqrt(2 / math.pi) * failure ** (-1 / probes)


class Factor(Protocol):
    """What products are multiplied with, such as :class:`symgrad.numerics.jacobian_steps.StepJacobian`."""

    finite: Any  # (B,), of the library

    def times(self, columns: Any) -> Any:
        """The factor times columns (N, B, p); B may be 1 for columns that are the same for all trajectories."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The factors of products along trajectories.

    Attributes:
        steps: from the indices of some of the trajectories to their factors, the rightmost one first.
        size: the number B of all trajectories.
        total: the number N of rows and columns.
        rows: the products' rows and columns whose norm is wanted; all unless given.
    """

    steps: Callable[[IntArray], Iterator[Factor]]
    size: int
    total: int
    rows: slice | None = None

    @classmethod
    def along(cls, evaluator: ArrayEvaluator, nodes: SharedNodes, batch: Batch) -> Factors:
        """The Jacobians of the steps of a batch, simulated on the way."""
        total = sum(array.shape[0] for array in batch.initial.values())
        return cls(lambda places: jacobian_steps(evaluator, nodes, batch.part(places)), batch.size, total)


@scipy_on_one_thread()
def low_rank_norms(
    factors: Factors, wanted: frozenset[int], tolerance: float, backend: Backend, seed: int = 0
) -> NormTable:
    """Spectral norms of products of the first k factors, for the wanted k along each trajectory, to a tolerance.

    Trajectories whose upper side is not within the tolerance are done again with less dropped, at last nothing.
    """
    table = _Attempt(factors, np.arange(factors.size), wanted, tolerance, backend, seed, 0).table()
    for attempt in range(1, len(_PARTS)):
        with np.errstate(invalid="ignore"):
            far = (table.upper - table.lower > math.log1p(tolerance)).any(axis=0)
        if not far.any():
            break
        places = np.flatnonzero(far)
        table.replace(_Attempt(factors, places, wanted, tolerance, backend, seed, attempt).table(), places)
    return table


def log10_norms(factors: Factors, count: int, tolerance: float, backend: Backend, seed: int = 0) -> Array:
    """``log10`` of the spectral norms of the products of the first k factors, k = 0 ... count: (count + 1, B)."""
    with backend.scope():
        table = low_rank_norms(factors, frozenset(range(1, count + 1)), tolerance, backend, seed)
    return np.concatenate([np.zeros((1, factors.size)), table.lower / math.log(10.0)])


@dataclass(eq=False)
class _Attempt:
    """One run along some trajectories with one rule of how much may be dropped.

    What is dropped, and when, depends on nothing random, so that the probes are independent of it.
    """

    factors: Factors
    places: IntArray
    wanted: frozenset[int]
    tolerance: float
    backend: Backend
    seed: int
    number: int

    def __post_init__(self) -> None:
        self._random, self._xp = np.random.default_rng([self.seed, self.number, 2]), self.backend.xp
        self._total, self._size = self.factors.total, len(self.places)
        self._most = probe_count(self._total)
        self._factor = probe_factor(self._most)
        self._table = NormTable.empty(self.wanted, self._size)
        self._longest = _LONGEST
        self._far = float(np.finfo(self.backend.dtype).tiny) ** (1 / 3)
        self._near = max(_LEAST, self._far)
        self._norms = GramNorms(self._table, self.backend, self.tolerance / 2, self._factor, self.seed)

    def table(self) -> NormTable:
        """The norms at the horizons wanted."""
        carried, k, last = self._start(), 0, max(self.wanted)
        factors = iter(self.factors.steps(self.places))
        while k < last:
            ahead = list(itertools.islice(factors, min(self._together(carried, k), last - k)))
            if len(ahead) == 1 or not self._stretch(carried, k, ahead):
                for number, factor in enumerate(ahead, k + 1):
                    self._step(carried, number, factor)
            k += len(ahead)
            if self._is_look(carried, k):
                self._look(carried, k)
            if carried.is_far:
                carried.rescale(self.backend)
        self._norms.fill()
        return self._table

    def _together(self, carried: _Carried, k: int) -> int:
        """How many steps to make before the norms after each of them are found together."""
        if not carried.has_looked and carried.look < _NEVER:
            return 1
        most = max(1, min(self._longest, carried.look - k, _TOGETHER // math.prod(carried.columns.shape)))
        return next((count for count in range(1, most) if k + count not in self.wanted), most)

    def _stretch(self, carried: _Carried, k: int, factors: Sequence[Factor]) -> bool:
        """Several steps without rescaling between; False, and nothing has changed, where numbers leave the range."""
        columns, passed, finite = carried.columns, [], [carried.finite]
        for factor in factors:
            columns = self._for_each(factor.times(columns))
            passed.append(columns)
            finite.append(finite[-1] & self.backend.numpy(factor.finite))
        measured, known = self._measured(passed, carried.rank), np.array(finite[1:])
        if not (measured.is_within(self._far) | ~known).all():
            self._longest = max(1, len(factors) // 2)
            return False
        self._norms.add(range(k + 1, k + 1 + len(factors)), measured, known, carried.exponent)
        self._count(carried, len(factors))
        carried.columns, carried.finite = columns, finite[-1]
        carried.is_far = not bool(measured.is_within(self._near)[-1].all())
        return True

    def _step(self, carried: _Carried, k: int, factor: Factor) -> None:
        """One step, and rescaling where it is needed."""
        self._count(carried, 1)
        carried.columns = self._for_each(factor.times(carried.columns))
        carried.finite = carried.finite & self.backend.numpy(factor.finite)
        if k not in self.wanted and k < carried.look:
            carried.rescale(self.backend)
            return
        measured = self._measured([carried.columns], carried.rank)
        if not measured.is_within(self._near).all():
            carried.rescale(self.backend)
            measured = self._measured([carried.columns], carried.rank)
        self._norms.add([k], measured, carried.finite[None], carried.exponent)

    def _count(self, carried: _Carried, steps: int) -> None:
        self._table.columns += steps * carried.columns.shape[1] * carried.columns.shape[2]

    def _measured(self, passed: Sequence[Any], rank: int) -> Measured:
        """Of the rows wanted of columns (N, B, p) at some horizons, the first so many of which were kept."""
        rows = self.factors.rows
        return self._norms.measured(passed if rows is None else [columns[rows, ...] for columns in passed], rank)

    def _start(self) -> _Carried:
        """The columns of the identity, the same for all trajectories."""
        identity = np.eye(self._total)[:, None, self.factors.rows or slice(None)]
        exponent, finite = np.zeros(self._size, dtype=np.int64), np.full(self._size, True)
        look = _FIRST_LOOK if _PARTS[self.number] and identity.shape[2] > 1 else _NEVER
        return _Carried(self.backend.asarray(identity), identity.shape[2], exponent, finite, look)

    def _for_each(self, columns: Any) -> Any:
        """Columns that are the same for all trajectories, repeated for each."""
        if columns.shape[1] == self._size:
            return columns
        return self._xp.broadcast_to(columns, (columns.shape[0], self._size, columns.shape[2]))

    def _is_look(self, carried: _Carried, k: int) -> bool:
        """Whether to look for fewer directions: when it is time, the first time earlier where few of them count."""
        if carried.has_looked or carried.look == _NEVER or k not in self.wanted:
            return k >= carried.look
        return k >= carried.look or self._norms.is_crowded(_CROWDED)

    def _look(self, carried: _Carried, k: int) -> None:
        """Whether fewer directions suffice, and if so on with them."""
        values = self._norms.last()
        allowed = _PARTS[self.number] * self.tolerance * values / self._factor**2
        grams = self._norms.grams(carried.kept, self.factors.rows)
        found = reduction(grams, allowed, self.backend)
        rank = least_rank(found, allowed)
        if rank <= _KEEP * carried.rank:
            self._turn(carried, found.basis(rank), rank)
        carried.has_looked, most = True, math.floor(_KEEP * carried.rank)
        carried.look = next_look(k, found, most, values, allowed) if carried.rank > 1 else _NEVER

    def _turn(self, carried: _Carried, basis: Any, rank: int) -> None:
        """Keep the directions of a basis (B, r, rank); probes get random combinations of the others added."""
        xp = self._xp
        drawn = self.backend.asarray(self._random.standard_normal((self._size, carried.rank, self._most)))
        others = drawn - basis @ (xp.matrix_transpose(basis) @ drawn)
        turned = xp.permute_dims(carried.kept, (1, 0, 2)) @ xp.concat([basis, others], axis=2)
        turned = xp.permute_dims(turned, (1, 0, 2))
        if carried.probes:
            probes = turned[:, :, rank:] + carried.columns[:, :, carried.rank :]
            turned = xp.concat([turned[:, :, :rank], probes], axis=2)
        carried.columns, carried.rank, carried.probes = turned, rank, self._most
        self._norms.turn(basis)
