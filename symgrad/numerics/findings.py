"""What a search has found: the largest products of Jacobians for each number of factors, and where they occur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.simulate import Batch

__all__ = ["Findings"]

Array = NDArray[np.float64]


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
    def of(cls, log: Array, trajectory: Any, counted: Any, batch: Batch, offset: int, horizon: int) -> Findings:
        """The findings in one batch, whose first trajectory has the number ``offset``.

        Args:
            log: (T,) the largest for each k.
            trajectory: (T,) the place in the batch, -1 where nothing is found.
            counted: (T,) how many trajectories count.
            batch: the trajectories, of T steps.
            offset: the number of the first.
            horizon: the largest k of the findings.
        """
        found, made = cls.empty(horizon), batch.steps
        found.log[:made] = log
        found.trajectory[:made] = np.where(trajectory >= 0, trajectory + offset, -1)
        found.counted[:made] = counted
        used = sorted(set(trajectory.tolist()) - {-1})
        starts = {offset + place: batch.part(slice(place, place + 1)) for place in used}
        return cls(found.log, found.trajectory, found.counted, batch.size - int(counted[-1]), batch.size, starts)

    def renumbered(self, numbers: NDArray[np.int64]) -> Findings:
        """The same with numbers for the trajectories 0, 1, 2, ..."""
        trajectory = np.where(self.trajectory >= 0, numbers[self.trajectory], -1)
        return replace(self, trajectory=trajectory, starts={int(numbers[i]): batch for i, batch in self.starts.items()})

    def replaced(self, other: Findings, places: NDArray[np.int64]) -> Findings:
        """The same with the largest ones of another for some k, by their places."""
        log, trajectory = self.log.copy(), self.trajectory.copy()
        log[places], trajectory[places] = other.log[places], other.trajectory[places]
        starts = {**self.starts, **other.starts}
        return replace(
            self, log=log, trajectory=trajectory, starts={i: starts[i] for i in set(trajectory.tolist()) - {-1}}
        )

    def recounted(self, counted: NDArray[np.int64], trajectories: int) -> Findings:
        """The same as what is found among more trajectories, of which (T,) so many count."""
        everywhere = np.zeros_like(self.counted)
        everywhere[: len(counted)] = counted
        left = trajectories - int(counted[-1])
        return replace(self, counted=everywhere, left=left, trajectories=trajectories)

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
