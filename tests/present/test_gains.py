"""Gains, comparisons and self-normalising families in print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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
