"""Simulation against loops written out by hand and against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError, UnsupportedExpressionError
from symgrad.numerics.simulate import simulate

RANDOM = np.random.default_rng(3)
ELMAN = {"W": RANDOM.standard_normal((3, 3)), "U": RANDOM.standard_normal((3, 2)), "b": RANDOM.standard_normal(3)}


def test_elman_against_a_loop() -> None:
    u, start = RANDOM.standard_normal((7, 2)), RANDOM.standard_normal(3)
    run = simulate(sg.models.elman(), ELMAN, u, initial={"h": start})
    state = start
    for t in range(7):
        np.testing.assert_allclose(run.states["h"][t], state, rtol=1e-13)
        state = np.tanh(ELMAN["W"] @ state + ELMAN["U"] @ u[t] + ELMAN["b"])
    np.testing.assert_allclose(run.states["h"][7], state, rtol=1e-13)
    assert run.steps == 7
    np.testing.assert_array_equal(run.inputs["u"], u)


def test_a_batch_is_its_trajectories() -> None:
    u, starts = RANDOM.standard_normal((4, 5, 2)), RANDOM.standard_normal((4, 3))
    run = simulate(sg.models.elman("gelu"), ELMAN, {"u": u}, initial={"h": starts})
    assert run.states["h"].shape == (6, 4, 3)
    assert run.inputs["u"].shape == (5, 4, 2)
    for i in range(4):
        alone = simulate(sg.models.elman("gelu"), ELMAN, u[i], initial={"h": starts[i]})
        np.testing.assert_allclose(run.states["h"][:, i], alone.states["h"], rtol=1e-12)


def test_one_initial_state_serves_a_batch_of_inputs() -> None:
    run = simulate(sg.models.elman(), ELMAN, np.zeros((4, 5, 2)), initial={"h": np.ones(3)})
    assert (run.states["h"][0] == 1).all()
    assert run.states["h"].shape == (6, 4, 3)


def test_lstm_against_torch() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.LSTM(2, 4, dtype=torch.float64)
    u = torch.asarray(RANDOM.standard_normal((6, 3, 2)))
    with torch.no_grad():
        out, (_, cell) = net(u)
    weights = {name: value.detach().numpy() for name, value in net.named_parameters()}
    run = simulate(sg.models.lstm(), weights, np.moveaxis(u.numpy(), 0, 1))
    np.testing.assert_allclose(run.states["h"][1:], out.numpy(), rtol=1e-12)
    np.testing.assert_allclose(run.states["c"][-1], cell.numpy()[0], rtol=1e-12)


def test_several_inputs_and_states_and_fixed_sizes() -> None:
    x, y = sp.MatrixSymbol("x", 2, 1), sp.MatrixSymbol("y", 2, 1)
    u, v = sp.MatrixSymbol("u", 2, 1), sp.MatrixSymbol("v", 2, 1)
    model = sg.Recurrence({x: y + u, y: x + sg.activation("tanh")(v)}, inputs=[u, v])
    run = simulate(model, None, {"u": np.ones((3, 2)), v: np.zeros((3, 2))})
    assert run.states["x"].tolist() == [[0, 0], [1, 1], [1, 1], [2, 2]]
    assert run.states["y"].tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


def test_a_model_without_parameters_takes_its_size_from_the_initial_state() -> None:
    n = sp.Symbol("n", positive=True, integer=True)
    h = sp.MatrixSymbol("h", n, 1)
    run = simulate(sg.Recurrence({h: sg.activation("tanh")(h)}), initial={"h": np.ones(5)}, steps=2)
    np.testing.assert_allclose(run.states["h"][-1], np.tanh(np.tanh(np.ones(5))))


def test_scalar_models() -> None:
    x, u, w = sp.symbols("x u w")
    model = sg.Recurrence({x: w * x + u}, inputs=[u])
    run = simulate(model, {"w": 0.5}, np.array([1.0, 2.0]), initial={"x": 4.0})
    assert run.states["x"].tolist() == [[4.0], [3.0], [3.5]]


def test_overflow_is_infinite_and_silent() -> None:
    x = sp.Symbol("x")
    run = simulate(sg.Recurrence({x: x**3}), initial={"x": 1e200}, steps=2)
    assert np.isinf(run.states["x"][-1]).all()


LOGISTIC_MAP = sg.Recurrence({sp.Symbol("x"): sp.Symbol("x") * 2})
BAD = {
    "no model": (lambda: simulate("elman"), InputError, "model: a Recurrence"),
    "missing weight": (lambda: simulate(sg.models.elman(), {"W": np.eye(2)}, np.zeros((3, 2))), InputError, "missing"),
    "no inputs": (lambda: simulate(sg.models.elman(), ELMAN), InputError, "needs u"),
    "inputs of rank 1": (lambda: simulate(sg.models.elman(), ELMAN, np.zeros(2)), InputError, r"\(2,\)"),
    "inputs too wide": (lambda: simulate(sg.models.elman(), ELMAN, np.zeros((5, 3))), InputError, "m = 2"),
    "inputs of NaN": (lambda: simulate(sg.models.elman(), ELMAN, np.full((5, 2), np.nan)), InputError, "inputs u"),
    "unknown input": (lambda: simulate(sg.models.elman(), ELMAN, {"v": np.zeros((5, 2))}), UnknownNameError, "'v'"),
    "unknown state": (
        lambda: simulate(sg.models.elman(), ELMAN, np.zeros((5, 2)), initial={"x": np.zeros(3)}),
        UnknownNameError,
        "'x'",
    ),
    "initial of wrong size": (
        lambda: simulate(sg.models.elman(), ELMAN, np.zeros((5, 2)), initial={"h": np.zeros(4)}),
        InputError,
        "n = 3",
    ),
    "initial no mapping": (
        lambda: simulate(sg.models.elman(), ELMAN, np.zeros((5, 2)), initial=np.zeros(3)),
        InputError,
        "mapping",
    ),
    "batches that differ": (
        lambda: simulate(sg.models.elman(), ELMAN, np.zeros((4, 5, 2)), initial={"h": np.zeros((3, 3))}),
        InputError,
        "do not agree",
    ),
    "steps that differ": (lambda: simulate(sg.models.elman(), ELMAN, np.zeros((5, 2)), steps=4), InputError, "steps"),
    "no steps": (lambda: simulate(LOGISTIC_MAP), InputError, "steps"),
    "steps no integer": (lambda: simulate(LOGISTIC_MAP, steps=2.5), InputError, "2.5"),
    "steps negative": (lambda: simulate(LOGISTIC_MAP, steps=-1), InputError, "-1"),
    "inputs where there are none": (lambda: simulate(LOGISTIC_MAP, None, np.zeros((3, 1))), InputError, "has none"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_one_clear_message(case: str) -> None:
    call, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        call()


def test_a_state_may_be_updated_to_a_constant() -> None:
    n = sp.Symbol("n", positive=True, integer=True)
    W = sp.MatrixSymbol("W", n, n)
    h, v, b = (sp.MatrixSymbol(name, n, 1) for name in "hvb")
    model = sg.Recurrence({h: sg.activation("tanh")(h + v), v: W * b})
    weights = {"W": 2 * np.eye(2), "b": [1.0, 2.0]}
    run = simulate(model, weights, steps=2)
    np.testing.assert_array_equal(run.states["v"], [[0, 0], [2, 4], [2, 4]])
    np.testing.assert_allclose(run.states["h"][2], np.tanh([2, 4]), rtol=1e-15)
    assert sg.verify(sg.product_bound(model), weights, horizon=3, trajectories=5).verdict is sg.Verdict.OBSERVED


def test_jumps_are_simulated_though_they_have_no_derivative() -> None:
    x = sp.Symbol("x", real=True)
    model = sg.Recurrence({x: sp.sign(x) + sp.Piecewise((x / 2, x > 1), (-x / 4, True))})
    run = simulate(model, {}, initial={"x": 4.0}, steps=3)
    assert run.states["x"].ravel().tolist() == [4.0, 3.0, 2.5, 2.25]
    with pytest.raises(UnsupportedExpressionError, match="jumps at"):
        sg.product_norms(model, {}, initial={"x": 4.0}, steps=3)
