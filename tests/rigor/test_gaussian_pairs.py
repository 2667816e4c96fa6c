"""Enclosed Gaussian means of products: closed forms, expansions against nested quadrature, wide ranges."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE as x
from symgrad.rigor import gaussian_pairs
from symgrad.rigor.balls import ball_from_ends, working_precision
from symgrad.rigor.gaussian_integrals import gaussian_mean, gaussian_pair_mean
from symgrad.rigor.gaussian_pairs import nested_pair_mean
from symgrad.rigor.gaussian_series import PairSeries, expansion
from symgrad.rigor.integrals import smooth_parts

RELU = sp.Max(x, 0)
ELU = sp.Piecewise((x, x > 0), (sp.exp(x) - 1, True))


def relu_pair(c: arb) -> arb:
    """Cho and Saul 2009, "Kernel methods for deep learning": the arc-cosine kernel of degree 1, halved."""
    return ((1 - c * c).sqrt() + c * (arb.pi() - c.acos())) / (2 * arb.pi())


def close(value: arb, expected: arb, tolerance: float = 1e-13) -> bool:
    """Whether a ball is narrow, holds the expected value, and a value shifted by a little is caught."""
    slack = arb(0, 1) * (abs(expected) * 1e-15 + arb(2) ** -60).upper()
    shift = (abs(expected) + arb(1e-3)) * 4 * tolerance
    return bool(
        value.rad() < (abs(expected) + 1e-3) * tolerance
        and value.overlaps(expected + slack)
        and not (value + shift).overlaps(expected + slack)
    )


def known(name: str, c: arb) -> tuple[sp.Expr, sp.Expr, arb]:
    """Two functions and the mean of their product at variance 2."""
    erf = 2 / arb.pi() * (2 * c * 2 / (1 + 2 * arb(2))).asin()  # Williams 1997, "Computing with infinite networks"
    return {
        "relu": (RELU, RELU, 2 * relu_pair(c)),
        "sign": (sp.sign(x), sp.sign(x), 2 / arb.pi() * c.asin()),
        "sin": (sp.sin(x), sp.sin(x), (2 * c).sinh() * arb(-2).exp()),
        "erf": (sp.erf(x), sp.erf(x), erf),
        "mixed": (sp.exp(x), x, 2 * c * arb(1).exp()),
    }[name]


@pytest.mark.parametrize(
    ("name", "correlation"),
    [("relu", -0.9375), ("relu", 0.0), ("sign", 0.5), ("sin", -0.25), ("sin", 0.96875), ("erf", 0.5), ("mixed", 0.75)],
)
def test_closed_forms(name: str, correlation: float) -> None:
    first, second, expected = known(name, arb(correlation))
    assert close(gaussian_pair_mean(first, second, x, arb(2), arb(correlation)), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "sign", "sin", "erf", "mixed"])
@pytest.mark.parametrize("correlation", [-0.875, -0.125, 0.0, 0.625, 0.984375])
def test_closed_forms_at_more_correlations(name: str, correlation: float) -> None:
    first, second, expected = known(name, arb(correlation))
    assert close(gaussian_pair_mean(first, second, x, arb(2), arb(correlation)), expected)


@pytest.mark.slow
def test_correlations_next_to_one() -> None:
    c = arb(1 - 2.0**-26)
    assert close(gaussian_pair_mean(RELU, RELU, x, arb(1), c), relu_pair(c))
    square = gaussian_mean(sp.tanh(x) ** 2, x, arb(1))
    slope = gaussian_mean(sp.cosh(x) ** -4, x, arb(1))  # C'(1) = q E[f'**2]
    assert close(gaussian_pair_mean(sp.tanh(x), sp.tanh(x), x, arb(1), c), square - slope * arb(2) ** -26, 1e-12)


def test_correlations_one_and_minus_one_are_means_of_one_variable() -> None:
    for sign in (1, -1):
        product = sp.tanh(x) * ELU.subs(x, sign * x)
        expected = gaussian_mean(product, x, arb(1.5))
        assert close(gaussian_pair_mean(sp.tanh(x), ELU, x, arb(1.5), arb(sign)), expected)


@pytest.mark.parametrize("formula", [ELU], ids=str)
def test_expansion_and_nested_quadrature_agree(formula: sp.Expr) -> None:
    parts, c = smooth_parts(formula, x), arb(0.375)
    assert parts is not None
    nested = nested_pair_mean(parts, parts, x, arb(1.25), c)
    terms = PairSeries(*[expansion(formula, x, arb(1.25), arb(1.25))] * 2).value(c, c)
    assert nested.rad() < 1e-13
    assert terms.rad() < 1e-9
    assert nested.overlaps(terms)
    assert not (nested + 1e-8).overlaps(terms)


def test_against_a_double_quadrature() -> None:
    f, g = sp.lambdify(x, sp.tanh(x), "mpmath"), sp.lambdify(x, sp.exp(-(x**2)), "mpmath")
    root = mpmath.sqrt(1 - mpmath.mpf("0.25"))

    def integrand(u: mpmath.mpf, v: mpmath.mpf) -> mpmath.mpf:
        return (f(u) + 1) * g(u / 2 + root * v) * mpmath.exp(-(u * u + v * v) / 2) / (2 * mpmath.pi)

    with mpmath.workdps(10):
        value = mpmath.quad(integrand, [-6, 6], [-6, 6], maxdegree=4)
    ball = gaussian_pair_mean(1 + sp.tanh(x), sp.exp(-(x**2)), x, arb(1), arb(0.5))
    assert ball.rad() < 1e-12
    assert ball.overlaps(arb(mpmath.nstr(value, 9)) + arb(0, 1e-7))


@pytest.mark.parametrize("formula", [sp.sin(x), pytest.param(RELU, marks=pytest.mark.slow)], ids=str)
def test_wide_ranges_contain_the_values_inside(formula: sp.Expr) -> None:
    for q, c in ((arb(1), (0.75, 1.0)), (arb(1), (-1.0, 0.5)), (None, (0.4, 0.6))):
        variances = q if q is not None else ball_from_ends(arb(0.5), arb(1))
        wide = gaussian_pair_mean(formula, formula, x, variances, ball_from_ends(arb(c[0]), arb(c[1])))
        for share in (0.0, 1.0) if q is None else (0.0, 0.3, 1.0):
            at = arb(c[0] + share * (c[1] - c[0]))
            variance = q if q is not None else arb(0.5 + share / 2)
            assert wide.overlaps(gaussian_pair_mean(formula, formula, x, variance, at))
        assert wide.rad() < 1


def test_variances_may_reach_zero() -> None:
    from_zero = gaussian_pair_mean(sp.tanh(x), sp.tanh(x), x, ball_from_ends(arb(0), arb(0.01)), arb(0.5))
    assert from_zero.contains(0)
    assert from_zero.overlaps(gaussian_pair_mean(sp.tanh(x), sp.tanh(x), x, arb(0.0078125), arb(0.5)))
    assert gaussian_pair_mean(sp.cos(x), 2 + x, x, arb(0), arb(0.3)) == 2


def test_narrow_balls_of_correlations_keep_their_accuracy() -> None:
    narrow = gaussian_pair_mean(sp.tanh(x), sp.tanh(x), x, arb(1), arb(0.5, 1e-9))
    assert narrow.rad() < 2e-9
    assert narrow.contains(gaussian_pair_mean(sp.tanh(x), sp.tanh(x), x, arb(1), arb(0.5)).mid())


def test_more_precision_gives_more_digits() -> None:
    with working_precision(120):
        value = gaussian_pair_mean(sp.sin(x), sp.sin(x), x, arb(1), arb(0.5))
        assert value.rel_accuracy_bits() > 105
        assert value.overlaps(arb(0.5).sinh() * arb(-1).exp())


def test_means_that_do_not_exist_are_not_finite() -> None:
    assert not gaussian_pair_mean(sp.exp(x**2), sp.tanh(x), x, arb(1), arb(0.5)).is_finite()
    assert not gaussian_pair_mean(1 / x, sp.tanh(x), x, arb(1), arb(0.5)).is_finite()


def test_a_forgotten_remainder_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    series = PairSeries(*[expansion(RELU, x, arb(1), arb(1))] * 2)
    c = arb(0.875)
    assert series.value(c, c).overlaps(relu_pair(c))
    monkeypatch.setattr(PairSeries, "_remaining", lambda self, count: arb(0))
    assert not series.value(c, c).overlaps(relu_pair(c))


def test_a_falsified_bound_of_the_inner_mean_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_pairs._Inner, "bound", lambda self, mean: arb(0))
    parts = smooth_parts(RELU, x)
    assert parts is not None
    assert not nested_pair_mean(parts, parts, x, arb(1), arb(0.5)).overlaps(relu_pair(arb(0.5)))


def test_input_is_checked() -> None:
    with pytest.raises(InputError, match="variance"):
        gaussian_pair_mean(x, x, x, arb(-1), arb(0))
    with pytest.raises(InputError, match="correlation"):
        gaussian_pair_mean(x, x, x, arb(1), arb(1.5))
    with pytest.raises(InputError, match="contains y"):
        gaussian_pair_mean(sp.Symbol("y"), x, x, arb(1), arb(0.5))
