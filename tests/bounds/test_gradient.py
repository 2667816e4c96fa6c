"""Bounds on gradients against automatic differentiation, brute force and the formulas of the literature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.geometric import PowerSum, geometric_sum, power_sum_entries
from tests.present.test_reading_back import random_model

DUAL = {1: np.inf, 2: 2, "inf": 1}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "sigmoid_rnn": {"u": (-1, 1)},
    "elman": {"u": (-1, 1), "h": (-1, 1)},
    "leaky": {"u": (-1, 1), "h": (-1, 1)},
    "residual": {"u": (-1, 1), "h": (-6, 6)},
    "lstm": {"u": (-1, 1), "h": (-1, 1), "c": (-4, 4)},
    "gru": {"u": (-1, 1), "h": (-1, 1)},
    "highway": {"u": (-1, 1), "h": (-1, 1)},
    "neuron": {"x": (0, 1)},
    "irnn": {"u": (-1, 1), "h": (0, 50)},
}
N, M = sp.symbols("n m", integer=True, positive=True)
T = sp.Symbol("T", integer=True, positive=True)


def declared(name: str) -> sg.Recurrence:
    return sg.models.build(name).assuming(RANGES[name])


def drawn(model: sg.Recurrence, seed: int, scale: float, n: int = 3, m: int = 2) -> dict[str, Any]:
    random = np.random.default_rng(seed)

    def array(symbol: sp.Expr) -> Any:
        if isinstance(symbol, sp.Symbol):
            return random.uniform(0.1, 0.9) if symbol.is_positive else scale * random.standard_normal()
        shape = [int(sp.sympify(size).xreplace({N: n, M: m})) for size in symbol.shape]
        return scale * random.standard_normal(shape[:1] if shape[1] == 1 else shape)

    return {str(symbol): array(symbol) for symbol in model.parameters}


def gradient_norm(found: sg.Gradients, order: float) -> float:
    return float(np.linalg.norm(np.concatenate([np.ravel(array) for array in found.parameters.values()]), order))


def backpropagated(
    model: sg.Recurrence, weights: dict[str, Any], steps: int, seed: int, order: float, terms: int | None = None
) -> sg.Gradients:
    """Along a trajectory that starts within the declared ranges, whose states stay there, with a random loss."""
    random = np.random.default_rng(seed)
    inputs = random.uniform(-1, 1, (steps, 2)) if model.inputs else None
    first = random.uniform(-0.5, 0.5, 3)
    start = (
        {"x": 0.5}
        if model.name == "neuron"
        else {str(s): np.abs(first) if model.name == "irnn" else first for s in model.states}
    )
    loss = {name: random.standard_normal(np.shape(value)) for name, value in start.items()}
    total = np.concatenate([np.ravel(value) for value in loss.values()])
    loss = {name: value / np.linalg.norm(total, order) for name, value in loss.items()}
    count = None if model.inputs else steps
    return sg.backpropagate(model, weights, inputs, loss_gradient=loss, initial=start, steps=count, terms=terms)


@pytest.mark.parametrize(
    "norm", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param("inf", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", RANGES)
def test_no_gradient_exceeds_its_bound(name: str, norm: Any) -> None:
    model = declared(name)
    bound = sg.gradient_bound(model, norm=norm)
    for seed, steps, scale in ((0, 1, 1.0), (1, 4, 0.6), (2, 9, 0.3), (3, 6, 0.9)):
        weights = drawn(model, seed, scale)
        found = backpropagated(model, weights, steps, seed, order=DUAL[norm])
        limit = bound.evaluate(weights, steps)
        assert gradient_norm(found, DUAL[norm]) <= limit
        for parameter, block in bound.blocks.items():
            assert np.linalg.norm(np.ravel(found.parameters[parameter]), DUAL[norm]) <= block.evaluate(weights, steps)


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("name", ["elman", "lstm", "leaky", "neuron"])
def test_no_truncation_error_exceeds_its_bound(name: str, norm: Any) -> None:
    model = declared(name)
    bound = sg.gradient_bound(model, norm=norm)
    for seed, steps, terms in ((0, 5, 1), (1, 8, 3), (2, 6, 6)):
        weights = drawn(model, seed, 0.6)
        whole = backpropagated(model, weights, steps, seed, order=DUAL[norm])
        part = backpropagated(model, weights, steps, seed, order=DUAL[norm], terms=terms)
        differences = [np.ravel(whole.parameters[key] - part.parameters[key]) for key in whole.parameters]
        error = float(np.linalg.norm(np.concatenate(differences), DUAL[norm]))
        assert error <= bound.truncation(terms).evaluate(weights, steps) + 1e-12


def linear_case(rate: float) -> tuple[sg.Recurrence, dict[str, Any], np.ndarray]:
    """A linear network with all terms in one direction: J = rate * I, u = 1, where the bound for b is attained."""
    model = sg.models.elman("identity").assuming({"u": (-1, 1), "h": (-100, 100)})
    return model, {"W": rate * np.eye(1), "U": np.zeros((1, 1)), "b": np.zeros(1)}, np.ones((6, 1))


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.5])
def test_the_bound_is_attained_and_a_smaller_one_is_caught(rate: float) -> None:
    model, weights, inputs = linear_case(rate)
    gradient, last = (
        float(sg.backpropagate(model, weights, inputs, loss_gradient=[1.0], terms=terms).parameters["b"][0])
        for terms in (None, 2)
    )
    bound = sg.gradient_bound(model).block("b")
    assert bound.evaluate(weights, 6) == pytest.approx(gradient, rel=1e-12)
    assert gradient > 0.999 * bound.evaluate(weights, 6)
    assert bound.truncation(2).evaluate(weights, 6) == pytest.approx(gradient - last, rel=1e-12)


def test_the_formula_of_the_theory() -> None:
    """||grad L|| <= ||grad_x L|| M (1 - gamma^T)/(1 - gamma) with M = sqrt(n sup sigma^2 + m ubar^2 + 1)."""
    ubar = sp.Symbol("ubar", positive=True)
    bound = sg.gradient_bound(sg.models.sigmoid_rnn().assuming({"u": sg.Interval(-ubar, ubar)}))
    weights = {"W_rec": np.diag([2.0, 1.0, 0.5]), "W_in": np.zeros((3, 2)), "b": np.zeros(3), "ubar": 2.0}
    gamma, size = 0.5, np.sqrt(3 + 2 * 4 + 1)
    expected = 3 * size * (1 - gamma**7) / (1 - gamma)
    assert bound.evaluate(weights, 7, loss_gradient=3) == pytest.approx(expected, rel=1e-12)
    assert bound.evaluate({**weights, "W_rec": 4 * np.eye(3)}, 7) == pytest.approx(7 * size, rel=1e-12)
    expr = bound.expr
    values = {bound.loss_gradient: 3, ubar: 2, bound.steps: 7}
    numbers = expr.xreplace({a: sp.Integer(2) for a in expr.atoms(sg.language.norms.OperatorNorm)}).subs(values)
    numbers = numbers.subs({s: {"n": 3, "m": 2}[str(s)] for s in numbers.free_symbols})
    assert float(numbers) == pytest.approx(expected, rel=1e-12)


def test_the_norm_at_one_point_is_exact() -> None:
    bound = sg.gradient_bound(sg.models.sigmoid_rnn().assuming({"u": (-1, 1)}))
    random = np.random.default_rng(0)
    x, u = random.standard_normal(4), random.standard_normal(3)
    sigma = 1 / (1 + np.exp(-x))
    dense = np.hstack([np.kron(sigma[None], np.eye(4)), np.kron(u[None], np.eye(4)), np.eye(4)])
    names = {str(atom): atom for atom in bound.pointwise.atoms(sg.language.norms.OperatorNorm)}
    numbers = {names["OperatorNorm(sigmoid(x))"]: np.linalg.norm(sigma), names["OperatorNorm(u)"]: np.linalg.norm(u)}
    assert float(bound.pointwise.xreplace(numbers)) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-12)


@pytest.mark.parametrize("rate", ["1/3", "1", "5/4", "0"])
@pytest.mark.parametrize("delta", ["1/2", "1/10", "1/1000", "2"])
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_the_window_is_the_least_that_suffices(rate: str, delta: str, steps: int) -> None:
    gamma, small = sp.Rational(rate), sp.Rational(delta)
    powers = [gamma**k for k in range(steps)]
    least = next(K for K in range(steps + 1) if sum(powers[K:]) <= small * sum(powers))
    model = sg.models.elman("identity").assuming({"u": (-1, 1), "h": (-9, 9)})
    bound = sg.gradient_bound(model)
    symbol = bound.gamma
    found = bound.window(small).xreplace({symbol: gamma, bound.steps: sp.Integer(steps)})
    assert sp.simplify(found) == least if gamma != 0 else least in (0, 1)
    weights = {"W": float(gamma) * np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    if rate != "1/3":  # which is no float
        assert sg.gradient_bound(model, steps).window(small, weights) == least


def test_a_window_relative_to_the_gradient_itself() -> None:
    model, weights, inputs = linear_case(0.5)
    gradient = abs(float(sg.backpropagate(model, weights, inputs, loss_gradient=[1.0]).parameters["b"][0]))
    bound = sg.gradient_bound(model, 6).block("b")
    assert bound.window(0.1, weights, gradient=gradient) == bound.window(0.1, weights)
    assert bound.window(0.1, weights, gradient=gradient / 100) > bound.window(0.1, weights)


def test_many_steps_neither_overflow_nor_take_long() -> None:
    model, weights, _ = linear_case(1.5)
    bound = sg.gradient_bound(model)
    assert bound.evaluate(weights, 10**6).log10 == pytest.approx(10**6 * np.log10(1.5) + np.log10(2), rel=1e-3)
    small = {**weights, "W": 0.5 * np.eye(1)}
    assert bound.block("b").evaluate(small, 10**6) == pytest.approx(2.0)
    assert bound.block("b").truncation(10**5).evaluate(small, 10**6).log10 == pytest.approx(
        10**5 * np.log10(0.5), rel=1e-3
    )


def test_several_states_in_closed_form() -> None:
    bound = sg.gradient_bound(declared("lstm"))
    weights = drawn(bound.model, 0, 0.5)
    numeric = float(bound.evaluate(weights, 12))
    atoms = bound.closed.atoms(sg.language.norms.OperatorNorm)
    values = {atom: sp.Float(np.linalg.norm(weights[str(atom.matrix)], 2), 30) for atom in atoms}
    expr = bound.closed.xreplace(values).subs({bound.steps: 12, bound.loss_gradient: 1})
    expr = expr.subs({s: {"n": 3, "m": 2}[str(s)] for s in expr.free_symbols})
    assert float(expr) == pytest.approx(numeric, rel=1e-9)


@pytest.mark.parametrize("first", [0, 2])
def test_sums_of_powers(first: int) -> None:
    gain = sp.ImmutableDenseMatrix([[1, 2], [3, 4]])
    expected = sum((gain**k for k in range(first, 6)), sp.zeros(2))
    assert PowerSum(gain, sp.eye(2), first, 6).doit() == expected
    closed = power_sum_entries(gain, first, T).subs(T, 6)
    assert np.allclose(np.array(closed.evalf(30), float), np.array(expected, float), rtol=1e-14)
    assert geometric_sum(sp.Rational(3, 2), first, T).subs(T, 6) == sum(sp.Rational(3, 2) ** k for k in range(first, 6))


@pytest.mark.slow
def test_proofs_are_audited_and_written() -> None:
    for name in ("sigmoid_rnn", "leaky", "lstm"):
        bound = sg.gradient_bound(declared(name))
        assert bound.proof.audit(instances=3)
        assert bound.truncation(2).proof.audit(instances=2)
        assert r"\nabla_{\theta} L" in bound.latex()
        assert str(bound).startswith("||grad_theta L||_2 <= ")
        assert bound.to_dict()["by"] == [str(p) for p in bound.model.parameters]


def test_all_norms_and_parameters_in_print() -> None:
    bound = sg.gradient_bound(declared("elman"), norm="inf").block("W").truncation(3)
    assert str(bound).splitlines()[0] == (
        "||grad_W L - (grad_W L of the last 3)||_1 <= ||grad_h[T] L||_1*M*(gamma**3 - gamma**T)/(1 - gamma) "
        "(for gamma = 1: ||grad_h[T] L||_1*M*(T - 3))"
    )


ELMAN = declared("elman")
EYES = {"W": np.eye(2), "U": np.eye(2)}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sg.gradient_bound(sg.models.elman()), sg.NoBoundError, r"sup\|h\| and sup\|u\| unbounded"),
        (lambda: sg.gradient_bound(sg.models.elman("relu").assuming({"u": (-1, 1)})), sg.NoBoundError, r"sup\|h\|"),
        (lambda: sg.gradient_bound("elman"), sg.InputError, "model: a Recurrence"),
        (lambda: sg.gradient_bound(ELMAN, steps=0), sg.InputError, "steps: a positive integer"),
        (lambda: sg.gradient_bound(ELMAN, steps=2.5), sg.InputError, "steps: a positive integer"),
        (lambda: sg.gradient_bound(ELMAN, steps=True), sg.InputError, "steps: a positive integer"),
        (
            lambda: sg.gradient_bound(ELMAN, steps=sp.Symbol("T")),
            sg.InputError,
            "steps: a positive integer",
        ),
        (lambda: sg.gradient_bound(ELMAN, norm=3), sg.InputError, "norm"),
        (lambda: sg.gradient_bound(ELMAN, 5).truncation(6), sg.InputError, "terms: at most 5"),
        (lambda: sg.gradient_bound(ELMAN).truncation(-1), sg.InputError, "terms: a non-negative integer"),
        (lambda: sg.gradient_bound(ELMAN).block("V"), sg.UnknownNameError, "parameter of model elman"),
        (lambda: sg.gradient_bound(ELMAN).window(0), sg.InputError, "delta: a positive"),
        (lambda: sg.gradient_bound(declared("lstm")).window(0.1), sg.InputError, "window: several states"),
        (lambda: sg.gradient_bound(ELMAN).window(0.1, gradient=3), sg.InputError, "gradient: "),
        (
            lambda: sg.gradient_bound(ELMAN).evaluate(EYES),
            sg.InputError,
            "steps: ",
        ),
        (lambda: sg.gradient_bound(ELMAN).evaluate({"W": np.eye(2)}, 3), sg.InputError, "size m"),
        (
            lambda: sg.gradient_bound(ELMAN).evaluate({"W": np.eye(2), "U": np.eye(2)}, 3, loss_gradient=-1),
            sg.InputError,
            "loss_gradient: a non-negative",
        ),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("seed", [7, 106, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 105))])
def test_random_models_have_gradient_bounds_that_are_audited_and_written(seed: int) -> None:
    """Sums in products, constant vectors next to matrices, negated sums of weights: all with finite bounds."""
    model = random_model(seed)
    bound = sg.gradient_bound(model.assuming({symbol: (-2, 2) for symbol in model.variables}), norm=1)
    assert bound.proof.audit(instances=2)
    assert bound.to_dict()["expr"]["text"]
    assert bound.latex()


def test_a_sum_with_ends_that_are_symbols_is_finite() -> None:
    """|W h + 1| <= 2 ||W||_inf + 1 for |h| <= 2, though z + 1 is unbounded over all numbers."""
    n = sp.Symbol("n", integer=True, positive=True)
    W, h = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("h", n, 1)
    model = sg.Recurrence({h: sg.hadamard(W * h + sp.OneMatrix(n, 1), h)}).assuming({h: (-2, 2)})
    value = sg.product_bound(model).evaluate({"W": 3 * np.eye(2)}, 1)
    assert value == pytest.approx(2 * 3 + 1 + 2 * 3, rel=1e-12)
