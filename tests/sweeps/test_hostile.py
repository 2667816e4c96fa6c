"""Sweeps of functions and on files that do what nobody expects of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.sweeps.cell_function import function_name
from tests.sweeps import functions

ENDINGS = ("npz", "parquet")


def times(i: int, weights: Any) -> float:
    return float(i * weights.sum())


def test_exceptions_without_words_and_of_any_kind_are_recorded() -> None:
    found = sg.sweep(functions.raises, {"i": range(4)})
    assert [(error.index, error.error.rpartition(".")[2], error.message) for error in found.errors] == [
        (1, "WithoutWords", "its message cannot be written: RuntimeError"),
        (2, "Cancelled", "enough"),
    ]
    assert np.nansum(found.column("value")) == 3


@pytest.mark.parametrize("store", [None, "s.npz"])
def test_an_interruption_says_what_is_kept(store: str | None, tmp_path: Path) -> None:
    path = None if store is None else tmp_path / store
    with pytest.raises(KeyboardInterrupt) as caught:
        sg.sweep(functions.interrupts, {"i": range(10), "at": [6]}, store=path, chunk=2)
    (note,) = caught.value.__notes__
    assert "ended after 6 of 10 cells" in note
    assert ("Nothing was stored" if path is None else "s.npz.parts': the same call resumes") in note


def test_what_is_bound_to_a_function_tells_it_from_others(tmp_path: Path) -> None:
    store = tmp_path / "s.npz"
    sg.sweep(functions.Scaled(2).times, {"i": range(3)}, store=store)
    with pytest.raises(InputError, match=r"times\(Scaled\(2\)\) there, .*times\(Scaled\(3\)\) here"):
        sg.sweep(functions.Scaled(3).times, {"i": range(3)}, store=store)
    one, other = np.zeros((50, 50)), np.zeros((50, 50))
    other[25, 25] = 1.0  # which repr leaves out
    names = {function_name(functools.partial(times, weights=weights)) for weights in (one, other, one.copy())}
    assert len(names) == 2


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_changed_byte_of_a_column_is_never_read_as_a_value(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"s.{ending}"
    found = sg.sweep(functions.mixed, {"a": range(4), "b": np.linspace(0, 1, 30), "m": ["x", "y"]}, store=path)
    data = path.read_bytes()
    good = {name: values.tolist() for name, values in found.table().items()}
    cells, failed = [found.cell(i) for i in (0, 7)], found.errors
    said = 0
    for place in range(40, len(data), len(data) // 60):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        for read, expected in (
            (lambda: {name: values.tolist() for name, values in sg.load_sweep(path).table().items()}, good),
            (lambda: [sg.load_sweep(path).cell(i) for i in (0, 7)], cells),
            (lambda: sg.load_sweep(path).errors, failed),
        ):
            try:
                assert repr(read()) == repr(expected), place
            except InputError as error:
                said += "cannot be read" in str(error)
    assert said > 30


def test_failures_are_written_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"a": range(4), "b": np.linspace(0, 1, 20), "m": ["x", "y"]}
    found = sg.sweep(functions.mixed, grid, store=tmp_path / "s.npz")
    monkeypatch.setattr("symgrad.sweeps.npz_files._FAILURES", 3)
    again = sg.sweep(functions.mixed, grid, store=tmp_path / "t.npz", chunk=7)
    assert (tmp_path / "s.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()
    assert found.failed == 20
    assert again.errors == found.errors


@pytest.mark.parametrize("resume", [True, False])
def test_what_is_in_the_way_of_parts_is_said(resume: bool, tmp_path: Path) -> None:
    (tmp_path / "s.npz.parts").mkdir()
    (tmp_path / "s.npz.parts.old").write_text("a file")
    assert len(sg.sweep(functions.leaves, {"i": range(3)}, store=tmp_path / "s.npz", resume=resume)) == 3
    (tmp_path / "t.npz.parts").write_text("a file")
    if resume:
        with pytest.raises(InputError, match="what lies beside it, cannot be read or written"):
            sg.sweep(functions.leaves, {"i": range(3)}, store=tmp_path / "t.npz", resume=resume)
