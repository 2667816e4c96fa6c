"""Enclosed Gaussian means against mpmath and closed forms; wide ranges, variance 0, divergence, falsified claims."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import VARIABLE as x
from symgrad.rigor import gaussian_points
from symgrad.rigor.balls import ball_from_ends, to_ball, working_precision
from symgrad.rigor.ends import End
from symgrad.rigor.gaussian_integrals import gaussian_mean, is_integrable
from symgrad.rigor.smooth_pieces import split

ELU = sp.Piecewise((x, x > 0), (sp.exp(x) - 1, True))
HARD_TANH = sp.Piecewise((-1, x <= -1), (1, x >= 1), (x, True))
SHIFTED = sp.Max(x - sp.Rational(1, 3), 0) + 2 * sp.sign(x + sp.sqrt(2))
USER_MADE = [SHIFTED, sp.sin(3 * x) + x**2, sp.Abs(x) ** sp.Rational(3, 2), sp.exp(x / 2), x * sp.log(1 + x**2)]
HERMITE = {0: lambda z: 1, 1: lambda z: z**2 - 1, 2: lambda z: z**4 - 6 * z**2 + 3}
MPMATH = [{"logistic": lambda z: 1 / (1 + mpmath.exp(-z)), "softplus": lambda z: mpmath.log1p(mpmath.exp(z))}, "mpmath"]


def reference(formula: sp.Expr, variance: float, mean: float = 0.0, order: int = 0, digits: int = 18) -> arb:
    """The same by the quadrature of mpmath, which is not certified."""
    function = sp.lambdify(x, formula, MPMATH)
    kinks = [piece.left.value for piece in split(formula, x, End(-sp.oo, 1), End(sp.oo, -1))[1:]]

    def integrand(z: mpmath.mpf) -> mpmath.mpf:
        return function(mean + deviation * z) * HERMITE[order](z) * mpmath.exp(-(z**2) / 2)

    with mpmath.workdps(digits + 5):
        deviation = mpmath.sqrt(variance)
        inside = [(mpmath.mpf(sp.N(kink, digits + 5)) - mean) / deviation for kink in kinks]
        reach = mpmath.sqrt(5 * digits + 80)
        points = sorted({reach * k / 3 for k in (-3, -1, 0, 1, 3)} | {z for z in inside if abs(z) < reach})
        value = mpmath.quad(integrand, points) / mpmath.sqrt(2 * mpmath.pi) / (2 * mpmath.mpf(variance)) ** order
        return arb(mpmath.nstr(value, digits))


def near(value: arb, tolerance: float) -> arb:
    return value + arb(0, 1) * ((abs(value) + 1e-3) * tolerance).upper()


@pytest.mark.parametrize("name", activation_names())
def test_every_activation_against_mpmath(name: str) -> None:
    formula = activation(name).expr ** 2
    value = gaussian_mean(formula, x, arb(1.375))
    expected = near(reference(formula, 1.375), 1e-14)
    assert value.rel_accuracy_bits() > 46
    assert value.overlaps(expected)
    assert not (value * (1 + arb(2) ** -36)).overlaps(expected)  # a value shifted in the eleventh digit is outside


@pytest.mark.parametrize("formula", USER_MADE, ids=str)
def test_formulas_of_users(formula: sp.Expr) -> None:
    for variance, mean, order in ((2.5, 0.0, 0), (0.75, 0.4, 0), (2.5, -0.4, 1), (0.75, 0.4, 2)):
        value = gaussian_mean(formula, x, arb(variance), arb(mean), order)
        expected = near(reference(formula, variance, mean, order), 1e-12)
        assert value.rad() < 1e-11
        assert value.overlaps(expected)
        assert not (value + 1e-9).overlaps(expected)


@pytest.mark.parametrize("variance", [1e-12, 1e-6, 1.0, 1e4, 1e8])
def test_extreme_variances_against_closed_forms(variance: float) -> None:
    q = arb(variance)
    known = [
        (x**2, q),
        (sp.exp(-(x**2)), 1 / (1 + 2 * q).sqrt()),
        (sp.Max(x, 0), (q / (2 * arb.pi())).sqrt()),
        (sp.erf(x) ** 2, 4 / arb.pi() * (1 + 4 * q).sqrt().atan() - 1),
    ]
    for formula, expected in known:
        value = gaussian_mean(formula, x, q)
        assert value.overlaps(near(expected, 1e-14))
        assert value.rel_accuracy_bits() > 45
    steep = gaussian_mean(sp.tanh(10**4 * x) ** 2, x, q)
    assert steep.overlaps(gaussian_mean(sp.tanh(x) ** 2, x, q * 10**8))
    assert steep.rel_accuracy_bits() > 45


def test_more_oscillations_than_can_be_resolved_leave_the_range_of_values() -> None:
    value = gaussian_mean(sp.cos(x) ** 2, x, arb(1e8))
    assert value.contains(arb(0.5))
    assert value.rad() < 0.6


@pytest.mark.parametrize("order", [0, 1, 2])
def test_small_variances_keep_their_accuracy(order: int) -> None:
    for variance in (1e-12, 1e-8):
        q = arb(variance)
        known = [2 - 2 * (-2 * q).exp(), 4 * (-2 * q).exp(), -8 * (-2 * q).exp()][order]  # of 4 sin(x)**2
        value = gaussian_mean(4 * sp.sin(x) ** 2, x, q, order=order)
        assert value.overlaps(near(known, 1e-15))
        assert value.rel_accuracy_bits() > 40


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    ("formula", "integral"),
    [
        ((1 - sp.tanh(x) ** 2) ** 2, sp.Rational(4, 3)),
        (4 / (sp.exp(x) + sp.exp(-x)) ** 2, sp.Integer(2)),
        (1 / (1 + sp.exp(x) + sp.exp(-x)), 2 * sp.pi / (3 * sp.sqrt(3))),
    ],
    ids=str,
)
def test_large_variances_of_functions_that_fall_off_exponentially(
    formula: sp.Expr, integral: sp.Expr, order: int
) -> None:
    for variance in (arb("1e5"), arb("1e20")):
        found = (
            gaussian_mean(formula, x, variance, order=order)
            * (2 * arb.pi() * variance).sqrt()
            * (-2 * variance) ** order
        )
        assert found.rel_accuracy_bits() > 40
        assert found.overlaps(to_ball(integral) * (1 + arb(0, 20) / variance))  # from the second moment


def test_small_variances_that_are_no_binary_numbers() -> None:
    for variance in ("1e-20", "1e-300", "1e-5000"):
        assert gaussian_mean(sp.sech(x), x, arb(variance), order=1).overlaps(arb(-0.5) + arb(0, 3) * arb(variance))
        assert gaussian_mean(sp.sech(x), x, arb(variance), order=1).rad() < 1e-13


def test_derivatives_of_polynomials_beyond_their_degree_vanish() -> None:
    for formula, order in ((x**2 / 4 + 1, 2), (sp.Integer(3) + 0 * x, 1), (x, 1)):
        for variance in (arb(1), arb("0.01"), arb(0.01, 1e-5)):
            found = gaussian_mean(formula, x, variance, order=order)
            assert found.contains(0)
            assert found.rad() < 1e-3


def test_derivatives_at_variance_zero_need_means_at_small_variances() -> None:
    assert gaussian_mean(sp.exp(x**4), x, arb(0)) == 1
    assert not gaussian_mean(sp.exp(x**4), x, arb(0), order=1).is_finite()
    assert gaussian_mean(sp.exp(x**2), x, arb(0), order=1) == 1


def test_variance_zero_is_the_value_and_the_limit_of_derivatives() -> None:
    assert gaussian_mean(sp.cos(x), x, arb(0), arb(1)).overlaps(arb(1).cos())
    assert gaussian_mean(sp.tanh(x) ** 2, x, arb(0), order=1) == 1  # phi'(0)**2
    assert gaussian_mean(sp.tanh(x) ** 2, x, arb(0), order=2) == -4  # E[f''''] / 4
    assert gaussian_mean(sp.Max(x, 0) ** 2, x, arb(0), order=1) == arb(0.5)
    assert gaussian_mean(ELU**2, x, arb(0), order=1) == 1
    assert not gaussian_mean(ELU**2, x, arb(0), order=2).is_finite()  # the third derivative jumps
    assert not gaussian_mean(sp.Abs(x), x, arb(0), order=1).is_finite()  # sqrt(q) has no slope at 0
    step = gaussian_mean(sp.Heaviside(x, 0), x, ball_from_ends(arb(0), arb(1)))
    assert step.contains(0)  # the value at 0 ...
    assert step.contains(arb(0.5))  # ... and on the right of it


RANGES = st.tuples(st.floats(0.001, 20), st.sampled_from([1e-9, 1e-3, 0.2, 3.0, 50.0]), st.floats(0, 1), st.booleans())


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    RANGES, st.sampled_from([sp.tanh(x) ** 2, ELU**2, HARD_TANH**2, SHIFTED, sp.exp(x / 3)]), st.sampled_from([0, 1])
)
def test_wide_ranges_contain_the_values_inside(
    ranges: tuple[float, float, float, bool], formula: sp.Expr, order: int
) -> None:
    least, width, share, from_zero = ranges
    low, high = (arb(0) if from_zero else arb(least)), arb(least * (1 + width))
    wide = gaussian_mean(formula, x, ball_from_ends(low, high), order=order)
    inside = (low + (high - low) * max(share, 1e-3)).mid()
    assert not wide.is_finite() or wide.contains(gaussian_mean(formula, x, inside, order=order).mid())
    assert wide.is_finite() or (from_zero and formula == SHIFTED)


def test_wide_ranges_are_tight_where_the_mean_is_monotone() -> None:
    for formula in (sp.tanh(x) ** 2, HARD_TANH**2, ELU**2):
        wide = gaussian_mean(formula, x, ball_from_ends(arb(1), arb(2)))
        ends = [gaussian_mean(formula, x, arb(end)) for end in (1, 2)]
        assert (wide.lower() - ends[0]).abs_upper() < 1e-8
        assert (wide.upper() - ends[1]).abs_upper() < 1e-8
    slope = gaussian_mean(sp.tanh(x) ** 2, x, ball_from_ends(arb(0), arb(0.01)), order=1)
    assert slope > 0.96
    assert slope < 1 + arb(2) ** -20


@pytest.mark.parametrize("spread", [1e-12, 1e-3, 0.2])
def test_means_may_be_balls(spread: float) -> None:
    for formula in (sp.tanh(x), SHIFTED):
        wide = gaussian_mean(formula, x, arb(0.5), arb(0.3, spread))
        for share in (-0.9, 0.0, 0.7):
            assert wide.contains(gaussian_mean(formula, x, arb(0.5), arb(0.3) + share * arb(spread)).mid())
        assert wide.rad() < 5 * spread + 1e-12


def test_more_precision_gives_more_digits() -> None:
    with working_precision(200):
        value = gaussian_mean(ELU**2, x, arb(2))
        assert value.rel_accuracy_bits() > 190
        assert value.overlaps(near(reference(ELU**2, 2.0, digits=45), 1e-42))


@pytest.mark.parametrize(
    ("formula", "variance", "exists"),
    [
        (sp.exp(x**2), 0.25, True),
        (sp.exp(x**2), 0.5, False),
        (sp.exp(x**2), 1.0, False),
        (sp.exp(x**2) / (1 + x**2), 0.5, True),
        (sp.exp(x**2) / (1 + sp.Abs(x)), 0.5, False),
        (sp.exp(sp.Abs(x) ** sp.Rational(3, 2)), 3.0, True),
        (sp.exp(-(x**3)), 0.1, False),
        (1 / x, 1.0, False),
        (1 / sp.Abs(x) ** sp.Rational(1, 2), 1.0, True),
        (sp.log(sp.Abs(x)) ** 2, 1.0, True),
        (sp.exp(-1 / sp.Abs(x)), 1.0, True),
        (sp.Piecewise((1 / (x - 3), x > 3), (0, True)), 1.0, False),
        (sp.Abs(sp.sin(x)), 1.0, True),
    ],
    ids=str,
)
def test_existence(formula: sp.Expr, variance: float, exists: bool) -> None:
    assert is_integrable(formula, x, arb(variance)) is exists
    if not exists:
        assert not gaussian_mean(formula, x, arb(variance)).is_finite()


def test_existence_is_not_guessed() -> None:
    assert is_integrable(sp.log(x), x, arb(1)) is None  # not real on one side
    assert is_integrable(sp.exp(x**2), x, ball_from_ends(arb(0.25), arb(1))) is None  # for some variances
    assert not gaussian_mean(sp.exp(x**2), x, ball_from_ends(arb(0.25), arb(1))).is_finite()
    assert not gaussian_mean(sp.tan(x), x, arb(1)).is_finite()


def test_infinitely_many_kinks() -> None:
    # |sin x| = 2/pi - 4/pi sum cos(2kx)/(4k**2 - 1), and E[x**2 cos(2kx)] = (1 - 4k**2) exp(-2k**2)
    series = sum(((arb(-2) * k * k).exp() for k in range(1, 8)), arb(0))
    expected = (2 + 4 * series) / arb.pi()
    for formula in (x**2 * sp.Abs(sp.sin(x)), 2 * x**2 * sp.Max(sp.sin(x), 0)):
        value = gaussian_mean(formula, x, arb(1))
        assert value.rel_accuracy_bits() > 45
        assert value.overlaps(near(expected, 1e-14))
        assert not (value + 1e-9).overlaps(near(expected, 1e-14))
    assert gaussian_mean(x * sp.Abs(sp.sin(x)), x, arb(1)) == 0


@pytest.mark.parametrize(
    "formula",
    [
        sp.Piecewise((sp.sin(x), sp.sin(x) > 0), (0, True)),
        pytest.param(sp.sqrt(1 - sp.cos(x)), marks=pytest.mark.slow),
        sp.Max(sp.sin(x), 0),
    ],
    ids=str,
)
def test_kinks_that_were_not_found_are_not_forgotten_in_derivatives(formula: sp.Expr) -> None:
    step = arb(2) ** -14
    means = [gaussian_mean(formula, x, 1 + sign * step) for sign in (-1, 1)]
    slope = gaussian_mean(formula, x, arb(1), order=1)
    assert slope.rad() < 1e-8
    assert slope.overlaps((means[1] - means[0]) / (2 * step) + arb(0, 1e-7))
    on_range = gaussian_mean(formula, x, ball_from_ends(arb(0.9), arb(1.1)), order=1)
    assert on_range.overlaps(slope)


def test_singular_means_have_their_known_values() -> None:
    euler = to_ball(-(sp.EulerGamma + sp.log(2)) / 2)
    assert gaussian_mean(sp.log(sp.Abs(x)), x, arb(1)).overlaps(euler)
    root = to_ball(2 ** sp.Rational(-1, 4) * sp.gamma(sp.Rational(1, 4)) / sp.sqrt(sp.pi))
    assert gaussian_mean(1 / sp.sqrt(sp.Abs(x)), x, arb(1)).overlaps(root)


def test_a_forgotten_tail_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = near(reference(sp.Abs(x), 1.0), 1e-14)
    monkeypatch.setattr(gaussian_points.Truncation, "widened", lambda cut: setattr(cut, "reach", arb(5)) or arb(0))
    assert not gaussian_mean(sp.Abs(x), x, arb(1)).overlaps(expected)


def test_a_falsified_growth_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_points.Growth, "tail", lambda self, begin, deviation, shift, power: arb(0))
    monkeypatch.setattr(gaussian_points.Growth, "tail_from_start", lambda self, begin, deviation, shift, power: arb(0))
    value = gaussian_mean(sp.exp(20 * sp.Abs(x)), x, arb(1))  # most of it lies beyond 12 deviations
    assert not value.overlaps(2 * arb(200).exp() * (1 - (arb(20) / arb(2).sqrt()).erfc() / 2))


def test_input_is_checked() -> None:
    with pytest.raises(InputError, match="variance"):
        gaussian_mean(sp.tanh(x), x, arb(-1))
    with pytest.raises(InputError, match="order"):
        gaussian_mean(sp.tanh(x), x, arb(1), order=7)
    with pytest.raises(InputError, match="order"):
        gaussian_mean(sp.tanh(x), x, arb(1), order=True)
    with pytest.raises(InputError, match="contains y"):
        gaussian_mean(sp.Symbol("y") * x, x, arb(1))
    with pytest.raises(UnsupportedExpressionError, match="zeta"):
        gaussian_mean(sp.zeta(x), x, arb(1))
    with pytest.raises(InputError, match="variance"):
        is_integrable(x, x, arb(0))
