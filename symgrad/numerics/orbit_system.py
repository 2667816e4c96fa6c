"""The equations of periodic orbits under periodic inputs, in floats, for a batch of candidates at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.setting import Setting
from symgrad.numerics.steering import Steering

__all__ = ["OrbitSystem", "block_diagonal"]

Array = NDArray[np.float64]

_NEWTON = 15  # steps; what has not returned by then is left
_ROUNDING = 1e-13  # relative change at which Newton's method has settled
_SETTLED = 1e-9  # relative; what an orbit may miss itself by before it is proved


@dataclass(frozen=True, eq=False)
class OrbitSystem:
    """Orbits as arrays (B, p, Y): before each of p steps the stacked states, then the inputs of the step.

    Attributes:
        setting: the model and its weights.
        ranges: of states and inputs, in which orbits are to lie.
    """

    setting: Setting
    ranges: UnitRanges

    @property
    def size(self) -> int:
        """The number of entries of all states."""
        return self.setting.total

    @cached_property
    def steering(self) -> Steering:
        """The arguments of the activations as functions of state and input."""
        return Steering(self.setting)

    @cached_property
    def limits(self) -> tuple[Array, Array]:
        """(Y,) the ends of the ranges of all states and inputs."""
        symbols = self.steering.layout.symbols
        low, high = (np.concatenate([getattr(self.ranges[s], end).ravel() for s in symbols]) for end in ("low", "high"))
        return low, high

    def point(self, current: Array) -> ArrayEvaluator:
        """The evaluator at all B p states and inputs."""
        flat = current.reshape(-1, current.shape[-1])
        return self.setting.evaluator.at(self.steering.layout.split(flat))

    def returning(self, point: ArrayEvaluator, current: Array) -> tuple[Array, Array]:
        """(B, p N) how far each step ends from the next state, and (B, p N, p Y) the derivative."""
        count, period, _ = current.shape
        total = self.size
        after, slopes = self.steering.next_states(point, count * period)
        following = np.roll(current[:, :, :total], -1, axis=1)
        residual = after.reshape(count, period, total) - following
        derivative = block_diagonal(slopes.reshape(count, period, total, -1))
        width = current.shape[2]
        for t in range(period):
            rows, columns = np.arange(total) + t * total, np.arange(total) + ((t + 1) % period) * width
            derivative[:, rows, columns] -= 1.0
        return residual.reshape(count, -1), derivative

    def returned(self, current: Array) -> Array:
        """Newton's method for the states alone, with the inputs as they are."""
        count, period, width = current.shape
        total = self.size
        states = (np.arange(period)[:, None] * width + np.arange(total)).ravel()
        for _ in range(_NEWTON):
            residual, derivative = self.returning(self.point(current), current)
            try:
                change = -np.linalg.solve(derivative[:, :, states], residual[..., None])[..., 0]
            except np.linalg.LinAlgError:
                change = -(np.linalg.pinv(np.nan_to_num(derivative[:, :, states])) @ residual[..., None])[..., 0]
            change = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)
            current = current.copy()
            current[:, :, :total] += change.reshape(count, period, total)
            if (np.abs(change).max(axis=1) <= _ROUNDING * (1.0 + np.abs(current).max(axis=(1, 2)))).all():
                break
        return current

    def jacobians(self, current: Array) -> Array:
        """(B, p, N, N) the Jacobians at states and inputs, in floats."""
        count, period, _ = current.shape
        _, slopes = self.steering.next_states(self.point(current), count * period)
        return slopes[:, :, : self.size].reshape(count, period, self.size, self.size)

    def rates(self, current: Array) -> Array:
        """(B,) the rates along orbits; minus infinity for what does not return or leaves the ranges."""
        residual, _ = self.returning(self.point(current), current)
        low, high = self.limits
        scale = 1.0 + np.abs(current).max(axis=(1, 2))
        good = np.abs(residual).max(axis=1, initial=0.0) <= _SETTLED * scale
        good &= ((current >= low - 1e-12) & (current <= high + 1e-12)).all(axis=(1, 2))
        product = np.broadcast_to(np.eye(self.size), (len(current), self.size, self.size))
        for step in np.moveaxis(self.jacobians(current), 1, 0):
            product = step @ product
        good &= np.isfinite(product).all(axis=(1, 2))
        radius = np.full(len(current), -np.inf)
        radius[good] = np.abs(np.linalg.eigvals(product[good])).max(axis=1) ** (1 / current.shape[1])
        return radius


def block_diagonal(blocks: Any) -> Array:
    """(B, p R, p Y) from (B, p, R, Y)."""
    count, period, rows, columns = blocks.shape
    found = np.zeros((count, period, rows, period, columns))
    for t in range(period):
        found[:, t, :, t] = blocks[:, t]
    return found.reshape(count, period * rows, period * columns)
