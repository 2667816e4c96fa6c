"""Measurements in print: text says the numbers, data is JSON, LaTeX compiles, pictures show what was measured."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.diagnosis.gates import gate_statistics
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import LyapunovSpectrum, lyapunov
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.memory import memory_horizon
from symgrad.diagnosis.normality import NonNormality, non_normality
from symgrad.diagnosis.precision import underflow
from symgrad.diagnosis.saturation import saturation
from symgrad.present.dispatch import latex
from tests.present.typesetting import complaints, typeset


def run_of(model: sg.Recurrence, *, loss: bool = True) -> LayerRun:
    draw, sizes = np.random.default_rng(0), {"n": 3, "m": 2}
    weights = {str(p): draw.standard_normal([sizes[str(s)] for s in p.shape if s != 1]) for p in model.parameters}
    given = {str(model.states[0]): draw.standard_normal((4, 30, 3))} if loss else None
    return LayerRun("layer 0", model, weights, {str(model.inputs[0]): draw.standard_normal((4, 30, 2))}, loss=given)


def measurements(run: LayerRun) -> list[Any]:
    measured, spectrum = measure(run), lyapunov(run)
    found = [measured, spectrum, memory_horizon(measured, spectrum), non_normality(run, measured, spectrum)]
    return [*found, *saturation(run), *gate_statistics(run), *underflow(measured)]


def odd() -> sg.Recurrence:
    n, m = sp.symbols("n m", integer=True, positive=True)
    W, b = sp.MatrixSymbol(r"W_{rec}^a", n, n), sp.MatrixSymbol("b & 50%", n, 1)
    h, u, U = sp.MatrixSymbol(r"\hat{h}_1", n, 1), sp.MatrixSymbol("in_#1", m, 1), sp.MatrixSymbol("U$", n, m)
    gate = sg.activation("sigmoid")(W * h + U * u + b)
    return sg.Recurrence({h: sg.hadamard(gate, h) + sg.activation("tanh")(W * h + U * u)}, inputs=[u])


@pytest.mark.parametrize(
    "model", [pytest.param(sg.models.lstm(), marks=pytest.mark.slow), odd()], ids=["lstm", "odd names"]
)
def test_everything_prints_and_typesets(model: sg.Recurrence, tmp_path: Path) -> None:
    found = measurements(run_of(model))
    for one in found:
        assert str(one)
        assert "approximate" in one.to_dict()
        json.dumps(one.to_dict(), allow_nan=False)
    kinds = {type(one).__name__: one for one in found}
    pages = [one.latex(standalone=True) for one in kinds.values()]
    bodies = [page.split(r"\begin{document}")[1].split(r"\end{document}")[0] for page in pages]
    source = pages[0].split(r"\begin{document}")[0] + r"\begin{document}" + "\n\n".join(bodies) + r"\end{document}"
    assert complaints(typeset(source, tmp_path)) == []


def test_the_numbers_are_in_the_text() -> None:
    run = run_of(sg.models.lstm())
    measured, spectrum = measure(run), lyapunov(run)
    lines = str(measured).splitlines()
    assert lines[0].startswith("measured gradients, medians of norms along 4 sequences")
    assert [line.split()[0] for line in lines[3:]] == ["0", "1", "2", "4", "8", "16", "30"]
    assert f"lambda_1 = {spectrum.largest:.5g} +- " in str(spectrum)
    (f,) = [gate for gate in gate_statistics(run) if gate.name == "f"]
    assert str(f).startswith("gate f = sigmoid(")
    assert ", carries c: mean " in str(f)
    assert "||dh_T/dh_{T-k}||" in lines[1]
    assert "||dL/dx_{T-k}||" in lines[1]
    alone = str(measure(run_of(sg.models.gru(), loss=False)))
    assert "||dL/dx_{T-k}||" not in alone
    assert "||dh_T/dh_{T-k}||" not in alone


def test_infinities_are_written_out() -> None:
    spectrum = LyapunovSpectrum(np.array([0.1, -np.inf]), np.array([0.01, np.nan]), 10, 2, 1, 5)
    assert "lambda_2 = -oo" in str(spectrum)
    assert r"\lambda_{2} &= -\infty" in spectrum.latex()
    assert spectrum.to_dict()["exponents"] == [0.1, "-inf"]
    assert "2 of 5 Lyapunov exponents" in str(spectrum)
    many = LyapunovSpectrum(-np.arange(20.0), np.full(20, 0.1), 10, 2, 3, 20)
    assert "... down to lambda_20 = -19 +- 0.1" in str(many)
    assert r"\vdots" in many.latex()


def test_pictures_show_what_was_measured() -> None:
    measured = measure(run_of(sg.models.lstm()))
    axes = measured.plot()
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert len({line.get_linestyle() for line in axes.get_lines()}) == 3
    np.testing.assert_array_equal(next(iter(lines.values())), measured.typical)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("steps back $k$", r"$\log_{10}$ of the norm")
    plt.close(axes.figure)
    spectrum = LyapunovSpectrum(np.array([0.1, -0.5, -np.inf]), np.array([0.01, 0.1, np.nan]), 10, 2, 1, 3)
    axes = spectrum.plot()
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any("1 exponent of" in text for text in texts)
    axes.figure.canvas.draw()
    plt.close(axes.figure)
    axes = measure(run_of(odd())).plot()
    axes.figure.canvas.draw()
    plt.close(axes.figure)


def test_a_horizon_beyond_what_was_measured_is_said() -> None:
    run = LayerRun(
        "one", sg.models.elman("identity"), {"W": [[1.0]], "U": [[1.0]], "b": [0.0]}, {"u": np.zeros((1, 9, 1))}
    )
    found = memory_horizon(measure(run), lyapunov(run))
    assert str(found).startswith("memory horizon: more than 9 steps")
    assert found.to_dict()["from_lyapunov"] == "inf"
    assert math.isinf(found.from_lyapunov or 0.0)
    assert str(underflow(measure(run))[0]) == "float32: the typical unit gradient stays within range"


def test_powers_of_ten_in_formulas_are_no_letters() -> None:
    exponents = LyapunovSpectrum(np.array([1e-7, -np.inf]), np.array([3e-17, np.nan]), 9, 1, 2, 2, ())
    assert latex(exponents).count(r"\cdot 10^{") == 2
    assert not re.search(r"[0-9]e", latex(exponents))
    shape = NonNormality(transient=0.5, at_k=3, henrici=0.1, spectral_radius=1e-9, operator_norm=2e7, points=1)
    assert r"1 \cdot 10^{-9}" in latex(shape)
    assert r"2 \cdot 10^{7}" in latex(shape)
