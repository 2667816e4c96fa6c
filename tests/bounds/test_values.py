"""Bounds with values: parameters replaced, arrays of parameters, and plain functions; against numpy and mpmath."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.norms import OperatorNorm
from symgrad.rigor.balls import _compiled

W4 = np.random.default_rng(0).standard_normal((4, 4))
LSTM = sg.models.lstm().assuming({"c": (-2, 2)})


def spectral(matrix: Any) -> float:
    return float(np.linalg.norm(np.asarray(matrix, dtype=float), 2))


# --- replaced for good ---------------------------------------------------------------------------------------------


def test_a_number_for_a_scalar() -> None:
    bound = sg.product_bound(sg.models.leaky()).subs({"alpha": sp.Rational(1, 4)})
    assert sp.expand(bound.rate - (sp.Rational(3, 4) + OperatorNorm(bound.model.symbol("W")) / 4)) == 0
    assert "alpha" not in map(str, bound.model.parameters)


def test_an_expression_for_a_scalar() -> None:
    beta = sp.Symbol("beta", positive=True)
    bound = sg.product_bound(sg.models.leaky()).subs({"alpha": beta / (1 + beta)})
    assert beta in bound.parameters
    found = bound.evaluate({"W": W4, "beta": 1.0}, 3)
    assert found == pytest.approx((0.5 + 0.5 * spectral(W4)) ** 3, rel=1e-12)


def test_a_matrix_fixes_the_sizes_and_gives_the_same_value() -> None:
    bound = sg.product_bound(sg.models.elman("sigmoid"))
    fixed = bound.subs({"W": W4})
    assert fixed.model.states[0].shape == (4, 1)
    assert fixed.evaluate({}, 5) == pytest.approx((spectral(W4) / 4) ** 5, rel=1e-12)
    assert fixed.proof.audit()


FROM_BELOW = [
    sg.models.residual("sigmoid"),
    sg.models.leaky(activation="leaky_relu"),
    sg.models.elman("identity").assuming({"W": sg.symmetric}),
]
FROM_ABOVE = [
    *FROM_BELOW,
    LSTM,
    sg.models.lstm(peephole=True).assuming({"c": (-1, 1)}),
    sg.models.gru().assuming({"h": (-1, 1)}),
    sg.models.elman("relu").assuming({"W": sg.nonnegative}),
    sg.models.neuron(),
    sg.stack([sg.models.elman(), sg.models.leaky()]),
]


@pytest.mark.parametrize(
    ("model", "side"),
    [*((model, "upper") for model in FROM_ABOVE), *((model, "lower") for model in FROM_BELOW)],
    ids=lambda item: item.name if isinstance(item, sg.Recurrence) else item,
)
def test_all_or_some_values_in_place_of_weights_give_the_same_bound(model: sg.Recurrence, side: str) -> None:
    bound = sg.product_bound(model, side=side)
    random = np.random.default_rng(5)
    weights: dict[str, Any] = {}
    for symbol in model.parameters:
        shape = [] if isinstance(symbol, sp.Symbol) else [3] if symbol.shape[1] == 1 else [3, 3]
        value = np.abs(random.standard_normal(shape)) / 4
        weights[str(symbol)] = value + value.T
    some = {name: weights.pop(name) for name in list(weights)[::2]}
    expected = bound.evaluate({**weights, **some}, 4)
    assert bound.subs(some).evaluate(weights, 4) == pytest.approx(expected, rel=1e-11)
    assert bound.subs({**weights, **some}).evaluate({}, 4) == pytest.approx(expected, rel=1e-11)


def test_sympy_matrices_are_taken_in_any_explicit_form() -> None:
    bound = sg.product_bound(sg.models.elman())
    entry = sp.Symbol("q", real=True)
    assert bound.subs({"W": sp.Identity(3)}).rate.doit() == 1
    assert bound.subs({"W": sp.Matrix([[0.1, 0], [0, entry]])}).evaluate({"q": -3.0}, 2) == pytest.approx(9)
    assert bound.subs({"W": sp.Matrix([[0.1]])}).rate.doit() == sp.Rational(1, 10)


def test_properties_and_ranges_of_the_other_parameters_stay() -> None:
    model = LSTM.assuming({"W_hf": sg.orthogonal, "u": (-1, 1)})
    bound = sg.product_bound(model).subs({"W_hg": np.eye(3)})
    assert [str(s) for s in bound.model.properties] == ["W_hf"]
    assert {str(s) for s in bound.model.ranges} == {"c", "u"}


def test_lower_bounds_and_claims_stay_what_they_are() -> None:
    bound = sg.product_bound(sg.models.residual(), side="lower").tightened(2)
    fixed = bound.subs({"W": np.eye(2) / 2})
    assert (fixed.side, fixed.factor, fixed.rate.doit()) == ("lower", 2, 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": "x"}, "value of alpha: a finite real number"),
        ({"alpha": -1}, "value of alpha: the symbol is positive"),
        ({"W": [1.0, 2.0, 3.0]}, r"value of W: a matrix of shape \(n, n\)"),
        ({"W": [[1.0, 2.0]]}, "value of W: n is 1 elsewhere"),
        ({"W": np.eye(2), "b": [1.0, 2.0, 3.0]}, "value of b: n is 2 elsewhere"),
        ({"h": [1.0]}, "unknown"),
        ({"V": np.eye(2)}, "unknown"),
        (3, "values: a mapping"),
        ({"alpha": 0.5, sp.Symbol("alpha"): 0.25}, "alpha is given twice"),
        ({"W": sp.MatrixSymbol("V", 2, 2)}, "value of W: an array or an explicit matrix is needed, got MatrixSymbol V"),
        ({"W": sp.Matrix([[sp.oo]])}, "value of W: finite real entries are needed, got oo"),
        ({"W": sp.Matrix([[sp.nan]])}, "value of W: finite real entries are needed, got nan"),
        ({"W": sp.Matrix([[sp.I]])}, "value of W: finite real entries are needed, got I"),
        ({"W": [[float("nan")]]}, "value of W: NaN and infinity"),
    ],
)
def test_bad_values_are_refused(values: Any, message: str) -> None:
    with pytest.raises(sg.SymgradError, match=message):
        sg.product_bound(sg.models.leaky()).subs(values)


def test_values_against_what_was_declared_are_refused() -> None:
    model = sg.models.elman().assuming({"W": sg.orthogonal, "b": (-1, 1)})
    with pytest.raises(sg.InputError, match="value of W: declared orthogonal"):
        sg.product_bound(model).subs({"W": 2 * np.eye(2)})
    with pytest.raises(sg.InputError, match="value of b: the declared range"):
        sg.product_bound(model).subs({"b": [0.0, 3.0]})


# --- arrays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_arrays_broadcast_and_are_never_below_the_single_values(norm: Any) -> None:
    bound = sg.product_bound(sg.models.leaky(), norm)
    rates, ks = np.linspace(0.1, 1.0, 7)[:, None], np.arange(5)
    found = bound.evaluate_array({"W": W4, "alpha": rates}, ks)
    assert found.values.shape == (7, 5)
    order = {"inf": np.inf}.get(norm, norm)
    expected = (1 - rates + rates * np.linalg.norm(W4, order)) ** ks
    assert np.allclose(found.values, expected, rtol=1e-12)
    single = bound.evaluate({"W": W4, "alpha": rates[3, 0]}, 4)
    assert (found.values[3, 4], found.log10[3, 4]) == (float(single), single.log10)


def test_arrays_of_several_states_and_from_below() -> None:
    ks = np.array([0, 1, 50, 2000])
    weights = {f"W_h{gate}": W4 / 9 for gate in "ifgo"}
    bound = sg.product_bound(LSTM)
    found = bound.evaluate_array(weights, ks)
    assert [float(bound.evaluate(weights, int(k))) for k in ks] == found.values.tolist()
    lower = sg.product_bound(sg.models.residual(), side="lower").evaluate_array({"W": W4 / 99}, ks)
    assert (lower.values <= (1 - spectral(W4 / 99)) ** ks * (1 + 1e-12)).all()
    assert np.isfinite(lower.log10).all()


def test_many_points() -> None:
    alphas = np.linspace(0.01, 1, 100)[:, None]
    found = sg.product_bound(sg.models.leaky()).evaluate_array({"W": W4, "alpha": alphas}, np.arange(100))
    assert found.values.shape == (100, 100)
    assert np.allclose(found.values, (1 - alphas + alphas * spectral(W4)) ** np.arange(100), rtol=1e-11)


def test_no_steps_give_no_values() -> None:
    found = sg.product_bound(sg.models.leaky()).evaluate_array({"W": W4, "alpha": [0.5]}, [])
    assert found.values.shape == found.log10.shape == (0,)


def test_each_value_of_an_array_is_held_against_what_the_symbol_assumes() -> None:
    x, whole, rest = sp.symbols("x"), sp.Symbol("q", integer=True), sp.Symbol("r", real=True, nonzero=True)
    for symbol, values in ((whole, [0.0, 0.5, 1.0]), (rest, [-1.0, 0.0, 1.0])):
        bound = sg.product_bound(sg.Recurrence({x: symbol * sp.sin(x)}))
        with pytest.raises(sg.InputError, match=f"weight {symbol}: the symbol is assumed"):
            bound.evaluate_array({symbol: values})


@pytest.mark.slow
def test_ten_thousand_different_parameters_are_compiled_once() -> None:
    alphas = np.linspace(0.0001, 1, 10_000)
    bound = sg.product_bound(sg.models.leaky())
    before = _compiled.cache_info().misses
    found = bound.evaluate_array({"W": W4, "alpha": alphas}, 100)
    assert _compiled.cache_info().misses - before <= 2
    assert np.allclose(found.values, (1 - alphas + alphas * spectral(W4)) ** 100, rtol=1e-11)


@pytest.mark.parametrize(
    ("weights", "k", "message"),
    [
        ({"W": W4, "alpha": np.ones(3)}, [1, 2], "broadcast together"),
        ({"W": W4, "alpha": np.ones(3)}, [-1, 2, 3], "k: an array of non-negative integers"),
        ({"W": W4, "alpha": np.ones(3)}, [0.5, 2, 3], "k: an array of non-negative integers"),
        ({"W": W4, "alpha": -np.ones(2)}, 1, "alpha"),
        ({"alpha": np.ones(2)}, 1, "missing"),
        ({"W": W4, "alpha": np.array([])}, 1, "weight alpha: at least one number"),
        ({"W": W4, "alpha": np.ones(2)}, [[1], [2, 3]], "k: an array of non-negative integers"),
        ({"W": W4, "alpha": np.ones(2)}, True, "k: an array of non-negative integers"),
        ({"W": W4, "alpha": np.ones(2)}, np.array([2**63], dtype=np.uint64), "k: an array of .* below"),
        ({"W": W4, "alpha": 1.0, sp.Symbol("alpha"): np.ones(2)}, 1, "alpha is given twice"),
        (3, 1, "weights: a mapping"),
    ],
)
def test_bad_arrays_are_refused(weights: Any, k: Any, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        sg.product_bound(sg.models.leaky()).evaluate_array(weights, k)


# --- plain functions -----------------------------------------------------------------------------------------------


def test_arguments_name_norms_scalars_and_steps() -> None:
    assert list(sg.product_bound(LSTM).arguments) == ["norm_W_hf", "norm_W_hg", "norm_W_hi", "norm_W_ho", "k"]
    assert list(sg.product_bound(sg.models.elman("leaky_relu"), side="lower").arguments) == ["sigma_min_W", "k"]


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize(
    "model", [sg.models.leaky(activation="gelu"), LSTM, sg.models.gru().assuming({"h": (-1, 1)})], ids=lambda m: m.name
)
def test_functions_agree_with_the_rigorous_values(model: sg.Recurrence, norm: Any) -> None:
    bound = sg.product_bound(model, norm)
    random = np.random.default_rng(1)
    values: dict[str, float] = {}
    weights: dict[str, Any] = {"alpha": 0.3} if model.name == "leaky" else {}
    for name, argument in bound.arguments.items():
        if isinstance(argument, OperatorNorm):
            shape = (3,) if argument.matrix.shape[1] == 1 else (3, 3)
            matrix = weights.setdefault(str(argument.matrix), random.standard_normal(shape))
            order = np.inf if argument.p == sp.oo else int(argument.p)
            values[name] = float(np.linalg.norm(matrix, order))
        elif name != "k":
            values[name] = weights[name]
    ks = np.array([0, 1, 7, 30])
    found = bound.lambdify()(**values, k=ks)
    expected = bound.evaluate_array(weights, ks).values
    assert np.allclose(found, expected, rtol=1e-9)
    with mpmath.workdps(40):
        precise = bound.lambdify("mpmath")(*values.values(), 30)
        assert abs(precise / mpmath.mpf(float(expected[-1])) - 1) < 1e-9


def test_mpmath_at_high_precision() -> None:
    bound = sg.product_bound(sg.models.elman("gelu"))
    with mpmath.workdps(60):
        found = bound.lambdify("mpmath")(norm_W=1, k=1)
        root = mpmath.sqrt(2)
        phi, cdf = mpmath.npdf(root), mpmath.ncdf(root)
        assert abs(found - (cdf + root * phi)) < mpmath.mpf(10) ** -55


def test_functions_from_below_for_several_states() -> None:
    h, v = sp.symbols("h v")
    pair = sg.Recurrence({h: 3 * h + v / 2, v: 2 * v + h / 4})
    bound = sg.product_bound(pair, side="lower")
    inverse = np.linalg.inv(np.array([[3.0, -0.5], [-0.25, 2.0]]))
    expected = [1 / np.linalg.norm(np.linalg.matrix_power(inverse, k), 2) for k in range(4)]
    assert np.allclose(bound.lambdify()(k=np.arange(4)), expected, rtol=1e-12)


def test_functions_are_zero_where_nothing_holds_and_infinite_where_floats_end() -> None:
    x, y, a = *sp.symbols("x y"), sp.Symbol("a", real=True)
    pair = sg.Recurrence({x: 3 * x + a * y, y: 2 * y + x / 4})
    lower, upper = sg.product_bound(pair, side="lower"), sg.product_bound(pair)
    values, ks = np.array([24.0, 0.0, 30.0]), np.array([[0], [1], [200]])  # at 24 the comparison matrix is singular
    found = lower.lambdify()(a=values, k=ks)
    assert np.allclose(found, lower.evaluate_array({"a": values}, ks).values, rtol=1e-9)
    assert found[:, 0].tolist() == [1.0, 0.0, 0.0]
    assert [float(lower.lambdify("mpmath")(v, 1)) for v in values] == pytest.approx(found[1].tolist())
    assert np.isinf(upper.lambdify()(a=values, k=2000)).all()
    precise = upper.lambdify("mpmath")(30, 2000)
    assert float(mpmath.log10(precise)) == pytest.approx(upper.evaluate({"a": 30.0}, 2000).log10, rel=1e-12)


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_many_steps_of_three_states_neither_under_nor_overflow_on_the_way(norm: Any) -> None:
    x, y, z = sp.symbols("x y z")
    a = sp.Symbol("a", positive=True)
    ring = sg.Recurrence({x: 1000 * y, y: z / 1000, z: a * sp.sin(x) + y / 1000})
    bound = sg.product_bound(ring, norm)
    ks = np.array([0, 1, 2, 999, 3000])
    values = np.array([[0.9], [1.1]])
    assert np.allclose(bound.lambdify()(values, ks), bound.evaluate_array({"a": values}, ks).values, rtol=1e-10)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gelu", "mish", "tanh"])
def test_functions_of_parameters(name: str) -> None:
    x, p = sp.Symbol("x"), sp.Symbol("p", real=True)
    bound = sg.product_bound(sg.Recurrence({x: sg.activation(name)(p) * x}))
    values = np.array([-800.0, -1.5, 0.0, 2.0])
    expected = bound.evaluate_array({"p": values}, 1).values
    assert np.allclose(bound.lambdify()(values, 1), expected, rtol=1e-12, atol=1e-300)
    assert float(bound.lambdify("mpmath")(2, 1)) == pytest.approx(expected[-1])


@pytest.mark.parametrize(("norm", "order"), [(1, 1), (2, 2), ("inf", np.inf)])
def test_norms_of_explicit_matrices_are_computed(norm: Any, order: float) -> None:
    entries = sp.Matrix(2, 2, sp.symbols("p q r s", real=True))
    bound = sg.product_bound(sg.models.leaky(), norm)
    assert list(bound.subs({"W": W4}).arguments) == ["alpha", "k"]
    fixed = bound.subs({"W": W4}).lambdify()
    assert fixed(0.5, [1, 2]) == pytest.approx(np.power(0.5 + 0.5 * np.linalg.norm(W4, order), [1, 2]))
    free = bound.subs({"W": entries})
    assert list(free.arguments) == ["alpha", "p", "q", "r", "s", "k"]
    p = np.array([1.0, -4.0, 0.0])
    found = free.lambdify()(0.5, p, 2.0, 3.0, 4.0, 3)
    expected = [(0.5 + 0.5 * np.linalg.norm([[v, 2.0], [3.0, 4.0]], order)) ** 3 for v in p]
    assert found == pytest.approx(expected)
    assert float(free.lambdify("mpmath")(0.5, -4, 2, 3, 4, 3)) == pytest.approx(expected[1])


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_least_stretching_of_explicit_matrices_is_computed(norm: Any) -> None:
    matrix = np.array([[3.0, 1.0], [-1.0, 2.0]])
    bound = sg.product_bound(sg.models.elman("identity"), norm, side="lower")
    order = {"inf": np.inf}.get(norm, norm)
    expected = 1 / np.linalg.norm(np.linalg.inv(matrix), order)
    free = bound.subs({"W": sp.Matrix(2, 2, [sp.Symbol("p", real=True), 1, -1, 2])})
    found = free.lambdify()(p=[3.0, -0.5], k=1)
    assert found == pytest.approx([expected, 0.0], abs=1e-15)  # singular at -1/2
    assert float(bound.subs({"W": matrix}).lambdify()(k=1)) == pytest.approx(expected)
    assert float(free.lambdify("mpmath")(3, 1)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.lambdify(3), "unknown module '3'"),
        (lambda b: b.lambdify()("x", 1), "norm_W: an array of real numbers is needed, got str"),
        (lambda b: b.lambdify()([[1.0], [2.0, 3.0]], 1), "norm_W: an array of real numbers"),
        (lambda b: b.lambdify()([1.0, 2.0, 3.0], [1, 2]), r"broadcast together .* norm_W \(3,\), k \(2,\)"),
        (lambda b: b.lambdify()(1.0, 2.5), "k: an array of non-negative integers"),
        (lambda b: b.lambdify()(1.0, -1), "k: an array of non-negative integers"),
        (lambda b: b.lambdify("mpmath")("x", 1), "norm_W: a real number is needed, got str"),
        (lambda b: b.lambdify("mpmath")(1.0, 2.5), "k: a non-negative integer"),
        (lambda b: b.lambdify("jax"), "unknown module 'jax'"),
        (lambda b: b.lambdify()(1.0), "arguments: norm_W, k are needed"),
        (lambda b: b.lambdify()(1.0, 2, 3), "arguments: norm_W, k are needed"),
        (lambda b: b.lambdify()(norm_V=1.0, k=2), "unknown argument 'norm_V'"),
        (lambda b: sg.product_bound(sg.models.feedforward()).lambdify(), "every layer"),
        (lambda b: sg.product_bound(sg.models.feedforward()).evaluate_array({}), "every layer"),
    ],
)
def test_bad_calls_are_refused(call: Any, message: str) -> None:
    with pytest.raises(sg.SymgradError, match=message):
        call(sg.product_bound(sg.models.elman()))
