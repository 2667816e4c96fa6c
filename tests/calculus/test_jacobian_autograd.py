"""The derived Jacobian against PyTorch's automatic differentiation of cells written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.language.weights import bind

torch = pytest.importorskip("torch")

N, M = 5, 3
n, m = sp.symbols("n m", integer=True, positive=True)
h, c, u, b = (sp.MatrixSymbol(name, size, 1) for name, size in (("h", n), ("c", n), ("u", m), ("b", n)))
sigmoid, tanh = sg.activation("sigmoid"), sg.activation("tanh")
Values = dict[str, Any]


def numbers(model: sg.Recurrence, seed: int) -> dict[str, np.ndarray]:
    """Standard normal values for everything in the model; scalars positive."""
    rng = np.random.default_rng(seed)

    def draw(symbol: sp.Expr) -> np.ndarray:
        if isinstance(symbol, sp.Symbol):
            return np.array(0.1 + rng.random())
        return rng.standard_normal([int(sp.sympify(size).subs({n: N, m: M})) for size in symbol.shape])

    return {str(symbol): draw(symbol) for symbol in model.variables + model.parameters}


def derived(model: sg.Recurrence, values: dict[str, np.ndarray]) -> np.ndarray:
    weights = bind(model, {str(symbol): values[str(symbol)] for symbol in model.parameters})
    evaluator = BallEvaluator.of_weights(weights)
    evaluator.sizes.update({size: sp.Integer({"n": N, "m": M}[str(size)]) for size in model.sizes})
    evaluator.values.update({symbol: column_of_balls(values[str(symbol)].ravel()) for symbol in model.variables})
    rows = [[evaluator.operator(block) for block in row] for row in sg.jacobian(model).blocks]
    return np.block([[floats(block) for block in row] for row in rows])


def floats(matrix: Any) -> np.ndarray:
    return np.array([[float(entry.mid()) for entry in line] for line in matrix.tolist()])


def differentiated(cell: Callable[[Values], tuple[Any, ...]], model: sg.Recurrence, values: dict[str, Any]) -> Any:
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    states = [str(state) for state in model.states]

    def step(*old: Any) -> tuple[Any, ...]:
        return cell(tensors | dict(zip(states, old, strict=True)))

    found = torch.autograd.functional.jacobian(step, tuple(tensors[name] for name in states))
    return np.block([[block.numpy() for block in row] for row in found])


def gru() -> sg.Recurrence:
    def affine(gate: str, old: Any) -> Any:
        W, U = sp.MatrixSymbol(f"W_{gate}", n, n), sp.MatrixSymbol(f"U_{gate}", n, m)
        return W * old + U * u + sp.MatrixSymbol(f"b_{gate}", n, 1)

    r, z = sigmoid(affine("r", h)), sigmoid(affine("z", h))
    candidate = tanh(affine("n", sg.hadamard(r, h)))
    return sg.Recurrence({h: sg.hadamard(sp.OneMatrix(n, 1) - z, candidate) + sg.hadamard(z, h)}, inputs=[u])


def torch_gru(t: Values) -> tuple[Any, ...]:
    def affine(gate: str, old: Any) -> Any:
        return t[f"W_{gate}"] @ old + t[f"U_{gate}"] @ t["u"] + t[f"b_{gate}"]

    r, z = torch.sigmoid(affine("r", t["h"])), torch.sigmoid(affine("z", t["h"]))
    return ((1 - z) * torch.tanh(affine("n", r * t["h"])) + z * t["h"],)


def highway() -> sg.Recurrence:
    W, T = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("T", n, n)
    gate = sigmoid(T * h + b)
    carried = sg.hadamard(sp.OneMatrix(n, 1) - gate, h)
    return sg.Recurrence({h: sg.hadamard(gate, sg.activation("mish")(W * h)) + carried})


def torch_highway(t: Values) -> tuple[Any, ...]:
    gate = torch.sigmoid(t["T"] @ t["h"] + t["b"])
    return (gate * torch.nn.functional.mish(t["W"] @ t["h"]) + (1 - gate) * t["h"],)


def multiplicative() -> sg.Recurrence:
    W, F, V = (sp.MatrixSymbol(name, n, n) for name in "WFV")
    mixed = sg.hadamard(F * h, sp.MatrixSymbol("G", n, m) * u)
    return sg.Recurrence({h: tanh(W * mixed + V * h + b)}, inputs=[u])


def torch_multiplicative(t: Values) -> tuple[Any, ...]:
    return (torch.tanh(t["W"] @ ((t["F"] @ t["h"]) * (t["G"] @ t["u"])) + t["V"] @ t["h"] + t["b"]),)


def antisymmetric() -> sg.Recurrence:
    W, g, e = sp.MatrixSymbol("W", n, n), sp.Symbol("g", positive=True), sp.Symbol("e", positive=True)
    return sg.Recurrence({h: h + e * tanh((W - W.T - g * sp.Identity(n)) * h + b)})


def torch_antisymmetric(t: Values) -> tuple[Any, ...]:
    A = t["W"] - t["W"].T - t["g"] * torch.eye(N, dtype=torch.float64)
    return (t["h"] + t["e"] * torch.tanh(A @ t["h"] + t["b"]),)


def cayley() -> sg.Recurrence:
    A, D = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("D", n, 1)
    eye = sp.Identity(n)
    return sg.Recurrence({h: sg.activation("relu")(sp.Inverse(eye + A) * (eye - A) * sp.DiagMatrix(D) * h + b)})


def torch_cayley(t: Values) -> tuple[Any, ...]:
    eye = torch.eye(N, dtype=torch.float64)
    return (torch.relu(torch.linalg.solve(eye + t["A"], (eye - t["A"]) @ (t["D"] * t["h"])) + t["b"]),)


def torch_lstm(t: Values) -> tuple[Any, ...]:
    def gate(name: str) -> Any:
        return t[f"W_i{name}"] @ t["u"] + t[f"b_i{name}"] + t[f"W_h{name}"] @ t["h"] + t[f"b_h{name}"]

    i, f, o = (torch.sigmoid(gate(name)) for name in "ifo")
    cell = f * t["c"] + i * torch.tanh(gate("g"))
    return o * torch.tanh(cell), cell


def affine(t: Values) -> Any:
    return t["W"] @ t["h"] + t["U"] @ t["u"] + t["b"]


CASES: dict[str, tuple[sg.Recurrence, Callable[[Values], tuple[Any, ...]]]] = {
    "elman": (sg.models.elman(), lambda t: (torch.tanh(affine(t)),)),
    "elman of gelu": (sg.models.elman("gelu"), lambda t: (torch.nn.functional.gelu(affine(t)),)),
    "elman of selu": (sg.models.elman("selu"), lambda t: (torch.selu(affine(t)),)),
    "elman of hardswish": (sg.models.elman("hardswish"), lambda t: (torch.nn.functional.hardswish(affine(t)),)),
    "residual": (sg.models.residual("relu"), lambda t: (t["h"] + torch.relu(affine(t)),)),
    "leaky": (sg.models.leaky(), lambda t: ((1 - t["alpha"]) * t["h"] + t["alpha"] * torch.tanh(affine(t)),)),
    "leaky 0.3": (sg.models.leaky(0.3, "sigmoid"), lambda t: (0.7 * t["h"] + 0.3 * torch.sigmoid(affine(t)),)),
    "sigmoid_rnn": (
        sg.models.sigmoid_rnn(),
        lambda t: (t["W_rec"] @ torch.sigmoid(t["x"]) + t["W_in"] @ t["u"] + t["b"],),
    ),
    "lstm": (sg.models.lstm(), torch_lstm),
    "gru": (gru(), torch_gru),
    "highway": (highway(), torch_highway),
    "multiplicative": (multiplicative(), torch_multiplicative),
    "antisymmetric": (antisymmetric(), torch_antisymmetric),
    "cayley": (cayley(), torch_cayley),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_autograd(name, seed):
    model, cell = CASES[name]
    values = numbers(model, seed)
    columns = {str(symbol) for symbol in model.variables + model.parameters if getattr(symbol, "shape", (0, 0))[1] == 1}
    flat = {key: value.ravel() if key in columns else value for key, value in values.items()}
    expected = differentiated(cell, model, flat)
    assert np.abs(derived(model, values) - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


def test_every_model_family_is_compared():
    assert set(sg.models.names()) <= {name.split()[0] for name in CASES}


def test_the_lstm_cell_is_torchs_own():
    """The cell written by hand above, which the derived Jacobian is compared with, gives torch.nn.LSTMCell's values."""
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(M, N, dtype=torch.float64)
    tensors: Values = {"h": torch.randn(N).double(), "c": torch.randn(N).double(), "u": torch.randn(M).double()}
    for kind, letter in (("weight", "W"), ("bias", "b")):
        for side in "ih":
            parts = getattr(cell, f"{kind}_{side}h").detach().chunk(4)
            tensors |= {f"{letter}_{side}{gate}": part for gate, part in zip("ifgo", parts, strict=True)}
    expected = cell(tensors["u"][None], (tensors["h"][None], tensors["c"][None]))
    for found, wanted in zip(torch_lstm(tensors), expected, strict=True):
        assert torch.allclose(found, wanted[0], rtol=1e-13, atol=1e-14)
