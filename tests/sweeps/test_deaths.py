"""Workers that die: their chunks are done again, the guilty cell is found and recorded, the others are not lost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.sweeps import sweep as sweep_module
from symgrad.sweeps.engines import InThisProcess
from tests.sweeps import functions

ROOT = Path(__file__).resolve().parents[2]


class Fragile(InThisProcess):
    """Dies at each chunk with the deadly cell, and at others as often as told; counts the chunks."""

    def __init__(self, deadly: int | None, accidents: int = 0, certain: bool = True) -> None:
        self.deadly, self.accidents, self.certain, self.chunks = deadly, accidents, certain, []

    def room(self) -> int:
        return 3

    def submit(self, task: Any, *arguments: Any) -> Future[Any]:
        chunk = arguments[2]
        self.chunks.append(chunk)
        cells = [chunk.start + row for row in chunk.chosen()]
        if self.deadly in cells or self.accidents:
            self.accidents = max(self.accidents - 1, 0)
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("died"))
            return future
        return super().submit(task, *arguments)

    def died(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)


def swept(engine: Fragile, monkeypatch: pytest.MonkeyPatch, **options: Any) -> sg.SweepResult:
    monkeypatch.setattr(sweep_module, "InThisProcess", lambda: engine)
    return sg.sweep(functions.product, {"a": range(40), "b": [2]}, chunk=16, **options)


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize("retries", [0, 2])
def test_the_guilty_cell_is_found_by_halving(certain: bool, retries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Fragile(deadly=21, certain=certain)
    found = swept(engine, monkeypatch, retries=retries)
    assert [(error.index, error.error) for error in found.errors] == [(21, "WorkerDied")]
    values = found.column("value").tolist()
    assert [value for i, value in enumerate(values) if i != 21] == [2 * i for i in range(40) if i != 21]
    died = [chunk for chunk in engine.chunks if chunk.start <= 21 < chunk.stop]
    # 16, 8, 4, 2 cells and the single one; that one is tried again, or once more with nothing else in flight.
    assert len(died) == (5 + 2 * retries if certain else 6)


def test_accidents_are_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    assert swept(Fragile(deadly=None, accidents=2), monkeypatch, retries=2).failed == 0


def test_innocent_cells_are_not_blamed_where_deaths_are_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    """All chunks in flight are blamed for one death, down to single cells: tried alone, they are acquitted."""
    found = swept(Fragile(deadly=None, accidents=25, certain=False), monkeypatch)
    assert found.failed == 0
    assert found.column("value").tolist() == [2 * i for i in range(40)]


@pytest.mark.slow
def test_a_cell_that_kills_its_process_is_recorded(tmp_path: Path) -> None:
    found = sg.sweep(functions.deadly, {"i": range(8), "at": [5]}, 2, tmp_path / "s.npz", chunk=4, retries=1)
    assert [(error.index, error.error) for error in found.errors] == [(5, "WorkerDied")]
    assert found.column("value")[[0, 1, 2, 3, 4, 6, 7]].tolist() == [0, 1, 2, 3, 4, 6, 7]
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_killed_process_of_its_own_loses_nothing(tmp_path: Path) -> None:
    """The process is killed from outside: its chunk is done again, and the bytes are those of a quiet run."""

    def kill_one() -> None:
        deadline = time.monotonic() + 30
        while len(list(tmp_path.glob("s.npz.parts/*.part"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    grid = {"a": range(60), "b": [3], "seconds": [0.02]}
    found = sg.sweep(functions.slow_product, grid, 2, tmp_path / "s.npz", chunk=5)
    killer.join()
    assert found.failed == 0
    sg.sweep(functions.slow_product, grid | {"seconds": [0.02]}, store=tmp_path / "quiet.npz")
    assert (tmp_path / "s.npz").read_bytes() == (tmp_path / "quiet.npz").read_bytes()


def test_a_broken_pool_of_the_users_ends_the_sweep_and_says_how_to_go_on(tmp_path: Path) -> None:
    path, grid = tmp_path / "s.npz", {"i": range(40), "at": [33]}
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool,
        pytest.raises(sg.SweepInterruptedError, match=r"of 40 cells: BrokenProcessPool.*the same call.*resumes"),
    ):
        sg.sweep(functions.deadly, grid, pool, path, chunk=4)
    kept = 4 * len(list((tmp_path / "s.npz.parts").glob("*.part")))
    assert kept in (28, 32)  # the pool may not have handed over the last part when it broke
    told: list[int] = []
    with ThreadPoolExecutor(1) as closed:
        pass
    with pytest.raises(sg.SweepInterruptedError, match=f"{kept} of 40 cells: RuntimeError: cannot schedule"):
        sg.sweep(functions.deadly, grid, closed, path, progress=lambda done, total: told.append(done))
    assert told == [kept]


def test_what_an_executor_cannot_send_is_an_input_error() -> None:
    class Sends(ThreadPoolExecutor):
        def submit(self, task: Any, *arguments: Any) -> Any:
            raise AttributeError("Can't pickle local object")

    with Sends(1) as executor, pytest.raises(InputError, match=r"cannot send or run it \(AttributeError"):
        sg.sweep(functions.product, {"a": [1], "b": [2]}, executor)


@pytest.mark.slow
def test_interactive_sessions_and_scripts_without_a_guard(tmp_path: Path) -> None:
    """What is typed in is forked; a script that starts itself again in every process is told what it lacks."""
    lines = "import symgrad as sg\ndef square(i):\n    return i * i\n"
    call = "print(sg.sweep(square, {'i': range(5)}, 2).column('value'))\n"
    typed = subprocess.run(
        [sys.executable, "-"], input=lines + call, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert typed.stdout == "[ 0  1  4  9 16]\n", typed.stderr
    (tmp_path / "bare.py").write_text(lines + call)
    command = [sys.executable, str(tmp_path / "bare.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    bare = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert bare.returncode == 1
    assert "executor: its processes end before they do anything" in bare.stderr.splitlines()[-1]
