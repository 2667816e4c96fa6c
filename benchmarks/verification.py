"""How long it takes to verify a bound: an LSTM with 32 cells and an Elman network of 8 units, 200 trajectories each.

Products of up to 200 Jacobians are compared with the bound. The rival does by hand in NumPy what a check cannot do
without: it simulates as many trajectories, forms every Jacobian and every product (log-scaled), and decomposes them
all. ``main`` prints for each norm and search the seconds of the process, the largest ratio of observed norm to bound,
and the verdict; the figures are those of norm 2.

Run with ``OMP_NUM_THREADS=1 python benchmarks/verification.py [--cells 32] [--horizon 200] [--trajectories 200]
[--backend torch] [--device cuda] [--dtype float32]``.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator, Mapping
from time import process_time
from typing import Any

import numpy as np
from figures import Figure, seconds_of
from numpy.typing import NDArray

import symgrad as sg

Array = NDArray[np.float64]

INPUTS, HORIZON, TRAJECTORIES = 8, 200, 200
PART = 10  # the rival makes one of so many trajectories, and its time is multiplied
RIVAL = "NumPy: all Jacobians, products, SVDs"


def weights(cells: int, inputs: int) -> Mapping[str, Any]:
    """PyTorch's initial distribution: uniform up to one over the root of the number of cells."""
    random, bound = np.random.default_rng(0), cells**-0.5
    shapes = {"weight_ih": (4 * cells, inputs), "weight_hh": (4 * cells, cells)}
    shapes |= {"bias_ih": (4 * cells,), "bias_hh": (4 * cells,)}
    return {name: random.uniform(-bound, bound, shape) for name, shape in shapes.items()}


def lstm() -> sg.Recurrence:
    """The LSTM with ranges in which its bound is finite."""
    return sg.models.lstm().assuming({"c": (-16, 16), "u": (0, 1)})


def lstm_jacobians(given: Mapping[str, Any], count: int, steps: int) -> Iterator[Array]:
    """(B, 2n, 2n) of (h, c) for each step, by the chain rule on paper."""
    W, n = given["weight_hh"], given["weight_hh"].shape[1]
    random, h, c = np.random.default_rng(1), np.zeros((count, n)), np.zeros((count, n))
    for _ in range(steps):
        u = random.uniform(0, 1, (count, given["weight_ih"].shape[1]))
        a = u @ given["weight_ih"].T + h @ W.T + given["bias_ih"] + given["bias_hh"]
        i, f, o = (1 / (1 + np.exp(-a[:, k * n : (k + 1) * n])) for k in (0, 1, 3))
        g = np.tanh(a[:, 2 * n : 3 * n])
        next_c = f * c + i * g
        t = np.tanh(next_c)
        slopes = [g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), t * o * (1 - o)]
        by_h = [slope[:, :, None] * W[k * n : (k + 1) * n] for k, slope in enumerate(slopes)]
        c_by_h, through = by_h[0] + by_h[1] + by_h[2], (o * (1 - t * t))[:, :, None]
        diagonal = f[:, :, None] * np.eye(n)
        yield np.block([[by_h[3] + through * c_by_h, through * diagonal], [c_by_h, diagonal]])
        h, c = o * t, next_c


def elman_jacobians(given: Mapping[str, Any], count: int, steps: int) -> Iterator[Array]:
    """(B, n, n) of h for each step."""
    random, h = np.random.default_rng(1), np.zeros((count, len(given["W"])))
    for _ in range(steps):
        h = np.tanh(h @ given["W"].T + random.standard_normal(h.shape) @ given["U"].T + given["b"])
        yield (1 - h * h)[:, :, None] * given["W"]


def by_hand(jacobians: Iterator[Array]) -> list[Array]:
    """Logarithms of the norms of all products."""
    product: Array | None = None
    log, found = np.zeros(1), []
    for jacobian in jacobians:
        product = jacobian if product is None else jacobian @ product
        values = np.linalg.svd(product, compute_uv=False)[:, 0]
        log = log + np.log(values)
        product = product / values[:, None, None]
        found.append(log)
    return found


def elman_weights() -> Mapping[str, Any]:
    """Eight units, the weights of variance 1/9, inputs to each unit."""
    random = np.random.default_rng(0)
    return {
        "W": random.standard_normal((8, 8)) / 3,
        "U": random.standard_normal((8, 8)),
        "b": random.standard_normal(8),
    }


def figures(quick: bool) -> list[Figure]:
    """Checks of 200 trajectories and 200 steps against doing the same by hand."""
    horizon, count, runs = (20, 40, 1) if quick else (HORIZON, TRAJECTORIES, 3)
    cells = weights(32, INPUTS)
    cases: list[tuple[str, sg.Recurrence, Mapping[str, Any], Callable[..., Iterator[Array]]]] = [
        ("LSTM, 32 cells", lstm(), cells, lstm_jacobians),
        ("Elman, 8 units", sg.models.elman(), elman_weights(), elman_jacobians),
    ]
    found = []
    for name, model, given, jacobians in cases:
        bound = sg.product_bound(model)
        for search in ("random", "adversarial"):
            options: dict[str, Any] = {"horizon": horizon, "trajectories": count, "search": search}
            sg.verify(bound, given, horizon=2, trajectories=12, search=search)
            ours, theirs = [], []
            for _ in range(runs):
                ours.append(seconds_of(lambda b=bound, g=given, o=options: sg.verify(b, g, **o), process_time))
                rival = seconds_of(lambda j=jacobians, g=given: by_hand(j(g, count // PART, horizon)), process_time)
                theirs.append(PART * rival)
            note = f"the rival's time is {PART} times that of {count // PART} trajectories, and it searches for nothing"
            case = f"{name}, {search}, {count} trajectories, horizon {horizon}"
            found.append(Figure("verification", case, ours, RIVAL, theirs, None, note))
    return found


def main() -> None:
    """Print a line for each norm and search."""
    parser = argparse.ArgumentParser(description="Time to verify the bound of an LSTM.")
    parser.add_argument("--cells", type=int, default=32)
    parser.add_argument("--horizon", type=int, default=HORIZON)
    parser.add_argument("--trajectories", type=int, default=TRAJECTORIES)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    model, given = lstm(), weights(options.cells, INPUTS)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"{options.cells} cells, {options.trajectories} trajectories, horizon {options.horizon}")
    for norm in (1, 2, "inf"):
        bound = sg.product_bound(model, norm=norm)
        for search in ("random", "adversarial"):
            start = process_time()
            check = sg.verify(
                bound, given, horizon=options.horizon, trajectories=options.trajectories, search=search, seed=0,
                backend=options.backend, device=options.device, dtype=options.dtype,
            )  # fmt: skip
            seconds = process_time() - start
            result = f"{seconds:.1f} s, ratio {check.worst_ratio:.3f}, {check.verdict}"
            print(f"norm {norm}, {search}: {result} ({check.backend})")


if __name__ == "__main__":
    main()
