"""Spectral norms of products of Jacobians at every horizon: time against JAX, PyTorch, NumPy and the bare products.

Run from the repository root: ``python benchmarks/products.py [n ...]``.

An Elman network (tanh, Gaussian weights of gain 1.2, one trajectory, T = 200) is asked for ``||J_k ... J_1||_2`` at all
k. The rivals form the Jacobians, multiply them in log scale and decompose each product: JAX in one compiled
``lax.scan`` with ``jnp.linalg.norm(., 2)``; PyTorch with ``torch.func.jacrev`` under ``vmap`` over the steps; NumPy by
explicit Jacobians. All steps cost them the same, so that large cases are timed on fewer steps and scaled up, which the
note says. The bare products are a NumPy loop that simulates and multiplies the weights with as many columns as the
algorithm did, and finds no norms: vector by vector, and in blocks of the same widths, which is the least that there can
be. LSTM and GRU are compared with NumPy.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from figures import Figure, in_turn
from numpy.typing import NDArray

import symgrad as sg
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.low_rank_products import probe_count

Array = NDArray[np.float64]

STEPS, INPUTS, GAIN = 200, 4, 1.2
TIMED = {64: 200, 256: 25, 1024: 3}  # steps that rivals are timed on
TARGETS = {64: None, 256: 5.0, 1024: 10.0}
TOLERANCE = 1e-6


def elman(n: int) -> tuple[dict[str, Array], Array]:
    """Weights and inputs (T, m)."""
    draw = np.random.default_rng(0)
    weights = {
        "W": GAIN * draw.standard_normal((n, n)) / np.sqrt(n),
        "U": draw.standard_normal((n, INPUTS)) / np.sqrt(INPUTS),
        "b": np.zeros(n),
    }
    return weights, 0.5 * draw.standard_normal((STEPS, INPUTS))


def with_numpy(weights: dict[str, Array], inputs: Array) -> Array:
    """Dense Jacobians, products and decompositions with NumPy."""
    W, U, logs = weights["W"], weights["U"], []
    h, product, exponent = np.zeros(len(W)), np.eye(len(W)), 0.0
    for u in inputs:
        h = np.tanh(W @ h + U @ u)
        product = ((1 - h * h)[:, None] * W) @ product
        norm = np.linalg.svd(product, compute_uv=False)[0]
        product, exponent = product / norm, exponent + np.log10(norm)
        logs.append(exponent)
    return np.array(logs)


def with_jax(weights: dict[str, Array], inputs: Array) -> Callable[[], Any]:
    """The same in one scan, compiled beforehand for these shapes."""
    import jax
    import jax.numpy as jnp

    def step(carry: Any, u: Any) -> Any:
        (h, product, exponent), (W, U) = carry, (jnp.asarray(weights["W"]), jnp.asarray(weights["U"]))
        h = jnp.tanh(W @ h + U @ u)
        product = ((1 - h * h)[:, None] * W) @ product
        norm = jnp.linalg.norm(product, 2)
        exponent = exponent + jnp.log10(norm)
        return (h, product / norm, exponent), exponent

    n = len(weights["W"])
    with jax.enable_x64(True):
        run = jax.jit(lambda u: jax.lax.scan(step, (jnp.zeros(n), jnp.eye(n), 0.0), u)[1])
        compiled = run.lower(jnp.asarray(inputs)).compile()

    def call() -> Any:
        with jax.enable_x64(True):
            return np.asarray(compiled(jnp.asarray(inputs)))

    return call


def with_torch(weights: dict[str, Array], inputs: Array) -> Array:
    """Jacobians by ``torch.func``, for a few steps at once, then products and norms."""
    import torch

    W, U, u = (torch.as_tensor(array) for array in (weights["W"], weights["U"], inputs))

    def step(h: Any, x: Any) -> Any:
        return torch.tanh(W @ h + U @ x)

    states = [torch.zeros(len(W), dtype=torch.float64)]
    for x in u:
        states.append(step(states[-1], x))
    together = max(1, 2**24 // W.numel())
    jacobian = torch.func.vmap(torch.func.jacrev(step))
    product, exponent, logs = torch.eye(len(W), dtype=torch.float64), 0.0, []
    for start in range(0, len(u), together):
        here = torch.stack(states[start : min(start + together, len(u))])
        for factor in jacobian(here, u[start : start + together]):
            product = factor @ product
            norm = float(torch.linalg.matrix_norm(product, 2))
            product, exponent = product / norm, exponent + np.log10(norm)
            logs.append(exponent)
    return np.array(logs)


def bare(weights: dict[str, Array], inputs: Array, widths: Any) -> Array:
    """The simulation and the products of weights with as many columns, alone."""
    W, U, h = weights["W"], weights["U"], np.zeros((len(weights["W"]), 1))
    columns = np.ones((len(W), int(widths[0])))
    for u, width in zip(inputs, widths, strict=True):
        h = np.tanh(W @ h + (U @ u)[:, None])
        columns = columns if columns.shape[1] == width else np.ones((len(W), int(width)))
        columns = (1 - h * h) * (W @ columns)
    return columns


def bare_vectors(weights: dict[str, Array], inputs: Array, widths: Any) -> Array:
    """The same with one product of the matrix with a vector for each column."""
    W, U, h = weights["W"], weights["U"], np.zeros(len(weights["W"]))
    vector = np.ones(len(W))
    for u, width in zip(inputs, widths, strict=True):
        h = np.tanh(W @ h + U @ u)
        slopes, start = 1 - h * h, vector
        for _ in range(width):
            vector = slopes * (W @ start)
    return vector


def widths_of(found: sg.ProductNorms, n: int) -> Any:
    """How many columns each step was multiplied with, as the ranks tell where no step was made twice."""
    widths = found.ranks + np.where(found.ranks < n, probe_count(n), 0)
    if int(widths.sum()) != found.products:
        raise SystemExit(f"{found.products} products were made, the ranks tell of {int(widths.sum())}")
    return widths


def against(ours: Callable[[], Any], rival: Callable[[], Any], steps: int, runs: int) -> tuple[Any, Any]:
    """Seconds of our runs and of the rival's in turn, those for all steps from those for some."""
    rival()
    found, theirs = in_turn(ours, rival, runs)
    return found, tuple(seconds * STEPS / steps for seconds in theirs)


