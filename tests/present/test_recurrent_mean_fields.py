"""Recurrent mean fields in print: text, LaTeX, data and picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.meanfield.recurrent import RecurrentMeanField, recurrent_mean_field


@pytest.fixture(scope="module")
def elman() -> RecurrentMeanField:
    return recurrent_mean_field(sg.models.elman(), {"W": 2}, inputs=0)


def test_text_says_what_holds_where(elman: RecurrentMeanField) -> None:
    written = str(elman)
    assert "Q_h = E[tanh(sqrt(v_1)*z)**2]" in written
    assert "Q_h = 0, repelling" in written
    assert "Q_h = 0.3089823848..., attracting" in written
    assert "grow by a factor e in 9.967725399... steps, exploding" in written
    assert "status: proved" in written
    assert "independent of the states they act on" in written


def test_approximate_numbers_are_called_so() -> None:
    theory = recurrent_mean_field(sg.models.lstm())
    written = str(theory)
    assert "Q_c = about" in written
    assert "Gaussian closure of the law of c" in written
    assert r"\approx" in theory.points[0].latex()


def test_data_is_json_and_holds_the_enclosures(elman: RecurrentMeanField) -> None:
    data = json.loads(json.dumps(elman.to_dict()))
    assert data["parameters"]["variances"]["W"] == "2"
    point = data["points"][1]
    low, high = (point["moments"]["Q_h"][end] for end in ("low", "high"))
    assert low <= high
    assert low == pytest.approx(0.308982384884, abs=1e-11)
    assert (point["phase"], point["attracting"]) == ("exploding", True)


def test_latex_names_the_variances_first(elman: RecurrentMeanField) -> None:
    written = elman.latex()
    assert written.index("v_{1} &=") < written.index("Q_{h} &=") < written.index(r"\Gamma &=")
    assert r"\begin{document}" in elman.latex(standalone=True)
    assert "Gaussian pre-activations" in elman.derivation.latex()


def test_the_picture_has_a_line_for_each_point(elman: RecurrentMeanField) -> None:
    axes = elman.plot(horizon=20)
    first, second = axes.get_lines()
    assert first.get_linestyle() != second.get_linestyle()
    assert np.allclose(first.get_ydata(), 2.0 ** np.arange(21))
    assert "repelling" in axes.get_legend().get_texts()[0].get_text()


def test_what_cannot_be_drawn_is_refused(elman: RecurrentMeanField) -> None:
    with pytest.raises(InputError, match="horizon"):
        elman.plot(horizon=0)
    with pytest.raises(InputError, match="no stationary point"):
        recurrent_mean_field(sg.models.residual()).plot()
    with pytest.raises(InputError, match="k: an integer"):
        elman.points[0].gradient_variance(-1)


def test_critical_variances_are_written() -> None:
    (found,) = recurrent_mean_field(sg.models.elman("relu"), inputs=0).critical_variance("weight_hh", (1, 3))
    assert str(found).startswith("chi = 1 for variance 2 of W")
    assert r"\sigma^2_{W}" in found.latex()
    assert json.dumps(found.to_dict())
