"""A simulated plan for sweeps of 10^9 cells: wall time, efficiency, load and memory for several clusters and chunks.

Every cost is measured in the same run: cells and their spread, Dask's cost of a task, this machine's cost of a part and
of merging, the memory of the main process for a part. Then the model of ``sweep_simulation.py`` is compared with real
sweeps on one and two workers of a local Dask cluster, with the times that the cells took there: what is compared is the
queueing, not how steady the machine is. It leaves out the network, a slower shared file system, workers of unequal
speed, and the second or so that a sweep takes to begin and end, so that it is some percent below short real sweeps.

Run: ``python benchmarks/sweep_plan.py [--cell SECONDS] [--failures PER_HOUR]``.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sweep_simulation import Costs, simulated

import symgrad as sg
from symgrad.sweeps.cells import product_growth
from symgrad.sweeps.grid import grid_of
from symgrad.sweeps.keepers import InMemory, PartFolder
from symgrad.sweeps.merging import schema_of
from symgrad.sweeps.parquet_files import write_parquet
from symgrad.sweeps.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CELLS = 10**9
WORKERS = (64, 512, 4096)
CHUNK_SECONDS = (1.0, 10.0, 60.0)

LEGEND = """chunk s: asked for here; left to itself, sg.sweep chooses between 1 and 60 s from what it measures.
efficiency: the share of the workers' time that goes into cells that count.
scheduler, main: the share of the sweep's time in which they are busy; near 1 they limit it, and longer chunks help.
merging: the share of the whole time in which the main process alone writes the file in the end.
lost: the share of the workers' time that failures cost. redone: chunks done again.
limited by: the scheduler or the store (the main process) where it is always busy; merging or failures that take more
than a tenth; cells where nothing but their own cost stands in the way, so that more workers help."""


def part_of(cells: int, start: int = 0) -> Part:
    """A part as ``product_growth`` gives it."""
    numbers = np.random.default_rng(start).normal(size=(cells, 2)).tolist()
    return Part.of(start, start + cells, range(cells), ({"rate": a, "log10_norm": b} for a, b in numbers))


def cost_of_parts(repetitions: int = 20) -> tuple[float, float]:
    """Seconds for a part, and for each of its cells: a straight line through two sizes."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for cells in (10, 20_000):
            keeper = PartFolder(Path(folder) / str(cells), {})
            parts = [part_of(cells, cells * i).encoded() for i in range(repetitions)]
            start = time.perf_counter()
            for data in parts:
                keeper.put(Part.decoded(data), data)
            found.append((cells, (time.perf_counter() - start) / repetitions))
    (few, short), (many, long) = found
    slope = max((long - short) / (many - few), 0.0)
    return max(short - few * slope, 1e-6), slope


