"""The enclosures: true against mpmath at 60 digits, and tight."""

import math
import pickle
import random
from fractions import Fraction

import flint
import mpmath
import pytest
import sympy as sp
from flint import arb, fmpq
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError, SymgradError, UnsupportedExpressionError
from symgrad.rigor.balls import (
    Enclosed,
    ball_from_ends,
    ball_function,
    exact_ball,
    interval_function,
    lower_float,
    to_ball,
    upper_float,
    working_precision,
)
from symgrad.rigor.functions import logistic, softplus

DIGITS = 60
x, y = sp.symbols("x y", real=True)
floats = st.floats(-30, 30, allow_subnormal=True)

# The reference: mpmath's own functions at 60 digits, sharing no code with the enclosures.
REFERENCE = {
    "logistic": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "Heaviside": lambda z, h=0.5: mpmath.mpf(1) if z > 0 else mpmath.mpf(0) if z < 0 else mpmath.mpf(h),
    "Max": max,
    "Min": min,
    "Abs": abs,
    "polygamma": lambda n, z: mpmath.polygamma(int(n), z),
}


def reference(expr, variables):
    """The expression as a function of mpmath numbers, with the whole tree evaluated at 60 digits."""
    function = sp.lambdify(variables, expr, modules=[REFERENCE, "mpmath"])

    def at(*values):
        with mpmath.workdps(DIGITS):
            return mpmath.mpmathify(function(*(mpmath.mpf(value) for value in values)))

    return at


def contains(ball, value):
    """Whether a ball contains an mpmath number, up to the reference's own error."""
    with mpmath.workdps(DIGITS):
        slack = abs(value) * mpmath.mpf(10) ** -40 + mpmath.mpf(10) ** -(10**7)
        below, above = value - slack, value + slack
    return ball.overlaps(mp_ball(below).union(mp_ball(above)))


def mp_ball(value):
    sign, mantissa, exponent, _ = value._mpf_
    return arb(((-1) ** sign * int(mantissa), int(exponent)))


def is_inside(ends, value):
    low, high = ends
    return (low.lower() <= high.upper()) and not mp_ball(value) < low and not mp_ball(value) > high


def range_of(expr, low, high):
    """Outward rounded float ends of the enclosure over an interval with exact ends."""
    bottom, top = interval_function(expr, x)((low, high))
    return lower_float(bottom), upper_float(top)


UNARY = {
    "exp": (sp.exp(x), -30, 30),
    "log": (sp.log(x), 1e-9, 30),
    "sqrt": (sp.sqrt(x), 0, 30),
    "cube root": (sp.cbrt(x), 0, 30),
    "sinh": (sp.sinh(x), -30, 30),
    "cosh": (sp.cosh(x), -30, 30),
    "tanh": (sp.tanh(x), -30, 30),
    "sech": (sp.sech(x), -30, 30),
    "asinh": (sp.asinh(x), -30, 30),
    "acosh": (sp.acosh(x), 1, 30),
    "atanh": (sp.atanh(x), -0.999, 0.999),
    "logistic": (logistic(x), -30, 30),
    "softplus": (softplus(x), -30, 30),
    "erf": (sp.erf(x), -30, 30),
    "erfc": (sp.erfc(x), -30, 30),
    "atan": (sp.atan(x), -30, 30),
    "asin": (sp.asin(x), -1, 1),
    "acos": (sp.acos(x), -1, 1),
    "sin": (sp.sin(x), -30, 30),
    "cos": (sp.cos(x), -30, 30),
    "tan": (sp.tan(x), -1.5, 1.5),
    "abs": (sp.Abs(x), -30, 30),
    "sign": (sp.sign(x), -30, 30),
    "step": (sp.Heaviside(x), -30, 30),
    "step with value": (sp.Heaviside(x, sp.Rational(1, 3)), -30, 30),
    "square": (x**2, -30, 30),
    "cube": (x**3, -30, 30),
    "power 101": (x**101, -3, 3),
    "power 5/3": (x ** sp.Rational(5, 3), 0, 30),
    "power pi": (x**sp.pi, 0, 30),
    "2**x": (2**x, -30, 30),
    "reciprocal square root": (1 / sp.sqrt(x), 1e-3, 30),
    "gamma": (sp.gamma(x), 0.01, 30),
    "gamma below 0": (sp.gamma(x), -2.99, -2.01),
    "loggamma": (sp.loggamma(x), 0.01, 30),
    "digamma": (sp.polygamma(0, x), 0.01, 30),
    "trigamma": (sp.polygamma(1, x), 0.01, 30),
}


