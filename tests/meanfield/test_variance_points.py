"""Fixed points of variance maps: against closed values and quadrature, complete, with their stability."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
import sympy as sp
from flint import arb

from symgrad.language.activations import activation
from symgrad.language.elementwise import Activation
from symgrad.meanfield.mean_field import mean_field
from symgrad.meanfield.variance_map import Unit, VarianceMap
from symgrad.meanfield.variance_points import VariancePoints, variance_points
from symgrad.rigor.balls import to_ball

Z = sp.Symbol("z", real=True)


def points(formula: str | sp.Expr, gain: Any, offset: Any = 0, skip: Any = 0) -> VariancePoints:
    phi = activation(formula) if isinstance(formula, str) else Activation("phi", formula)
    return variance_points(VarianceMap(Unit(phi), sp.sympify(gain), sp.sympify(offset), sp.sympify(skip)))


def second_moment(function: Any, q: Any) -> mpmath.mpf:
    """``E[f(sqrt(q) z)^2]`` by quadrature at 20 digits."""
    with mpmath.workdps(20):
        root = mpmath.sqrt(q)
        whole = mpmath.quad(lambda z: function(root * z) ** 2 * mpmath.exp(-(z**2) / 2), [-12, -4, 0, 4, 12])
        return whole / mpmath.sqrt(2 * mpmath.pi)


FUNCTIONS = {
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
}


@pytest.mark.parametrize(
    ("name", "gain", "offset"),
    [
        ("tanh", "1.76", "0.05"),
        ("erf", "2", "0.1"),
        pytest.param("gelu", "2", "0.1", marks=pytest.mark.slow),
        pytest.param("sigmoid", "5", "0", marks=pytest.mark.slow),
        pytest.param("elu", "1.5", "0.1", marks=pytest.mark.slow),
    ],
)
def test_positive_points_solve_the_equation(name: str, gain: str, offset: str) -> None:
    found = points(name, sp.Rational(gain), sp.Rational(offset))
    assert found.complete
    assert len(found) > 0
    for point in found:
        low, high = (mpmath.mpf(end.str(40, radius=False)) for end in (point.ball.lower(), point.ball.upper()))
        middle = (low + high) / 2
        image = mpmath.mpf(gain) * second_moment(FUNCTIONS[name], middle) + mpmath.mpf(offset)
        assert abs(image - middle) < 1e-11 * middle
        assert float(point.ball.rad()) < 1e-10 * float(point)


def test_a_moved_point_is_no_fixed_point() -> None:
    (point,) = points("erf", 2, sp.Rational(1, 10))
    moved = mpmath.mpf(float(point)) * (1 + mpmath.mpf("1e-6"))
    assert abs(2 * second_moment(mpmath.erf, moved) + mpmath.mpf("0.1") - moved) > 1e-7
    assert not point.ball.contains(arb(float(moved)))


@pytest.mark.parametrize(
    ("formula", "gain", "offset", "expected"),
    [
        ("tanh", 1, 0, [(0, "attracting algebraically")]),
        ("erf", sp.pi / 4, 0, [(0, "attracting algebraically")]),
        ("gelu", 4, 0, [(0, "repelling")]),
        ("relu", 1, sp.Rational(1, 10), [(sp.Rational(1, 5), "attracting")]),
        ("relu", 3, 0, [(0, "repelling")]),
        ("relu", 2, sp.Rational(1, 10), []),
        (sp.Heaviside(Z), 2, 0, [(1, "attracting")]),
        (Z**2, 1, 0, [(0, "attracting"), (sp.Rational(1, 3), "repelling")]),
        (Z**3 - Z, 1, 0, [(0, "attracting algebraically"), (sp.Rational(2, 5), "repelling")]),
        ("hard_tanh", 1, 0, [(0, "attracting algebraically")]),
    ],
)
def test_exact_points_and_their_stability(formula: Any, gain: Any, offset: Any, expected: list[Any]) -> None:
    found = points(formula, gain, offset)
    assert [(point.exact, point.stability) for point in found] == expected
    assert found.complete


def test_relu_at_two_keeps_every_variance() -> None:
    found = points("relu", 2)
    assert found.continuum
    assert found.complete
    assert found.diverges is False


@pytest.mark.slow
def test_several_fixed_points_of_a_formula_of_ones_own() -> None:
    found = points(Z**2 / (1 + Z**2), 10)
    assert [point.stability for point in found] == ["attracting", "repelling", "attracting"]
    assert found.complete


@pytest.mark.slow
def test_variances_of_gelu_diverge_beyond_the_repelling_point() -> None:
    found = points("gelu", 2, sp.Rational(1, 100))
    assert [point.stability for point in found] == ["attracting", "repelling"]
    assert found.complete
    assert found.diverges
    assert float(found[1]) == pytest.approx(1404.657132, rel=1e-8)


def test_a_steep_sigmoid_is_nearly_a_step() -> None:
    found = points(sp.sign(Z), 1)
    assert [point.exact for point in found] == [0, 1]
    assert found[0].stability == "repelling"
    assert not found[0].slope.is_finite()


@pytest.mark.slow
@pytest.mark.parametrize("formula", ["relu", "gelu", "elu"])
def test_slopes_are_derivatives_of_the_map(formula: str) -> None:
    for point in points(formula, sp.Rational(3, 2), sp.Rational(1, 10)):
        q, step = mpmath.mpf(float(point)), mpmath.mpf("1e-4")
        function = FUNCTIONS.get(formula, lambda x: max(x, 0))
        rise = 1.5 * (second_moment(function, q + step) - second_moment(function, q - step)) / (2 * step)
        assert float(point.slope.mid()) == pytest.approx(float(rise), rel=1e-5)


def test_a_skip_connection_only_adds_variance() -> None:
    found = points("erf", 1, sp.Rational(1, 10), skip=1)
    assert len(found) == 0
    assert found.diverges
    assert found.complete


def test_infinite_means_end_the_search() -> None:
    found = points(sp.exp(Z**2 / 8), sp.Rational(1, 10))
    assert [point.stability for point in found] == ["attracting", "repelling"]
    for point in found:  # 1/sqrt(1 - q/2) is the mean of exp(q z^2/4)
        q = point.ball
        assert (q - to_ball(sp.Rational(1, 10)) / (1 - q / 2).sqrt()).contains(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sigma_b2", "expected"),
    [("gelu", 0.01, (0.02079846, 1404.657)), ("silu", 0.1, (0.234725, 675.158)), ("mish", 0.1, (1.218680, 4.747101))],
)
def test_a_far_repelling_point_is_found_and_the_rest_is_excluded(
    name: str, sigma_b2: float, expected: tuple[float, float]
) -> None:
    """The far point lies where ``V(q) - q`` changes sign; both were found by bisection in floats."""
    found = mean_field(name).q_star(2, sigma_b2)
    assert found.complete
    assert [float(point) for point in found] == pytest.approx(expected, rel=1e-5)
    assert [point.stability for point in found] == ["attracting", "repelling"]
