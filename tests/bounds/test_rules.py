"""Every rule: tried on random instances, attained in its equality case, false without its hypotheses."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Engine, Setting
from symgrad.bounds.inequality import (
    BlockNorms,
    ComparisonOf,
    Conclusion,
    EntryRange,
    Lacking,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
    Rule,
    rules_for,
)
from symgrad.bounds.instances import Instance, obeys
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, column_of_balls
from symgrad.language.construct import add_vectors, apply_operator, scale
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Apply,
    Block,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    OperatorSum,
    Scale,
    Transpose,
    Variable,
    VectorSum,
    Weight,
    Zero,
)
from symgrad.language.weights import bind
from symgrad.rigor.balls import lower_float, upper_float, working_precision

n = sp.Symbol("n", positive=True, integer=True)
alpha = sp.Symbol("alpha", real=True)
A, B = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("B", n, n)
x, y, p = (sp.MatrixSymbol(name, n, 1) for name in "xyp")
sigmoid, tanh = sg.activation("sigmoid"), sg.activation("tanh")
ONES = sp.OneMatrix(n, 1)

# One model with every symbol the examples use; x is declared in [-1, 1], y is free.
MODEL = sg.Recurrence(
    {x: tanh(A * x + B * y + alpha * p), y: sg.hadamard(sigmoid(x), y)},
).assuming({x: (-1, 1)})

X, Y, P = Variable(x), Variable(y), Variable(p)
GATE = Elementwise(sigmoid, Y)
COMPLEMENT = VectorSum((Constant(sp.S.One, n), apply_operator(scale(-1, Identity(n)), GATE)))
SLOPE = Elementwise(tanh.derivative, Y)
K = sp.Symbol("k", integer=True, nonnegative=True)
BLOCK = Block(((Compose((Diagonal(SLOPE), Weight(A))), Diagonal(X)), (Zero(n, n), Diagonal(GATE))))


def norms_of(operator):
    return [OperatorNormOf(operator, norm) for norm in NORMS.values()]


def moduli_of(operator):
    return [MinimumModulusOf(operator, norm) for norm in NORMS.values()]


LEAK = Elementwise(sg.activation("leaky_relu", slope=0.5).derivative, Y)
HUMP = Elementwise(tanh.derivative, Apply(Weight(A), X))
SUM = OperatorSum((Identity(n), Compose((Diagonal(SLOPE), Weight(A)))))
INVERTIBLE = Block(((Compose((Diagonal(LEAK), Weight(A))), Diagonal(X)), (Diagonal(GATE), Diagonal(LEAK))))

EXAMPLES = {
    "least stretching of identity and zero": moduli_of(Identity(n)) + moduli_of(Zero(n, n)),
    "least stretching of a constant": moduli_of(OperatorSum((Weight(A), Scale(sp.Integer(3), Identity(n))))),
    "least stretching of a multiple": moduli_of(Scale(alpha, Compose((Diagonal(LEAK), Weight(A))))),
    "least stretching of a transpose": moduli_of(Transpose(Compose((Diagonal(LEAK), Weight(A))))),
    "least entry affine in ranges": moduli_of(
        Diagonal(add_vectors(Constant(1 + alpha, n), apply_operator(scale(alpha**2, Identity(n)), SLOPE)))
    ),
    "least value of a hump": moduli_of(Diagonal(HUMP)),
    "least entry of a diagonal": moduli_of(Diagonal(LEAK)),
    "least stretching of a composition": moduli_of(Compose((Diagonal(LEAK), Weight(A), Weight(B), Diagonal(LEAK)))),
    "common factor stretching least": moduli_of(
        OperatorSum((Compose((Diagonal(LEAK), Weight(A))), Compose((Diagonal(GATE), Weight(A)))))
    ),
    "perturbation of a term": moduli_of(SUM),
    "comparison matrix": [ComparisonOf(INVERTIBLE, norm) for norm in NORMS.values()],
    "power of a least rate": [ProductModulus(Compose((Diagonal(LEAK), Weight(A))), K, norm) for norm in NORMS.values()],
    "power of a comparison matrix": [ProductModulus(INVERTIBLE, K, norm) for norm in NORMS.values()],
    "identity and zero": norms_of(Identity(n)) + norms_of(Zero(n, n)),
    "constant sub matrix": norms_of(OperatorSum((Weight(A), Scale(sp.S.NegativeOne, Transpose(Weight(A)))))),
    "scalar multiple": norms_of(Scale(alpha, Compose((Diagonal(SLOPE), Weight(A))))),
    "transpose": norms_of(Transpose(Compose((Diagonal(SLOPE), Weight(A))))),
    "diagonal affine in ranges": norms_of(
        Diagonal(add_vectors(Constant(1 - alpha, n), apply_operator(scale(alpha, Identity(n)), SLOPE)))
    ),
    "diagonal matrix": norms_of(Diagonal(SLOPE)) + norms_of(Diagonal(Hadamard(X, GATE))),
    "composition": norms_of(Compose((Diagonal(SLOPE), Weight(A), Weight(B), Diagonal(X)))),
    "common factor": norms_of(OperatorSum((Compose((Diagonal(SLOPE), Weight(A))), Compose((Diagonal(X), Weight(A)))))),
    "convex gate": norms_of(
        OperatorSum((Compose((Diagonal(GATE), Weight(A))), Compose((Diagonal(COMPLEMENT), Diagonal(SLOPE), Weight(B)))))
    ),
    "triangle inequality": norms_of(OperatorSum((Identity(n), Compose((Diagonal(SLOPE), Weight(A))), Weight(B)))),
    "blocks to gain": norms_of(BLOCK),
    "gain matrix": [BlockNorms(BLOCK, norm) for norm in NORMS.values()],
    "power of a rate": [ProductNorm(Compose((Diagonal(SLOPE), Weight(A))), K, norm) for norm in NORMS.values()],
    "power of a gain matrix": [ProductNorm(BLOCK, K, norm) for norm in NORMS.values()],
    "constant entries": [EntryRange(Constant(sp.Rational(1, 3), n))],
    "declared range": [EntryRange(X)],
    "invariant box": [EntryRange(X)],
    "parameter vector": [EntryRange(P)],
    "undeclared variable": [EntryRange(Y)],
    "fused function": [EntryRange(Hadamard(Y, GATE)), EntryRange(Hadamard(X, X))],
    "function values": [EntryRange(SLOPE), EntryRange(Elementwise(sigmoid, X))],
    "scaled entries": [
        EntryRange(Apply(Scale(alpha, Identity(n)), GATE)),
        EntryRange(Apply(Scale(-alpha, Identity(n)), X)),
    ],
    "convex combination of entries": [EntryRange(VectorSum((Hadamard(GATE, X), Hadamard(COMPLEMENT, SLOPE))))],
    "summed entries": [EntryRange(VectorSum((X, GATE, Constant(alpha, n))))],
    "multiplied entries": [EntryRange(Hadamard(X, GATE)), EntryRange(Hadamard(P, X))],
    "weighted sum of entries": [EntryRange(Apply(Weight(A), X))],
}


def engine_for(name):
    """What a rule asks; the range of x counts as declared, or as derived: a value of tanh is in [-1, 1]."""
    return Engine(MODEL, Setting(derived=frozenset({x}))) if name == "invariant box" else Engine(MODEL)


def test_every_rule_has_an_example():
    """The rules about declared properties and about layers have tests of their own, which check the same."""
    own = {"rules", "range_rules", "lower_rules"}
    assert set(EXAMPLES) == {rule.name for rule in rules_for() if rule.apply.__module__.split(".")[-1] in own}


@pytest.mark.parametrize("rule", rules_for(), ids=lambda rule: rule.name)
def test_a_rule_states_what_it_is(rule):
    assert all((rule.text, rule.statement, rule.source, rule.equality))
    assert all(isinstance(hypothesis, str) and hypothesis for hypothesis in rule.hypotheses)


@pytest.mark.parametrize("name", EXAMPLES)
def test_random_instances_obey_the_rule(name):
    rule = next(rule for rule in rules_for() if rule.name == name)
    random = np.random.default_rng(1)
    instances = [Instance.draw(MODEL, random) for _ in range(12)]
    for quantity in EXAMPLES[name]:
        engine = engine_for(name)
        inequality = rule(quantity, engine.prove, engine.context)
        assert not isinstance(inequality, Lacking), inequality
        assert all(obeys(inequality, instance) for instance in instances)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "undeclared variable"])
def test_a_bound_that_is_too_small_is_caught(name):
    """The check above can fail: a tenth of the bound (ten times a lower one) is exceeded by some instance."""
    rule = next(rule for rule in rules_for() if rule.name == name)

    def tenth(goal, prove, context):
        answer = rule.apply(goal, prove, context)
        if isinstance(goal, (MinimumModulusOf, ComparisonOf)):
            return Conclusion(answer.bound * 10, answer.premises)
        bound = (
            sp.Tuple(*(end / 10 - sp.Rational(1, 1000) for end in answer.bound))
            if isinstance(answer.bound, sp.Tuple)
            else answer.bound / 10
        )
        return Conclusion(bound, answer.premises)

    weakened = Rule("weakened", rule.quantity, "", "", (), "", "", tenth)
    random = np.random.default_rng(2)
    instances = [Instance.draw(MODEL, random) for _ in range(40)]
    caught = 0
    for quantity in EXAMPLES[name]:
        if isinstance(quantity, (ProductNorm, ProductModulus)):
            continue  # its limit is computed from the premise, which is tried by itself
        engine = engine_for(name)
        inequality = weakened(quantity, engine.prove, engine.context)
        infinite = not inequality.is_finite or quantity == norms_of(Zero(n, n))[0]
        caught += infinite or not all(obeys(inequality, instance) for instance in instances)
    assert caught or all(isinstance(quantity, (ProductNorm, ProductModulus)) for quantity in EXAMPLES[name])


def value_and_bound(quantity, weights, point):
    """The quantity at one point, and its proved bound, as float intervals."""
    inequality = Engine(MODEL).prove(quantity)
    with working_precision(128):
        bound_weights = bind(MODEL, weights)
        evaluator = BallEvaluator.of_weights(bound_weights)
        evaluator.sizes[n] = sp.Integer(len(next(iter(point.values()))))
        for symbol, values in point.items():
            evaluator.values[symbol] = column_of_balls(values)
        matrix = np.array([[float(v.mid()) for v in row] for row in evaluator.operator(quantity.operator).tolist()])
        limit = BoundEvaluator(bound_weights).ball(inequality.bound)
        order = np.inf if quantity.norm.p == sp.oo else int(quantity.norm.p)
        return np.linalg.norm(matrix, order), lower_float(limit), upper_float(limit)


ROTATION = np.array([[0.6, -0.8], [0.8, 0.6]])
ZERO = {x: [0.0, 0.0], y: [0.0, 0.0]}


@pytest.mark.parametrize("p_norm", [1, 2, "inf"])
@pytest.mark.parametrize(
    ("operator", "weights", "point"),
    [
        (Compose((Diagonal(SLOPE), Weight(A))), {"A": np.diag([2.0, -3.0])}, ZERO),
        (OperatorSum((Identity(n), Compose((Diagonal(SLOPE), Weight(A))))), {"A": np.diag([2.0, 1.0])}, ZERO),
        (Scale(alpha, Compose((Diagonal(SLOPE), Weight(A)))), {"A": np.eye(2), "alpha": -0.5}, ZERO),
        (Transpose(Compose((Diagonal(SLOPE), Weight(A)))), {"A": [[1.0, 2.0], [0.0, 0.0]]}, ZERO),
        (Diagonal(X), {}, {x: [1.0, 0.5], y: [0.0, 0.0]}),
        (EXAMPLES["diagonal affine in ranges"][0].operator, {"alpha": 1.5}, ZERO),
        (Compose((Weight(A), Weight(B))), {"A": ROTATION, "B": ROTATION.T}, ZERO),
    ],
    ids=["slope", "residual", "scalar", "transpose", "declared", "affine", "constant"],
)
def test_equality_cases_are_attained(operator, weights, point, p_norm):
    quantity = OperatorNormOf(operator, sg.language.norms.norm(p_norm))
    value, low, high = value_and_bound(quantity, weights, point)
    assert value == pytest.approx(high, rel=1e-12)
    assert high - low <= 1e-12 * high


def test_convex_gate_is_attained_in_the_2_norm():
    """Rows picked by a gate that is 0 or 1: the norm is sqrt(||A||^2 + ||B||^2), not the larger of the two."""
    weights = {"A": [[1.0, 0.0], [0.0, 0.0]], "B": [[0.0, 0.0], [1.0, 0.0]]}
    operator = OperatorSum((Compose((Diagonal(GATE), Weight(A))), Compose((Diagonal(COMPLEMENT), Weight(B)))))
    value, _, high = value_and_bound(
        OperatorNormOf(operator, NORMS[sp.Integer(2)]), weights, {x: [0.0, 0.0], y: [60.0, -60.0]}
    )
    assert value == pytest.approx(np.sqrt(2), rel=1e-12)
    assert high == pytest.approx(np.sqrt(2), rel=1e-12)
    assert value > 1.4  # so the tempting bound max(||A||, ||B||) = 1 is false


@pytest.mark.parametrize("order", [1, 2, np.inf])
def test_the_tempting_rule_for_gates_holds_only_in_the_maximum_norm(order):
    random = np.random.default_rng(3)
    exceeded = False
    for _ in range(300):
        first, second = random.standard_normal((2, 3, 3))
        gate = random.integers(0, 2, 3).astype(float)
        mixed = np.linalg.norm(gate[:, None] * first + (1 - gate)[:, None] * second, order)
        norms = np.linalg.norm(first, order), np.linalg.norm(second, order)
        exceeded |= mixed > max(norms) * (1 + 1e-9)
        assert mixed <= np.linalg.norm(norms, order) * (1 + 1e-12)
    assert exceeded == (order != np.inf)


def test_convex_gate_needs_a_gate_in_the_unit_interval():
    """With z = 3 (so 1 - z = -2) the bound is false, and the rule refuses such a gate."""
    first, second, gate = np.eye(2), -np.eye(2), np.array([3.0, 3.0])
    mixed = np.linalg.norm(gate[:, None] * first + (1 - gate)[:, None] * second, 2)
    assert mixed > np.hypot(1, 1)
    free = VectorSum((Constant(sp.S.One, n), Apply(Scale(sp.S.NegativeOne, Identity(n)), Y)))
    operator = OperatorSum((Compose((Diagonal(Y), Weight(A))), Compose((Diagonal(free), Weight(B)))))
    rule = next(rule for rule in rules_for() if rule.name == "convex gate")
    engine = Engine(MODEL)
    answer = rule(OperatorNormOf(operator, NORMS[sp.Integer(2)]), engine.prove, engine.context)
    assert isinstance(answer, Lacking)
    assert "[0, 1]" in answer.reason


def test_a_constant_sub_matrix_must_be_constant():
    rule = next(rule for rule in rules_for() if rule.name == "constant sub matrix")
    engine = Engine(MODEL)
    answer = rule(OperatorNormOf(Diagonal(X), NORMS[sp.Integer(2)]), engine.prove, engine.context)
    assert isinstance(answer, Lacking)


def test_fused_functions_are_sharper_than_products_of_ranges():
    """x*x over [-1, 1] is [0, 1], not [-1, 1]; y * sigmoid(y) has a bounded minimum though y is free."""
    assert Engine(MODEL).prove(EntryRange(Hadamard(X, X))).bound == sp.Tuple(0, 1)
    low, high = Engine(MODEL).prove(EntryRange(Hadamard(Y, GATE))).bound
    assert high == sp.oo
    assert float(low) == pytest.approx(-0.27846454276107)  # -W(1/e), the minimum of SiLU
