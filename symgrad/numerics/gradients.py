"""Two ways to the gradient of growth: our own derivatives of the Jacobian, and automatic differentiation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.errors import SymgradError
from symgrad.language.operators import Operator
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.block_vectors import divided, dual, pairing
from symgrad.numerics.controls import Controls
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.growth import Growth, Path, full
from symgrad.numerics.point_values import Computation

__all__ = ["AutomaticGradient", "DerivedGradient", "Gradient", "Slopes"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]


@dataclass(frozen=True, eq=False)
class Slopes:
    """The objective of B trajectories and where it grows, as NumPy arrays.

    Attributes:
        objective: (B,) the logarithm of how much the direction grows; minus infinity outside the ranges.
        gradient: by initial states and inputs.
        direction: state symbol -> (n, B, 1), the direction that a power step leads to.
    """

    objective: Array
    gradient: Controls
    direction: Point


class Gradient(ABC):
    """A way to the derivatives of growth by initial states and inputs."""

    @property
    @abstractmethod
    def is_possible(self) -> bool:
        """Whether the derivatives exist."""

    @abstractmethod
    def at(self, variables: Controls, direction: Point) -> Slopes:
        """The objective and its derivatives, from and to NumPy arrays."""


@dataclass(frozen=True, eq=False)
class DerivedGradient(Gradient):
    """Our own derivatives by one backward pass: those of the vectors J q, which the rules give as operators.

    Attributes:
        problem: the model with its weights, and the norm.
    """

    problem: Exploration

    @cached_property
    def growth(self) -> Growth:
        """The objective."""
        return Growth(self.problem)

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
                    for pushed, update in zip(self.growth.pushed, updates, strict=True)
                ]
                for s in model.variables
            }
        except SymgradError:
            return None

    @property
    def is_possible(self) -> bool:
        return self._backward is not None

    def at(self, variables: Controls, direction: Point) -> Slopes:
        backend, placed = self.problem.backend, self.problem.placed
        with backend.scope():
            path = self.growth.along(
                placed(variables.initial), [placed(p) for p in variables.inputs], placed(direction)
            )
            gradient, pulled = self._pulled(path)
        fetched = Controls(self.problem.fetched(gradient.initial), list(map(self.problem.fetched, gradient.inputs)))
        return Slopes(backend.numpy(path.objective).astype(float), fetched, self.problem.fetched(pulled))

    def _pulled(self, path: Path) -> tuple[Controls, Point]:
        """The gradient by initial state and inputs, and the direction that a power step leads to."""
        norm, model = self.problem.norm, self.problem.model
        pulled = dual(path.directions[-1], norm)
        costate = {s: 0 * array for s, array in pulled.items()}
        inputs: list[Point] = []
        for step in reversed(range(len(path.points))):
            direction, point = path.directions[step], path.points[step]
            given = {("pulled", s): array for s, array in pulled.items()}
            given |= {("costate", s): array for s, array in costate.items()}
            found = iter(self._back({**point, **given}, step))
            before = {s: full(next(found), array) for s, array in pulled.items()}
            value = pairing(before, direction)  # both sides are known up to a factor, which cancels in the quotient
            slopes = {
                s: divided(full(next(found), point[s]), value) + full(next(found), point[s]) for s in model.variables
            }
            pulled = {s: divided(array, value) for s, array in before.items()}
            inputs.append({s: slopes[s] for s in model.inputs})
            costate = {s: slopes[s] for s in pulled}
        return Controls(costate, inputs[::-1]), dual(pulled, norm, conjugate=True)

    @cached_property
    def _back(self) -> Computation:
        """What a step pulls rows back to: the row for each state, then for each variable its share in both rows."""
        states, size = self.problem.model.states, self.problem.size
        sizes = {**self.growth.sizes, **{(name, s): size(s) for name in ("pulled", "costate") for s in states}}
        return Computation(self.problem.evaluator, sizes, self._rows)

    def _rows(self, point: ArrayEvaluator, given: Mapping[Any, Any]) -> list[Any]:
        states, backward = self.problem.model.states, self._backward or {}
        pulled, costate = ([given[name, s] for s in states] for name in ("pulled", "costate"))

        def total(operators: Iterable[Operator], rows: Sequence[Any]) -> Any:
            return point.total(point.apply(operator, row) for operator, row in zip(operators, rows, strict=True))

        before = [total([first for _, first in backward[s]], pulled) for s in states]
        shares = [
            (total([second for second, _ in pairs], pulled), total([first for _, first in pairs], costate))
            for pairs in backward.values()
        ]
        return [*before, *(row for pair in shares for row in pair)]


@dataclass(frozen=True, eq=False)
class AutomaticGradient(Gradient):
    """Derivatives by the automatic differentiation of the problem's array library, kinks and all.

    Attributes:
        problem: the model with its weights, and the norm.
    """

    problem: Exploration
    _made: dict[tuple[int, int], Callable[[list[Any]], tuple[Any, list[Any]]]] = field(default_factory=dict, repr=False)

    @property
    def is_possible(self) -> bool:
        return self.problem.backend.has_autodiff

    def at(self, variables: Controls, direction: Point) -> Slopes:
        problem, steps = self.problem, len(variables.inputs)
        count = next(iter(direction.values())).shape[1]
        parts = [variables.initial, direction, variables.stacked()]
        with problem.backend.scope():
            given = [array for part in parts for array in problem.placed(part).values()]
            values, found = self._function(steps, count)(given)
        objective, arrays = problem.backend.numpy(values).astype(float), map(problem.backend.numpy, found)
        initial, directions, inputs = ({s: next(arrays).astype(float) for s in part} for part in parts)
        gradient = Controls(initial, [{s: array[t] for s, array in inputs.items()} for t in range(steps)])
        return Slopes(objective, gradient, dual(directions, problem.norm, conjugate=True))

    def _function(self, steps: int, count: int) -> Callable[[list[Any]], tuple[Any, list[Any]]]:
        """The objective with its derivatives as a function of initial states, directions and inputs.

        Each is made with parameters of its own: compiled functions of JAX 0.10 that close over the same arrays lose
        them from the second call on.
        """
        if (steps, count) not in self._made:
            growth, model = Growth(self.problem.on(self.problem.backend)), self.problem.model

            def values(arrays: list[Any]) -> Any:
                given = iter(arrays)
                initial, direction = ({s: next(given) for s in model.states} for _ in range(2))
                return growth.total(initial, {s: next(given) for s in model.inputs}, direction, steps)

            self._made[steps, count] = self.problem.backend.value_and_gradient(values, compiled=True)
        return self._made[steps, count]
