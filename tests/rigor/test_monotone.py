"""Ranges of functions over many intervals against dense samples, exact extrema and what mpmath says."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.rigor.extrema import extrema
from symgrad.rigor.monotone import function_range

z = sp.Symbol("z", real=True)
INTERVALS = [(-3.0, -2.0), (-1.0, 1.0), (0.0, 0.0), (0.3, 1.5), (2.0, 700.0), (-50.0, 0.5)]
NAMES = sg.activation_names()
FORMULAS = {
    "cubic": z**3 - 3 * z,
    "wave": sp.sin(z),
    "bump": z * sp.exp(-(z**2)),
    "absolute": sp.Abs(z) - 1,
    "step": sp.Heaviside(z - 1),
    "flat": (z - 1) ** 3,
    "product": sp.tanh(z) * (1 - sp.tanh(z) ** 2),
}


def over(formula, symbol, low, high):
    below, above = function_range(formula, symbol).over(np.array([low]), np.array([high]))
    return float(below[0]), float(above[0])


@pytest.mark.parametrize("name", NAMES)
def test_activations_and_slopes_stay_within(name) -> None:
    function = sg.activation(name)
    for part in (function, function.derivative):
        for low, high in INTERVALS:
            below, above = over(part.expr, part.variable, low, high)
            for point in np.linspace(low, high, 11):
                value = float(part.expr.xreplace({part.variable: sp.Float(point)}).evalf())
                assert below - 1e-12 * (1 + abs(value)) <= value <= above + 1e-12 * (1 + abs(value))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("low", "high"), [(-2.0, 3.0), (-0.5, 0.25), (0.75, 8.0)])
def test_ends_agree_with_exact_extrema(name, low, high) -> None:
    """What branch and bound finds on one interval, found by another algorithm."""
    below, above = over(FORMULAS[name], z, low, high)
    exact = extrema(FORMULAS[name], z, sp.Interval(sp.Rational(low), sp.Rational(high)))
    assert below <= float(exact.inf.value) + 1e-14
    assert above >= float(exact.sup.value) - 1e-14
    assert below == pytest.approx(float(exact.inf.value), abs=1e-12)
    assert above == pytest.approx(float(exact.sup.value), abs=1e-12)


def test_limits_at_infinity() -> None:
    tanh = sg.activation("tanh")
    assert over(tanh.expr, tanh.variable, -math.inf, math.inf) == (-1.0, 1.0)
    softsign = sg.activation("softsign")
    assert over(softsign.expr, softsign.variable, 0.0, math.inf) == (0.0, 1.0)
    relu = sg.activation("relu")
    assert over(relu.expr, relu.variable, -math.inf, 2.0) == (0.0, 2.0)


def test_both_sides_of_a_jump_count() -> None:
    step = sg.activation("relu").derivative
    assert over(step.expr, step.variable, 0.0, 0.0) == (0.0, 1.0)
    assert over(step.expr, step.variable, 1.0, 2.0) == (1.0, 1.0)


@given(st.floats(-30, 30), st.floats(0, 20))
@settings(max_examples=100, deadline=None)
def test_the_logistic_slope_is_never_left(start, length) -> None:
    slope = sg.activation("sigmoid").derivative
    end = start + length
    below, above = over(slope.expr, slope.variable, start, end)
    with mpmath.workdps(40):
        points = [start + (mpmath.mpf(end) - start) * i / 8 for i in range(9)]
        values = [mpmath.sech(point / 2) ** 2 / 4 for point in points]
        assert min(values) >= below
        assert max(values) <= above
        if start <= 0 <= end:
            assert above == 0.25


def test_many_intervals_at_once_keep_their_shape() -> None:
    function = sg.activation("tanh")
    low, high = function_range(function.expr, function.variable).over(-np.ones((4, 1)), np.ones((4, 1)))
    assert low.shape == high.shape == (4, 1)
