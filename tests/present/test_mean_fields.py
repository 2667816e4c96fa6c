"""Mean fields in print and in pictures: stability is named, numbers agree with the theory, LaTeX and JSON are sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError
from symgrad.meanfield.depth_scales import GradientVariance
from symgrad.present.mean_field_grid import critical_curve, phase_grid
from symgrad.present.mean_field_words import words_latex
from tests.present.typesetting import complaints, typeset

matplotlib.use("Agg")
X = sp.Symbol("x", real=True)


@pytest.fixture(scope="module")
def erf() -> Any:
    return sg.mean_field("erf")


@pytest.fixture(scope="module")
def relu() -> Any:
    return sg.mean_field("relu")


@pytest.fixture(scope="module")
def gelu() -> Any:
    return sg.mean_field("gelu")


def _results(theory: Any) -> list[Any]:
    found = theory.q_star(1.5, 0.05)
    correlations, line = theory.c_star(1.5, 0.05), theory.critical_line(0.05)
    scales = theory.depth_scale(1.5, 0.05)
    gradient = GradientVariance(scales.variance, scales.stability, found[0].chi, 3, found[0].chi ** 3)
    results = [theory, found, found[0], correlations, correlations[0], line, scales, gradient]
    return [*results, theory.phase(1.5, 0.05), theory.critical_line([0.05, 0.1]), *line]


def test_every_result_is_text_latex_and_json(erf: Any) -> None:
    for result in _results(erf):
        assert str(result) == result.text()
        assert result.latex().count("{") == result.latex().count("}")
        json.dumps(result.to_dict(), allow_nan=False)


def test_the_stability_is_always_named(erf: Any, relu: Any) -> None:
    words = ("attracting", "repelling", "neutral", "none", "undecided", "edge of chaos")
    for theory in (erf, relu):
        for result in _results(theory):
            assert any(word in str(result) for word in words), result
    assert "continuum, neutral" in str(relu.q_star(2, 0))
    assert "continuum, neutral" in str(relu.phase(2, 0))
    assert "neutral (continuum)" in str(relu.depth_scale(2, 0))


def test_a_repelling_critical_point_is_called_no_edge_of_chaos(gelu: Any) -> None:
    words = str(gelu.critical_line(0))
    assert "4          0   repelling  1       no edge of chaos" in words
    assert "so it is no edge of chaos" in words
    assert "there is no edge of chaos for these biases" in words


@pytest.mark.slow
def test_gelu_has_an_edge_of_chaos_for_large_biases_only(gelu: Any) -> None:
    assert "0.7220357669...  repelling  1.085113271...  no edge of chaos" in str(gelu.critical_line(0.05))
    assert str(gelu.critical_line(0.3)).endswith("edge of chaos")
    assert "not attracting" in str(gelu.critical_line([0.05]))
    assert "no edge of chaos" not in str(gelu.critical_line(0.3))


def test_the_critical_line_of_relu_without_and_with_biases(relu: Any) -> None:
    assert "any  neutral (continuum)" in str(relu.critical_line(0))
    words = str(relu.critical_line(0.1))
    assert words.startswith("relu, sigma_b^2 = 1/10: chi_1 = 1 at no fixed points of the variance, proved\n")
    assert "the variance grows without a fixed point: no edge of chaos" in words
    assert relu.critical_line(0.1).to_dict()["points"] == []


def test_dropout_leaves_no_edge_of_chaos() -> None:
    line = sg.mean_field("erf", dropout=0.1).critical_line(0.05)
    assert [point.is_edge for point in line] == [False]
    assert line.edge == ()
    assert "with dropout equal inputs do not stay equal: no edge of chaos" in str(line)


def test_numbers_in_print_are_those_of_the_theory(erf: Any) -> None:
    point = erf.q_star(1.5, 0.05)[0]
    data = erf.q_star(1.5, 0.05).to_dict()
    assert data["complete"] is True
    assert data["points"][0]["variance"]["low"] <= float(point) <= data["points"][0]["variance"]["high"]
    assert str(float(point))[:10] in str(erf.q_star(1.5, 0.05))
    assert "xi_c = 32.34023964..." in str(erf.depth_scale(1.5, 0.05))  # 1/|log C'(c*)|, C' = 0.96955...
    assert "sigma_w^2 = pi/4 exactly" in str(erf.critical_line(0))
    assert r"\frac{\pi}{4} = 0.7853981633\ldots" in erf.critical_line(0).latex()


def test_rational_fixed_points_are_written_as_fractions(relu: Any) -> None:
    assert "\n1/5  attracting  0.75" in str(relu.q_star(1.5, 0.05))
    assert r"\frac{1}{5} & \text{attracting}" in relu.q_star(1.5, 0.05).latex()


@pytest.mark.slow
def test_unbounded_variances_and_jumps_are_stated(gelu: Any) -> None:
    assert "large variances grow without bound" in str(gelu.q_star(2, 0.1))
    assert gelu.q_star(2, 0.1).to_dict()["diverges"] is True
    step = sg.mean_field(sp.sign(X))
    assert "chi_1 = oo" in str(step)
    assert "no edge of chaos: the activation jumps" in str(step)
    assert "phi jumps, so that chi_1 is infinite" in str(step.critical_line(0.1))


def test_words_with_symbols_in_latex() -> None:
    assert words_latex("chi_1 = 1 at sigma_w^2 = 9/5") == r"\chi_1 = 1\text{ at }\sigma_w^2 = 9/5"
    assert words_latex("C(1) = 1 and C'(1) < 1: no other") == r"C(1) = 1\text{ and }C'(1) < 1\text{: no other}"
    assert words_latex("word " * 40).startswith("\\begin{array}{c}\n\\text{word word")


@pytest.mark.slow
def test_latex_compiles(erf: Any, gelu: Any, tmp_path: Path) -> None:
    for result in (*_results(erf), gelu.critical_line(0), gelu.phase(2, 0.1)):
        assert complaints(typeset(result.latex(standalone=True), tmp_path)) == []


def _labels(axes: Any) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def _words(axes: Any) -> set[str]:
    return {text.get_text() for text in axes.texts}


def test_the_phase_diagram_names_its_regions(erf: Any, relu: Any) -> None:
    axes = erf.plot()
    assert {"ordered", "chaotic"} <= _words(axes)
    assert _labels(axes) == ["edge of chaos"]
    assert axes.get_xlabel() == r"variance of the weights $\sigma_w^2$"
    axes = relu.plot("phase", sigma_w2=(0.5, 3), sigma_b2=(0, 1))
    assert {"ordered", "variance\ndiverges"} <= _words(axes)
    assert _labels(axes) == ["edge of chaos, every variance is kept"]
    assert axes.get_xlim() == (0.5, 3)


@pytest.mark.slow
def test_a_repelling_part_of_the_critical_line_is_dashed(gelu: Any) -> None:
    axes = gelu.plot("phase")
    assert _labels(axes) == ["edge of chaos", r"$\chi_1 = 1$ at a repelling $q^*$: no edge"]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "-."]


def test_the_curve_of_the_phase_diagram_is_the_critical_line(erf: Any) -> None:
    curve = critical_curve(erf)
    assert curve is not None
    order = np.argsort(curve.sigma_b2)
    drawn = np.interp([0.05, 0.3], curve.sigma_b2[order], curve.sigma_w2[order])
    proved = [float(erf.critical_line(sp.Rational(str(offset)))[0]) for offset in (0.05, 0.3)]
    assert drawn == pytest.approx(proved, rel=1e-3)
    assert curve.attracting.all()


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0.2), (2.5, 0.2), (4.0, 0.05)])
def test_contours_have_the_depth_scale_of_the_theory(erf: Any, gain: float, offset: float) -> None:
    grid = phase_grid(erf, np.array([gain]), np.array([offset]))
    scales = erf.depth_scale(gain, offset)
    assert grid.q[0, 0] == pytest.approx(float(scales.variance), rel=1e-4)
    assert 1 / abs(grid.rate[0, 0]) == pytest.approx(float(scales.xi_c), rel=0.01)
    assert (grid.rate[0, 0] < 0) == (erf.phase(gain, offset) == "chaotic")


def test_no_variance_is_drawn_where_none_attracts(relu: Any) -> None:
    grid = phase_grid(relu, np.array([1.5, 2.5]), np.array([0.1]))
    assert grid.q[0, 0] == pytest.approx(0.4, rel=1e-5)
    assert np.isnan(grid.q[0, 1])
    assert np.isnan(grid.rate[0, 1])


@pytest.mark.slow
def test_the_cobweb_marks_fixed_points_by_stability(erf: Any, relu: Any, gelu: Any) -> None:
    axes = erf.plot("cobweb", sigma_w2=2, sigma_b2=0)
    assert {"$q^*$, repelling", "$q^*$, attracting"} <= set(_labels(axes))
    marks = {line.get_label(): line.get_markerfacecolor() for line in axes.lines}
    assert marks["$q^*$, repelling"] == "white"
    assert marks["$q^*$, attracting"] == "black"
    assert gelu.q_star(2, 0.1).plot().get_xscale() == "log"  # variances of different orders of magnitude
    assert relu.plot("cobweb", sigma_w2=2, sigma_b2=0.1).get_title() == "relu: variance map, no fixed point"


def test_correlation_map_and_gradients_by_depth(erf: Any) -> None:
    axes = erf.plot("correlation", sigma_w2=1.5, sigma_b2=0.05)
    assert _labels(axes) == ["$C(c)$", "diagonal", "$c^*$, attracting", "$c^*$, repelling"]
    places, values = axes.lines[0].get_data()
    middle = int(np.abs(places - 0.5).argmin())
    assert values[middle] == pytest.approx(float(erf.correlation_map(float(places[middle]), 1.5, 0.05)), abs=1e-9)
    axes = erf.plot("depth", sigma_w2=1.5, sigma_b2=0.05, depth=8, width=60, samples=6)
    theory = axes.lines[-1].get_ydata()
    assert theory[0] == pytest.approx(float(erf.gradient_variance(1.5, 0.05, 8)), rel=1e-6)
    assert axes.containers


def test_bad_input_of_pictures(erf: Any) -> None:
    with pytest.raises(InputError, match="kind: 'phase', 'cobweb', 'correlation' or 'depth' is needed, got 'x'"):
        erf.plot("x")
    with pytest.raises(InputError, match="sigma_w2, sigma_b2: two numbers are needed for the picture 'cobweb'"):
        erf.plot("cobweb")
    with pytest.raises(InputError, match="sigma_b2: two ends in order"):
        erf.plot(sigma_b2=(1, 0))
    with pytest.raises(InputError, match="sigma_w2: two numbers are needed"):
        erf.plot(sigma_w2="wide")
    step = sg.mean_field(sp.sign(X))
    with pytest.raises(InputError, match="the activation jumps"):
        step.plot()
    with pytest.raises(InputError, match="the activation jumps"):
        step.plot("depth", sigma_w2=1, sigma_b2=0)
