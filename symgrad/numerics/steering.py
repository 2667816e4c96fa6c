"""Steering: states and inputs that put the arguments of the activations where slopes or values are extreme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.language.operators import Elementwise, Operator, Vector, symbols_of, walk
from symgrad.numerics.extreme_points import extreme_points
from symgrad.numerics.least_squares import least_squares
from symgrad.numerics.point_values import PointValues
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

__all__ = ["Layout", "Steering"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Array]

_ITERATIONS = 12
_CUTOFF = 1e-9
_SETTLED = 1e-14
_WORK = 2**30  # of one round of pseudo-inverses, in multiplications


@dataclass(frozen=True)
class Layout:
    """Variables stacked into one vector a trajectory: arrays (n, B, 1) for each as one array (B, Y)."""

    symbols: tuple[sp.Expr, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, setting: Setting, symbols: tuple[sp.Expr, ...]) -> Layout:
        """The layout of some variables of a model."""
        return cls(symbols, tuple(setting.size(s) for s in symbols))

    @property
    def size_by_symbol(self) -> dict[sp.Expr, int]:
        """The size of each variable."""
        return dict(zip(self.symbols, self.sizes, strict=True))

    def split(self, stacked: Array) -> Point:
        """The arrays of the variables."""
        parts = np.split(stacked, np.cumsum(self.sizes)[:-1].tolist(), axis=1) if self.symbols else []
        return {s: np.ascontiguousarray(part.T)[:, :, None] for s, part in zip(self.symbols, parts, strict=True)}

    def stacked(self, point: Mapping[sp.Expr, Array]) -> Array:
        """The stacked vectors."""
        return np.concatenate([point[s][:, :, 0].T for s in self.symbols], axis=1)


@dataclass(frozen=True, eq=False)
class Steering:
    """The arguments of a model's activations as functions of state and input, and how to bring them to targets.

    Attributes:
        setting: the model and its weights.
        steps: of the trajectories that are wanted.
    """

    setting: Setting
    steps: int = 1

    @cached_property
    def activated(self) -> tuple[Elementwise, ...]:
        """The applications of activations whose argument depends on state or input, one for each argument."""
        variables = set(self.setting.model.variables)
        found: dict[Vector, Elementwise] = {}
        for node in (node for update in self.setting.nodes.updates.values() for node in walk(update)):
            if isinstance(node, Elementwise) and symbols_of(node.argument) & variables:
                found.setdefault(node.argument, node)
        return tuple(found.values())

    @cached_property
    def candidates(self) -> tuple[tuple[float, ...], ...]:
        """For each application the arguments worth trying: steepest first, then extreme values where values count."""
        values_count = len(self.activated) > 1
        return tuple(extreme_points(node.function, values_count) for node in self.activated)

    @cached_property
    def layout(self) -> Layout:
        """States, then inputs."""
        return Layout.of(self.setting, self.setting.model.variables)

    @cached_property
    def input_layout(self) -> Layout:
        """Inputs alone."""
        return Layout.of(self.setting, self.setting.model.inputs)

    @cached_property
    def _argument_rows(self) -> list[list[Operator]]:
        return self._derivatives([node.argument for node in self.activated])

    def _derivatives(self, nodes: Sequence[Vector]) -> list[list[Operator]]:
        share = self.setting.nodes.sharing.node
        return [[share(derivative(node, s)) for s in self.layout.symbols] for node in nodes]

    def _values_of(self, vectors: Sequence[Vector], rows: Sequence[Sequence[Operator]] = ()) -> PointValues:
        """Vectors and matrices as functions of states and inputs."""
        return PointValues(self.setting.evaluator, self.layout.size_by_symbol, vectors, rows)

    @cached_property
    def _arguments(self) -> PointValues:
        return self._values_of([node.argument for node in self.activated])

    @cached_property
    def _arguments_and_slopes(self) -> PointValues:
        return self._values_of(self._arguments.vectors, self._argument_rows)

    @cached_property
    def _updates(self) -> PointValues:
        return self._values_of(list(self.setting.nodes.updates.values()))

    @cached_property
    def _updates_and_slopes(self) -> PointValues:
        return self._values_of(self._updates.vectors, self._derivatives(self._updates.vectors))

    def targets(self, count: int, random: np.random.Generator) -> Array:
        """(B, R) arguments to aim at: each candidate for all applications first, then random combinations."""
        rows = [self.setting.evaluator.size(node.size) for node in self.activated]
        columns = []
        for options, size in zip(self.candidates, rows, strict=True):
            first = np.arange(count) % len(options)
            drawn = random.integers(0, len(options), count)
            choice = np.where(np.arange(count) < len(options), first, drawn)
            columns.append(np.repeat(np.array(options)[choice][:, None], size, axis=1))
        return np.concatenate(columns, axis=1) if columns else np.zeros((count, 0))

    def solve(self, targets: Array, start: Array, settle: bool) -> Array:
        """(B, Y) states and inputs with the arguments near the targets, by Gauss-Newton within the ranges.

        Args:
            targets: (B, R).
            start: (B, Y) where to begin.
            settle: whether the state should also be a fixed point.
        """
        current = start
        for _ in range(_ITERATIONS):
            with np.errstate(all="ignore"):
                before, current = current, self._clipped(self.layout, current - self._step(current, targets, settle))
            if _is_settled(before, current):
                break
        return current

    def _step(self, current: Array, targets: Array, settle: bool) -> Array:
        """(B, Y) the step of Gauss-Newton, zero for trajectories whose derivatives are not finite."""
        point = self.layout.split(current)
        residual, slope = self.argument_residual(point, targets)
        if settle:
            more, more_slope = self._rest_residual(point, current)
            residual = np.concatenate([residual, more], axis=1)
            slope = np.concatenate([slope, more_slope], axis=1)
        finite = np.isfinite(residual).all(axis=1) & np.isfinite(slope).all(axis=(1, 2))
        step = np.zeros_like(current)
        step[finite] = least_squares(slope[finite], residual[finite], _CUTOFF)
        return step

    def argument_residual(self, point: Point, targets: Array) -> tuple[Array, Array]:
        """(B, R) the arguments at a point less their targets, and (B, R, Y) their derivative."""
        values, slopes = self._arguments_and_slopes.stacked(point, len(targets))
        return values - targets, slopes

    def arguments(self, stacked: Array) -> Array:
        """(B, R) the arguments of the activations at states and inputs (B, Y)."""
        return self._arguments.stacked(self.layout.split(stacked), len(stacked))[0]

    def _rest_residual(self, point: Point, current: Array) -> tuple[Array, Array]:
        after, slopes = self.next_states(point, len(current))
        total = after.shape[1]
        return after - current[:, :total], slopes - np.eye(total, slopes.shape[2])

    def next_states(self, point: Point, count: int) -> tuple[Array, Array]:
        """(B, N) the states after a step from a point, and (B, N, Y) their derivative by state and input."""
        return self._updates_and_slopes.stacked(point, count)

    def _clipped(self, layout: Layout, stacked: Array) -> Array:
        """(B, Y) values of some variables moved into their ranges."""
        if layout not in self._ends:
            self._ends[layout] = self._ends_of(layout)
        return np.clip(stacked, *self._ends[layout])

    @cached_property
    def _ends(self) -> dict[Layout, tuple[Array, Array]]:
        return {}

    def _ends_of(self, layout: Layout) -> tuple[Array, Array]:
        """(Y,) the least and the largest value of each entry."""
        ends = [(self.setting.ranges.of(s), size) for s, size in layout.size_by_symbol.items()]
        low, high = (
            np.concatenate([np.zeros(0), *(np.broadcast_to(np.ravel(getattr(e, name)), (n,)) for e, n in ends)])
            for name in ("low", "high")
        )
        return low, high

    @cached_property
    def capacity(self) -> int:
        """How many trajectories are worth steering: least squares of large models take long."""
        rows = sum(self.setting.evaluator.size(node.size) for node in self.activated) + self.setting.total
        columns = sum(self.layout.sizes)
        return max(2, _WORK // (rows * columns * min(rows, columns)))

    def batch(self, count: int, random: np.random.Generator) -> Batch | None:
        """Trajectories that start where the arguments are near targets and are kept there by their inputs.

        Half of them look for a fixed point there. They may be fewer than wanted, at most ``capacity``; None if the
        model has no activation that depends on state or input.
        """
        if not self.activated or not count:
            return None
        count = min(count, self.capacity)
        targets = self.targets((count + 1) // 2, random)
        spread = random.standard_normal((len(targets), sum(self.layout.sizes)))
        spread *= np.where(np.arange(len(targets)) % 2, 0.3, 0.0)[:, None]
        start = self._clipped(self.layout, spread)
        settled = self.solve(targets, start, settle=True)
        free = self.solve(targets, start, settle=False)
        both = np.stack([free, settled], axis=1).reshape(2 * len(targets), -1)[:count]
        return self.kept(self.layout.split(both), np.repeat(targets, 2, axis=0)[None, :count])

    def kept(self, first: Point, targets: Array) -> Batch:
        """The trajectories whose inputs bring the arguments back to targets at every step.

        Args:
            first: states and inputs of the first step.
            targets: (p, B, R), which repeat after p steps.
        """
        model, layout = self.setting.model, self.input_layout
        states = initial = {s: first[s] for s in model.states}
        fed = [layout.stacked(first)] if model.inputs else []
        for step in range(1, self.steps if fed else 0):
            with np.errstate(all="ignore"):
                inputs = layout.split(fed[-1])
                after = self._updates.values({**states, **inputs}, step - 1)
                states = dict(zip(states, map(_batched, after), strict=True))
                fed.append(self._corrected({**states, **inputs}, fed[-1], targets[step % len(targets)], step))
        ends = np.cumsum(layout.sizes)[:-1].tolist()
        parts = np.split(np.moveaxis(np.array(fed), 1, 2), ends, axis=1) if fed else []
        sequences = {s: np.ascontiguousarray(p)[..., None] for s, p in zip(layout.symbols, parts, strict=True)}
        return Batch(initial, sequences, self.steps)

    def _corrected(self, point: Point, inputs: Array, targets: Array, step: int) -> Array:
        """(B, M) the inputs that bring the arguments which are affine in them back to the targets, if they can."""
        arguments, rows, solver = self._input_solver(step if self.setting.model.depth is not None else 0)
        if not arguments.vectors:
            return inputs
        residual = arguments.stacked(point, len(targets), step)[0] - targets[:, rows]
        change = np.nan_to_num(-(residual @ solver.T), nan=0.0, posinf=0.0, neginf=0.0)
        return self._clipped(self.input_layout, inputs + change)

    def _rows_of(self, places: list[int]) -> NDArray[np.int64]:
        """The rows of the targets that belong to some of the applications."""
        ends = np.cumsum([0, *(self.setting.evaluator.size(node.size) for node in self.activated)])
        return np.concatenate([np.arange(ends[i], ends[i + 1]) for i in places])

    def _input_solver(self, step: int) -> tuple[PointValues, NDArray[np.int64], Array]:
        if step not in self._solvers:
            self._solvers[step] = self._solved_for_inputs(step)
        return self._solvers[step]

    @cached_property
    def _solvers(self) -> dict[int, tuple[PointValues, NDArray[np.int64], Array]]:
        return {}

    def _solved_for_inputs(self, step: int) -> tuple[PointValues, NDArray[np.int64], Array]:
        """The arguments that are affine in the inputs, their rows, and the pseudo-inverse of their derivative."""
        states, variables = len(self.setting.model.states), set(self.setting.model.variables)
        rows = [row[states:] for row in self._argument_rows]
        places = [i for i, row in enumerate(rows) if not any(symbols_of(entry) & variables for entry in row)]
        origin = self.layout.split(np.zeros((1, sum(self.layout.sizes))))
        slopes = self._values_of([], [rows[i] for i in places]).stacked(origin, 1, step)[1][0]
        if not places or not np.isfinite(slopes).all():
            return self._values_of([]), np.zeros(0, dtype=np.int64), np.zeros((0, 0))
        arguments = self._values_of([self.activated[i].argument for i in places])
        return arguments, self._rows_of(places), np.asarray(np.linalg.pinv(slopes, rcond=_CUTOFF))


def _is_settled(before: Array, after: Array) -> bool:
    """Whether no finite entry changes any more."""
    finite = np.isfinite(before) & np.isfinite(after)
    change = np.abs(after[finite] - before[finite]).max(initial=0.0)
    return bool(change <= _SETTLED * np.abs(after[finite]).max(initial=0.0))


def _batched(value: Any) -> Any:
    return value if value.ndim == 3 else value[:, None, :]
