"""Gains, comparisons and self-normalising families in print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

RESULTS: dict[str, Callable[[], Any]] = {
    "closed": lambda: sg.init_gain("gelu", fan_in=100),
    "enclosed": lambda: sg.init_gain("tanh", "backward"),
    "kumar": lambda: sg.init_gain("sigmoid", "kumar", fan_in=64, fan_out=36),
    "chi1": lambda: sg.init_gain("erf", "chi1"),
    "long": lambda: sg.init_gain("selu"),
    "comparison": lambda: sg.init_gain("relu").compare(1),
    "family": lambda: sg.self_normalising("a*(max(x, 0) - b)", ["a", "b"]),
}


@pytest.fixture(params=RESULTS, scope="module")
def result(request: pytest.FixtureRequest) -> Any:
    return RESULTS[request.param]()


def test_every_form(result: Any) -> None:
    assert str(result) == result.text()
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["kind"]
    source = result.latex()
    assert source.count("{") == source.count("}")
    assert source.count(r"\begin") == source.count(r"\end")
    assert r"\begin{document}" in result.latex(standalone=True)


def test_number_and_formula() -> None:
    first = str(sg.init_gain("gelu")).splitlines()[0]
    assert first == "gelu, mode forward: g = 1/sqrt(sqrt(3)/(6*pi) + 1/3) = 1.533530441..."
    assert str(sg.init_gain("identity")).startswith("identity, mode forward: g = 1\n")
    long = str(sg.init_gain("selu")).splitlines()[0]
    assert len(long) < 60


def test_the_ball_in_data_holds_the_gain() -> None:
    data = sg.init_gain("sin").to_dict()["ball"]
    exact = float(((1 - sp.exp(-2)) / 2) ** sp.Rational(-1, 2))
    assert data["low"] <= exact <= data["high"]
    assert data["high"] - data["low"] < 1e-15


def test_notes_are_shown() -> None:
    assert "note: the variance 1 is a repelling fixed point" in str(sg.init_gain("gelu"))
    assert "repelling" in sg.init_gain("gelu").latex()


def test_enclosed_gains_say_so() -> None:
    assert "[solved for the gain; enclosed in ball arithmetic, near 1.5925374197" in str(sg.init_gain("tanh"))
    assert "enclosed in" not in str(sg.init_gain("relu"))


def test_picture_of_a_gain() -> None:
    axes = sg.init_gain("tanh").plot()
    forward, backward = (np.asarray(line.get_ydata()) for line in axes.lines[1:3])
    middle = len(forward) // 2
    assert forward[middle] == pytest.approx(1, abs=1e-6)
    assert backward[middle] == pytest.approx(float(sg.init_gain("tanh").chi.ball), abs=1e-6)
    assert axes.get_xlabel() == "variance of the pre-activations $q$"
    flat = sg.init_gain("relu").plot()
    assert flat.get_ylim() == pytest.approx((0.75, 1.25))


def test_picture_of_a_comparison() -> None:
    axes = sg.init_gain("erf").compare(2).plot()
    marked = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_label().split(", ")[1] for line in marked] == ["attracting"]
    assert len(sg.init_gain(sp.Heaviside(sp.Symbol("x"))).plot().lines) == 3  # no slopes to draw


def test_names_with_signs_of_latex_and_pictures():
    found = sg.init_gain(sg.Activation("my_act $x%", sp.tanh(sp.Symbol("x"))), "backward")
    assert r"my\_act \$x\%" in found.latex()
    axes = found.plot()
    assert r"my_act \$x%" in axes.get_title()
    axes.figure.canvas.draw()


def test_long_constants_are_short_in_messages():
    with pytest.raises(sg.errors.InputError, match=r"the slopes 1\.7581 and 1\.0507 from the left and the right"):
        sg.init_gain("selu", "kumar")
