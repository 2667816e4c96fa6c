"""Tapes against the traversal of expressions that they record, on every library; what happens beyond the floats."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.weights import bind
from symgrad.numerics import running
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.functions import ArrayFunction
from symgrad.numerics.kernels import constant_times_batch
from symgrad.numerics.libraries import LIBRARIES
from symgrad.numerics.running import Batch, run
from symgrad.numerics.setting import Setting
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.tape import prepared, recorded, replayed

HERE = ("numpy", "torch", "jax")
n, m = sp.symbols("n m", positive=True, integer=True)
W, A = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("A", n, n)
h, b, u = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("b", n, 1), sp.MatrixSymbol("u", n, 1)
alpha = sp.Symbol("alpha")
tanh = sg.activation("tanh")
MODELS = {
    **{name: getattr(sg.models, name)() for name in ("elman", "lstm", "gru", "leaky", "residual")},
    "input alone": sg.Recurrence({h: tanh(W * u + b)}, inputs=[u]),
    "gate of inputs": sg.Recurrence({h: sg.hadamard(tanh(W * u), A * h) + (W + W.T) * A.I * h / n}, inputs=[u]),
    "no inputs": sg.Recurrence({h: (1 - alpha) * h + alpha * tanh(W * h + b)}),
    "shared": sg.Recurrence({h: tanh(W * h) + sg.hadamard(tanh(W * h), A * h)}),
}


def drawn(model: sg.Recurrence, size: int, steps: int, seed: int = 2) -> tuple[Any, Batch]:
    random = np.random.default_rng(seed)
    sizes = {s: 2 if str(s) == "m" else 3 for s in model.sizes}
    shape = {s: tuple(int(sp.sympify(d).xreplace(sizes)) for d in getattr(s, "shape", ())) for s in model.parameters}
    numbers = {str(s): abs(random.standard_normal(shape[s])) for s in model.parameters}
    numbers = {name: a[:, 0] if a.shape[1:] == (1,) else a for name, a in numbers.items()}
    weights = bind(model, numbers, model.parameters).with_sizes(sizes)
    rows = {s: int(s.shape[0].xreplace(sizes)) for s in model.variables}
    initial = {s: random.standard_normal((rows[s], size, 1)) for s in model.states}
    inputs = {s: random.standard_normal((steps, rows[s], size, 1)) for s in model.inputs}
    return weights, Batch(initial, inputs, steps)


def walked(model: sg.Recurrence, weights: Any, batch: Batch) -> dict[sp.Expr, Any]:
    """The states by walking through the expressions at every step."""
    evaluator = ArrayEvaluator.of_weights(weights)
    rows = [batch.initial]
    for step in range(batch.steps):
        point = evaluator.at({**rows[-1], **{s: a[step] for s, a in batch.inputs.items()}})
        rows.append({s: point.vector(node) for s, node in model.nodes.items()})
    return {s: np.stack([row[s] for row in rows]) for s in model.states}


def on(library: str, weights: Any, dtype: str = "float64") -> ArrayEvaluator:
    if library == "strict":
        return ArrayEvaluator.of_weights(
            weights, like=array_api_strict.zeros(0, dtype=getattr(array_api_strict, dtype))
        )
    pytest.importorskip(library)
    return Setting(None, weights).on(sg.backend(library, "cpu", dtype))


def states_on(library: str, model: sg.Recurrence, weights: Any, batch: Batch) -> dict[sp.Expr, Any]:
    evaluator = on(library, weights)
    with evaluator.library.scope(None):
        states = run(evaluator, shared_nodes(model).updates, batch)
        assert all(array.dtype == evaluator.like.dtype for array in states.values())
        return {s: evaluator.library.numpy(array) for s, array in states.items()}


COMPILED = ("lstm", "gate of inputs")  # by JAX; the slow tests of the registry compile them all


@pytest.mark.parametrize(
    ("name", "library"), [(name, x) for name in MODELS for x in (*HERE, "strict") if x != "jax" or name in COMPILED]
)
def test_replaying_gives_what_walking_gives(name: str, library: str) -> None:
    model = MODELS[name]
    weights, batch = drawn(model, size=4, steps=7)
    expected, got = walked(model, weights, batch), states_on(library, model, weights, batch)
    for symbol in model.states:
        np.testing.assert_allclose(got[symbol], expected[symbol], rtol=1e-10, atol=1e-12)


def test_stretches_of_any_length_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["lstm"]
    weights, batch = drawn(model, size=2, steps=9)
    whole = states_on("numpy", model, weights, batch)
    for window in (1, 100, 150):
        monkeypatch.setattr(running, "_WINDOW", window)
        for symbol, array in states_on("numpy", model, weights, batch).items():
            np.testing.assert_allclose(array, whole[symbol], rtol=1e-12, atol=1e-13)


def test_inputs_are_multiplied_beforehand_and_equal_factors_once() -> None:
    model = MODELS["lstm"]
    weights, _ = drawn(model, size=1, steps=1)
    evaluator, updates = ArrayEvaluator.of_weights(weights), shared_nodes(model).updates
    inputs, states = {model.inputs[0]: (2, 1)}, {s: (3, 1) for s in updates}
    tape = recorded(evaluator, inputs, states, lambda point, _: [point.vector(node) for node in updates.values()])
    for part in (tape.program.early, tape.program.late):
        assert [line[0] for line in part].count(constant_times_batch) == 1
    again = recorded(evaluator, inputs, states, lambda point, _: [point.vector(node) for node in updates.values()])
    assert again.program == tape.program
    assert hash(again.program) == hash(tape.program)


def test_products_of_jacobians_from_a_tape() -> None:
    """Slopes of all steps beforehand, columns late, against the dense Jacobians of every step."""
    model = MODELS["lstm"]
    weights, batch = drawn(model, size=2, steps=5)
    states = walked(model, weights, batch)
    evaluator, blocks = ArrayEvaluator.of_weights(weights), shared_nodes(model).blocks
    known = {**{s: a[:-1] for s, a in states.items()}, **batch.inputs}
    names = list(model.states)

    def compute(point: ArrayEvaluator, given: Any) -> list[Any]:
        return [
            point.total(point.apply(entry, given[str(s)]) for entry, s in zip(row, names, strict=True))
            for row in blocks
        ]

    tape = recorded(evaluator, {s: (a.shape[1], 1) for s, a in known.items()}, {str(s): (3, 6) for s in names}, compute)
    early = prepared(np, tape.program, tape.constants, list(known.values()))
    columns = [np.repeat(part[:, None, :], 2, axis=1) for part in np.split(np.eye(6), 2)]
    expected = np.stack([np.eye(6)] * 2)
    for step in range(5):
        columns = replayed(np, tape.program, tape.constants, [a[step] for a in early], columns)
        point = evaluator.at({s: a[step] for s, a in known.items()})
        rows = [[np.broadcast_to(_lifted(point.operator(entry)), (3, 2, 3)) for entry in row] for row in blocks]
        expected = np.moveaxis(np.block([[np.moveaxis(e, 1, 0) for e in row] for row in rows]), 0, 0) @ expected
    np.testing.assert_allclose(np.moveaxis(np.concatenate(columns), 1, 0), expected, rtol=1e-11, atol=1e-12)


def _lifted(value: Any) -> Any:
    return value if value.ndim == 3 else value[:, None, :]


@pytest.mark.parametrize("library", [*HERE, "strict"])
def test_values_beyond_the_floats_are_found_again(library: str) -> None:
    """The powers of this formula overflow where its value is moderate: only ball arithmetic gets it right."""
    z = sp.Symbol("z", real=True)
    quotient = sg.Activation("quotient", (sp.exp(z) - sp.exp(-z)) / (2 + sp.exp(z) + sp.exp(-z)))
    model = sg.Recurrence({h: 1000 * quotient(W * h)})
    weights = bind(model, {"W": np.eye(3)}, model.parameters)
    start = np.array([[800.0], [-900.0], [1.0]])[:, :, None]
    states = states_on(library, model, weights, Batch({h: start}, {}, 2))[h]
    np.testing.assert_allclose(states[1:, :2, 0, 0], [[1000.0, -1000.0]] * 2, rtol=1e-12)
    assert np.isfinite(states).all()


def test_on_devices_values_beyond_the_floats_are_looked_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where a question to every value would cost more than the computation."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(type(LIBRARIES["torch"]), "defers", lambda self, array: True)
    asked: list[int] = []
    usual = ArrayFunction.checked
    monkeypatch.setattr(ArrayFunction, "checked", lambda self, xp, x: asked.append(1) or usual(self, xp, x))
    model = sg.Recurrence({h: sg.activation("elu")(W * h)})
    weights = bind(model, {"W": np.eye(3)}, model.parameters)
    start = np.array([[-3.0], [2.0], [1.0]])[:, :, None]
    states = states_on("torch", model, weights, Batch({h: start}, {}, 3))[h]
    recorded_once = len(asked)
    assert torch.is_tensor(sg.backend("torch").like)
    np.testing.assert_allclose(states[1, :, 0, 0], [np.expm1(-3.0), 2.0, 1.0])
    lost = states_on("torch", model, weights, Batch({h: 1000 * start}, {}, 3))[h]
    np.testing.assert_allclose(lost[1, :, 0, 0], [-1.0, 2000.0, 1000.0])
    assert recorded_once <= 1 < len(asked)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_layers_with_parameters_of_their_own(library: str) -> None:
    model = sg.models.feedforward()
    random = np.random.default_rng(1)
    layers = {"W": random.standard_normal((4, 3, 3)), "b": random.standard_normal((4, 3))}
    start = random.standard_normal((2, 3))
    one = sg.simulate(model, layers, initial={"x": start})
    other = sg.simulate(model, layers, initial={"x": start}, backend=library)
    np.testing.assert_allclose(other.states["x"], one.states["x"], rtol=1e-12)
    state = start
    for matrix, offset in zip(layers["W"], layers["b"], strict=True):
        state = np.tanh(state @ matrix.T + offset)
    np.testing.assert_allclose(other.states["x"][-1], state, rtol=1e-12)
