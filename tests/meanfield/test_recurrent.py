"""Recurrent mean field: closed forms, quadrature at 30 digits, cells that nobody listed, and what is refused."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError, UnsupportedExpressionError
from symgrad.language.joint_mean import GaussianJointMean
from symgrad.meanfield.duals import Dual
from symgrad.meanfield.mixture_means import enclosed_joint_mean
from symgrad.meanfield.moment_values import float_value
from symgrad.meanfield.recurrent import recurrent_mean_field
from symgrad.rigor.balls import working_precision
from symgrad.rigor.functions import logistic

n, m = sp.symbols("n m", positive=True, integer=True)
h, c, u = (sp.MatrixSymbol(name, n, 1) for name in "hcu")
W, V, Y = (sp.MatrixSymbol(name, n, n) for name in "WVY")
b = sp.MatrixSymbol("b", n, 1)
tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")


def _mean(function: object, variance: object) -> mpmath.mpf:
    """E[f(sqrt(v) z)] at 30 digits."""
    root = mpmath.sqrt(variance)
    return mpmath.quad(lambda z: function(root * z) * mpmath.npdf(z), [-12, -4, 0, 4, 12])


def _inside(ball: arb, value: mpmath.mpf) -> bool:
    return bool(ball.overlaps(arb(mpmath.nstr(value, 28), 1e-18)))


def test_elman_has_the_moments_and_the_slope_of_quadrature() -> None:
    mpmath.mp.dps = 30
    point = recurrent_mean_field(sg.models.elman(), {"W": 2}, {"b": sp.Rational(1, 5)}).point
    moment = mpmath.findroot(
        lambda q: _mean(lambda x: mpmath.tanh(x + mpmath.mpf(1) / 5) ** 2, 2 * q + mpmath.mpf(1) / 3) - q, 0.4
    )
    chi = 2 * _mean(lambda x: mpmath.sech(x + mpmath.mpf(1) / 5) ** 4, 2 * moment + mpmath.mpf(1) / 3)
    assert (point.status, point.attracting) == ("proved", True)
    assert _inside(next(iter(point.moments.values())), moment)
    assert _inside(point.chi, chi)
    assert not _inside(point.chi * arb("1.000001"), chi)  # a falsified enclosure is told apart


def test_leaky_relu_cell_in_closed_form() -> None:
    rate, gain = sp.Rational(3, 10), 2
    theory = recurrent_mean_field(sg.models.leaky(rate, "relu"), {"W": gain})
    assert sp.simplify(theory.chi_formula.subs(sp.Symbol("sigma_W", positive=True), sp.sqrt(gain))) == (
        (1 - rate) ** 2 + rate**2 * gain / 2
    )
    assert theory.point.chi.overlaps(arb("0.58"))
    assert theory.point.time_scale.overlaps(-1 / arb("0.58").log())


def test_zero_repels_and_the_other_point_attracts() -> None:
    theory = recurrent_mean_field(sg.models.elman(), {"W": 2}, inputs=0)
    zero, other = theory.points
    assert (zero.attracting, other.attracting) == (False, True)
    assert zero.chi == 2
    assert zero.phase == "exploding"
    assert theory.point is other


def test_the_critical_elman_cell_is_critical() -> None:
    theory = recurrent_mean_field(sg.models.elman("relu"), {"W": 2}, inputs=0)
    assert theory.chi_formula.subs(sp.Symbol("sigma_W", positive=True), sp.sqrt(2)) == 1
    assert theory.points[0].phase == "critical"
    assert theory.points[0].time_scale == arb.pos_inf()


@pytest.mark.slow
def test_forget_bias_lengthens_the_time_scale_of_the_lstm() -> None:
    theories = [recurrent_mean_field(sg.models.lstm(), means={"b_hf": bias}) for bias in (0, 3)]
    assert theories[0].time_scale < theories[1].time_scale
    # the path of the cell alone keeps E[f^2]
    theory = theories[1]
    moments = {str(symbol): float(value) for symbol, value in theory.point.moments.items()}
    variance = moments["Q_h"] / 3 + 1 / 3
    kept = float(_mean(lambda x: 1 / (1 + mpmath.exp(-x - 3)) ** 2, variance))
    assert float(theory.point.blocks[1][1]) == pytest.approx(kept, rel=1e-9)
    # and what is not proved says so
    assert "approximate quadrature" in theory.point.status
    assert "Gaussian closure of the law of c" in theory.point.status
    assert isinstance(theory.chi, float)
    assert any("Gaussian" in words for words in theory.assumptions)


def test_critical_variances_solve_both_equations() -> None:
    (found,) = recurrent_mean_field(sg.models.elman()).critical_variance("W", (2, 3))
    assert found.status == "proved"
    (moment,) = map(float, found.moments.values())
    gain = float(found.variance)
    field = gain * moment + 1 / 3
    assert float(_mean(lambda x: mpmath.tanh(x) ** 2, field)) == pytest.approx(moment, rel=1e-12)
    assert gain * float(_mean(lambda x: mpmath.sech(x) ** 4, field)) == pytest.approx(1, rel=1e-12)
    assert 1.001 * gain * float(_mean(lambda x: mpmath.sech(x) ** 4, field)) != pytest.approx(1, rel=1e-6)


def test_critical_variance_of_a_leaky_cell_in_closed_form() -> None:
    theory = recurrent_mean_field(sg.models.leaky(sp.Rational(1, 5), "relu"))
    (found,) = theory.critical_variance("W", (10, 20))
    # (4/5)^2 + (1/5)^2 s / 2 = 1
    assert float(found.variance) == pytest.approx(18)
    assert theory.critical_variance("W", (1, 10)) == ()


@pytest.mark.parametrize("between", [(2, 1), (0, 1), 3, ("a", 2), (1, 2, 3)])
def test_where_to_look_is_checked(between: object) -> None:
    with pytest.raises(InputError, match="between"):
        recurrent_mean_field(sg.models.elman()).critical_variance("W", between)


def test_only_random_weights_have_a_critical_variance() -> None:
    with pytest.raises(UnknownNameError, match="V"):
        recurrent_mean_field(sg.models.elman()).critical_variance("V")


def test_joint_means_agree_with_gauss_hermite() -> None:
    x, y = sp.symbols("x y", real=True)
    formula = sp.tanh(x / (1 + sp.exp(-y))) ** 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    values = np.tanh(0.5**0.5 * nodes[:, None] / (1 + np.exp(-nodes))) ** 2
    expected = weights @ values @ weights / (2 * np.pi)
    found = float_value(GaussianJointMean(sp.Lambda((x, y), formula), sp.Tuple(sp.Rational(1, 2), 1)), {})
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_the_gru_is_enclosed_and_agrees_with_quadrature_on_a_grid() -> None:
    theory = recurrent_mean_field(sg.models.gru(), means={"b_hz": 2})
    point = theory.point
    assert (point.status, point.attracting) == ("proved", True)
    (moment,) = point.moments.values()
    values = {theory.system.unknowns[0]: float(moment)}
    symbols = {symbol: sp.sqrt(value) for symbol, value in theory.parameters.values.items()}
    on_grid = float_value(theory.chi_formula.xreplace(symbols), values)
    assert abs(on_grid - float(point.chi)) < 1e-9
    assert point.chi.rad() < 1e-7
    assert not point.chi.overlaps(arb(1.00001 * on_grid))


@pytest.mark.parametrize("spread", [0.05, pytest.param(1, marks=pytest.mark.slow)])
def test_mixtures_contain_gauss_hermite(spread: float) -> None:
    y, x, w = sp.symbols("y x w", real=True)
    gate = logistic(y)
    function = sp.Lambda((y, x, w), x**2 * sp.sech(x * gate + w) ** 2 * gate)
    with working_precision(64):
        found = enclosed_joint_mean(function, [Dual(arb(v), ()) for v in (0.5, spread, 0.4)]).value
    nodes, weights = np.polynomial.hermite_e.hermegauss(70)
    r, s, t = np.meshgrid(0.5**0.5 * nodes, spread**0.5 * nodes, 0.4**0.5 * nodes, indexing="ij")
    opened = 1 / (1 + np.exp(-r))
    values = s**2 / np.cosh(s * opened + t) ** 2 * opened
    expected = np.einsum("ijk,i,j,k", values, weights, weights, weights) / (2 * np.pi) ** 1.5
    assert found.rad() < 2e-3 * expected
    assert found.overlaps(arb(expected, 1e-8))
    assert not found.overlaps(arb(1.01 * expected, 1e-8))


def test_a_minimal_gated_unit_of_ones_own() -> None:
    """f = sigmoid(V h + b), h' = (1 - f) h + f tanh(W (f o h)) (Zhou et al. 2016), by hand."""
    gate = sigmoid(V * h + b)
    inner = tanh(W * sg.hadamard(gate, h) + u)
    model = sg.Recurrence(
        {h: sg.hadamard(sp.OneMatrix(n, 1) - gate, h) + sg.hadamard(gate, inner)}, inputs=[u], name="mgu"
    )
    theory = recurrent_mean_field(model, {"W": 2, "V": 1}, {"b": 1}, inputs=sp.Rational(1, 2))
    assert theory.point.status == "proved"
    moment = float(next(iter(theory.point.moments.values())))

    def logistic(x: mpmath.mpf) -> mpmath.mpf:
        return 1 / (1 + mpmath.exp(-x - 1))

    opened = float(_mean(lambda x: logistic(x) ** 2, moment))
    shut = float(_mean(lambda x: (1 - logistic(x)) ** 2, moment))
    field = 2 * opened * moment + 0.5
    assert shut * moment + opened * float(_mean(lambda x: mpmath.tanh(x) ** 2, field)) == pytest.approx(moment)
    slope = float(_mean(lambda x: mpmath.sech(x) ** 4, field))
    rise = float(_mean(lambda x: (logistic(x) * (1 - logistic(x))) ** 2, moment))
    squared = float(_mean(lambda x: mpmath.tanh(x) ** 2, field))
    # D_0 + D_1 V + D_2 W D_3 + D_2 W D_4 V
    expected = shut + rise * (moment + squared) + opened * 2 * slope * (opened + rise * moment)
    assert float(theory.chi) == pytest.approx(expected, rel=1e-9)


