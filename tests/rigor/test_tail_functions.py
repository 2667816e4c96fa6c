"""Tail models against mpmath at points of the half-line, and limits against known ones."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from flint import arb

from symgrad.rigor.balls import working_precision
from symgrad.rigor.functions import canonical, logistic, softplus
from symgrad.rigor.tail_functions import tail_model
from symgrad.rigor.tail_models import Coefficient, TailModel, supremum, variable
from symgrad.rigor.tail_monomials import UNIT, Monomial, TailUndecidedError, dominance, exponential

z = sp.Symbol("z", real=True)
T = Monomial(power=Fraction(1))

FORMULAS = [
    sp.tanh(z),
    logistic(-z),
    softplus(z) - z,
    z * sp.tanh(softplus(z)) - z,
    sp.erf(z / 2) - 1,
    sp.erfc(z) * sp.exp(z**2) * z,
    sp.atan(z**2) - 1 / z,
    sp.log(1 + z**2) / z,
    sp.sqrt(1 + z**2) - z,
    (1 + 1 / z) ** sp.Rational(7, 3),
    (2 + sp.sin(z)) / (1 + z),
    sp.exp(-z) * sp.cosh(z),
    sp.sinh(1 / z) * z,
    sp.exp(-sp.exp(-z)),
    sp.asinh(z) / z,
    sp.tan(1 / z) * z,
    sp.exp(-sp.exp(z)) * z,
    z ** (1 / z),
    sp.exp(-z * sp.tanh(z)) * z**2,
    sp.cos(1 / z) ** 2,
    sp.acos(1 - 1 / z),
    sp.atanh(1 / z),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
@pytest.mark.parametrize("start", [8, 64])
def test_the_range_contains_sampled_values(formula: sp.Expr, start: int) -> None:
    with working_precision(128), mpmath.workdps(60):
        function = sp.lambdify(z, formula.rewrite(sp.exp).doit(), "mpmath")
        model = tail_model(formula, z, variable(arb(start)))
        values = model.range()
        low, high = (mpmath.mpf(end.mid().str(40, radius=False)) for end in (values.lower(), values.upper()))
        slack = mpmath.mpf(10) ** -30
        for x in [start, start + mpmath.mpf(1) / 7, 3 * start, 17 * start]:
            value = mpmath.re(function(mpmath.mpf(x)))
            assert low - slack <= value <= high + slack


@pytest.mark.parametrize("formula", [f for f in FORMULAS if not f.has(sp.sin, sp.exp(-sp.exp(z)))], ids=str)
def test_the_leading_term_is_asymptotic(formula: sp.Expr) -> None:
    with working_precision(128), mpmath.workdps(1500):
        model = tail_model(formula, z, variable(arb(64)))
        monomial, leading = model.terms[0]
        function = sp.lambdify(z, formula.rewrite(sp.exp).doit(), "mpmath")
        point = mpmath.mpf(100)
        scale = mpmath.mpf(monomial.at(arb(100)).mid().str(40, radius=False))
        ratio = mpmath.re(function(point)) / scale
        assert abs(ratio - mpmath.mpf(leading.ball.mid().str(40, radius=False))) <= 0.2 * abs(ratio)


LIMITS = [
    (sp.tanh(z), sp.oo, 1),
    (sp.atan(z), -sp.oo, -sp.pi / 2),
    (z * (sp.pi / 2 - sp.atan(z)), sp.oo, 1),
    (z * sp.log(1 + sp.sqrt(2) / z), sp.oo, sp.sqrt(2)),
    (sp.sqrt(2 * z**2 + 3 * z) - sp.sqrt(2) * z, sp.oo, 3 * sp.sqrt(2) / 4),
    (z**sp.pi / z**3, sp.oo, sp.oo),
    (z**3 * sp.exp(-z), sp.oo, 0),
    (z**z / sp.exp(z), sp.oo, sp.oo),
    (sp.exp(sp.exp(z)) / sp.exp(z**5), sp.oo, sp.oo),
    (sp.log(sp.log(z)) / z, sp.oo, 0),
    (sp.cosh(z) - sp.sinh(z), sp.oo, 0),
    (softplus(z), -sp.oo, 0),
    (sp.erf(z), -sp.oo, -1),
    (sp.sin(z) / z, sp.oo, 0),
]


@pytest.mark.parametrize(("formula", "place", "limit"), LIMITS)
def test_limits(formula: sp.Expr, place: sp.Expr, limit: object) -> None:
    with working_precision(128):
        try:
            found = tail_model(formula, z, variable(arb(4096), scale=1 if place is sp.oo else -1)).limit()
        except TailUndecidedError:
            assert formula.has(sp.log(sp.log(z)))
            return
    assert found is not None
    assert sp.simplify(found - limit) == 0 or found == limit


@pytest.mark.parametrize(
    ("formula", "centre", "side", "limit"),
    [
        (sp.sin(z) / z, 0, 1, 1),
        ((sp.exp(z) - 1) / z, 0, -1, 1),
        (sp.log(z), 0, 1, -sp.oo),
        (1 / z, 0, -1, -sp.oo),
        (z * sp.log(z), 0, 1, 0),
        (sp.tan(z), sp.pi / 2, -1, sp.oo),
        ((sp.sqrt(z) - sp.sqrt(2)) / (z - 2), 2, 1, sp.sqrt(2) / 4),
        (sp.acos(z), -1, 1, sp.pi),
        (sp.exp(-1 / z), 0, 1, 0),
    ],
)
def test_limits_at_finite_points(formula: sp.Expr, centre: object, side: int, limit: object) -> None:
    with working_precision(128):
        model = variable(arb(1024), power=-1, scale=side, shift=sp.sympify(centre))
        found = tail_model(formula, z, model).limit()
    assert found is not None
    assert found == limit or sp.simplify(found - limit) == 0


@pytest.mark.parametrize("formula", [sp.sin(z), z * sp.sin(z), sp.sin(z) ** 2 + sp.atan(z)])
def test_an_oscillation_has_no_limit(formula: sp.Expr) -> None:
    with working_precision(128):
        assert tail_model(formula, z, variable(arb(16))).limit() is None


def test_a_sign_is_claimed_only_where_it_holds() -> None:
    """``z**2 - 100 z`` is negative before 100: no positive sign may be claimed from an earlier start."""
    with working_precision(128):
        for start in (8, 64, 99):
            assert tail_model(z**2 - 100 * z, z, variable(arb(start))).sign() == 0
        assert tail_model(z**2 - 100 * z, z, variable(arb(128))).sign() == 1


def test_growth_order_of_monomials() -> None:
    slow_to_fast = [
        exponential([(exponential([(T, sp.S.One)]), sp.S.NegativeOne)]),
        exponential([(T, -sp.S.One)], power=Fraction(5)),
        Monomial(power=Fraction(-1)),
        UNIT,
        Monomial(logs=Fraction(1)),
        Monomial(power=Fraction(1, 3)),
        T,
        exponential([(Monomial(logs=Fraction(1)), sp.pi)]),
        Monomial(power=Fraction(4)),
        exponential([(T, sp.Rational(1, 100))]),
        exponential([(T * Monomial(logs=Fraction(1)), sp.S.One)]),
        exponential([(exponential([(T, sp.S.One)]), sp.S.One)]),
    ]
    for i, first in enumerate(slow_to_fast):
        for j, second in enumerate(slow_to_fast):
            assert dominance(first, second) == (i > j) - (i < j)


def test_a_monomial_that_does_not_decrease_yet_has_no_supremum() -> None:
    bump = exponential([(T, sp.Rational(-1, 10))], power=Fraction(5))
    with working_precision(128):
        with pytest.raises(TailUndecidedError):
            supremum(bump, arb(49))
        assert supremum(bump, arb(51)).overlaps(bump.at(arb(51)))


def test_cancellation_is_exact() -> None:
    model = TailModel.collect(arb(4), [(T, Coefficient.constant(sp.sqrt(2))), (T, Coefficient.constant(-sp.sqrt(2)))])
    assert model.terms == ()
    assert model.limit() == 0


def test_canonical_forms_have_the_same_tail() -> None:
    with working_precision(128):
        raw = tail_model(sp.log(1 + sp.exp(-z)), z, variable(arb(8))).range()
        own = tail_model(canonical(sp.log(1 + sp.exp(-z))), z, variable(arb(8))).range()
    assert raw.overlaps(own)
