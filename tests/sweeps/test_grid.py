"""Grids: cells from their numbers, for grids that no memory could hold, and what is refused."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.sweeps.grid import grid_of

AXES = {"a": range(3), "b": np.linspace(0.0, 1.0, 4), "m": ["x", "yy"], "t": [True, False]}


def test_cells_are_all_combinations_with_the_last_name_fastest() -> None:
    grid = grid_of(AXES)
    expected = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
    assert [grid.cell(i) for i in range(grid.size)] == expected
    assert {type(value) for value in grid.cell(0).values()} == {int, float, str, bool}


@given(st.integers(0, 47), st.integers(1, 20), st.integers(1, 4))
def test_columns_and_pieces_hold_the_same_cells(start: int, count: int, repetitions: int) -> None:
    for form in (AXES, [{"a": i, "m": str(i % 5)} for i in range(48)]):
        grid = grid_of(form, repetitions)
        stop = min(start + count, grid.size)
        columns = grid.columns(start, stop)
        for row, index in enumerate(range(start, stop)):
            assert {name: values[row].item() for name, values in columns.items()} == grid.cell(index)


@pytest.mark.parametrize("repetitions", [1, 3])
def test_a_piece_of_a_large_grid_is_small_and_keeps_the_numbers(repetitions: int) -> None:
    grid = grid_of({"a": np.arange(100_000) * 0.5, "b": ["u", "v"]}, repetitions)
    piece = grid.piece(100_001, 100_020)
    assert sum(map(len, piece.axes)) < 100
    assert [piece.cell(i) for i in range(100_001, 100_020)] == [grid.cell(i) for i in range(100_001, 100_020)]


def test_a_grid_of_a_billion_cells_takes_no_memory() -> None:
    tracemalloc.start()
    grid = grid_of({"a": range(10**6), "b": np.linspace(0, 1, 1000)})
    last = grid.cell(grid.size - 1)
    grid.piece(10**9 - 50, 10**9)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grid.size == 10**9
    assert last == {"a": 10**6 - 1, "b": 1.0}
    assert used < 1e6


def test_a_range_and_a_list_of_the_same_numbers_have_one_fingerprint() -> None:
    first, second, third = (grid_of({"a": values}).description() for values in (range(3), [0, 1, 2], [0.0, 1.0, 2.0]))
    assert first == second != third


REFUSED = {
    "empty grid": ({}, "empty"),
    "no values": ({"a": []}, "empty"),
    "empty range": ({"a": range(0)}, "empty"),
    "no cells": ([], "empty"),
    "twice": ({"a": [1, 2, 1]}, "1 stands there more than once"),
    "twice as float": ({"a": [0.0, -0.0]}, "more than once"),
    "nan": ({"a": [1.0, float("nan")]}, "NaN"),
    "kinds": ({"a": [1, "x"]}, "number and str"),
    "bool and number": ({"a": [True, 2]}, "bool and number"),
    "objects": ({"a": [object()]}, "object"),
    "none": ({"a": [None]}, "NoneType"),
    "matrix": ({"a": np.ones((2, 2))}, r"shape \(2, 2\)"),
    "text": ({"a": "abc"}, "sequence"),
    "number": ({"a": 3}, "sequence"),
    "generator": ({"a": (i for i in range(3))}, "generator"),
    "name": ({"a b": [1]}, "names of parameters"),
    "number as name": ({1: [1]}, "names of parameters"),
    "reserved": ({"repetition": [1]}, "kept for the sweep"),
    "reserved rng": ({"rng": [1]}, "kept for the sweep"),
    "huge": ({"a": [1 << 70]}, "62 bits"),
    "huge range": ({"a": range(1 << 70)}, "62 bits"),
    "too many": ({name: range(10**6) for name in "abcd"}, "62 bits"),
    "complex": ({"a": [1j]}, "complex"),
    "surrogate": ({"a": ["\ud800"]}, "text"),
    "other names": ([{"a": 1}, {"b": 1}], r"grid\[1\]"),
    "no mapping": ([{"a": 1}, 3], r"grid\[1\]"),
    "same cell": ([{"a": 1}, {"a": 2}, {"a": 1}], r"grid\[2\].*grid\[0\]"),
    "no grid": (3, "mapping"),
    "words": ("abc", "mapping"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_grid_is_refused_in_one_sentence(case: str) -> None:
    given, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        grid_of(given)


@pytest.mark.parametrize("repetitions", [0, -1, True, 2.0, "3"])
def test_repetitions_are_a_positive_integer(repetitions: object) -> None:
    with pytest.raises(InputError, match="repetitions"):
        grid_of({"a": [1]}, repetitions)
