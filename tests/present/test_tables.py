"""Bounds side by side, in text, LaTeX and data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import sympy as sp

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


def test_a_long_rate_gets_a_letter_that_no_symbol_has() -> None:
    x, gamma = sp.symbols("x gamma", positive=True)
    gru = sg.product_bound(sg.models.gru().assuming({"h": (-1, 1)}))
    odd = sg.product_bound(sg.Recurrence({x: sp.exp(-gamma) * sp.sin(gamma * x) + gamma**2 * sp.tanh(x) / (1 + gamma)}))
    lines = str(sg.bound_table({"gru": gru, "odd": odd})).splitlines()
    first, second = (line.split() for line in lines if line.startswith(("gru", "odd")))
    assert (first[1:4], first[-3:]) == (["gamma**k", "gamma", "="], ["gamma", "<", "1"])
    assert (second[1:4], second[-3:]) == (["gamma_0**k", "gamma_0", "="], ["gamma_0", "<", "1"])


def test_horizons_have_a_column() -> None:
    table = sg.bound_table(
        {"a": PLAIN, "b": LOWER, "c": PLAIN}, {"a": {"W": W}, "b": {"W": W / 4}, "c": {"W": 4 * W}}, delta=0.01
    )
    assert table.horizons == (7, 6, sp.oo)  # 2**-7 < 0.01 < 2**-6
    lines = [line.split() for line in str(table).splitlines()]
    assert [lines[0][-3:], lines[2][-1], lines[4][-1]] == [["horizon", "of", "0.01"], "7", "none"]
    assert r"\text{horizon of 0.01}" in table.latex()
    data = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert (data["delta"], [row["horizon"] for row in data["rows"]]) == (0.01, [7, 6, "inf"])


def test_every_row_of_the_latex_table_has_as_many_cells_as_columns() -> None:
    latex = sg.bound_table([PLAIN, LOWER], {"W": W / 9}, ks=(1, 5), delta=0.1).latex()
    columns = latex[latex.index("{array}{") + 8 :].split("}")[0]
    rows = latex.split(r"\toprule")[1].split(r"\bottomrule")[0].replace(r"\midrule", "").split("\\\\")
    assert {row.count("&") + 1 for row in rows if row.strip()} == {len(columns)} == {7}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sg.bound_table(PLAIN), "bounds: .* got one Bound outside a list"),
        (lambda: sg.bound_table(None), "bounds: .* got NoneType None"),
        (lambda: sg.bound_table({1: PLAIN}), "bounds: labels are strings, got int 1"),
        (lambda: sg.bound_table([PLAIN], 3), "weights: a mapping .* got int 3"),
        (lambda: sg.bound_table([PLAIN], {"W": W}, ks=3), "ks: a list of non-negative integers is needed, got int 3"),
        (lambda: sg.bound_table([PLAIN], delta=0.1), "delta: horizons are numbers, for which weights are needed"),
        (lambda: sg.bound_table([PLAIN], {"W": W}, delta=-1), "delta: a positive number"),
        (lambda: sg.bound_table({"a": PLAIN, "b": LOWER}, {"a": {"W": W}}), "weights: a mapping for the bound b"),
        (lambda: sg.bound_table([]), "bounds: a list of bounds .* got none"),
        (lambda: sg.bound_table([3]), "got int 3"),
        (lambda: sg.bound_table([PLAIN], {"W": W}, ks=[-1]), "k: a non-negative integer"),
        (lambda: sg.bound_table([PLAIN], {}, ks=[1]), "missing"),
    ],
)
def test_bad_input_is_refused(call: Any, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        call()


def test_a_notebook_gets_rules_that_it_can_draw() -> None:
    shown = sg.bound_table([PLAIN])._repr_latex_()
    assert "rule" not in shown
    assert shown.count(r"\hline") == 3


def test_labels_name_the_method() -> None:
    model = sg.models.elman()
    table = sg.bound_table([sg.product_bound(model, method=method) for method in ("norm", "perron")])
    assert table.labels == ("elman, norm 2", "elman, norm 2, perron")
