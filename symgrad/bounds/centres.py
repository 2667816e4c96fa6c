"""A solver for the least rate in a quadratic norm: the method of centres, with Newton steps by conjugate gradients.

At a rate g that is possible, the point is sought that is farthest from all constraints: it minimises

    -log det(G(P, lambda; g)) - log det(P - I) - log det(condition I - P),

with G the matrix of :mod:`symgrad.bounds.quadratic_gain`. The rate is then lowered towards the least one of that point,
or of one farther on the line through the last two centres
(S. Boyd, L. El Ghaoui, *Method of centers for minimizing generalized eigenvalues*, Linear Algebra Appl. 188, 1993).
A Newton step costs some tens of products of matrices, so that 128 units take seconds. All of it is in floats and only
proposes P and lambda.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.normal_loop import NormalLoop
from symgrad.bounds.quadratic_gain import least_rate

__all__ = ["Proposal", "propose"]

Array = NDArray[np.float64]

_CENTRED = 0.3  # the Newton decrement at which a point counts as central
_NEWTON_STEPS = 30
_GRADIENT_STEPS = 60
_ACCURACY = 1e-2  # of a Newton step, in the norm of the preconditioner, squared
_DECREASE = 0.1  # how much of the gap between the rate and the least rate of a centre is left
_ROUNDS = 150
_FARTHEST = 100.0
_ROOM = 1.3  # by how much the first rate is above the least one of the start


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a solver proposes: P, lambda, and the scaled rate it found for them in floats."""

    matrix: Array
    multipliers: Array
    rate: float


Direction = tuple[Array, Array]


def _inner(a: Direction, b: Direction) -> float:
    return float(np.vdot(a[0], b[0]) + a[1] @ b[1])


@dataclass(frozen=True, eq=False)
class _Problem:
    """The barrier of one loop, one rate and one bound on the condition number."""

    loop: NormalLoop
    condition: float
    diagonal: bool
    square: float = 1.0

    @cached_property
    def units(self) -> NDArray[np.intp]:
        return np.arange(self.loop.states, len(self.loop.mid))

    def gap(self, matrix: Array, multipliers: Array) -> Array:
        """The matrix G, linear in P and lambda."""
        states, t = self.loop.states, self.loop.mid
        image = np.vstack([matrix @ t[:states], multipliers[:, None] * t[states:]])
        whole = -(t.T @ image)
        whole[:states, :states] += self.square * matrix
        whole[self.units, self.units] += multipliers
        return (whole + whole.T) / 2

    def adjoint(self, whole: Array) -> Direction:
        """The transpose of the map from P and lambda to G."""
        states, t = self.loop.states, self.loop.mid
        image = t @ whole
        first = self.square * whole[:states, :states] - image[:states] @ t[:states].T
        second = np.diag(whole)[states:] - np.einsum("ij,ij->i", image[states:], t[states:])
        return self.allowed((first + first.T) / 2), second

    def allowed(self, matrix: Array) -> Array:
        """The part of a symmetric matrix that P may have."""
        return np.diag(np.diag(matrix)) if self.diagonal else matrix

    def parts(self, point: Direction) -> tuple[Array, Array, Array]:
        """The three matrices that have to be positive definite."""
        one = np.eye(self.loop.states)
        return self.gap(*point), point[0] - one, self.condition * one - point[0]

    def value(self, point: Direction) -> float:
        """The barrier; inf outside."""
        try:
            roots = [np.diag(np.linalg.cholesky(part)) for part in self.parts(point)]
        except np.linalg.LinAlgError:
            return math.inf
        total = -2.0 * sum(float(np.log(root).sum()) for root in roots)
        return total if math.isfinite(total) else math.inf


