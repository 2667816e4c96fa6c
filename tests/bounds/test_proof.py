"""Proofs: complete, audited, and impossible to forge."""

import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import (
    Conclusion,
    EntryRange,
    Inequality,
    OperatorNormOf,
    ProductNorm,
    Rule,
    rule,
    rules_for,
)
from symgrad.bounds.product import K
from symgrad.bounds.proof import Proof
from symgrad.language.norms import NORMS
from symgrad.language.operators import Vector
from tests.present.zoo import FAMILIES, zoo

MODELS = [zoo(name) for name in FAMILIES]


@pytest.mark.parametrize("p", [1, 2, "inf"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_models_proof_passes_its_audit(model, p):
    proof = sg.product_bound(model, p).proof
    audit = proof.audit(instances=3, seed=1)
    assert audit.failures == ()
    assert audit
    assert audit.steps == len(proof)


def test_steps_are_numbered_with_premises_before_conclusions():
    proof = sg.product_bound(sg.models.lstm().assuming({"c": (-1, 1)})).proof
    assert [step.number for step in proof] == list(range(1, len(proof) + 1))
    assert all(premise < step.number for step in proof for premise in step.premises)
    assert proof.steps[-1].inequality is proof.conclusion
    used = {premise for step in proof for premise in step.premises}
    assert used == set(range(1, len(proof)))  # no step stands there for nothing


def test_an_inequality_cannot_be_written_down():
    proved = sg.product_bound(sg.models.elman()).inequality
    with pytest.raises(sg.SymgradError, match="made by a rule"):
        Inequality(proved.quantity, sp.S.Half, proved.rule, proved.premises)
    with pytest.raises(AttributeError):
        proved.bound = sp.S.Half


def false_rule(bound):
    """A rule that states a fixed bound on an operator norm, without being registered."""
    return Rule("false", OperatorNormOf, "", "", (), "", "", lambda goal, prove, context: Conclusion(bound))


def test_the_audit_catches_a_rule_that_is_not_registered():
    model = sg.models.elman()
    jacobian = sg.jacobian(model).operator
    forged = false_rule(sp.Integer(10**9))(OperatorNormOf(jacobian, NORMS[sp.Integer(2)]), None, None)
    audit = Proof(model, forged).audit()
    assert not audit
    assert "not registered" in audit.failures[0]


def test_the_audit_catches_a_false_bound_by_random_instances():
    model = sg.models.elman()
    jacobian = sg.jacobian(model).operator
    forged = false_rule(sp.Rational(1, 10**6))(OperatorNormOf(jacobian, NORMS[sp.Integer(2)]), None, None)
    audit = Proof(model, forged).audit()
    assert any("exceeds the bound" in failure for failure in audit.failures)


def test_the_audit_catches_a_premise_of_another_quantity():
    """A true step whose premise was exchanged for a smaller one."""
    model = sg.models.elman()
    jacobian = sg.jacobian(model).operator
    power = next(item for item in rules_for(ProductNorm) if item.name == "power of a rate")
    small = false_rule(sp.S.Half)
    forged = power(
        ProductNorm(jacobian, K, NORMS[sp.Integer(2)]),
        lambda quantity: small(quantity, None, None),
        Engine(model).context,
    )
    assert forged.bound == sp.S.Half**K
    assert not Proof(model, forged).audit()


def test_rules_are_registered_once_and_documented():
    with pytest.raises(sg.SymgradError, match="declared twice"):

        @rule(OperatorNormOf, statement="", source="", equality="")
        def composition(goal, prove, context):
            """Again."""

    with pytest.raises(sg.SymgradError, match="docstring"):

        @rule(OperatorNormOf, statement="", source="", equality="")
        def nameless(goal, prove, context):
            pass


def test_no_rule_says_what_each_lacked():
    class Exotic(Vector):
        """A vector that no rule knows."""

        @property
        def size(self):
            return sp.Integer(1)

    with pytest.raises(sg.NoRuleError) as caught:
        Engine(sg.models.elman()).prove(EntryRange(Exotic()))
    assert "summed entries: it is no sum" in str(caught.value)
    assert "declared range: no range is declared" in str(caught.value)
