"""Lower bounds: closed forms, true on random products, false when tightened, refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

n = sp.Symbol("n", positive=True, integer=True)
A, B, C, D = (sp.MatrixSymbol(name, n, n) for name in "ABCD")
x, y = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1)
leaky = sg.activation("leaky_relu", slope=0.5)
ORDERS = {1: 1, 2: 2, "inf": np.inf}
W, SIGMA = sp.MatrixSymbol("W", n, n), sg.SmallestSingularValue


def modulus(matrix, p):
    """min ||A x|| / ||x||, through the inverse."""
    return 1 / np.linalg.norm(np.linalg.inv(matrix), ORDERS[p])


def test_closed_forms():
    def rate(model, **options):
        return sg.product_bound(model, side="lower", **options).rate

    assert rate(sg.models.elman("identity")) == SIGMA(W)
    assert rate(sg.models.elman("leaky_relu")) == SIGMA(W) / 100
    assert rate(sg.models.residual("sigmoid")) == sp.Max(0, 1 - sg.OperatorNorm(W) / 4)
    declared = sg.models.sigmoid_rnn("tanh").assuming({"x": sg.Interval(-1, 1)})
    expected = 1 - sp.tanh(1) ** 2
    assert sp.simplify(rate(declared) / SIGMA(sp.MatrixSymbol("W_rec", n, n)) - expected) == 0


def test_a_bounded_pre_activation_gives_the_least_slope_at_its_end():
    """|a| <= ||W||_inf + ||U||_inf + ||b||_inf, and tanh' falls on both sides of zero."""
    model = sg.models.elman().assuming({"h": (-1, 1), "u": (-1, 1)})
    bound = sg.product_bound(model, side="lower")
    weights = {"W": np.array([[0.5, -0.25], [0.25, 0.75]]), "U": np.array([[0.5], [-1.0]]), "b": np.array([0.0, 0.25])}
    reach = 1.0 + 1.0 + 0.25
    expected = (1 - np.tanh(reach) ** 2) * np.linalg.svd(weights["W"])[1][-1]
    assert float(bound.evaluate(weights, 1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_two_states_against_random_products(p, seed):
    """A comparison matrix with dominating diagonal blocks; every product of 6 admissible Jacobians obeys."""
    model = sg.Recurrence({x: leaky(A * x) + C * y, y: leaky(B * y) + D * x})
    bound = sg.product_bound(model, p, side="lower")
    random = np.random.default_rng(seed)
    weights = {name: 0.1 * random.standard_normal((2, 2)) for name in "CD"}
    weights |= {name: 8 * np.eye(2) + 0.2 * random.standard_normal((2, 2)) for name in "AB"}
    series, product = bound.with_weights(weights), np.eye(4)
    for k in range(1, 7):
        slopes = random.choice([0.5, 1.0], (2, 2, 1))
        top = np.hstack([slopes[0] * weights["A"], weights["C"]])
        product = np.vstack([top, np.hstack([weights["D"], slopes[1] * weights["B"]])]) @ product
        assert 1 < float(series.at(k)) <= modulus(product, p) * (1 + 1e-9)
    assert bound.explodes != sp.false
    assert bound.horizon(sp.Rational(1, 2), weights) == sp.oo


def test_a_comparison_matrix_that_is_no_m_matrix_gives_zero():
    model = sg.Recurrence({x: leaky(A * x) + C * y, y: leaky(B * y) + D * x})
    eye = np.eye(2)
    value = sg.product_bound(model, side="lower").evaluate({"A": eye, "B": eye, "C": eye, "D": eye}, 3)
    assert float(value) == 0.0


def test_constant_scalar_blocks_attain_the_bound():
    """The equality case: 1 x 1 constant blocks whose comparison matrix is the Jacobian itself."""
    a, b = sp.symbols("a b")
    bound = sg.product_bound(sg.Recurrence({a: 3 * a - b / 2, b: 2 * b - a}), side="lower")
    power = np.linalg.matrix_power(np.array([[3, -0.5], [-1, 2]]), 5)
    assert float(bound.evaluate({}, 5)) == pytest.approx(np.linalg.svd(power)[1][-1], rel=1e-12)
    assert sp.simplify(bound.rate - (sp.Rational(5, 2) - sp.sqrt(3) / 2)) == 0  # the lesser eigenvalue


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (sg.models.elman("relu"), "relu'"),
        (sg.models.elman("tanh"), "declared ranges"),
        (sg.models.lstm().assuming({"c": (-1, 1)}), "lie in"),
        (sg.Recurrence({x: 0 * x}), "maps some vector to zero"),
    ],
)
def test_where_none_exists_the_failing_hypothesis_is_named(model, names):
    with pytest.raises(sg.NoBoundError, match="no lower bound above zero") as caught:
        sg.product_bound(model, side="lower")
    assert names in str(caught.value)


