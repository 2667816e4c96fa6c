"""Bounds on products of Jacobians: closed forms, rigorous values, horizons, and bad input."""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad import OperatorNorm

n, m = sp.symbols("n m", positive=True, integer=True)
W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n)
h, c = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("c", n, 1)
W_rec = sp.MatrixSymbol("W_rec", n, n)
ROTATION = np.array([[0.6, -0.8], [0.8, 0.6]])


def lstm(r=10):
    return sg.models.lstm().assuming({"c": sg.Interval(-r, r)})


@pytest.mark.parametrize(
    ("model", "p", "expected"),
    [
        (sg.models.sigmoid_rnn(), 2, lambda k: (OperatorNorm(W_rec) / 4) ** k),
        (sg.models.sigmoid_rnn("tanh"), 1, lambda k: OperatorNorm(W_rec, 1) ** k),
        (sg.models.elman(), "inf", lambda k: OperatorNorm(W, sp.oo) ** k),
        (sg.models.elman("erf"), 2, lambda k: (2 / sp.sqrt(sp.pi) * OperatorNorm(W)) ** k),
        (sg.models.residual("sigmoid"), 2, lambda k: (1 + OperatorNorm(W) / 4) ** k),
        (sg.models.leaky(sp.Rational(1, 10)), 2, lambda k: (OperatorNorm(W) / 10 + sp.Rational(9, 10)) ** k),
        (sg.models.leaky(0.1), 2, lambda k: (OperatorNorm(W) / 10 + sp.Rational(9, 10)) ** k),
    ],
)
def test_closed_forms(model, p, expected):
    bound = sg.product_bound(model, p)
    assert bound.expr == expected(bound.k)
    assert bound.constant == 1
    assert bound.rate**bound.k == bound.expr
    assert bound.at(7) == expected(7)
    assert bound.vanishes == sp.Lt(bound.rate, 1)


def test_lstm_gain_matrix():
    """Derived by hand from the cell's equations: h' = o tanh(c'), c' = f c + i g, |c| <= 10, |c'| <= 11."""
    names = {gate: OperatorNorm(sp.MatrixSymbol(f"W_h{gate}", n, n)) for gate in "ifgo"}
    through_gates = 10 * names["f"] / 4 + names["i"] / 4 + names["g"]
    bound = sg.product_bound(lstm())
    expected = sp.Matrix([[sp.tanh(11) * names["o"] / 4 + through_gates, 1], [through_gates, 1]])
    assert sp.expand(bound.gain - expected) == sp.zeros(2)


def test_symbolic_range_enters_the_bound_and_needs_a_value():
    r = sp.Symbol("r", positive=True)
    bound = sg.product_bound(lstm(r))
    assert r in bound.parameters
    weights = {str(s): np.eye(2) for s in bound.parameters if s != r}
    with pytest.raises(sg.InputError, match=r"r .* missing"):
        bound.evaluate(weights, 1)
    fixed = sg.product_bound(lstm(4))
    assert float(bound.evaluate({**weights, "r": 4.0}, 3)) == pytest.approx(float(fixed.evaluate(weights, 3)), rel=1e-3)


def gru(keep_range=True):
    W_z, W_n = sp.MatrixSymbol("W_z", n, n), sp.MatrixSymbol("W_n", n, n)
    z, candidate = sg.activation("sigmoid")(W_z * h), sg.activation("tanh")(W_n * h)
    ones = sp.OneMatrix(n, 1)
    model = sg.Recurrence({h: sg.hadamard(ones - z, candidate) + sg.hadamard(z, h)})
    return model.assuming({h: (-1, 1)}) if keep_range else model


@pytest.mark.parametrize(
    ("p", "mix"), [(1, lambda a: 1 + a), (2, lambda a: sp.sqrt(1 + a**2)), ("inf", lambda a: sp.Max(1, a))]
)
def test_minimal_gated_cell(p, mix):
    names = [OperatorNorm(sp.MatrixSymbol(name, n, n), p) for name in ("W_z", "W_n")]
    assert sg.product_bound(gru(), p).rate == mix(names[1]) + names[0] / 2


def test_missing_ranges_are_named():
    with pytest.raises(sg.NoBoundError, match=r"sup\|c\| unbounded.*assuming\(\{c: sg.Interval\(low, high\)\}\)"):
        sg.product_bound(sg.models.lstm())
    with pytest.raises(sg.NoBoundError, match=r"sup\|h\| unbounded"):
        sg.product_bound(gru(keep_range=False))
    with pytest.raises(sg.NoBoundError, match="relu_squared' is unbounded"):
        sg.product_bound(sg.models.elman("relu_squared"))
    x, r = sp.symbols("x r", real=True)
    with pytest.raises(sg.NoBoundError, match=r"sup\|x\| unbounded"):
        sg.product_bound(sg.Recurrence({x: r * x * (1 - x)}))


