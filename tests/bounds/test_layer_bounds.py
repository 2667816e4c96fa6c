"""Layers with parameters of their own: products over layers against numpy, and what is refused."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import Conclusion, Lacking, ProductModulus, ProductNorm, Rule, rules_for
from symgrad.bounds.instances import Instance, obeys
from symgrad.language.layers import LayerMatrix
from symgrad.language.norms import NORMS, OperatorNorm
from symgrad.language.operators import Block

n = sp.Symbol("n", positive=True, integer=True)
L = sp.Symbol("L", positive=True, integer=True)
A, B, C = (sp.MatrixSymbol(name, n, n) for name in "ABC")
x, y = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1)
tanh, leaky = sg.activation("tanh"), sg.activation("leaky_relu", slope=0.5)
ONE_STATE = sg.Recurrence({x: leaky(A * x)}, depth=L)
TWO_STATES = sg.Recurrence({x: leaky(A * x) + C * y, y: 3 * y + leaky(B * x) / 9}, depth=L)
ORDERS = {1: 1, 2: 2, "inf": np.inf}
RULES = {
    "product over layers": (ProductNorm, ONE_STATE),
    "product of gain matrices": (ProductNorm, TWO_STATES),
    "least product over layers": (ProductModulus, ONE_STATE),
    "product of comparison matrices": (ProductModulus, TWO_STATES),
}


def rule_named(name: str) -> Rule:
    return next(rule for rule in rules_for() if rule.name == name)


def test_every_rule_about_layers_is_here() -> None:
    assert set(RULES) == {rule.name for rule in rules_for() if rule.apply.__module__.endswith("layer_rules")}


@pytest.mark.parametrize("name", RULES)
def test_random_layers_obey(name: str) -> None:
    kind, model = RULES[name]
    random = np.random.default_rng(1)
    instances = [Instance.draw(model, random) for _ in range(15)]
    for norm in NORMS.values():
        engine = Engine(model)
        goal = kind(sg.jacobian(model).operator, model.depth, norm)
        inequality = rule_named(name)(goal, engine.prove, engine.context)
        assert not isinstance(inequality, Lacking)
        assert all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("name", RULES)
def test_the_rules_are_about_layers_and_their_number_of_states_only(name: str) -> None:
    kind, model = RULES[name]
    other = TWO_STATES if model is ONE_STATE else ONE_STATE
    shared = sg.Recurrence(model.updates)
    for wrong in (other, shared):
        engine = Engine(wrong)
        answer = rule_named(name)(
            kind(sg.jacobian(wrong).operator, L, NORMS[sp.Integer(2)]), engine.prove, engine.context
        )
        assert isinstance(answer, Lacking)
    assert isinstance(sg.jacobian(TWO_STATES).operator, Block)


@pytest.mark.parametrize("name", RULES)
def test_a_claim_that_is_too_sharp_is_refuted(name: str) -> None:
    """Multiples of the identity, on which one state's bound is attained, and of 1 x 1 blocks for several states."""
    kind, model = RULES[name]
    side = "upper" if kind is ProductNorm else "lower"
    bound = sg.product_bound(model, side=side)
    count = 4
    weights: dict[str, Any] = {"A": [2 * np.eye(1)] * count}
    if model is TWO_STATES:
        weights |= {"B": [np.zeros((1, 1))] * count, "C": [np.zeros((1, 1))] * count}
    claim = bound.tightened(0.7 if side == "upper" else 3.5)
    assert sg.verify(bound, weights, trajectories=30).verdict.holds
    assert sg.verify(claim, weights, trajectories=30).verdict is sg.Verdict.REFUTED


def test_closed_forms() -> None:
    deep = sg.product_bound(sg.models.feedforward(activation="sigmoid"))
    W = sp.MatrixSymbol("W", n, n)
    assert isinstance(deep.expr, sp.Product)
    assert deep.expr.function == OperatorNorm(LayerMatrix(W, deep.model.layer)) / 4
    assert deep.k == deep.model.depth
    three = sg.product_bound(sg.models.feedforward(3, "sigmoid")).expr
    assert three == sp.Mul(*(OperatorNorm(LayerMatrix(W, i)) / 4 for i in (1, 2, 3)))
    assert sg.product_bound(sg.models.feedforward(1)).expr == OperatorNorm(LayerMatrix(W, 1))


