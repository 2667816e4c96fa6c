"""Closed forms of Gaussian means against integration and published kernels."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.language.activations import activation
from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import CORRELATION, VARIANCE, GaussianMean, GaussianPairMean
from symgrad.meanfield.closed_means import ClosedMean, closed_mean, closed_pair_mean
from symgrad.meanfield.means import Mean, PairMean
from symgrad.rigor.balls import ball_function, working_precision

x = sp.Symbol("x", real=True)
q, c = VARIANCE, CORRELATION
half, third = sp.Rational(1, 2), sp.Rational(1, 3)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


def found(formula: sp.Expr, mean: sp.Expr = sp.S.Zero) -> ClosedMean:
    closed = closed_mean(formula, x, q, mean)
    assert closed is not None
    return closed


def to_30_digits(formula: sp.Expr, variance: sp.Rational, breaks: tuple[float, ...] = ()) -> mp.mpf:
    """The mean by adaptive quadrature, independent of the rules."""
    deviation = mp.sqrt(mp.mpf(variance.p) / variance.q)
    function = sp.lambdify(x, formula, "mpmath")
    panels = sorted({mp.mpf(k) for k in (-14, -5, 0, 5, 14)} | {mp.mpf(sp.N(b, 34)) / deviation for b in breaks})
    return mp.quad(lambda z: function(deviation * z) * mp.npdf(z), panels)


def in_floats_on_panels(formula: sp.Expr, variance: float, breaks: tuple[float, ...] = (), mean: float = 0.0) -> float:
    """The mean by Gauss-Legendre rules between the breaks."""
    nodes, weights = _panels(np.sqrt(variance), [float(b) - mean for b in breaks])
    density = np.exp(-(nodes**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return float((_function(formula)(nodes + mean) * density * weights).sum())


ONE_VARIABLE = [
    (x**4 - 3 * x + 2, ()),
    (sp.Max(x, 0) ** 3, (0,)),
    (sp.Piecewise((x, x > 0), (-x / 7, True)) ** 2, (0,)),
    (sp.Abs(x) ** 5, (0,)),
    (sp.Heaviside(x - 1) * sp.exp(x), (1,)),
    (sp.sign(x + 2) * x**3, (-2,)),
    (sp.exp(-sp.Abs(x)), (0,)),
    (sp.exp(x**2 / 9 - x), ()),
    (x * sp.exp(-(x**2)) * sp.erf(x), ()),
    (x * sp.sin(x), ()),
    (x**2 * sp.cos(2 * x + 1) * sp.exp(-(x**2) / 3), ()),
    (sp.sinh(x) ** 2, ()),
    (sp.Integer(2) ** x, ()),
    (sp.erf(2 * x + 1), ()),
    (x**2 * sp.erf(x - half) * sp.exp(x - x**2), ()),
    (x**4 * sp.erf(x) ** 2, ()),
    (sp.erfc(x) * x, ()),
    (sp.Min(sp.Max(x, -2), third) ** 2, (-2, third)),
    (sp.Abs(x**2 - 2), (sp.sqrt(2), -sp.sqrt(2))),
    (sp.Abs(sp.exp(x) - 2), (sp.log(2),)),
    (sp.Max(x, x**2), (0, 1)),
    (sp.sin(x) * sp.erf(x) ** 2, ()),
]


@pytest.mark.parametrize(("formula", "breaks"), ONE_VARIABLE, ids=lambda value: str(value)[:30])
def test_means_agree_with_quadrature(formula, breaks):
    value = float(found(formula).value.subs(q, sp.Rational(7, 5)).n(20))
    expected = in_floats_on_panels(formula, 1.4, breaks)
    assert abs(value - expected) < 1e-12 * (1 + abs(expected))


@pytest.mark.parametrize("power", [1, 2, 4])
@pytest.mark.parametrize(
    ("name", "breaks"),
    [("elu", (0,)), ("selu", (0,)), ("hard_tanh", (-1, 1)), ("hard_sigmoid", (-3, 3)), ("hardswish", (-3, 3))],
)
def test_powers_of_activations_with_thresholds_agree_with_quadrature(name, breaks, power):
    formula = activation(name).expr.xreplace({activation(name).variable: x}) ** power
    value = float(found(formula).value.subs(q, sp.Rational(3, 4)).n(20))
    assert value == pytest.approx(in_floats_on_panels(formula, 0.75, breaks), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(
    ("formula", "breaks"),
    [(sp.erf(x) ** 2, ()), (x * (1 + sp.erf(x)), ()), (sp.Min(sp.exp(x), 2), (sp.log(2),)), (x * sp.sin(x), ())],
    ids=str,
)
def test_means_to_30_digits(formula, breaks):
    with mp.workdps(34):
        expected = to_30_digits(formula, sp.Integer(1), breaks)
        value = mp.mpf(str(found(formula).value.subs(q, 1).n(32)))
        assert abs(value - expected) < mp.mpf(10) ** -30 < abs(value * (1 + mp.mpf(10) ** -25) - expected)


def test_the_mean_of_the_variable_moves_the_thresholds():
    formula, mean = sp.Max(x, 0) ** 2, -sp.Rational(2, 3)
    value = found(formula, mean).value
    assert float(value.subs(q, 2).n()) == pytest.approx(in_floats_on_panels(formula, 2.0, (0,), -2 / 3), rel=1e-12)
    symbol = sp.Symbol("m")
    assert sp.expand((found(formula, symbol).value.subs(symbol, mean) - value).rewrite(sp.erf)) == 0


def test_parameters_stay_symbols():
    a, b = sp.symbols("a b")
    formula = sp.Piecewise((a * x, x > 0), (b * (sp.exp(x) - 1), True))
    value = found(formula**2).value
    numbers = {a: sp.Rational(21, 20), b: sp.Rational(7, 4)}
    assert sp.simplify(value.subs(numbers) - found((formula.subs(numbers)) ** 2).value) == 0
    assert found(sp.exp(-a * x**2)).exists == (1 + 2 * q * a > 0)


def test_parameters_may_have_the_names_of_variance_and_correlation():
    assert closed_mean(q * x**2, x, sp.Integer(3)).value == 3 * q
    assert closed_pair_mean(c * x, x, x, sp.Integer(1), half).value == c / 2


@pytest.mark.parametrize(
    "formula",
    [
        sp.tanh(x),
        sp.log(1 + x**2),
        1 / (1 + sp.exp(-x)),
        sp.Max(x, 0) ** half,
        1 / x,
        sp.erf(2 * x + 1) ** 2,
        sp.erf(x) ** 4,
        sp.sin(x) * sp.erf(x),
        sp.Abs(sp.sin(x)),
        sp.DiracDelta(x),
        sp.exp(x**3),
        sp.Max(x - sp.Symbol("t"), 0),
        sp.Piecewise((sp.exp(x**2), sp.Abs(x) < 1), (0, True)),
    ],
    ids=str,
)
def test_none_where_no_rule_applies(formula):
    assert closed_mean(formula, x, q) is None


def test_pairs_with_thresholds_off_the_centre_have_no_elementary_form():
    for name in ("hard_tanh", "elu", "tanh"):
        formula = activation(name).expr
        assert closed_pair_mean(formula, formula, activation(name).variable, q, c) is None


def test_existence_is_stated_and_used():
    closed = found(sp.exp(x**2))
    assert closed.exists == (1 - 2 * q > 0)
    assert closed.holds((q,), (arb("0.49"),))
    assert not closed.holds((q,), (arb("0.5"),))
    variable = activation("tanh").variable
    pair = PairMean(sp.exp(variable**2), sp.exp(variable**2))
    assert pair.closed.value.subs({q: 2, c: 0}) == sp.Rational(1, 3)  # the formula continues beyond the pole
    assert not pair.closed.holds((q, c), (arb(2), arb(0)))
    assert pair.closed.holds((q, c), (arb("0.2"), arb("0.5")))


def _panels(deviation: float, breaks: list[float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on panels between multiples of 1/2 and further breaks, so that kinks lie between panels."""
    reach = np.ceil(2 * 12 * deviation) / 2
    edges = np.unique([*np.arange(-reach, reach + 0.25, 0.5), *(breaks or [])])
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    return (middle[:, None] + width[:, None] / 2 * NODES).ravel(), (width[:, None] / 2 * WEIGHTS).ravel()


