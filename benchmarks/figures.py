"""What a benchmark measures, in one shape: a ``Figure`` is one case, its time, and the time of a named rival.

A script of this folder that has a function ``figures(quick: bool) -> list[Figure]`` takes part in ``run.py``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Clock = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """One case of a benchmark.

    Attributes:
        benchmark: The script, as ``run.py`` names it.
        case: What was computed.
        seconds: Seconds of each repeated run; one number for a single run.
        rival: What it is compared with, named; "" for nothing.
        rival_seconds: Seconds of the rival's runs (in turn with ours, where there are as many); None without one, or
            where it did not finish.
        target: The least ratio rival/ours that is aimed at; below 1 where the rival does less and may be faster.
        note: What else there is to say: the accuracy reached, which runs were scaled from a part, ...
        allowed: The most seconds that are aimed at, whatever the rival takes.
        holds: Whether what is aimed at besides time, such as accuracy, was reached.
    """

    benchmark: str
    case: str
    seconds: float | Sequence[float]
    rival: str = ""
    rival_seconds: float | Sequence[float] | None = None
    target: float | None = None
    note: str = ""
    allowed: float | None = None
    holds: bool = True

    @property
    def ratio(self) -> float | None:
        """The rival's time to ours: the median over runs in turn, the ratio of medians where they are not."""
        if self.rival_seconds is None:
            return None
        ours, theirs = runs(self.seconds), runs(self.rival_seconds)
        if len(ours) == len(theirs):
            return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        return statistics.median(theirs) / statistics.median(ours)

    @property
    def met(self) -> bool | None:
        """Whether every target was met; None where there is none, or no rival's time to tell."""
        if not self.holds:
            return False
        if self.allowed is not None and statistics.median(runs(self.seconds)) > self.allowed:
            return False
        if self.target is None:
            return None if self.allowed is None else True
        return None if self.ratio is None else self.ratio >= self.target

    def record(self) -> dict[str, Any]:
        """The figure for JSON, with the median, the shortest and the longest of repeated runs."""
        return {
            "benchmark": self.benchmark,
            "case": self.case,
            **_spread("", self.seconds),
            "rival": self.rival,
            **_spread("rival_", self.rival_seconds),
            "ratio": self.ratio,
            "target": self.target,
            "allowed_seconds": self.allowed,
            "holds": bool(self.holds),
            "met": self.met,
            "note": self.note,
        }


def runs(seconds: float | Sequence[float]) -> tuple[float, ...]:
    """The repeated runs, of which there may be one."""
    return (float(seconds),) if isinstance(seconds, int | float) else tuple(map(float, seconds))


def in_turn(
    ours: Callable[[], object], rival: Callable[[], object], repetitions: int, clock: Clock = time.perf_counter
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds of both functions, which take turns, so that a change of the machine's load meets both.

    The order within a pair changes from turn to turn, and nothing is run before: warm up what should be warm.
    """
    times: tuple[list[float], list[float]] = ([], [])
    pair = [(ours, times[0]), (rival, times[1])]
    for _ in range(repetitions):
        for function, found in pair:
            found.append(seconds_of(function, clock))
        pair.reverse()
    return tuple(times[0]), tuple(times[1])


def repeated(function: Callable[[], object], repetitions: int, clock: Clock = time.perf_counter) -> tuple[float, ...]:
    """Seconds of several runs of one function."""
    return tuple(seconds_of(function, clock) for _ in range(repetitions))


def seconds_of(function: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Seconds of one call."""
    start = clock()
    function()
    return clock() - start


def print_table(figures: Sequence[Figure], case: str, rival: str) -> None:
    """A line for each figure with a rival, in milliseconds, below headings for the case and the rival."""
    print(f"{case:<46} {'ms':>8} {rival:>9} {'ratio':>7}")
    for figure in figures:
        record = figure.record()
        times = f"{record['seconds'] * 1e3:8.2f} {record['rival_seconds'] * 1e3:9.1f} {record['ratio']:7.1f}"
        print(f"{figure.case:<46} {times}  {figure.note}")


def _spread(prefix: str, seconds: float | Sequence[float] | None) -> dict[str, Any]:
    if seconds is None:
        return {f"{prefix}seconds": None}
    found = runs(seconds)
    return {
        f"{prefix}seconds": statistics.median(found),
        f"{prefix}shortest": min(found),
        f"{prefix}longest": max(found),
        f"{prefix}runs": list(found),
    }
