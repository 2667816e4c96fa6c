"""How long it takes to verify a bound: an LSTM with 32 cells, 200 trajectories, products of up to 200 Jacobians.

Weights are drawn (seed 0) or read from a file of weights in PyTorch's names. Printed for each norm and search: the
seconds of the process (one thread), the largest ratio of observed norm to bound, and the verdict.

Run with ``OMP_NUM_THREADS=1 python benchmarks/verification.py [--cells 32] [--horizon 200] [--trajectories 200]``.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping
from time import process_time
from typing import Any

import numpy as np

import symgrad as sg


def weights(cells: int, inputs: int) -> Mapping[str, Any]:
    """PyTorch's initial distribution: uniform up to one over the root of the number of cells."""
    random, bound = np.random.default_rng(0), cells**-0.5
    shapes = {"weight_ih": (4 * cells, inputs), "weight_hh": (4 * cells, cells)}
    shapes |= {"bias_ih": (4 * cells,), "bias_hh": (4 * cells,)}
    return {name: random.uniform(-bound, bound, shape) for name, shape in shapes.items()}


def main() -> None:
    """Print a line for each norm and search."""
    parser = argparse.ArgumentParser(description="Time to verify the bound of an LSTM.")
    parser.add_argument("--cells", type=int, default=32)
    parser.add_argument("--horizon", type=int, default=200)
    parser.add_argument("--trajectories", type=int, default=200)
    options = parser.parse_args()
    model = sg.models.lstm().assuming({"c": (-16, 16), "u": (0, 1)})
    given = weights(options.cells, 8)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"{options.cells} cells, {options.trajectories} trajectories, horizon {options.horizon}")
    for norm in (1, 2, "inf"):
        bound = sg.product_bound(model, norm=norm)
        for search in ("random", "adversarial"):
            start = process_time()
            check = sg.verify(
                bound, given, horizon=options.horizon, trajectories=options.trajectories, search=search, seed=0
            )
            seconds = process_time() - start
            print(f"norm {norm}, {search}: {seconds:.1f} s, ratio {check.worst_ratio:.3f}, {check.verdict}")


if __name__ == "__main__":
    main()
