"""How cost grows with the size n, the number of steps T and the number of trajectories B: exponents fitted to times.

For each task one quantity is varied and the others are held. Printed are the seconds (best of some runs), and the
exponent p of ``seconds = a * x**p`` with its standard error, by least squares in logarithms over the larger half of the
values, where fixed costs no longer count. Run: python benchmarks/scaling.py [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from figures import Figure, repeated

import symgrad as sg
from symgrad.rigor.matrix_norms import operator_norm

Task = Callable[[], object]


@dataclass(frozen=True)
class Growth:
    """Times of one task over one quantity.

    Attributes:
        task: What is done, with what is held.
        quantity: What is varied.
        values: Its values.
        seconds: The time of each.
    """

    task: str
    quantity: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def fit(self) -> tuple[float, float]:
        """The exponent and its standard error (0 for two points, which determine the line)."""
        start = max(0, min(len(self.values) // 2, len(self.values) - 3))
        x, y = np.log(self.values[start:]), np.log(self.seconds[start:])
        x, y = x - x.mean(), y - y.mean()
        slope = float(x @ y / (x @ x))
        free = len(x) - 2
        error = float(np.sqrt(((y - slope * x) ** 2).sum() / free / (x @ x))) if free > 0 else 0.0
        return slope, error


def growths(quick: bool) -> Iterator[Growth]:
    """Every task in turn; the quick form leaves out the larger values."""
    for task, quantity, values, made in _cases():
        kept = values[: max(3, len(values) // 2)] if quick else values
        times = []
        for value in kept:
            run = made(value)
            run()
            times.append(min(repeated(run, 2 if quick else 3)))
        yield Growth(task, quantity, tuple(kept), tuple(times))


def figures(quick: bool) -> list[Figure]:
    """The time of the largest value of each task, with the fitted exponent as a note."""
    found = []
    for growth in growths(quick):
        slope, error = growth.fit
        note = f"grows as {growth.quantity}^{slope:.2f} +- {error:.2f}"
        case = f"{growth.task}, {growth.quantity} = {growth.values[-1]}"
        found.append(Figure("scaling", case, growth.seconds[-1], note=note))
    return found


def main() -> None:
    """Print a line for each task."""
    parser = argparse.ArgumentParser(description="How cost grows.")
    parser.add_argument("--quick", action="store_true")
    for growth in growths(parser.parse_args().quick):
        slope, error = growth.fit
        times = ", ".join(
            f"{value}: {seconds:.4g} s" for value, seconds in zip(growth.values, growth.seconds, strict=True)
        )
        print(f"{growth.task}: {growth.quantity}^{slope:.2f} +- {error:.2f}  ({times})", flush=True)


def _cases() -> Iterator[tuple[str, str, tuple[int, ...], Callable[[int], Task]]]:
    sizes, steps, batches = (16, 32, 64, 128, 256, 512), (50, 100, 200, 400, 800), (1, 4, 16, 64, 256)
    yield "value of a bound, LSTM n = 64", "k", (1, 10**2, 10**4, 10**6), _value
    yield "simulate an LSTM, T = 200, B = 16", "n", sizes, lambda n: _simulate("lstm", n, 200, 16)
    yield "simulate an LSTM, n = 64, B = 16", "T", steps, lambda t: _simulate("lstm", 64, t, 16)
    yield "simulate an LSTM, n = 64, T = 200", "B", batches, lambda b: _simulate("lstm", 64, 200, b)
    yield "product norms, Elman, T = 200, B = 1", "n", (*sizes, 1024), lambda n: _norms("elman", n, 200, 1)
    yield "product norms, Elman, n = 256, B = 1", "T", steps, lambda t: _norms("elman", 256, t, 1)
    yield "product norms, Elman, n = 64, T = 200", "B", (1, 2, 4, 8, 16, 32), lambda b: _norms("elman", 64, 200, b)
    yield "one norm alone, Elman, T = 200", "n", (*sizes, 1024), lambda n: _norms("elman", n, 200, 1, [200])
    yield "one norm alone, Elman, n = 256", "T", steps, lambda t: _norms("elman", 256, t, 1, [t])
    yield "verify, LSTM, horizon 50, 20 trajectories", "n", (4, 8, 16, 32), lambda n: _verify(n, 50, 20)
    yield "verify, LSTM, n = 8, 20 trajectories", "horizon", (25, 50, 100, 200), lambda t: _verify(8, t, 20)
    yield "verify, LSTM, n = 8, horizon 50", "trajectories", (20, 40, 80, 160, 320), lambda b: _verify(8, 50, b)
    yield "certified sigma_max", "n", (128, 256, 512, 1024), _certified_norm
    yield "certified norms along a sequence, Elman, T = 50", "n", (4, 8, 16, 32), lambda n: _enclosed(n, 50)
    yield "certified norms along a sequence, Elman, n = 8", "T", (25, 50, 100, 200), lambda t: _enclosed(8, t)
    yield "certified fixed points of the neuron", "values of b", (250, 500, 1000, 2000, 4000), _fixed_points


def _setting(name: str, n: int, steps: int, batch: int) -> tuple[sg.Recurrence, dict[str, Any], Any]:
    """A model with n states and n inputs, weights as PyTorch draws them, and input sequences in [-1, 1]."""
    rng, model = np.random.default_rng(0), getattr(sg.models, name)().assuming({"u": (-1, 1)})
    weights = {}
    for symbol in model.parameters:
        rows, columns = (int(size.subs(dict.fromkeys(model.sizes, n))) for size in symbol.shape)
        weights[str(symbol)] = rng.uniform(-(n**-0.5), n**-0.5, (rows, columns) if columns > 1 else (rows,))
    return model, weights, rng.uniform(-1, 1, (batch, steps, n))


def _value(k: int) -> Task:
    model, weights, _ = _setting("lstm", 64, 1, 1)
    series = sg.product_bound(model.assuming({"c": (-16, 16)})).with_weights(weights)
    return lambda: series.at(k)


def _simulate(name: str, n: int, steps: int, batch: int) -> Task:
    model, weights, inputs = _setting(name, n, steps, batch)
    return lambda: sg.simulate(model, weights, inputs)


def _norms(name: str, n: int, steps: int, batch: int, ks: list[int] | None = None) -> Task:
    model, weights, inputs = _setting(name, n, steps, batch)
    return lambda: sg.product_norms(model, weights, inputs, ks=ks)


def _verify(n: int, horizon: int, trajectories: int) -> Task:
    model, weights, _ = _setting("lstm", n, 1, 1)
    bound = sg.product_bound(model.assuming({"c": (-16, 16)}))
    return lambda: sg.verify(bound, weights, horizon=horizon, trajectories=trajectories, search="adversarial")


def _certified_norm(n: int) -> Task:
    matrix = np.random.default_rng(0).standard_normal((n, n))
    return lambda: operator_norm(matrix)


def _enclosed(n: int, steps: int) -> Task:
    model, weights, inputs = _setting("elman", n, steps, 1)
    return lambda: sg.trajectory_bound(model, weights, inputs[0])


def _fixed_points(count: int) -> Task:
    model, values = sg.models.neuron(w=5), np.linspace(-5.0, 0.0, count)
    return lambda: sg.fixed_points(model, {"b": values})


if __name__ == "__main__":
    main()
