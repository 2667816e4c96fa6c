"""Periodic orbits of a model under exact inputs, proved to exist and enclosed, with the growth along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.bounds.joint_spectral_radius import rate_of_product
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.sharing import shared_nodes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["OrbitEnclosure", "PeriodicOrbit", "enclosed_orbit"]

Array = NDArray[np.float64]

_BITS = 192


@dataclass(frozen=True, eq=False)
class OrbitEnclosure:
    """An orbit in balls.

    Attributes:
        states: for each step t = 0 ... p - 1 a column of balls around all states before step t + 1.
        jacobians: J_1, ..., J_p around the derivatives along it, in the order in which they act.
    """

    states: tuple[Any, ...]
    jacobians: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class PeriodicOrbit(Presentable):
    """A real trajectory that returns after p steps when its inputs repeat, and how fast gradients grow along it.

    Near the stored states there is an exact orbit: it is proved to exist by the operator of Krawczyk. All numbers in
    ``inputs`` and the weights are floats taken as exact.

    Attributes:
        model: the recurrence.
        weights: its numbers.
        ranges: the ranges in which the orbit is proved to lie, symbol -> intervals.
        inputs: input name -> (p, m).
        states: state name -> (p, n), about the states before each step.
        rate: proved lower bound of rho(J_p ... J_1)^(1/p) along the orbit.
    """

    model: Recurrence
    weights: Weights = field(repr=False)
    ranges: UnitRanges = field(repr=False)
    inputs: Mapping[str, Array]
    states: Mapping[str, Array]
    rate: float

    @property
    def period(self) -> int:
        """The number of steps p after which everything repeats."""
        return len(next(iter(self.states.values())))

    def replay(self) -> bool:
        """Prove again that the orbit exists within its ranges and grows at the stated rate."""
        found = enclosed_orbit(self.model, self.weights, self.ranges, self.states, self.inputs)
        return found is not None and rate_of_product(found.jacobians) >= self.rate


def enclosed_orbit(
    model: Recurrence,
    weights: Weights,
    ranges: UnitRanges,
    states: Mapping[str, Array],
    inputs: Mapping[str, Array],
) -> OrbitEnclosure | None:
    """Balls around a periodic orbit near given floats, or None where none is proved to exist within the ranges.

    All p states are unknowns of one system (multiple shooting), so that an unstable orbit is enclosed as well.
    """
    with working_precision(_BITS):
        system = _Shooting(model, weights, {model.symbol(name): array for name, array in inputs.items()})
        start = [np.concatenate([states[str(s)][t] for s in model.states]) for t in range(_period(states))]
        zero = system.zero(column_of_balls(np.concatenate(start)))
        if zero is None:
            return None
        points = system.points(zero)
        if not all(_inside(point, ranges) for point in points):
            return None
        jacobians = tuple(system.jacobian(point) for point in points)
        finite = all(entry.is_finite() for matrix in jacobians for entry in matrix.entries())
        return OrbitEnclosure(tuple(system.split(zero)), jacobians) if finite else None


def _period(states: Mapping[str, Array]) -> int:
    return len(next(iter(states.values())))


def _inside(point: BallEvaluator, ranges: UnitRanges) -> bool:
    """Whether states and inputs are proved to lie in their ranges."""
    return all(
        bool(arb(low) <= entry) and bool(entry <= arb(high))
        for symbol, allowed in ranges.items()
        for entry, low, high in zip(
            point.values[symbol].entries(), allowed.low.ravel().tolist(), allowed.high.ravel().tolist(), strict=True
        )
    )


class _Shooting:
    """The equations x_(t+1) = F(x_t, u_(t+1)), t = 0 ... p - 1, with x_p = x_0, in balls."""

    def __init__(self, model: Recurrence, weights: Weights, inputs: Mapping[sp.Expr, Array]) -> None:
        self.model, self.inputs = model, inputs
        self.nodes = shared_nodes(model)
        self.constants = BallEvaluator.of_weights(weights)
        self.sizes = [(weights.shape(s) or (1,))[0] for s in model.states]
        self.total = sum(self.sizes)

    def zero(self, start: Any) -> Any | None:
        """Balls around a solution: the start itself if it solves the equations exactly, as 0 = tanh(0) does."""
        try:
            if all(entry.is_zero() for entry in self.residual(start).entries()):
                return start
            return krawczyk_zero(self.residual, self.derivative, start)
        except (ZeroDivisionError, ValueError):
            return None

    def split(self, stacked: Any) -> list[Any]:
        """The state at each step."""
        entries, total = stacked.entries(), self.total
        return [arb_mat(total, 1, entries[start : start + total]) for start in range(0, len(entries), total)]

    def points(self, stacked: Any) -> list[BallEvaluator]:
        """An evaluator at each step."""
        return [self._point(state.entries(), t) for t, state in enumerate(self.split(stacked))]

    def _point(self, entries: list[Any], step: int) -> BallEvaluator:
        ends = np.cumsum(self.sizes).tolist()
        columns = {
            s: arb_mat(size, 1, entries[end - size : end])
            for s, size, end in zip(self.model.states, self.sizes, ends, strict=True)
        }
        fed = {s: column_of_balls(array[step]) for s, array in self.inputs.items()}
        point = BallEvaluator({**self.constants.values, **columns, **fed}, {})
        point.sizes = self.constants.sizes
        return point

    def residual(self, stacked: Any) -> Any:
        """F(x_t, u_(t+1)) - x_(t+1), stacked."""
        after = [self._after(point) for point in self.points(stacked)]
        before = self.split(stacked)
        entries = [
            a - b
            for t, new in enumerate(after)
            for a, b in zip(new, before[(t + 1) % len(after)].entries(), strict=True)
        ]
        return arb_mat(len(entries), 1, entries)

    def _after(self, point: BallEvaluator) -> list[Any]:
        return [entry for node in self.nodes.updates.values() for entry in point.vector(node).entries()]

    def jacobian(self, point: BallEvaluator) -> Any:
        """The N by N matrix of derivatives at a point."""
        rows: list[list[Any]] = []
        for blocks in self.nodes.blocks:
            parts = [point.operator(entry).tolist() for entry in blocks]
            rows += [[x for part in parts for x in part[i]] for i in range(len(parts[0]))]
        return arb_mat(rows)

    def derivative(self, stacked: Any) -> Any:
        """The derivative of the residual by all states."""
        points, total = self.points(stacked), self.total
        count, size = len(points), len(points) * total
        rows = [[arb(0)] * size for _ in range(size)]
        for t, point in enumerate(points):
            for i, row in enumerate(self.jacobian(point).tolist()):
                rows[t * total + i][t * total : (t + 1) * total] = row
        for t in range(count):
            for i in range(total):
                column = ((t + 1) % count) * total + i
                rows[t * total + i][column] = rows[t * total + i][column] - 1
        return arb_mat(rows)