@pytest.mark.parametrize("name", UNARY)
def test_every_function_at_points_and_on_intervals(name):
    """Truth at seeded points, and on intervals: all inside values, and ends that inside values come close to."""
    expr, start, stop = UNARY[name]
    truth, rng = reference(expr, [x]), random.Random(name)
    on_ball, on_interval = ball_function(expr, x), interval_function(expr, x)
    for _ in range(12):
        low, high = sorted(rng.uniform(start, stop) for _ in range(2))
        value = truth(low)
        ball = on_ball(low)
        assert contains(ball, value)
        assert ball.is_exact() or ball.rel_accuracy_bits() > 35 or abs(value) < 1e-3
        ends = on_interval((low, high))
        inside = [truth(min(low + (high - low) * k / 64, high)) for k in range(65)]
        assert all(is_inside(ends, value) for value in inside)
        spread = max(inside) - min(inside)
        assert upper_float(ends[1]) - lower_float(ends[0]) <= 1.05 * spread + 1e-12 * max(map(abs, inside))
        assert contains(on_ball(ball_from_ends(arb(low), arb(high))), inside[30])


NAMED = (sp.tanh, sp.sin, sp.cos, sp.erf, sp.erfc, sp.atan, sp.asinh, logistic, softplus, sp.Abs, sp.sign, sp.Heaviside)
FORMULAS = (
    lambda a: a**2,
    lambda a: a**3,
    lambda a: sp.exp(-(a**2)),
    lambda a: sp.sqrt(1 + a**2),
    lambda a: 1 / (1 + a**2),
    lambda a: sp.log(1 + a**2),
    lambda a: 1 / (1 + sp.exp(-a)),
    lambda a: sp.log(1 + sp.exp(a)),
    lambda a: 1 - sp.tanh(a) ** 2,
    lambda a: sp.cosh(sp.sin(a)),
    lambda a: sp.gamma(2 + sp.cos(a)),
)
BINARY = (
    sp.Add,
    sp.Mul,
    sp.Max,
    sp.Min,
    lambda a, b: a - b,
    lambda a, b: sp.Piecewise((a, x > y), (b, True)),
    lambda a, b: sp.Piecewise((a, (x > 0) & (y <= 1)), (b, sp.Or(x < -1, y > 2)), (a - b, True)),
)


def expressions():
    """Random nested expressions of the whitelist in x and y."""
    constants = st.sampled_from([sp.Integer(2), sp.Rational(-1, 3), sp.pi, sp.E, sp.Float(0.1), sp.EulerGamma])
    leaves = st.one_of(st.just(x), st.just(y), constants)
    unary = st.sampled_from(NAMED + FORMULAS)
    binary = st.sampled_from(BINARY)

    def extend(children):
        return st.one_of(
            st.builds(lambda f, a: f(a), unary, children),
            st.builds(lambda f, a, b: f(a, b), binary, children, children),
        )

    return st.recursive(leaves, extend, max_leaves=5)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(expressions(), st.tuples(floats, floats), st.tuples(floats, floats), st.integers(0, 8), st.integers(0, 8))
def test_random_expressions_hold_their_values(expr, xs, ys, i, j):
    """Points inside wide balls and intervals, and the point itself, for random nested expressions."""
    truth = reference(expr, [x, y])
    (a, b), (c, d) = sorted(xs), sorted(ys)
    px, py = min(max(a + (b - a) * i / 8, a), b), min(max(c + (d - c) * j / 8, c), d)
    value = truth(px, py)
    assume(mpmath.isfinite(value))
    at_point = ball_function(expr, [x, y])(px, py)
    assert contains(at_point, value)
    assert at_point.rad() < 1e-6 * (1 + abs(at_point.mid())) or expr.has(sp.sign, sp.Heaviside, sp.Piecewise, sp.exp)
    boxes = ball_from_ends(arb(a), arb(b)), ball_from_ends(arb(c), arb(d))
    assert contains(ball_function(expr, [x, y])(*boxes), value)
    assert is_inside(interval_function(expr, [x, y])((a, b), (c, d)), value)