def elman_figures(n: int, quick: bool) -> list[Figure]:
    """The rivals and the bare products."""
    (weights, inputs), model = elman(n), sg.models.elman()
    found = sg.product_norms(model, weights, inputs, tolerance=TOLERANCE)
    steps = min(TIMED[n], 3 if quick else STEPS)
    expected = with_numpy(weights, inputs[:steps])
    error = float(np.abs(np.expm1((found.log10[:steps] - expected) * np.log(10))).max())

    def ours() -> Any:
        return sg.product_norms(model, weights, inputs, tolerance=TOLERANCE)

    runs = 2 if quick or n > 256 else 5
    widths = widths_of(found, n)
    alone = {
        "the products alone": in_turn(ours, lambda: bare(weights, inputs, widths), runs),
        "the same, vector by vector": in_turn(ours, lambda: bare_vectors(weights, inputs, widths), runs),
    }
    note = f"relative error {error:.0e}, both sides within {found.reached:.0e}; {found.products / n:.1f} n columns"
    rivals = {
        "JAX, compiled scan, dense": with_jax(weights, inputs[:steps]),
        "torch.func, dense": lambda: with_torch(weights, inputs[:steps]),
        "NumPy, dense": lambda: with_numpy(weights, inputs[:steps]),
    }
    times = {name: against(ours, rival, steps, runs) for name, rival in rivals.items()}
    best = min(times, key=lambda name: statistics.median(times[name][1]))
    holds = error <= TOLERANCE and found.reached <= TOLERANCE
    rest = f"{note}; rivals timed on {steps} steps" if steps < STEPS else note
    case, kind = f"elman n={n}", "products"
    shown = [
        Figure(kind, case, pair[0], name, pair[1], TARGETS[n] if name == best else None, rest, holds=holds)
        for name, pair in times.items()
    ]
    target = 0.5 if n >= 256 else None
    floors = [Figure(kind, case, a, name, b, target, note, holds=holds) for name, (a, b) in alone.items()]
    return [*shown, *floors]


