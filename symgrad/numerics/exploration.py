"""Batches of trajectories of a model with numbers put in, and the largest products of Jacobians found along them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.arrays import ArrayEvaluator
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

__all__ = ["Exploration", "Findings", "SideExploration"]

Array = NDArray[np.float64]

_CACHED = 2**16  # entries of one array of products: what stays in a processor's cache
_STORED = 2**23  # entries of the states of one chunk


class Exploration(ABC):
    """What a search for large (or small) products needs to know: a model with numbers, a norm and a side.

    Attributes:
        horizon: the largest number of factors.
    """

    horizon: int

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

    @property
    def evaluator(self) -> ArrayEvaluator:
        """The parameters as float arrays."""
        return self.setting.evaluator

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

    def simulated(self, batch: Batch) -> dict[sp.Expr, Array]:
        """The states of a batch."""
        return run(self.evaluator, self.nodes.updates, batch)

    def windows(self, batch: Batch) -> Batch:
        """Trajectories cut into windows of ``horizon`` steps each; the last one ends where they end.

        Of layers with parameters of their own only the first steps.
        """
        if self.model.depth is not None:
            return batch.first(self.horizon)
        starts = sorted({*range(0, batch.steps - self.horizon, self.horizon), batch.steps - self.horizon})
        states = self.simulated(batch)
        cut = [batch.between(start, start + self.horizon, states) for start in starts]
        return reduce(Batch.joined, cut)

    def products(self, batch: Batch, states: Mapping[sp.Expr, Array]) -> Iterator[Products]:
        """What is measured at each k: products of Jacobians, for a lower bound their inverses."""
        multiplied = products if self.sign == 1 else inverse_products
        return multiplied(self.evaluator, self.nodes.blocks, batch, states)

    def log_norms(self, batch: Batch, factors: int) -> Array:
        """(B,) findings for ``J_k ... J_1`` and one k; minus infinity for those that leave the ranges."""
        short = batch.first(factors)
        states = self.simulated(short)
        steps = self.ranges.steps_inside(states, short.inputs, factors)
        *_, last = self.products(short, states)
        return np.where(steps >= factors, np.nan_to_num(log_norms(last, self.norm), nan=-np.inf), -np.inf)

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
        states = self.simulated(batch)
        steps = self.ranges.steps_inside(states, batch.inputs, batch.steps)
        items = self.products(batch, states)
        return Findings.of(largest_log_norms(items, self.norm, steps, batch.steps), batch, steps, offset, self.horizon)


@dataclass(frozen=True, eq=False)
class SideExploration(Exploration):
    """A search without any claim to be checked.

    Attributes:
        place: the model with its weights, and the ranges that trajectories keep to.
        measured: the norm.
        side: ``"upper"`` for large norms, ``"lower"`` for small minimum moduli.
        horizon: the largest number of factors.
    """

    place: Setting
    measured: Norm
    side: str
    horizon: int

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
