"""How a direction grows along trajectories: what gradient ascent improves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import sympy as sp
from array_api_compat import array_namespace

from symgrad.language.construct import add_vectors, apply_operator
from symgrad.language.operators import Variable, Vector
from symgrad.numerics.arrays import LayerArrays
from symgrad.numerics.block_vectors import divided, log_norm, safe_exp
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.point_values import Computation

__all__ = ["Growth", "Path", "full"]

Point = dict[sp.Expr, Any]


@dataclass(frozen=True, eq=False)
class Path:
    """A forward pass.

    Attributes:
        points: states, inputs and directions at each step, by their symbols.
        states: after the last step.
        directions: at each step and after the last.
        objective: (B,)
    """

    points: list[Point]
    states: Point
    directions: list[Point]
    objective: Any


@dataclass(frozen=True, eq=False)
class Growth:
    """``log ||J_k ... J_1 v||`` for the trajectories of a problem, on the arrays of its back end.

    Attributes:
        problem: the model with its weights, and the norm.
    """

    problem: Exploration

    @cached_property
    def symbols(self) -> dict[sp.Expr, sp.Expr]:
        """A symbol for the direction next to each state."""
        return {s: _direction_symbol(s) for s in self.problem.model.states}

    @cached_property
    def pushed(self) -> list[Vector]:
        """The Jacobian times the direction, a vector for each state."""
        directions = [Variable(s) for s in self.symbols.values()]
        return [
            add_vectors(*(apply_operator(entry, q) for entry, q in zip(row, directions, strict=True)))
            for row in self.problem.nodes.blocks
        ]

    def along(self, initial: Point, inputs: Sequence[Point], direction: Point) -> Path:
        """The forward pass from initial states and directions of norm 1, in arrays (n, B, 1).

        The objective is minus infinity for what leaves the ranges.
        """
        norm, states, pushed = self.problem.norm, dict(initial), direction
        xp = array_namespace(*pushed.values())
        count = next(iter(pushed.values()))[0, :, 0]
        total, inside = xp.zeros_like(count), xp.ones_like(count, dtype=xp.bool)
        points, directions = [], []
        for step, given in enumerate(inputs):
            here = {**states, **given}
            inside = inside & self._inside(here)
            points.append({**here, **{self.symbols[s]: array for s, array in pushed.items()}})
            directions.append(pushed)
            found = iter(self._forward(points[-1], step))
            states = {s: full(next(found), array) for s, array in states.items()}
            raw = {s: full(next(found), array) for s, array in pushed.items()}
            length = log_norm(raw, norm)
            total = total + length
            scale = safe_exp(length)
            pushed = {s: divided(array, scale) for s, array in raw.items()}
        directions.append(pushed)
        kept = inside & xp.isfinite(total)
        return Path(points, states, directions, xp.where(kept, total, -xp.inf * xp.ones_like(total)))

    def total(self, initial: Point, inputs: Point, direction: Point, steps: int) -> Any:
        """(B,) the same objective from inputs (T, m, B, 1), the steps in one loop that JAX compiles once."""
        xp, count = self.problem.backend.xp, next(iter(direction.values()))[0, :, 0]
        if isinstance(self.problem.evaluator, LayerArrays):  # whose steps differ
            fed = [{s: array[t, ...] for s, array in inputs.items()} for t in range(steps)]
            return self.along(initial, fed, direction).objective
        start = [*initial.values(), *direction.values(), xp.zeros_like(count), xp.ones_like(count, dtype=xp.bool)]
        (*_, total, inside), _, _ = self.problem.backend.library.scanned(
            self._step, [], start, list(inputs.values()), steps
        )
        return xp.where(inside & xp.isfinite(total), total, -xp.inf * xp.ones_like(total))

    def _step(self, _: Any, state: list[Any], given: list[Any]) -> tuple[list[Any], list[Any]]:
        """One step of the loop: states, directions, the objective so far and whether all has been in the ranges."""
        model, (*vectors, total, inside) = self.problem.model, state
        count = len(model.states)
        states, pushed = (dict(zip(model.states, part, strict=True)) for part in (vectors[:count], vectors[count:]))
        path = self.along(states, [dict(zip(model.inputs, given, strict=True))], pushed)
        kept = inside & (path.objective > -array_namespace(total).inf)
        return [*path.states.values(), *path.directions[-1].values(), total + path.objective, kept], []

    @cached_property
    def sizes(self) -> dict[sp.Expr, int]:
        """The numbers of entries of all variables and of the directions."""
        size, model = self.problem.size, self.problem.model
        return {**{s: size(s) for s in model.variables}, **{q: size(s) for s, q in self.symbols.items()}}

    @cached_property
    def _forward(self) -> Computation:
        """The next states, then the directions that they are pushed to."""
        nodes = [*self.problem.nodes.updates.values(), *self.pushed]
        return Computation(self.problem.evaluator, self.sizes, lambda point, _: [point.vector(node) for node in nodes])

    def _inside(self, here: Point) -> Any:
        return reduce(lambda a, b: a & b, [self.problem.holds(s, array) for s, array in here.items()])


def full(value: Any, like: Any) -> Any:
    """A value in the shape (n, B, 1) of others, also where it does not depend on the trajectory."""
    batch = value if value.ndim == 3 else value[:, None, :]
    return array_namespace(batch).broadcast_to(batch, like.shape)


def _direction_symbol(state: sp.Expr) -> sp.Expr:
    if isinstance(state, sp.Symbol):
        return sp.Dummy(f"direction_{state}", real=True)
    return sp.MatrixSymbol(sp.Dummy(f"direction_{state}").name + "'", *state.shape)