def test_scalar_models():
    x, w, b, eps = sp.symbols("x w b epsilon", real=True)
    sigma = sg.activation("sigmoid")
    euler = sg.product_bound(sg.Recurrence({x: (1 - eps) * x + eps * sigma(w * x + b)}))
    assert euler.rate == sp.Max(sp.Abs(1 - eps), sp.Abs(1 - eps + eps * w / 4))
    assert sg.product_bound(sg.Recurrence({x: 1 / (1 + sp.exp(-w * x - b))})).rate == sp.Abs(w) / 4
    logistic_map = sg.Recurrence({x: w * x * (1 - x)}).assuming({x: (0, 1)})
    assert sg.product_bound(logistic_map).rate == sp.Abs(w)


def test_constant_sub_matrices_are_assembled_before_their_norm_is_taken():
    g = sp.Symbol("g", positive=True)
    antisymmetric = sg.Recurrence({h: h + sg.activation("tanh")((W - W.T - g * sp.Identity(n)) * h)})
    bound = sg.product_bound(antisymmetric)
    assert bound.rate == 1 + OperatorNorm(W - W.T - g * sp.Identity(n))
    symmetric = np.array([[1.0, 2.0], [2.0, -5.0]])  # W - W^T = 0, so only g is left
    assert float(bound.evaluate({"W": symmetric, "g": 0.5}, 2)) == pytest.approx(1.5**2, rel=1e-14)
    product = sg.product_bound(sg.Recurrence({h: sg.activation("tanh")(W * V * h)}))
    assert product.rate == OperatorNorm(W * V)
    nilpotent = {"W": [[0.0, 1.0], [0.0, 0.0]], "V": [[0.0, 1.0], [0.0, 0.0]]}
    assert float(product.evaluate(nilpotent, 1)) <= 1e-300


@given(st.integers(1, 4), st.integers(0, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, "inf"]))
@settings(max_examples=40, deadline=None)
def test_evaluate_is_an_upper_bound_and_tight(size, k, seed, p):
    values = np.random.default_rng(seed).standard_normal((size, size))
    bound = sg.product_bound(sg.models.sigmoid_rnn(), p)
    found = bound.evaluate({"W_rec": values}, k)
    with mpmath.workdps(50):
        matrix = mpmath.matrix(values.tolist())
        if p == 2:
            norm = max(mpmath.svd_r(matrix, compute_uv=False))
        else:
            norm = mpmath.mnorm(matrix, mpmath.inf if p == "inf" else 1)
        truth = (norm / 4) ** k
        assert float(found) >= truth
        assert float(found) <= truth * (1 + mpmath.mpf("1e-11"))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_million_steps(scale):
    bound = sg.product_bound(sg.models.sigmoid_rnn())
    value = bound.evaluate({"W_rec": 4 * scale * ROTATION}, 10**6)
    assert value.log10 == pytest.approx(10**6 * math.log10(scale), abs=1e-3)
    assert value.log10 >= 10**6 * math.log10(scale) - 1e-6
    assert float(value) == {1e-3: 5e-324, 1.0: pytest.approx(1.0), 1e3: math.inf}[scale]


@pytest.mark.slow
def test_lstm_value_against_powers_of_its_gain_matrix():
    random = np.random.default_rng(0)
    weights = {f"W_h{gate}": 0.2 * random.standard_normal((3, 3)) for gate in "ifgo"}
    norms = {gate: np.linalg.norm(weights[f"W_h{gate}"], 2) for gate in "ifgo"}
    through = 2.5 * norms["f"] + norms["i"] / 4 + norms["g"]
    gain = np.array([[math.tanh(11) * norms["o"] / 4 + through, 1], [through, 1]])
    bound = sg.product_bound(lstm())
    for k in (0, 1, 2, 20):
        expected = np.linalg.norm(np.linalg.matrix_power(gain, k), 2)
        assert float(bound.evaluate(weights, k)) == pytest.approx(expected, rel=1e-12)
        numbers = {OperatorNorm(sp.MatrixSymbol(f"W_h{gate}", n, n)): norms[gate] for gate in "ifgo"}
        closed = bound.expr.xreplace({bound.k: sp.Integer(k)}).xreplace(numbers)
        assert float(closed.evalf(30)) == pytest.approx(expected, rel=1e-9)
        assert float(bound.constant.xreplace(numbers)) * float(bound.rate.xreplace(numbers)) ** k >= expected * (
            1 - 1e-12
        )


def test_only_the_weights_that_matter_are_needed():
    bound = sg.product_bound(sg.models.elman())
    assert bound.parameters == (W,)
    assert float(bound.evaluate({"W": ROTATION}, 3)) == pytest.approx(1.0)
    others = {"U": np.ones((2, 5)), "b": np.zeros(2)}
    assert float(bound.evaluate({W: ROTATION, **others}, 3)) == pytest.approx(1.0)


