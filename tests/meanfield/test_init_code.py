"""Snippets that initialise networks: they run, and what they set has the predicted size."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.elementwise import VARIABLE

MODELS = ("elman", "gru", "lstm", "residual", "highway", "leaky", "irnn", "sigmoid_rnn", "feedforward")


def executed(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), names)
    return names


@pytest.fixture(scope="module")
def torch() -> Any:
    found = pytest.importorskip("torch")
    found.manual_seed(0)
    return found


@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_torch_layers_have_the_predicted_variance(torch: Any, mode: str) -> None:
    gain = sg.init_gain("gelu", mode)
    names = executed(sg.init_code("gelu", mode=mode))
    layer = torch.nn.Linear(1500, 1200)
    names["init_weights"](layer)
    inputs = torch.nn.functional.gelu(torch.randn(200, 1500))
    assert float(layer(inputs).detach().var()) == pytest.approx(float(gain.forward.ball), rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_torch_network_keeps_the_variance_over_layers(torch: Any, name: str) -> None:
    names = executed(sg.init_code(name))
    act = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[name]
    layers = [torch.nn.Sequential(act(), torch.nn.Linear(700, 700)) for _ in range(6)]
    network = torch.nn.Sequential(*layers)
    network.apply(names["init_weights"])
    assert float(network(torch.randn(50, 700)).detach().var()) == pytest.approx(1, abs=0.25)


def test_torch_convolutions_count_their_inputs(torch: Any) -> None:
    names = executed(sg.init_code("relu"))
    layer = torch.nn.Conv2d(64, 128, 3, groups=2, bias=False)
    names["init_weights"](layer)
    assert float((layer.weight.detach() ** 2).mean()) == pytest.approx(2 / (32 * 9), rel=0.05)


@pytest.mark.parametrize(("fan", "spread"), [("in", 400), ("out", 600), ("average", 500)])
def test_fans(torch: Any, fan: str, spread: int) -> None:
    names = executed(sg.init_code("relu", fan=fan, bias_variance=0.25))
    layer = torch.nn.Linear(400, 600)
    names["init_weights"](layer)
    assert float((layer.weight.detach() ** 2).mean()) == pytest.approx(2 / spread, rel=0.02)
    assert float(layer.bias.detach().std()) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_orthogonal_layers_keep_the_variance(torch: Any, shape: tuple[int, int]) -> None:
    names = executed(sg.init_code("identity", weights="orthogonal"))
    layer = torch.nn.Linear(*shape)
    names["init_weights"](layer)
    singular = torch.linalg.svdvals(layer.weight.detach())
    expected = math.sqrt(max(1.0, shape[1] / shape[0]))
    assert torch.allclose(singular, torch.full_like(singular, expected), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_every_model_has_code(name: str, framework: str) -> None:
    tree = ast.parse(sg.init_code(name, framework))
    assert "init_weights" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_lstm_and_gru_gates(torch: Any) -> None:
    lstm = torch.nn.LSTM(5, 8, 2, bidirectional=True)
    executed(sg.init_code("lstm", forget_bias=3.5))["init_weights"](lstm)
    for suffix in ("l0", "l1_reverse"):
        total = getattr(lstm, f"bias_ih_{suffix}") + getattr(lstm, f"bias_hh_{suffix}")
        assert total.tolist() == [0.0] * 8 + [3.5] * 8 + [0.0] * 16  # gates i, f, g, o
        blocks = getattr(lstm, f"weight_hh_{suffix}").chunk(4)
        assert all(torch.allclose(block @ block.T, torch.eye(8), atol=1e-5) for block in blocks)
    gru = torch.nn.GRUCell(5, 8)
    executed(sg.init_code("gru", forget_bias=2))["init_weights"](gru)
    assert (gru.bias_ih + gru.bias_hh).tolist() == [0.0] * 8 + [2.0] * 8 + [0.0] * 8  # gates r, z, n


def test_retained_fraction_of_the_lstm(torch: Any) -> None:
    retain, steps = 0.5, 30
    power = retain ** (1 / steps)
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, 400)
    executed(sg.init_code("lstm", forget_bias=math.log(power / (1 - power))))["init_weights"](lstm)
    state = torch.zeros(1, 1, 400), torch.ones(1, 1, 400)
    other = torch.zeros(1, 1, 400), torch.ones(1, 1, 400) * 1.001
    cells = [lstm(torch.zeros(steps, 1, 3), start)[1][1] for start in (state, other)]
    assert float((cells[1] - cells[0]).detach().mean() / 0.001) == pytest.approx(retain, abs=0.2)


def test_elman_recurrent_gain(torch: Any) -> None:
    network = torch.nn.RNN(4, 300)
    executed(sg.init_code("elman", mode="backward"))["init_weights"](network)
    singular = torch.linalg.svdvals(network.weight_hh_l0.detach())
    assert float(singular.min()) == pytest.approx(float(sg.init_gain("tanh", "backward")), rel=1e-4)


def test_models_without_names_in_torch(torch: Any) -> None:
    weights = executed(sg.init_code("highway", forget_bias=1.5))["init_weights"](m=3, n=6)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "U": (6, 3), "U_t": (6, 3), "W": (6, 6), "W_t": (6, 6), "b": (6,), "b_t": (6,),
    }  # fmt: skip
    assert weights["b_t"].tolist() == [-1.5] * 6
    arrays = {name: value.numpy().astype(float) for name, value in weights.items()}
    path = sg.simulate(sg.models.highway(), arrays, np.zeros((4, 3)))
    assert len(path.states["h"]) == 5


def test_own_model_with_odd_names(torch: Any) -> None:
    n = sp.Symbol("class", positive=True, integer=True)
    weight = sp.MatrixSymbol("W'\n\"x", n, n)
    state = sp.MatrixSymbol("h", n, 1)
    model = sg.Recurrence({state: sg.activation("tanh")(weight.T * state)}, name="x\nimport os")
    code = sg.init_code(model, weights="gaussian")
    weights = executed(code)["init_weights"](size_0=4)
    assert list(weights) == ["W'\n\"x"]
    assert "\nimport os" not in code


def test_names_stay_in_comments() -> None:
    phi = sg.Activation('evil\nraise SystemExit\r"""\x00é', sp.tanh(VARIABLE))
    for framework in ("torch", "jax"):
        tree = ast.parse(sg.init_code(phi, framework))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]


