"""Coordinate search: states and inputs improved entry by entry, among the ends of their ranges and a few more values.

It needs no derivatives, and so works where slopes jump and their gradient is zero or does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.numerics.exploration import Exploration
from symgrad.numerics.products import stretched
from symgrad.numerics.simulate import Batch

__all__ = ["CoordinateSearch"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Array]

_FEW = 8  # entries of all states up to which whole products are compared, not single columns
_LOST = 1e4  # what counts in the objective for each factor after which a product has become zero
_FIRST_STEPS = (-2.0, 1.5)  # decimal logarithms of the lengths of moves in ranges without ends
_PROGRESS = 1e-12
_REFRESHED = 4  # rounds after which directions are found again


@dataclass(frozen=True, eq=False)
class CoordinateSearch:
    """Moves of one entry at a time, of initial states and of inputs that repeat, kept where the norm grows.

    Pattern search in random order (see T. G. Kolda, R. M. Lewis, V. Torczon, SIAM Review 45, 2003, for the method):
    each round tries for each trajectory several moves, all of them in one batch, and keeps the best one. An entry
    moves to an end of its range, to a random place within, or by a random length where the range has no ends; an
    input moves at one step or at all, and sometimes a whole vector is drawn anew.

    Attributes:
        problem: the model with its weights, a norm and a side.
        longest: after at most how many steps inputs repeat.
        factors: the number of Jacobians in the products that are compared.
    """

    problem: Exploration
    longest: int
    factors: int

    @cached_property
    def _sizes(self) -> list[tuple[sp.Expr, int]]:
        """Each state and, for each step of a period, each input, with its number of entries."""
        model, size = self.problem.model, self.problem.size
        return [(s, size(s)) for s in model.states] + [(s, size(s)) for s in model.inputs] * self.longest

    @cached_property
    def _blocks(self) -> NDArray[np.int64]:
        """(V,) the number of the vector that an entry belongs to."""
        return np.repeat(np.arange(len(self._sizes)), [size for _, size in self._sizes])

    @cached_property
    def _repeats(self) -> list[NDArray[np.int64]]:
        """For each entry its places at all steps."""
        states, width = self.problem.total, self._width
        alone = [np.array([place]) for place in range(states)]
        steps = states + width * np.arange(self.longest)
        return alone + [steps + j for _ in range(self.longest) for j in range(width)]

    @property
    def _width(self) -> int:
        """The number of entries of all inputs."""
        return sum(map(self.problem.size, self.problem.model.inputs))

    @cached_property
    def _limits(self) -> tuple[Array, Array]:
        """(V,) the ends of the ranges."""
        ends = [self.problem.ranges.of(s) for s, _ in self._sizes]

        def stacked(values: list[Any]) -> Array:
            parts = zip(values, self._sizes, strict=True)
            return np.concatenate([np.broadcast_to(np.ravel(value), (size,)) for value, (_, size) in parts])

        return stacked([e.low for e in ends]), stacked([e.high for e in ends])

    @property
    def count(self) -> int:
        """The number V of entries that may move."""
        return len(self._blocks)

    @property
    def cost(self) -> int:
        """About how many multiplications it takes to look at one trajectory."""
        total = self.problem.total
        return 4 * self.factors * total**2 * (total if self._is_whole else 1)

    @property
    def _is_whole(self) -> bool:
        return self.problem.total <= _FEW or self.problem.sign != 1

    def improved(
        self, batch: Batch, periods: NDArray[np.int64], rounds: int, moves: int, random: np.random.Generator
    ) -> Batch:
        """Trajectories with products at least as large, of as many steps; their inputs repeat.

        Args:
            batch: the trajectories to begin with.
            periods: (B,) after how many steps the inputs of each repeat.
            rounds: how often the best of some moves is made.
            moves: how many are tried in each round, for each trajectory.
            random: the source of random numbers.
        """
        kept, index, start = self._stacked(batch), np.arange(batch.size), None
        for turn in range(rounds):
            start = self._columns(kept, periods, moves + 1) if turn % _REFRESHED == 0 else start
            tried = np.concatenate([kept[None], self._moved(kept, periods, moves, random)])
            found = self.values(tried.reshape(-1, self.count), np.tile(periods, moves + 1), start)
            found = found.reshape(moves + 1, -1)
            found[0] += _PROGRESS
            kept = tried[found.argmax(axis=0), index]
        return self._batch(kept, periods, batch.steps)

    def values(self, stacked: Array, periods: NDArray[np.int64], start: Array | None = None) -> Array:
        """(B,) the objective: the logarithm of the norm, far lower the earlier a product has become zero or left."""
        return self.problem.reached(self._batch(stacked, periods, self.factors), _LOST, start)

    def _columns(self, kept: Array, periods: NDArray[np.int64], times: int) -> Array | None:
        """(N, times B, 1) the directions that products stretch most; None where whole products are compared."""
        if self._is_whole:
            return None
        last = self.problem.last_products(self._batch(kept, periods, self.factors), self.factors)
        columns = np.stack([stretched(last[:, b], self.problem.norm) for b in range(len(kept))], axis=1)
        return np.tile(columns[:, :, None], (1, times, 1))

    def _moved(self, kept: Array, periods: NDArray[np.int64], moves: int, random: np.random.Generator) -> Array:
        """(moves, B, V) copies with something moved."""
        shape = (moves, len(kept))
        chosen = self._chosen(shape, self.problem.total + self._width * periods, random)
        low, high = self._limits
        values = np.where(np.isfinite(high - low), *self._within_and_around(kept, (*shape, self.count), random))
        return np.clip(np.where(chosen, values, kept), low, high)

    def _chosen(self, shape: tuple[int, int], used: NDArray[np.int64], random: np.random.Generator) -> Any:
        """(moves, B, V) which entries move: mostly one of those used, some at all steps, some with the whole vector."""
        entry, kind = random.integers(0, used, shape), random.random(shape)
        chosen = np.zeros((*shape, self.count), dtype=bool)
        np.put_along_axis(chosen, entry[..., None], True, axis=2)
        at_all = np.zeros((self.count, self.count), dtype=bool)
        for place, places in enumerate(self._repeats):
            at_all[place, places] = True
        chosen |= at_all[entry] & (kind < 0.35)[..., None]
        whole = self._blocks == self._blocks[entry][..., None]
        return chosen | (whole & (kind > 0.85)[..., None])

    def _within_and_around(
        self, kept: Array, shape: tuple[int, int, int], random: np.random.Generator
    ) -> tuple[Array, Array]:
        """New values in ranges with ends, and in those without; entries of one vector move by lengths of one size."""
        low, high = (np.where(np.isfinite(end), end, 0.0) for end in self._limits)
        share, kind = random.random(shape), random.random(shape)
        share = np.where(kind < 0.7, np.rint(share), share)
        length = 10.0 ** random.uniform(*_FIRST_STEPS, (*shape[:2], 1))
        moved = kept + length * random.standard_normal(shape)
        moved = np.where(kind < 0.1, -kept, np.where(kind > 0.95, 0.0, moved))
        constant = random.random((*shape[:2], 1)) < 0.5  # what moves at all steps moves to one value there
        first = np.array([places[0] for places in self._repeats])
        moved = np.where(constant, moved[..., first], moved)
        return low + share * (high - low), moved

    def _stacked(self, batch: Batch) -> Array:
        """(B, V) the initial states and the inputs of the first period."""
        arrays = [batch.initial[s] for s in self.problem.model.states]
        arrays += [batch.inputs[s][t % batch.steps] for t in range(self.longest) for s in self.problem.model.inputs]
        return np.concatenate([array[:, :, 0].T for array in arrays], axis=1)

    def _batch(self, stacked: Array, periods: NDArray[np.int64], steps: int) -> Batch:
        """Trajectories of any number of steps."""
        ends = np.cumsum([size for _, size in self._sizes])[:-1].tolist()
        parts = [np.ascontiguousarray(part.T)[:, :, None] for part in np.split(stacked, ends, axis=1)]
        states, inputs = self.problem.model.states, self.problem.model.inputs
        fed: Mapping[sp.Expr, list[Array]] = {s: parts[len(states) + i :: len(inputs)] for i, s in enumerate(inputs)}
        places = (np.arange(steps)[:, None] % periods)[:, None, :, None]
        repeated = {s: np.take_along_axis(np.array(arrays), places, axis=0) for s, arrays in fed.items()}
        return Batch(dict(zip(states, parts, strict=False)), repeated, steps)
