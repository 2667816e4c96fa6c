"""Sweeps on Dask: the same bytes as in one process, also when workers are killed while it is on."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import symgrad as sg
from symgrad.errors import InputError, SymgradError
from tests.sweeps import functions


@contextmanager
def cluster(processes: bool, **options: Any) -> Iterator[Any]:
    """A local cluster of two workers, and a client of it."""
    from distributed import Client, LocalCluster

    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(processes=processes, n_workers=2, threads_per_worker=1, **quiet, **options) as workers,
        Client(workers, set_as_default=False) as client,
    ):
        yield client


def serial(folder: Path, grid: dict[str, Any]) -> bytes:
    sg.sweep(functions.noted, grid, store=folder / "serial.npz")
    return (folder / "serial.npz").read_bytes()


def test_clients_and_their_executors_give_the_bytes_of_one_process(tmp_path: Path) -> None:
    grid = {"i": range(12), "folder": [str(tmp_path)]}
    with cluster(processes=False) as client:
        sg.sweep(functions.noted, grid, client, tmp_path / "client.npz", chunk=2)
        sg.sweep(functions.noted, grid, client.get_executor(), tmp_path / "executor.npz")
        kept = sg.sweep(lambda i: i * i, {"i": range(9)}, client)  # cloudpickle sends lambdas too
    assert kept.column("value").tolist() == [i * i for i in range(9)]
    expected = serial(tmp_path, grid)
    assert (tmp_path / "client.npz").read_bytes() == (tmp_path / "executor.npz").read_bytes() == expected


@pytest.mark.slow
def test_a_worker_killed_while_a_sweep_is_on_loses_nothing(tmp_path: Path) -> None:
    """One of two worker processes is killed: its chunks are done again by others, none is stored twice."""
    marks = tmp_path / "marks"
    marks.mkdir()
    grid = {"i": range(160), "folder": [str(marks)]}
    with cluster(processes=True) as client:
        victim = next(iter(client.run(os.getpid).values()))
        stored: list[int] = []

        def kill_one() -> None:
            deadline = time.monotonic() + 60
            while len(list(marks.iterdir())) < 30 and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        address = client.scheduler.address
        path = tmp_path / "s.npz"
        sg.sweep(functions.noted, grid, address, path, chunk=5, progress=lambda done, total: stored.append(done))
        killer.join()
        assert victim not in client.run(os.getpid).values()
    assert stored == [0, *range(5, 161, 5)]  # each chunk was taken in once
    calls = [int(mark.name.split(".")[0]) for mark in marks.iterdir()]
    assert set(calls) == set(range(160))
    assert path.read_bytes() == serial(tmp_path, grid)


@pytest.mark.slow
def test_a_cell_that_kills_workers_again_and_again_is_recorded() -> None:
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), cluster(processes=True) as client:
        found = sg.sweep(functions.deadly, {"i": range(8), "at": [5]}, client, chunk=4)
    assert [(error.index, error.error) for error in found.errors] == [(5, "WorkerDied")]
    assert found.column("value")[[0, 1, 2, 3, 4, 6, 7]].tolist() == [0, 1, 2, 3, 4, 6, 7]


def test_a_client_that_is_closed_ends_the_sweep_with_what_is_done(tmp_path: Path) -> None:
    path, grid = tmp_path / "s.npz", {"a": range(40), "b": [1], "seconds": [0.01]}
    with cluster(processes=False) as client:

        def close(done: int, total: int) -> None:
            if done >= 8:
                client.close()

        with pytest.raises(sg.SweepInterruptedError, match="the same call resumes"):
            sg.sweep(functions.slow_product, grid, client, path, chunk=4, progress=close)
    told: list[int] = []
    found = sg.sweep(functions.slow_product, grid, store=path, progress=lambda done, total: told.append(done))
    assert 8 <= told[0] < 40
    assert found.column("value").tolist() == list(range(40))


def test_addresses_without_a_scheduler_and_a_missing_package_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symgrad.sweeps.dask_engine._CONNECT", 0.2)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        sg.sweep(functions.product, {"a": [1], "b": [2]}, "tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SymgradError, match=r"pip install 'symgrad\[distributed\]'"):
        sg.sweep(functions.product, {"a": [1], "b": [2]}, "tcp://127.0.0.1:9")