@pytest.mark.parametrize(
    ("expr", "low", "high", "bottom", "top"),
    [
        (sp.tanh(x), -1000, 1000, -1, 1),
        (logistic(x), -10000, 10000, 0, 1),
        (1 / (1 + sp.exp(-x)), -10000, 10000, 0, 1),
        (sp.exp(x) / (1 + sp.exp(x)), -1e6, 1e6, 0, 1),
        (sp.exp(-x) / (1 + sp.exp(-x)) ** 2, -1e6, 1e6, 0, 0.25),
        (logistic(x).diff(x), -1e6, 1e6, 0, 0.25),
        (sp.tanh(x).diff(x), -1e6, 1e6, 0, 1),
        (x**2, -1, 1, 0, 1),
        (x**2, -3, 1, 0, 9),
        (x**-2, -0.5, -0.25, 4, 16),
        (sp.Abs(x), -3, 1, 0, 3),
        (sp.sin(x), 0, 1e9, -1, 1),
        (sp.cos(x), -1, 1, math.cos(1), 1),
        (sp.cos(x), 2, 4, -1, math.cos(2)),
        (sp.sqrt(x), 0, 4, 0, 2),
        (sp.sqrt(1 - x**2), -1, 1, 0, 1),
        (sp.Max(x, 0), -2, 3, 0, 3),
        (sp.Min(x, 0, -x), -2, 3, -3, 0),
        (sp.sign(x), -2, 3, -1, 1),
        (sp.sign(x), 0, 3, 0, 1),
        (sp.Heaviside(x), -2, 3, 0, 1),
        (sp.Heaviside(x, 5), -2, 3, 0, 5),
        (sp.Piecewise((x, x > 0), (sp.exp(x) - 1, True)), -1000, 2, -1, 2),
        (sp.Piecewise((3 + x, x >= 1), (x, True)), 0, 2, 0, 5),
        (sp.Piecewise((sp.log(x), x > 1), (1 - x, True)), -1, 2, 0, 2),
        (sp.Piecewise((1, x > 0), (-1, x < 0)), -1, 2, -1, 1),
        (sp.Piecewise((1, (x > 0) & (x < 1)), (0, True)), -1, 2, 0, 1),
        (sp.Piecewise((1, (x > 0) & (x < 1)), (0, True)), 2, 3, 0, 0),
        (sp.Piecewise((7, sp.Ne(x, 0)), (0, True)), 1, 3, 7, 7),
        (sp.Piecewise((0, sp.Eq(x, 0)), (7, True)), 1, 3, 7, 7),
        (sp.gamma(x), 1, 2, 0.88560319441088870028, 1),
        (sp.gamma(x), 0.5, 5, 0.88560319441088870028, 24),
        (sp.gamma(x), -1.75, -1.25, 2.302407258339680135, 3.9213334478885693),
        (x**100001, -1, 1, -1, 1),
        (2**x, -1, 3, 0.5, 8),
        (sp.acos(x), -1, 1, 0, math.pi),
        (softplus(x), -1e5, 0, 0, math.log(2)),
    ],
)
def test_ranges_over_wide_intervals(expr, low, high, bottom, top):
    """Exact ranges, reached to a few units of the last place and not exceeded where they are exact."""
    found = range_of(expr, low, high)
    assert found == pytest.approx((bottom, top), rel=1e-14, abs=1e-14)
    if float(bottom).is_integer():
        assert found[0] >= bottom
    if float(top).is_integer():
        assert found[1] <= top
    ball = ball_function(expr, x)(ball_from_ends(exact_ball(low), exact_ball(high)))
    width = found[1] - found[0]
    assert lower_float(ball) >= found[0] - 1e-8 * width
    assert upper_float(ball) <= found[1] + 1e-8 * width


@pytest.mark.parametrize(
    "expr",
    [
        *(1 / x, 1 / x**2, sp.log(x), sp.sqrt(x), x ** sp.Rational(1, 3), x**sp.pi, x**x, sp.tan(x + sp.pi / 2)),
        *(sp.gamma(x), sp.loggamma(x), sp.polygamma(0, x), sp.coth(x), sp.asin(2 * x), sp.acosh(x), sp.log(sp.Abs(x))),
    ],
)
def test_a_pole_or_the_edge_of_the_domain_gives_an_infinite_ball(expr):
    """Never a finite one, on a ball across 0."""
    assert not ball_function(expr, x)(ball_from_ends(arb(-1), arb(2))).is_finite()


