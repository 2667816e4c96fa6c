"""Chunks: neighbouring cells that one worker does in one go, and the function that does them there."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from symgrad.sweeps.cell_function import CellFunction
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.parts import Part
from symgrad.sweeps.values import Failure

__all__ = ["Chunk", "Done", "died_part", "run_chunk"]


@dataclass(frozen=True)
class Chunk:
    """Cells to be done.

    Attributes:
        start: the number of the first cell.
        stop: the number after the last cell.
        rows: which of them, counted from ``start``; None for all.
        deaths: how often the process that worked on it died.
    """

    start: int
    stop: int
    rows: tuple[int, ...] | None = None
    deaths: int = 0

    def __len__(self) -> int:
        return self.stop - self.start if self.rows is None else len(self.rows)

    def chosen(self) -> range | tuple[int, ...]:
        """The rows to be done, counted from ``start``."""
        return range(self.stop - self.start) if self.rows is None else self.rows

    def halves(self) -> tuple[Chunk, Chunk]:
        """Two chunks with half of the cells each; single cells start without deaths, to be tried by themselves."""
        middle = len(self) // 2
        if self.rows is None:
            pair = (replace(self, stop=self.start + middle), replace(self, start=self.start + middle))
        else:
            pair = (replace(self, rows=self.rows[:middle]), replace(self, rows=self.rows[middle:]))
        first, second = (replace(half, deaths=0) if len(half) == 1 else half for half in pair)
        return first, second


@dataclass(frozen=True)
class Done:
    """What a worker sends back.

    Attributes:
        data: the part as bytes.
        stop: the number after the last cell done.
        cells: how many were done.
        failed: how many of them failed.
        seconds: how long the cells took.
        broke: the cell at which the worker stopped because failures end the sweep, and its failure.
    """

    data: bytes
    stop: int
    cells: int
    failed: int
    seconds: float
    broke: tuple[int, Failure] | None = None


def run_chunk(function: CellFunction, grid: Grid, chunk: Chunk, fail_fast: bool) -> Done:
    """Do the cells of a chunk, in order; no exception of a cell leaves this function."""
    began = time.perf_counter()
    broke: list[tuple[int, Failure]] = []
    count = 0

    def outcomes() -> Any:
        nonlocal count
        for row in chunk.chosen():
            outcome = function.outcome(grid, chunk.start + row)
            if fail_fast and isinstance(outcome, Failure):
                broke.append((chunk.start + row, outcome))
                return
            count += 1
            yield row, outcome

    found = list(outcomes())
    stop = broke[0][0] if broke and chunk.rows is None else chunk.stop
    part = Part.of(chunk.start, stop, (row for row, _ in found), (outcome for _, outcome in found))
    seconds = time.perf_counter() - began
    return Done(part.encoded(), stop, count, len(part.failures), seconds, *islice(broke, 1))


def died_part(chunk: Chunk) -> Part:
    """The part of a single cell that killed each process it was given to."""
    words = "each process that worked on this cell died: killed, out of memory, or a crash in compiled code"
    return Part.of(chunk.start, chunk.stop, chunk.chosen(), [Failure("WorkerDied", words, "")])
