"""Remedies and solved bounds in print: text, LaTeX that compiles, JSON, pictures."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError
from tests.present.typesetting import complaints, typeset

X = sp.Symbol("x", real=True)


def results() -> list[object]:
    design = sg.design
    hump = design.solve(X * sp.exp(-X), for_=X, target=sg.Interval(0.1, 0.2))
    bound = sg.product_bound(sg.models.residual("sigmoid"))
    return [
        design.forget_bias(500, 0.37),
        design.forget_bias(),
        design.highway_bias(3, 0.5, sp.Symbol("mu", positive=True)),
        design.update_bias(5, 0.5, convention="chung"),
        design.chrono(20),
        design.residual_scale(2, steps=5, at_most=3, at_least=0.5),
        hump,
        hump.check(),
        design.solve(bound, for_="W", target=sp.Le(bound.expr, sp.Symbol("C", positive=True))),
        design.solve(bound, for_="W", target=0.5),
    ]


RESULTS = results()


@pytest.mark.parametrize("index", range(len(RESULTS)))
def test_every_result_has_text_data_and_balanced_latex(index: int) -> None:
    result = RESULTS[index]
    data = result.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    source = result.latex()
    assert source.count("{") == source.count("}")
    assert source.count(r"\left") == source.count(r"\right")
    assert str(result)
    assert "Enclosed" not in source
    assert "Dummy" not in str(result)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(RESULTS)))
def test_every_result_can_be_typeset(index: int, tmp_path: Path) -> None:
    assert complaints(typeset(RESULTS[index].latex(standalone=True), tmp_path)) == []


def test_the_text_of_a_forget_bias() -> None:
    lines = str(RESULTS[0]).splitlines()
    assert lines[2] == "  b_f = 6.219377989..."
    assert lines[4:7] == [
        "  log(T - 1): 6.212606095...",
        "  kept by log(T - 1): 0.3675112548...",
        "  difference: 0.006771894046...",
    ]


def test_an_answer_without_values_says_so() -> None:
    assert "no value of OperatorNorm(W) works" in RESULTS[-1].to_dict()["reason"]
    assert "no value" in str(RESULTS[-1])


def test_a_wrong_solution_is_shown_where_it_is_wrong() -> None:
    found = sg.design.solve(2 * X, for_=X, target=sg.Interval(0, 3))
    (case,) = found.cases
    wrong = type(found)(**{**vars(found), "cases": (type(case)(**{**vars(case), "spans": ()}),)})
    assert "wrong at" in str(wrong.check())


def test_the_chart_of_forget_biases_shows_each_fraction_and_the_rule_of_thumb() -> None:
    axes = sg.design.forget_bias(500, 0.37).plot(retained=[0.37, 0.9])
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["$b_{f}$, keeps $r = 0.37$", "$b_{f}$, keeps $r = 0.9$", r"$\log(T - 1)$", "here: $6.2194$"]
    first, second, _, point = axes.lines
    assert point.get_xdata()[0] == 500
    assert point.get_ydata()[0] == pytest.approx(6.21937799)
    assert all(low < high for low, high in zip(first.get_ydata(), second.get_ydata(), strict=True))
    assert len({line.get_linestyle() for line in (first, second)}) == 2
    place = list(first.get_xdata()).index(1.0)
    assert first.get_ydata()[place] == pytest.approx(float(sg.design.forget_bias(1, 0.37)))


def test_pictures_of_gates_of_both_directions_and_of_chrono() -> None:
    falling = sg.design.highway_bias(10, 0.5).plot().lines[0].get_ydata()
    assert all(a > b for a, b in itertools.pairwise(falling))
    axes = sg.design.chrono(20).plot(longest=40)
    assert next(line.get_label() for line in axes.lines) == "mean over units"


def test_no_picture_of_a_scale_and_malformed_options() -> None:
    with pytest.raises(InputError, match="no picture"):
        sg.design.residual_scale(2, steps=5, at_most=3).plot()
    for options in ({"retained": "x"}, {"retained": [2]}, {"longest": 1}):
        with pytest.raises(InputError):
            sg.design.forget_bias(5, 0.5).plot(**options)
