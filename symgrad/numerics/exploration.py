"""Batches of trajectories of a model with numbers put in, and the largest products of Jacobians found along them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend, backend
from symgrad.numerics.products import (
    Largest,
    Products,
    inverse_products,
    largest_log_norms,
    log_norms,
    products,
)
from symgrad.numerics.ranges import RangeSet
from symgrad.numerics.setting import Setting
from symgrad.numerics.sharing import SharedNodes
from symgrad.numerics.simulate import Batch, run

__all__ = ["NUMPY", "Exploration", "Findings", "SideExploration"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]

NUMPY = backend("numpy")

_CACHED = 2**16  # entries of one array of products: what stays in a processor's cache
_STORED = 2**23  # entries of the states of one chunk


class Exploration(ABC):
    """What a search for large (or small) products needs to know: a model with numbers, a norm and a side.

    Batches of trajectories are NumPy arrays; simulation and products are made on the arrays of a back end.

    Attributes:
        horizon: the largest number of factors.
        backend: what computes.
    """

    horizon: int
    backend: Backend

    @property
    @abstractmethod
    def setting(self) -> Setting:
        """The model with its weights, and the ranges that trajectories keep to."""

    @property
    @abstractmethod
    def norm(self) -> Norm:
        """The norm in which products are measured."""

    @property
    @abstractmethod
    def sign(self) -> int:
        """1 where large norms are looked for, -1 where small minimum moduli are.

        Findings are logarithms times this sign.
        """

    @property
    def model(self) -> Recurrence:
        """The recurrence."""
        return self.setting.model

    @cached_property
    def evaluator(self) -> ArrayEvaluator:
        """The parameters as arrays of the back end."""
        return self.setting.evaluator if self.backend == NUMPY else self.setting.on(self.backend)

    @cached_property
    def _limits(self) -> dict[sp.Expr, tuple[Any, Any]]:
        """The ends of the declared ranges on the back end, none of them further out than declared."""
        ends = {s: self.ranges.of(s) for s in self.ranges.ends}
        return {s: tuple(map(self.backend.asarray, self._inward(s, (e.low, e.high)))) for s, e in ends.items()}

    @property
    def nodes(self) -> SharedNodes:
        """The updates and the blocks of the Jacobian as nodes."""
        return self.setting.nodes

    @property
    def ranges(self) -> RangeSet:
        """The ranges of states and inputs."""
        return self.setting.ranges

    def size(self, symbol: sp.Expr) -> int:
        """The number of entries of a variable."""
        return self.setting.size(symbol)

    @property
    def total(self) -> int:
        """The number of entries of all states."""
        return self.setting.total

    def _inward(self, symbol: sp.Expr, array: Any) -> Any:
        """Numbers rounded to the data type of the back end, those within the range of a variable within it."""
        if self.backend.dtype == "float64":
            return array
        ends, rounded = self.ranges.of(symbol), np.asarray(array, dtype=self.backend.dtype)
        rounded = np.where(rounded > ends.high, np.nextafter(rounded, np.float32(-np.inf)), rounded)
        return np.where(rounded < ends.low, np.nextafter(rounded, np.float32(np.inf)), rounded)

    def rounded(self, batch: Batch) -> Batch:
        """The trajectories in numbers of the back end's data type."""
        initial, inputs = ({s: self._inward(s, a) for s, a in part.items()} for part in (batch.initial, batch.inputs))
        return Batch(initial, inputs, batch.steps)

    def placed(self, values: Mapping[sp.Expr, Any]) -> Point:
        """NumPy arrays as arrays of the back end."""
        return {s: self.backend.asarray(array) for s, array in values.items()}

    def fetched(self, values: Mapping[sp.Expr, Any]) -> Point:
        """Arrays of the back end as NumPy arrays of float64."""
        return {s: self.backend.numpy(array).astype(float) for s, array in values.items()}

    def _on_back_end(self, batch: Batch) -> Batch:
        return Batch(self.placed(batch.initial), self.placed(batch.inputs), batch.steps)

    def holds(self, symbol: sp.Expr, array: Any) -> Any:
        """For each trajectory of an array (n, B, 1) of the back end whether it is finite and in range."""
        xp = self.backend.xp
        kept = xp.isfinite(array)
        if symbol in self._limits:
            low, high = self._limits[symbol]
            kept = kept & (array >= low) & (array <= high)
        return xp.all(kept, axis=(0, 2))

    def followed(self, batch: Batch, start: Array | None = None) -> tuple[Array, Iterator[Products]]:
        """The number of steps within the ranges of each trajectory, and what is measured at each k.

        Args:
            batch: the trajectories.
            start: (N, B, p) columns in the place of the identity, for an upper bound.
        """
        placed = self._on_back_end(batch)
        states = self.simulated(placed)
        steps = self.ranges.steps_inside(self.fetched(states), batch.inputs, batch.steps)
        begin = None if start is None else self.backend.asarray(start)
        return steps, self.products(placed, states, begin)

    def last_products(self, batch: Batch, factors: int) -> Array:
        """(N, B, N) the products of the first factors, of any scale, as NumPy arrays."""
        with self.backend.scope():
            *_, last = self.followed(self.rounded(batch.first(factors)))[1]
            return np.asarray(self.backend.numpy(last.matrix), dtype=float)

    def simulated(self, batch: Batch) -> dict[sp.Expr, Any]:
        """The states of a batch whose arrays are those of the back end."""
        return run(self.evaluator, self.nodes.updates, batch)

    def windows(self, batch: Batch) -> Batch:
        """Trajectories cut into windows of ``horizon`` steps each; the last one ends where they end.

        Of layers with parameters of their own only the first steps.
        """
        if self.model.depth is not None:
            return batch.first(self.horizon)
        starts = sorted({*range(0, batch.steps - self.horizon, self.horizon), batch.steps - self.horizon})
        with self.backend.scope():
            states = self.fetched(
                self.simulated(Batch(self.placed(batch.initial), self.placed(batch.inputs), batch.steps))
            )
        cut = [batch.between(start, start + self.horizon, states) for start in starts]
        return reduce(Batch.joined, cut)

    def products(self, batch: Batch, states: Mapping[sp.Expr, Any], start: Any = None) -> Iterator[Products]:
        """What is measured at each k: products of Jacobians, for a lower bound their inverses.

        Args:
            batch: the trajectories, in arrays of the back end.
            states: theirs.
            start: (N, B, p) columns in the place of the identity, for an upper bound.
        """
        if self.sign == 1:
            return products(self.evaluator, self.nodes.blocks, batch, states, start)
        return inverse_products(self.evaluator, self.nodes.blocks, batch, states)

    def log_norms(self, batch: Batch, factors: int) -> Array:
        """(B,) findings for ``J_k ... J_1`` and one k; minus infinity for those that leave the ranges."""
        with self.backend.scope():
            steps, items = self.followed(self.rounded(batch.first(factors)))
            *_, last = items
            logs = self.backend.numpy(log_norms(last, self.norm))
        return np.where(steps >= factors, np.nan_to_num(logs, nan=-np.inf), -np.inf)

    def reached(self, batch: Batch, lost: float, start: Array | None = None) -> Array:
        """(B,) findings for all factors of a batch; far lower where a product vanishes or leaves the ranges before.

        Args:
            batch: the trajectories.
            lost: taken off for each factor that is missing.
            start: (N, B, p) columns in the place of the identity, for an upper bound.
        """
        with self.backend.scope():
            steps, items = self.followed(self.rounded(batch), start)
            value, last = np.full(batch.size, -lost * batch.steps), None
            for item in items:
                alive = self.backend.numpy(self.backend.xp.any(item.matrix != 0, axis=(0, 2)))
                counted = alive & (steps >= item.k)
                value = np.where(counted, -lost * (batch.steps - item.k), value)
                last = item
            logs = self.backend.numpy(log_norms(last, self.norm)) if last is not None else value
        return np.where(value < 0, value, np.nan_to_num(logs, nan=-np.inf))

    def examine(self, batch: Batch, offset: int = 0, done: Callable[[int], None] = lambda count: None) -> Findings:
        """The largest products along the trajectories of a batch; a few at a time, to stay within caches.

        Args:
            batch: the trajectories.
            offset: the number of the first one.
            done: called with the number of trajectories that are behind.
        """
        per_state = max(1, _STORED // (self.total * (batch.steps + 1)))
        chunk = max(1, min(_CACHED // self.total**2, per_state))
        found = Findings.empty(self.horizon)
        for start in range(0, batch.size, chunk):
            part = batch.part(slice(start, start + chunk))
            found = found.joined(self._examined(part, offset + start))
            done(offset + found.trajectories)
        return found

    def _examined(self, batch: Batch, offset: int) -> Findings:
        batch = self.rounded(batch)
        with self.backend.scope():
            steps, items = self.followed(batch)
            largest = largest_log_norms(items, self.norm, steps, batch.steps)
        return Findings.of(largest, batch, steps, offset, self.horizon)


@dataclass(frozen=True, eq=False)
class SideExploration(Exploration):
    """A search without any claim to be checked.

    Attributes:
        place: the model with its weights, and the ranges that trajectories keep to.
        measured: the norm.
        side: ``"upper"`` for large norms, ``"lower"`` for small minimum moduli.
        horizon: the largest number of factors.
        backend: what computes.
    """

    place: Setting
    measured: Norm
    side: str
    horizon: int
    backend: Backend = NUMPY

    @property
    def setting(self) -> Setting:
        return self.place

    @property
    def norm(self) -> Norm:
        return self.measured

    @property
    def sign(self) -> int:
        return 1 if self.side == "upper" else -1


@dataclass(frozen=True, eq=False)
class Findings:
    """The largest norms (for a lower bound the smallest moduli) found for k = 1 ... horizon, and where.

    Attributes:
        log: (K,) natural logarithms times the sign of the problem, approximate; minus infinity where nothing is found.
        trajectory: (K,) the number of the trajectory, -1 where nothing is found.
        counted: (K,) how many trajectories count.
        left: how many trajectories left the declared ranges (or overflowed) before the horizon.
        trajectories: how many were examined.
        starts: number of a trajectory -> a batch with it alone, for those that stand in ``trajectory``.
    """

    log: Array
    trajectory: NDArray[np.int64]
    counted: NDArray[np.int64]
    left: int
    trajectories: int
    starts: Mapping[int, Batch]

    @classmethod
    def empty(cls, horizon: int) -> Findings:
        """Nothing found yet."""
        none = np.zeros(horizon, dtype=np.int64)
        return cls(np.full(horizon, -np.inf), none - 1, none, 0, 0, {})

    @classmethod
    def of(cls, largest: Largest, batch: Batch, steps: Any, offset: int, horizon: int) -> Findings:
        """The findings in one batch, whose first trajectory has the number ``offset``."""
        found, steps_made = cls.empty(horizon), batch.steps
        found.log[:steps_made] = largest.log
        found.trajectory[:steps_made] = np.where(largest.trajectory >= 0, largest.trajectory + offset, -1)
        found.counted[:steps_made] = largest.counted
        used = sorted(set(largest.trajectory.tolist()) - {-1})
        starts = {offset + place: batch.part(slice(place, place + 1)) for place in used}
        left = int((steps < steps_made).sum())
        return cls(found.log, found.trajectory, found.counted, left, batch.size, starts)

    def joined(self, other: Findings) -> Findings:
        """The better of two for each k."""
        better = other.log > self.log
        trajectory = np.where(better, other.trajectory, self.trajectory)
        starts = {**self.starts, **other.starts}
        return Findings(
            np.where(better, other.log, self.log),
            trajectory,
            self.counted + other.counted,
            self.left + other.left,
            self.trajectories + other.trajectories,
            {place: starts[place] for place in set(trajectory.tolist()) - {-1}},
        )
