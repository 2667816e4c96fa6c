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

    def gap(self, point: Direction) -> Array:
        """The matrix G, linear in P and lambda."""
        states, t = self.loop.states, self.loop.mid
        image = np.vstack([point[0] @ t[:states], point[1][:, None] * t[states:]])
        whole = -(t.T @ image)
        whole[:states, :states] += self.square * point[0]
        units = np.arange(states, len(t))
        whole[units, units] += point[1]
        return (whole + whole.T) / 2

    def parts(self, point: Direction) -> tuple[Array, Array, Array]:
        """The three matrices that have to be positive definite."""
        one = np.eye(self.loop.states)
        return self.gap(point), point[0] - one, self.condition * one - point[0]

    def value(self, point: Direction) -> float:
        """The barrier; inf outside."""
        try:
            roots = [np.diag(np.linalg.cholesky(part)) for part in self.parts(point)]
        except np.linalg.LinAlgError:
            return math.inf
        total = -2.0 * sum(float(np.log(root).sum()) for root in roots)
        return total if math.isfinite(total) else math.inf


class _Newton:
    """Gradient and curvature of the barrier at one point.

    G is a sum over the entries of P and lambda, so that with X = G^-1, Y = T X and V = T X T' the second derivative is
    made of blocks of X, Y and V alone: those of N states are matrices, those of the units are needed squared.
    """

    def __init__(self, problem: _Problem, point: Direction) -> None:
        self.problem = problem
        self.below, self.above = (np.linalg.inv(part) for part in problem.parts(point)[1:])
        t, n = problem.loop.mid, problem.loop.states
        self.x = np.linalg.inv(problem.gap(point))
        self.y = t @ self.x
        self.v = self.y @ t.T
        slopes = np.diag(self.x)[n:] - np.diag(self.v)[n:]
        first = problem.square * self.x[:n, :n] - self.v[:n, :n] + self.below - self.above
        self.gradient: Direction = (-(first + first.T) / 2, -slopes)

    def squares(self) -> Array:
        """The second derivative by the diagonal of P and lambda."""
        n, count = self.problem.loop.states, len(self.x)
        scale = np.where(np.arange(count) < n, self.problem.square, 1.0)
        cross = scale[None, :] * self.y**2
        whole = scale[:, None] * scale[None, :] * self.x**2 - cross - cross.T + self.v**2
        barriers = self.below**2 + self.above**2
        whole[:n, :n] += barriers
        return np.asarray(whole)

    def step(self) -> tuple[Direction, float]:
        """About the Newton step, and the square of its decrement."""
        found = self._diagonal_step() if self.problem.diagonal else _Conjugate(self).step()
        return found, -_inner(self.gradient, found)

    def _diagonal_step(self) -> Direction:
        n = self.problem.loop.states
        slopes = np.concatenate([np.diag(self.gradient[0]), self.gradient[1]])
        found = -_solved(self.squares(), slopes)
        return np.diag(found[:n]), found[n:]


def _solved(matrix: Array, right: Array) -> Array:
    """The solution of a positive definite system, of which rounding may have made a singular one."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = scale[:, None] * matrix * scale + 1e-13 * np.eye(len(matrix))
    return scale * np.asarray(np.linalg.solve(scaled, scale * right))


class _Conjugate:
    """A Newton step by conjugate gradients."""

    def __init__(self, newton: _Newton) -> None:
        self.gradient, self.below, self.above = newton.gradient, newton.below, newton.above
        n, square = newton.problem.loop.states, newton.problem.square
        x, y, v, root = newton.x, newton.y, newton.v, math.sqrt(square)
        self.units = len(x) - n
        own = [square * x[:n, :n], root * y[:n, :n], root * y[:n, :n].T, v[:n, :n]]
        self.own = list(zip((1.0, -1.0, -1.0, 1.0), own, strict=True))
        self.mixed = np.vstack([root * x[n:, :n], y[:n, n:].T, root * y[n:, :n], v[n:, :n]])
        self.signs = np.repeat([1.0, -1.0, -1.0, 1.0], self.units)
        self.squares = newton.squares()[n:, n:]
        scale = 1 / np.sqrt(np.maximum(np.diag(self.squares), 1e-300))
        scaled = scale[:, None] * self.squares * scale + 1e-10 * np.eye(self.units)
        self.inverse = scale[:, None] * np.linalg.inv(scaled) * scale
        self.root = np.linalg.inv(square * x[:n, :n] + newton.below + newton.above)

    def curved(self, step: Direction) -> Direction:
        """The second derivative applied to a step."""
        p, multipliers = step
        first = self.below @ p @ self.below + self.above @ p @ self.above
        for sign, matrix in self.own:
            first += sign * (matrix @ p @ matrix.T)
        first += self.mixed.T @ ((self.signs * np.tile(multipliers, 4))[:, None] * self.mixed)
        second = self.signs * np.einsum("ij,ij->i", self.mixed @ p, self.mixed)
        return (first + first.T) / 2, second.reshape(4, self.units).sum(axis=0) + self.squares @ multipliers

    def preconditioned(self, residual: Direction) -> Direction:
        """An approximate inverse of the second derivative: exact for the multipliers alone."""
        return self.root @ residual[0] @ self.root, self.inverse @ residual[1]

    def step(self) -> Direction:
        """The step, as accurate as is worth its cost."""
        found = (np.zeros_like(self.gradient[0]), np.zeros_like(self.gradient[1]))
        residual = (-self.gradient[0], -self.gradient[1])
        direction = self.preconditioned(residual)
        size = start = _inner(residual, direction)
        for _ in range(_GRADIENT_STEPS):
            image = self.curved(direction)
            curvature = _inner(direction, image)
            if not (size > 0 and curvature > 0):
                break
            length = size / curvature
            found = (found[0] + length * direction[0], found[1] + length * direction[1])
            residual = (residual[0] - length * image[0], residual[1] - length * image[1])
            next_direction = self.preconditioned(residual)
            next_size = _inner(residual, next_direction)
            if not _ACCURACY * start < next_size < math.inf:
                break
            ratio = next_size / size
            direction = (next_direction[0] + ratio * direction[0], next_direction[1] + ratio * direction[1])
            size = next_size
        return found


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
    with np.errstate(all="ignore"):  # a proposal of numbers that overflow is not proved, and nothing worse
        return _proposed(loop, _start(loop) if start is None else start, condition, diagonal, accuracy, target)


def _proposed(
    loop: NormalLoop, point: Direction, condition: float, diagonal: bool, accuracy: float, target: float
) -> Proposal:
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
