"""Fast Gaussian means against closed forms, against mpmath, and against what cannot be integrated."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.checked_means import checked_mean, checked_pair_mean
from symgrad.meanfield.fast_means import fast_mean, fast_mean_with_error
from symgrad.meanfield.fast_pair_means import fast_pair_mean
from symgrad.meanfield.means import Mean, PairMean
from symgrad.rigor.gaussian_integrals import gaussian_mean

VARIANCES = np.array([1e-8, 1e-3, 0.3, 1.0, 7.0, 1e2])
R = sp.Rational

CLOSED: dict[str, tuple[sp.Expr, Callable[[float], float]]] = {
    "relu": (sp.Max(X, 0) ** 2, lambda q: q / 2),
    "leaky": (sp.Piecewise((X, X > 0), (-X / 4, True)) ** 2, lambda q: q * (1 + 1 / 16) / 2),
    "erf": (sp.erf(X) ** 2, lambda q: 2 / math.pi * math.asin(2 * q / (1 + 2 * q))),
    "exp": (sp.exp(X), lambda q: math.exp(q / 2)),
    "cos": (sp.cos(X) ** 2, lambda q: (1 + math.exp(-2 * q)) / 2),
    "polynomial": (X**6 - X**2, lambda q: 15 * q**3 - q),
    "bump": (sp.exp(-(X**2)), lambda q: 1 / math.sqrt(1 + 2 * q)),
    "modulus": (sp.Abs(X), lambda q: math.sqrt(2 * q / math.pi)),
    "root": (sp.sqrt(sp.Abs(X)), lambda q: q**0.25 * 2**0.25 * math.gamma(0.75) / math.sqrt(math.pi)),
    "square wave of a sort": (sp.sign(X) * X, lambda q: math.sqrt(2 * q / math.pi)),
    "logarithm": (sp.log(sp.Abs(X)), lambda q: (math.log(q) - 0.5772156649015329 - math.log(2)) / 2),
}


@pytest.mark.parametrize("name", CLOSED)
def test_means_are_those_of_closed_forms(name: str) -> None:
    formula, closed = CLOSED[name]
    found = fast_mean_with_error(formula, X, VARIANCES)
    expected = np.array([closed(q) for q in VARIANCES])
    error = np.abs(found.values - expected)
    assert (error <= 2e-13 * found.sizes).all()
    assert (error <= 40 * found.errors + 4e-15 * found.sizes).all()


@pytest.mark.parametrize("name", [name for name in CLOSED if name not in ("logarithm", "cos")])
def test_derivatives_by_the_variance_are_those_of_closed_forms(name: str) -> None:
    formula, closed = CLOSED[name]
    with mpmath.workdps(40):
        exact = {
            "erf": lambda q: 2 / mpmath.pi * mpmath.asin(2 * q / (1 + 2 * q)),
            "exp": lambda q: mpmath.exp(q / 2),
            "bump": lambda q: 1 / mpmath.sqrt(1 + 2 * q),
            "root": lambda q: q ** mpmath.mpf("0.25") * closed(1.0),
            "modulus": lambda q: mpmath.sqrt(2 * q / mpmath.pi),
            "square wave of a sort": lambda q: mpmath.sqrt(2 * q / mpmath.pi),
        }.get(name, closed)
        for order in (1, 2):
            found = fast_mean_with_error(formula, X, VARIANCES[1:-1], order)
            expected = [float(mpmath.diff(exact, mpmath.mpf(float(q)), order)) for q in VARIANCES[1:-1]]
            assert np.abs(found.values - expected) == pytest.approx(0, abs=1e-10 * float(found.sizes.max()))


@pytest.mark.parametrize(
    ("formula", "marks"),
    [
        (sp.tanh(1000 * X - 370) ** 2, (0.367, 0.37, 0.373)),
        (10**6 * (1 - sp.tanh(1000 * X - 370) ** 2) ** 2, (0.36, 0.367, 0.37, 0.373, 0.38)),
        (sp.Max(-1, sp.Min(1, X)) ** 2, (-1.0, 1.0)),
        (sp.Piecewise((X, X > 0), (sp.exp(X) - 1, True)) ** 2, ()),
        ((X / (1 + sp.exp(-3 * X))) ** 2, ()),
        (sp.Heaviside(X - R(1, 3)) * X, (1 / 3,)),
    ],
)
def test_steep_and_kinked_formulas_have_their_digits(formula: sp.Expr, marks: tuple[float, ...]) -> None:
    variances = [0.1, 1.0, 50.0]
    function = sp.lambdify(X, formula, "mpmath")
    with mpmath.workdps(20):
        for q, value in zip(variances, fast_mean(formula, X, variances), strict=True):
            root = mpmath.sqrt(q)
            places = sorted([-30, -6, -2, 0, 2, 6, 30, *(mark / root for mark in marks)])
            places = [p for p in places if abs(p) <= 30]
            expected = mpmath.quad(lambda z, s=root: function(s * z) * mpmath.npdf(z), places)
            assert value == pytest.approx(float(expected), rel=2e-11)


def test_a_mean_that_does_not_exist_is_infinite() -> None:
    found = fast_mean(sp.exp(X**2 / 4), X, [0.0, 1.0, 2.5])
    assert found[:2] == pytest.approx([1.0, math.sqrt(2)], rel=1e-13)
    assert found[2] == math.inf
    assert fast_mean(-sp.exp(X**2), X, 1.0) == -math.inf


def test_values_beyond_the_range_of_floats_do_not_spoil_a_mean_within() -> None:
    assert fast_mean(sp.exp(2 * X), X, 300.0) == pytest.approx(math.exp(600), rel=1e-11)


@pytest.mark.parametrize(
    "formula",
    [
        sp.Max(-1, sp.Min(1, X / 6 + sp.Rational(1, 2))) ** 2,
        (1 + sp.Max(X, 0)) ** 2,
        sp.Max(X - sp.Rational(1, 10), 0),
        X**2 * sp.log(sp.Abs(X)),
    ],
    ids=str,
)
def test_derivatives_at_small_variances_of_formulas_with_kinks(formula: sp.Expr) -> None:
    variances = np.array([1e-300, 1e-100, 1e-12, 1e-6, 5e-3])
    for variance, value in zip(variances, fast_mean(formula, X, variances, order=1), strict=True):
        expected = gaussian_mean(formula, X, arb(variance), order=1)
        assert abs(expected - value) <= abs(value) * 1e-12 + 1e-300


def test_variance_zero() -> None:
    assert fast_mean(sp.Heaviside(X), X, 0.0) == 0.5
    assert fast_mean(sp.Max(X, 0) ** 2, X, 0.0, 1) == 0.5
    assert fast_mean(sp.Abs(X), X, 0.0, 1) == math.inf
    assert fast_mean(sp.tanh(X) ** 2, X, 0.0, 1) == 1
    assert fast_mean(sp.tanh(X) ** 2, X, 0.0, 2) == -4


def test_kinks_without_number_are_found_by_the_rule_itself() -> None:
    # E|sin(s z)| from the Fourier series of |sin|
    for q in (0.5, 4.0):
        series = 2 / math.pi - 4 / math.pi * sum(math.exp(-2 * k * k * q) / (4 * k * k - 1) for k in range(1, 60))
        assert float(fast_mean(sp.Abs(sp.sin(X)), X, q)) == pytest.approx(series, rel=1e-13)


@settings(max_examples=10, deadline=None)
@given(st.floats(-3, 3), st.floats(1e-3, 1e3), st.floats(-4, 4), st.floats(-4, 4))
def test_two_slopes_and_a_step(threshold: float, q: float, low: float, high: float) -> None:
    edge = sp.Rational(threshold)
    formula = sp.Piecewise((sp.Rational(low), edge > X), (sp.Rational(high), True))
    below = math.erfc(-threshold / math.sqrt(2 * q)) / 2
    assert fast_mean(formula, X, q) == pytest.approx(low * below + high * (1 - below), rel=1e-12, abs=1e-13)


def test_enclosures_bound_the_error_and_catch_a_falsified_value() -> None:
    grid = np.geomspace(0.01, 100, 12).reshape(3, 4)
    mean = Mean(sp.atan(X) ** 2)
    checked = checked_mean(mean, grid, count=2)
    assert checked.values.shape == (3, 4)
    assert checked.largest_error < 1e-13

    class Falsified(Mean):
        def floats(self, variances: object, order: int = 0) -> np.ndarray:
            return super().floats(variances, order) + 1e-9

    assert checked_mean(Falsified(sp.atan(X) ** 2), grid, count=1).largest_error > 0.99e-9


PAIRS: dict[str, tuple[sp.Expr, Callable[[float, float], float]]] = {
    "relu": (sp.Max(X, 0), lambda q, c: q * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)),
    "sign": (sp.sign(X), lambda q, c: 2 / math.pi * math.asin(c)),
    "erf": (sp.erf(X), lambda q, c: 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))),
    "exp": (sp.exp(X), lambda q, c: math.exp(q * (1 + c))),
    "sin": (sp.sin(X), lambda q, c: math.exp(-q) * math.sinh(q * c)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_means_of_pairs_are_those_of_closed_forms(name: str) -> None:
    formula, closed = PAIRS[name]
    correlations = np.array([-1, -0.7, 0, 0.5, 0.999, 1 - 1e-9, 1])
    for q in (0.2, 3.0):
        expected = [closed(q, c) for c in correlations]
        assert fast_pair_mean(formula, formula, X, q, correlations) == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_a_pair_of_different_functions_with_kinks() -> None:
    # Price's theorem: the derivative by the covariance is the mean of the product of derivatives
    f, g = sp.Max(X, 0), sp.Max(-1, sp.Min(1, X))
    c, h, q = 0.4, 1e-4, 1.7
    upper, lower = (fast_pair_mean(f, g, X, q, c + s * h) for s in (1, -1))
    slopes = fast_pair_mean(sp.Heaviside(X), sp.Heaviside(X + 1) - sp.Heaviside(X - 1), X, q, c)
    assert (upper - lower) / (2 * h) == pytest.approx(q * slopes, rel=1e-7)
    assert fast_pair_mean(f, g, X, q, c) == pytest.approx(float(fast_pair_mean(g, f, X, q, c)), rel=1e-12)


def test_pairs_are_held_against_enclosures() -> None:
    assert checked_pair_mean(PairMean(sp.erf(X), sp.erf(X)), [0.5, 2.0], [0.3, -0.9]).largest_error < 1e-14


@pytest.mark.parametrize("variances", [-1.0, [1.0, math.nan], "one", math.inf])
def test_variances_that_are_none(variances: object) -> None:
    with pytest.raises(InputError, match="variances"):
        fast_mean(X, X, variances)


def test_malformed_orders_and_correlations() -> None:
    with pytest.raises(InputError, match="order"):
        fast_mean(X, X, 1.0, 3)
    with pytest.raises(InputError, match="correlations"):
        fast_pair_mean(X, X, X, 1.0, 1.1)
    with pytest.raises(InputError, match="count"):
        checked_mean(Mean(X), [1.0], count=0)