def test_an_unknown_side_is_refused():
    with pytest.raises(sg.UnknownNameError, match="upper"):
        sg.product_bound(sg.models.elman(), side="uper")


def test_conditions_and_criteria():
    upper, lower = (sg.product_bound(sg.models.elman("leaky_relu"), side=side) for side in ("upper", "lower"))
    assert upper.vanishes == sp.Lt(sg.OperatorNorm(W), 1)
    assert upper.explodes == sp.false
    assert lower.vanishes == sp.false
    assert lower.explodes == sp.Gt(SIGMA(W) / 100, 1)
    assert [str(item) for item in (*upper.criteria, *lower.criteria)] == [
        "||W||_2 < 1 is sufficient for vanishing gradients",
        "||W||_2 > 1 is necessary for exploding gradients",
        "sigma_min(W) > 100 is sufficient for exploding gradients",
        "sigma_min(W) < 100 is necessary for vanishing gradients",
    ]


def test_horizons_bracket_the_memory_of_an_orthogonal_network():
    """(1/2)**k falls below 1/100 after 7 steps and stays at least 1/100 for 6."""
    weights = {"W": 0.5 * np.array([[0.0, 1.0], [1.0, 0.0]]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    upper, lower = (sg.product_bound(sg.models.elman("identity"), side=side) for side in ("upper", "lower"))
    assert (upper.horizon(0.01, weights), lower.horizon(0.01, weights)) == (7, 6)
    symbolic = lower.horizon(sp.Rational(1, 100)).subs(SIGMA(W), sp.Rational(1, 2))
    assert symbolic == 6


@pytest.mark.parametrize("name", ["elman", "residual", "leaky"])
def test_verification_observes_the_bound_and_refutes_a_tighter_claim(name):
    random = np.random.default_rng(1)
    options = {"activation": "leaky_relu"} if name == "elman" else {}
    model = sg.models.build(name, **options)
    orthogonal = np.linalg.qr(random.standard_normal((3, 3)))[0]
    matrix = orthogonal / 2 if name == "elman" else -np.eye(3) / 2
    weights = {"W": matrix, "U": np.ones((3, 1)), "b": np.zeros(3)}
    weights |= {"alpha": np.array(0.25)} if name == "leaky" else {}
    bound = sg.product_bound(model, side="lower")
    check = sg.verify(bound, weights, horizon=12, trajectories=60, seed=0)
    assert check.verdict is sg.Verdict.OBSERVED
    assert check.tightness(1) == pytest.approx(1, rel=1e-9)
    claim = sg.verify(bound.tightened(1.01), weights, horizon=12, trajectories=60, search="adversarial", seed=0)
    assert claim.verdict is sg.Verdict.REFUTED
    assert claim.witness.replay()
    assert claim.witness.excess > 1
    assert "falls below" in str(claim)
    assert claim.to_dict()["witness"]["k"] == claim.witness.k


def test_values_are_rounded_down():
    """A third is no float: the bound lies below it."""
    a = sp.Symbol("a")
    bound = sg.product_bound(sg.Recurrence({a: a / 3}), side="lower")
    value = bound.evaluate({}, 1)
    assert sp.Rational(float(value)) < sp.Rational(1, 3)
    assert float(value) == pytest.approx(1 / 3, rel=1e-15)
    assert bound.evaluate({}, 10**6).log10 == pytest.approx(-477121.2547, abs=1e-3)


@pytest.mark.parametrize("p", ORDERS)
def test_a_detour_through_fewer_units_has_no_lower_bound(p):
    """V leaky(W h) with m hidden units: for m < n some vector is mapped to zero, and m is a symbol."""
    m = sp.Symbol("m", positive=True, integer=True)
    V, narrow = sp.MatrixSymbol("V", n, m), sp.MatrixSymbol("W", m, n)
    with pytest.raises(
        sg.NoBoundError, match=r"no lower bound above zero: .*minimum modulus of V.*\n(.*\n)*.*not square"
    ):
        sg.product_bound(sg.Recurrence({x: V * leaky(narrow * x)}), p, side="lower")
