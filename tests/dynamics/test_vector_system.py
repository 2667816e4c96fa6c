"""The equations of fixed points of vector models, in three number systems, against formulas and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad.calculus.enclose import column_of_balls
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.dynamics.vector_values import vector_system
from symgrad.rigor.balls import working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.matrix_balls import midpoints

MODELS = ("elman", "leaky", "gru", "lstm")


def _values(model: Any, size: int, rng: np.random.Generator, scale: float = 1.0) -> dict[str, Any]:
    sizes = {"n": size, "m": 2}
    values: dict[str, Any] = {
        str(s): rng.normal(size=[sizes.get(str(d), 1) for d in s.shape]) * scale
        for s in model.parameters
        if not isinstance(s, sp.Symbol)
    }
    return values | {str(s): 0.3 for s in model.parameters if isinstance(s, sp.Symbol)} | {"u": rng.normal(size=2)}


def _free_weight(model: Any) -> sp.Expr:
    return next(s for s in model.parameters if not isinstance(s, sp.Symbol) and s.shape[0] == s.shape[1])[0, 1]


@pytest.mark.parametrize("name", MODELS)
def test_balls_floats_and_intervals_agree(name: str) -> None:
    model, rng = getattr(sg.models, name)(), np.random.default_rng(3)
    system = vector_system(model, _values(model, 3, rng), [_free_weight(model), model.symbol("u")[0, 0]])
    points, given = rng.normal(size=(4, system.size)), (0.5, -0.25)
    residual, slopes = system.floats(points, given)
    assert np.allclose(system.residuals(points, given), residual)
    boxes = Intervals(points.T - 0.05, points.T + 0.05)
    values, jacobians = system.residual_over(boxes, given), system.jacobian_over(boxes, given)
    for i, point in enumerate(points):
        with working_precision(100):
            column = column_of_balls(point)
            assert np.allclose(midpoints(system.residual(column, given))[:, 0], residual[i], atol=1e-12)
            assert np.allclose(midpoints(system.jacobian(column, given)), slopes[i], atol=1e-12)
    inside = points + rng.uniform(-0.05, 0.05, points.shape)
    residual, slopes = system.floats(inside, given)
    for found, ranges in ((residual.T, values), (slopes.transpose(1, 2, 0), jacobians)):
        assert (found >= ranges.low - 1e-12).all()
        assert (found <= ranges.high + 1e-12).all()


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_by_free_scalars_are_difference_quotients(name: str) -> None:
    model, rng = getattr(sg.models, name)(), np.random.default_rng(4)
    free = [_free_weight(model), model.symbol("u")[1, 0], *(s for s in model.parameters if isinstance(s, sp.Symbol))]
    system = vector_system(model, _values(model, 3, rng), free)
    point, given = rng.normal(size=(1, system.size)), np.array([0.5, 0.2, 0.25][: len(free)])
    found = midpoints(system.by_parameters(column_of_balls(point[0]), given.tolist()))
    for k in range(len(free)):
        step = np.eye(len(free))[k] * 1e-5
        change = system.residuals(point, given + step) - system.residuals(point, given - step)
        assert np.allclose(change[0] / 2e-5, found[:, k], atol=1e-8)


@pytest.mark.parametrize(("name", "cell"), [("gru", torch.nn.GRUCell), ("lstm", torch.nn.LSTMCell)])
def test_gated_cells_are_those_of_pytorch(name: str, cell: Any) -> None:
    torch.manual_seed(0)
    made = cell(2, 3).double()
    u = np.array([0.3, -0.7])
    weights = {key: tensor.detach().numpy() for key, tensor in made.named_parameters()}
    system = vector_system(getattr(sg.models, name)(), {**weights, "u": u})
    point = np.random.default_rng(1).normal(size=system.size)

    def step(x: torch.Tensor) -> torch.Tensor:
        state = x[None] if name == "gru" else (x[None, :3], x[None, 3:])
        after = made(torch.from_numpy(u)[None], state)
        return after[0] if name == "gru" else torch.cat([after[0][0], after[1][0]])

    residual, slopes = system.floats(point[None])
    tensor = torch.from_numpy(point)
    assert np.allclose(residual[0] + point, step(tensor).detach().numpy())
    expected = torch.autograd.functional.jacobian(step, tensor).numpy()
    assert np.allclose(slopes[0] + np.eye(system.size), expected)


def test_a_flow_has_its_rates_for_residual() -> None:
    x, y, a = sp.symbols("x y a")
    tanh = sg.activation("tanh")
    system = vector_system(sg.Flow({x: -x + tanh(a * x - y), y: -y + tanh(x + a * y)}), {"a": 0.1})
    assert system.kind == "flow"
    assert system.scalars == {a: sp.Rational(1, 10)}
    point = np.array([[0.4, -0.2]])
    expected = [-0.4 + np.tanh(0.04 + 0.2), 0.2 + np.tanh(0.4 - 0.02)]
    assert np.allclose(system.floats(point)[0], expected)


def test_columns_are_split_by_states() -> None:
    model = sg.models.lstm()
    system = vector_system(model, _values(model, 2, np.random.default_rng(0)))
    h, c = model.states
    assert system.size == 4
    assert {s: part.tolist() for s, part in system.split(np.arange(4)).items()} == {h: [0, 1], c: [2, 3]}


ELMAN = {"W": np.eye(2), "U": np.ones((2, 1)), "b": [0, 0], "u": [0]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"u": None}, r"values: u \(m, 1\) of elman missing"),
        ({"W": None}, "W"),
        ({"h": [1, 2]}, "h is a state"),
        ({"u": [1.0, 2.0]}, r"shape \(1,\) is needed, got shape \(2,\)"),
        ({"W": np.ones((2, 3))}, r"\(2, 3\)"),
        ({"b": [0.0, np.nan]}, "NaN"),
        ({"V": 1}, "unknown"),
    ],
)
def test_wrong_values_are_named(change: dict[str, Any], words: str) -> None:
    values = {key: value for key, value in {**ELMAN, **change}.items() if value is not None}
    with pytest.raises(sg.InputError, match=words):
        vector_system(sg.models.elman(), values)


def test_free_entries_must_exist() -> None:
    model = sg.models.elman()
    with pytest.raises(sg.InputError, match=r"shape \(2, 2\)"):
        vector_system(model, ELMAN, [model.symbol("W")[2, 0]])
    with pytest.raises(sg.InputError, match="is no scalar"):
        vector_system(model, ELMAN, ["W"])


def test_signs_that_symbols_are_assumed_to_have_count() -> None:
    model = sg.models.leaky()
    values = {**ELMAN, "alpha": -0.5}
    positive = sp.Symbol("alpha", positive=True)
    changed = sg.Recurrence(
        {s: e.xreplace({model.symbol("alpha"): positive}) for s, e in model.updates.items()}, model.inputs
    )
    with pytest.raises(sg.InputError, match="positive"):
        vector_system(changed, values)


def test_layers_of_their_own_have_no_fixed_points() -> None:
    with pytest.raises(sg.InputError, match="layers"):
        vector_system(sg.models.feedforward(), {})
    with pytest.raises(sg.InputError, match="Recurrence or a Flow"):
        vector_system(3, {})
    assert isinstance(vector_system(sg.models.elman(), ELMAN), VectorSystem)
