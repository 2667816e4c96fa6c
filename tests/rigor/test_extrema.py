"""Extrema against sampling and root finding in mpmath, published closed forms, and properties of random formulas."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from symgrad.errors import InputError, SymgradError, UnsupportedExpressionError
from symgrad.rigor.balls import Enclosed, to_ball
from symgrad.rigor.extrema import Extrema, Extremum, extrema
from symgrad.rigor.tail_monomials import TailUndecidedError

z = sp.Symbol("z", real=True)
half = sp.Rational(1, 2)
SPACING = 2.0**-7
REALS = sp.Interval(-sp.oo, sp.oo)

ACTIVATIONS = {
    "logistic": 1 / (1 + sp.exp(-z)),
    "tanh": sp.tanh(z),
    "gelu": z / 2 * (1 + sp.erf(z / sp.sqrt(2))),
    "gelu_tanh": z / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + sp.Rational(44715, 1000000) * z**3))),
    "silu": z / (1 + sp.exp(-z)),
    "mish": z * sp.tanh(sp.log(1 + sp.exp(z))),
    "softplus": sp.log(1 + sp.exp(z)),
    "softsign": z / (1 + sp.Abs(z)),
    "arctan": sp.atan(z),
    "erf": sp.erf(z),
    "gaussian": sp.exp(-(z**2)),
    "log_sigmoid": -sp.log(1 + sp.exp(-z)),
    "gaussian_times_z": z * sp.exp(-(z**2) / 2),
    "damped_sine": sp.sin(z) / (1 + z**2),
    "log_square": sp.log(1 + z**2),
    "hyperbola": sp.sqrt(1 + z**2) - 1,
    "snake": z + sp.sin(z) ** 2,
    "wavelet": sp.cos(3 * z) * sp.exp(-(z**2)),
    "tanh_cubed": sp.tanh(z) ** 3,
    "quick_gelu": z / (1 + sp.exp(-1.702 * z)),
    "gompertz": sp.exp(-sp.exp(-z)),
    "elu": sp.Piecewise((z, z > 0), (sp.exp(z) - 1, True)),
    "relu_squared": sp.Max(0, z) ** 2,
    "sine": sp.sin(z),
}


def _refined(
    function: Callable[[mpmath.mpf], mpmath.mpf], points: np.ndarray, values: np.ndarray, direction: int
) -> mpmath.mpf:
    """The best sampled value, improved by ternary search at 40 digits around it."""
    best = int(np.argmax(direction * values))
    low, high = mpmath.mpf(points[best]) - SPACING, mpmath.mpf(points[best]) + SPACING
    for _ in range(150):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        if direction * function(first) < direction * function(second):
            low = first
        else:
            high = second
    return function((low + high) / 2)


def _relative_radius(value: sp.Expr) -> float:
    ball = to_ball(value, 100)
    return float(ball.rad()) / float(abs(ball.mid()))


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_agrees_with_sampling(name: str, order: int) -> None:
    formula = ACTIVATIONS[name].diff(z, order).subs(sp.DiracDelta(z), 0)
    result = extrema(formula, z)
    points = SPACING * np.arange(-3000, 3001)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(sp.lambdify(z, formula, ["scipy", "numpy"])(points), points.shape)
    keep = np.isfinite(values)
    points, values = points[keep], values[keep]
    slack = 1e-9 * (1 + abs(values))
    for side, direction in ((result.inf, -1), (result.sup, 1)):
        if side.value in (sp.oo, -sp.oo):
            assert side.exact
            assert side.attained is False
            with mpmath.workdps(40):
                far = [sp.lambdify(z, formula, "mpmath")(mpmath.mpf(x)) for x in (-1000, 1000)]
            assert max(direction * value for value in far) > max(direction * values)
            continue
        limit = float(side.value)
        assert np.all(direction * values <= direction * limit + slack)
        if not side.exact:
            assert isinstance(side.value, Enclosed)
            assert _relative_radius(side.value) <= 1e-15
        if side.attained:
            with mpmath.workdps(40):
                found = _refined(sp.lambdify(z, formula, "mpmath"), points, values, direction)
                assert abs(found - mpmath.mpf(sp.N(side.value, 35))) <= 1e-15 * abs(found) + mpmath.mpf(10) ** -18


def _phi(x: sp.Expr) -> sp.Expr:
    return sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


GELU_SLOPE_SUP = (1 + sp.erf(1)) / 2 + sp.sqrt(2) * _phi(sp.sqrt(2))

EXACT = [
    (ACTIVATIONS["logistic"].diff(z), 0, False, half**2, True, {sp.S.Zero}),
    (ACTIVATIONS["logistic"].diff(z, 2), -sp.sqrt(3) / 18, True, sp.sqrt(3) / 18, True, {-sp.log(2 + sp.sqrt(3))}),
    (ACTIVATIONS["tanh"], -1, False, 1, False, {sp.oo}),
    (ACTIVATIONS["tanh"].diff(z), 0, False, 1, True, {sp.S.Zero}),
    (ACTIVATIONS["tanh"].diff(z, 2), -4 * sp.sqrt(3) / 9, True, 4 * sp.sqrt(3) / 9, True, None),
    (ACTIVATIONS["softplus"].diff(z), 0, False, 1, False, {sp.oo}),
    (ACTIVATIONS["gelu"].diff(z), 1 - GELU_SLOPE_SUP, True, GELU_SLOPE_SUP, True, {sp.sqrt(2)}),
    (ACTIVATIONS["erf"].diff(z), 0, False, 2 / sp.sqrt(sp.pi), True, {sp.S.Zero}),
    (ACTIVATIONS["arctan"], -sp.pi / 2, False, sp.pi / 2, False, {sp.oo}),
    (ACTIVATIONS["arctan"].diff(z, 2), -3 * sp.sqrt(3) / 8, True, 3 * sp.sqrt(3) / 8, True, {-sp.sqrt(3) / 3}),
    (ACTIVATIONS["softsign"].diff(z), 0, False, 1, True, {sp.S.Zero}),
    (ACTIVATIONS["gaussian"].diff(z), -sp.sqrt(2 / sp.E), True, sp.sqrt(2 / sp.E), True, {-sp.sqrt(2) / 2}),
    (sp.sin(z).diff(z), -1, True, 1, True, {sp.S.Zero, 2 * sp.pi}),
    (ACTIVATIONS["snake"].diff(z), 0, True, 2, True, {sp.pi / 4, 5 * sp.pi / 4}),
    (ACTIVATIONS["tanh_cubed"].diff(z), 0, True, sp.Rational(3, 4), True, None),
    (sp.Max(0, z).diff(z), 0, True, 1, True, None),
    (sp.Piecewise((z, z > 0), (0, True)).diff(z), 0, True, 1, True, None),
    (sp.Max(z, z / 100).diff(z), sp.Rational(1, 100), True, 1, True, None),
    (ACTIVATIONS["elu"].diff(z), 0, False, 1, True, None),
    (sp.Max(0, sp.Min(1, z / 6 + half)), 0, True, 1, True, None),
    (sp.Max(0, sp.Min(1, z / 6 + half)).diff(z), 0, True, sp.Rational(1, 6), True, None),
    (z * sp.Max(0, sp.Min(1, z / 6 + half)), -sp.Rational(3, 8), True, sp.oo, False, {sp.oo}),
    ((z * sp.Max(0, sp.Min(1, z / 6 + half))).diff(z), -half, False, sp.Rational(3, 2), False, {sp.Integer(3)}),
    (sp.Max(-1, sp.Min(1, z)).diff(z), 0, True, 1, True, None),
    (sp.Abs(z) ** sp.Rational(3, 2), 0, True, sp.oo, False, {-sp.oo, sp.oo}),
    ((sp.Abs(z) ** sp.Rational(3, 2)).diff(z), -sp.oo, False, sp.oo, False, {sp.oo}),
    (sp.exp(z), 0, False, sp.oo, False, {sp.oo}),
    (z**3, -sp.oo, False, sp.oo, False, {sp.oo}),
    (sp.Integer(3), 3, True, 3, True, None),
    (sp.sin(z) ** 2 + sp.cos(z) ** 2, 1, True, 1, True, None),
    (sp.Max(sp.sin(z), sp.cos(z)), -sp.sqrt(2) / 2, True, 1, True, None),
    (sp.exp(sp.exp(z)), 1, False, sp.oo, False, {sp.oo}),
    (z * sp.sin(z) + sp.sqrt(1 + z**2) / (1 + z**2), -sp.oo, False, sp.oo, False, {sp.oo, -sp.oo}),
    (sp.Piecewise((z, z < 0), (sp.cos(2 * z), True)), -sp.oo, False, 1, True, None),
    (sp.sech(z), 0, False, 1, True, {sp.S.Zero}),
    (sp.coth(z) - 1 / z, -1, False, 1, False, {sp.oo}),
    (sp.tanh(z) / z, 0, False, 1, False, {sp.S.Zero}),
]


@pytest.mark.parametrize(("formula", "low", "low_taken", "high", "high_taken", "points"), EXACT)
def test_exact_values(
    formula: sp.Expr, low: object, low_taken: bool, high: object, high_taken: bool, points: set[sp.Expr] | None
) -> None:
    result = extrema(formula, z)
    for side, value, taken in ((result.inf, low, low_taken), (result.sup, high, high_taken)):
        assert side.exact
        assert side.attained is taken
        assert side.value == value or sp.simplify(side.value - value) == 0
    if points is not None:
        assert {sp.simplify(point) for point in result.sup.points} == {sp.simplify(p) for p in points}


ON_INTERVALS = [
    (sp.log(z), sp.Interval.Lopen(0, sp.oo), -sp.oo, sp.oo),
    (1 / z, sp.Interval(-1, 1), -sp.oo, sp.oo),
    (1 / z, sp.Interval.Lopen(0, 1), 1, sp.oo),
    (1 / z, sp.Interval(1, sp.oo), 0, 1),
    (sp.sqrt(1 - z**2), sp.Interval(-1, 1), 0, 1),
    (sp.tan(z), sp.Interval.open(-sp.pi / 2, sp.pi / 2), -sp.oo, sp.oo),
    (sp.sin(z), sp.Interval(sp.pi / 2, 3), sp.sin(3), 1),
    (sp.exp(-1 / z), sp.Interval.open(0, sp.oo), 0, 1),
    (z**z, sp.Interval.Lopen(0, 1), sp.exp(-1 / sp.E), 1),
    (z**sp.pi, sp.Interval(0, 2), 0, 2**sp.pi),
    (z * sp.log(z), sp.Interval(0, 1), -1 / sp.E, 0),
    (sp.acos(z), sp.Interval(-1, 1), 0, sp.pi),
    (sp.Abs(z**2 - 2), sp.Interval(-2, 1), 0, 2),
    ((sp.exp(z) - z - 2) ** 2, sp.Interval(-1, 3), 0, (sp.exp(3) - 5) ** 2),
    (sp.Abs(sp.exp(z) - z - 2), sp.Interval(-1, 3), 0, sp.exp(3) - 5),
    (1 / (z * sp.exp(z) - 1), sp.Interval(0, 2), -sp.oo, sp.oo),
    (sp.exp(-(z**4)), sp.Interval(-1, 2), sp.exp(-16), 1),
    (z**10 * sp.exp(-z), sp.Interval(0, sp.oo), 0, 10**10 * sp.exp(-10)),
    (sp.exp(z**2) * sp.erfc(z), sp.Interval(0, sp.oo), 0, 1),
    (sp.sqrt(2 * z**2 + 2) - sp.sqrt(2) * z, sp.Interval(0, sp.oo), 0, sp.sqrt(2)),
    (sp.Float(0.5) * z**1.5, sp.Interval(0, 4), 0, 4),
]


@pytest.mark.parametrize(("formula", "interval", "low", "high"), ON_INTERVALS)
def test_on_intervals(formula: sp.Expr, interval: sp.Interval, low: object, high: object) -> None:
    result = extrema(formula, z, interval)
    assert result.inf.exact
    assert result.sup.exact
    assert sp.simplify(result.inf.value - low) == 0 or result.inf.value == low
    assert sp.simplify(result.sup.value - high) == 0 or result.sup.value == high


def test_open_and_closed_ends_differ_only_in_attainment() -> None:
    closed, opened = (extrema(z**2, z, interval) for interval in (sp.Interval(-1, 2), sp.Interval.open(-1, 2)))
    assert closed.sup == Extremum(sp.Integer(4), True, True, (sp.Integer(2),))
    assert opened.sup == Extremum(sp.Integer(4), True, False, (sp.Integer(2),))


def test_a_jump_counts_both_one_sided_limits_and_the_value_there() -> None:
    formula = sp.Piecewise((z, z < 0), (5, sp.Eq(z, 0)), (z - 1, True))
    result = extrema(formula, z, sp.Interval(-1, 2))
    assert result.sup == Extremum(sp.Integer(5), True, True, (sp.S.Zero,))
    assert result.inf == Extremum(sp.S.NegativeOne, True, True, (sp.S.NegativeOne, sp.S.Zero)) or result.inf.attained
    jump = extrema(sp.Piecewise((z, z < 1), (0, True)), z)
    assert jump.sup == Extremum(sp.S.One, True, False, (sp.S.One,))


@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [
        (sp.Max(0, z).diff(z, 2), 0, sp.oo),
        (sp.Max(0, 1 - z).diff(z, 2), 0, sp.oo),
        (-sp.Heaviside(z - 1).diff(z), -sp.oo, 0),
        (z * sp.DiracDelta(z), 0, 0),
        ((sp.Max(0, z) ** 2).diff(z, 2), 0, 2),
    ],
)
def test_the_derivative_of_a_jump_is_unbounded(formula: sp.Expr, low: object, high: object) -> None:
    result = extrema(formula, z)
    assert (result.inf.value, result.sup.value) == (low, high)


def test_enclosures_can_be_refined() -> None:
    value = extrema(ACTIVATIONS["silu"].diff(z), z).sup.value
    with mpmath.workdps(320):
        slope = sp.lambdify(z, ACTIVATIONS["silu"].diff(z), "mpmath")
        curvature = sp.lambdify(z, ACTIVATIONS["silu"].diff(z, 2), "mpmath")
        truth = slope(mpmath.findroot(curvature, 2.4))
        ball = to_ball(value, 1000)
        assert float(ball.rad()) < 1e-290
        assert abs(mpmath.mpf(ball.mid().str(310, radius=False)) - truth) < mpmath.mpf(10) ** -290


@pytest.mark.parametrize("scale", [sp.Integer(10) ** 6, sp.Rational(1, 10**6)])
def test_scaled_arguments(scale: sp.Rational) -> None:
    wide = extrema(ACTIVATIONS["silu"].subs(z, z * scale).diff(z), z)
    plain = extrema(ACTIVATIONS["silu"].diff(z), z)
    assert float(wide.sup.value / scale) == pytest.approx(float(plain.sup.value), rel=1e-14)
    assert float(wide.inf.value / scale) == pytest.approx(float(plain.inf.value), rel=1e-14)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (sp.tanh(z), 1),
        (z, sp.oo),
        (sp.sin(z) - 2, 3),
        (sp.exp(-(z**2)) - 3, 3),
        (ACTIVATIONS["tanh"].diff(z, 2), 4 * sp.sqrt(3) / 9),
    ],
)
def test_sup_abs(formula: sp.Expr, expected: object) -> None:
    assert sp.simplify(extrema(formula, z).sup_abs - expected) == 0 or extrema(formula, z).sup_abs == expected


def test_sup_abs_of_enclosed_values() -> None:
    result = extrema(ACTIVATIONS["damped_sine"], z)
    assert float(result.sup_abs) == pytest.approx(float(result.sup.value), rel=1e-15)
    assert isinstance(result, Extrema)


def test_intervals_that_end_at_an_enclosed_point() -> None:
    lowest = extrema(ACTIVATIONS["silu"], z).inf
    result = extrema(ACTIVATIONS["silu"], z, sp.Interval(lowest.points[0], 0))
    assert result.sup.value == 0
    assert result.inf.attained is True
    assert float(result.inf.value) == pytest.approx(float(lowest.value), rel=1e-15)
    assert _relative_radius(result.inf.value) <= 1e-15


def test_a_fast_oscillation_on_a_bounded_interval() -> None:
    result = extrema(sp.sin(10**6 * z), z, sp.Interval(0, 1))
    assert (result.inf.value, result.sup.value) == (-1, 1)


@pytest.mark.parametrize(
    ("formula", "interval", "error", "words"),
    [
        (sp.log(z), sp.Interval(-1, 1), InputError, "not a real number"),
        (sp.sqrt(z), REALS, InputError, "not a real number"),
        (sp.Symbol("a") * z, REALS, InputError, "no symbol but z"),
        (sp.Function("f")(z), REALS, UnsupportedExpressionError, "f"),
        (sp.tanh(z), sp.FiniteSet(1), InputError, "Interval"),
        (sp.Matrix([z]), REALS, InputError, "scalar"),
        ("z**2", REALS, InputError, "scalar"),
        (sp.I * z, REALS, UnsupportedExpressionError, "imaginary"),
        (sp.floor(z), REALS, UnsupportedExpressionError, "floor"),
        (sp.exp(z) * sp.DiracDelta(z, 1), REALS, UnsupportedExpressionError, "linear in DiracDelta"),
        (sp.sin(z**2), REALS, TailUndecidedError, "varies too much"),
        (z * sp.sin(sp.exp(z)), REALS, TailUndecidedError, "oo"),
    ],
)
def test_what_is_refused(formula: object, interval: object, error: type[SymgradError], words: str) -> None:
    with pytest.raises(error, match=words):
        extrema(formula, z, interval)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> sp.Expr:
    """Random formulas of the accepted language, defined on all of R."""
    if depth == 0:
        return draw(st.sampled_from([z, z, sp.Rational(draw(st.integers(-6, 6)), 2)]))
    kind = draw(st.sampled_from(["unary", "add", "mul", "max", "ratio"]))
    first = draw(formulas(depth=depth - 1))
    if kind == "unary":
        bounded = [sp.tanh, sp.atan, sp.erf, sp.sin, sp.cos, sp.Abs, lambda x: sp.exp(-(x**2)), lambda x: x**2]
        return draw(st.sampled_from(bounded))(first)
    second = draw(formulas(depth=depth - 1))
    combine = {"add": first + second, "mul": first * second, "max": sp.Max(first, second)}
    return combine.get(kind, first / (1 + second**2))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(formulas(), st.integers(-8, 8), st.integers(1, 16))
def test_no_sampled_value_lies_outside(formula: sp.Expr, start: int, length: int) -> None:
    interval = sp.Interval(sp.Rational(start, 2), sp.Rational(start + length, 2))
    try:
        result = extrema(formula, z, interval)
    except TailUndecidedError:
        reject()
    values = _sampled(formula, interval)
    low, high = float(result.inf.value), float(result.sup.value)
    scale = 1e-12 * (1 + max(abs(low), abs(high)))
    assert low - scale <= min(values)
    assert max(values) <= high + scale
    assert min(values) - low <= 0.1 * (1 + abs(low)) * (1 + high - low)
    assert high - max(values) <= 0.1 * (1 + abs(high)) * (1 + high - low)


def _sampled(formula: sp.Expr, interval: sp.Interval) -> list[float]:
    function = sp.lambdify(z, formula, "mpmath")
    with mpmath.workdps(25):
        points = [mpmath.mpf(float(interval.start)) + mpmath.mpf(float(interval.measure)) * k / 300 for k in range(301)]
        return [float(function(point)) for point in points]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6), st.integers(-5, 5), st.integers(1, 8))
def test_polynomials_against_numpy_roots(coefficients: list[int], start: int, length: int) -> None:
    polynomial = np.polynomial.Polynomial(coefficients)
    result = extrema(sum(c * z**k for k, c in enumerate(coefficients)) + 0 * z, z, sp.Interval(start, start + length))
    roots = polynomial.deriv().roots()
    inside = [r.real for r in roots if abs(r.imag) < 1e-7 and start <= r.real <= start + length]
    values = [polynomial(x) for x in [start, start + length, *inside]]
    assert float(result.sup.value) == pytest.approx(max(values), rel=1e-9, abs=1e-7)
    assert float(result.inf.value) == pytest.approx(min(values), rel=1e-9, abs=1e-7)