def test_what_is_not_real_is_not_finite():
    """The principal cube root of -8 is not real; half-lines keep their known end."""
    assert not ball_function(x ** sp.Rational(1, 3), x)(-8).is_finite()
    assert not to_ball((-8) ** sp.Rational(1, 3)).is_finite()
    assert to_ball(sp.real_root(-8, 3)) == -2
    assert ball_function(x**3, x)(-2) == -8
    assert ball_function(x**y, [x, y])(-2, 3) == -8
    assert range_of(1 / x, 0, 1) == (1, math.inf)
    assert range_of(sp.log(x), 0, 1) == (-math.inf, 0)
    assert range_of(1 / x**2, -1, 1) == (1, math.inf)


def test_bounded_functions_do_not_hide_what_is_undefined():
    """tanh of something that is not real, or of a pole hit exactly, is no number between -1 and 1."""
    for expr, point in [
        (sp.tanh(sp.sqrt(x)), -1),
        (sp.sin(1 / x), 0),
        (sp.atan(sp.gamma(x)), -2),
        (sp.erf(sp.log(x)), 0),
    ]:
        assert not ball_function(expr, x)(point).is_finite()
        assert ball_function(expr, x)(1).is_finite()
    assert range_of(sp.tanh(sp.log(x)), -1, 2) == (-math.inf, math.inf)
    assert range_of(sp.tanh(1 / x), -1, 2) == (-1, 1)
    unfinished = sp.Piecewise((0, x > 1), (1, x < 0))
    assert range_of(sp.tanh(unfinished), 0.25, 2) == (-math.inf, math.inf)
    assert not ball_function(sp.tanh(unfinished), x)(0.5).is_finite()


def test_unbounded_intervals():
    """Half-lines and the whole line give true and useful ends."""
    whole, right = (-math.inf, math.inf), (1, math.inf)
    assert range_of(sp.tanh(x), *whole) == (-1, 1)
    assert range_of(sp.atan(x), *whole) == pytest.approx((-math.pi / 2, math.pi / 2))
    assert range_of(x**2, *whole) == (0, math.inf)
    assert range_of(sp.exp(-(x**2)), *whole) == (0, 1)
    assert range_of(1 / x, *right) == (0, 1)
    assert range_of(sp.sin(x) / x, *right) == (-1, 1)
    assert range_of(x * sp.exp(-x), *right) == (0, math.inf)
    assert range_of(sp.erfc(x), -math.inf, 0) == (1, 2)
    assert not ball_function(x**2, x)(arb(0, arb.pos_inf())).is_finite()
    assert ball_function(sp.tanh(x), x)(arb(0, arb.pos_inf())).is_finite()
    assert ball_function(logistic(x), x)(arb.nan()).is_finite()


def test_far_tails_keep_relative_accuracy():
    """Values far below the floats are still known to many digits, and still positive."""
    for expr, point in [
        (sp.erfc(x), 100),
        (1 - sp.erf(x), 30),
        (1 - sp.tanh(x) ** 2, 400),
        (1 + sp.tanh(x), -300),
        (1 - logistic(x), 500),
        (sp.exp(x) - 1, 1e-30),
        (softplus(x), -1000),
        (sp.log(logistic(x)), 800),
    ]:
        ball = ball_function(expr, x)(point)
        assert ball.rel_accuracy_bits() > 30, expr
        with mpmath.workdps(1000):
            exact = mpmath.mpmathify(sp.lambdify(x, expr, modules=[REFERENCE, "mpmath"])(mpmath.mpf(point)))
        assert contains(ball, exact)


