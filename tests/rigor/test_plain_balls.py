"""Fast formulas on balls against the careful ones and against mpmath."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.activations import activation, activation_names
from symgrad.rigor.balls import ball_function, working_precision
from symgrad.rigor.plain_balls import plain_ball_function

X, Y = sp.symbols("x y", real=True)
FORMULAS = [
    formula for name in activation_names() for formula in (activation(name).expr, activation(name).derivative.expr)
]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(-800, 800), st.floats(0, 1e-6))
def test_the_careful_function_agrees(point: float, radius: float) -> None:
    for formula in FORMULAS:
        symbol = activation("tanh").variable
        with working_precision(128):
            plain, careful = plain_ball_function(formula, symbol), ball_function(formula, symbol)
            values = plain(arb(point, radius))
            for inner in (point - radius / 2, point, point + radius / 2):
                assert values.overlaps(careful(inner))


def test_values_of_mpmath_lie_inside() -> None:
    formula = sp.exp(-X) * sp.atan(Y) + sp.sqrt(X) / Y + sp.erf(X * Y) ** 3 - sp.sinh(Y) * sp.pi
    function = plain_ball_function(formula, (X, Y))
    with working_precision(100), mpmath.workdps(40):
        x, y = mpmath.mpf("0.75"), mpmath.mpf("1.5")
        value = (
            mpmath.exp(-x) * mpmath.atan(y) + mpmath.sqrt(x) / y + mpmath.erf(x * y) ** 3 - mpmath.sinh(y) * mpmath.pi
        )
        ball = function(arb("0.75"), arb("1.5"))
        assert ball.overlaps(arb(mpmath.nstr(value, 35)))
        assert not (ball + arb(2) ** -80).overlaps(arb(mpmath.nstr(value, 35)))


def test_kinks_and_jumps_count_from_both_sides() -> None:
    step = plain_ball_function(sp.sign(X) + sp.Max(X, 2 * X), X)(arb(0, 0.5))
    assert step.contains(-1.2)
    assert step.contains(1.9)


def test_poles_and_edges_are_not_finite() -> None:
    for formula in (1 / X, sp.log(X), sp.sqrt(X), X ** sp.Rational(-1, 3)):
        assert not plain_ball_function(formula, X)(arb(0, 1)).is_finite()


def test_a_constant_keeps_up_with_the_precision() -> None:
    function = plain_ball_function(X + sp.pi, X)
    coarse = function(arb(1))
    with working_precision(300):
        assert function(arb(1)).rad() < coarse.rad() / 2**200


def test_other_symbols_and_functions_are_refused() -> None:
    with pytest.raises(InputError, match="y"):
        plain_ball_function(X + Y, X)
    with pytest.raises(UnsupportedExpressionError, match="besselj"):
        plain_ball_function(sp.besselj(1, X), X)
