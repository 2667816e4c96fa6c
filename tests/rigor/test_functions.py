"""The logistic function and softplus as SymPy functions, and their recognition."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.function import ArgumentIndexError

from symgrad.rigor.functions import canonical, logistic, softplus

x, y = sp.symbols("x y", real=True)
z = sp.Symbol("z")
c, d = sp.symbols("c d", positive=True)


def test_exact_values_and_limits():
    assert (logistic(0), logistic(sp.oo), logistic(-sp.oo)) == (sp.Rational(1, 2), 1, 0)
    assert (softplus(0), softplus(sp.oo), softplus(-sp.oo)) == (sp.log(2), sp.oo, 0)
    assert logistic(sp.nan) is sp.nan
    assert softplus(sp.nan) is sp.nan


@pytest.mark.parametrize(("function", "formula"), [(logistic, 1 / (1 + sp.exp(-z))), (softplus, sp.log(1 + sp.exp(z)))])
def test_derivatives_agree_with_the_formula(function, formula):
    for order in (1, 2, 3):
        difference = (function(z).diff(z, order) - formula.diff(z, order)).rewrite(sp.exp)
        for value in (sp.Rational(-7, 3), sp.Rational(1, 5), sp.Rational(9, 2)):
            assert abs(difference.subs(z, value).evalf(30)) < 1e-25
    assert function(z).rewrite(sp.exp) == formula
    with pytest.raises(ArgumentIndexError):
        function(z).fdiff(2)


@pytest.mark.parametrize("value", ["-1000", "-40.5", "-1e-30", "0.3", "40", "1000"])
def test_evaluation_keeps_relative_accuracy(value):
    with mpmath.workdps(600):
        number = mpmath.mpf(value)
        expected = [1 / (1 + mpmath.exp(-number)), mpmath.log1p(mpmath.exp(number))]
        for function, reference in zip((logistic, softplus), expected, strict=True):
            found = mpmath.mpf(function(sp.Rational(value)).evalf(40)._mpf_)
            assert abs(found / reference - 1) < mpmath.mpf(10) ** -38


def test_complex_arguments_evaluate():
    value = complex(logistic(1 + 2 * sp.I).evalf())
    assert abs(value - 1 / (1 + mpmath.exp(-(1 + 2j)))) < 1e-14


def test_assumptions():
    assert logistic(x).is_real
    assert logistic(x).is_positive
    assert logistic(x).is_integer is False
    assert softplus(x).is_real
    assert softplus(x).is_positive
    assert softplus(x).is_finite
    assert logistic(z).is_positive is None
    assert softplus(z).is_real is None
    assert logistic(z).conjugate() == logistic(z.conjugate())


def test_inverses():
    for function in (logistic, softplus):
        value = function(function(z).inverse()(sp.Rational(1, 3))).evalf(30)
        assert abs(value - sp.Rational(1, 3)) < 1e-28
    assert sp.solve(logistic(x) - sp.Rational(1, 3), x) == [-sp.log(2)]


def test_limits_and_series():
    assert sp.limit(x * logistic(x), x, -sp.oo) == 0
    assert sp.limit(softplus(x) - x, x, sp.oo) == 0
    assert sp.series(logistic(x), x, 0, 4).removeO() == sp.Rational(1, 2) + x / 4 - x**3 / 48


def test_rewriting():
    assert logistic(z).rewrite(sp.tanh) == (1 + sp.tanh(z / 2)) / 2
    assert softplus(z).rewrite(sp.log) == sp.log(1 + sp.exp(z))


def test_printing():
    assert sp.latex(logistic(x) ** 2) == r"\operatorname{logistic}^{2}\left(x\right)"
    assert sp.latex(softplus(x + y)) == r"\operatorname{softplus}\left(x + y\right)"
    assert str(softplus(x)) == "softplus(x)"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (1 / (1 + sp.exp(-x)), logistic(x)),
        (1 / (1 + sp.exp(x)), logistic(-x)),
        (sp.exp(x) / (1 + sp.exp(x)), logistic(x)),
        (5 / (2 + 2 * sp.exp(-x)), 5 * logistic(x) / 2),
        (1 / (1 + sp.E * sp.exp(-x)), logistic(x - 1)),
        (1 / (1 + sp.exp(2 - 3 * x)), logistic(3 * x - 2)),
        (1 / (c + d * sp.exp(-x)), logistic(x - sp.log(d / c)) / c),
        ((1 / (1 + sp.exp(-x))).diff(x), logistic(x) * logistic(-x)),
        (sp.exp(x) / (1 + sp.exp(x)) ** 2, logistic(x) * logistic(-x)),
        (sp.exp(2 * x) / (1 + sp.exp(x)) ** 2, logistic(x) ** 2),
        (sp.exp(3 * x) / (1 + sp.exp(x)) ** 2, sp.exp(x) * logistic(x) ** 2),
        (1 / sp.sqrt(1 + sp.exp(-x)), sp.sqrt(logistic(x))),
        (sp.log(1 + sp.exp(x)), softplus(x)),
        (sp.log(3 + 6 * sp.exp(2 * x)), sp.log(3) + softplus(2 * x + sp.log(2))),
        (x * sp.tanh(sp.log(1 + sp.exp(x))), x * sp.tanh(softplus(x))),
        (1 / (1.5 + 3.0 * sp.exp(-x)), 2 * logistic(x - sp.log(2)) / 3),
        (1 / (1 + sp.exp(-z)), logistic(z)),
        (1 / (1 + sp.exp(-1 / (1 + sp.exp(-x)))), logistic(logistic(x))),
        (sp.Piecewise((1 / (1 + sp.exp(-x)), x > 0), (x, True)), sp.Piecewise((logistic(x), x > 0), (x, True))),
    ],
)
def test_canonical_recognises(expr, expected):
    assert canonical(expr) == expected


@pytest.mark.parametrize(
    "expr",
    [
        x,
        1 + sp.exp(x),
        1 / (1 - sp.exp(x)),
        1 / (1 + 2**x),
        1 / (x + sp.exp(x)),
        sp.log(sp.exp(x) - 1),
        1 / (1 + sp.exp(x) + sp.exp(y)),
        1 / sp.sqrt(1 + sp.exp(-z)),
        1 / (sp.Symbol("e", real=True) + sp.exp(x)),
        sp.tanh(x) * sp.exp(x),
        logistic(x) ** y * sp.exp(x),
    ],
)
def test_canonical_leaves_the_rest_alone(expr):
    assert canonical(expr) == expr


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.fractions(min_value=0.1, max_value=5),
    st.fractions(min_value=0.1, max_value=5),
    st.integers(-3, 3).filter(bool),
    st.integers(-3, 4),
    st.integers(1, 4),
    st.fractions(-4, 4),
)
def test_canonical_keeps_the_value(constant, factor, scale, power, count, at):
    base = sp.Rational(constant) + sp.Rational(factor) * sp.exp(scale * x)
    expr = sp.exp(power * x) * base ** (-count) + sp.log(base) * x
    for value in (sp.Rational(at), sp.Rational(30)):
        before, after = (term.subs(x, value).evalf(60) for term in (expr, canonical(expr)))
        assert abs(before - after) <= abs(before) * sp.Float(10) ** -50