@pytest.mark.parametrize("p", ORDERS)
def test_values_are_the_products_of_norms(p: Any) -> None:
    random = np.random.default_rng(0)
    matrices = [random.standard_normal((3, 3)) for _ in range(5)]
    norms = [np.linalg.norm(matrix, ORDERS[p]) for matrix in matrices]
    bound = sg.product_bound(sg.models.feedforward(activation="sigmoid"), p)
    weights = {"W": matrices}
    assert float(bound.evaluate(weights)) == pytest.approx(np.prod(norms) / 4**5, rel=1e-12)
    assert float(bound.evaluate(weights, 2)) == pytest.approx(norms[0] * norms[1] / 16, rel=1e-12)
    assert float(bound.evaluate(weights, 0)) == 1


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_two_states_against_random_products(p: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    layers = [
        {k: s * random.standard_normal((2, 2)) for k, s in (("A", 1.0), ("B", 1.0), ("C", 0.3))} for _ in range(4)
    ]
    weights = {name: [layer[name] for layer in layers] for name in "ABC"}
    jacobians = []
    for layer in layers:
        slopes = random.choice([0.5, 1.0], (2, 2, 1))
        top = np.hstack([slopes[0] * layer["A"], layer["C"]])
        jacobians.append(np.vstack([top, np.hstack([slopes[1] * layer["B"] / 9, 3 * np.eye(2)])]))
    product = reduce(lambda done, jacobian: jacobian @ done, jacobians)
    assert np.linalg.norm(product, ORDERS[p]) <= sg.product_bound(TWO_STATES, p).evaluate(weights)
    lower = sg.product_bound(TWO_STATES, p, side="lower").evaluate(weights)
    assert lower <= 1 / np.linalg.norm(np.linalg.inv(product), ORDERS[p]) * (1 + 1e-9)


def test_widths_may_differ_and_torch_names_are_read() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.ReLU(), torch.nn.Linear(7, 2), torch.nn.ReLU())
    weights = {name: tensor.detach().numpy() for name, tensor in net.named_parameters()}
    bound = sg.product_bound(sg.models.feedforward(activation="relu"))
    norms = [np.linalg.norm(weights[name].astype(float), 2) for name in ("0.weight", "2.weight")]
    assert float(bound.evaluate(weights)) == pytest.approx(norms[0] * norms[1], rel=1e-12)
    jacobian = torch.autograd.functional.jacobian(net, torch.randn(4))
    assert float(torch.linalg.matrix_norm(jacobian, 2)) <= bound.evaluate(weights)


def test_conditions_speak_of_every_layer() -> None:
    vanishes = sg.product_bound(sg.models.feedforward(2, "sigmoid")).vanishes
    W = sp.MatrixSymbol("W", n, n)
    values = {OperatorNorm(LayerMatrix(W, 1)): 2, OperatorNorm(LayerMatrix(W, 2)): 3}
    assert vanishes.xreplace(values) == sp.true
    assert vanishes.xreplace({**values, OperatorNorm(LayerMatrix(W, 2)): 5}) == sp.false


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sg.models.feedforward(0), "depth"),
        (lambda: sg.models.feedforward(2.5), "depth"),
        (lambda: sg.models.feedforward("deep"), "depth"),
        (lambda: sg.models.feedforward(True), "depth"),
        (lambda: sg.models.feedforward(sp.Symbol("d", negative=True)), "depth"),
        (lambda: sg.product_bound(sg.models.feedforward(3)).evaluate({"W": [np.eye(2)] * 2}), "layers|depth"),
        (lambda: sg.product_bound(sg.models.feedforward()).evaluate({"W": [np.eye(2), np.ones((2, 3))]}), "layer 2"),
        (lambda: sg.product_bound(sg.models.feedforward(3)).at(4), "depth 3"),
        (lambda: sg.product_bound(sg.models.feedforward()).horizon(0.1), "horizon"),
        (lambda: sg.gradient_bound(sg.models.feedforward()), "use layer_gradient_bound"),
    ],
)
def test_bad_input_is_refused(call: Any, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        call()


def test_proofs_are_audited_and_say_which_layer() -> None:
    for model in (sg.models.feedforward(), TWO_STATES):
        for side in ("upper", "lower"):
            if model is not TWO_STATES and side == "lower":
                continue
            proof = sg.product_bound(model, side=side).proof
            assert proof.audit(instances=4)
            assert "[l]" in str(proof)


def test_a_forged_layer_rule_is_seen_by_the_audit() -> None:
    """A product that leaves one layer out is exceeded on random layers."""
    rule = rule_named("product over layers")

    def fewer(goal: Any, prove: Any, context: Any) -> Conclusion:
        answer = rule.apply(goal, prove, context)
        return Conclusion(answer.bound.xreplace({L: sp.Integer(1)}), answer.premises)

    engine = Engine(ONE_STATE)
    goal = ProductNorm(sg.jacobian(ONE_STATE).operator, L, NORMS[sp.Integer(2)])
    forged = Rule("forged", ProductNorm, "", "", (), "", "", fewer)(goal, engine.prove, engine.context)
    proof = sg.product_bound(ONE_STATE).proof
    assert proof.conclusion.bound != forged.bound
    with pytest.raises(sg.SymgradError):
        proof._reapply(type(proof.steps[-1])(1, forged, ()))
