"""The derived Jacobian against SymPy's own differentiation of the entries."""

from __future__ import annotations

import mpmath
import sympy as sp
from hypothesis import HealthCheck, given, settings

import symgrad as sg
from tests.calculus.expressions import Case, models, numeric, random_point


def assert_same(case: Case, found: sp.Matrix) -> None:
    """Equal at a random rational point to many more digits than any wrong formula could share."""
    expected = sp.Matrix.vstack(*case.updates).jacobian(sp.Matrix.vstack(*case.states))
    assert found.shape == expected.shape
    point = random_point(case.states)
    pairs = zip(numeric(found.xreplace(case.values), point), numeric(expected, point), strict=True)
    assert all(abs(left - right) <= mpmath.mpf(10) ** -30 * (1 + abs(right)) for left, right in pairs)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_random_models_of_size_two(case):
    assert_same(case, sg.jacobian(case.model).explicit(2))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=3, depth=3))
def test_random_models_of_size_three(case):
    assert_same(case, sg.jacobian(case.model).explicit(3))