def test_huge_values_do_not_overflow():
    """exp(1e6), large powers, and arguments beyond every exponent."""
    assert to_ball(sp.log(sp.exp(sp.Integer(10) ** 6, evaluate=False), evaluate=False)).overlaps(arb(10**6))
    big = ball_function(sp.exp(x), x)(1e6)
    assert big.is_finite()
    assert upper_float(big) == math.inf
    assert lower_float(big) == math.nextafter(math.inf, 0)
    assert ball_function(x ** (10**15), x)(1.1).rel_accuracy_bits() > 40
    assert range_of(logistic(x), -1e300, 1e300) == (0, 1)
    assert range_of(sp.exp(-x), 0, 1e300) == (0, 1)
    assert range_of(2**-x, 0, 1e300) == (0, 1)
    assert range_of(sp.tanh(sp.sinh(x)), -1e300, 1e300) == (-1, 1)


def test_domain_edges_up_to_rounding():
    """A ball built as midpoint and radius reaches below 0 by the rounding of its radius: that is not a real step."""
    leaking = arb(0.5, 0.5)
    assert leaking.lower() < 0
    root = ball_function(sp.sqrt(x), x)(leaking)
    assert root.contains(0)
    assert root.contains(1)
    assert upper_float(root) < 1 + 1e-8
    assert ball_function(sp.sqrt(1 - x**2), x)(arb(0, 1)).is_finite()
    nearly_zero = Enclosed("a zero in disguise", lambda bits: arb(2).sqrt() ** 2 - 2)
    assert upper_float(to_ball(sp.sqrt(nearly_zero))) < 1e-8


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324, 1e308)
@example(-5e-324, 0.0)
@example(0.0, 1e-300)
@example(1e-300, 1.0)
@example(-1.7976931348623157e308, 1.7976931348623157e308)
def test_balls_from_ends_are_true_and_keep_the_sign(a, b):
    """Both ends inside, relative excess at most 2**-28, and no change of sign."""
    low, high = sorted((a, b))
    ball = ball_from_ends(arb(low), arb(high))
    assert ball.contains(arb(low))
    assert ball.contains(arb(high))
    excess = exact_fraction(ball.upper()) - exact_fraction(ball.lower()) - (Fraction(high) - Fraction(low))
    assert excess <= (Fraction(high) - Fraction(low)) / 2**28
    if low >= 0:
        assert ball.lower() >= 0
    if high <= 0:
        assert ball.upper() <= 0


