"""Sweeps: what a cell costs beyond the function itself, against bare loops, pools and Dask's delayed cells.

Each case is one grid of cells that wait for a given time, done by ``sg.sweep`` and by the plainest code that does the
same calls on the same workers: a loop, ``ProcessPoolExecutor.map`` (with the best of its default chunk of one cell and
chunks as large as ours), ``dask.compute`` of one delayed call a cell. The plain code stores nothing, notes no failures
and cannot be resumed. Then the speed-up by a second worker, for cells that wait and cells that compute, and what a
stored cell takes in bytes and merging time.

Run: ``python benchmarks/sweeps.py``.
"""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, in_turn, repeated, runs

import symgrad as sg
from symgrad.sweeps.cells import product_growth
from symgrad.sweeps.grid import grid_of
from symgrad.sweeps.keepers import InMemory
from symgrad.sweeps.merging import schema_of
from symgrad.sweeps.parquet_files import write_parquet
from symgrad.sweeps.parts import Part

NAME = "sweeps"
CELLS = {0.0: 5_000, 1e-3: 500, 0.1: 10}  # seconds of a cell -> how many of them
WORKERS = 2


def waiting(i: int, seconds: float) -> float:
    """A cell that takes some time and no processor."""
    if seconds:
        time.sleep(seconds)
    return 0.5 * i


def called(cell: tuple[int, float]) -> float:
    """The same for a pool's ``map``."""
    return waiting(*cell)


def grid(count: int, seconds: float) -> dict[str, Any]:
    """Cells that wait."""
    return {"i": range(count), "seconds": [seconds]}


def loop(count: int, seconds: float) -> list[float]:
    """The plainest way."""
    return [waiting(i, s) for i, s in product(range(count), [seconds])]


def label(seconds: float) -> str:
    """The time of a cell in words."""
    return f"{seconds * 1e3:g} ms"


def note(ours: Any, theirs: Any, count: int) -> str:
    """The difference for each cell."""
    gap = (np.median(runs(ours)) - np.median(runs(theirs))) / count
    return f"{count} cells, {gap * 1e6:+.1f} us a cell"


def against(
    case: str, rival: str, count: int, ours: Callable[[], Any], theirs: Callable[[], Any], turns: int
) -> Figure:
    """Both in turn; a target of 0.8 where a cell takes time of its own."""
    a, b = in_turn(ours, theirs, turns)
    target = None if case.endswith(f" {label(0.0)}") else 0.8
    return Figure(NAME, case, a, rival, b, target, note(a, b, count))


def in_this_process(turns: int) -> Iterator[Figure]:
    """Against a loop, without and with a store."""
    for seconds, count in CELLS.items():
        cells = grid(count, seconds)
        plain = partial(loop, count, seconds)
        yield against(
            f"this process, cells of {label(seconds)}", "loop", count, partial(sg.sweep, waiting, cells), plain, turns
        )
        with tempfile.TemporaryDirectory() as folder:
            stored = partial(sg.sweep, waiting, cells, store=Path(folder) / "s.npz", resume=False)
            yield against(
                f"this process, .npz store, cells of {label(seconds)}",
                "loop, nothing stored",
                count,
                stored,
                plain,
                turns,
            )


