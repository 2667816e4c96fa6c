"""Several real unknowns: the map or flow of a model with vectors or several numbers as states, with numbers put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.calculus.parameters import parameter_derivative
from symgrad.calculus.unit_ranges import IntervalEvaluator
from symgrad.dynamics.scalar_system import FLOW, MAP
from symgrad.language.operators import Operator
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.functions import constant_float
from symgrad.numerics.sharing import SharedNodes, shared_nodes
from symgrad.rigor.balls import to_ball
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["VectorSystem", "entry_place"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VectorSystem:
    """The equations ``r(x) = 0`` of fixed points: ``r = F(x) - x`` of a map, ``r = f(x)`` of a flow.

    x has N entries: those of all states, one below the other. K scalars may be left free; their values are given at
    each call, in the order of ``free``.

    Attributes:
        kind: ``"map"`` or ``"flow"``.
        model: the recurrence, or the field of the flow.
        weights: matrices and vectors of parameters and the constant inputs, exact floats.
        scalars: scalar parameters and scalar inputs, exact numbers.
        free: scalar symbols, or entries such as ``W[0, 1]`` of a parameter or an input.
    """

    kind: str
    model: Recurrence
    weights: Weights = field(repr=False)
    scalars: Mapping[sp.Expr, sp.Expr] = field(default_factory=dict)
    free: tuple[sp.Expr, ...] = ()

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name

    @property
    def states(self) -> tuple[sp.Expr, ...]:
        """The symbols of the states, in the order in which they are stacked."""
        return self.model.states

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of entries of each state."""
        return tuple((self.weights.shape(state) or (1,))[0] for state in self.states)

    @property
    def size(self) -> int:
        """N, the number of unknowns."""
        return sum(self.sizes)

    @property
    def is_map(self) -> bool:
        """Whether it is a map, with the unit circle as the edge of stability, rather than a flow."""
        return self.kind == MAP

    @property
    def nodes(self) -> SharedNodes:
        """The right sides and the blocks of their Jacobian."""
        return shared_nodes(self.model)

    @cached_property
    def places(self) -> dict[sp.Expr, slice]:
        """Where the entries of each state lie among all."""
        ends = np.cumsum(self.sizes).tolist()
        return {s: slice(end - size, end) for s, end, size in zip(self.states, ends, self.sizes, strict=True)}

    def split(self, entries: Any) -> dict[sp.Expr, Any]:
        """The part of each state: of a column of balls the list of its entries, of an array rows."""
        items = entries.entries() if isinstance(entries, arb_mat) else entries
        return {state: items[place] for state, place in self.places.items()}

    # --- balls ------------------------------------------------------------------

    def point(self, column: Any, parameters: Sequence[Any] = ()) -> BallEvaluator:
        """The evaluator at a column of balls, (N, 1) ``arb_mat``, with balls for the free scalars."""
        states = {s: column_of_balls(part) for s, part in self.split(column).items()}
        values = {**self.constants(parameters), **states}
        return BallEvaluator(values, self.weights.sizes)

    def right_side(self, column: Any, parameters: Sequence[Any] = ()) -> Any:
        """F(x) of a map, f(x) of a flow, (N, 1) in balls."""
        point = self.point(column, parameters)
        entries = [entry for node in self.nodes.updates.values() for entry in point.vector(node).entries()]
        return arb_mat(len(entries), 1, entries)

    def residual(self, column: Any, parameters: Sequence[Any] = ()) -> Any:
        """r(x), (N, 1) in balls, at a column of balls."""
        right = self.right_side(column, parameters)
        return right if self.kind == FLOW else right - column

    def linearisation(self, column: Any, parameters: Sequence[Any] = ()) -> Any:
        """The Jacobian whose eigenvalues tell stability, F'(x) or f'(x), (N, N) in balls."""
        point = self.point(column, parameters)
        rows: list[list[Any]] = []
        for blocks in self.nodes.blocks:
            parts = [point.operator(entry).tolist() for entry in blocks]
            rows += [[x for part in parts for x in part[i]] for i in range(len(parts[0]))]
        return arb_mat(rows)

    def jacobian(self, column: Any, parameters: Sequence[Any] = ()) -> Any:
        """r'(x), (N, N) in balls."""
        matrix = self.linearisation(column, parameters)
        return matrix if self.kind == FLOW else matrix - arb_mat(np.eye(self.size).astype(int).tolist())

    def by_parameters(self, column: Any, parameters: Sequence[Any] = ()) -> Any:
        """The derivative of r by the free scalars, (N, K) in balls."""
        point = self.point(column, parameters)
        columns = [
            [entry for slope in slopes for entry in _column_of(point.operator(slope), place)]
            for place, slopes in self._parameter_slopes
        ]
        return arb_mat([list(row) for row in zip(*columns, strict=True)])

    def constants(self, parameters: Sequence[Any]) -> dict[sp.Expr, Any]:
        """Values of all that is no state, at the present precision."""
        balls = {**self._exact_balls, **{s: arb_mat([[to_ball(v)]]) for s, v in self.scalars.items()}}
        for parameter, value in zip(self.free, parameters, strict=True):
            ball = value if isinstance(value, arb) else arb(value)
            if isinstance(parameter, sp.Symbol):
                balls[parameter] = arb_mat([[ball]])
            else:
                symbol, i, j = entry_place(parameter)
                matrix = balls[symbol] = arb_mat(balls[symbol])
                matrix[i, j] = ball
        return balls

    @cached_property
    def _exact_balls(self) -> dict[sp.Expr, Any]:
        return BallEvaluator.of_weights(self.weights).values

    @cached_property
    def _parameter_slopes(self) -> list[tuple[int, list[Operator]]]:
        """For each free scalar the derivatives of the right sides, and the column of them that is meant."""
        found = []
        for parameter in self.free:
            symbol, place = parameter, 0
            if not isinstance(parameter, sp.Symbol):
                symbol, i, j = entry_place(parameter)
                place = i + j * (self.weights.shape(symbol) or (1,))[0]
            found.append((place, [parameter_derivative(node, symbol) for node in self.nodes.updates.values()]))
        return found

    # --- floats -----------------------------------------------------------------

    def floats(self, points: Array, parameters: Sequence[float] = ()) -> tuple[Array, Array]:
        """(B, N) r and (B, N, N) r' at B points (B, N), approximate; not finite where floats overflow.

        Args:
            points: (B, N).
            parameters: a float for each free scalar.
        """
        batch = {state: part[:, :, None] for state, part in self.split(points.T).items()}
        point = self._arrays(parameters).at(batch)
        count, total = points.shape
        right, slopes = np.empty((total, count)), np.empty((total, count, total))
        for rows, node, blocks in zip(
            self.places.values(), self.nodes.updates.values(), self.nodes.blocks, strict=True
        ):
            right[rows] = _batched(point.vector(node))[:, :, 0]
            for columns, block in zip(self.places.values(), blocks, strict=True):
                slopes[rows, :, columns] = _batched(point.operator(block))
        slopes = slopes.transpose(1, 0, 2)
        return (right.T, slopes) if self.kind == FLOW else (right.T - points, slopes - np.eye(total))

    def residuals(self, points: Array, parameters: Sequence[float] = ()) -> Array:
        """(B, N) r alone at B points (B, N), approximate."""
        batch = {state: part[:, :, None] for state, part in self.split(points.T).items()}
        point, right = self._arrays(parameters).at(batch), np.empty(points.T.shape)
        for rows, node in zip(self.places.values(), self.nodes.updates.values(), strict=True):
            right[rows] = _batched(point.vector(node))[:, :, 0]
        return right.T if self.kind == FLOW else right.T - points

    def _arrays(self, parameters: Sequence[float]) -> ArrayEvaluator:
        values = {s: array if array.ndim == 2 else array.reshape(-1, 1) for s, array in self.weights.values.items()}
        values |= {symbol: np.array([[constant_float(number)]]) for symbol, number in self.scalars.items()}
        for parameter, value in zip(self.free, parameters, strict=True):
            if isinstance(parameter, sp.Symbol):
                values[parameter] = np.array([[float(value)]])
            else:
                symbol, i, j = entry_place(parameter)
                values[symbol] = values[symbol].copy()
                values[symbol][i, j] = float(value)
        return ArrayEvaluator(values, self.weights.sizes, np.zeros(0))

    # --- intervals --------------------------------------------------------------

    def over(self, boxes: Intervals, parameters: Sequence[Any] = ()) -> IntervalEvaluator:
        """The evaluator of ranges over B boxes (N, B), one a column, with balls for the free scalars."""
        balls = BallEvaluator(self.constants(parameters), self.weights.sizes)
        changed = {entry_place(entry)[0] for entry in self.free if not isinstance(entry, sp.Symbol)}
        changed |= self.scalars.keys() & set(self.model.inputs)
        changed |= set(self.free) & set(self.model.inputs)
        known = {symbol: Intervals.of_balls(balls.values[symbol]) for symbol in changed}
        states = {s: Intervals(boxes.low[rows], boxes.high[rows]) for s, rows in self.places.items()}
        return BoxEvaluator(self.weights, {**known, **states}, balls)

    def residual_over(self, boxes: Intervals, parameters: Sequence[Any] = ()) -> Intervals:
        """(N, B) ranges of r over B boxes (N, B)."""
        evaluator, count = self.over(boxes, parameters), boxes.shape[1]
        right = _stacked([evaluator.vector(node) for node in self.nodes.updates.values()], self.sizes, count)
        return right if self.kind == FLOW else right + -boxes

    def jacobian_over(self, boxes: Intervals, parameters: Sequence[Any] = ()) -> Intervals:
        """(N, N, B) ranges of r' over B boxes (N, B); at kinks they hold the slopes of both sides."""
        evaluator, count = self.over(boxes, parameters), boxes.shape[1]
        parts = []
        for place, size in enumerate(self.sizes):
            units = Intervals.exact(np.broadcast_to(np.eye(size)[:, :, None], (size, size, count)))
            rows = [evaluator.apply(blocks[place], units) for blocks in self.nodes.blocks]
            parts.append(_joined(rows, 0))
        found = _joined(parts, 1)
        return found if self.kind == FLOW else found + Intervals.exact(-np.eye(self.size)[:, :, None])


