"""Every rule about flows: random instances obey it, and a bound that is too small is caught."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    Conclusion,
    FlowDifferentialNorm,
    FlowNorm,
    Lacking,
    LogarithmicNormOf,
    Rule,
    rules_for,
)
from symgrad.bounds.instances import Instance, obeys
from symgrad.language.construct import add_vectors, apply_operator, scale
from symgrad.language.flow import VectorField
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Block,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Kronecker,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Weight,
    Zero,
)

n = sp.Symbol("n", positive=True, integer=True)
T, TAU, alpha = sp.Symbol("T", nonnegative=True), sp.Symbol("tau", nonnegative=True), sp.Symbol("alpha", real=True)
A, B = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("B", n, n)
x, y, p = (sp.MatrixSymbol(name, n, 1) for name in "xyp")
sigmoid, tanh = sg.activation("sigmoid"), sg.activation("tanh")
MODEL = VectorField({x: tanh(A * x + B * y + alpha * p) - x, y: sg.hadamard(sigmoid(x), y)}, ranges={x: (-1, 1)})
X, P = Diagonal(Variable(x)), Diagonal(Variable(p))
SLOPE, GATE = Diagonal(Elementwise(tanh.derivative, Variable(y))), Diagonal(Elementwise(sigmoid, Variable(y)))
WAVES = Diagonal(Hadamard(Variable(x), Elementwise(sigmoid, Variable(y))))
DOWN = Scale(sp.S.NegativeOne, Identity(n))
ELMAN = OperatorSum((DOWN, Compose((SLOPE, Weight(A)))))
BLOCK = Block(((ELMAN, X), (Compose((Weight(B), SLOPE)), GATE)))


def rates(*operators):
    return [LogarithmicNormOf(operator, norm) for operator in operators for norm in NORMS.values()]


EXAMPLES = {
    "logarithmic norm of identity and zero": rates(Identity(n), Zero(n, n)),
    "logarithmic norm of a constant": rates(OperatorSum((Weight(A), Scale(sp.S.NegativeOne, Transpose(Weight(B))))), P),
    "logarithmic norm of a diagonal": rates(
        SLOPE,
        WAVES,
        Diagonal(add_vectors(Constant(1 - alpha, n), apply_operator(scale(alpha, Identity(n)), SLOPE.vector))),
        OperatorSum((DOWN, Scale(alpha, X), Scale(-(alpha**2), GATE))),
        Compose((X, GATE)),
    ),
    "shift by a multiple of the identity": rates(ELMAN, OperatorSum((Scale(alpha, Identity(n)), Compose((X, GATE))))),
    "logarithmic norm of a multiple": rates(
        Scale(sp.Integer(-3), Compose((SLOPE, Weight(A)))),
        Scale(alpha**2, Compose((Weight(A), X))),
        Scale(sp.S.NegativeOne, Transpose(OperatorSum((Weight(A), Compose((SLOPE, Weight(B))))))),
    ),
    "logarithmic norm of a transpose": rates(Transpose(Compose((SLOPE, Weight(A))))),
    "rows or columns scaled": [
        LogarithmicNormOf(Compose((gate, Weight(A))), NORMS[sp.oo]) for gate in (SLOPE, X, GATE, WAVES)
    ]
    + [LogarithmicNormOf(Compose((Weight(A), gate)), NORMS[sp.S.One]) for gate in (SLOPE, X, GATE, WAVES)],
    "scaling around the middle": rates(
        *(Compose((gate, Weight(A))) for gate in (SLOPE, X)),
        Compose((Weight(A), GATE)),
        Compose((SLOPE, Weight(A), Weight(B), X)),
        Compose((Weight(A), GATE, Weight(B))),
    ),
    "common factor in a logarithmic norm": rates(OperatorSum((Compose((SLOPE, Weight(A))), Compose((X, Weight(A)))))),
    "logarithmic norm of a sum": rates(OperatorSum((Weight(B), Compose((SLOPE, Weight(A))), Compose((Weight(A), X))))),
    "blocks to a metzler matrix": rates(BLOCK),
    "logarithmic norm below the norm": rates(Compose((SLOPE, Weight(A), X))),
    "metzler matrix": [BlockLogarithmicNorms(BLOCK, norm) for norm in NORMS.values()],
    "integral along a flow": [
        *(FlowDifferentialNorm(BLOCK, ((SLOPE,), (Zero(n, n),)), TAU, T, norm) for norm in NORMS.values()),
        FlowDifferentialNorm(ELMAN, ((Kronecker(Variable(x), SLOPE), SLOPE),), sp.Rational(1, 3), T, NORMS[sp.oo]),
    ],
    "growth along a flow": [FlowNorm(jacobian, T, norm) for jacobian in (ELMAN, BLOCK) for norm in NORMS.values()],
}


def rule_named(name):
    return next(rule for rule in rules_for() if rule.name == name)


def test_every_rule_has_an_example():
    own = {"flow_rules", "flow_growth_rules"}
    assert set(EXAMPLES) == {rule.name for rule in rules_for() if rule.apply.__module__.split(".")[-1] in own}


@pytest.mark.parametrize("name", EXAMPLES)
def test_random_instances_obey_the_rule(name):
    random = np.random.default_rng(1)
    instances = [Instance.draw(MODEL, random) for _ in range(10)]
    for quantity in EXAMPLES[name]:
        engine = Engine(MODEL)
        inequality = rule_named(name)(quantity, engine.prove, engine.context)
        assert not isinstance(inequality, Lacking), inequality
        assert inequality.is_finite
        assert all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bound_that_is_too_small_is_caught(name):
    """With a rate that is lower by a hundredth of the larger of the rate and 1, every rule is refuted somewhere."""
    rule = rule_named(name)

    def lowered(goal, prove, context):
        answer = rule.apply(goal, prove, context)
        if isinstance(goal, FlowNorm):
            rate = answer.premises[0].bound
            return Conclusion(sp.exp((rate - sp.Max(1, sp.Abs(rate)) / 100) * T), answer.premises)
        if isinstance(goal, BlockLogarithmicNorms):
            return Conclusion(answer.bound.applyfunc(lambda b: b - sp.Max(1, sp.Abs(b)) / 100), answer.premises)
        return Conclusion(answer.bound - sp.Max(1, sp.Abs(answer.bound)) / 100, answer.premises)

    false = Rule("false", rule.quantity, "", "", (), "", "", lowered)
    random = np.random.default_rng(2)
    instances = [Instance.draw(MODEL, random) for _ in range(15)]

    def is_caught(quantity):
        engine = Engine(MODEL)
        inequality = false(quantity, engine.prove, engine.context)
        return not all(obeys(inequality, instance) for instance in instances)

    assert any(map(is_caught, EXAMPLES[name]))


def test_the_order_of_the_rules_takes_the_sharpest_one():
    engine = Engine(MODEL)
    mu = {norm.p: engine.prove(LogarithmicNormOf(ELMAN, norm)).bound for norm in NORMS.values()}
    assert mu[sp.oo] == sp.Max(0, sg.LogarithmicNorm(A, "inf")) - 1
    assert mu[2] == sg.LogarithmicNorm(A) / 2 + sg.OperatorNorm(A) / 2 - 1
    recurrent = OperatorSum((DOWN, Compose((Weight(A), SLOPE))))
    assert engine.prove(LogarithmicNormOf(recurrent, NORMS[sp.S.One])).bound == sp.Max(0, sg.LogarithmicNorm(A, 1)) - 1


def test_declared_ranges_of_time_constants_count():
    """Where a range is declared the sign is known from it; else the largest entry is kept as a number of its own."""
    field = VectorField({x: tanh(A * x) - sg.hadamard(p, x)})
    decay = Scale(sp.S.NegativeOne, P)
    assert Engine(field).prove(LogarithmicNormOf(decay, NORMS[sp.oo])).bound.has(sg.LogarithmicNorm)
    declared = field.assuming({p: (1, 2)})
    assert Engine(declared).prove(LogarithmicNormOf(decay, NORMS[sp.oo])).bound == -1