def gated(name: str, n: int) -> tuple[Any, dict[Any, Array], Array]:
    """A model of the zoo, Gaussian weights and inputs."""
    model, draw = getattr(sg.models, name)(), np.random.default_rng(0)
    sizes = {s: {"n": n, "m": INPUTS}[str(s)] for s in model.sizes}
    weights = {}
    for symbol in model.parameters:
        shape = tuple(int(d.xreplace(sizes)) for d in symbol.shape)
        drawn = draw.standard_normal(shape) / np.sqrt(shape[1])
        weights[symbol] = 0.1 * drawn[:, 0] if shape[1] == 1 else drawn
    return model, weights, 0.5 * draw.standard_normal((STEPS, INPUTS))


def gated_with_numpy(model: Any, weights: dict[Any, Array], inputs: Array) -> Array:
    """Dense Jacobians from the blocks, products and decompositions with NumPy."""
    bound = bind(model, weights, model.parameters)
    evaluator, run = ArrayEvaluator.of_weights(bound), sg.simulate(model, weights, inputs)
    blocks, product, exponent, logs = sg.jacobian(model).blocks, None, 0.0, []
    values = {s: {**run.states, **run.inputs}[str(s)] for s in (*model.states, *model.inputs)}
    for t in range(len(inputs)):
        point = evaluator.at({s: array[t][:, None, None] for s, array in values.items()})
        dense = [[np.asarray(point.operator(entry)) for entry in row] for row in blocks]
        factor = np.block([[entry[:, 0] if entry.ndim == 3 else entry for entry in row] for row in dense])
        product = factor if product is None else factor @ product
        norm = np.linalg.svd(product, compute_uv=False)[0]
        product, exponent = product / norm, exponent + np.log10(norm)
        logs.append(exponent)
    return np.array(logs)


def gated_figure(name: str, n: int, quick: bool) -> Figure:
    """A gated cell against NumPy."""
    model, weights, inputs = gated(name, n)
    steps = 5 if quick else 25
    found = sg.product_norms(model, weights, inputs)
    expected = gated_with_numpy(model, weights, inputs[:steps])
    error = float(np.abs(np.expm1((found.log10[:steps] - expected) * np.log(10))).max())
    ours, rival = against(
        lambda: sg.product_norms(model, weights, inputs),
        lambda: gated_with_numpy(model, weights, inputs[:steps]),
        steps,
        2 if quick else 3,
    )
    note = f"relative error {error:.0e}; {found.products / n:.1f} n products; rival timed on {steps} steps"
    return Figure("products", f"{name} n={n}", ours, "NumPy, dense", rival, None, note, holds=error <= TOLERANCE)


def figures(quick: bool) -> list[Figure]:
    """The figures for ``run.py``."""
    sizes = (64, 256) if quick else (64, 256, 1024)
    cells = [("lstm", 64), ("gru", 64)] if quick else [("lstm", 64), ("gru", 64), ("lstm", 256), ("gru", 256)]
    found = [figure for n in sizes for figure in elman_figures(n, quick)]
    return found + [gated_figure(name, n, quick) for name, n in cells]


def show(figure: Figure) -> None:
    """One line of the table."""
    ours = statistics.median(figure.seconds) if not isinstance(figure.seconds, float) else figure.seconds
    met = {None: "", True: "met", False: "MISSED"}[figure.met]
    target = "" if figure.target is None else f">= {figure.target:g}"
    print(
        f"{figure.case:14s}{ours:9.3f}  {figure.rival:26s}{figure.ratio or 0:9.2f} {target:8s}{met:8s}{figure.note}",
        flush=True,
    )


def main() -> None:
    """Print the table: our seconds for all horizons, the rival, and the ratio of its time to ours."""
    sizes = [int(n) for n in sys.argv[1:]] or [64, 256, 1024]
    started = time.perf_counter()
    print(f"{'case':14s}{'seconds':>9s}  {'rival':26s}{'ratio':>9s} target")
    for n in sizes:
        for figure in elman_figures(n, quick=False):
            show(figure)
    for name in ("lstm", "gru"):
        show(gated_figure(name, 64, quick=False))
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
