"""Pseudo-arclength continuation: curves of zeros of n equations in n unknowns and one parameter, in floats.

With u = (x, p) and t the unit tangent of the curve, a step predicts ``u + h t`` and corrects by Newton's method on
``r(u) = 0, t . (u - prediction) = 0``, which stays regular where the curve folds back (H. B. Keller, *Numerical
solution of bifurcation and nonlinear eigenvalue problems*, 1977; Y. A. Kuznetsov, *Elements of Applied Bifurcation
Theory*, section 10.2). Nothing here is certified: what is found are candidates for proofs by augmented systems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["BRANCH_POINT", "FOLD", "Candidate", "ContinuationProblem", "Curve", "branch_directions", "continue_curve"]

Array = NDArray[np.float64]

FOLD, BRANCH_POINT = "fold", "branch point"
_CORRECTIONS, _TOLERANCE = 8, 1e-11
_STRAIGHT = 0.95  # the least cosine between tangents of neighbouring points
_REFINEMENTS = 40
_REGULAR = 1e7


@dataclass(frozen=True)
class ContinuationProblem:
    """The equations ``r(x, p) = 0`` and where they are followed; points are ``u = (x_1, ..., x_n, p)``.

    Attributes:
        residual: of a point, shape (n + 1,), gives shape (n,).
        jacobian: of a point, gives the derivatives by x and, last, by p: shape (n, n + 1).
        low: the least point, shape (n + 1,): the curve ends where it leaves the box; infinite entries allowed for x.
        high: the greatest point.
        scale: what counts as a distance of 1 in each coordinate, shape (n + 1,), positive.
        tests: name -> function of a point whose changes of sign along the curve are wanted (a flip, a Hopf point).
        step: the first and the largest step, in units of the scale.
        max_points: at which the curve is given up.
    """

    residual: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    low: Array
    high: Array
    scale: Array
    tests: dict[str, Callable[[Array], float]] = field(default_factory=dict)
    step: float = 0.02
    max_points: int = 2000

    def inside(self, point: Array) -> bool:
        """Whether a point lies in the box."""
        return bool(np.all(point >= self.low) and np.all(point <= self.high))

    def tangent(self, point: Array, along: Array) -> Array:
        """The unit tangent, in units of the scale, that makes no obtuse angle with a direction; NaN if none."""
        bordered = np.vstack([self.jacobian(point) * self.scale, along])
        wanted = np.append(np.zeros(point.size - 1), 1.0)
        try:
            found = np.linalg.solve(bordered, wanted)
        except np.linalg.LinAlgError:
            return np.full(point.size, np.nan)
        return np.asarray(found / np.linalg.norm(found))


@dataclass(frozen=True)
class Candidate:
    """Where a test function changes sign: ``"fold"``, ``"branch point"`` or the name of a test of the problem."""

    kind: str
    point: Array
    tangent: Array


@dataclass(frozen=True)
class Curve:
    """Part of a curve of zeros.

    Attributes:
        points: shape (m, n + 1).
        candidates: special points in the order in which they are met.
        closed: whether it came back to its first point.
        ended: ``"box"``, ``"closed"``, ``"lost"`` (no step converges) or ``"length"`` (too many points).
    """

    points: Array
    candidates: tuple[Candidate, ...]
    ended: str

    @property
    def closed(self) -> bool:
        """Whether it came back to its first point."""
        return self.ended == "closed"


def continue_curve(problem: ContinuationProblem, start: Array, direction: Array) -> Curve:
    """Follows the curve of zeros from a point on it.

    Args:
        problem: the equations.
        start: near a zero, shape (n + 1,).
        direction: to which side, in units of the scale, shape (n + 1,).

    >>> circle = ContinuationProblem(
    ...     lambda u: u[:1] ** 2 + u[1:] ** 2 - 1, lambda u: 2 * u[None, :], np.array([-2.0, -2.0]),
    ...     np.array([2.0, 2.0]), np.ones(2))
    >>> curve = continue_curve(circle, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    >>> curve.ended, [(c.kind, round(float(c.point[1]), 6)) for c in curve.candidates]
    ('closed', [('fold', 1.0), ('fold', -1.0)])
    """
    return _Walk(problem, start, direction).run()


class _Walk:
    """One run of the predictor and corrector."""

    def __init__(self, problem: ContinuationProblem, start: Array, direction: Array) -> None:
        self.problem, self.step, self.taken, self.length = problem, problem.step / 4, 0.0, 0.0
        self.tangent = direction / np.linalg.norm(direction)
        bordered = np.vstack([problem.jacobian(start) * problem.scale, self.tangent])
        if np.linalg.cond(bordered) < _REGULAR:  # else at a branch point, where the direction is the tangent
            self.tangent = problem.tangent(start, self.tangent)
        self.points, self.candidates, self.first = [start], list[Candidate](), self.tangent
        self.signs = self._signs(start, self.tangent)

    def run(self) -> Curve:
        ended = "length"
        while len(self.points) < self.problem.max_points:
            found = self._advance()
            if found is None:
                ended = "lost"
                break
            point, tangent = found
            self._note_candidates(point, tangent)
            if not self.problem.inside(point):
                self._end_at_box()
                ended = "box"
                break
            self.points.append(point)
            self.tangent = tangent
            if self._is_back():
                ended = "closed"
                break
        return Curve(np.array(self.points), tuple(self.candidates), ended)

    def _advance(self) -> tuple[Array, Array] | None:
        """The next point and its tangent, with a step that is halved until the corrector converges to a near one."""
        while self.step > 1e-7 * self.problem.step:
            point = self._corrected(self.points[-1], self.tangent, self.step)
            if point is not None:
                tangent = self.problem.tangent(point, self.tangent)
                turned = float(tangent @ self.tangent)
                if turned > _STRAIGHT:
                    self.taken = self.step
                    self.step = min(self.problem.step, self.step * (1.5 if turned > (1 + _STRAIGHT) / 2 else 1.0))
                    return point, tangent
            self.step /= 2
        return None

    def _corrected(self, base: Array, tangent: Array, step: float) -> Array | None:
        scale = self.problem.scale
        predicted = base + step * tangent * scale
        point = predicted.copy()
        for _ in range(_CORRECTIONS):
            residual, slopes = self.problem.residual(point), self.problem.jacobian(point) * scale
            if not (np.isfinite(residual).all() and np.isfinite(slopes).all()):
                return None
            off = tangent @ ((point - predicted) / scale)
            try:
                move = np.linalg.solve(np.vstack([slopes, tangent]), -np.append(residual, off))
            except np.linalg.LinAlgError:
                return None
            point = point + move * scale
            size = float(np.abs(move).max())
            if size < _TOLERANCE:
                return point if np.linalg.norm((point - base) / scale) < 2 * step else None
        return None

    def _signs(self, point: Array, tangent: Array) -> dict[str, float]:
        """Of the tests: the tangent turns in p at a fold, a bordered determinant changes sign at a branch point."""
        slopes = self.problem.jacobian(point) * self.problem.scale
        values = {FOLD: float(tangent[-1])}
        values[BRANCH_POINT] = float(np.linalg.slogdet(np.vstack([slopes, tangent]))[0])
        return values | {name: float(test(point)) for name, test in self.problem.tests.items()}

    def _note_candidates(self, point: Array, tangent: Array) -> None:
        signs = self._signs(point, tangent)
        for name, value in signs.items():
            if value * self.signs[name] < 0:
                self.candidates.append(self._located(name, self.signs[name]))
        self.signs = signs

    def _located(self, name: str, before: float) -> Candidate:
        """Bisection along the step."""
        base, tangent, low, high = self.points[-1], self.tangent, 0.0, self.taken
        point, at = base, tangent
        for _ in range(_REFINEMENTS):
            middle = (low + high) / 2
            tried = self._corrected(base, tangent, middle) if middle > 0 else base
            if tried is None:
                break
            point, at = tried, self.problem.tangent(tried, tangent)
            if not np.isfinite(at).all():
                at = tangent
                break
            low, high = (low, middle) if self._signs(point, at)[name] * before < 0 else (middle, high)
        return Candidate(name, point, at)

    def _end_at_box(self) -> None:
        """The last point inside the box, by bisection."""
        base, low, high = self.points[-1], 0.0, self.taken
        last = base
        for _ in range(_REFINEMENTS):
            middle = (low + high) / 2
            tried = self._corrected(base, self.tangent, middle)
            if tried is None:
                break
            if self.problem.inside(tried):
                low, last = middle, tried
            else:
                high = middle
        if last is not base:
            self.points.append(last)
        self.candidates = [c for c in self.candidates if self.problem.inside(c.point)]

    def _is_back(self) -> bool:
        """Whether the last step passes the first point in its direction."""
        self.length += self.taken
        away = np.linalg.norm((self.points[-1] - self.points[0]) / self.problem.scale)
        along = float(self.tangent @ self.first)
        return bool(self.length > 3 * self.problem.step and away < self.taken and along > _STRAIGHT)


def branch_directions(problem: ContinuationProblem, point: Array, increment: float = 1e-4) -> tuple[Array, ...]:
    """The tangents of the two curves that cross at a branch point: unit vectors in units of the scale.

    With phi_1, phi_2 spanning the null space of the derivative and psi its left null vector, the directions
    ``a phi_1 + b phi_2`` solve the algebraic bifurcation equation ``psi . D^2 r (a phi_1 + b phi_2)^2 = 0``
    (Kuznetsov, section 10.2.2). Second derivatives are taken by central differences.

    Returns:
        Two directions, or none where the quadratic form is definite (an isolated point).
    """
    left, _, right = np.linalg.svd(problem.jacobian(point) * problem.scale)
    psi, phi = left[:, -1], right[-2:]

    def second(one: Array, other: Array) -> float:
        step = increment * one * problem.scale
        change = problem.jacobian(point + step) - problem.jacobian(point - step)
        return float(psi @ change @ (other * problem.scale)) / (2 * increment)

    c11, c12, c22 = second(phi[0], phi[0]), second(phi[0], phi[1]), second(phi[1], phi[1])
    form = np.array([[c11, c12], [c12, c22]])
    values, vectors = np.linalg.eigh(form)
    if not values[0] < 0 < values[1]:
        return ()
    weights = np.sqrt(np.abs(values[::-1]) / np.abs(values).sum())
    pairs = (vectors @ (weights * np.array([1.0, sign])) for sign in (1.0, -1.0))
    return tuple(pair @ phi for pair in pairs)