class _Newton:
    """Gradient, curvature and preconditioner of the barrier at one point."""

    def __init__(self, problem: _Problem, point: Direction) -> None:
        self.problem = problem
        self.inverse, self.below, self.above = (np.linalg.inv(part) for part in problem.parts(point))
        first, second = problem.adjoint(self.inverse)
        self.gradient: Direction = (problem.allowed(-first - self.below + self.above), -second)
        self._prepare()

    def _prepare(self) -> None:
        """The exact curvature by each multiplier, and by P that of the three barriers taken one by one."""
        problem, states = self.problem, self.problem.loop.states
        t, x = problem.loop.mid, self.inverse
        image = t @ x
        own = np.einsum("ij,ij->i", image, t)
        cross = np.diag(image)
        diagonal = np.diag(x) ** 2
        curvature = diagonal[states:] - 2 * cross[states:] ** 2 + own[states:] ** 2
        self.steepness = np.maximum(curvature, 1e-12 * diagonal[states:])
        if problem.diagonal:
            steep = problem.square**2 * diagonal[:states] - 2 * problem.square * cross[:states] ** 2 + own[:states] ** 2
            self.root = steep + np.diag(self.below) ** 2 + np.diag(self.above) ** 2
        else:
            self.root = np.linalg.inv(problem.square * x[:states, :states] + self.below + self.above)

    def curved(self, step: Direction) -> Direction:
        """The second derivative applied to a step."""
        problem, x = self.problem, self.inverse
        first, second = problem.adjoint(x @ problem.gap(*step) @ x)
        barriers = self.below @ step[0] @ self.below + self.above @ step[0] @ self.above
        return first + problem.allowed(barriers), second

    def preconditioned(self, residual: Direction) -> Direction:
        """An approximate inverse of the second derivative."""
        multipliers = residual[1] / self.steepness
        if self.problem.diagonal:
            return np.diag(np.diag(residual[0]) / self.root), multipliers
        return self.root @ residual[0] @ self.root, multipliers

    def step(self) -> tuple[Direction, float]:
        """About the Newton step, by conjugate gradients, and the square of its decrement."""
        found = (np.zeros_like(self.gradient[0]), np.zeros_like(self.gradient[1]))
        residual = (-self.gradient[0], -self.gradient[1])
        direction = self.preconditioned(residual)
        size = start = _inner(residual, direction)
        for _ in range(_GRADIENT_STEPS):
            image = self.curved(direction)
            length = size / _inner(direction, image) if size > 0 else 0.0
            found = (found[0] + length * direction[0], found[1] + length * direction[1])
            residual = (residual[0] - length * image[0], residual[1] - length * image[1])
            next_direction = self.preconditioned(residual)
            next_size = _inner(residual, next_direction)
            if not _ACCURACY * start < next_size < math.inf:
                break
            ratio = next_size / size
            direction = (next_direction[0] + ratio * direction[0], next_direction[1] + ratio * direction[1])
            size = next_size
        return found, -_inner(self.gradient, found)


def _centred(problem: _Problem, point: Direction) -> Direction:
    """A point close to the centre, from one inside."""
    value = problem.value(point)
    for _ in range(_NEWTON_STEPS):
        step, decrement = _Newton(problem, point).step()
        if not decrement > 0:
            break
        length, moved, reached = 1.0, point, value
        while length > 1e-6:
            moved = ((point[0] + length * step[0]), point[1] + length * step[1])
            reached = problem.value(moved)
            if reached < value - 0.1 * length * decrement:
                break
            length *= 0.6
        if not reached < value:
            break
        point, value = ((moved[0] + moved[0].T) / 2, moved[1]), reached
        if decrement < _CENTRED**2:
            break
    return point


def _farther(problem: _Problem, before: Direction, centre: Direction) -> tuple[Direction, float]:
    """A point on the line from one centre through the next, with as low a rate as is found, and that rate."""
    best, least = centre, least_rate(problem.loop, *centre)
    length = 1.0
    while length < _FARTHEST:
        point = (
            centre[0] + length * (centre[0] - before[0]),
            centre[1] + length * (centre[1] - before[1]),
        )
        rate = least_rate(problem.loop, *point) if problem.value(point) < math.inf else math.inf
        if not rate < least:
            break
        best, least = point, rate
        length *= 2
    return best, least


def _start(loop: NormalLoop) -> Direction:
    """P = 2 I and multipliers large enough for some rate: scaled so that the inner loop contracts by a half."""
    states = loop.states
    inner = np.abs(loop.mid[states:, states:])
    one, half = np.ones(loop.units), 0.5 * np.eye(loop.units)
    right, left = np.linalg.solve(half - inner, one), np.linalg.solve(half - inner.T, one)
    multipliers = left / right
    out = loop.mid[:states, states:] / np.sqrt(multipliers)
    size = float(np.linalg.norm(out, 2)) if out.size else 0.0
    return 2.0 * np.eye(states), multipliers * max(4.0 * size**2, 1e-6)


def propose(
    loop: NormalLoop,
    *,
    condition: float,
    diagonal: bool = False,
    accuracy: float = 1e-4,
    target: float = 0.0,
    start: Direction | None = None,
) -> Proposal:
    """P and lambda for about the least scaled rate.

    Args:
        loop: the Jacobians.
        condition: the largest condition number of P, above 1.
        diagonal: whether P has to be diagonal.
        accuracy: the relative gap between the rate of the last centre and its least rate at which to stop.
        target: a scaled rate at which to stop, when it is reached.
        start: P and lambda to start from, with I < P < condition I; the result is not worse.

    >>> loop = NormalLoop(np.array([[0.5, 0.5], [1.0, 0.0]]), np.zeros((2, 2)), 1, 0, np.array([0]), np.ones(1), 1)
    >>> round(propose(loop, condition=10.0).rate, 3)
    1.0
    """
    point = _start(loop) if start is None else start
    rate = first = least_rate(loop, *point)
    best = Proposal(*point, rate)
    rate = max(rate * _ROOM, 1e-9)
    before = point
    for _ in range(_ROUNDS):
        problem = _Problem(loop, condition, diagonal, rate * rate)
        centre = _centred(problem, point)
        point, least = _farther(problem, before, centre)
        before = centre
        if least < best.rate:
            best = Proposal(*point, least)
        if best.rate <= target or not (1 + accuracy) * least < rate or rate <= 1e-9 * max(first, 1.0):
            break
        rate = max(least, 1e-12) ** (1 - _DECREASE) * rate**_DECREASE
    return best