def test_two_states_grow_as_the_transfer_matrix_says() -> None:
    model = sg.Recurrence({h: tanh(W * c), c: sp.Rational(1, 2) * c + tanh(V * h + b)}, name="pair")
    theory = recurrent_mean_field(model, {"W": 2, "V": 3}, inputs=0, means={"b": sp.Rational(1, 10)})
    point = theory.points[0]
    (hh, hc), (ch, cc) = np.array(point.blocks, dtype=float)
    assert hh == 0
    assert cc == pytest.approx(0.25)
    radius = max(abs(np.linalg.eigvals([[0, ch], [hc, cc]])))
    assert float(point.chi) == pytest.approx(radius)
    traces = np.linalg.matrix_power(np.array([[0, ch], [hc, cc]]), 5)
    assert float(point.gradient_variance(5)) == pytest.approx(traces.sum() / 2)


def test_linear_states_are_gaussian_without_a_closure() -> None:
    """x' = x/2 + W tanh(x) keeps a Gaussian law: the moments need no assumption about it."""
    x = sp.MatrixSymbol("x", n, 1)
    model = sg.Recurrence({x: sp.Rational(1, 2) * x + W * tanh(x) + u}, inputs=[u], name="leaky activations")
    point = recurrent_mean_field(model, {"W": 1}, inputs=1).point
    assert point.status == "proved"
    moment = float(next(iter(point.moments.values())))
    assert moment / 4 + float(_mean(lambda z: mpmath.tanh(z) ** 2, moment)) + 1 == pytest.approx(moment, rel=1e-12)
    expected = 0.25 + float(_mean(lambda z: mpmath.sech(z) ** 2 + mpmath.sech(z) ** 4, moment))
    # (1/2 + W D)(1/2 + W D)^T: the cross term is centred
    expected -= float(_mean(lambda z: mpmath.sech(z) ** 2, moment))
    assert float(point.chi) == pytest.approx(expected, rel=1e-12)