def exact_fraction(number):
    mantissa, exponent = (int(part) for part in number.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


@given(st.fractions(), st.integers(-1200, 1200), st.sampled_from([30, 53, 200]))
def test_outward_floats(fraction, exponent, bits):
    """The float next to the truth on the right side, for every size: subnormal numbers and overflow too."""
    value = fraction * Fraction(2) ** exponent
    with working_precision(bits):
        ball = arb(fmpq(value.numerator, value.denominator))
        up, down = upper_float(ball), lower_float(ball)
    assert math.isinf(up) or Fraction(up) >= value
    assert math.isinf(down) or Fraction(down) <= value
    with working_precision(6000):
        exact = arb(fmpq(value.numerator, value.denominator))
        up, down = upper_float(exact), lower_float(exact)
    assert math.isinf(up) or Fraction(up) >= value
    assert math.isinf(before := math.nextafter(up, -math.inf)) or Fraction(before) < value
    assert math.isinf(after := math.nextafter(down, math.inf)) or Fraction(after) > value


def test_outward_floats_at_the_limits():
    """Subnormal, huge, infinite, and not a number."""
    tiny, huge = arb("1e-400"), arb("1e400")
    assert (lower_float(tiny), upper_float(tiny)) == (0.0, 5e-324)
    assert (lower_float(-tiny), upper_float(-tiny)) == (-5e-324, 0.0)
    assert math.copysign(1, upper_float(-tiny)) == math.copysign(1, lower_float(arb(0))) == 1
    assert (lower_float(huge), upper_float(huge)) == (1.7976931348623157e308, math.inf)
    assert (lower_float(arb.nan()), upper_float(arb.nan())) == (-math.inf, math.inf)
    assert (lower_float(arb(0, arb.pos_inf())), upper_float(arb.pos_inf())) == (-math.inf, math.inf)
    assert upper_float(arb(0.75)) == lower_float(arb(0.75)) == 0.75


@pytest.mark.parametrize(
    "value", [0.1, -3, 10**40, Fraction(1, 3), sp.Rational(2, 7), "0.1", "1/3", sp.Float("0.1", 50)]
)
def test_exact_balls(value):
    """The value taken as it stands: a float is its binary value, a string its decimal value."""
    exact = (
        Fraction(int(sp.Rational(value).p), int(sp.Rational(value).q))
        if isinstance(value, sp.Basic)
        else Fraction(value)
    )
    with working_precision(300):
        assert exact_ball(value).overlaps(arb(fmpq(exact.numerator, exact.denominator)))
    assert exact_ball(value).rel_accuracy_bits() >= 50
    if isinstance(value, float):
        assert exact_ball(value).is_exact()


@pytest.mark.parametrize("value", [math.nan, math.inf, "abc", "1/0", None, 1j, sp.Symbol("q"), sp.sqrt(2), True])
def test_exact_balls_refuse(value):
    """What is no finite number is refused with its type."""
    with pytest.raises(InputError, match="number: a finite real number"):
        exact_ball(value)


def test_constants_are_refined_on_demand():
    """Cancellation is met with more bits, and floats are exact."""
    hard = sp.exp(sp.pi * sp.sqrt(163)) - 640320**3 - 744
    ball = to_ball(hard, 100)
    assert ball.rel_accuracy_bits() >= 100
    with mpmath.workdps(80):
        assert contains(ball, mpmath.exp(mpmath.pi * mpmath.sqrt(163)) - 640320**3 - 744)
    assert to_ball(sp.Float(0.1)).contains(exact_ball(0.1))
    assert not to_ball(sp.Float(0.1), 80).contains(fmpq(1, 10))
    zero = to_ball(sp.sin(1) ** 2 + sp.cos(1) ** 2 - 1, 64)
    assert zero.contains(0)
    assert zero.rad() < 1e-100
    for constant in (sp.pi, sp.E, sp.EulerGamma, sp.Catalan, sp.GoldenRatio):
        with mpmath.workdps(60):
            assert contains(to_ball(constant, 150), sp.lambdify([], constant, "mpmath")())
    assert not to_ball(sp.zoo).is_finite()
    assert not to_ball(sp.oo).is_finite()


def test_float_coefficients_are_exact():
    """No rounding by SymPy enters: logistic scaling, branch points, and quotients of floats."""
    expr = 1 / (1.5 + 0.1 * sp.exp(-0.7 * x))
    with working_precision(150):
        assert contains(ball_function(expr, x)(0.3), reference(expr, [x])(0.3))
    step = sp.Piecewise((1, 0.1 * x > 0.3), (0, True))
    edge = Fraction(0.3) / Fraction(0.1)
    with working_precision(200):
        edge_ball = arb(fmpq(edge.numerator, edge.denominator))
        assert ball_function(step, x)(edge_ball + exact_ball(1e-30)) == 1
        assert ball_function(step, x)(edge_ball - exact_ball(1e-30)) == 0


class TestEnclosed:
    root = Enclosed("square root of 2", lambda bits: arb(2).sqrt())

    def test_is_a_real_number_to_sympy(self):
        assert self.root.is_real
        assert self.root.is_positive
        assert self.root.is_number
        assert not self.root.free_symbols
        assert self.root.is_integer is False
        assert self.root.is_zero is False
        assert abs(self.root.evalf(50) - sp.sqrt(2).evalf(50)) < sp.Float(10) ** -48
        assert bool(self.root > 1)
        assert not bool(self.root > 2)
        assert float(self.root) == math.sqrt(2)
        assert (self.root**2 + x).subs(x, 1).evalf(20) == sp.Float(3, 20)

    def test_equality_and_pickling_follow_the_label(self):
        assert self.root == Enclosed("square root of 2", lambda bits: arb(2).sqrt())
        assert self.root != Enclosed("another", self.root.refine)
        assert len({self.root, self.root + 0}) == 1
        copy = pickle.loads(pickle.dumps(Enclosed("pi again", _pi)))
        assert copy == Enclosed("pi again", _pi)
        assert copy.ball(100).contains(Enclosed("pi again", _pi).ball(200))

    def test_inside_expressions(self):
        ball = to_ball(self.root**2 - 2, 60)
        assert ball.contains(0)
        assert ball.rad() < 1e-100
        with working_precision(200):
            value = ball_function(x * self.root, x)(1)
        assert value.rel_accuracy_bits() > 190

    def test_undecided_sign_is_unknown(self):
        zero = Enclosed("sqrt(2)**2 - 2", lambda bits: arb(2).sqrt() ** 2 - 2)
        assert zero.is_positive is None
        assert zero.is_zero is None
        assert not zero.is_comparable
        assert Enclosed("0", lambda bits: arb(0)).is_zero

    def test_prints_digits(self):
        assert str(self.root) == "1.41421356237310..."
        assert sp.latex(self.root) == r"1.41421356237310\ldots"

    def test_refuses_what_is_no_function(self):
        with pytest.raises(InputError, match="Enclosed"):
            Enclosed("x", 3)


def _pi(bits):
    return arb.pi()


@pytest.mark.parametrize(
    ("expr", "named"),
    [
        (sp.Function("f")(x), "f"),
        (sp.DiracDelta(x), "DiracDelta"),
        (sp.floor(x), "floor"),
        (sp.zeta(x), "zeta"),
        (sp.I * x, "imaginary unit I"),
        (sp.Piecewise((1, sp.Symbol("p")), (x, True)), "not a comparison"),
        (sp.MatrixSymbol("A", 2, 2), "scalar"),
        (sp.Symbol("a", commutative=False), "scalar"),
        ("exp(x)", "str"),
        (sp.Integral(sp.exp(x * y), (y, 0, 1)), "Integral"),
    ],
)
def test_unsupported_expressions_are_named(expr, named):
    """One clear error with the node at fault."""
    with pytest.raises(UnsupportedExpressionError, match=named):
        ball_function(expr, [x, sp.Symbol("p")] if isinstance(expr, sp.Piecewise) else x)


def test_bad_arguments():
    """Symbols, counts, intervals and precisions that do not fit."""
    with pytest.raises(InputError, match="contains y"):
        ball_function(x + y, x)
    with pytest.raises(InputError, match="SymPy symbols"):
        ball_function(x, ["x"])
    with pytest.raises(InputError, match="1 arguments"):
        ball_function(x, x)(1, 2)
    with pytest.raises(InputError, match="finite real number"):
        ball_function(x, x)(math.nan)
    with pytest.raises(InputError, match="contains y"):
        to_ball(sp.exp(y))
    for ends in ((1, 0), (math.inf, math.inf), (arb.nan(), 1)):
        with pytest.raises(InputError, match="interval"):
            interval_function(x, x)(ends)
    for bits in (0, 1.5, True, "53"):
        with pytest.raises(SymgradError, match="bits"), working_precision(bits):
            pass


def test_precision_is_restored():
    """Also after an exception."""
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), working_precision(333):
        raise ZeroDivisionError
    assert flint.ctx.prec == before


