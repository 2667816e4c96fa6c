"""Bounds side by side, in text, LaTeX and data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import symgrad as sg

W = np.diag([2.0, 1.0])
PLAIN = sg.product_bound(sg.models.elman("sigmoid"))
LSTM = sg.product_bound(sg.models.lstm().assuming({"c": (-3, 3)}))
LOWER = sg.product_bound(sg.models.residual(), side="lower")


def test_text_has_a_row_for_each_bound_and_a_column_for_each_k() -> None:
    table = str(sg.bound_table({"plain": PLAIN, "below": LOWER}, {"W": W / 4}, ks=(1, 3)))
    header, _, first, second = (line.split("  ") for line in table.splitlines())
    assert [cell.strip() for cell in header if cell][-2:] == ["k = 1", "k = 3"]
    assert [cell.strip() for cell in first if cell] == [
        "plain", "(||W||_2/4)**k", "||W||_2/4", "||W||_2 < 4", "0.126", "0.00196",
    ]  # fmt: skip
    assert [cell.strip() for cell in second if cell][-2:] == ["0.499", "0.124"]  # never rounded up


def test_the_data_hold_values_that_json_can_carry() -> None:
    table = sg.bound_table([PLAIN, LOWER], {"W": 4e6 * W}, ks=(1, 100))
    rows = json.loads(json.dumps(table.to_dict(), allow_nan=False))["rows"]
    assert rows[0]["values"]["1"]["value"] == pytest.approx(2e6)
    assert rows[0]["values"]["100"]["value"] == "inf"
    assert rows[0]["values"]["100"]["log10"] == pytest.approx(100 * np.log10(2e6))
    assert rows[1]["values"]["100"] == {"value": 0.0, "log10": "-inf"}
    assert [row["side"] for row in rows] == ["upper", "lower"]


def test_several_states_are_explained_below() -> None:
    table = sg.bound_table([PLAIN, LSTM])
    assert str(table).splitlines()[-1].startswith("G = [[")
    assert r"\rho\left(G\right)" in table.latex()
    assert r"\toprule" in table.latex()
    assert table.latex().count(r"\\") >= 4


def test_equal_labels_are_numbered() -> None:
    assert sg.bound_table([PLAIN, PLAIN]).labels == ("elman, norm 2", "elman, norm 2 (2)")


def test_models_may_have_weights_of_their_own() -> None:
    table = sg.bound_table({"a": PLAIN, "b": PLAIN}, {"a": {"W": W}, "b": {"W": 2 * W}}, ks=[1])
    assert [float(values[0]) for values in table.values] == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sg.bound_table([]), "bounds: a list of bounds .* got none"),
        (lambda: sg.bound_table([3]), "got int 3"),
        (lambda: sg.bound_table([PLAIN], {"W": W}, ks=[-1]), "k: a non-negative integer"),
        (lambda: sg.bound_table([PLAIN], {}, ks=[1]), "missing"),
    ],
)
def test_bad_input_is_refused(call: Any, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        call()