def _function(formula: sp.Expr):
    compiled = sp.lambdify(x, formula, ["scipy", "numpy"])
    return lambda points: np.broadcast_to(compiled(points), points.shape)


def _float_mean(function: sp.Lambda, variance: float) -> complex:
    nodes, weights = _panels(np.sqrt(variance))
    density = np.exp(-(nodes**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return (_function(function(x))(nodes) * density * weights).sum()


def _float_pair_mean(first: sp.Lambda, second: sp.Lambda, variance: float, correlation: float) -> complex:
    nodes, weights = _panels(np.sqrt(variance))
    u, v = nodes[:, None], nodes[None, :]
    det = 1 - correlation**2
    exponent = -(u**2 - 2 * correlation * u * v + v**2) / (2 * variance * det)
    density = np.exp(exponent) / (2 * np.pi * variance * np.sqrt(det))
    f, g = (_function(function(x))(nodes) * weights for function in (first, second))
    return f @ density @ g


def in_floats(expr: sp.Expr, numbers: dict[sp.Symbol, sp.Rational]) -> complex:
    """An expression with means in it, by quadrature."""
    at = expr.subs(numbers)
    values = {m: _float_mean(m.function, float(m.variance)) for m in at.atoms(GaussianMean)}
    for pair in at.atoms(GaussianPairMean):
        values[pair] = _float_pair_mean(*pair.args[:2], *(float(number) for number in pair.args[2:]))
    return complex(at.xreplace({mean: sp.sympify(complex(value)) for mean, value in values.items()}))


GELU = x * (1 + sp.erf(x / sp.sqrt(2))) / 2
PAIRS = [
    (sp.Max(x, 0), sp.Max(x, 0)),
    (sp.Max(x, 0), sp.erf(x)),
    (GELU, GELU),
    (GELU.diff(x), GELU.diff(x)),
    (sp.sign(x) * sp.exp(-(x**2)), sp.Heaviside(x)),
    (x**3 + x, sp.Max(x, 0) ** 2),
    (sp.sin(x), x * sp.exp(-(x**2) / 2)),
    (sp.Max(x - 1, 0), x**2 + x),
    (sp.erf(2 * x), sp.sign(x)),
    (x**2 * sp.erf(x), sp.Abs(x) * x),
    (sp.exp(x), sp.erf(x + 1)),
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda value: str(value)[:24])
def test_pair_means_agree_with_quadrature_step_by_step(first, second):
    numbers = {q: sp.Rational(4, 5), c: -sp.Rational(2, 5)}
    closed = closed_pair_mean(first, second, x, q, c)
    expected = _float_pair_mean(sp.Lambda(x, first), sp.Lambda(x, second), 0.8, -0.4)
    assert abs(complex(closed.value.subs(numbers)) - expected) < 1e-11 * (1 + abs(expected))
    for step in closed.derivation.steps:
        left, right = (in_floats(side, numbers) for side in step.relation.args)
        assert abs(left - right) < 1e-10 * (1 + abs(left)), step


def test_each_step_of_a_derivation_holds_and_a_changed_one_does_not():
    closed = found(GELU**2)
    names = [step.rule.name for step in closed.derivation.steps]
    assert names[0] == "expansion"
    assert {"linearity", "Gaussian moments", "odd integrand", "Stein's lemma", "arcsine law"} < set(names)
    assert closed.derivation.conclusion.rhs == closed.value
    numbers = {q: sp.Rational(3, 2)}
    for step in closed.derivation.steps:
        left, right = (in_floats(side, numbers) for side in step.relation.args)
        assert abs(left - right) < 1e-11 * (1 + abs(left)), step
        assert abs(left - right * (1 + 1e-6)) > 1e-9 or step.relation.rhs == 0


def test_arc_cosine_kernels_of_cho_and_saul():
    """J_0 = pi - t, J_1 = sin t + (pi - t) cos t, J_2 = 3 sin t cos t + (pi - t)(1 + 2 cos^2 t), t = arccos c.

    Cho and Saul 2009, Kernel methods for deep learning, eqs. 5-7: the kernel is 2 E[...] = J_n / pi at q = 1.
    """
    t = sp.acos(c)
    kernels = [sp.pi - t, sp.sin(t) + (sp.pi - t) * c, 3 * sp.sin(t) * c + (sp.pi - t) * (1 + 2 * c**2)]
    for n, kernel in enumerate(kernels):
        formula = sp.Max(x, 0) ** n * sp.Heaviside(x)
        value = closed_pair_mean(formula, formula, x, sp.S.One, c).value
        difference = sp.lambdify(c, 2 * value - kernel / sp.pi, "mpmath")
        with mp.workdps(30):
            assert all(abs(difference(mp.mpf(k) / 7)) < 1e-27 for k in range(-7, 8))


def test_erf_kernel_of_williams():
    """Williams 1998, Computation with infinite neural networks, eq. 11, with equal norms."""
    value = closed_pair_mean(sp.erf(x), sp.erf(x), x, q, c).value
    assert sp.simplify(value - 2 / sp.pi * sp.asin(2 * c * q / (1 + 2 * q))) == 0


def test_dual_activations_of_daniely_frostig_singer():
    """Daniely, Frostig and Singer 2016, Toward deeper understanding of neural networks, table 1 and lemma 11."""
    hermite = (x**2 - 1) / sp.sqrt(2)
    assert sp.expand(closed_pair_mean(hermite, hermite, x, sp.S.One, c).value - c**2) == 0
    scaled = sp.sqrt(2) * sp.sin(x)
    wave = 2 * sp.exp(-1) * sp.sinh(c).rewrite(sp.exp)
    assert sp.expand(closed_pair_mean(scaled, scaled, x, sp.S.One, c).value - wave) == 0
    assert sp.expand(closed_pair_mean(sp.exp(x), sp.exp(x), x, sp.S.One, c).value - sp.exp(1 + c)) == 0


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu_squared", "erf", "gelu", "sin", "gaussian", "identity"])
def test_full_correlation_gives_the_mean_of_the_square(name):
    for function in (activation(name), activation(name).derivative):
        mean = PairMean(function.expr, function.expr)
        together = ball_function(mean.closed.value, (q, c))
        squared = closed_mean(function.expr**2, function.variable, q).value
        ball = together(arb("1.3"), arb(1))
        assert ball.is_finite()
        assert ball.overlaps(ball_function(squared, q)(arb("1.3")))
        opposite = together(arb("1.3"), arb(-1))
        reflected = function.expr * function.expr.subs(function.variable, -function.variable)
        assert opposite.overlaps(ball_function(closed_mean(reflected, function.variable, q).value, q)(arb("1.3")))
        assert ball_function(sp.diff(squared, q), q)(arb("1.3")).is_finite()


def test_derivative_by_the_correlation_is_the_mean_of_derivatives():
    """Price's theorem: d/dc E[f f] = q E[f' f']."""
    for name in ("relu", "gelu", "erf", "sin"):
        function = activation(name)
        value, slopes = (PairMean(f, f).closed.value for f in (function.expr, function.derivative.expr))
        difference = sp.lambdify((q, c), sp.diff(value, c) - q * slopes, "mpmath")
        with mp.workdps(30):
            assert all(abs(difference(mp.mpf(2) / 3, mp.mpf(k) / 5)) < 1e-27 for k in range(-4, 5))


@st.composite
def formulas(draw) -> sp.Expr:
    integers = st.integers(-2, 2)

    def smooth() -> sp.Expr:
        polynomial = sum((draw(integers) * x**k for k in range(3)), sp.S.Zero)
        exponent = -sp.Rational(draw(st.integers(0, 3)), 4) * x**2 + sp.Rational(draw(integers), 2) * x
        return polynomial * sp.exp(exponent)

    threshold = sp.Rational(draw(st.integers(-4, 4)), 2)
    steps = draw(st.sampled_from([sp.S.One, sp.erf(x - half), sp.cos(x)]))
    if steps is not sp.S.One:
        return smooth() * steps + smooth()
    return sp.Piecewise((smooth(), x > threshold), (smooth(), True))


@settings(max_examples=4)
@given(formulas(), st.sampled_from([0.05, 0.7, 3.0]))
def test_made_up_formulas_agree_with_quadrature(formula, variance):
    _compare(formula, variance)


@pytest.mark.slow
@settings(max_examples=40)
@given(formulas(), st.sampled_from([0.05, 0.7, 3.0]))
def test_more_made_up_formulas_agree_with_quadrature(formula, variance):
    _compare(formula, variance)


@pytest.mark.slow
@settings(max_examples=300)
@given(formulas(), st.sampled_from([0.05, 0.7, 3.0]))
def test_many_made_up_formulas_agree_with_quadrature(formula, variance):
    _compare(formula, variance)


def _compare(formula: sp.Expr, variance: float) -> None:
    closed = closed_mean(formula, x, q)
    expected = _float_mean(sp.Lambda(x, formula), variance)
    value = float(closed.value.subs(q, sp.Rational(str(variance))).n(20))
    assert abs(value - expected) < 1e-10 * (1 + abs(expected))


@st.composite
def centred(draw) -> sp.Expr:
    """Formulas with a kink or jump at 0, an error function or a wave, so that pairs of them have closed forms."""
    integers = st.integers(-2, 2)
    polynomial = sum((draw(integers) * x**k for k in range(3)), sp.S.Zero)
    decay = sp.exp(-sp.Rational(draw(st.integers(0, 2)), 2) * x**2)
    special = st.sampled_from([sp.erf(x / 2), sp.sign(x), sp.erf(2 * x), sp.Heaviside(-x), x + 1])
    return polynomial * decay * draw(special) + draw(integers)


@pytest.mark.slow
@settings(max_examples=100)
@given(centred(), centred(), st.sampled_from([-0.9, -0.3, 0.0, 0.75]))
def test_made_up_pairs_agree_with_quadrature(first, second, correlation):
    closed = closed_pair_mean(first, second, x, q, c)
    expected = _float_pair_mean(sp.Lambda(x, first), sp.Lambda(x, second), 1.3, correlation)
    value = float(closed.value.subs({q: sp.Rational(13, 10), c: sp.Rational(str(correlation))}).n(20))
    assert abs(value - expected) < 1e-8 * (1 + abs(expected))
    for end in (1, -1):
        assert ball_function(closed.value, (q, c))(arb("1.3"), arb(end)).is_finite()


def test_monte_carlo_agrees_within_its_error():
    generator = np.random.default_rng(3)
    u = generator.standard_normal(400_000)
    values = np.maximum(np.sqrt(2.5) * u, 0) ** 2 * np.exp(-np.sqrt(2.5) * u / 4)
    exact = float(found(sp.Max(x, 0) ** 2 * sp.exp(-x / 4)).value.subs(q, sp.Rational(5, 2)).n())
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(u.size)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_closed_forms_that_lose_digits_give_way_to_enclosures(order: int) -> None:
    formula = 4 * VARIABLE**2 * sp.Piecewise((0, VARIABLE < -1), (VARIABLE**6, VARIABLE < 2), (64, True))
    variance = arb(26141)
    found = Mean(formula).ball(variance, order)
    assert found.rel_accuracy_bits() > 40
    with working_precision(300):
        assert found.overlaps(Mean(formula).ball(variance, order))
