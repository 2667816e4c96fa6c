"""Bounds of the growth of second moments with the variance, against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.means import Mean
from symgrad.meanfield.moment_growth import growth_of_second_moment

_FORMULAS = (
    sp.tanh(X - 1),
    sp.Piecewise((0, X < 1), (X - 1, True)),
    sp.Piecewise((2, X < 1), (X, True)),
    sp.Max(X, 0) + 1,
    X**3 - X,
    sp.exp(-(X**2)),
)


def _slope(formula: sp.Expr, variance: float) -> float:
    """The derivative of the logarithm of the second moment by log q, by differences of a sum over a fine grid."""
    grid = np.linspace(-9, 9, 200001)
    function = sp.lambdify(X, formula, "numpy")

    def moment(q: float) -> float:
        return float((np.broadcast_to(function(np.sqrt(q) * grid), grid.shape) ** 2 * np.exp(-(grid**2) / 2)).sum())

    low, high = (moment(variance * (1 + sign * 1e-3)) for sign in (-1, 1))
    return float((np.log(high) - np.log(low)) / 2e-3)


@pytest.mark.parametrize("formula", _FORMULAS, ids=str)
def test_the_growth_of_second_moments_lies_between_the_bounds(formula: sp.Expr) -> None:
    low, high = growth_of_second_moment(formula)
    for variance in (0.05, 1.3, 20.0):
        slope = _slope(formula, variance)
        assert not low > arb(slope + 1e-3)
        assert not high < arb(slope - 1e-3)


def test_bounds_of_homogeneous_and_constant_functions_are_sharp() -> None:
    assert growth_of_second_moment(sp.Max(X, 0)) == (arb(1), arb(1))
    assert growth_of_second_moment(3 * sp.Abs(X) ** 3) == (arb(3), arb(3))
    assert growth_of_second_moment(sp.Integer(2)) == (arb(0), arb(0))
    jumping = growth_of_second_moment(sp.Piecewise((2, X < 1), (0, True)))
    assert jumping[0] == -0.5
    low, high = growth_of_second_moment(sp.tanh(X))
    assert (low, high) == (arb(0), arb(1))
    slope = _slope(sp.tanh(X), 1.0)
    assert low < slope < high
    assert not slope < high / 3  # a tightened bound is told apart


@pytest.mark.slow
def test_a_shifted_activation_has_its_fixed_point() -> None:
    (point,) = found = sg.mean_field(sp.tanh(X - 1)).q_star(1, sp.Rational(1, 10))
    assert found.complete
    assert point.stability == "attracting"
    assert float(Mean(sp.tanh(X - 1) ** 2).ball(point.ball)) + 0.1 == pytest.approx(float(point), rel=1e-12)
