"""Every activation known by name: slopes, curvature and parity against mpmath and published numbers."""

from __future__ import annotations

import itertools
import math

import mpmath
import pytest
import sympy as sp

import symgrad as sg
from symgrad.rigor.balls import to_ball

z = sp.Symbol("z", real=True)
NAMES = sg.activation_names()
VARIANTS = [
    *((name, {}) for name in NAMES),
    ("leaky_relu", {"slope": 0.2}),
    ("leaky_relu", {"slope": 3}),
    ("leaky_relu", {"slope": -1}),
    ("elu", {"alpha": 2}),
    ("elu", {"alpha": 0.5}),
]
IDS = [name + "".join(f"-{value}" for value in options.values()) for name, options in VARIANTS]
every = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
# Kinks of the piecewise ones are integers: none of these points is one, and they come close to 0 and to the tails.
GRID = [x / mpmath.mpf(8) + mpmath.mpf(1) / 1000 for x in range(-400, 401)]
GRID += [k - mpmath.mpf(1) / 1000 for k in range(-4, 5)]
GRID += [sign * mpmath.mpf(10) ** k for sign in (-1, 1) for k in (-8, -4, -2, 2, 3, 4)]
FUNCTIONS = {
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "Heaviside": lambda x, at_zero=0.5: mpmath.mpf(x > 0) if x else mpmath.mpf(at_zero),
}


@pytest.fixture(autouse=True)
def _forty_digits() -> None:
    """Comparisons at 40 digits; the precision is given back by the fixture for all tests."""
    mpmath.mp.dps = 40


def sampled(expr: sp.Expr) -> list[mpmath.mpf]:
    function = sp.lambdify([z], expr, modules=[FUNCTIONS, "mpmath"])
    with mpmath.workdps(40):
        return [mpmath.mpf(function(x)) for x in GRID]


def number(value: sp.Expr) -> mpmath.mpf:
    """A value of a range to 35 digits; enclosed constants through their balls."""
    if value in (sp.oo, -sp.oo):
        return mpmath.inf if value == sp.oo else -mpmath.inf
    with mpmath.workdps(40):
        return mpmath.mpf(to_ball(value, 140).str(36, radius=False))


@every
def test_hulls_contain_and_touch_what_is_sampled(name, options):
    function = sg.activation(name, **options)
    for hull, formula in ((function.range, function.expr), (function.slope, function.derivative.expr)):
        values = sampled(formula)
        low, high = number(hull.inf), number(hull.sup)
        assert low - mpmath.mpf(10) ** -30 <= min(values)
        assert max(values) <= high + mpmath.mpf(10) ** -30
        if mpmath.isfinite(low):
            assert min(values) - low <= mpmath.mpf("0.01")
        if mpmath.isfinite(high):
            assert high - max(values) <= mpmath.mpf("0.01")
        assert mpmath.isfinite(high) or max(values) > 40
        assert mpmath.isfinite(low) or min(values) < -40


@every
def test_extreme_slopes_are_attained_where_it_is_said(name, options):
    slope = sg.activation(name, **options).slope
    derivative = sg.activation(name, **options).derivative.expr
    for extremum in (slope.extrema.inf, slope.extrema.sup):
        assert extremum.points
        finite = [point for point in extremum.points if point not in (sp.oo, -sp.oo)]
        for point in finite if extremum.attained else []:
            near = [derivative.subs(z, sp.N(point, 40) + sp.Rational(k, 10**20)) for k in (-1, 0, 1)]
            assert min(abs(sp.N(value - sp.N(extremum.value, 40), 40)) for value in near) < 1e-12


@every
def test_slope_is_a_lipschitz_constant(name, options):
    function = sg.activation(name, **options)
    if not function.slope.is_bounded:
        return
    values, bound = sampled(function.expr), number(function.slope.sup_abs)
    pairs = itertools.pairwise(sorted(zip(GRID, values, strict=True)))
    assert all(abs(b[1] - a[1]) <= bound * (b[0] - a[0]) + mpmath.mpf(10) ** -30 for a, b in pairs)


