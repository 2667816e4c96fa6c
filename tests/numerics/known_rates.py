"""Models with weights whose largest growth rate of products of Jacobians is known, from proofs on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg

GOLDEN = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class KnownRate:
    """A model with weights, and the supremum over all trajectories of limsup ||P_k||^(1/k).

    Attributes:
        name: of the case.
        model: makes the model.
        weights: its numbers.
        rate: the rate; where it is not stated it is the certified lower rate of ``rate_bracket``.
    """

    name: str
    model: Callable[[], sg.Recurrence]
    weights: dict[str, Any]
    rate: float | None = None


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _orthogonal(n: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(_random(seed).standard_normal((n, n)))[0]


def _symmetric(n: int) -> np.ndarray:
    q = _orthogonal(n, 3)
    return q @ np.diag(np.linspace(-0.4, 1.3, n)) @ q.T


def _elman(W: Any, U: Any = None, b: Any = None) -> dict[str, Any]:
    W = np.asarray(W, dtype=float)
    n = len(W)
    return {"W": W, "U": np.eye(n) if U is None else U, "b": np.zeros(n) if b is None else np.asarray(b, dtype=float)}


def _of(name: str, *args: Any, ranges: dict[str, Any] | None = None, **options: Any) -> Callable[[], sg.Recurrence]:
    return lambda: getattr(sg.models, name)(*args, **options).assuming(ranges or {})


def _switched(A: Any, B: Any) -> Callable[[], sg.Recurrence]:
    """x' = (A + u (B - A)) x with 0 <= u <= 1: products of A and B in any order."""

    def make() -> sg.Recurrence:
        x, y, u = sp.symbols("x y u")
        first, second, state = sp.Matrix(A), sp.Matrix(B), sp.Matrix([x, y])
        after = (first + u * (second - first)) * state
        return sg.Recurrence({x: after[0], y: after[1]}, inputs=[u]).assuming({u: (0, 1)})

    return make


def _lstm_weights(n: int, forget: float) -> dict[str, Any]:
    """Nothing is read from the state; the forget gate opens as far as its bias and an input from [0, 1] allow."""
    weights = {f"W_h{g}": np.zeros((n, n)) for g in "ifgo"} | {f"W_i{g}": np.zeros((n, 1)) for g in "ifgo"}
    weights |= {f"b_i{g}": np.zeros(n) for g in "ifgo"} | {f"b_h{g}": np.zeros(n) for g in "ifgo"}
    return weights | {"b_if": np.full(n, forget), "W_if": np.linspace(0.5, 2.0, n)[:, None]}


_SHIFT = 1.5 * np.eye(4, k=1) + 0.2 * np.eye(4, k=-3)  # a cycle: its fourth power is 1.5^3 * 0.2 times the identity
_HIDDEN = np.array([[0.9, -0.7], [0.8, 0.6]])

_RELU, _LEAKY = _of("elman", "relu"), _of("elman", "leaky_relu")
_NARROW, _CELLS = {"u": (-1, 1)}, {"c": (-16, 16), "u": (0, 1)}
_STEEP = {"W_rec": np.diag([1.5, -0.7]), "W_in": np.eye(2), "b": np.array([3.0, -2.0])}
_TURNED = {"W_rec": 2 * _orthogonal(3), "W_in": np.eye(3), "b": np.array([3.0, -2.0, 1.0])}
_POSITIVE = _elman([[0.5, 0.4, 0], [0.2, 0.3, 0.6], [0.7, 0.0, 0.1]], b=[2, -1, 3])

CASES = [
    KnownRate("tanh, symmetric", _of("elman"), _elman(_symmetric(5)), 1.3),
    KnownRate("tanh, orthogonal", _of("elman"), _elman(1.1 * _orthogonal(4)), 1.1),
    KnownRate("tanh, non-negative", _of("elman"), _POSITIVE),
    KnownRate("tanh, cyclic shift", _of("elman"), _elman(_SHIFT, b=[1, -1, 2, 0]), (1.5**3 * 0.2) ** 0.25),
    KnownRate("tanh, narrow inputs", _of("elman", ranges=_NARROW), _elman(np.diag([0.8, -1.2]), b=[0.9, -0.8]), 1.2),
    KnownRate("identity, non-normal", _of("elman", "identity"), _elman([[0.9, 5.0], [0.0, 0.8]]), 0.9),
    KnownRate("relu, symmetric", _RELU, _elman(_symmetric(4)), 1.3),
    KnownRate("relu, non-negative", _RELU, _elman([[0.5, 0.4], [0.3, 0.2]], b=[-4, -5])),
    KnownRate("relu, some units off", _of("elman", "relu", ranges=_NARROW), _elman(_HIDDEN, b=[-0.5, 0.2])),
    KnownRate("relu, nilpotent when on", _RELU, _elman([[8.0, -16.0], [4.0, -8.0]], b=[-4, -100]), 8.0),
    KnownRate("hard tanh, orthogonal", _of("elman", "hard_tanh"), _elman(0.9 * _orthogonal(3), b=[3, -2, 4]), 0.9),
    KnownRate("logistic, steepest only at one point", _of("sigmoid_rnn"), _STEEP, 1.5 / 4),
    KnownRate("logistic, orthogonal", _of("sigmoid_rnn"), _TURNED, 0.5),
    KnownRate("switched shears", _switched([[1, 1], [0, 1]], [[1, 0], [1, 1]]), {}, GOLDEN),
    KnownRate("switched, nilpotent each", _switched([[0, 2], [0, 0]], [[0, 0], [0.5, 0]]), {}, 1.0),
    KnownRate("lstm, forget gate", _of("lstm", ranges=_CELLS), _lstm_weights(3, 1.0), 1 / (1 + np.exp(-3.0))),
    KnownRate("gelu, diagonal", _of("elman", "gelu"), _elman(np.diag([0.5, -0.8]), b=[3, -2])),
    KnownRate("leaky relu, random", _LEAKY, _elman(_random(4).standard_normal((3, 3)), b=[1, -2, 1])),
]
