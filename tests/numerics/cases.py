"""Models with weights for which the bound is attained, or nearly: a tightened claim must be refuted there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg

N = 4
ANY = (1, 2, "inf")


@dataclass(frozen=True)
class Case:
    """A model, weights, and the norms in which its bound is attained."""

    name: str
    model: Callable[[], sg.Recurrence]
    weights: dict[str, Any]
    norms: tuple[Any, ...] = ANY
    factor: float = 0.99
    horizon: int = 20
    search: str = "random"
    options: dict[str, Any] = field(default_factory=dict)

    def bound(self, norm: Any) -> sg.Bound:
        return sg.product_bound(self.model(), norm=norm)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def orthogonal(n: int = N, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(rng(seed).standard_normal((n, n)))[0]


def normal_matrix(n: int = N, seed: int = 1) -> np.ndarray:
    """A normal matrix with distinct singular values: two scaled rotations in an orthonormal basis."""
    q = orthogonal(n, seed)
    blocks = np.zeros((n, n))
    for i, (radius, angle) in enumerate([(1.3, 0.7), (0.4, 2.0)]):
        c, s = radius * np.cos(angle), radius * np.sin(angle)
        blocks[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, -s], [s, c]]
    return q @ blocks @ q.T


def diagonal(n: int = N) -> np.ndarray:
    return np.diag([-1.5, 0.3, 0.9, -0.2][:n])


PERMUTATION = 1.1 * np.eye(N)[[2, 0, 3, 1]]
POSITIVE = np.diag([0.7, 1.2, 0.1, 0.4])


def elman(W: np.ndarray, U: np.ndarray | None = None, b: np.ndarray | None = None) -> dict[str, np.ndarray]:
    n = len(W)
    return {"W": W, "U": np.zeros((n, 2)) if U is None else U, "b": np.zeros(n) if b is None else b}


def sigmoid_rnn(W: np.ndarray, W_in: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    return {"W_rec": W, "W_in": W_in, "b": b}


def of(name: str, *args: Any, **options: Any) -> Callable[[], sg.Recurrence]:
    return lambda: getattr(sg.models, name)(*args, **options)


def ranged_lstm() -> sg.Recurrence:
    return sg.models.lstm().assuming({"c": (-1, 1), "u": (0, 1)})


def open_lstm(n: int = 3, m: int = 2, bias: float = 40.0) -> dict[str, np.ndarray]:
    """Forget and output gates wide open, nothing read from the state: the cell keeps all it holds."""
    draw = rng(5)
    weights = {f"W_h{g}": np.zeros((n, n)) for g in "ifgo"} | {f"W_i{g}": np.zeros((n, m)) for g in "ifgo"}
    weights |= {f"b_i{g}": np.zeros(n) for g in "ifgo"} | {f"b_h{g}": np.zeros(n) for g in "ifgo"}
    weights |= {"b_if": np.full(n, bias), "b_io": np.full(n, bias), "W_ig": draw.standard_normal((n, m))}
    return weights


def bounded_map() -> sg.Recurrence:
    x, r = sp.symbols("x r")
    return sg.Recurrence({x: r * x * (1 - x)}).assuming({x: (0, 1)})


def scalar_tanh() -> sg.Recurrence:
    x, w = sp.symbols("x w")
    return sg.Recurrence({x: w * sg.activation("tanh")(x)})


def three_states() -> sg.Recurrence:
    n = sp.Symbol("n", positive=True, integer=True)
    x, y, z = (sp.MatrixSymbol(name, n, 1) for name in "xyz")
    W, A, B = (sp.MatrixSymbol(name, n, n) for name in "WAB")
    tanh = sg.activation("tanh")
    return sg.Recurrence({x: tanh(W * y), y: tanh(A * z), z: tanh(B * x)})


def gated_cell() -> sg.Recurrence:
    n = sp.Symbol("n", positive=True, integer=True)
    h, c = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("c", n, 1)
    return sg.Recurrence({h: sg.hadamard(h, c), c: c}).assuming({h: (-1, 1), c: (-1, 1)})


def fixed_sigmoid(W: np.ndarray) -> dict[str, np.ndarray]:
    """x = 0, where the logistic function is steepest, is a fixed point."""
    return sigmoid_rnn(W, np.eye(len(W)), -W @ np.full(len(W), 0.5))


def shifted(W: np.ndarray) -> dict[str, np.ndarray]:
    """A bias that only a well chosen input can make up for."""
    return elman(W, np.eye(len(W)), np.array([3.0, -2.0, 4.0, 5.0][: len(W)]))


SPD = orthogonal() @ np.diag([0.9, 0.5, 0.1, 0.3]) @ orthogonal().T

RANDOM_CASES = [
    Case("identity, orthogonal", of("elman", "identity"), elman(orthogonal()), (2,), horizon=200),
    Case("identity, permutation", of("elman", "identity"), elman(PERMUTATION)),
    Case("tanh, orthogonal", of("elman"), elman(orthogonal(), rng(2).standard_normal((N, 2))), (2,)),
    Case("tanh, normal", of("elman"), elman(normal_matrix()), (2,)),
    Case("tanh, diagonal", of("elman"), elman(diagonal())),
    Case("tanh, one neuron", of("elman"), elman(np.array([[2.5]]))),
    Case("arctan, diagonal", of("elman", "arctan"), elman(diagonal())),
    Case("erf, normal", of("elman", "erf"), elman(normal_matrix()), (2,)),
    Case("relu, positive diagonal", of("elman", "relu"), elman(POSITIVE)),
    Case("relu, permutation", of("elman", "relu"), elman(PERMUTATION)),
    Case("leaky_relu, permutation", of("elman", "leaky_relu"), elman(PERMUTATION)),
    Case("sigmoid_rnn, orthogonal", of("sigmoid_rnn"), fixed_sigmoid(orthogonal()), (2,)),
    Case("sigmoid_rnn, diagonal", of("sigmoid_rnn"), fixed_sigmoid(diagonal())),
    Case("leaky, scaled identity", of("leaky", 0.3), elman(1.7 * np.eye(N))),
    Case("leaky, symbolic alpha", of("leaky"), elman(1.7 * np.eye(N)) | {"alpha": 0.25}),
    Case("residual, positive definite", of("residual"), elman(SPD), (2,)),
    Case("lstm, open gates", ranged_lstm, open_lstm()),
    Case("lstm, gates nearly open", ranged_lstm, open_lstm(bias=7.0), horizon=30),
    Case("logistic map", bounded_map, {"r": 3.2}),
    Case("scalar tanh", scalar_tanh, {"w": -1.7}),
    Case("three states", three_states, {name: diagonal() for name in "WAB"}),
    Case("products of states", gated_cell, {}),
    Case("huge", of("elman", "identity"), elman(1e200 * np.eye(2)), horizon=30),
    Case("tiny", of("elman", "identity"), elman(1e-200 * np.eye(2)), horizon=30),
]

STEERED_CASES = [
    Case("sigmoid_rnn, orthogonal", of("sigmoid_rnn"), sigmoid_rnn(orthogonal(), np.eye(N), np.zeros(N)), (2,)),
    Case("sigmoid_rnn, diagonal", of("sigmoid_rnn"), sigmoid_rnn(diagonal(), np.eye(N), np.ones(N))),
    Case("tanh, shifted", of("elman"), shifted(diagonal())),
    Case("sigmoid, shifted", of("elman", "sigmoid"), shifted(normal_matrix()), (2,)),
    Case("softplus, diagonal", of("elman", "softplus"), shifted(diagonal())),
    Case("gelu, normal", of("elman", "gelu"), shifted(normal_matrix()), (2,)),
    Case("silu, diagonal", of("elman", "silu"), shifted(diagonal())),
    Case("mish, diagonal", of("elman", "mish"), shifted(diagonal())),
    Case("gaussian, diagonal", of("elman", "gaussian"), shifted(diagonal())),
    Case("hardswish, diagonal", of("elman", "hardswish"), shifted(diagonal())),
    Case("selu, diagonal", of("elman", "selu"), shifted(diagonal())),
    Case("hard_sigmoid, normal", of("elman", "hard_sigmoid"), shifted(normal_matrix()), (2,)),
    Case("log_sigmoid, diagonal", of("elman", "log_sigmoid"), shifted(diagonal())),
    Case("sin, residual", of("residual", "sin"), shifted(0.8 * np.eye(N))),
    Case("leaky, gelu", of("leaky", 0.3, "gelu"), shifted(0.8 * np.eye(N))),
    Case("residual, sigmoid", of("residual", "sigmoid"), shifted(SPD), (2,)),
    Case("any matrix, one step", of("elman", "sigmoid"), shifted(rng(7).standard_normal((N, N)))),
]
for _case in STEERED_CASES:
    object.__setattr__(_case, "search", "adversarial")
