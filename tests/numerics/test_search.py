"""The searches: exact gradients, steering that reaches its targets, ranges kept, repeatable from a seed."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.weights import bind
from symgrad.numerics import examination
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.ascent import Ascent
from symgrad.numerics.controls import Controls
from symgrad.numerics.examination import examine
from symgrad.numerics.extreme_points import extreme_points
from symgrad.numerics.gradients import DerivedGradient
from symgrad.numerics.problem import Problem
from symgrad.numerics.search import SEARCHES
from symgrad.numerics.simulate import Batch
from symgrad.numerics.steering import Steering

N, M, STEPS, SIZE = 3, 2, 4, 2
RANGED = {"c": (-5, 5), "u": (-2, 2)}


def problem(name: str, p=2, horizon: int = STEPS, scale: float = 1.0) -> Problem:
    model = getattr(sg.models, name)()
    model = model.assuming({s: r for s, r in RANGED.items() if s in map(str, model.variables)})
    random = np.random.default_rng(0)
    shapes = {s: tuple({"n": N, "m": M}.get(str(d), 1) for d in getattr(s, "shape", ())) for s in model.parameters}
    weights = {s: scale * random.random(shape) - scale / 2 for s, shape in shapes.items()}
    weights = {s: a[:, 0] if a.shape[1:] == (1,) else np.abs(a) if a.shape == () else a for s, a in weights.items()}
    return Problem(sg.product_bound(model, norm=p), bind(model, weights, model.parameters), horizon)


def some_batch(model: sg.Recurrence) -> Batch:
    random = np.random.default_rng(1)
    initial = {s: 0.5 * random.standard_normal((N, SIZE, 1)) for s in model.states}
    return Batch(initial, {s: random.uniform(-1, 1, (STEPS, M, SIZE, 1)) for s in model.inputs}, STEPS)


@pytest.mark.parametrize("p", [1, 2, "inf"])
@pytest.mark.parametrize("name", ["elman", "lstm", "sigmoid_rnn", "leaky", "residual"])
def test_the_gradient_agrees_with_differences(name: str, p) -> None:
    given = problem(name, p)
    batch, derived, small = some_batch(given.model), DerivedGradient(given), 1e-6
    direction = Ascent(given).first_direction(batch, STEPS)
    at = Controls.of(batch, STEPS)
    slopes = derived.at(at, direction).gradient

    def objective(variables: Controls) -> np.ndarray:
        return derived.growth.along(variables.initial, variables.inputs, direction).objective

    def moved(array: np.ndarray, row: int, by: float) -> np.ndarray:
        other = array.copy()
        other[row] += by
        return other

    for symbol, start in at.initial.items():
        for row in range(N):
            high, low = (
                objective(Controls({**at.initial, symbol: moved(start, row, s)}, at.inputs)) for s in (small, -small)
            )
            np.testing.assert_allclose(slopes.initial[symbol][row, :, 0], (high - low) / (2 * small), atol=1e-7)
    symbol = given.model.inputs[0]
    for step in range(STEPS):
        for row in range(M):
            sides = []
            for by in (small, -small):
                inputs = [dict(values) for values in at.inputs]
                inputs[step][symbol] = moved(inputs[step][symbol], row, by)
                sides.append(objective(Controls(at.initial, inputs)))
            difference = (sides[0] - sides[1]) / (2 * small)
            np.testing.assert_allclose(slopes.inputs[step][symbol][row, :, 0], difference, atol=1e-7)


@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_the_adjoint_is_the_transpose(name: str) -> None:
    given = problem(name)
    point = given.evaluator.at({s: a[0] if s in given.model.inputs else a for s, a in _point(given).items()})
    for row in given.nodes.blocks:
        for entry in row:
            forward, backward = point.operator(entry), point.operator(adjoint(entry))
            np.testing.assert_allclose(backward, np.swapaxes(forward, 0, -1), rtol=1e-13)


def _point(given: Problem) -> dict[sp.Expr, np.ndarray]:
    batch = some_batch(given.model)
    return {**batch.initial, **batch.inputs}


@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_ascent_never_ends_below_its_start(name: str) -> None:
    given = problem(name)
    batch = some_batch(given.model)
    better = Ascent(given).improved(batch, STEPS, 20)
    before, after = given.log_norms(batch, STEPS), given.log_norms(better, STEPS)
    assert (after >= before - 1e-12).all()
    assert (after > before + 0.01).any()


def test_of_large_models_only_promising_trajectories_are_measured() -> None:
    """Against all products measured: equal where products are short, hardly less after, and the counts the same."""
    random, n = np.random.default_rng(2), 24
    model = sg.models.elman().assuming({"h": (-0.9, 0.9)})
    given = {"W": random.standard_normal((n, n)) / n**0.5, "U": random.standard_normal((n, 2)), "b": np.zeros(n)}
    problem = Problem(sg.product_bound(model), bind(model, given, model.parameters), 12)
    batch = reduce(Batch.joined, SEARCHES["random"](problem, 40, random))
    assert problem.is_screened
    told: list[int] = []
    found, full = examine(problem, batch, 0, told.append), examination._examined(problem, batch, 0)
    np.testing.assert_array_equal(found.log[:4], full.log[:4])
    assert (found.log <= full.log + 1e-12).all()
    assert (found.log >= full.log - 0.1).all()
    np.testing.assert_array_equal(found.counted, full.counted)
    assert (found.left, found.trajectories, told[-1]) == (full.left, 40, 40)
    assert 0 < found.left < 40
    assert set(found.trajectory.tolist()) == set(found.starts)
    for k, number in enumerate(found.trajectory.tolist(), 1):
        assert problem.log_norms(found.starts[number], k)[0] == pytest.approx(found.log[k - 1], abs=1e-12)


def test_no_ascent_over_kinks() -> None:
    model = sg.models.elman("relu")
    weights = bind(model, {"W": np.eye(2), "U": np.eye(2), "b": np.zeros(2)}, model.parameters)
    assert not Ascent(Problem(sg.product_bound(model), weights, 3)).is_possible


def test_steering_brings_the_arguments_to_the_steepest_point_and_keeps_them_there() -> None:
    model = sg.models.elman("gelu")
    random = np.random.default_rng(5)
    weights = {"W": random.standard_normal((N, N)), "U": random.standard_normal((N, N)), "b": random.standard_normal(N)}
    given = Problem(sg.product_bound(model), bind(model, weights, model.parameters), 6)
    batch = Steering(given.setting, given.horizon).batch(2, random)
    states = given.simulated(batch)
    h, u = model.states[0], model.inputs[0]
    for t in range(6):
        argument = given.evaluator.at({h: states[h][t], u: batch.inputs[u][t]}).vector(
            Steering(given.setting, given.horizon).activated[0].argument
        )
        np.testing.assert_allclose(argument, np.sqrt(2), atol=1e-8)


@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "gelu", "mish", "sin", "hardswish", "softplus", "relu", "identity"]
)
def test_the_first_extreme_point_is_the_steepest(name: str) -> None:
    function = sg.activation(name)
    steepest = float(function.slope.sup_abs)
    slopes = [abs(float(function.derivative.expr.subs(function.variable, p))) for p in extreme_points(function)]
    assert max(slopes) == pytest.approx(steepest, rel=1e-3)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_a_search_is_repeatable_keeps_to_ranges_and_counts_right(name: str, search: str) -> None:
    given = problem(name)
    for count in (1, 2, 30):
        first, second = (list(SEARCHES[search](given, count, np.random.default_rng(3))) for _ in range(2))
        assert sum(batch.size for batch in first) == count
        for a, b in zip(first, second, strict=True):
            for s in a.initial:
                np.testing.assert_array_equal(a.initial[s], b.initial[s])
            for s, array in a.inputs.items():
                np.testing.assert_array_equal(array, b.inputs[s])
                assert array.shape == (STEPS, M, a.size, 1)
                assert np.abs(array).max() <= 2
        if name == "lstm":
            assert all(np.abs(batch.initial[given.model.symbol("c")]).max() <= 5 for batch in first)


def test_another_seed_gives_other_trajectories() -> None:
    given = problem("elman")
    batches = [next(iter(SEARCHES["random"](given, 30, np.random.default_rng(seed)))) for seed in (0, 1)]
    h = given.model.states[0]
    assert not np.array_equal(batches[0].initial[h], batches[1].initial[h])


def test_a_long_horizon_comes_in_several_batches() -> None:
    given = problem("elman", horizon=10**5)
    random = np.random.default_rng(0)
    batches = SEARCHES["random"](given, 60, random)
    assert next(batches).size < 40


def test_large_models_are_steered_less_but_the_count_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem("elman")
    everywhere = Steering(given.setting, given.horizon).batch(12, np.random.default_rng(0))
    monkeypatch.setattr("symgrad.numerics.steering._WORK", 1)
    assert everywhere.size == 12
    assert Steering(given.setting, given.horizon).batch(12, np.random.default_rng(0)).size == 2
    batches = list(SEARCHES["adversarial"](given, 30, np.random.default_rng(0)))
    assert sum(batch.size for batch in batches) == 30


def test_a_model_without_activations_is_not_steered() -> None:
    model = sg.Recurrence({sp.Symbol("x"): 2 * sp.Symbol("x")})
    given = Problem(sg.product_bound(model), bind(model, None), 3)
    assert Steering(given.setting, given.horizon).batch(4, np.random.default_rng(0)) is None


def test_one_hopeless_trajectory_does_not_stop_the_others() -> None:
    given = problem("elman")
    steering = Steering(given.setting, given.horizon)
    start = np.zeros((2, N + M))
    start[0] = np.inf
    solved = steering.solve(np.zeros((2, N)), start, settle=False)
    point = given.evaluator.at(steering.layout.split(solved[1:]))
    np.testing.assert_allclose(point.vector(steering.activated[0].argument), 0, atol=1e-12)
