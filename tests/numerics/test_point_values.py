"""Values at points by a tape against the traversal of the expressions, point by point."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.calculus.jacobian import derivative
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.point_values import PointValues
from symgrad.numerics.sharing import shared_nodes
from tests.numerics.dense import random_problem


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "highway", "leaky"])
def test_values_and_derivatives_at_several_points(name: str) -> None:
    model, weights, _, _ = random_problem(name, n=4, steps=1)
    bound, nodes, random = bind(model, weights, model.parameters), shared_nodes(model), np.random.default_rng(0)
    evaluator = ArrayEvaluator.of_weights(bound)
    sizes = {s: bound.shape(s)[0] for s in model.variables}
    point = {s: random.standard_normal((size, 5, 1)) for s, size in sizes.items()}
    updates = list(nodes.updates.values())
    rows = [[derivative(node, s) for s in model.variables] for node in updates]
    values, slopes = PointValues(evaluator, sizes, updates, rows).stacked(point, 5)
    for b in range(5):
        one = evaluator.at({s: array[:, b : b + 1] for s, array in point.items()})
        expected = np.concatenate([one.vector(node)[:, 0, 0] for node in updates])
        np.testing.assert_allclose(values[b], expected, rtol=1e-13)
        shift = 1e-6
        for column, (s, place) in enumerate((s, place) for s, size in sizes.items() for place in range(size)):
            ends = []
            for sign in (1, -1):
                moved = {t: array[:, b : b + 1].copy() for t, array in point.items()}
                moved[s][place] += sign * shift
                ends.append(np.concatenate([evaluator.at(moved).vector(node)[:, 0, 0] for node in updates]))
            np.testing.assert_allclose(slopes[b, :, column], (ends[0] - ends[1]) / (2 * shift), atol=1e-8)


def test_what_depends_on_nothing_is_the_same_everywhere() -> None:
    model = sg.models.elman("identity")
    bound = bind(model, {"W": np.eye(2) / 2, "U": np.ones((2, 1)), "b": np.zeros(2)}, model.parameters)
    h, u = model.variables
    wanted = PointValues(ArrayEvaluator.of_weights(bound), {h: 2, u: 1}, rows=shared_nodes(model).blocks)
    vectors, jacobian = wanted.stacked({h: np.zeros((2, 3, 1)), u: np.zeros((1, 3, 1))}, 3)
    assert vectors.shape == (3, 0)
    np.testing.assert_array_equal(jacobian, np.tile(np.eye(2) / 2, (3, 1, 1)))


def test_layers_have_parameters_of_their_own() -> None:
    model, random = sg.models.feedforward(), np.random.default_rng(0)
    layers = {"W": 0.7 * random.standard_normal((3, 4, 4)), "b": random.standard_normal((3, 4))}
    (x,) = model.states
    evaluator = ArrayEvaluator.of_weights(bind(model, layers, model.parameters))
    wanted = PointValues(evaluator, {x: 4}, list(shared_nodes(model).updates.values()))
    at = random.standard_normal((4, 2, 1))
    for step in range(3):
        expected = np.tanh(layers["W"][step] @ at[:, :, 0] + layers["b"][step][:, None])
        np.testing.assert_allclose(wanted.stacked({x: at}, 2, step)[0].T, expected, rtol=1e-13)
