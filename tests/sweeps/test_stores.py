"""Stores: interrupted sweeps go on where they were, and stores of other sweeps, damaged or locked, are seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.sweeps.keepers import PartFolder
from symgrad.sweeps.locks import StoreLock
from symgrad.sweeps.stores import Store
from tests.sweeps import functions

GRID = {"i": range(60)}
ROOT = Path(__file__).resolve().parents[2]


class Interruption(BaseException):
    """Ends a sweep as Ctrl-C does."""


def stop_at(count: int) -> Any:
    def tell(done: int, total: int) -> None:
        if done >= count:
            raise Interruption

    return tell


def interrupted(path: Path, **options: Any) -> Path:
    """A sweep that ends after 30 of its 60 cells; the folder of its parts."""
    with pytest.raises(Interruption):
        sg.sweep(functions.drawn, GRID, store=path, chunk=10, progress=stop_at(30), **options)
    return path.with_name(path.name + ".parts")


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    sg.sweep(functions.drawn, GRID, store=tmp_path / "whole.npz")
    return (tmp_path / "whole.npz").read_bytes()


def test_an_interrupted_sweep_goes_on_with_nothing_lost_or_done_twice(tmp_path: Path, whole: bytes) -> None:
    path, marks = tmp_path / "s.npz", tmp_path / "marks"
    marks.mkdir()
    grid = {**GRID, "folder": [str(marks)]}
    with pytest.raises(Interruption):
        sg.sweep(functions.noted, grid, store=path, chunk=10, progress=stop_at(30))
    assert len(list(marks.iterdir())) == 30
    found = sg.sweep(functions.noted, grid, store=path, chunk=7)
    assert sorted(int(mark.name.split(".")[0]) for mark in marks.iterdir()) == list(range(60))
    np.testing.assert_array_equal(found.column("drawn"), sg.load_sweep(tmp_path / "whole.npz").column("drawn"))
    assert sorted(os.listdir(tmp_path)) == ["marks", "s.npz", "whole.npz"]


def test_a_finished_store_is_returned_at_once(tmp_path: Path, whole: bytes) -> None:
    told: list[int] = []
    found = sg.sweep(
        functions.drawn, GRID, store=tmp_path / "whole.npz", progress=lambda done, total: told.append(done)
    )
    assert told == []
    assert len(found) == 60
    assert (tmp_path / "whole.npz").read_bytes() == whole


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "renamed", "overlap"])
def test_a_damaged_part_is_done_again(damage: str, tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "s.npz"
    folder = interrupted(path)
    parts = sorted(folder.glob("*.part"))
    assert len(parts) == 3
    data = bytearray(parts[1].read_bytes())
    if damage == "renamed":
        parts[1].rename(folder / f"{40:020d}-{50:020d}.part")
    elif damage == "overlap":
        (folder / f"{5:020d}-{15:020d}.part").write_bytes(data)
    else:
        data[60] ^= 1
        parts[1].write_bytes({"cut": data[:-3], "changed": data, "empty": b""}[damage])
    (folder / "00.part.tmp").write_bytes(b"half")
    sg.sweep(functions.drawn, GRID, store=path)
    assert path.read_bytes() == whole


OTHER = {
    "seed": ({"seed": 1}, "seed 0 there, 1 here"),
    "function": ({"fn": functions.leaves}, "functions:drawn there, .*functions:leaves here"),
    "values": ({"grid": {"i": range(61)}}, "i: 60 values .* from 0 to 59 there, 61 values .* from 0 to 60 here"),
    "same length": ({"grid": {"i": [*range(59), 70]}}, "i: 60 values"),
    "repetitions": ({"repetitions": 2}, "repetitions 1 there, 2 here"),
    "listed": ({"grid": [{"i": i} for i in range(60)]}, "all combinations there, cells one by one here"),
}


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("case", OTHER)
def test_the_store_of_another_sweep_is_refused(case: str, finished: bool, tmp_path: Path) -> None:
    path, (options, words) = tmp_path / "s.npz", OTHER[case]
    if finished:
        sg.sweep(functions.drawn, GRID, store=path)
    else:
        interrupted(path)
    with pytest.raises(InputError, match=words):
        sg.sweep(**({"fn": functions.drawn, "grid": GRID, "store": path} | options))
    replaced = sg.sweep(**({"fn": functions.drawn, "grid": GRID, "store": path, "resume": False} | options))
    assert len(replaced) == len(sg.load_sweep(path))


@pytest.mark.parametrize("ending", ["npz", "parquet"])
@pytest.mark.parametrize("resume", [True, False])
def test_files_of_others_are_never_replaced(ending: str, resume: bool, tmp_path: Path) -> None:
    path = tmp_path / f"s.{ending}"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="cannot be read"):
        sg.sweep(functions.drawn, GRID, store=path, resume=resume)
    assert path.read_bytes() == b"something else"
    if ending == "npz":
        np.savez(path, a=np.ones(3))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match="not written by a sweep"):
        sg.sweep(functions.drawn, GRID, store=path, resume=resume)


def test_two_sweeps_on_one_store_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"

    def second(done: int, total: int) -> None:
        with pytest.raises(InputError, match=f"another sweep .process {os.getpid()}. works on"):
            sg.sweep(functions.drawn, GRID, store=path)

    sg.sweep(functions.drawn, GRID, store=path, progress=second)
    lock = StoreLock(path)
    with pytest.raises(InputError, match="another sweep"):
        sg.sweep(functions.drawn, GRID, store=path)
    lock.release()
    assert len(sg.sweep(functions.drawn, GRID, store=path)) == 60


@pytest.mark.parametrize("closed", [True, False])
def test_a_forked_process_does_not_keep_the_lock(closed: bool, tmp_path: Path) -> None:
    """A worker that outlives a killed sweep must not keep others from resuming it; without our care it would."""
    script = (
        "import os, sys, time\nfrom pathlib import Path\nfrom symgrad.sweeps import locks\n"
        "lock = locks.StoreLock(Path(sys.argv[1]))\n"
        + ("" if closed else "locks._HELD.clear()\n")
        + "if os.fork() == 0:\n    os.close(1); time.sleep(5)\nelse:\n    os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "s.npz")]
    subprocess.run(command, cwd=ROOT, timeout=30, check=False, stdout=subprocess.PIPE)  # until both let go of it
    if closed:
        StoreLock(tmp_path / "s.npz").release()
        assert list(tmp_path.iterdir()) == []
    else:
        with pytest.raises(InputError, match="another sweep"):
            StoreLock(tmp_path / "s.npz")


@pytest.mark.parametrize("ending", ["npz", "parquet"])
@pytest.mark.parametrize("finished", [True, False])
def test_failed_cells_are_done_again_and_no_others(ending: str, finished: bool, tmp_path: Path) -> None:
    path, flag = tmp_path / f"s.{ending}", tmp_path / "flag"
    grid = {"i": range(40), "flag": [str(flag)]}
    first: list[int] = []
    stop = stop_at(20)

    def tell(done: int, total: int) -> None:
        first.append(done)
        if not finished:
            stop(done, total)

    try:
        found = sg.sweep(functions.fails_until, grid, store=path, chunk=10, progress=tell)
        assert (found.failed, found.column("value").dtype.kind) == (14, "f")
    except Interruption:
        assert not finished
    flag.touch()
    again: list[int] = []
    found = sg.sweep(
        functions.fails_until, grid, store=path, retry="failed", progress=lambda done, total: again.append(done)
    )
    assert again[0] == (26 if finished else 13)
    assert (found.failed, found.column("value").tolist()) == (0, list(range(40)))
    fresh = tmp_path / f"fresh.{ending}"
    sg.sweep(functions.fails_until, grid, store=fresh)
    assert path.read_bytes() == fresh.read_bytes()


def test_cells_that_fail_again_stay_failed(tmp_path: Path) -> None:
    path, grid = tmp_path / "s.npz", {"i": range(7), "flag": [str(tmp_path / "never")]}
    sg.sweep(functions.fails_until, grid, store=path)
    before = path.read_bytes()
    assert sg.sweep(functions.fails_until, grid, store=path, retry="failed").failed == 3
    assert path.read_bytes() == before


def test_what_a_killed_merge_leaves_is_finished(tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are still there beside the file are merged again; a folder that was on its way out is removed."""
    path = tmp_path / "s.npz"
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_drop_parts", lambda store: None)
        sg.sweep(functions.drawn, GRID, store=path)
    assert path.exists()
    assert (tmp_path / "s.npz.parts").exists()
    (tmp_path / "s.npz.parts.old").mkdir()
    (tmp_path / "s.npz.parts.old" / "x.part").touch()
    told: list[int] = []
    sg.sweep(functions.drawn, GRID, store=path, progress=lambda done, total: told.append(done))
    assert told == []
    assert path.read_bytes() == whole
    assert sorted(os.listdir(tmp_path)) == ["s.npz", "whole.npz"]


