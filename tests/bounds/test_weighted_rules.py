"""Rules about moduli and weighted norms: proofs of all families by all methods, and claims that are caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import Conclusion, Inequality, Lacking, Rule, rules_for
from symgrad.bounds.instances import Instance, obeys
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedProductNorm
from symgrad.bounds.weighted_rules import GAMMA, C
from symgrad.language.norms import NORMS
from symgrad.language.operators import Compose, Diagonal, Elementwise, Variable, Weight
from tests.present.zoo import zoo

K = sp.Symbol("k", integer=True, nonnegative=True)
KINDS = ("perron", "diagonal", "quadratic", "best")
n = sp.Symbol("n", positive=True, integer=True)
A = sp.MatrixSymbol("A", n, n)
x = sp.MatrixSymbol("x", n, 1)
STEEP = sg.Recurrence({x: sg.activation("tanh")(A * x)})
LARGER_MODULI = {
    "moduli of a constant",
    "moduli of a diagonal",
    "moduli of a composition",
    "moduli of a sum",
    "moduli of blocks",
}


def steps_of(name: str, kind: str) -> list[Inequality]:
    return [step.inequality for step in sg.product_bound(zoo(name), method=kind).proof]


@pytest.mark.parametrize("name", ["elman", "gru", "leaky", "lstm"])
def test_every_step_of_a_proof_holds_on_random_instances(name: str) -> None:
    audit = sg.product_bound(zoo(name), method="best").proof.audit(instances=3)
    assert audit, audit.failures


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_products_of_a_plain_network_stay_below(kind: str, p: sp.Expr) -> None:
    bound = sg.product_bound(STEEP, NORMS[p], method=kind)
    random = np.random.default_rng(3)
    assert all(obeys(bound.inequality, Instance.draw(bound.model, random)) for _ in range(12))


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_a_bound_on_products_is_caught(kind: str) -> None:
    """With the box of the origin the slopes are at their steepest at zero, where points are drawn too."""
    claim = claimed(sg.product_bound(STEEP, method=kind).inequality)
    random = np.random.default_rng(4)
    assert not all(obeys(claim, Instance.draw(STEEP, random)) for _ in range(12))


def claimed(item: Inequality, quantity: WeightedProductNorm | None = None) -> Inequality:
    """A tenth of a bound, of those that it rests on too; for another quantity the bound as it is."""
    premises = tuple(map(claimed, item.premises)) if item.rule.name == "least of several bounds" else item.premises
    conclusion = Conclusion(item.bound / 10, premises) if quantity is None else Conclusion(item.bound, item.premises)
    rule = Rule("claim", type(item.quantity), "", "", (), "", "", lambda goal, prove, context: conclusion)
    found = rule(quantity or item.quantity, None, None)
    assert isinstance(found, Inequality)
    return found


@pytest.mark.parametrize("name", sorted(LARGER_MODULI))
def test_a_tenth_of_the_moduli_is_caught(name: str) -> None:
    rule = next(rule for rule in rules_for() if rule.name == name)

    def tenth(goal: MagnitudesOf, prove: object, context: object) -> Conclusion | Lacking:
        answer = rule.apply(goal, prove, context)
        return answer if isinstance(answer, Lacking) else Conclusion(answer.bound / 10, answer.premises)

    weakened = Rule("weakened", rule.quantity, "", "", (), "", "", tenth)
    model = sg.product_bound(zoo("lstm"), method="perron").model if name == "moduli of blocks" else zoo("residual")
    proof = sg.product_bound(zoo("lstm" if name == "moduli of blocks" else "residual"), method="perron").proof
    (goal, *_) = [step.inequality.quantity for step in proof if step.rule is rule]
    engine = Engine(model, proof.setting)
    claim = weakened(goal, engine.prove, engine.context)
    assert isinstance(claim, Inequality)
    random = np.random.default_rng(5)
    assert not all(obeys(claim, Instance.draw(model, random)) for _ in range(12))


def test_rates_of_several_norms_go_by_one_letter_each_time() -> None:
    bounds = {kind: sg.product_bound(STEEP, method=kind).inequality.bound for kind in ("diagonal", "quadratic")}
    assert set(bounds.values()) == {C * GAMMA**K}


def test_an_unbounded_slope_is_not_hidden() -> None:
    free = sg.Recurrence({x: sg.hadamard(x, x) + A * x})
    for kind in KINDS:
        with pytest.raises(sg.NoBoundError, match="unbounded"):
            sg.product_bound(free, method=kind)


def test_products_of_another_operator_are_not_checked_silently() -> None:
    other = Compose((Diagonal(Elementwise(sg.activation("sigmoid"), Variable(x))), Weight(A)))
    claim = sg.product_bound(STEEP, method="diagonal").inequality
    claim = claimed(claim, WeightedProductNorm(other, K, NORMS[sp.Integer(2)], "diagonal"))
    with pytest.raises(TypeError, match="other operators"):
        obeys(claim, Instance.draw(STEEP, np.random.default_rng(0)))


def test_the_proof_supposes_the_box_and_says_so() -> None:
    proof = sg.product_bound(sg.models.gru(), method="perron").proof
    (lemma,) = proof.lemmas
    assert lemma.conclusion.bound == sp.Tuple(-1, 1)
    assert any(step.rule.name == "invariant box" for step in proof)
    assert not any(step.rule.name == "invariant box" for step in lemma)
    assert "one step maps the box" in str(proof)


def test_a_proof_of_another_bound_is_refused() -> None:
    proof = sg.product_bound(STEEP, method="perron").proof
    wrong = replace(proof, conclusion=claimed(proof.conclusion))
    assert any("not registered" in failure for failure in wrong.audit(instances=2).failures)
