"""Training an LSTM with PyTorch with and without a monitor, in alternating blocks: what the monitor adds.

Times are of the processor, on one thread, so that other programs count little. Run: python benchmarks/monitor.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from figures import Figure
from torch import nn

import symgrad as sg

HIDDEN, STEPS, BATCH, INPUTS = 64, 100, 32, 8
EVERY, BLOCKS = 500, 4  # a block is as many steps of training as lie between two measurements

Times = tuple[float, float]


def training(seed: int) -> tuple[nn.LSTM, Callable[[], tuple[Any, Any]]]:
    """An LSTM and one step of training it on sums of random sequences."""
    torch.manual_seed(seed)
    network, head = nn.LSTM(INPUTS, HIDDEN), nn.Linear(HIDDEN, 1)
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=1e-3)

    def step() -> tuple[Any, Any]:
        inputs = torch.randn(STEPS, BATCH, INPUTS)
        states, _ = network(inputs)
        loss = (head(states[-1])[:, 0] - inputs.mean(dim=(0, 2))).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return inputs, states

    return network, step


def block(network: nn.LSTM, step: Callable[[], tuple[Any, Any]], monitor: sg.GradientMonitor | None) -> Times:
    """The seconds of as many steps as lie between two measurements, and those of them spent in the monitor."""
    start, inside = time.process_time(), 0.0
    for _ in range(EVERY):
        inputs, states = step()
        if monitor is not None:
            before = time.process_time()
            monitor.step(network, states, inputs)
            inside += time.process_time() - before
    return time.process_time() - start, inside


def measured(blocks: int) -> tuple[list[Times], list[Times], float, sg.GradientMonitor]:
    """Blocks without and with a monitor, in changing order, the seconds of its first measurement, and the monitor."""
    torch.set_num_threads(1)
    network, step = training(0)
    monitor = sg.GradientMonitor(every=EVERY, horizon=200, log=lambda line: None)
    first = block(network, step, monitor)[1]  # the first measurement derives the formulas
    without: list[Times] = []
    watched: list[Times] = []
    for turn in range(blocks):
        for with_monitor in (False, True) if turn % 2 else (True, False):
            (watched if with_monitor else without).append(block(network, step, monitor if with_monitor else None))
    return without, watched, first, monitor


def figures(quick: bool) -> list[Figure]:
    """A block of training with a monitor against one without: at most 5 per cent longer."""
    without, watched, first, _ = measured(1 if quick else BLOCKS)
    plain, total = ([seconds for seconds, _ in blocks] for blocks in (without, watched))
    inside = statistics.median(seconds for _, seconds in watched)
    note = f"{inside:.3f} s of them in the monitor, the first time {first:.3f} s"
    case = f"{EVERY} steps of training an LSTM, one measured"
    return [Figure("monitor", case, total, "the same without a monitor", plain, None if quick else 1 / 1.05, note)]


def main() -> None:
    """Print the seconds of a block without and with a monitor, and those in the monitor itself."""
    without, watched, first, monitor = measured(BLOCKS)
    plain, total = (statistics.median(times[0] for times in blocks) for blocks in (without, watched))
    inside = statistics.median(times[1] for times in watched)
    print(f"LSTM n = {HIDDEN}, T = {STEPS}, batch {BATCH}; {EVERY} steps of training, medians of {BLOCKS} blocks")
    print(f"without a monitor           {plain:8.3f} s")
    print(f"with one, every {EVERY} steps    {total:8.3f} s  ({100 * (total / plain - 1):+.1f} %)")
    print(f"of these in the monitor     {inside:8.3f} s  ({100 * inside / plain:.1f} %; the first {first:.3f} s)")
    print(monitor.history[-1])


if __name__ == "__main__":
    main()
