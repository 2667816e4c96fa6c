"""Formulas on complex balls: values against mpmath, and no value where a function is not analytic."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import acb, arb

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.rigor.complex_balls import complex_ball_function
from symgrad.rigor.functions import logistic, softplus

x = sp.Symbol("x", real=True)
ANALYTIC = [
    sp.exp(-(x**2)) * sp.sin(3 * x),
    sp.tanh(x) ** 2 / (1 + x**2),
    sp.sqrt(2 + sp.cos(x) / 2),
    sp.log(9 + x**2) * sp.atan(x / 2),
    sp.erf(x) + sp.erfc(-x / 3) + (1 + sp.erf(x / 2)) + sp.exp(x) - 1,
    sp.asinh(x) * sp.cosh(x / 2) + sp.sech(x / 3),
    (5 + x) ** sp.Rational(1, 3) - sp.Float(0.25) * x + (2 + x**2) ** sp.Float(0.5),
    sp.loggamma(x + 4) + sp.polygamma(1, x + 5) + sp.gamma(x + 4),
    sp.asin(x / 5) + sp.atanh(x / 4) + sp.acosh(x + 6) - sp.acos(x / 4),
    sp.tan(x / 9) + sp.csch(x + 5) + sp.coth(x + 5) + sp.cot(x / 9 + 1) + sp.sec(x / 9) + sp.csc(x / 9 + 1) + 2**x,
]
POINTS = [(-1.5, 0.25), (0.75, -0.5), (2.0, 0.0), (0.5, 1.25)]


def encloses(ball: acb, value: complex) -> bool:
    with mpmath.workdps(25):
        parts = [arb(mpmath.nstr(mpmath.re(value), 22)), arb(mpmath.nstr(mpmath.im(value), 22))]
        slack = arb(0, 1) * 1e-18
        return bool(ball.real.overlaps(parts[0] + slack) and ball.imag.overlaps(parts[1] + slack))


@pytest.mark.parametrize("formula", ANALYTIC, ids=str)
def test_values_are_those_of_mpmath(formula: sp.Expr) -> None:
    function, reference = complex_ball_function(formula, x), sp.lambdify(x, formula, "mpmath")
    for re, im in POINTS:
        with mpmath.workdps(25):
            value = reference(mpmath.mpc(re, im))
        ball = function(acb(re, im))
        assert ball.real.rad() < 1e-10
        assert encloses(ball, value)
        assert function(acb(arb(re, 0.01), arb(im, 0.01))).contains(ball.mid())


@pytest.mark.parametrize("point", [(-40.0, 5.0), (-2.0, 1.0), (0.5, -3.0), (30.0, 2.0), (800.0, 1.0), (-800.0, 40.0)])
def test_logistic_and_softplus_continue_their_definitions(point: tuple[float, float]) -> None:
    with mpmath.workdps(60):
        grown = mpmath.exp(mpmath.mpc(*point))
        values = grown / (1 + grown), mpmath.log1p(grown)
    for function, value in zip((logistic, softplus), values, strict=True):
        assert encloses(complex_ball_function(function(x), x)(acb(*point)), value)


def test_softplus_is_not_continued_across_its_cuts() -> None:
    function = complex_ball_function(softplus(x), x)
    assert not function(acb(arb(1), arb(3.2, 0.2))).is_finite()  # the cut at Im z = pi, Re z >= 0
    assert function(acb(arb(-1), arb(3.2, 0.2))).is_finite()


@pytest.mark.parametrize(
    ("formula", "ball"),
    [
        (sp.sqrt(x), acb(arb(0, 1), arb(0, 1))),
        (sp.log(x), acb(arb(-2, 1), arb(0, 0.1))),
        (x ** sp.Rational(1, 3), acb(arb(0, 1))),
        (sp.atan(x), acb(arb(0, 0.1), arb(1.5, 0.1))),
        (sp.asinh(x), acb(arb(0, 0.1), arb(1, 0.1))),
        (sp.asin(x), acb(arb(1, 0.1), arb(0, 0.1))),
        (sp.acosh(x), acb(arb(0.5, 0.1), arb(0, 0.1))),
        (sp.atanh(x), acb(arb(2, 0.1), arb(0, 0.1))),
        (sp.loggamma(x), acb(arb(-0.5, 0.1), arb(0, 0.1))),
        (sp.tanh(x), acb(arb(0, 0.1), arb(1.57, 0.01))),
        (1 / x, acb(arb(0, 0.1), arb(0, 0.1))),
        (sp.Abs(x), acb(arb(0, 0.1), arb(0, 0.1))),
        (sp.sign(x), acb(arb(0, 0.1), arb(0, 0.1))),
        (sp.Max(x, 1), acb(arb(1, 0.1), arb(0, 0.1))),
        (sp.Heaviside(x), acb(arb(0, 0.1))),
        (sp.Piecewise((x, x > 2), (x**2, True)), acb(arb(2, 0.1), arb(0, 0.1))),
        (sp.Piecewise((x, (x > 2) & (x < 3)), (x**2, True)), acb(arb(3, 0.1), arb(0, 0.1))),
    ],
    ids=str,
)
def test_no_value_where_a_function_is_not_analytic(formula: sp.Expr, ball: acb) -> None:
    assert not complex_ball_function(formula, x)(ball).is_finite()


@pytest.mark.parametrize(
    ("formula", "point", "value"),
    [
        (sp.Abs(x), -2 + 1j, 2 - 1j),
        (sp.Max(x, 1), 3 + 1j, 3 + 1j),
        (sp.Min(x, 1), 3 + 1j, 1 + 0j),
        (sp.Heaviside(x), 2 + 3j, 1 + 0j),
        (sp.sign(x), -2 + 3j, -1 + 0j),
        (sp.Piecewise((x, ~(x <= 2)), (x**2, True)), 1 + 1j, 2j),
        (sp.Piecewise((x, (x > 4) | (x < 2)), (sp.S.One, True)), 1 + 1j, 1 + 1j),
    ],
    ids=str,
)
def test_pieces_are_continued_beside_the_real_line(formula: sp.Expr, point: complex, value: complex) -> None:
    assert complex_ball_function(formula, x)(acb(point)) == acb(value)


def test_kinks_are_allowed_without_the_flag() -> None:
    wide = complex_ball_function(sp.Abs(x) + sp.Piecewise((0, x < 0), (1, True)), x)(acb(arb(0, 1)), analytic=False)
    assert all(wide.contains(acb(value)) for value in (0.5, 1, 2))


def test_input_is_checked() -> None:
    y = sp.Symbol("y")
    with pytest.raises(InputError, match="contains y"):
        complex_ball_function(x * y, x)
    with pytest.raises(UnsupportedExpressionError, match="zeta"):
        complex_ball_function(sp.zeta(x), x)


@pytest.mark.parametrize("middle", [0.5 + 0.25j, 3 + 0.5j, -30 + 5j, 0.9 - 1.5j, 50 + 0j])
def test_wide_balls_away_from_the_cuts_of_the_inverse_hyperbolic_sine(middle: complex) -> None:
    found = complex_ball_function(sp.asinh(x), x)
    for radius in (0.01, 0.2, 0.4):
        ball = acb(arb(middle.real, radius), arb(middle.imag, radius if middle.imag else 0))
        value = found(ball)
        assert value.is_finite() or radius > 0.2
        for corner in (-1, 1):
            inside = acb(arb(middle.real + corner * radius * 0.9), arb(middle.imag))
            assert not value.is_finite() or value.overlaps(inside.asinh())
    assert not found(acb(arb(0, 0.1), arb(1.2))).is_finite()  # on the cut
