"""The model of a sweep on a cluster: a closed queueing network with three stations, simulated event by event.

1. the main process, one server: takes a part in (checksum, write, fsync) and sends the next chunk, ``part`` seconds for
   each part and ``taking`` for each of its cells;
2. the scheduler, one server: ``task`` seconds for each task;
3. W workers: a chunk of m cells takes a normal time with mean ``m * cell`` and deviation ``sqrt(m) * spread``.

2 W + 1 chunks are in flight. A worker fails at a given rate for each hour of work; its chunk goes back to the
scheduler, and another worker takes its place after a pause. At the end all parts are merged by the main process. Long
sweeps are simulated for 100 000 chunks, or 20 for each worker, and continued at the rate of the last four fifths.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

RESTART = 60.0  # seconds until another worker takes the place of one that failed
AT_LEAST, FOR_EACH = 100_000, 20  # chunks that are simulated, in all and for each worker
IN_FLIGHT = 10_000  # bytes of the main process for a chunk that is worked on
SATURATED, MUCH = 0.9, 0.1  # shares of time from which on something limits a sweep
BLOCK = 64e6  # bytes that a block of rows takes while parts are merged


@dataclass(frozen=True)
class Costs:
    """What was measured, in seconds and bytes.

    Attributes:
        cell: seconds of a cell.
        spread: the standard deviation of that.
        task: seconds of the scheduler for a task.
        part: seconds of the main process for a part.
        taking: seconds of the main process for each cell of a part.
        merge: seconds of the main process for each cell in the end.
        stored: bytes of a cell in the file.
        kept: bytes of the main process for each part.
    """

    cell: float
    spread: float
    task: float
    part: float
    taking: float
    merge: float
    stored: float
    kept: float


@dataclass(frozen=True)
class Plan:
    """What the simulation says.

    Attributes:
        wall: seconds in all.
        efficiency: the share of the workers' time that goes into cells that count.
        scheduler: the share of the sweep's time in which the scheduler is busy.
        main: the same for the main process, which takes parts in and stores them.
        merging: the share of the wall time that writing the file from the parts takes in the end.
        lost: the share of the workers' time that failures cost: cells begun in vain, and the pause after them.
        size: bytes of the file.
        memory: bytes of the main process.
        repeated: how many chunks are done again.
    """

    wall: float
    efficiency: float
    scheduler: float
    main: float
    merging: float
    lost: float
    size: float
    memory: float
    repeated: int

    def limit(self) -> str:
        """What keeps the sweep from being faster: stations that are always busy, what takes a tenth, or the cells."""
        busy = {"scheduler": self.scheduler, "store": self.main}
        taking = {"merging": self.merging, "failures": self.lost}
        found = [name for name, share in busy.items() if share > SATURATED]
        found += [name for name, share in taking.items() if share > MUCH]
        return ", ".join(found) or "cells"


class Simulation:
    """One sweep, event by event: times of the three stations, and chunks that wait for a worker.

    Args:
        costs: of everything.
        workers: how many.
        cells: of the sweep.
        chunk: cells of a chunk.
        per_hour: failures of a worker.
        seed: of the draws.
    """

    def __init__(self, costs: Costs, workers: int, cells: int, chunk: int, per_hour: float, seed: int) -> None:
        self.costs, self.workers, self.chunk, self.per_hour = costs, workers, chunk, per_hour
        self.rng = np.random.default_rng(seed)
        self.chunks = -(-cells // chunk)
        self.events = min(self.chunks, max(AT_LEAST, FOR_EACH * workers))
        self.handling = costs.part + chunk * costs.taking
        self.main = self.scheduler = 0.0
        self.repeated = 0
        self.lost = 0.0
        self.ready: deque[float] = deque()
        self.busy: list[tuple[float, bool, int]] = []
        self.times = self.durations()

    def durations(self) -> Iterator[float]:
        """Seconds of chunks on a worker."""
        mean, spread = self.chunk * self.costs.cell, np.sqrt(self.chunk) * self.costs.spread
        while True:
            yield from np.maximum(self.rng.normal(mean, spread, 10_000), 0.1 * mean).tolist()

    def send(self, at: float) -> None:
        """The scheduler gets a chunk, and has it ready for a worker a little later."""
        self.scheduler = max(self.scheduler, at) + self.costs.task
        self.ready.append(self.scheduler)

    def start(self, worker: int, at: float) -> None:
        """A worker takes the next chunk, or rests if there is none."""
        if not self.ready:
            return
        begin, duration = max(at, self.ready.popleft()), next(self.times)
        fails = self.per_hour > 0 and self.rng.random() < -np.expm1(-self.per_hour * duration / 3600)
        spent = duration * self.rng.random() if fails else duration
        self.lost += spent + RESTART if fails else 0.0
        heapq.heappush(self.busy, (begin + spent, fails, worker))

    def run(self) -> float:
        """Seconds until all parts are taken in."""
        first = min(self.events, 2 * self.workers + 1)
        for _ in range(first):
            self.send(self.main)
        for worker in range(self.workers):
            self.start(worker, 0.0)
        done, to_send, early = 0, self.events - first, 0.0
        while self.busy:
            now, failed, worker = heapq.heappop(self.busy)
            if failed:
                self.repeated += 1
                self.send(now)
                self.start(worker, now + RESTART)
                continue
            self.main = max(self.main, now) + self.handling
            done += 1
            early = self.main if done == self.events // 5 else early
            if to_send:
                to_send -= 1
                self.send(self.main)
            self.start(worker, now)
        pace = (self.main - early) / (self.events - self.events // 5)
        return self.main + (self.chunks - self.events) * pace


def simulated(costs: Costs, workers: int, cells: int, chunk: int, per_hour: float = 0.0, seed: int = 0) -> Plan:
    """What a sweep takes."""
    model = Simulation(costs, workers, cells, chunk, per_hour, seed)
    swept = model.run()
    wall = swept + cells * costs.merge
    return Plan(
        wall,
        cells * costs.cell / (workers * wall),
        model.chunks * costs.task / swept,
        model.chunks * model.handling / swept,
        cells * costs.merge / wall,
        model.lost * model.chunks / model.events / (workers * wall),
        cells * costs.stored,
        model.chunks * costs.kept + (2 * workers + 1) * IN_FLIGHT + BLOCK,
        round(model.repeated * model.chunks / model.events),
    )
