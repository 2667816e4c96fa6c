"""Step functions as people write them in JAX, to be read: name -> (step, params, state, input)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["CELLS", "FUNCTIONS"]

N, M = 3, 2
RNG = np.random.default_rng(0)


def array(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) / 2


def elman(params: Any, h: Any, u: Any) -> Any:
    return jnp.tanh(params["rec"]["W"] @ h + params["in"] @ u + params["b"])


class Carry(NamedTuple):
    h: Any
    c: Any


def lstm(params: Any, carry: Carry, x: Any) -> Any:
    """As in Flax: one kernel for all gates, rows from the left."""
    gates = jnp.concatenate([x, carry.h], axis=-1) @ params["lstm"]["Wi"] + params["lstm"]["bias"]
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f + 1.0) * carry.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return Carry(h, c), jax.nn.softmax(h)


def gru(params: list[Any], h: Any, x: Any) -> Any:
    """Parameters in a list, a batch in front."""
    fed, recalled = x @ params[0].T + params[2], h @ params[1].T
    r, z, n = (slice(k * N, (k + 1) * N) for k in range(3))
    reset = jax.nn.sigmoid(fed[..., r] + recalled[..., r])
    update = jax.nn.sigmoid(fed[..., z] + recalled[..., z])
    new = jnp.tanh(fed[..., n] + reset * recalled[..., n])
    return (1 - update) * new + update * h


def minimal(params: Any, state: dict[str, Any], input: Any) -> Any:
    h = state["hidden"]
    both = jnp.concatenate((h, input))
    f = jax.nn.sigmoid(jnp.dot(params.gate, both))
    new = jax.nn.gelu(jnp.einsum("ij,j->i", params.new, jnp.concatenate((f * h, input))))
    return {"hidden": h - f * h + f * new * params.scale}


class Minimal(NamedTuple):
    gate: Any
    new: Any
    scale: Any


@partial(jax.jit, static_argnames="turns")
def relaxed(params: Any, h: Any, x: Any, turns: int = 3) -> Any:
    """A loop inside, a closed-over mask, no batch."""

    def turn(_: int, y: Any) -> Any:
        return y + 0.3 * (jnp.tanh((params["W"] * MASK) @ y + params["U"] @ x) - y)

    return jax.lax.fori_loop(0, turns, turn, h)


MASK = np.triu(np.ones((N, N)))


def pieces(params: Any, h: Any, x: Any) -> Any:
    a, b = h[:2], h[2:]
    y = jnp.concatenate([jax.nn.relu(b), 2 * a])
    q = jax.nn.sigmoid(params["W"] @ h).reshape(2, 3).T.reshape(-1)
    sums = h.mean() / 5 + jnp.dot(h, params["p"]) + jnp.sum(params["p"] * h, axis=-1, keepdims=True)
    fed = jnp.zeros(6).at[1:3].set(x) + jnp.pad(x, (0, 4))
    picked = h[jnp.array([5, 0, 1, 2, 4, 3])] * 0.3 + jnp.roll(h, 1) / 10 + h[::-1] * params["p"][1]
    return jnp.clip(y + q * fed, -1, 1) + sums + picked + jnp.where(params["p"] > 0, h, 0.0) * 0.1


def matrix_state(params: Any, S: Any, x: Any) -> Any:
    """Fast weights: a state that is a matrix."""
    key, value = jnp.tanh(params["K"] @ x), params["V"] @ x
    recalled = S @ key
    return params["decay"] * S + jnp.outer(value - recalled, key)


def bent(params: Any, h: Any, x: Any) -> Any:
    """Kinks of several kinds; a learned slope."""
    s = params["W"] @ h + jnp.pad(x, (0, 1))
    learned = jnp.where(s > 0, s, params["a"] * s)
    return jnp.maximum(learned, 0.1 * h) - jnp.minimum(s, 0.5) * jnp.abs(h) + (s > 0) * s / 3 + jnp.logaddexp(s, h)


def alone(params: Any, h: Any) -> Any:
    """No input; powers, quotients, a number as exponent."""
    s = jnp.tanh(params @ h)
    return s**3 / 2 + jnp.square(s) - 2.0**s / (1 + s**2) + jnp.sqrt(s**2 + 1.0) + h / params[0, 0]


def scan_order(params: Any, h: Any, x: Any) -> Any:
    """(output, next state)."""
    h = jax.vmap(lambda a, b: jnp.cos(params["W"] @ a) + params["U"] @ b)(h, x)
    return jnp.sum(h), h


def stacked(params: Any, h: Any, x: Any) -> Any:
    """Several layers whose weights stand in one array; entries changed at places."""
    fed, _ = jax.lax.scan(lambda y, weight: (jnp.tanh(weight @ y + x), y), h, params["Ws"], reverse=True)
    return fed.at[1].add(h[0]).at[jnp.array([0, 2])].multiply(0.5) + params["s"] * h


CELLS: dict[str, tuple[Callable[..., Any], Any, Any, Any]] = {
    "elman": (elman, {"rec": {"W": array(N, N)}, "in": array(N, M), "b": array(N)}, np.zeros(N), np.zeros(M)),
    "lstm": (
        lstm,
        {"lstm": {"Wi": array(M + N, 4 * N), "bias": array(4 * N)}},
        Carry(np.zeros(N), np.zeros(N)),
        np.zeros(M),
    ),
    "gru": (gru, [array(3 * N, M), array(3 * N, N), array(3 * N)], np.zeros((4, N)), np.zeros((4, M))),
    "minimal": (
        minimal,
        Minimal(array(N, N + M), array(N, N + M), np.asarray(0.7)),
        {"hidden": np.zeros(N)},
        np.zeros(M),
    ),
    "relaxed": (relaxed, {"W": array(N, N), "U": array(N, M)}, np.zeros(N), np.zeros(M)),
    "pieces": (pieces, {"W": array(6, 6), "p": array(6)}, np.zeros(6), np.zeros(M)),
    "matrix state": (
        matrix_state,
        {"K": array(2, M), "V": array(N, M), "decay": np.asarray(0.9)},
        np.zeros((N, 2)),
        np.zeros(M),
    ),
    "bent": (bent, {"W": array(N, N), "a": array(N)}, np.zeros(N), np.zeros(M)),
    "stacked": (stacked, {"Ws": array(2, N, N), "s": np.asarray(0.3)}, np.zeros(N), np.zeros(N)),
    "alone": (alone, array(N, N), np.zeros(N), None),
    "scan order": (scan_order, {"W": array(N, N), "U": array(N, M)}, np.zeros((2, N)), np.zeros((2, M))),
}

# Scalar functions and what they are called here; "f" for those that are not declared.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "relu": (jax.nn.relu, "relu"),
    "relu6": (jax.nn.relu6, "relu6"),
    "sigmoid": (jax.nn.sigmoid, "sigmoid"),
    "softplus": (jax.nn.softplus, "softplus"),
    "silu": (jax.nn.silu, "silu"),
    "log_sigmoid": (jax.nn.log_sigmoid, "log_sigmoid"),
    "leaky_relu": (jax.nn.leaky_relu, "leaky_relu"),
    "leaky_relu 0.2": (lambda x: jax.nn.leaky_relu(x, 0.2), "leaky_relu(slope=1/5)"),
    "hard_sigmoid": (jax.nn.hard_sigmoid, "hard_sigmoid"),
    "hard_silu": (jax.nn.hard_silu, "hardswish"),
    "hard_tanh": (jax.nn.hard_tanh, "hard_tanh"),
    "elu": (jax.nn.elu, "elu"),
    "elu 0.5": (lambda x: jax.nn.elu(x, 0.5), "elu(alpha=1/2)"),
    "celu": (jax.nn.celu, "elu"),
    "selu": (jax.nn.selu, "selu"),
    "gelu": (jax.nn.gelu, "gelu_tanh"),
    "exact gelu": (lambda x: jax.nn.gelu(x, approximate=False), "gelu"),
    "mish": (jax.nn.mish, "mish"),
    "squareplus": (jax.nn.squareplus, "squareplus"),
    "soft_sign": (jax.nn.soft_sign, "softsign"),
    "sparse_plus": (jax.nn.sparse_plus, "sparse_plus"),
    "where": (lambda x: jnp.where(x > 0, x, jnp.expm1(x)), "elu"),
    "clip": (lambda x: jnp.clip(x, -1, 1), "hard_tanh"),
    "erf": (jax.scipy.special.erf, "erf"),
    "sin": (jnp.sin, "sin"),
    "log1p exp": (lambda x: jnp.log1p(jnp.exp(x)), "softplus"),
}
