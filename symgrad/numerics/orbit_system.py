"""The equations of periodic orbits under periodic inputs, in floats, for a batch of candidates at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.unit_ranges import UnitRanges
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

    def point(self, current: Array) -> dict[sp.Expr, Array]:
        """All B p states and inputs by their symbols."""
        return self.steering.layout.split(current.reshape(-1, current.shape[-1]))

    def steps(self, current: Array) -> tuple[Array, Array]:
        """(B, p, N) the states after each step, and (B, p, N, Y) their derivative by the state and input before it."""
        count, period, _ = current.shape
        after, slopes = self.steering.next_states(self.point(current), count * period)
        return after.reshape(count, period, -1), slopes.reshape(count, period, self.size, -1)

    def returning(self, current: Array) -> tuple[Array, Array]:
        """(B, p N) how far each step ends from the next state, and (B, p N, p Y) the derivative."""
        after, slopes = self.steps(current)
        return self._residual(current, after), self.derivative(slopes)

    def _residual(self, current: Array, after: Array) -> Array:
        return (after - np.roll(current[:, :, : self.size], -1, axis=1)).reshape(len(current), -1)

    def derivative(self, slopes: Array) -> Array:
        """(B, p N, p Y) the derivative of how far each step ends from the next state, from those of the steps."""
        _, period, total, width = slopes.shape
        found = block_diagonal(slopes)
        for t in range(period):
            rows, columns = np.arange(total) + t * total, np.arange(total) + ((t + 1) % period) * width
            found[:, rows, columns] -= 1.0
        return found

    def returned(self, current: Array) -> Array:
        """Newton's method for the states alone, with the inputs as they are."""
        count, period, width = current.shape
        total = self.size
        states = (np.arange(period)[:, None] * width + np.arange(total)).ravel()
        for _ in range(_NEWTON):
            residual, derivative = self.returning(current)
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

    def rates(self, current: Array) -> Array:
        """(B,) the rates along orbits; minus infinity for what does not return or leaves the ranges."""
        after, slopes = self.steps(current)
        residual = self._residual(current, after)
        low, high = self.limits
        scale = 1.0 + np.abs(current).max(axis=(1, 2))
        good = np.abs(residual).max(axis=1, initial=0.0) <= _SETTLED * scale
        good &= ((current >= low - 1e-12) & (current <= high + 1e-12)).all(axis=(1, 2))
        product = np.broadcast_to(np.eye(self.size), (len(current), self.size, self.size))
        for step in range(current.shape[1]):
            product = slopes[:, step, :, : self.size] @ product
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