def cost_of_merging(cells: int = 200_000) -> tuple[float, float]:
    """Seconds and bytes for each cell of the merged file."""
    grid, keeper = grid_of({"gain": np.linspace(0, 1, cells // 10), "seed": range(10)}), InMemory()
    for start in range(0, cells, 20_000):
        part = part_of(20_000, start)
        keeper.put(part, part.encoded())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.parquet"
        start_time = time.perf_counter()
        write_parquet(path, keeper, grid, schema_of(keeper.parts(), cells), {})
        return (time.perf_counter() - start_time) / cells, path.stat().st_size / cells


def memory_of_a_part(count: int = 20_000) -> float:
    """Bytes of the main process for each part that is kept in files."""

    class Written(PartFolder):
        """Keeps account of parts only."""

        def write(self, span: tuple[int, int], data: bytes) -> None:
            """No file is needed to measure memory."""

    with tempfile.TemporaryDirectory() as folder:
        keeper = Written(Path(folder) / "parts", {})
        tracemalloc.start()
        for i in range(count):
            keeper.put(Part(10**6 * i, 10**6 * (i + 1), (), (), {}), b"")
        keeper.spans()
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return used / count


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A local Dask cluster of separate processes that have imported symgrad."""
    from distributed import Client, LocalCluster

    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(processes=True, n_workers=workers, threads_per_worker=1, **quiet) as found,
        Client(found) as client,
    ):
        sg.sweep(growing, {"seed": range(2 * workers)}, client, chunk=1)
        yield client


def nothing(index: int) -> int:
    """A task that costs the scheduler alone."""
    return index


def cost_of_tasks(client: Any, tasks: int = 500) -> float:
    """Seconds of the scheduler for a task, with the client's share."""
    start = time.perf_counter()
    client.gather(client.map(nothing, range(tasks), pure=False))
    return (time.perf_counter() - start) / tasks


def growing(seed: int) -> dict[str, float]:
    """A cell that computes, with the time it took."""
    start = time.perf_counter()
    found = product_growth(1.2, 32, seed, steps=50)
    return {**found, "seconds": time.perf_counter() - start}


def waiting(seed: int) -> dict[str, float]:
    """A cell that waits for an exponential time of 10 ms in the mean, with the time it took."""
    start = time.perf_counter()
    time.sleep(np.random.default_rng(seed).exponential(0.01))
    return {"seconds": time.perf_counter() - start}


def cost_of_cells(cell: Callable[[int], Any], count: int) -> tuple[float, float]:
    """The mean and the standard deviation of the seconds that a cell takes here."""
    cell(0)
    times = []
    for seed in range(count):
        start = time.perf_counter()
        cell(seed)
        times.append(time.perf_counter() - start)
    return float(np.mean(times)), float(np.std(times))


def compared(costs: Costs, quick: bool = False) -> tuple[Costs, list[tuple[str, int, float, float]]]:
    """The cost of a task, and real sweeps: name, workers, seconds predicted and measured."""
    rows = []
    count, chunk = (60, 5) if quick else (300, 10)
    for workers in (1, 2):
        with cluster(workers) as client:
            if workers == 1:
                costs = replace(costs, task=cost_of_tasks(client))
            for cell in (waiting, growing):
                with tempfile.TemporaryDirectory() as folder:
                    start = time.perf_counter()
                    found = sg.sweep(cell, {"seed": range(count)}, client, Path(folder) / "s.parquet", chunk=chunk)
                    seconds = time.perf_counter() - start
                    each = found.column("seconds")
                here = replace(costs, cell=float(each.mean()), spread=float(each.std()))
                rows.append((cell.__name__, workers, simulated(here, workers, count, chunk).wall, seconds))
    return costs, rows


def measured() -> Costs:
    """All costs but that of a task."""
    part, taking = cost_of_parts()
    merge, stored = cost_of_merging()
    return Costs(*cost_of_cells(growing, 40), 0.0, part, taking, merge, stored, memory_of_a_part())


def main() -> None:
    """Print the costs, the comparison and the plan."""
    parser = argparse.ArgumentParser(description="Plan a sweep of 10^9 cells.")
    parser.add_argument("--cell", type=float, nargs="+", default=[1e-3, 1e-2], help="seconds of a cell of the plan")
    parser.add_argument("--failures", type=float, default=1e-3, help="of a worker, per hour")
    options = parser.parse_args()
    costs, rows = compared(measured())
    print(
        f"measured: cell {costs.cell * 1e3:.3g} ms +- {costs.spread * 1e3:.2g}, task {costs.task * 1e3:.3g} ms, "
        f"part {costs.part * 1e3:.3g} ms + {costs.taking * 1e6:.2g} us a cell, "
        f"merging {costs.merge * 1e6:.2g} us a cell, {costs.stored:.1f} bytes a cell stored, "
        f"{costs.kept:.0f} bytes of memory a part"
    )
    print(f"\n{'real sweep':12} {'workers':>7} {'predicted s':>12} {'measured s':>11} {'ratio':>6}")
    for name, workers, predicted, seconds in rows:
        print(f"{name:12} {workers:7d} {predicted:12.2f} {seconds:11.2f} {predicted / seconds:6.2f}")
    print(f"\n{LEGEND}")
    ratio = costs.spread / costs.cell
    for cell in options.cell:
        planned(replace(costs, cell=cell, spread=ratio * cell), options.failures)


def planned(costs: Costs, failures: float) -> None:
    """Print the plan for one cost of a cell."""
    print(f"\n10^9 cells of {costs.cell * 1e3:g} ms, {failures:g} failures an hour and worker")
    print(f"{'workers':>7} {'chunk s':>7} {'hours':>8} {'efficiency':>10} {'scheduler':>9} {'main':>6} "
          f"{'merging':>7} {'lost':>7} {'GB':>6} {'memory MB':>9} {'redone':>7}  limited by")  # fmt: skip
    for workers in WORKERS:
        for seconds in CHUNK_SECONDS:
            plan = simulated(costs, workers, CELLS, max(1, round(seconds / costs.cell)), failures)
            print(f"{workers:7d} {seconds:7.0f} {plan.wall / 3600:8.2f} {plan.efficiency:10.3f} {plan.scheduler:9.3f} "
                  f"{plan.main:6.3f} {plan.merging:7.3f} {plan.lost:7.1e} {plan.size / 1e9:6.1f} "
                  f"{plan.memory / 1e6:9.0f} {plan.repeated:7d}  {plan.limit()}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