class BoxEvaluator(IntervalEvaluator):
    """Ranges over B boxes at once: vectors as (n, B), an operator times K vectors as (n, K, B)."""

    def matmul(self, left: Intervals, right: Intervals) -> Intervals:
        if right.low.ndim < 3:
            return super().matmul(left, right)
        flat = Intervals(*(end.reshape(right.shape[0], -1) for end in (right.low, right.high)))
        found = super().matmul(left, flat)
        return Intervals(*(end.reshape(-1, *right.shape[1:]) for end in (found.low, found.high)))

    def scaled_rows(self, column: Intervals, value: Intervals) -> Intervals:
        if value.low.ndim < 3:
            return super().scaled_rows(column, value)
        return Intervals(column.low[:, None], column.high[:, None]) * value


def entry_place(entry: sp.Expr) -> tuple[sp.Expr, int, int]:
    """The symbol, row and column of an entry such as ``W[0, 1]``."""
    return entry.parent, int(entry.i), int(entry.j)


def _column_of(matrix: Any, place: int) -> list[Any]:
    return [matrix[i, place] for i in range(matrix.nrows())]


def _batched(value: Array) -> Array:
    """What does not vary over the batch gets its dimension, of length 1."""
    return value if value.ndim == 3 else value[:, None, :]


def _joined(parts: Sequence[Intervals], axis: int) -> Intervals:
    return Intervals(*(np.concatenate([getattr(part, end) for part in parts], axis=axis) for end in ("low", "high")))


def _stacked(parts: Sequence[Intervals], sizes: Sequence[int], count: int) -> Intervals:
    """Intervals of several vectors one below the other, each for B boxes."""
    pairs = list(zip(parts, sizes, strict=True))
    ends = (
        np.concatenate([np.broadcast_to(getattr(part, end), (size, count)) for part, size in pairs])
        for end in ("low", "high")
    )
    return Intervals(*ends)
