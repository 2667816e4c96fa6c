"""Bounds on gradients in weighted norms and invariant boxes, against backpropagation, term by term and by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_mat

import symgrad as sg
from symgrad.bounds.parameter_instances import sums_stay_below
from symgrad.bounds.series import Source, UpperSeries
from symgrad.bounds.weighted_instances import InstanceCertificates, weighted_sum_obeys
from symgrad.bounds.weighted_series import CertifiedSeries, ClosestSeries, GeometricRate
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator
from symgrad.language.norms import NORMS
from symgrad.language.weights import Weights
from symgrad.present import latex, text, with_numbers
from tests.bounds.test_gradient import DUAL, drawn, gradient_norm

METHODS = ("range", "perron", "diagonal", "quadratic", "best")
FREE = [("elman", 2), ("elman", "inf"), ("leaky", 1), ("gru", "inf"), ("sigmoid_rnn", 1)]
FREE += [pytest.param(name, norm, marks=pytest.mark.slow) for name, norm in (("elman", 1), ("lstm", 2))]


@cache
def free(name: str) -> sg.Recurrence:
    """No range of a state is declared."""
    return sg.models.build(name).assuming({"u": (-1, 1)})


def from_zero(
    model: sg.Recurrence, weights: dict[str, Any], steps: int, seed: int, order: float, terms: int | None = None
) -> sg.Gradients:
    """Along a trajectory from the zero state, with inputs at the ends of their range, for a random loss."""
    random = np.random.default_rng(seed)
    inputs = random.choice([-1.0, 1.0], (steps, 2))
    loss = {str(state): random.standard_normal(3) for state in model.states}
    size = np.linalg.norm(np.concatenate([*loss.values()]), order)
    loss = {name: value / size for name, value in loss.items()}
    return sg.backpropagate(model, weights, inputs, loss_gradient=loss, terms=terms)


def truncation_error(
    model: sg.Recurrence, weights: dict[str, Any], steps: int, seed: int, order: float, terms: int
) -> float:
    whole = from_zero(model, weights, steps, seed, order).parameters
    part = from_zero(model, weights, steps, seed, order, terms).parameters
    return float(np.linalg.norm(np.concatenate([np.ravel(whole[key] - part[key]) for key in whole]), order))


@pytest.mark.parametrize(("name", "norm"), FREE)
def test_no_gradient_from_zero_exceeds_its_bound(name: str, norm: Any) -> None:
    model, order = free(name), DUAL[norm]
    bounds = {method: sg.gradient_bound(model, norm=norm, method=method) for method in METHODS}
    for seed, steps, scale in ((0, 12, 0.5), (1, 5, 0.9))[: 1 if len(model.parameters) > 3 else 2]:
        weights = drawn(model, seed, scale)
        found = gradient_norm(from_zero(model, weights, steps, seed, order), order)
        error = truncation_error(model, weights, steps, seed, order, 3)
        values = {method: bound.evaluate(weights, steps) for method, bound in bounds.items()}
        assert all(found <= value for value in values.values())
        assert all(error <= b.truncation(3).evaluate(weights, steps) + 1e-12 for b in bounds.values())
        assert all(values["best"] <= value for value in values.values())


@pytest.mark.parametrize("method", METHODS)
def test_blocks_bound_the_gradient_by_one_parameter(method: str) -> None:
    model = free("elman")
    bound, weights = sg.gradient_bound(model, 9, method=method), drawn(model, 3, 0.7)
    found = from_zero(model, weights, 9, 3, 2)
    for name, block in bound.blocks.items():
        assert block.method == method
        assert np.linalg.norm(np.ravel(found.parameters[name])) <= block.evaluate(weights)


def test_a_rate_by_hand() -> None:
    """W = [[0, 4], [1, 0]]: rho(|W|)/4 = 1/2 and kappa_inf = 2, against ||W||_inf/4 = 1."""
    model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    bound = sg.gradient_bound(model, norm="inf", method="perron").block("b")
    W = sp.Matrix([[0, 4], [1, 0]])
    symbols = {bound.model.symbol("W_rec"): W}
    assert sp.N(bound.gamma.subs(symbols).doit()) == pytest.approx(0.5)
    assert sp.N(bound.constant.subs(symbols).doit()) == pytest.approx(2)
    closed = (bound.expr / bound.loss_gradient).subs(symbols).doit().subs(bound.steps, 5)
    assert sp.N(closed) == pytest.approx(2 * (1 - 0.5**5) / (1 - 0.5))
    zeros = {"W_in": np.zeros((2, 1)), "b": np.zeros(2)}
    value = bound.evaluate({"W_rec": np.array([[0.0, 4.0], [1.0, 0.0]]), **zeros}, 5)
    assert value <= 1 + 2 * (0.5 + 0.25 + 0.125 + 0.0625) + 1e-9
    assert value < sg.gradient_bound(model, norm="inf").block("b").evaluate({"W_rec": [[0, 4], [1, 0]]}, 5) == 5


LINEAR = sg.models.elman("identity").assuming({"u": (-1, 1)})
TURNED = {"W": np.array([[0.0, 0.5], [0.5, 0.0]]), "U": np.zeros((2, 1)), "b": np.zeros(2)}


@pytest.mark.parametrize("method", METHODS)
def test_a_tight_bound_is_attained_and_a_smaller_one_is_caught(method: str) -> None:
    """A symmetric linear network: all terms of the gradient by b point the same way, so 1 + 1/2 + ... is attained."""
    bound = sg.gradient_bound(LINEAR, 6, method=method).block("b")
    loss = np.full(2, np.sqrt(0.5))
    gradient = np.linalg.norm(sg.backpropagate(LINEAR, TURNED, np.ones((6, 1)), loss_gradient=loss).parameters["b"])
    value = bound.evaluate(TURNED)
    assert gradient * (1 - 1e-12) <= value <= gradient * (1 + 1e-6)
    assert gradient > 0.9 * value  # so a bound smaller by a tenth is caught


def test_the_best_is_the_sum_of_the_closest_terms() -> None:
    """Sums over k of the least product bound at k, against one product bound after the other."""
    model = free("sigmoid_rnn")
    weights = drawn(model, 0, 0.4)
    best = sg.gradient_bound(model, 20, method="best").with_weights(weights)
    product = sg.product_bound(model, method="best").with_weights(weights)
    terms = [float(product.at(k)) for k in range(20)]
    size = float(best.source.size)
    assert best.value() == pytest.approx(size * sum(terms), rel=1e-9)
    parts = [sg.gradient_bound(model, 20, method=method).evaluate(weights) for method in METHODS[:-1]]
    assert best.value() < 0.999 * min(parts)
    assert {item.kind for item in best.certificates} == {"perron", "diagonal", "quadratic"}


def test_sums_of_the_closest_bounds_over_many_steps() -> None:
    """Pieces longer than one term lose little, whatever is left out at the beginning, and never gain."""
    slow, fast = GeometricRate(arb(0.999), arb(1)), GeometricRate(arb(0.99), arb(40))
    series = ClosestSeries({"slow": CertifiedSeries([slow]), "fast": CertifiedSeries([fast])}, upper=True)
    source = Source([arb(2)], NORMS[sp.Integer(2)])
    k = np.arange(5000)
    terms = 2 * np.where(k == 0, 1, np.minimum(0.999**k, 40 * 0.99**k))
    last = np.inf
    for first in (0, 1, 7, 31, 100, 1000, 4999, 5000):
        total, exact = float(series.total(source, first, 5000)), terms[first:].sum()
        assert exact * (1 - 1e-12) <= total <= 1.02 * exact
        assert total <= last
        last = total
    vanishing = GeometricRate(arb(3), arb(2), vanishes_after=3)
    assert float(vanishing.total(source, 0, 100)) == pytest.approx(2 * (1 + 2 * 3 + 2 * 9))
    assert float(vanishing.total(source, 3, 100)) == 0


def test_states_are_added_up_by_the_gain_matrix() -> None:
    gain, norm = np.array([[0.5, 2.0], [0.0, 0.25]]), NORMS[sp.oo]
    series = UpperSeries(arb_mat(gain.tolist()), norm)
    source = Source([arb(1), arb(3)], norm)
    exact = sum(np.linalg.matrix_power(gain, k) for k in range(2, 9)) @ [1, 3]
    assert float(series.total(source, 2, 9)) == pytest.approx(exact.max())
    assert float(source.size) == 3


@pytest.mark.parametrize(
    ("name", "method"), [("elman", "range"), ("elman", "best"), ("lstm", "perron"), ("lstm", "best")]
)
def test_the_window_makes_the_relative_error_as_small_as_asked(name: str, method: str) -> None:
    model = free(name)
    bound, weights = sg.gradient_bound(model, 40, method=method), drawn(model, 4, 0.15)
    kept = bound.window(sp.Rational(1, 100), weights)
    whole = bound.evaluate(weights)
    assert bound.truncation(kept).evaluate(weights) <= 0.01 * whole * (1 + 1e-9)
    assert kept == 0 or bound.truncation(kept - 1).evaluate(weights) > 0.01 * whole * (1 - 1e-9)


def test_windows_and_horizons_in_closed_form() -> None:
    bound = sg.gradient_bound(free("lstm"), method="quadratic")
    gamma = bound.gamma
    found = bound.window(sp.Rational(1, 10)).subs({gamma: sp.Rational(1, 2), bound.steps: 30})
    assert found == 4  # 2^-4 < 1/10
    assert bound.horizon(sp.Rational(1, 100)).subs({gamma: sp.Rational(1, 2), bound.constant: 2}) == 8
    weights = drawn(free("lstm"), 0, 0.1)
    assert bound.horizon(1e-3, weights) == bound.product.horizon(1e-3, weights)


def test_more_units_give_closer_sources() -> None:
    """Each unit has weights of its own, so the states have ranges of their own: ||h|| is less than sqrt(n) sup|h|."""
    model = sg.models.elman("relu").assuming({"u": (-1, 1)})
    weights = {"W": 0.1 * np.eye(3), "U": np.array([[0.01, 0.0], [0.0, 0.1], [0.0, 3.0]]), "b": np.zeros(3)}
    series = sg.gradient_bound(model, 5, method="range").with_weights(weights)
    (size,) = map(float, series.source.entries)
    states = series.units.ranges[model.states[0]].magnitude
    assert size == pytest.approx(np.sqrt(np.sum(states**2) + 2 + 1), rel=1e-12)
    assert np.sum(states**2) < 1.1 * (3 / 0.9) ** 2
    assert size < 0.8 * float(series.evaluator.ball(series.bound.source))


@pytest.mark.parametrize(("name", "norm"), [("lstm", 1), ("lstm", 2), ("gru", "inf"), ("gru", 2), ("leaky", "inf")])
def test_sources_of_sampled_states_stay_below_their_bounds(name: str, norm: Any) -> None:
    """The derivatives by all parameters at the states of a trajectory, in numpy."""
    model = free(name)
    weights = drawn(model, 5, 0.3)
    bound = sg.gradient_bound(model, 1, norm=norm, method="range")
    one_step = from_zero(model, weights, 1, 5, DUAL[norm])
    assert gradient_norm(one_step, DUAL[norm]) <= bound.evaluate(weights)
    states = sg.simulate(model, weights, np.random.default_rng(0).choice([-1.0, 1.0], (30, 2)))
    for step in (10, 30):
        start = {str(s): states.states[str(s)][step - 1] for s in model.states}
        loss = {key: np.ones(3) / np.linalg.norm(np.ones(3 * len(start)), DUAL[norm]) for key in start}
        found = sg.backpropagate(model, weights, np.ones((1, 2)), loss_gradient=loss, initial=start)
        assert gradient_norm(found, DUAL[norm]) <= bound.evaluate(weights)


def test_proofs_name_the_ranges_that_they_rest_on() -> None:
    for method in METHODS:
        bound = sg.gradient_bound(free("gru"), method=method)
        assert [type(proof).__name__ for proof in bound.proof.lemmas] == ["Proof"]
        assert bound.box is not None
        assert bound.block("b_iz").box is not None


WRITTEN = {
    "range": "||grad_h[T] L||_2*M*(1 - gamma**T)/(1 - gamma) (for gamma = 1: ||grad_h[T] L||_2*M*T)",
    "perron": "||grad_h[T] L||_2*C*M*(1 - gamma**T)/(1 - gamma) (for gamma = 1: ||grad_h[T] L||_2*C*M*T)",
    "best": "||grad_h[T] L||_2*M*sum(k = 0 ... T-1) min(kappa_2(|W|)*rho(|W|)**k, C*gamma**k, ||W||_2**k)",
}


@pytest.mark.parametrize("method", WRITTEN)
def test_bounds_in_print(method: str) -> None:
    bound = sg.gradient_bound(free("elman"), method=method)
    lines = str(bound).splitlines()
    assert lines[0] == f"||grad_theta L||_2 <= {WRITTEN[method]}"
    assert lines[1] == "M = sqrt(m + n + 1)"
    assert lines[-2:] == ["each entry of u[t] in [-1, 1]", "each entry of h[0] in [-1, 1]"]
    assert bound.to_dict()["method"] == method
    assert r"\nabla_{\theta} L" in bound.latex()


@pytest.mark.parametrize("method", METHODS)
def test_several_states_in_print_and_with_numbers(method: str) -> None:
    bound, weights = sg.gradient_bound(free("lstm"), method=method), drawn(free("lstm"), 0, 0.1)
    block = bound.block("b_ii")
    assert ("M = ||q||_2" in str(block).splitlines()) == (method != "range")
    shown = text(with_numbers(block, weights, 12)).splitlines()
    assert float(shown[1].split("*")[0].split()[-1]) == pytest.approx(float(block.evaluate(weights, 12)), rel=1e-3)
    assert latex(with_numbers(block, weights))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "steps", "first"), [("elman", 3, 0), ("leaky", None, 2)])
def test_proofs_are_audited(name: str, steps: int | None, first: int, method: str) -> None:
    bound = sg.gradient_bound(free(name), *([] if steps is None else [steps]), method=method)
    assert bound.truncation(first).proof.audit(instances=3)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_smaller_bound_does_not_pass_the_audit(method: str) -> None:
    """J = 3 for one unit, so 1 + 3 + 9 is reached, and 0.9 of it is not enough."""
    bound = sg.gradient_bound(sg.models.elman("identity").assuming({"u": (-1, 1)}), 3, method=method).block("b")
    weights = Weights({bound.model.symbol("W"): np.array([[3.0]])}, dict.fromkeys(bound.model.sizes, 1))
    points = [BallEvaluator.of_weights(weights)] * 3
    certificates = InstanceCertificates(bound.model, weights)
    assert weighted_sum_obeys(bound.inequality, BoundEvaluator(weights), certificates, points)
    assert not sums_stay_below(bound.inequality.quantity, arb(0.9 * 13), points)
    assert bound.evaluate({"W": [[3.0]]}) == pytest.approx(13, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sg.gradient_bound(free("elman"), method="bets"), sg.UnknownNameError, "method"),
        (lambda: sg.gradient_bound(sg.models.elman(), method="range"), sg.NoBoundError, r"sup\|u\| unbounded"),
        (lambda: sg.gradient_bound(sg.models.feedforward(), method="best"), sg.InputError, "depth|layer"),
        (lambda: sg.gradient_bound(free("elman"), method="best").window(0.1), sg.InputError, "window: the best"),
        (lambda: sg.gradient_bound(free("lstm"), method="range").window(0.1), sg.InputError, "window: several states"),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
