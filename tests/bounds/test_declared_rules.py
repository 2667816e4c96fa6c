"""Declared properties of weights: rules true of what has them and false of what has not, refusals with the distance."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import EntryRange, Lacking, MinimumModulusOf, OperatorNormOf, rules_for
from symgrad.bounds.instances import Instance, obeys
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Apply,
    Compose,
    Diagonal,
    Elementwise,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    Weight,
)

n = sp.Symbol("n", positive=True, integer=True)
Q, S, D, N, A = (sp.MatrixSymbol(name, n, n) for name in "QSDNA")
x = sp.MatrixSymbol("x", n, 1)
tanh = sg.activation("tanh")
PLAIN = sg.Recurrence({x: tanh(Q * x + S * x + D * x + N * x + A * x)}).assuming({x: (-1, sp.Rational(1, 2))})
MODEL = PLAIN.assuming({Q: sg.orthogonal, S: sg.symmetric, D: sg.diagonal, N: sg.nonnegative})
X = Variable(x)
SLOPE = Diagonal(Elementwise(tanh.derivative, X))
TWO, ONE, MAX = (NORMS[p] for p in (sp.Integer(2), sp.Integer(1), sp.oo))
TURNED = Compose((Weight(Q), SLOPE, Weight(A), Transpose(Weight(Q))))

EXAMPLES = {
    "norm of an orthogonal matrix": [OperatorNormOf(Compose((Weight(Q), Transpose(Weight(Q)), Weight(Q))), TWO)],
    "orthogonal factor": [OperatorNormOf(TURNED, TWO)],
    "least stretching of an orthogonal matrix": [MinimumModulusOf(Transpose(Weight(Q)), TWO)],
    "orthogonal factor stretching least": [MinimumModulusOf(TURNED, TWO)],
    "norm of a symmetric matrix": [OperatorNormOf(OperatorSum((Weight(S), Scale(sp.Integer(2), Weight(D)))), TWO)],
    "norm of a diagonal weight": [OperatorNormOf(Compose((Weight(D), Weight(D))), norm) for norm in (ONE, MAX)],
    "least stretching of a diagonal weight": [MinimumModulusOf(Weight(D), norm) for norm in (ONE, MAX)],
    "non negative sum of entries": [EntryRange(Apply(Compose((Weight(N), Weight(N))), X))],
}
# The hypothesis dropped: random matrices without the property, for which the conclusion of the rule is false.
WITHOUT = {
    "norm of an orthogonal matrix": lambda a, b: (np.linalg.norm(a, 2), 1.0),
    "orthogonal factor": lambda a, b: (np.linalg.norm(a @ b, 2), np.linalg.norm(b, 2)),
    "least stretching of an orthogonal matrix": lambda a, b: (1.0, np.linalg.norm(a, -2)),
    "orthogonal factor stretching least": lambda a, b: (np.linalg.norm(b, -2), np.linalg.norm(a @ b, -2)),
    "norm of a symmetric matrix": lambda a, b: (np.linalg.norm(a, 2), np.abs(np.linalg.eigvals(a)).max()),
    "norm of a diagonal weight": lambda a, b: (np.linalg.norm(a, 1), np.linalg.norm(a, 2)),
    "least stretching of a diagonal weight": lambda a, b: (
        np.linalg.norm(a, -2),
        1 / np.linalg.norm(np.linalg.inv(a), 1),
    ),
    "non negative sum of entries": lambda a, b: (-(a @ np.abs(b)).min(), 0.0),
}


def named(name):
    return next(rule for rule in rules_for() if rule.name == name)


def test_every_rule_has_an_example_and_a_counter_example():
    names = {rule.name for rule in rules_for() if rule.apply.__module__.endswith("declared_rules")}
    assert set(EXAMPLES) == set(WITHOUT) == names


@pytest.mark.parametrize("name", EXAMPLES)
def test_matrices_with_the_property_obey(name):
    random = np.random.default_rng(3)
    instances = [Instance.draw(MODEL, random) for _ in range(20)]
    for quantity in EXAMPLES[name]:
        engine = Engine(MODEL)
        inequality = named(name)(quantity, engine.prove, engine.context)
        assert not isinstance(inequality, Lacking), inequality
        assert all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_the_declaration_the_rule_does_not_apply(name):
    for quantity in EXAMPLES[name]:
        engine = Engine(PLAIN)
        assert isinstance(named(name)(quantity, engine.prove, engine.context), Lacking)


@pytest.mark.parametrize("name", WITHOUT)
def test_without_the_property_the_conclusion_is_false(name):
    random = np.random.default_rng(4)
    draws = (random.standard_normal((2, 3, 3)) for _ in range(50))
    assert any(value > claim * (1 + 1e-6) for value, claim in (WITHOUT[name](*pair) for pair in draws))


def test_drawn_matrices_have_the_properties():
    random = np.random.default_rng(5)
    for _ in range(20):
        values = Instance.draw(MODEL, random).weights.values
        for symbol, held in MODEL.properties.items():
            assert all(item.exact(values[symbol]) and item.distance(values[symbol]) == 0 for item in held)


def rotation(size=5, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


def filled(matrix):
    return {"W": matrix, "U": np.zeros((len(matrix), 1)), "b": np.zeros(len(matrix))}


def test_closed_forms_for_orthogonal_weights():
    for activation, rates in {"identity": (1, 1), "leaky_relu": (1, sp.Rational(1, 100))}.items():
        model = sg.models.elman(activation).assuming({"W": sg.orthogonal})
        assert tuple(sg.product_bound(model, side=side).rate for side in ("upper", "lower")) == rates
    vanishing = sg.product_bound(sg.models.elman("sigmoid").assuming({"W": sg.orthogonal}))
    assert vanishing.vanishes == sp.true
    assert [str(item) for item in vanishing.criteria] == [
        "vanishing gradients, whatever the parameters",
        "no exploding gradients",
    ]
    assert "W is orthogonal" in str(vanishing)
    assert "W^{T} W" in vanishing.latex()


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_rounded_rotation_is_not_taken_for_an_exact_one(side):
    """A million steps of a matrix that is orthogonal but for rounding: 1**k would be on the wrong side of the truth."""
    matrix = rotation()
    bound = sg.product_bound(sg.models.elman("identity").assuming({"W": sg.orthogonal}), side=side)
    value = bound.evaluate(filled(matrix), 10**6)
    extreme = np.linalg.svd(matrix)[1]
    assert float(value) == pytest.approx(1, abs=1e-8)
    assert value > 1 if side == "upper" else value < 1
    assert abs(extreme - 1).max() < 1e-14
    check = sg.verify(bound, filled(matrix), horizon=60, trajectories=10)
    assert check.verdict is sg.Verdict.OBSERVED
    assert (
        sg.verify(bound.tightened(0.999 if side == "upper" else 1.001), filled(matrix), horizon=60).verdict == "refuted"
    )


def test_an_exact_permutation_keeps_the_bound_at_one():
    bound = sg.product_bound(sg.models.elman("identity").assuming({"W": sg.orthogonal}))
    assert bound.evaluate(filled(np.eye(4)[[1, 2, 3, 0]]), 10**6) == 1.0


@pytest.mark.parametrize(
    ("declared", "matrix", "message"),
    [
        (
            sg.orthogonal,
            1.5 * np.eye(2),
            r"declared orthogonal, but \|\|W\^T W - I\|\|_2 = 1.25 \(accepted up to 1.35e-06",
        ),
        (sg.symmetric, [[1, 2], [3, 4]], r"declared symmetric, but max \|W - W\^T\| = 1 "),
        (sg.diagonal, [[1, 0], [-3, 4]], r"declared diagonal, but max \|W_ij\| off the diagonal = 3 "),
        (sg.nonnegative, [[1, 0], [-3, 4]], r"declared nonnegative, but max \(-W_ij\) = 3 "),
    ],
)
def test_weights_without_the_property_are_refused_with_the_distance(declared, matrix, message):
    bound = sg.product_bound(sg.models.elman("tanh").assuming({"W": declared}))
    with pytest.raises(sg.InputError, match=message):
        bound.evaluate(filled(np.array(matrix, dtype=float)), 1)


@pytest.mark.parametrize(
    ("assumed", "message"),
    [
        ({"U": sg.orthogonal}, "orthogonal needs a square matrix"),
        ({"h": sg.symmetric}, "h is a state or an input"),
        ({"b": sg.diagonal}, "b is no matrix"),
        ({"W": (sg.orthogonal, 3)}, "got 3 among them"),
        ({"W": "orthogonal"}, "an Interval"),
        ([("W", sg.orthogonal)], "a mapping"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(assumed, message):
    with pytest.raises(sg.InputError, match=message):
        sg.models.elman().assuming(assumed)


def test_ranges_add_up_and_contradictions_are_refused():
    model = sg.models.elman().assuming({"u": (-1, 1), "h": (-1, 1)}).assuming({"u": (0, 5)})
    assert model.ranges[model.symbol("u")] == sp.Interval(0, 1)
    with pytest.raises(sg.InputError, match=r"Interval\(2, 3\) contradicts Interval\(0, 1\)"):
        model.assuming({"u": (2, 3)})
    with pytest.raises(sg.InputError, match="contradicts that the symbol is positive"):
        sg.models.leaky().assuming({"alpha": (-2, -1)})
    with pytest.raises(sg.InputError, match="no trajectory is left"):
        sg.product_bound(sg.models.elman("sigmoid").assuming({"h": (2, 3)}))


def test_properties_survive_other_assumptions_and_stacks():
    model = sg.models.elman().assuming({"W": sg.orthogonal}).assuming({"W": sg.symmetric, "u": (-1, 1)})
    assert model.properties[model.symbol("W")] == {sg.orthogonal, sg.symmetric}
    stacked = sg.stack([model, model])
    assert stacked.properties[stacked.symbol("W_l1")] == {sg.orthogonal, sg.symmetric}
    assert model.to_dict()["parameters"][1]["properties"] == ["orthogonal", "symmetric"]


def test_a_symmetric_network_is_governed_by_its_spectral_radius():
    bound = sg.product_bound(sg.models.elman("identity").assuming({"W": sg.symmetric}))
    matrix = np.array([[0.0, 2.0], [2.0, 3.0]])
    assert bound.vanishes == (sg.SpectralRadius(bound.model.symbol("W")) < 1)
    assert bound.evaluate(filled(matrix), 10) == pytest.approx(4.0**10, rel=1e-13)
