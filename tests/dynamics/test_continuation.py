"""Pseudo-arclength continuation against closed curves, brute force by SciPy, and branch points that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from symgrad.dynamics.continuation import (
    BRANCH_POINT,
    FOLD,
    ContinuationProblem,
    branch_directions,
    continue_curve,
)

Array = NDArray[np.float64]


def sigmoid(z: Array | float) -> Array:
    return 1 / (1 + np.exp(-np.asarray(z)))


def neuron(weight: float, low: float = -5.0, high: float = 0.0) -> ContinuationProblem:
    """``s(w x + p) - x``."""

    def slopes(u: Array) -> Array:
        s = sigmoid(weight * u[0] + u[1])
        return np.array([[weight * s * (1 - s) - 1, s * (1 - s)]])

    return ContinuationProblem(
        lambda u: np.array([sigmoid(weight * u[0] + u[1]) - u[0]]),
        slopes,
        np.array([-np.inf, low]),
        np.array([np.inf, high]),
        np.array([1.0, high - low]),
    )


def tanh_neuron(asymmetry: float = 0.0) -> ContinuationProblem:
    """``tanh(p x + b) - x``."""

    def slopes(u: Array) -> Array:
        slope = 1 - np.tanh(u[0] * u[1] + asymmetry) ** 2
        return np.array([[u[1] * slope - 1, u[0] * slope]])

    return ContinuationProblem(
        lambda u: np.tanh(u[:1] * u[1] + asymmetry) - u[:1],
        slopes,
        np.array([-np.inf, -0.5]),
        np.array([np.inf, 3.0]),
        np.array([1.0, 3.5]),
    )


@pytest.mark.parametrize("weight", [4.5, 6.0, 12.0])
def test_folds_of_a_neuron(weight: float) -> None:
    low, high = -weight / 2 - 4, -weight / 2 + 4
    start = brentq(lambda v: float(sigmoid(weight * v + low)) - v, 0, 0.3)
    curve = continue_curve(neuron(weight, low, high), np.array([start, low]), np.array([0.0, 1.0]))
    assert curve.ended == "box"
    assert curve.points[-1, 1] == pytest.approx(high, abs=1e-9)
    folds = [(1 - np.sqrt(1 - 4 / weight)) / 2, (1 + np.sqrt(1 - 4 / weight)) / 2]
    assert [c.kind for c in curve.candidates] == [FOLD, FOLD]
    for candidate, state in zip(curve.candidates, folds, strict=True):
        assert candidate.point == pytest.approx([state, np.log(state / (1 - state)) - weight * state], abs=1e-6)


def test_every_fixed_point_is_on_the_curve() -> None:
    """Brute force: at each parameter all roots of a fine grid, by Brent's method."""
    problem = neuron(6.0)
    start = brentq(lambda v: float(sigmoid(6 * v - 5)) - v, 0, 0.3)
    points = continue_curve(problem, np.array([start, -5.0]), np.array([0.0, 1.0])).points
    grid = np.linspace(0, 1, 401)
    for parameter in np.linspace(-4.9, -0.1, 25):
        values = sigmoid(6 * grid + parameter) - grid
        for place in np.flatnonzero(values[1:] * values[:-1] < 0):
            root = brentq(lambda v, p=parameter: float(sigmoid(6 * v + p)) - v, grid[place], grid[place + 1])
            away = (points - [root, parameter]) / problem.scale
            assert np.linalg.norm(away, axis=1).min() < problem.step


def test_a_pitchfork_is_passed_and_both_branches_are_told() -> None:
    problem = tanh_neuron()
    curve = continue_curve(problem, np.array([0.0, -0.5]), np.array([0.0, 1.0]))
    (crossing,) = curve.candidates
    assert crossing.kind == BRANCH_POINT
    assert crossing.point == pytest.approx([0, 1], abs=1e-9)
    directions = branch_directions(problem, crossing.point)
    assert len(directions) == 2
    assert sorted(abs(d[0]) for d in directions) == pytest.approx([0, 1], abs=1e-6)
    arm = continue_curve(problem, crossing.point, np.array([1.0, 0.0]))
    state = brentq(lambda v: np.tanh(3 * v) - v, 0.5, 1)
    assert arm.points[-1] == pytest.approx([state, 3.0], abs=1e-9)


def test_an_imperfect_pitchfork_keeps_its_branches_apart() -> None:
    problem = tanh_neuron(1e-3)
    curve = continue_curve(problem, np.array([1e-3 / 1.5, -0.5]), np.array([0.0, 1.0]))
    assert curve.candidates == ()
    assert curve.points[-1, 0] > 0.9
    other = brentq(lambda v: np.tanh(3 * v + 1e-3) - v, -1, -0.5)
    back = continue_curve(problem, np.array([other, 3.0]), np.array([0.0, -1.0]))
    assert [c.kind for c in back.candidates] == [FOLD]
    assert back.ended == "box"


def test_two_unknowns_and_a_test_function() -> None:
    """A circle in R^3 seen as a curve over its height, with a sign to watch."""

    def residual(u: Array) -> Array:
        return np.array([u[0] ** 2 + u[1] ** 2 + u[2] ** 2 - 1, u[0] - u[1]])

    def slopes(u: Array) -> Array:
        return np.array([[2 * u[0], 2 * u[1], 2 * u[2]], [1.0, -1.0, 0.0]])

    problem = ContinuationProblem(
        residual, slopes, np.full(3, -2.0), np.full(3, 2.0), np.ones(3), tests={"side": lambda u: float(u[0] - 0.25)}
    )
    curve = continue_curve(problem, np.array([0.5, 0.5, np.sqrt(0.5)]), np.array([0.0, 0.0, 1.0]))
    assert curve.closed
    assert np.abs([residual(u) for u in curve.points]).max() < 1e-9
    marks = [c for c in curve.candidates if c.kind == "side"]
    assert [c.point[0] for c in marks] == pytest.approx([0.25, 0.25], abs=1e-9)
    assert sorted(c.point[2] for c in curve.candidates if c.kind == FOLD) == pytest.approx([-1, 1], abs=1e-6)


def test_a_curve_that_ends_is_lost() -> None:
    problem = ContinuationProblem(
        lambda u: np.sqrt(np.where(u[1:] < 0.5, 1.0, np.nan)) - u[:1],
        lambda u: np.array([[-1.0, 0.0]]) if u[1] < 0.5 else np.full((1, 2), np.nan),
        np.array([-2.0, 0.0]),
        np.array([2.0, 1.0]),
        np.ones(2),
    )
    curve = continue_curve(problem, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert curve.ended == "lost"
    assert curve.points[-1, 1] == pytest.approx(0.5, abs=1e-6)
    short = continue_curve(
        ContinuationProblem(problem.residual, problem.jacobian, problem.low, problem.high, np.ones(2), max_points=5),
        np.array([1.0, 0.0]),
        np.array([0.0, 1.0]),
    )
    assert short.ended == "length"
    assert len(short.points) == 5