def test_constants_among_bounds_are_compared():
    """A constant difference keeps its form, so that Max and Min can compare it."""
    assert ball_function(sp.Min(x, sp.exp(sp.pi) - 1), x)(30).overlaps(to_ball(sp.exp(sp.pi) - 1))


def test_more_precision_gives_narrower_balls():
    """The compiled function follows the precision at the time of the call."""
    slope = ball_function((x * logistic(x)).diff(x), x)
    for bits in (53, 300, 1000):
        with working_precision(bits):
            assert slope("0.7").rel_accuracy_bits() > bits - 15


@pytest.mark.parametrize("point", [-6, -40, -300])
def test_one_plus_erf_keeps_its_digits_far_out(point):
    """``1 + erf(z)`` is ``erfc(-z)``, which SymPy turns back into a difference that cancels."""
    ball = ball_function(1 + sp.erf(x), x)(point)
    assert ball > 0
    with mpmath.workdps(40):
        assert abs(float((ball / arb(mpmath.nstr(mpmath.erfc(-point), 30))).mid()) - 1) < 1e-12


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_products_take_the_right_ends_for_every_pair_of_signs(signs):
    x, y = sp.symbols("x y", real=True)
    product = interval_function(x * y, (x, y))
    pairs = [tuple(sorted((sign * near, sign * far))) for sign, near, far in ((signs[0], 2, 3), (signs[1], 5, 7))]
    low, high = product(*(tuple(map(arb, pair)) for pair in pairs))
    corners = [a * b for a in pairs[0] for b in pairs[1]]
    assert low == min(corners)
    assert high == max(corners)
