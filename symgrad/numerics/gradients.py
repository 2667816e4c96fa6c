"""Two ways to the gradient of growth: our own derivatives of the Jacobian, and automatic differentiation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.errors import SymgradError
from symgrad.language.operators import Operator
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.block_vectors import divided, dual, pairing
from symgrad.numerics.controls import Controls
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.growth import Growth, Path, full

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
        norm, backward = self.problem.norm, self._backward or {}
        pulled = dual(path.directions[-1], norm)
        costate = {s: 0 * array for s, array in pulled.items()}
        inputs: list[Point] = []
        for step in reversed(range(len(path.points))):
            direction, point = path.directions[step], path.points[step]
            before = {
                s: _sum(point.apply(first, r) for (_, first), r in zip(backward[s], pulled.values(), strict=True))
                for s in pulled
            }
            value = pairing(before, direction)  # both sides are known up to a factor, which cancels in the quotient
            slopes = {}
            for s, pairs in backward.items():
                direct = _sum(point.apply(second, r) for (second, _), r in zip(pairs, pulled.values(), strict=True))
                later = _sum(point.apply(first, c) for (_, first), c in zip(pairs, costate.values(), strict=True))
                slopes[s] = divided(full(direct, point.symbol(s)), value) + full(later, point.symbol(s))
            pulled = {s: divided(array, value) for s, array in before.items()}
            inputs.append({s: slopes[s] for s in self.problem.model.inputs})
            costate = {s: slopes[s] for s in pulled}
        return Controls(costate, inputs[::-1]), dual(pulled, norm, conjugate=True)


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


def _sum(values: Iterable[Any]) -> Any:
    return reduce(lambda a, b: a + b, values)
