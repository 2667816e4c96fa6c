"""Parts: values of every kind survive the way through bytes; damage is seen; cells done again replace the old ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.sweeps.grid import grid_of
from symgrad.sweeps.merging import blocks, schema_of
from symgrad.sweeps.parts import DamagedPartError, Part
from symgrad.sweeps.values import Failure, failure_of, plain_values

SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(st.characters(codec="utf-8"), max_size=5)
)
OUTCOMES = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from(["p", "q", "r"]), SCALARS, max_size=3),
        st.just(Failure("ValueError", "bad", "there")),
    ),
    min_size=1,
    max_size=12,
)


def cells_of(part: Part) -> list[Any]:
    """What each row gave, from the columns of a part."""
    found: list[Any] = [{} for _ in range(part.stop - part.start)]
    for column in part.columns:
        values = column.values if isinstance(column.values, list) else column.values.tolist()
        for row, value in zip(column.rows.tolist(), values, strict=True):
            found[row][column.name] = value
    for row, failure in part.failures.items():
        assert found[row] == {}
        found[row] = failure
    return found


def same(first: Any, second: Any) -> bool:
    return repr(sorted(first.items()) if isinstance(first, Mapping) else first) == repr(
        sorted(second.items()) if isinstance(second, Mapping) else second
    )


@settings(max_examples=40)
@given(OUTCOMES)
def test_parts_survive_the_way_through_bytes(outcomes: list[Any]) -> None:
    part = Part.decoded(Part.of(7, 7 + len(outcomes), range(len(outcomes)), outcomes).encoded())
    assert (part.start, part.stop) == (7, 7 + len(outcomes))
    assert all(map(same, cells_of(part), outcomes))


@settings(max_examples=40)
@given(OUTCOMES, st.data())
def test_changed_or_cut_bytes_are_seen(outcomes: list[Any], data: st.DataObject) -> None:
    encoded = bytearray(Part.of(0, len(outcomes), range(len(outcomes)), outcomes).encoded())
    place = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(DamagedPartError):
        Part.decoded(bytes(encoded[:place]))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedPartError):
        Part.decoded(bytes(encoded))


@settings(max_examples=40)
@given(OUTCOMES, st.data())
def test_rows_done_again_replace_the_old_ones_as_if_done_at_once(outcomes: list[Any], data: st.DataObject) -> None:
    count = len(outcomes)
    rows = data.draw(st.lists(st.integers(0, count - 1), unique=True, min_size=1).map(sorted))
    again = data.draw(st.lists(OUTCOMES.map(lambda found: found[0]), min_size=len(rows), max_size=len(rows)))
    merged = Part.of(0, count, range(count), outcomes).replaced(rows, Part.of(0, count, rows, again))
    wanted = [again[rows.index(i)] if i in rows else outcome for i, outcome in enumerate(outcomes)]
    assert all(map(same, cells_of(merged), wanted))
    assert merged.names == Part.of(0, count, range(count), wanted).names


@settings(max_examples=40)
@given(OUTCOMES, st.data())
def test_tables_do_not_depend_on_where_parts_end(outcomes: list[Any], data: st.DataObject) -> None:
    count, grid = len(outcomes), grid_of({"i": range(len(outcomes))})
    cut = data.draw(st.integers(0, count))
    tables = []
    for ends in ((0, count), (0, cut, count)):
        spans = [(start, stop) for start, stop in pairwise(ends) if stop > start]
        parts = [Part.of(a, b, range(b - a), outcomes[a:b]) for a, b in spans]
        schema = schema_of(parts, count)
        whole = list(blocks(parts, grid, schema))
        tables.append((schema, {name: [v for block in whole for v in block[name].tolist()] for name in whole[0]}))
    assert tables[0][0] == tables[1][0]
    assert repr(tables[0][1]) == repr(tables[1][1])


def test_columns_become_the_widest_kind_and_whole_numbers_stay_exact() -> None:
    outcomes = [{"n": 2**62, "w": True, "s": 1, "late": False}, {"n": 1, "w": 2, "s": "a", "late": 1}, {"n": 0, "w": 3}]
    part = Part.of(0, 3, range(3), outcomes)
    schema = schema_of([part], 3)
    assert {column.name: (column.kind, column.stored) for column in schema.columns} == {
        "n": ("int", "int"),
        "w": ("int", "int"),
        "s": ("str", "str"),
        "late": ("int", "float"),
    }
    (block,) = blocks([part], grid_of({"i": range(3)}), schema)
    assert block["n"].tolist() == [2**62, 1, 0]
    assert block["s"].tolist() == ["1", "a", ""]
    np.testing.assert_array_equal(block["late"], [0.0, 1.0, np.nan])


@pytest.mark.parametrize(
    ("given_value", "words"),
    [
        (None, "returned None"),
        ([1, 2], "got list"),
        (np.ones(2), r"ndarray of shape \(2,\)"),
        ({"x": {"y": 1}}, "'x' must be a number"),
        ({"x": 1j}, "complex"),
        ({"a": 1}, "that of a parameter"),
        ({"failure": 1}, "kept for the sweep"),
        ({1: 2}, "names of values"),
        ({"x": "y" * 1001}, "1001 characters"),
        (b"x", "bytes"),
    ],
)
def test_what_is_no_value_is_said(given_value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plain_values(given_value, ["a"])


class Tensor:
    """What a number of torch answers; loading torch takes seconds."""

    shape = ()

    def detach(self) -> Tensor:
        return self

    def item(self) -> float:
        return 2.0


def test_numbers_of_other_libraries_become_plain_ones() -> None:
    import sympy as sp

    given_values = {
        "half": np.float32(0.5),
        "array": np.array(3),
        "flag": np.True_,
        "third": sp.Rational(1, 4),
        "tensor": Tensor(),
        "large": 2**80,
        "none": None,
        "text": np.str_("word"),
    }
    found = plain_values(given_values, [])
    assert found == {
        "half": 0.5, "array": 3, "flag": True, "third": 0.25, "tensor": 2.0, "large": 2.0**80, "text": "word",
    }  # fmt: skip
    assert {type(value) for value in found.values()} == {float, int, bool, str}


def test_failures_are_the_same_in_every_process() -> None:
    def fail() -> None:
        raise ValueError(f"{object()} \0 \ud800" + "x" * 1000)

    def outcome() -> Failure:
        try:
            fail()
        except ValueError as error:
            return failure_of(error)
        raise AssertionError

    found = outcome()
    assert found == outcome()
    assert found.error == "ValueError"
    assert found.message.startswith("<object object at 0x...> \\0 \\ud800xxx")
    assert len(found.message) == 500
    assert "test_parts.py" in found.trace
    assert "in fail" in found.trace
