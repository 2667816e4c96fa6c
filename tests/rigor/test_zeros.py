"""Isolation of zeros against numpy, and the closed forms found for them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, tidy
from symgrad.rigor.ends import End, sample_point
from symgrad.rigor.real_roots import degenerate_zero, real_roots
from symgrad.rigor.tail_monomials import TailUndecidedError
from symgrad.rigor.zeros import Bracket, RealFunction, isolate_zeros, newton_zero

z = sp.Symbol("z", real=True)


def _isolated(formula: sp.Expr, lo: int, hi: int) -> list[float]:
    with working_precision(128):
        function, slope = RealFunction.of(formula, z), RealFunction.of(formula.diff(z), z)
        zeros = isolate_zeros(function, slope, Bracket(arb(lo), arb(hi)))
        assert not zeros.undecided
        return sorted(float(zero.ball(100).mid()) for zero in zeros.simple)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(-40, 40), min_size=1, max_size=5, unique=True))
def test_finds_every_zero_once(thirds: list[int]) -> None:
    formula = sp.expand(sp.prod([3 * z - k for k in thirds])) * (1 + z**2) * sp.exp(z)
    found = _isolated(formula, -15, 15)
    assert found == pytest.approx(sorted(k / 3 for k in thirds), abs=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(-9, 9), min_size=3, max_size=7))
def test_real_roots_of_polynomials(coefficients: list[int]) -> None:
    assume(coefficients[0] != 0)
    expected = np.roots(coefficients)
    distances = [abs(a - b) for i, a in enumerate(expected) for b in expected[:i]]
    assume(min(distances, default=1) > 1e-3)
    formula = sum(c * z**k for k, c in enumerate(reversed(coefficients)))
    with working_precision(128):
        roots = real_roots(formula, z, End(-sp.oo, 1), End(sp.oo, -1))
    real = sorted(r.real for r in expected if abs(r.imag) < 1e-9)
    assert [float(root) for root in roots] == pytest.approx(real, rel=1e-7, abs=1e-7)


def test_newton_converges_to_any_precision() -> None:
    function, slope = RealFunction.of(sp.exp(z) - z - 2, z), RealFunction.of(sp.exp(z) - 1, z)
    with working_precision(64):
        ball = newton_zero(function, slope, Bracket(arb(1), arb(2)), 1000)
    with mpmath.workdps(320):
        truth = mpmath.findroot(lambda x: mpmath.exp(x) - x - 2, 1.1)
        assert abs(mpmath.mpf(ball.mid().str(310, radius=False)) - truth) < mpmath.mpf(10) ** -298
    assert float(ball.rad()) < 1e-298


def test_a_zero_at_the_origin_ends_the_iteration() -> None:
    function, slope = RealFunction.of(sp.sin(z), z), RealFunction.of(sp.cos(z), z)
    with working_precision(128):
        ball = newton_zero(function, slope, Bracket(arb(-1), arb("0.75")), 200)
    assert ball.contains(0)
    assert float(ball.rad()) < 1e-60


def test_a_box_count_that_explodes_is_reported() -> None:
    with working_precision(128):
        function, slope = RealFunction.of(sp.sin(z**2), z), RealFunction.of(sp.sin(z**2).diff(z), z)
        assert not isolate_zeros(function, slope, Bracket(arb(0), arb(10**4)), max_boxes=100).complete


@pytest.mark.parametrize(("formula", "point", "order"), [(z**4, 0, 4), ((z**2 - 2) ** 3, sp.sqrt(2), 3)])
def test_multiple_zeros(formula: sp.Expr, point: object, order: int) -> None:
    with working_precision(128):
        middle = to_ball(sp.sympify(point)).mid()
        bracket = Bracket((middle - 2.0**-20).mid(), (middle + 2.0**-19).mid())
        found = degenerate_zero(formula, z, bracket)
    assert found == (point, order, 1)


def test_zeros_without_end_are_refused() -> None:
    with working_precision(128), pytest.raises(TailUndecidedError, match="arbitrarily far"):
        real_roots(sp.sin(z) + 1 / z, z, End(sp.S.One, 1), End(sp.oo, -1))


def test_a_zero_at_the_end_is_not_inside() -> None:
    with working_precision(128):
        roots = real_roots(sp.sin(z), z, End(sp.S.Zero, 1), End(2 * sp.pi, -1))
    assert roots == (sp.pi,)


@pytest.mark.parametrize(
    "constant",
    [
        sp.Rational(-22, 7),
        sp.sqrt(2) / 3,
        (1 + sp.sqrt(5)) / 2,
        -sp.sqrt(3 - sp.sqrt(6)),
        3 * sp.pi / 8,
        sp.log(2 + sp.sqrt(3)) / 2,
        -sp.log(3),
        sp.exp(sp.Rational(-1, 2)),
        sp.acos(sp.Rational(1, 4)),
        2 * sp.pi - sp.acos(sp.Rational(1, 5)),
        sp.S.Zero,
    ],
)
def test_closed_forms_are_recognised(constant: sp.Expr) -> None:
    found = closed_form(lambda bits: to_ball(constant, bits), lambda c: is_zero_constant(sp.expand(c - constant)))
    assert found is not None
    assert abs(sp.N(found - constant, 60)) < sp.Float("1e-55")


def test_an_unproved_guess_is_not_a_closed_form() -> None:
    assert closed_form(lambda bits: to_ball(sp.sqrt(2), bits), lambda c: False) is None
    assert closed_form(lambda bits: to_ball(sp.exp(sp.sqrt(2)) + sp.pi, bits), lambda c: True) is None


@pytest.mark.parametrize(
    ("constant", "expected"),
    [
        (sp.sqrt(2 + sp.sqrt(3)) - (sp.sqrt(6) + sp.sqrt(2)) / 2, True),
        (sp.tanh(sp.log(2)) - sp.Rational(3, 5), True),
        (sp.exp(1) ** 2 - sp.exp(2), True),
        (sp.Rational(10) ** -80 + sp.sqrt(2) - sp.sqrt(2), False),
        (sp.sin(1) ** 2 + sp.cos(1) ** 2 - 1, True),
        (sp.pi - sp.Rational(355, 113), False),
    ],
)
def test_zero_constants(constant: sp.Expr, expected: bool) -> None:
    assert is_zero_constant(constant) is expected


def test_tidy_keeps_the_value() -> None:
    for constant in (sp.tanh(sp.log(3) / 2) ** 3, sp.erf(1) * (1 + sp.sqrt(2)) ** 2, 1 / (1 + sp.exp(-sp.log(7)))):
        assert abs(sp.N(tidy(constant) - constant, 50)) < sp.Float("1e-45")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (-sp.oo, sp.oo),
        (-sp.oo, -sp.pi),
        (sp.E, sp.oo),
        (sp.S.Zero, sp.pi),
        (sp.Rational(1, 3), sp.Rational(1001, 3000)),
    ],
)
def test_sample_points_lie_inside(left: sp.Expr, right: sp.Expr) -> None:
    with working_precision(128):
        point = sample_point(End(left, 1), End(right, -1))
    assert point.is_Rational
    assert bool(left < point)
    assert bool(point < right)