@every
def test_parity_is_true(name, options):
    function = sg.activation(name, **options)
    mirrored = sampled(function.expr.subs(z, -z))
    values = sampled(function.expr)
    even = all(abs(a - b) < mpmath.mpf(10) ** -30 for a, b in zip(mirrored, values, strict=True))
    odd = all(abs(a + b) < mpmath.mpf(10) ** -30 for a, b in zip(mirrored, values, strict=True))
    assert function.parity == ("even" if even else "odd" if odd else None)


@every
def test_results_are_cached_and_names_round_trip(name, options):
    assert sg.activation(name, **options) is sg.activation(name, **options)
    assert sg.activation(name, **options).slope is sg.activation(name, **options).slope
    assert str(sg.activation(name)) == name
    assert sp.latex(sg.activation(name, **options)(sp.Symbol("a"))).endswith(r"\left(a\right)")


SUPREMA = {  # of |slope|; closed forms, and to ten digits what is published for the others
    "sigmoid": sp.Rational(1, 4),
    "tanh": 1,
    "relu": 1,
    "softplus": 1,
    "softsign": 1,
    "arctan": 1,
    "erf": 2 / sp.sqrt(sp.pi),
    "gelu": (1 + sp.erf(1)) / 2 + sp.exp(-1) / sp.sqrt(sp.pi),
    "gaussian": sp.sqrt(2 / sp.E),
    "sin": 1,
    "identity": 1,
    "hard_sigmoid": sp.Rational(1, 6),
    "hard_tanh": 1,
    "hardswish": sp.Rational(3, 2),
    "log_sigmoid": 1,
}


@pytest.mark.parametrize("name", SUPREMA)
def test_suprema_that_have_a_closed_form_are_exact(name):
    found = sg.activation(name).slope.sup_abs
    assert not found.has(sp.Float)
    assert sp.simplify(found - SUPREMA[name]) == 0


@pytest.mark.parametrize(
    ("name", "inf", "sup"),
    [
        ("silu", -0.0998393201, 1.0998393201),
        ("mish", -0.1125261224, 1.0884981613),
        ("gelu", -0.1289041452, 1.1289041452),
        ("gelu_tanh", -0.1289930687, 1.1289930687),
    ],
)
def test_published_slopes(name, inf, sup):
    slope = sg.activation(name).slope
    assert float(slope.inf) == pytest.approx(inf, abs=1e-10)
    assert float(slope.sup) == pytest.approx(sup, abs=1e-10)
    assert slope.sup_abs == slope.sup


def test_curvature():
    assert sp.simplify(sg.activation("tanh").curvature.sup_abs - 4 / (3 * sp.sqrt(3))) == 0
    assert sp.simplify(sg.activation("sigmoid").curvature.sup_abs - 1 / (6 * sp.sqrt(3))) == 0
    assert (sg.activation("softsign").curvature.inf, sg.activation("softsign").curvature.sup) == (-2, 2)
    assert (sg.activation("relu").curvature.inf, sg.activation("relu").curvature.sup) == (0, sp.oo)
    assert (sg.activation("hard_tanh").curvature.inf, sg.activation("hard_tanh").curvature.sup) == (-sp.oo, sp.oo)
    assert (sg.activation("elu").curvature.inf, sg.activation("elu").curvature.sup) == (0, 1)
    assert (sg.activation("elu", alpha=2).curvature.inf, sg.activation("elu", alpha=2).curvature.sup) == (-sp.oo, 2)
    assert sg.activation("leaky_relu", slope=2).curvature.inf == -sp.oo
    assert sg.activation("leaky_relu", slope=1).curvature.sup_abs == 0
    assert sg.activation("identity").curvature.sup_abs == 0
    assert not sg.activation("relu").curvature.is_bounded


def test_constants_of_selu_are_torchs():
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    slope = sg.activation("selu").slope
    assert float(slope.sup) == pytest.approx(scale * alpha, rel=1e-15)
    assert float(sg.activation("selu").range.inf) == pytest.approx(-scale * alpha, rel=1e-15)
    assert math.isclose(float(sg.activation("selu")(sp.Integer(2)).evalf()), 2 * scale, rel_tol=1e-15)


def test_the_logistic_function_has_two_names() -> None:
    assert sg.activation("logistic") == sg.activation("sigmoid")
    assert "logistic" not in sg.activation_names()  # one declaration
