"""Sweeps: the same bytes from every executor, failures recorded, bad input refused before anything runs."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError
from symgrad.sweeps.chunk_sizes import ChunkSizes
from symgrad.sweeps.drive import Drive
from symgrad.sweeps.seeds import cell_seed
from tests.sweeps import functions

GRID = {"a": range(5), "b": np.linspace(0.0, 1.0, 4), "m": ["x", "yy"]}
STORES = ("npz", "parquet")


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    import multiprocessing

    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as executor:
        yield executor


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("serial")
    for ending in STORES:
        sg.sweep(functions.mixed, GRID, store=folder / f"s.{ending}", repetitions=3, seed=5)
    return {ending: (folder / f"s.{ending}").read_bytes() for ending in STORES}


@pytest.mark.parametrize("ending", STORES)
@pytest.mark.parametrize("chunk", [None, 7])
def test_files_have_the_same_bytes_whatever_works_on_them(
    ending: str, chunk: int | None, serial: dict[str, bytes], tmp_path: Path, pool: Executor
) -> None:
    with ThreadPoolExecutor(3) as threads:
        for name, executor in {"none": None, "threads": threads, "processes": pool}.items():
            path = tmp_path / f"{name}.{ending}"
            sg.sweep(functions.mixed, GRID, executor, path, repetitions=3, seed=5, chunk=chunk)
            assert path.read_bytes() == serial[ending]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{ending}" for name in ("none", "threads", "processes")
    )


@pytest.mark.slow
def test_processes_of_its_own_give_the_same_bytes(serial: dict[str, bytes], tmp_path: Path) -> None:
    for workers in (1, 2):
        path = tmp_path / f"{workers}.parquet"
        sg.sweep(functions.mixed, GRID, workers, path, repetitions=3, seed=5, chunk=11)
        assert path.read_bytes() == serial["parquet"]


@pytest.mark.parametrize("ending", STORES)
def test_a_stored_result_reads_like_one_in_memory(ending: str, tmp_path: Path) -> None:
    kept = sg.sweep(functions.mixed, GRID, repetitions=3)
    sg.sweep(functions.mixed, GRID, store=tmp_path / f"s.{ending}", repetitions=3)
    stored = sg.load_sweep(tmp_path / f"s.{ending}")
    assert stored.columns == kept.columns == (*GRID, "repetition", "product", "whole", "small", "drawn", "both", "late")
    for name in kept.columns:
        assert kept.column(name).dtype.kind == stored.column(name).dtype.kind
        assert repr(kept.column(name).tolist()) == repr(stored.column(name).tolist())
    assert stored.errors == kept.errors
    assert len(stored) == len(kept) == 120
    assert stored.failed == kept.failed == 12
    for index in (0, 17, 61, -1):
        assert repr(stored.cell(index)) == repr(kept.cell(index))


def test_a_parquet_file_is_a_plain_table_for_others(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sg.sweep(functions.mixed, GRID, store=tmp_path / "s.parquet")
    table = pq.read_table(tmp_path / "s.parquet").to_pydict()
    assert table["m"][:2] == ["x", "yy"]
    assert {word for word in table["failure"] if word} == {"ValueError"}
    assert math.isnan(table["product"][table["failure"].index("ValueError")])


def test_failures_are_recorded_and_the_other_cells_go_on() -> None:
    found = sg.sweep(functions.mixed, GRID)
    failing = [i for i in range(len(found)) if found.cell(i)["a"] == 2 and found.cell(i)["m"] == "x"]
    assert [error.index for error in found.errors] == failing
    assert {(error.error, error.message) for error in found.errors} == {
        ("ValueError", "no value at 2 of <object object at 0x...>")
    }
    assert "functions.py" in found.errors[0].traceback
    assert np.flatnonzero(np.isnan(found.column("product"))).tolist() == failing


def test_a_cell_that_leaves_python_is_a_failure() -> None:
    found = sg.sweep(functions.leaves, {"i": range(5)})
    assert [(error.index, error.error) for error in found.errors] == [(3, "SystemExit")]


def test_fail_fast_ends_at_the_first_failure_and_keeps_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    with pytest.raises(sg.SweepInterruptedError, match=r"cell 16 .*'a': 2.*ValueError: no value.*resumes"):
        sg.sweep(functions.mixed, GRID, store=path, fail_fast=True, chunk=6)
    done: list[int] = []
    found = sg.sweep(functions.mixed, GRID, store=path, progress=lambda so_far, total: done.append(so_far))
    assert done[0] == 16
    assert found.failed == 4


def test_seeds_depend_on_the_seed_and_the_cell_alone() -> None:
    first = sg.sweep(lambda a, seed: seed, {"a": range(20)}, chunk=3)
    assert first.column("value").tolist() == [cell_seed(0, i) for i in range(20)]
    expected = np.random.SeedSequence(0, spawn_key=(7,)).generate_state(1, np.uint64)[0] >> np.uint64(1)
    assert first.cell(7)["value"] == first.cell_seed(7) == expected
    assert len(set(first.column("value"))) == 20
    other = sg.sweep(lambda a, seed: seed, {"a": range(20)}, seed=1)
    assert not set(first.column("value")) & set(other.column("value"))
    normal = sg.sweep(lambda a, rng: rng.normal(), {"a": range(3)}, seed=4).column("value")
    streams = [np.random.default_rng(np.random.SeedSequence(4, spawn_key=(i,))).normal() for i in range(3)]
    assert normal.tolist() == streams


def test_a_seed_in_the_grid_is_the_users() -> None:
    found = sg.sweep(lambda method, seed: seed, {"method": ["u", "v"], "seed": [3, 4]})
    assert found.column("value").tolist() == [3, 4, 3, 4]


def test_repetitions_are_the_last_parameter_and_are_told() -> None:
    found = sg.sweep(lambda a, repetition: 10 * a + repetition, {"a": [1, 2]}, repetitions=3)
    assert found.array("value").tolist() == [[10, 11, 12], [20, 21, 22]]
    assert found.column("repetition").tolist() == [0, 1, 2, 0, 1, 2]


def test_cells_one_by_one() -> None:
    found = sg.sweep(functions.product, [{"a": 2, "b": 3}, {"a": 5, "b": 7}])
    assert found.column("value").tolist() == [6, 35]
    assert found.shape == (2,)


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    sg.sweep(functions.product, {"a": range(10), "b": [1]}, chunk=4, progress=lambda *now: told.append(now))
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]


def test_only_a_bounded_number_of_chunks_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    start = Drive._start

    def counted(drive: Drive, chunk: Any) -> None:
        nonlocal most
        start(drive, chunk)
        most = max(most, len(drive._flying))

    monkeypatch.setattr(Drive, "_start", counted)
    with ThreadPoolExecutor(2) as threads:
        sg.sweep(functions.product, {"a": range(100), "b": [1]}, threads, chunk=1)
    assert 0 < most <= 5


def test_chunks_take_about_a_second_and_end_together() -> None:
    sizes = ChunkSizes(None, 10**9)
    assert sizes.cells(10**9, 4) == 1
    for _ in range(12):
        cells = sizes.cells(10**9, 4)
        sizes.learn(cells, cells * 1e-3, 1e-4)
    assert sizes.cells(10**9, 4) == 10_000  # 10 s: a billion cells in at most 100 000 chunks
    assert sizes.cells(800, 4) == 100
    small = ChunkSizes(None, 10**5)
    for _ in range(12):
        cells = small.cells(10**5, 4)
        small.learn(cells, cells * 1e-3, 1e-4)
    assert small.cells(10**5, 4) == pytest.approx(1000, abs=1)
    assert small.seconds(4096) == pytest.approx(4096 * 1e-4 / 0.25)
    assert ChunkSizes(17, 100).cells(100, 1) == 17


GOOD = {"a": [1], "b": [2]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no function": ({"fn": 3}, "fn: a function"),
    "unknown name": ({"grid": {"a": [1], "c": [2]}}, "product does not take c; it takes a, b"),
    "missing name": ({"grid": {"a": [1]}}, "product needs b too"),
    "by place": ({"fn": lambda a, /, b: a}, "by position only"),
    "seed": ({"seed": -1}, "seed: a non-negative integer"),
    "seed as float": ({"seed": 1.0}, "seed: a non-negative integer"),
    "chunk": ({"chunk": 0}, "chunk: a positive number"),
    "retries": ({"retries": -1}, "retries: a non-negative"),
    "retry": ({"retry": "all"}, "retry: None or 'failed'"),
    "retry without resume": ({"retry": "failed", "resume": False}, "not with resume=False"),
    "executor": ({"executor": 0}, "executor: None, a positive number"),
    "executor word": ({"executor": "dask"}, "executor: None"),
    "executor bool": ({"executor": True}, "executor: None"),
    "progress": ({"progress": 3}, "progress: None, True, False"),
    "store": ({"store": "x.csv"}, r"store: a file ending in .parquet or .npz"),
    "store object": ({"store": 3}, "store: a file"),
    "store folder": ({"store": "nowhere/x.npz"}, "store: there is no folder 'nowhere'"),
    "fail_fast": ({"fail_fast": 1}, "fail_fast: True or False"),
    "resume": ({"resume": "no"}, "resume: True or False"),
    "lambda in processes": ({"fn": lambda a, b: a, "executor": 2}, "cannot be sent to other processes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    arguments, words = REFUSED[case]
    with pytest.raises(InputError, match=words) as caught:
        sg.sweep(**({"fn": functions.product, "grid": GOOD} | arguments))
    assert "\n" not in str(caught.value)


def test_a_lambda_is_refused_by_a_pool_of_processes_before_anything_runs(pool: Executor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lambda"):
        sg.sweep(lambda a: a, {"a": [1]}, pool, tmp_path / "s.npz")


def test_results_name_what_they_do_not_have() -> None:
    found = sg.sweep(functions.product, GOOD)
    with pytest.raises(UnknownNameError, match="unknown column 'vale': did you mean 'value'"):
        found.column("vale")
    for index in (1, -2, 1.0, True):
        with pytest.raises(InputError, match="index: an integer below 1"):
            found.cell(index)


def test_functions_with_arguments_bound_to_them_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    sg.sweep(functools.partial(functions.product, b=3), {"a": [1, 2]}, store=path)
    assert sg.load_sweep(path).function == "tests.sweeps.functions:product(b=3)"
    with pytest.raises(InputError, match=r"function .*product\(b=3\) there, .*product\(b=4\) here"):
        sg.sweep(functools.partial(functions.product, b=4), {"a": [1, 2]}, store=path)