def in_a_pool(turns: int) -> Iterator[Figure]:
    """Against ``map`` of the same pool, its processes started before."""
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("forkserver")) as pool:
        sg.sweep(waiting, grid(4, 0.05), pool, chunk=1)
        for seconds, count in CELLS.items():
            cells = grid(count, seconds)
            pairs = [(i, seconds) for i in range(count)]
            for chunk in (1, max(1, count // (4 * WORKERS))):
                case = f"{WORKERS} processes, cells of {label(seconds)}"
                rival = f"pool.map, chunksize={chunk}"

                def plain(chunk: int = chunk, pairs: list[tuple[int, float]] = pairs) -> list[float]:
                    return list(pool.map(called, pairs, chunksize=chunk))

                yield against(case, rival, count, partial(sg.sweep, waiting, cells, pool), plain, turns)


@contextmanager
def cluster() -> Iterator[Any]:
    """A local Dask cluster of separate processes."""
    from distributed import Client, LocalCluster

    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(processes=True, n_workers=WORKERS, threads_per_worker=1, **quiet) as workers,
        Client(workers) as client,
    ):
        yield client


def on_dask(turns: int) -> Iterator[Figure]:
    """Against one delayed call a cell on the same cluster."""
    import dask

    with cluster() as client:
        sg.sweep(waiting, grid(4, 0.05), client, chunk=1)
        for seconds, count in CELLS.items():
            count = min(count, 1_000)
            cells = grid(count, seconds)

            def plain(count: int = count, seconds: float = seconds) -> Any:
                return dask.compute(*(dask.delayed(waiting, pure=False)(i, seconds) for i in range(count)))

            yield against(
                f"Dask, {WORKERS} processes, cells of {label(seconds)}",
                "dask.compute of delayed cells",
                count,
                partial(sg.sweep, waiting, cells, client),
                plain,
                turns,
            )


def speed_up(turns: int) -> Iterator[Figure]:
    """One worker against two, on cells that wait and on cells that compute; the machine has to have two idle cores."""
    computing = {"gain": np.linspace(0.5, 2.0, 40), "size": [48], "steps": [100]}
    swept: dict[str, tuple[Callable[..., Any], dict[str, Any], float]] = {
        "cells that wait 10 ms": (waiting, grid(200, 0.01), 1.7),
        "cells that compute (product-growth, n = 48)": (product_growth, computing, 1.5),
    }
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as one,
        ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as two,
    ):
        for case, (function, cells, target) in swept.items():
            for pool in (one, two):
                sg.sweep(function, {name: values[:2] for name, values in cells.items()}, pool, chunk=1)
            ours, theirs = in_turn(
                partial(sg.sweep, function, cells, two), partial(sg.sweep, function, cells, one), turns
            )
            yield Figure(NAME, f"2 workers, {case}", ours, "1 worker", theirs, target)


def stored(count: int, turns: int) -> Iterator[Figure]:
    """Bytes of a cell with two parameters and two random values, and the speed of merging its parts."""
    rng = np.random.default_rng(0)
    cells = grid_of({"a": range(count // 100), "b": np.linspace(0.0, 1.0, 100)})
    keeper = InMemory()
    for start in range(0, cells.size, 10_000):
        stop = min(start + 10_000, cells.size)
        outcomes = [{"norm": value, "count": 3} for value in rng.normal(size=stop - start).tolist()]
        part = Part.of(start, stop, range(stop - start), outcomes)
        keeper.put(part, part.encoded())
    in_parts = sum(len(keeper.read(span)) for span in keeper.spans())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.parquet"

        def merge() -> None:
            write_parquet(path, keeper, cells, schema_of(keeper.parts(), cells.size), {})

        seconds = repeated(merge, turns)
        size = path.stat().st_size
    words = (
        f"{in_parts / cells.size:.1f} bytes a cell in parts, {size / cells.size:.1f} in the file, "
        f"{cells.size / float(np.median(seconds)):.2g} cells/s merged"
    )
    yield Figure(NAME, f"merging {cells.size} cells of 2 values to .parquet", seconds, note=words)


def cases(quick: bool) -> Iterator[Figure]:
    """One after the other; quick ones without Dask's processes, which take seconds to start."""
    turns = 2 if quick else 3
    yield from in_this_process(turns)
    yield from in_a_pool(turns)
    if not quick:
        yield from on_dask(turns)
    yield from speed_up(turns)
    yield from stored(100_000 if quick else 1_000_000, turns)


def figures(quick: bool = False) -> list[Figure]:
    """All cases, for ``run.py``."""
    return list(cases(quick))


def main() -> None:
    """Print the table."""
    print(f"{'case':62} {'ours':>9} {'rival':>9} {'ratio':>6}  rival, notes")
    for figure in cases(quick=False):
        ours = float(np.median(runs(figure.seconds)))
        theirs = "" if figure.rival_seconds is None else f"{float(np.median(runs(figure.rival_seconds))):9.4f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:6.2f}"
        print(f"{figure.case:62} {ours:9.4f} {theirs:>9} {ratio:>6}  {figure.rival}; {figure.note}", flush=True)


if __name__ == "__main__":
    main()
