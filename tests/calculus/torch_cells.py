"""Cells written by hand in PyTorch next to the models that they are: every family of the catalogue, and others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

__all__ = ["CASES", "Cell", "M", "N", "Values", "differentiated", "flat", "numbers", "torch", "torch_gru", "torch_lstm"]

torch = pytest.importorskip("torch")

N, M = 5, 3
n, m = sp.symbols("n m", integer=True, positive=True)
h, c, u, b = (sp.MatrixSymbol(name, size, 1) for name, size in (("h", n), ("c", n), ("u", m), ("b", n)))
sigmoid, tanh = sg.activation("sigmoid"), sg.activation("tanh")
Values = dict[str, Any]
Cell = Callable[[Values], tuple[Any, ...]]


def numbers(model: sg.Recurrence, seed: int) -> dict[str, np.ndarray]:
    """Standard normal values for everything in the model; scalars positive."""
    rng = np.random.default_rng(seed)

    def draw(symbol: sp.Expr) -> np.ndarray:
        if isinstance(symbol, sp.Symbol):
            return np.array(0.1 + rng.random())
        return rng.standard_normal([int(sp.sympify(size).subs({n: N, m: M})) for size in symbol.shape])

    return {str(symbol): draw(symbol) for symbol in model.variables + model.parameters}


def flat(model: sg.Recurrence, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same values with columns as vectors, as the cells take them."""
    columns = {str(symbol) for symbol in model.variables + model.parameters if getattr(symbol, "shape", (0, 0))[1] == 1}
    return {key: value.ravel() if key in columns else value for key, value in values.items()}


def differentiated(cell: Cell, model: sg.Recurrence, values: dict[str, Any]) -> Any:
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    states = [str(state) for state in model.states]

    def step(*old: Any) -> tuple[Any, ...]:
        return cell(tensors | dict(zip(states, old, strict=True)))

    found = torch.autograd.functional.jacobian(step, tuple(tensors[name] for name in states))
    return np.block([[np.atleast_2d(block.numpy()) for block in row] for row in found])


def torch_gru(t: Values) -> tuple[Any, ...]:
    def parts(name: str) -> tuple[Any, Any]:
        return t[f"W_i{name}"] @ t["u"] + t[f"b_i{name}"], t[f"W_h{name}"] @ t["h"] + t[f"b_h{name}"]

    r, z = (torch.sigmoid(sum(parts(name))) for name in "rz")
    fed, recalled = parts("n")
    return ((1 - z) * torch.tanh(fed + r * recalled) + z * t["h"],)


def early_reset() -> sg.Recurrence:
    """The gated recurrent unit whose reset gate acts before the matrix product."""

    def affine(gate: str, old: Any) -> Any:
        W, U = sp.MatrixSymbol(f"W_{gate}", n, n), sp.MatrixSymbol(f"U_{gate}", n, m)
        return W * old + U * u + sp.MatrixSymbol(f"b_{gate}", n, 1)

    r, z = sigmoid(affine("r", h)), sigmoid(affine("z", h))
    candidate = tanh(affine("n", sg.hadamard(r, h)))
    return sg.Recurrence({h: sg.hadamard(sp.OneMatrix(n, 1) - z, candidate) + sg.hadamard(z, h)}, inputs=[u])


def torch_early_reset(t: Values) -> tuple[Any, ...]:
    def affine(gate: str, old: Any) -> Any:
        return t[f"W_{gate}"] @ old + t[f"U_{gate}"] @ t["u"] + t[f"b_{gate}"]

    r, z = torch.sigmoid(affine("r", t["h"])), torch.sigmoid(affine("z", t["h"]))
    return ((1 - z) * torch.tanh(affine("n", r * t["h"])) + z * t["h"],)


def torch_highway(t: Values) -> tuple[Any, ...]:
    gate = torch.sigmoid(t["W_t"] @ t["h"] + t["U_t"] @ t["u"] + t["b_t"])
    return (gate * torch.tanh(affine(t)) + (1 - gate) * t["h"],)


def gated_mish() -> sg.Recurrence:
    W, T = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("T", n, n)
    gate = sigmoid(T * h + b)
    carried = sg.hadamard(sp.OneMatrix(n, 1) - gate, h)
    return sg.Recurrence({h: sg.hadamard(gate, sg.activation("mish")(W * h)) + carried})


def torch_gated_mish(t: Values) -> tuple[Any, ...]:
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


def torch_lstm(t: Values, peephole: bool = False, coupled: bool = False) -> tuple[Any, ...]:
    def gate(name: str, cell: Any) -> Any:
        inner = t[f"W_i{name}"] @ t["u"] + t[f"b_i{name}"] + t[f"W_h{name}"] @ t["h"] + t[f"b_h{name}"]
        return inner + t[f"p_{name}"] * cell if peephole and name != "g" else inner

    f = torch.sigmoid(gate("f", t["c"]))
    i = 1 - f if coupled else torch.sigmoid(gate("i", t["c"]))
    cell = f * t["c"] + i * torch.tanh(gate("g", t["c"]))
    return torch.sigmoid(gate("o", cell)) * torch.tanh(cell), cell


def torch_neuron(t: Values) -> tuple[Any, ...]:
    inside = torch.sigmoid(t["w"] * t["x"] + t["b"])
    return ((1 - t["eps"]) * t["x"] + t["eps"] * inside + t["eps"] * t["w_in"] * t["u"],)


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
    "lstm with peepholes": (sg.models.lstm(peephole=True), partial(torch_lstm, peephole=True)),
    "lstm with coupled gates": (sg.models.lstm(coupled=True), partial(torch_lstm, coupled=True)),
    "gru": (sg.models.gru(), torch_gru),
    "highway": (sg.models.highway(), torch_highway),
    "irnn": (sg.models.irnn(), lambda t: (torch.relu(affine(t)),)),
    "neuron": (sg.models.neuron(eps=None, w_in=None), torch_neuron),
    "feedforward": (sg.models.feedforward(7), lambda t: (torch.tanh(t["W"] @ t["x"] + t["b"]),)),
    "early reset": (early_reset(), torch_early_reset),
    "gated mish": (gated_mish(), torch_gated_mish),
    "multiplicative": (multiplicative(), torch_multiplicative),
    "antisymmetric": (antisymmetric(), torch_antisymmetric),
    "cayley": (cayley(), torch_cayley),
}
