"""Simulation on every back end that is here, against NumPy, and NumPy against PyTorch's own modules.

A call of ``sg.simulate`` is timed as users make it: weights and inputs are taken from the host, moved to the device,
and all states brought back. Libraries are compiled and warmed up by one call before. Elman nets and LSTMs, float64,
with one trajectory and with 64; the accelerators that are found are measured beside the processor.

Run with ``python benchmarks/backends.py [--quick] [--device cuda] [--dtype float32]``.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from figures import Figure, in_turn, runs

import symgrad as sg
from symgrad.errors import SymgradError
from symgrad.numerics.libraries import LIBRARIES

GATES = {"elman": 1, "lstm": 4}
INPUTS = 32


def weights(cell: str, n: int) -> dict[str, Any]:
    """PyTorch's initial distribution, in its names."""
    random, bound = np.random.default_rng(0), n**-0.5
    rows = GATES[cell] * n
    shapes = {"weight_ih": (rows, INPUTS), "weight_hh": (rows, n), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {name: random.uniform(-bound, bound, shape) for name, shape in shapes.items()}


def simulation(cell: str, n: int, batch: int, steps: int, chosen: Any) -> Callable[[], Any]:
    """A simulation on a back end, ready to be called."""
    inputs = np.random.default_rng(1).standard_normal((batch, steps, INPUTS))
    model, given = getattr(sg.models, cell)(), weights(cell, n)
    if cell == "elman":
        given = {"W": given["weight_hh"], "U": given["weight_ih"], "b": given["bias_hh"] + given["bias_ih"]}
    return partial(sg.simulate, model, given, inputs, backend=chosen)


def torch_module(cell: str, n: int, batch: int, steps: int, dtype: str) -> Callable[[], Any]:
    """The same by PyTorch's own module on the processor, with no derivatives."""
    import torch

    kind = torch.nn.RNN if cell == "elman" else torch.nn.LSTM
    module = kind(INPUTS, n, batch_first=True, dtype=getattr(torch, dtype)).requires_grad_(False)
    with torch.no_grad():
        for name, array in weights(cell, n).items():
            getattr(module, f"{name}_l0").copy_(torch.as_tensor(array))
    inputs = torch.as_tensor(
        np.random.default_rng(1).standard_normal((batch, steps, INPUTS)), dtype=getattr(torch, dtype)
    )
    return partial(module, inputs)


@cache
def others(device: str | None, dtype: str) -> tuple[Any, ...]:
    """The back ends besides NumPy: those with the device, or with all kinds of devices that there are."""
    found = []
    for name, library in LIBRARIES.items():
        try:
            there = [device] if device else sorted({place.partition(":")[0] for place in library.devices()})
            found += [sg.backend(name, place, dtype) for place in there if name != "numpy"]
        except SymgradError as error:
            print(f"left out: {error}")
    return tuple(found)


def hardware(chosen: Any) -> str:
    """What a back end computes on, by name."""
    if chosen.name == "torch" and str(chosen.device).startswith("cuda"):
        return str(chosen.library.module().cuda.get_device_name())
    if chosen.name == "jax" and chosen.device != "cpu":
        return str(chosen.library.module().devices(chosen.device)[0].device_kind)
    return platform.processor() or platform.machine()


def figures(quick: bool, device: str | None = None, dtype: str = "float64") -> list[Figure]:
    """A figure a cell, size, batch and back end."""
    sizes, batches, steps = ((64,), (1, 64), 100) if quick else ((64, 512), (1, 64), 200)
    found = []
    for cell in GATES:
        for n in sizes:
            for batch in batches:
                case = f"{cell}, n = {n}, batch {batch}, T = {steps}, {dtype}"
                plain = simulation(cell, n, batch, steps, sg.backend("numpy", dtype=dtype))
                found.append(_against_torch(cell, n, batch, steps, dtype, case, plain))
                found += [
                    _figure(
                        f"{case}: {other.name} {other.device}",
                        simulation(cell, n, batch, steps, other),
                        "numpy",
                        plain,
                        hardware(other),
                    )
                    for other in others(device, dtype)
                ]
    return found


def _against_torch(
    cell: str, n: int, batch: int, steps: int, dtype: str, case: str, plain: Callable[[], Any]
) -> Figure:
    rival, module = "torch.nn." + ("RNN" if cell == "elman" else "LSTM"), torch_module(cell, n, batch, steps, dtype)
    states, (output, _) = plain().states["h"][1:], module()
    error = float(np.abs(np.moveaxis(output.numpy(), 0, 1) - states).max())
    holds = bool(error < 1000 * np.finfo(dtype).eps)
    return _figure(f"{case}: numpy", plain, rival, module, f"all h to {error:.0e}", holds)


def _figure(
    case: str, ours: Callable[[], Any], rival: str, theirs: Callable[[], Any], note: str, holds: bool = True
) -> Figure:
    ours(), theirs()
    mine, other = in_turn(ours, theirs, 5)
    return Figure("backends", case, mine, rival, other, note=note, holds=holds)


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description="Simulation on every back end.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", help="only this one, as the libraries spell it; all by default")
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    for figure in figures(options.quick, options.device, options.dtype):
        seconds = sorted(runs(figure.seconds))[len(runs(figure.seconds)) // 2]
        print(
            f"{figure.case}: {seconds * 1e3:.2f} ms, {figure.ratio:.2f} times as fast as {figure.rival} ({figure.note})"
        )


if __name__ == "__main__":
    main()