def test_horizon():
    bound = sg.product_bound(sg.models.sigmoid_rnn())
    delta = sp.Symbol("delta", positive=True)
    symbolic = bound.horizon(delta)
    norm = OperatorNorm(W_rec)
    assert symbolic.subs({norm: 2, delta: sp.Rational(1, 1000)}) == 10  # 2^-10 < 1/1000 < 2^-9
    assert symbolic.subs({norm: 4}) == sp.oo
    weights = {"W_rec": 2 * ROTATION}
    assert bound.horizon(0.001, weights) == 10
    assert float(bound.evaluate(weights, 10)) <= 0.001 < float(bound.evaluate(weights, 9))
    assert bound.horizon(1, weights) == 0
    assert bound.horizon(0.5, {"W_rec": 4 * np.eye(2)}) == sp.oo
    two = sg.product_bound(lstm(1))
    small = {f"W_h{gate}": np.zeros((2, 2)) for gate in "ifgo"}
    assert two.horizon(0.5, small) == sp.oo  # the forget gate may stay open
    kept = sg.product_bound(sg.models.elman("identity").assuming({"W": sg.orthogonal}))  # a rate of exactly 1
    assert kept.horizon(delta) == kept.horizon(sp.Rational(1, 100)) == sp.oo


def test_tightened_is_a_claim_without_proof():
    bound = sg.product_bound(sg.models.elman())
    claim = bound.tightened(0.99)
    assert claim.rate == sp.Rational(99, 100) * OperatorNorm(W)
    assert claim.tightened(0.5).rate == sp.Rational(99, 200) * OperatorNorm(W)
    assert float(claim.evaluate({"W": ROTATION}, 2)) == pytest.approx(0.99**2)
    with pytest.raises(sg.InputError, match="claim without proof"):
        str(claim.proof)
    for bad in (0, -1, math.nan, "0.9", True):
        with pytest.raises(sg.InputError, match="factor"):
            bound.tightened(bad)


def test_products_of_three_states():
    b = sp.MatrixSymbol("b", n, 1)
    sigma = sg.activation("sigmoid")
    model = sg.Recurrence({h: sigma(W * h + V * c), c: c / 2 + V * b, b: sg.hadamard(sigma(W * h), b)}).assuming(
        {b: (-1, 1)}
    )
    bound = sg.product_bound(model, 1)
    weights = {"W": 2 * ROTATION, "V": 0.5 * ROTATION}
    norm = np.linalg.norm(ROTATION, 1)
    gain = np.array([[norm / 2, norm / 8, 0], [0, 0.5, norm / 2], [norm / 2, 0, 1]])
    expected = np.linalg.norm(np.linalg.matrix_power(gain, 6), 1)
    assert float(bound.evaluate(weights, 6)) == pytest.approx(expected, rel=1e-12)
    assert bound.constant == 1
    assert isinstance(bound.expr, OperatorNorm)


def test_ranges_of_parameters_are_checked():
    a = sp.MatrixSymbol("a", n, 1)
    model = sg.Recurrence({h: sg.hadamard(a, sg.activation("tanh")(h))}).assuming({a: (-1, 1)})
    bound = sg.product_bound(model)
    assert float(bound.evaluate({"a": [1.0, -0.5]}, 1)) == pytest.approx(1.0)
    with pytest.raises(sg.InputError, match="declared range"):
        bound.evaluate({"a": [1.5, 0.0]}, 1)


@pytest.mark.parametrize("k", [-1, 1.5, "3", True, None, np.nan])
def test_bad_number_of_steps(k):
    bound = sg.product_bound(sg.models.elman())
    for call in (bound.at, lambda steps: bound.evaluate({"W": ROTATION}, steps)):
        with pytest.raises(sg.InputError, match="k: a non-negative integer"):
            call(k)


@pytest.mark.parametrize("p", [3, 0, "two", None, True, -1, "fro"])
def test_unsupported_norm(p):
    with pytest.raises(sg.InputError, match="accepted are 1, 2 and inf"):
        sg.product_bound(sg.models.elman(), p)


def test_bad_model_and_weights():
    with pytest.raises(sg.InputError, match="a Recurrence is needed"):
        sg.product_bound("elman")
    bound = sg.product_bound(sg.models.elman())
    for weights, message in [
        (None, "W .* missing"),
        ({"W": np.ones((2, 3))}, "W: got shape"),
        ({"W": [[math.nan]]}, "NaN"),
        ({"W": ROTATION, "X": 1.0}, "unknown weight"),
        ([ROTATION], "a mapping"),
    ]:
        with pytest.raises(sg.InputError, match=message):
            bound.evaluate(weights, 1)
    for delta in (0, -1, "small"):
        with pytest.raises(sg.InputError, match="delta"):
            bound.horizon(delta)


def test_activations_of_parameters_are_coefficients():
    x, a = sp.symbols("x a", real=True)
    relu, tanh = sg.activation("relu"), sg.activation("tanh")
    scalar = sg.product_bound(sg.Recurrence({x: relu(a) * tanh(x) + relu(a)}))
    vector = sg.product_bound(sg.Recurrence({h: relu(a) * tanh(W * h)}))
    for value, expected in [(0.5, 0.25), (-1.0, 0.0)]:
        assert float(scalar.evaluate({"a": value}, 2)) == expected
        assert float(vector.evaluate({"a": value, "W": np.eye(2)}, 2)) == expected
