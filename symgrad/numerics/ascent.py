"""Ascent: states and inputs improved along the exact gradient of the logarithm of a product's norm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.errors import SymgradError
from symgrad.language.construct import add_vectors, apply_operator
from symgrad.language.operators import Operator, Variable, Vector
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.block_vectors import divided, dual, log_norm, pairing, safe_exp
from symgrad.numerics.controls import Controls, where
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.products import products, stretched
from symgrad.numerics.simulate import Batch

__all__ = ["Ascent"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]

_FIRST_STEP = 0.3
_GROWTH, _SHRINKAGE = 1.6, 0.35


@dataclass(frozen=True, eq=False)
class _Run:
    """A forward pass: points and directions at each step, and the objective of each trajectory."""

    points: list[Point]
    directions: list[Point]
    objective: Array


@dataclass(frozen=True, eq=False)
class Ascent:
    """Gradient ascent on ``log ||J_k ... J_1 v||`` over initial state, inputs and the direction v.

    The gradient comes from one backward pass: the second derivatives are the derivatives of the vectors J q,
    which the same rules give.

    Attributes:
        problem: the bound and its weights.
    """

    problem: Exploration

    @cached_property
    def _symbols(self) -> dict[sp.Expr, sp.Expr]:
        """A symbol for the direction next to each state."""
        return {s: _direction_symbol(s) for s in self.problem.model.states}

    @cached_property
    def _pushed(self) -> list[Vector]:
        """The Jacobian times the direction, a vector for each state."""
        directions = [Variable(s) for s in self._symbols.values()]
        return [
            add_vectors(*(apply_operator(entry, q) for entry, q in zip(row, directions, strict=True)))
            for row in self.problem.nodes.blocks
        ]

    @cached_property
    def _backward(self) -> dict[sp.Expr, list[tuple[Operator, Operator]]] | None:
        """For each variable and each state: transposed derivatives of the pushed direction and of the update.

        None where a slope has no derivative that the rules can state (kinks, for example).
        """
        share, model = self.problem.nodes.sharing.node, self.problem.model
        updates = list(self.problem.nodes.updates.values())
        try:
            return {
                s: [
                    (share(adjoint(derivative(pushed, s))), share(adjoint(derivative(update, s))))
                    for pushed, update in zip(self._pushed, updates, strict=True)
                ]
                for s in model.variables
            }
        except SymgradError:
            return None

    @property
    def is_possible(self) -> bool:
        """Whether the gradient exists; products that are to be small are not improved here."""
        return self.problem.sign == 1 and self._backward is not None

    def improved(self, batch: Batch, factors: int, iterations: int) -> Batch:
        """The trajectories with larger products of this many factors; their inputs repeat afterwards."""
        variables = Controls.of(batch, factors)
        direction = self._first_direction(batch, factors)
        best = np.full(batch.size, -np.inf)
        step = np.full(batch.size, _FIRST_STEP)
        kept, gradient = variables, variables.zeros()
        for _ in range(iterations):
            run = self._forward(variables, direction)
            better = run.objective > best
            best = np.where(better, run.objective, best)
            slopes, pulled = self._gradient(run)
            kept, gradient = variables.where(better, kept), slopes.where(better, gradient)
            direction = where(better, pulled, direction)
            step = np.where(better, step * _GROWTH, step * _SHRINKAGE)
            variables = kept.moved(gradient, step).clipped(self.problem.ranges)
        return kept.repeated(batch.steps)

    def _first_direction(self, batch: Batch, factors: int) -> Point:
        short = batch.first(factors)
        items = products(self.problem.evaluator, self.problem.nodes.blocks, short, self.problem.simulated(short))
        last = list(items)[-1].matrix
        columns = np.stack([stretched(last[:, b], self.problem.norm) for b in range(batch.size)], axis=1)
        return self._blocks(columns[:, :, None])

    def _blocks(self, stacked: Array) -> Point:
        ends = np.cumsum([self.problem.size(s) for s in self._symbols]).tolist()
        return dict(zip(self._symbols, np.split(stacked, ends[:-1]), strict=True))

    def _forward(self, variables: Controls, direction: Point) -> _Run:
        norm = self.problem.norm
        states, pushed = dict(variables.initial), direction
        total = -log_norm(pushed, norm)
        points, directions, inside = [], [], np.ones(total.shape, dtype=bool)
        for step, inputs in enumerate(variables.inputs):
            here = {**states, **inputs}
            points.append(here)
            directions.append(pushed)
            inside &= self._inside(here)
            point = self._point(here, pushed, step)
            states = {s: point.vector(node) for s, node in self.problem.nodes.updates.items()}
            raw = {s: _full(point.vector(node), total) for s, node in zip(states, self._pushed, strict=True)}
            length = log_norm(raw, norm)
            total = total + length
            pushed = {s: array / safe_exp(length)[None, :, None] for s, array in raw.items()}
        directions.append(pushed)
        return _Run(points, directions, np.where(inside & np.isfinite(total), total, -np.inf))

    def _point(self, here: Point, pushed: Point, step: int) -> Any:
        return self.problem.evaluator.at({**here, **{self._symbols[s]: array for s, array in pushed.items()}}, step)

    def _inside(self, here: Point) -> Any:
        checks = [self.problem.ranges.inside(s, array) for s, array in here.items()]
        return reduce(np.logical_and, checks)

    def _gradient(self, run: _Run) -> tuple[Controls, Point]:
        """The gradient by initial state and inputs, and the direction that a power step leads to."""
        norm, backward = self.problem.norm, self._backward or {}
        pulled = dual(run.directions[-1], norm)
        costate = {s: np.zeros_like(array) for s, array in pulled.items()}
        inputs: list[Point] = []
        for step in reversed(range(len(run.points))):
            direction = run.directions[step]
            point = self._point(run.points[step], direction, step)
            before = {
                s: _sum(point.apply(first, r) for (_, first), r in zip(backward[s], pulled.values(), strict=True))
                for s in pulled
            }
            value = pairing(before, direction)  # both sides are known up to a factor, which cancels in the quotient
            slopes = {}
            for s, pairs in backward.items():
                direct = _sum(point.apply(second, r) for (second, _), r in zip(pairs, pulled.values(), strict=True))
                later = _sum(point.apply(first, c) for (_, first), c in zip(pairs, costate.values(), strict=True))
                slopes[s] = divided(_full(direct, value), value) + _full(later, value)
            pulled = {s: divided(array, value) for s, array in before.items()}
            inputs.append({s: slopes[s] for s in self.problem.model.inputs})
            costate = {s: slopes[s] for s in pulled}
        return Controls(costate, inputs[::-1]), dual(pulled, norm, conjugate=True)


def _direction_symbol(state: sp.Expr) -> sp.Expr:
    if isinstance(state, sp.Symbol):
        return sp.Dummy(f"direction_{state}", real=True)
    return sp.MatrixSymbol(sp.Dummy(f"direction_{state}").name + "'", *state.shape)


def _full(value: Any, like: Array) -> Array:
    """A value as (n, B, 1), also where it does not depend on the trajectory."""
    batch = value if value.ndim == 3 else value[:, None, :]
    return np.broadcast_to(batch, (batch.shape[0], len(like), batch.shape[2]))


def _sum(values: Iterable[Any]) -> Array:
    return reduce(np.add, values)
