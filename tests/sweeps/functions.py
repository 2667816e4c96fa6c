"""Cells for tests of sweeps, at the top level of a module so that other processes can import them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def mixed(a, b, m, seed, rng):
    """Values of every kind, failures, columns of some cells only."""
    if a == 2 and m == "x":
        raise ValueError(f"no value at {a} of {object()}")
    values = {"product": a * b, "whole": a, "small": seed % 1000, "drawn": rng.normal(), "both": m if a < 2 else a}
    return values | ({"late": True} if a > 3 else {})


def product(a, b):
    return a * b


def slow_product(a, b, seconds):
    time.sleep(seconds)
    return a * b


def drawn(i, rng):
    return {"i2": i * i, "drawn": rng.normal()}


def noted(i, rng, folder):
    """Leaves a mark for each time it is called, and takes a moment."""
    with open(Path(folder) / f"{i}.{os.getpid()}.{time.monotonic_ns()}", "w"):
        time.sleep(0.02)
    return {"i2": i * i, "drawn": rng.normal()}


def deadly(i, at):
    if i == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return i


def leaves(i):
    if i == 3:
        raise SystemExit(1)
    return i


def fails_until(i, flag):
    if i % 3 == 0 and not Path(flag).exists():
        raise RuntimeError("not yet")
    return i


class WithoutWords(Exception):
    """Its message cannot be made."""

    def __str__(self):
        raise RuntimeError("no words")


class Cancelled(BaseException):
    """No Exception, as those that libraries end their tasks with."""


def raises(i):
    if i == 1:
        raise WithoutWords
    if i == 2:
        raise Cancelled("enough")
    return i


def interrupts(i, at):
    if i == at:
        raise KeyboardInterrupt
    return i


class Scaled:
    """A function with a number of its own."""

    def __init__(self, factor):
        self.factor = factor

    def __repr__(self):
        return f"Scaled({self.factor})"

    def times(self, i):
        return self.factor * i
