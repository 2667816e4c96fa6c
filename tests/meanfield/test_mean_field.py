"""Phases, correlations, depth scales and critical lines: against published values, closed forms and quadrature."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError
from symgrad.meanfield.critical_points import CriticalLine

Z = sp.Symbol("z", real=True)


def gaussian(function: Any, q: Any) -> mpmath.mpf:
    """``E[f(sqrt(q) z)]`` by quadrature at 20 digits."""
    with mpmath.workdps(20):
        root = mpmath.sqrt(q)
        whole = mpmath.quad(lambda z: function(root * z) * mpmath.exp(-(z**2) / 2), [-12, -4, 0, 4, 12])
        return whole / mpmath.sqrt(2 * mpmath.pi)


def line(name: Any, sigma_b2: Any, **options: Any) -> CriticalLine:
    found: CriticalLine = sg.mean_field(name, **options).critical_points(sigma_b2)
    return found


def test_maps_of_relu_are_closed() -> None:
    theory = sg.mean_field("relu")
    q, w, b = sp.Symbol("q", positive=True), sp.Symbol("sigma_w", positive=True), sp.Symbol("sigma_b", nonnegative=True)
    assert theory.q_map == w**2 * q / 2 + b**2
    assert theory.chi_formula == w**2 / 2
    assert theory.derivation.steps


@pytest.mark.slow
def test_tanh_is_critical_where_schoenholz_et_al_found_it() -> None:
    # Schoenholz et al. 2017, section 3, use sigma_b^2 = 0.05 with the critical sigma_w^2 = 1.76
    found = line("tanh", 0.05)
    (point,) = found.points
    assert found.complete
    assert point.is_edge
    assert point.stability == "attracting"
    assert float(point) == pytest.approx(1.76, abs=0.005)
    q = mpmath.mpf(float(point.variance.mid()))
    slope = gaussian(lambda x: mpmath.sech(x) ** 4, q)
    assert float(point.sigma_w2.mid()) == pytest.approx(float(1 / slope), rel=1e-11)
    assert float(q - gaussian(lambda x: mpmath.tanh(x) ** 2, q) / slope) == pytest.approx(0.05, rel=1e-10)


def test_a_falsified_critical_point_fails_both_equations() -> None:
    (point,) = line("erf", Fraction(1, 20)).points
    theory = sg.mean_field("erf")
    q = sp.Rational(float(point.variance.mid()))
    good, bad = (theory.chi(sp.Rational(float(point)) * factor, 0.05, q) for factor in (1, sp.Rational(1001, 1000)))
    assert abs(float(good.mid()) - 1) < 1e-10
    assert bad > 1


@pytest.mark.parametrize(
    ("name", "gain", "stability", "edge"),
    [
        ("tanh", 1, "attracting algebraically", True),
        ("erf", sp.pi / 4, "attracting algebraically", True),
        ("relu", 2, "neutral (continuum)", True),
        ("gelu", 4, "repelling", False),
        pytest.param("silu", 4, "repelling", False, marks=pytest.mark.slow),
        ("elu", 1, "attracting algebraically", True),
        (Z + sp.sin(Z), sp.Rational(1, 4), "attracting algebraically", True),
    ],
)
def test_without_biases_only_the_origin_is_critical(name: Any, gain: sp.Expr, stability: str, edge: bool) -> None:
    found = line(name, 0)
    (point,) = found.points
    assert (point.exact, point.stability, point.is_edge) == (gain, stability, edge)
    assert found.complete


@pytest.mark.slow
def test_gelu_is_critical_where_the_variance_is_repelled() -> None:
    (point,) = line("gelu", 0.05).points
    assert point.stability == "repelling"
    assert point.is_edge is False
    assert point.slope > 1
    (later,) = line("gelu", 0.3).points
    assert later.is_edge


@pytest.mark.slow
def test_elu_is_critical_at_an_attracting_variance() -> None:
    (point,) = line("elu", 0.05).points
    assert point.is_edge
    assert float(point) == pytest.approx(1.533718331, rel=1e-9)


def test_relu_with_biases_has_no_edge_of_chaos() -> None:
    found = line("relu", 0.1)
    assert not found.points
    assert found.complete
    assert "no edge of chaos" in found.reason


@pytest.mark.slow
def test_a_line_at_many_biases_agrees_with_the_proved_points() -> None:
    theory = sg.mean_field("erf", skip=0.5)
    many: Any = theory.critical_line(np.array([0.02, 0.2]))
    for number, bias in enumerate((0.02, 0.2)):
        (point,) = theory.critical_points(bias).points
        assert many.edge_of_chaos[number] == pytest.approx(float(point), rel=1e-10)
        assert many.slopes[number, 0] == pytest.approx(float(point.slope.mid()), rel=1e-8)


@pytest.mark.parametrize(
    ("name", "gain", "bias", "word"),
    [
        ("relu", 2, 0, "critical"),
        ("relu", 2, 0.1, "variance diverges"),
        ("relu", 1.9, 0.1, "ordered"),
        ("relu", 2.1, 0, "variance diverges"),
        ("tanh", 1, 0, "critical"),
        ("erf", sp.pi / 4, 0, "critical"),
        ("erf", 0.7, 0, "ordered"),
        ("erf", 3, 0.1, "chaotic"),
        ("gelu", 4, 0, "variance diverges"),
        pytest.param("gelu", 3, 0, "ordered", marks=pytest.mark.slow),
        (sp.cos(Z), 3, 0.1, "chaotic"),
        (sp.Heaviside(Z), 2, 0.1, "chaotic"),
    ],
)
def test_phases(name: Any, gain: Any, bias: Any, word: str) -> None:
    found = sg.mean_field(name).phase(gain, bias)
    assert found.word == word
    assert any(known in found.reason for known in ("attract", "repelling", "neutral", "fixed point"))


def test_correlations_of_relu_are_the_arc_cosine_kernel() -> None:
    # Cho and Saul 2009: (sqrt(1 - c^2) + c (pi - acos c))/pi for q = 1, sigma_w^2 = 2
    theory = sg.mean_field("relu")
    for c in (-0.5, 0.0, 0.3, 0.9):
        expected = (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / np.pi
        assert float(theory.correlation_map(c, 2, 0, q=1).mid()) == pytest.approx(expected, rel=1e-12)
    assert theory.c_star(2, 0).attracting is not None


def test_chaotic_correlations_settle_below_one() -> None:
    theory = sg.mean_field("erf")
    found = theory.c_star(3, 0.1)
    assert [point.stability for point in found] == ["attracting", "repelling"]
    assert found.complete
    (q,) = (mpmath.mpf(float(point)) for point in theory.q_star(3, 0.1).attracting)
    c = float(found[0])
    kernel = 2 / mpmath.pi * mpmath.asin(2 * q * c / (1 + 2 * q))  # Williams 1998
    assert float((3 * kernel + mpmath.mpf("0.1")) / q) == pytest.approx(c, rel=1e-9)
    assert float(found[0].slope.mid()) < 1 < float(found[1].slope.mid())
    assert theory.c_star(3, 0)[0].exact == 0


def test_with_dropout_inputs_decorrelate() -> None:
    found = sg.mean_field("erf", dropout=0.1).c_star(1, 0.1)
    assert len(found) == 1
    assert float(found[0]) < 1
    assert found.complete


def test_depth_scales_follow_the_slopes() -> None:
    theory = sg.mean_field("erf")
    ordered = theory.depth_scale(1, 0.1)
    chi = float(theory.chi(1, 0.1).mid())
    assert float(ordered.xi_c.mid()) == pytest.approx(-1 / np.log(chi), rel=1e-10)
    assert float(ordered.xi_gradient.mid()) == pytest.approx(-1 / np.log(chi), rel=1e-10)
    chaotic, settled = theory.depth_scale(3, 0.1), theory.c_star(3, 0.1)[0]
    assert float(chaotic.xi_c.mid()) == pytest.approx(-1 / np.log(float(settled.slope.mid())), rel=1e-8)
    critical = theory.depth_scale(sp.pi / 4, 0)
    assert not critical.xi_c.is_finite()
    assert not critical.xi_gradient.is_finite()
    assert float(theory.gradient_variance(1, 0.1, 7).mid()) == pytest.approx(chi**7, rel=1e-10)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda t: t.q_star(-1, 0), "sigma_w2"),
        (lambda t: t.q_star(1, -1), "sigma_b2"),
        (lambda t: t.q_star("x", 0), "sigma_w2"),
        (lambda t: t.correlation_map(2, 1, 0.1), "c:"),
        (lambda t: t.gradient_variance(1, 0.1, -3), "k:"),
        (lambda t: t.chi(2.5, 0), "q:"),
    ],
)
def test_bad_input_is_named(question: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        question(sg.mean_field("relu"))


def test_what_is_no_activation_is_refused() -> None:
    with pytest.raises(InputError, match="activation"):
        sg.mean_field(3)
    with pytest.raises(InputError, match="dropout"):
        sg.mean_field("relu", dropout=1)
    with pytest.raises(InputError, match="no such option"):
        sg.mean_field("relu", depth=3)


def test_a_recurrent_model_has_a_theory_too() -> None:
    theory: Any = sg.mean_field(sg.models.elman())
    assert theory.model.name == "elman"
