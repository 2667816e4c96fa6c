"""Training an LSTM with PyTorch with and without a monitor, in alternating blocks: what the monitor adds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import symgrad as sg

HIDDEN, STEPS, BATCH, INPUTS = 64, 100, 32, 8
EVERY, BLOCKS = 250, 6  # a block is as many steps of training as lie between two measurements


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


def block(network: nn.LSTM, step: Callable[[], tuple[Any, Any]], monitor: sg.GradientMonitor | None) -> float:
    """The seconds of as many steps as lie between two measurements."""
    start = time.perf_counter()
    for _ in range(EVERY):
        inputs, states = step()
        if monitor is not None:
            monitor.step(network, states, inputs)
    return time.perf_counter() - start


def main() -> None:
    """Print the seconds of a block without and with a monitor, and of one measurement."""
    torch.set_num_threads(1)
    network, step = training(0)
    monitor = sg.GradientMonitor(every=EVERY, horizon=200, log=lambda line: None)
    block(network, step, monitor)  # the first measurement derives the formulas
    without, with_monitor = [], []
    for turn in range(BLOCKS):
        for watched in (False, True) if turn % 2 else (True, False):
            (with_monitor if watched else without).append(block(network, step, monitor if watched else None))
    plain, watched_time = statistics.median(without), statistics.median(with_monitor)
    measurements = [record.seconds for record in monitor.history]
    print(f"LSTM n = {HIDDEN}, T = {STEPS}, batch {BATCH}; {EVERY} steps of training, medians of {BLOCKS} blocks")
    print(f"without a monitor           {plain:8.3f} s")
    print(f"with one, every {EVERY} steps    {watched_time:8.3f} s  ({100 * (watched_time / plain - 1):+.1f} %)")
    print(
        f"one measurement             {statistics.median(measurements[1:]):8.3f} s  (the first {measurements[0]:.3f} s)"
    )
    share = 100 * statistics.median(measurements[1:]) / plain
    print(f"share of a measurement      {share:8.1f} %")
    print(monitor.history[-1])


if __name__ == "__main__":
    main()