def test_a_gain_may_be_given(torch: Any) -> None:
    gain = sg.init_gain(VARIABLE + sp.sin(VARIABLE), variance=2)
    assert executed(sg.init_code(gain))["GAIN"] == float(gain)


JAX = {"jax.numpy", "jax.random.normal", "jax.random.split"}
JNP = {"jnp.float32", "jnp.linalg.qr", "jnp.sign", "jnp.diagonal", "jnp.full"}


@pytest.mark.parametrize("subject", ["tanh", "relu", *MODELS])
@pytest.mark.parametrize("weights", ["gaussian", "orthogonal"])
def test_jax_code_uses_known_functions_only(subject: str, weights: str) -> None:
    tree = ast.parse(sg.init_code(subject, "jax", weights=weights))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used = {name for name in used if name.split(".")[0] in ("jax", "jnp")}
    assert used <= JAX | JNP | {"jax.random", "jnp.linalg"}


def test_jax_code_runs() -> None:
    jax = pytest.importorskip("jax")
    names = executed(sg.init_code("relu", "jax"))
    weights, biases = names["init_weights"](jax.random.PRNGKey(0), (500, 700))
    assert float((weights**2).mean()) == pytest.approx(2 / 500, rel=0.02)
    assert biases.shape == (700,)
    shapes = [pair[0].shape for pair in names["init_network"](jax.random.PRNGKey(1), [3, 5, 2])]
    assert shapes == [(3, 5), (5, 2)]
    cell = executed(sg.init_code("lstm", "jax", forget_bias=2.0))["init_weights"](jax.random.PRNGKey(0), n=6, m=3)
    assert np.allclose(cell["W_hf"] @ cell["W_hf"].T, np.eye(6), atol=1e-5)
    assert float(cell["b_hf"][0]) == 2.0


@pytest.mark.parametrize(
    ("subject", "options", "message"),
    [
        ("tanh", {"framework": "tensorflow"}, "framework"),
        ("tanh", {"weights": "uniform"}, "weights"),
        ("tanh", {"fan": "both"}, "fan"),
        ("tanh", {"forget_bias": 1.0}, "forget_bias"),
        ("tanh", {"bias_variance": -1.0}, "bias_variance"),
        ("tanh", {"bias_variance": "1"}, "bias_variance"),
        ("tanh", {"weights": "orthogonal", "fan": "out"}, "fan"),
        ("elman", {"forget_bias": 1.0}, "forget_bias"),
        ("elman", {"fan": "in"}, "fan"),
        ("elman", {"bias_variance": 0.1}, "bias_variance"),
        ("lstm", {"forget_bias": math.inf}, "forget_bias"),
        ("lstm", {"mode": "forward"}, "mode"),
        ("neuron", {}, "model"),
        ("tahn", {}, "tanh"),
        (3, {}, "activation"),
    ],
)
def test_bad_input(subject: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        sg.init_code(subject, **options)


def test_declared_properties() -> None:
    model = sg.models.elman().assuming({"W": sg.orthogonal})
    assert "('orthogonal', 1.0)" in sg.init_code(model, weights="gaussian")
    with pytest.raises(sg.InputError, match="symmetric"):
        sg.init_code(sg.models.elman().assuming({"W": sg.symmetric}))
