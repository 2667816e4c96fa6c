"""Enclosed integrals against known values; and integrals that do not exist have no finite enclosure."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.functions import softplus
from symgrad.rigor.integrals import enclosed_integral

x = sp.Symbol("x", real=True)
oo = sp.oo
KNOWN = [
    (sp.tanh(x), 0, 1, sp.log(sp.cosh(1))),
    (sp.Abs(x - sp.Rational(1, 3)), 0, 1, sp.Rational(5, 18)),
    (sp.sign(x**2 - 2), 0, 2, 2 - 2 * sp.sqrt(2)),
    (1 / sp.sqrt(sp.Abs(x)), -1, 1, sp.Integer(4)),
    (sp.log(sp.Abs(x)), -2, 3, 2 * sp.log(2) + 3 * sp.log(3) - 5),
    (sp.exp(-(x**2)), -oo, oo, sp.sqrt(sp.pi)),
    (1 / (1 + x**2), -oo, oo, sp.pi),
    (sp.exp(-x) / x ** sp.Rational(9, 10), 0, oo, sp.gamma(sp.Rational(1, 10))),
    (sp.sqrt(1 - x**2), -1, 1, sp.pi / 2),
    (sp.Piecewise((x, x > sp.Rational(1, 10)), (sp.exp(x), True)), -1, 1, sp.exp(0.1) - sp.exp(-1) + 0.495),
    (softplus(-x), 0, oo, sp.pi**2 / 12),
]


@pytest.mark.parametrize(("formula", "left", "right", "value"), KNOWN, ids=lambda part: str(part)[:40])
def test_known_integrals(formula: sp.Expr, left: object, right: object, value: sp.Expr) -> None:
    ball = enclosed_integral(formula, x, left, right)
    exact = arb(mpmath.nstr(mpmath.mpf(sp.N(value, 30)), 25)) + arb(0, 1) * 1e-15
    assert ball.rad() < 1e-13
    assert ball.overlaps(exact)
    assert not ball.overlaps(exact * (1 + arb(1e-11)) + 1e-11)


@pytest.mark.parametrize(
    ("formula", "left", "right"),
    [
        (1 / x, 0, 1),
        (1 / x**2, -1, 1),
        (1 / (1 + sp.Abs(x)), 0, oo),
        (sp.exp(x), 0, oo),
        (sp.log(x), -1, 1),
        (sp.S.One + 0 * x, 0, oo),
        (1 / (x * sp.log(x)), 2, oo),
    ],
    ids=str,
)
def test_integrals_that_do_not_exist_have_no_finite_enclosure(formula: sp.Expr, left: object, right: object) -> None:
    assert not enclosed_integral(formula, x, left, right).is_finite()


def test_more_precision_gives_more_digits() -> None:
    with working_precision(256):
        ball = enclosed_integral(sp.exp(-sp.Abs(x - 1)) * sp.cos(x), x, 0, 3)
        with mpmath.workdps(80):
            value = mpmath.quad(lambda t: mpmath.exp(-abs(t - 1)) * mpmath.cos(t), [0, 1, 3])
        assert ball.rad() < arb(10) ** -70
        assert ball.overlaps(arb(mpmath.nstr(value, 75)) + arb(0, 1) * arb(10) ** -70)


def test_infinitely_many_kinks_need_not_be_found() -> None:
    ball = enclosed_integral(sp.Abs(sp.sin(x)), x, 0, 20)
    assert ball.rad() < 1e-12
    assert ball.overlaps(to_ball(13 - sp.cos(20 - 6 * sp.pi)) + arb(0, 1) * 1e-25)


def test_ends_are_checked() -> None:
    with pytest.raises(InputError, match="increasing order"):
        enclosed_integral(x, x, 1, 0)
    with pytest.raises(InputError, match="contains y"):
        enclosed_integral(sp.Symbol("y") * x, x, 0, 1)
