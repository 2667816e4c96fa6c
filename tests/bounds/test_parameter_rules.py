"""The rules about derivatives by parameters: on random instances, in equality cases, false without a hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import (
    Conclusion,
    DifferentialNorm,
    Lacking,
    OperatorNormOf,
    Quantity,
    RowNormOf,
    Rule,
    VectorNormOf,
    rules_for,
)
from symgrad.bounds.instances import Instance, obeys
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Apply,
    Block,
    Column,
    Compose,
    Diagonal,
    Elementwise,
    Identity,
    Kronecker,
    OperatorSum,
    Scale,
    Variable,
    Weight,
    Zero,
)

n = sp.Symbol("n", positive=True, integer=True)
T = sp.Symbol("T", positive=True, integer=True)
alpha = sp.Symbol("alpha", real=True)
A, B = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("B", n, n)
x, y, p = (sp.MatrixSymbol(name, n, 1) for name in "xyp")
tanh = sg.activation("tanh")
MODEL = sg.Recurrence({x: tanh(A * x + B * y + alpha * p), y: tanh(y)}).assuming({x: (-1, 1), y: (-3, 2)})
X, Y, P = Variable(x), Variable(y), Variable(p)
SLOPE = Diagonal(Elementwise(tanh.derivative, X))
ORDERS = {sp.Integer(1): 1, sp.Integer(2): 2, sp.oo: np.inf}
ROW = (Kronecker(X, SLOPE), Kronecker(Y, SLOPE), SLOPE)
ZEROS = (Zero(n, n * n), Zero(n, sp.S.One), Zero(n, n))
MIXED = (*ROW, Kronecker(X, Weight(A)), Column(Y), Zero(n, n))
BLOCK = Block(((Compose((SLOPE, Weight(A))), Diagonal(X)), (Zero(n, n), Weight(B))))


def in_norms(kind: type[Quantity], *parts: object) -> list[Quantity]:
    return [kind(*parts, norm) for norm in NORMS.values()]


EXAMPLES: dict[str, list[Quantity]] = {
    "constant vector": in_norms(VectorNormOf, P),
    "image of a vector": in_norms(VectorNormOf, Apply(Weight(A), X)),
    "vector of bounded entries": in_norms(VectorNormOf, Y),
    "kronecker product with a row": in_norms(OperatorNormOf, Kronecker(Y, Compose((SLOPE, Weight(A)))))
    + in_norms(OperatorNormOf, Kronecker(X, SLOPE, True))
    + in_norms(OperatorNormOf, Kronecker(X, SLOPE, False, B)),
    "column vector": in_norms(OperatorNormOf, Column(Y))
    + in_norms(OperatorNormOf, OperatorSum((Column(Y), Column(Elementwise(tanh, X))))),
    "sum of kronecker products": in_norms(
        OperatorNormOf, OperatorSum((Kronecker(X, SLOPE), Scale(sp.S.NegativeOne, Kronecker(Y, SLOPE, True))))
    ),
    "common left factor": in_norms(RowNormOf, ROW),
    "row of blocks": in_norms(RowNormOf, MIXED) + in_norms(RowNormOf, (SLOPE,)),
    "geometric series": [
        DifferentialNorm(Compose((SLOPE, Weight(A))), (ROW,), first, steps, norm)
        for steps in (sp.Integer(3), T)
        for first in (sp.S.Zero, sp.S.One)
        for norm in NORMS.values()
    ],
    "geometric series of gain matrices": [
        DifferentialNorm(BLOCK, ((*ROW, *ZEROS), MIXED), first, steps, norm)
        for steps in (sp.Integer(3), T)
        for first in (sp.S.Zero, sp.S.One)
        for norm in NORMS.values()
    ],
}


def rule_named(name: str) -> Rule:
    return next(rule for rule in rules_for() if rule.name == name)


def test_every_rule_has_an_example() -> None:
    assert set(EXAMPLES) == {rule.name for rule in rules_for() if rule.apply.__module__.endswith("parameter_rules")}


@pytest.mark.parametrize("name", EXAMPLES)
def test_random_instances_obey_the_rule(name: str) -> None:
    random = np.random.default_rng(1)
    instances = [Instance.draw(MODEL, random) for _ in range(10)]
    for quantity in EXAMPLES[name]:
        engine = Engine(MODEL)
        inequality = rule_named(name)(quantity, engine.prove, engine.context)
        assert not isinstance(inequality, Lacking), inequality
        assert inequality.is_finite
        assert all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bound_that_is_too_small_is_caught(name: str) -> None:
    """Of sums over the steps where their number is stated: for a symbol the limit comes from the premises."""
    rule = rule_named(name)

    def fifth(goal: Quantity, prove: object, context: object) -> Conclusion:
        answer = rule.apply(goal, prove, context)
        return Conclusion(answer.bound / 5, answer.premises)

    weakened = Rule("weakened", rule.quantity, "", "", (), "", "", fifth)
    random = np.random.default_rng(2)
    instances = [Instance.draw(MODEL, random) for _ in range(30)]
    for quantity in EXAMPLES[name][:3]:
        engine = Engine(MODEL)
        inequality = weakened(quantity, engine.prove, engine.context)
        assert not all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("p", ORDERS)
def test_rows_of_kronecker_products_in_numbers(p: sp.Expr) -> None:
    """Equality for every matrix and all vectors: the row is the Kronecker product of one row with A."""
    random = np.random.default_rng(3)
    order, dual = ORDERS[p], ORDERS[NORMS[p].dual]
    for _ in range(20):
        outer, v, w = random.standard_normal((3, 2)), random.standard_normal(4), random.standard_normal(2)
        row = np.hstack([np.kron(v[None], outer), np.kron(w[None], outer), outer])
        expected = np.linalg.norm(outer, order) * np.linalg.norm([*v, *w, 1.0], dual)
        assert np.linalg.norm(row, order) == pytest.approx(expected, rel=1e-12)
        flipped = np.linalg.norm(np.kron(outer, v[None]), order)
        assert flipped == pytest.approx(np.linalg.norm(outer, order) * np.linalg.norm(v, dual), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_without_a_common_factor_that_formula_is_false(p: sp.Expr) -> None:
    """Two different factors: taking one of their norms for both fails, the rule for rows of blocks holds."""
    order, dual = ORDERS[p], ORDERS[NORMS[p].dual]
    first, second = np.eye(2), 3 * np.eye(2)
    row = np.linalg.norm(np.hstack([first, second]), order)
    assert row > np.linalg.norm([1.0, 1.0], dual) * np.linalg.norm(first, order)
    assert row <= np.linalg.norm([1.0, 3.0], dual) * (1 + 1e-12)
    engine = Engine(MODEL)
    goal = RowNormOf((SLOPE, Kronecker(X, Weight(A))), NORMS[p])
    answer = rule_named("common left factor")(goal, engine.prove, engine.context)
    assert isinstance(answer, Lacking)


@pytest.mark.parametrize("p", ORDERS)
def test_a_row_of_blocks_attains_its_bound(p: sp.Expr) -> None:
    """Multiples of the identity, largest on vectors in proportion and mapped to one direction."""
    blocks = [2.0, 3.0, 5.0]
    row = np.hstack([size * np.eye(2) for size in blocks])
    assert np.linalg.norm(row, ORDERS[p]) == pytest.approx(np.linalg.norm(blocks, ORDERS[NORMS[p].dual]), rel=1e-12)
    goal = RowNormOf(tuple(Scale(sp.Integer(int(size)), Weight(sp.eye(2).as_immutable())) for size in blocks), NORMS[p])
    bound = Engine(MODEL).prove(goal).bound
    assert float(bound.doit()) == pytest.approx(np.linalg.norm(blocks, ORDERS[NORMS[p].dual]), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_entries_at_their_ends_attain_the_norm_of_a_vector(p: sp.Expr) -> None:
    bound = Engine(MODEL).prove(VectorNormOf(Y, NORMS[p])).bound
    assert float(bound.subs(n, 5)) == pytest.approx(np.linalg.norm([-3.0] * 5, ORDERS[p]), rel=1e-12)


def test_without_a_range_the_norm_of_a_vector_is_unbounded() -> None:
    free = sg.Recurrence(MODEL.updates)
    assert not Engine(free).prove(VectorNormOf(Y, NORMS[sp.Integer(2)])).is_finite


def test_a_vector_of_states_is_not_constant() -> None:
    engine = Engine(MODEL)
    answer = rule_named("constant vector")(VectorNormOf(X, NORMS[sp.Integer(2)]), engine.prove, engine.context)
    assert isinstance(answer, Lacking)
    assert "a state or an input" in answer.reason


def test_a_mask_counts_at_most_with_its_norm() -> None:
    """And leaving it out would be wrong: a mask of tens."""
    plain = np.kron(np.array([[1.0, 1.0]]), np.eye(2))
    masked = plain @ np.diag([10.0] * 4)
    assert np.linalg.norm(masked, 2) > np.linalg.norm(plain, 2)
    goal = OperatorNormOf(Kronecker(X, Identity(n), False, B), NORMS[sp.Integer(2)])
    assert Engine(MODEL).prove(goal).bound.has(B)


@pytest.mark.parametrize("p", ORDERS)
def test_a_geometric_series_is_attained_by_multiples_of_the_identity(p: sp.Expr) -> None:
    """J = I / 2 and B = I: the sum of 2 terms is 3/2; with a larger rate at one step it is exceeded."""
    half = Scale(sp.Rational(1, 2), Identity(n))
    bound = Engine(MODEL).prove(DifferentialNorm(half, ((Identity(n),),), sp.S.Zero, sp.Integer(2), NORMS[p])).bound
    assert bound == sp.Rational(3, 2)
    total = np.eye(3) + 0.5 * np.eye(3)
    assert np.linalg.norm(total, ORDERS[p]) == pytest.approx(float(bound))
    assert np.linalg.norm(np.eye(3) + 0.7 * np.eye(3), ORDERS[p]) > float(bound)


@pytest.mark.parametrize("p", ORDERS)
def test_a_geometric_series_of_matrices_is_attained_by_non_negative_numbers(p: sp.Expr) -> None:
    gain, source = np.array([[0.5, 1.0], [0.0, 2.0]]), np.array([1.0, 3.0])
    half, one, two = (Scale(sp.Rational(v), Identity(sp.S.One)) for v in ("1/2", "1", "2"))
    block = Block(((half, one), (Zero(sp.S.One, sp.S.One), two)))
    rows = ((one,), (Scale(sp.Integer(3), Identity(sp.S.One)),))
    bound = Engine(MODEL).prove(DifferentialNorm(block, rows, sp.S.Zero, sp.Integer(3), NORMS[p])).bound
    exact = (np.eye(2) + gain + gain @ gain) @ source
    assert float(bound.doit()) == pytest.approx(np.linalg.norm(exact, ORDERS[p]), rel=1e-12)
