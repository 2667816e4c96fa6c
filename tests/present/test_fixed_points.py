"""Fixed points in print and in pictures: what stands there is what was found."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.dynamics.points import FixedPoints
from symgrad.errors import InputError
from symgrad.present import document, latex, text, to_dict

X = sp.Symbol("x")


@pytest.fixture(scope="module")
def three() -> FixedPoints:
    return sg.fixed_points(sg.models.neuron(w=5, b=-2.5))


def test_text_has_a_row_for_each_point_and_the_proof(three: FixedPoints) -> None:
    lines = text(three).splitlines()
    assert lines[0] == "neuron: 3 fixed points in the real numbers, proved to be all"
    assert lines[1].split() == ["x", "stability", "multiplier", "status", "closed", "form"]
    assert [line.split()[:2] for line in lines[3:6]] == [
        ["0.1447941082...", "stable"],
        ["0.5", "unstable"],
        ["0.8552058917...", "stable"],
    ]
    assert lines[4].endswith("1/2")
    assert lines[-1].count("> 0") == lines[-1].count("< 0") == 2


def test_what_is_not_proved_is_not_said() -> None:
    found = sg.fixed_points("x = x/2")
    unproved = replace(found, complete=False)
    assert "that there are no others is not proved" in text(unproved)
    assert "proved to be all" not in latex(unproved)
    assert to_dict(unproved)["complete"] is False


def test_equations_have_no_stability() -> None:
    found = sg.fixed_points("x^2 = 2")
    assert text(found).splitlines()[1].split() == ["x", "status", "closed", "form"]
    assert "multiplier" not in latex(found)
    assert r"\sqrt{2} = 1.414213562\ldots" in latex(found)


def test_continua_and_nothing_found() -> None:
    assert "every point of [0, oo) is a fixed point" in text(sg.fixed_points("x = relu(x)"))
    assert text(sg.fixed_points("x^2 = -2", box=(-3, 3))).startswith("the equation x**2 = -2: no solutions in [-3, 3]")


def test_latex_is_balanced(three: FixedPoints) -> None:
    for written in (latex(three), document(three), *(latex(point) for point in three)):
        assert written.count("{") == written.count("}")
        assert written.count(r"\begin") == written.count(r"\end")


def test_data_is_json(three: FixedPoints) -> None:
    data = json.loads(json.dumps(three.to_dict(), allow_nan=False))
    assert [point["exact"] and point["exact"]["text"] for point in data["points"]] == [None, "1/2", None]
    for point, shown in zip(three, data["points"], strict=True):
        assert shown["point"]["low"] <= point.value <= shown["point"]["high"]
    assert [gap["sign"] for gap in data["gaps"]] == [1, -1, 1, -1]


def test_the_graph_meets_the_diagonal_at_the_points(three: FixedPoints) -> None:
    axes = three.plot()
    graph = next(line for line in axes.get_lines() if line.get_label() == "$F(x)$")
    values = np.interp([point.value for point in three], graph.get_xdata(), graph.get_ydata())
    assert values == pytest.approx([point.value for point in three], abs=1e-5)
    assert [line.get_markerfacecolor() for line in axes.get_lines() if line.get_label() in ("stable", "unstable")] == [
        "black",
        "white",
    ]


@pytest.mark.parametrize(
    ("question", "kind", "label"),
    [
        (sg.Flow({X: -X + sg.activation("tanh")(2 * X)}), None, "state $x$"),
        ("x^2 = 2", None, "unknown $x$"),
        ("x = relu(x)", "cobweb", "state $x_{t-1}$"),
        ("x = ln(x/(1-x)) - 5*x", "residual", "state $x$"),
        ("x^2 = -2", None, "unknown $x$"),
    ],
)
def test_every_kind_of_picture(question: object, kind: str | None, label: str) -> None:
    axes = sg.fixed_points(question).plot(kind)
    assert axes.get_xlabel() == label
    axes.figure.canvas.draw()


def test_pictures_refuse_other_kinds_and_starts(three: FixedPoints) -> None:
    with pytest.raises(InputError, match="kind: 'cobweb' or 'residual' is needed for this map, got 'phase line'"):
        three.plot("phase line")
    with pytest.raises(InputError, match="starts: a sequence of finite numbers"):
        three.plot(starts=[float("nan")])


@pytest.mark.parametrize(
    "question", ["x = acosh(x)", "x = sqrt(x)", "x = 1", "x = 1/x", "x = sign(x)", "x = 0*x + 1e15"]
)
def test_pictures_of_narrow_domains_poles_and_jumps(question: str) -> None:
    axes = sg.fixed_points(question).plot()
    low, high = axes.get_xlim()
    assert low < high
    axes.figure.canvas.draw()