def test_parts_without_a_manifest_are_refused(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "s.npz")
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match="no manifest"):
        sg.sweep(functions.drawn, GRID, store=tmp_path / "s.npz")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        PartFolder.manifest(folder)


def test_loading_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        sg.load_sweep(tmp_path / "s.npz")
    interrupted(tmp_path / "s.npz")
    with pytest.raises(InputError, match=r"s\.npz\.parts holds an unfinished sweep"):
        sg.load_sweep(tmp_path / "s.npz")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["None", "2", "ProcessPoolExecutor(2)"])
def test_a_sweep_whose_process_is_killed_is_resumed(executor: str, tmp_path: Path) -> None:
    """The main process is killed at some moment; nothing finished is lost or done twice, and the bytes are the same."""
    marks = tmp_path / "marks"
    marks.mkdir()
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom concurrent.futures import ProcessPoolExecutor\nimport symgrad as sg\n"
        "from tests.sweeps.functions import noted\n"
        "if __name__ == '__main__':\n"
        f"    grid = {{'i': range(150), 'folder': [{str(marks)!r}]}}\n"
        f"    sg.sweep(noted, grid, {executor}, {str(tmp_path / 's.parquet')!r}, chunk=4)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    parts = tmp_path / "s.parquet.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*.part"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # what was in flight in other processes ends
    kept = {int(path.name[:20]): int(path.name[21:41]) for path in parts.glob("*.part")}
    before = len(list(marks.iterdir()))
    done = sum(stop - start for start, stop in kept.items())
    assert 32 <= done < 150
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=60)
    assert len(list(marks.iterdir())) == before + 150 - done
    sg.sweep(functions.noted, {"i": range(150), "folder": [str(marks)]}, store=tmp_path / "serial.parquet")
    assert (tmp_path / "s.parquet").read_bytes() == (tmp_path / "serial.parquet").read_bytes()


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "s.npz"
    with monkeypatch.context() as patch:
        patch.setattr("symgrad.sweeps.stores._WRITERS", {".npz": full})
        with pytest.raises(sg.SweepInterruptedError, match=r"all cells are done, but .* No space left"):
            sg.sweep(functions.drawn, GRID, store=path)
    told: list[int] = []
    sg.sweep(functions.drawn, GRID, store=path, progress=lambda done, total: told.append(done))
    assert told == []
    with monkeypatch.context() as patch:
        patch.setattr("symgrad.sweeps.keepers.write_safely", full)
        with pytest.raises(InputError, match=r"cannot be read or written.*No space left"):
            sg.sweep(functions.drawn, GRID, store=tmp_path / "t.npz")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(InputError, match="cannot be written"):
            sg.sweep(functions.drawn, GRID, store=tmp_path / "closed" / "s.npz")


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_a_damaged_file_is_said(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"s.{ending}"
    found = sg.sweep(functions.drawn, GRID, store=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        found.column("drawn")
    with pytest.raises(InputError, match="cannot be read"):
        sg.load_sweep(path)


def test_a_bar_shows_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    sg.sweep(functions.leaves, {"i": range(5)}, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "5/5" in shown.err
    assert "1 failed" in shown.err
