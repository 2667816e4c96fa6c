"""The trapezoidal rule against mpmath's quadrature, where its strips end, and with its bound of the error falsified."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp
from flint import arb

from symgrad.language.activations import activation
from symgrad.rigor import trapezoidal_means
from symgrad.rigor.gaussian_points import acb_coefficients
from symgrad.rigor.trapezoidal_means import trapezoidal_mean

x = sp.Symbol("x", real=True)
SMOOTH = ("tanh", "sigmoid", "mish", "softplus", "gelu", "arctan", "sin")
OWN = (
    x + sp.sin(3 * x),
    sp.exp(x / 2) / (1 + x**2),
    sp.tanh(4 * x) * sp.cos(x),
    sp.log(2 + sp.cos(x)),
    sp.sqrt(1 + x**2),
)
TOLERANCE = arb(2) ** -70


def enclosed(formula: sp.Expr, deviation: str, order: int = 0, mean: str = "0") -> arb | None:
    polynomial = acb_coefficients(order)
    return trapezoidal_mean(formula, x, arb(mean), arb(deviation), polynomial, arb(14), TOLERANCE)


def truth(formula: sp.Expr, deviation: str, order: int = 0, mean: str = "0") -> mp.mpf:
    """The same integral by another rule, with 24 digits, and without what lies beyond 14 standard deviations."""
    with mp.workdps(24):
        f, s, m = sp.lambdify(x, formula, "mpmath"), mp.mpf(deviation), mp.mpf(mean)
        he = {0: lambda z: 1, 2: lambda z: z**2 - 1}[order]
        return mp.quad(lambda z: f(m + s * z) * he(z) * mp.npdf(z), mp.linspace(-14, 14, 29))


def holds(ball: arb, value: mp.mpf) -> bool:
    return abs(ball.mid() - arb(mp.nstr(value, 24))) <= ball.rad() + arb("1e-20")


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("deviation", ["0.01", "2"])
def test_the_mean_of_a_squared_activation_is_enclosed(name: str, deviation: str) -> None:
    shape = activation(name)
    formula = shape.expr.xreplace({shape.variable: x}) ** 2
    found = enclosed(formula, deviation)
    assert found is not None
    assert found.rad() < 1e-12
    plain = formula.replace(lambda node: not hasattr(sp, node.func.__name__), lambda node: node.rewrite(sp.exp))
    assert holds(found, truth(plain, deviation))


@pytest.mark.parametrize("formula", OWN, ids=str)
@pytest.mark.parametrize(("order", "mean"), [(0, "1.5"), (2, "-0.75")])
def test_formulas_of_users_with_any_mean_and_polynomial(formula: sp.Expr, order: int, mean: str) -> None:
    found = enclosed(formula, "0.5", order, mean)
    assert found is not None
    assert holds(found, truth(formula, "0.5", order, mean))


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("function", [sp.cos, sp.sin])
def test_even_integrands_are_folded_and_no_others(function: type[sp.Function], order: int) -> None:
    """``E[exp(i s z) He_n(z)] = (i s)^n exp(-s^2/2)``."""
    found = enclosed(function(3 * x / 4), "1", order)
    s = arb(3) / 4
    parts = [s**order * (-(s**2) / 2).exp() * sign for sign in ((1, 0, -1, 0), (0, 1, 0, -1))[function is sp.sin]]
    assert found is not None
    assert found.rad() < 1e-12
    assert abs(found.mid() - parts[order % 4]) <= found.rad() + arb("1e-20")


def test_a_deviation_known_within_a_ball_gives_a_ball_for_all_of_them() -> None:
    found = trapezoidal_mean(sp.tanh(x) ** 2, x, arb(0), arb(1, 1e-3), acb_coefficients(0), arb(14), TOLERANCE)
    for deviation in ("0.9991", "1", "1.0009"):
        assert holds(found, truth(sp.tanh(x) ** 2, deviation))


def test_no_strip_is_claimed_where_the_function_is_not_analytic() -> None:
    assert enclosed(1 / (x**2 + sp.Rational(1, 10**8)), "1") is None  # poles next to the real line
    assert enclosed(sp.log(1 + x**2), "1") is not None  # branch points at a distance
    assert enclosed(sp.log(x**2 + sp.Rational(1, 10**12)), "1") is None


def test_numbers_near_the_ends_of_the_range_of_floats_are_left_to_others() -> None:
    for deviation, mean in (("1e-300", "0"), ("1e300", "0"), ("1", "1e300"), ("1e-2000", "0"), ("1", "-1e2000")):
        assert enclosed(sp.tanh(x), deviation, mean=mean) is None
    assert holds(enclosed(sp.sin(x), "1e-10", mean="0.5"), mp.sin(0.5))


def test_the_zero_function_has_a_rule() -> None:
    assert holds(enclosed(sp.sinh(x) - (sp.exp(x) - sp.exp(-x)) / 2, "1"), mp.mpf(0))
    assert enclosed(0 * x, "1").contains(0)


def test_the_bound_of_the_error_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is far too coarse is wrong by less than it says, and by more than a thousandth of that."""
    formula, seen = 1 / (1 + x**2), []
    build = trapezoidal_means._rule

    def coarse(*given: object) -> object:
        rule = build(*given)
        seen.append(rule)
        return rule

    monkeypatch.setattr(trapezoidal_means, "_rule", coarse)
    found = trapezoidal_mean(formula, x, arb(0), arb(1), acb_coefficients(0), arb(14), arb("1e-2"))
    assert found is not None
    difference = abs(found.mid() - arb(mp.nstr(truth(formula, "1"), 25)))
    (rule,) = seen
    assert difference <= rule.error
    assert difference > rule.error / 1000
    assert not holds(arb(found.mid(), difference * 0.5), truth(formula, "1"))
