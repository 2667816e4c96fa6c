"""Flows and their bounds in LaTeX, plain text, JSON and pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.present import latex, text
from tests.present.typesetting import complaints, typeset

n, m = sp.symbols("n m", positive=True, integer=True)
W, V, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n), sp.MatrixSymbol("U", n, m)
x, y, u = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1), sp.MatrixSymbol("u", m, 1)
s, w = sp.symbols("s w")
tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")
FLOWS = {
    "one": sg.Flow({x: -x + tanh(W * x + U * u)}, inputs=[u]),
    "two": sg.Flow({x: -x + tanh(W * y), y: sg.hadamard(sigmoid(V * x), y) - 2 * y}).assuming({y: (-1, 1)}),
    "scalar": sg.Flow({s: -s + sigmoid(w * s)}, name="one neuron"),
}


def all_of(flow: sg.Flow, norm: Any) -> list[Any]:
    bound = sg.flow_bound(flow, norm)
    gradient = sg.flow_bound(flow.assuming(dict.fromkeys(flow.variables, (-1, 1))), norm).gradient()
    found = [flow, sg.jacobian(flow.field), bound, bound.proof, bound.limit_of_discretised()]
    return [*found, gradient, gradient.truncation(sp.Symbol("tau", positive=True)), gradient.proof]


@pytest.mark.parametrize(("name", "norm"), [("one", "inf"), ("two", 1), ("scalar", 2)])
def test_everything_fits_json_and_is_plain_text(name: str, norm: Any) -> None:
    for item in all_of(FLOWS[name], norm):
        data = item.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert data["kind"]
        assert text(item).isascii()
        assert "[t" not in text(item)


def test_everything_compiles(tmp_path: Path) -> None:
    formulas = [latex(item) for flow in FLOWS.values() for item in all_of(flow, 2)]
    body = "\n".join(rf"\[{formula}\]" for formula in formulas)
    page = (
        r"\documentclass{article}\usepackage{amsmath,amssymb}\usepackage[a2paper,landscape]{geometry}\begin{document}"
        f"{body}\\end{{document}}"
    )
    assert complaints(typeset(page, tmp_path)) == []


def test_documents_of_their_own_compile(tmp_path: Path) -> None:
    for item in (FLOWS["two"], sg.flow_bound(FLOWS["two"]), sg.flow_bound(FLOWS["two"]).proof):
        assert complaints(typeset(item.latex(standalone=True), tmp_path)) == []


def test_what_is_written() -> None:
    assert text(FLOWS["scalar"]) == "ds/dt = -s + sigmoid(s*w)"
    assert latex(FLOWS["one"]) == r"\dot{x} = \tanh\left(W x + U u\right) - x"
    assert text(sg.flow_bound(FLOWS["one"])) == "||d x(T)/d x(0)||_2 <= exp(T*(mu_2(W)/2 + ||W||_2/2 - 1))"
    two = sg.flow_bound(FLOWS["two"], "inf")
    assert text(two).splitlines()[0] == "||d s(T)/d s(0)||_inf <= exp(mu_inf(M)*T)"
    assert "each entry of y in [-1, 1]" in text(two)
    limit = text(sg.flow_bound(FLOWS["scalar"]).limit_of_discretised()).splitlines()
    assert limit[1] == "gamma**(T/eps) -> exp(mu*T)"
    assert limit[2] == "mu = Max(-1, w/4 - 1)"
    assert r"\left\lVert e^{M T}\right\rVert_{2}" in latex(sg.flow_bound(FLOWS["two"]).limit_of_discretised())
    gradient = sg.flow_bound(FLOWS["scalar"].assuming({s: (0, 1)})).gradient()
    assert text(gradient).splitlines()[0] == "|grad_w L| <= |grad_s(T) L|*M*integral(r = 0 ... T) exp(mu*r) dr"
    assert r"\int_{2}^{T} e^{\mu r}\,dr" in latex(gradient.truncation(2))
    assert "integral(r = 2 ... T)" in text(gradient.truncation(2).proof)
    step = sg.flow_bound(FLOWS["one"]).proof.steps[-1]
    assert step.rule.name == "growth along a flow"


def test_the_picture_is_the_bound() -> None:
    bound = sg.flow_bound(FLOWS["scalar"])
    axes = bound.plot({"w": -1.0}, time=8.0, delta=0.01)
    line, mark = axes.get_lines()
    times, values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert times[-1] == 8.0
    np.testing.assert_allclose(values, -times / math.log(10), rtol=1e-12)
    assert mark.get_xdata()[0] == pytest.approx(math.log(100))
    assert axes.get_title() == "one neuron"
    assert bound.plot({"w": 5.0}, delta=0.01, ax=axes) is axes
    labels = [entry.get_text() for entry in axes.get_legend().get_texts()]
    assert "horizon of 0.01: inf" in labels
    axes.figure.canvas.draw()
    with pytest.raises(sg.InputError, match="time: a positive number is needed, got 0"):
        bound.plot({"w": 1.0}, time=0)