def test_a_state_that_only_adds_has_no_stationary_moments() -> None:
    theory = recurrent_mean_field(sg.models.residual())
    assert theory.points == ()
    assert "run off" in str(theory)
    with pytest.raises(InputError, match="no stationary points"):
        _ = theory.chi


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"variances": {"W": -1}}, InputError, "variance of W"),
        ({"variances": "jax"}, InputError, "variances: 'torch'"),
        ({"variances": {"X": 1}}, UnknownNameError, "X"),
        ({"means": {"W": 1}}, UnknownNameError, "W"),
        ({"means": 3}, InputError, "means: a mapping"),
        ({"inputs": "many"}, InputError, "inputs"),
    ],
)
def test_bad_numbers_are_named(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        recurrent_mean_field(sg.models.elman(), **options)


def test_what_is_no_wide_cell_is_refused() -> None:
    with pytest.raises(UnsupportedExpressionError, match="scalar model"):
        recurrent_mean_field(sg.models.neuron(), means={"w": 1, "b": 0})
    with pytest.raises(InputError, match="scalar parameter alpha"):
        recurrent_mean_field(sg.models.leaky())
    twice = sg.Recurrence({h: tanh(W * h + W * tanh(h))}, name="twice")
    with pytest.raises(UnsupportedExpressionError, match="two different vectors"):
        recurrent_mean_field(twice)
    antisymmetric = sg.Recurrence({h: tanh((W - W.T) * h)}, name="antisymmetric")
    with pytest.raises(UnsupportedExpressionError):
        recurrent_mean_field(antisymmetric)
    with pytest.raises(InputError, match="model: a Recurrence"):
        recurrent_mean_field("tanh")
