"""For every rule a quantity, weights and states at which the rule's own bound is reached, and quantities it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.bounds.engine import Setting
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    BlockNorms,
    ComparisonOf,
    DifferentialNorm,
    EntryRange,
    FlowDifferentialNorm,
    FlowNorm,
    LogarithmicNormOf,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
    Quantity,
    RowNormOf,
    VectorNormOf,
)
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.bounds.weighted_rules import GAMMA
from symgrad.bounds.weighted_rules import C as CONSTANT
from symgrad.language.construct import add_vectors, apply_operator, scale
from symgrad.language.flow import VectorField
from symgrad.language.norms import NORMS
from symgrad.language.operators import (
    Apply,
    Block,
    Column,
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
    VectorSum,
    Weight,
    Zero,
)
from tests.registry.evaluation import Case, K, L, Point, T, n

alpha = sp.Symbol("alpha", real=True)
A, B, C, Q, S, D, N = (sp.MatrixSymbol(name, n, n) for name in "ABCQSDN")
x, y, z, p = (sp.MatrixSymbol(name, n, 1) for name in "xyzp")
sigmoid, tanh, leaky = sg.activation("sigmoid"), sg.activation("tanh"), sg.activation("leaky_relu", slope=0.5)

MODEL = sg.Recurrence(
    {x: tanh((A + Q + S + D + N) * x + B * y + alpha * p), y: sg.hadamard(sigmoid(x), y), z: tanh(z)}
).assuming({x: (-1, 1), z: (-3, 2), Q: sg.orthogonal, S: sg.symmetric, D: sg.diagonal, N: sg.nonnegative})  # y is free
ONE_STATE = sg.Recurrence({x: leaky(A * x)}, depth=L)
TWO_STATES = sg.Recurrence({x: leaky(A * x) + C * y, y: 3 * y + leaky(B * x) / 9}, depth=L)

X, Y, Z, P = map(Variable, (x, y, z, p))
EYE = np.eye(2)
SQUARE = np.array([[1.0, 2.0], [-3.0, 4.0]])
TURN = np.array([[0.6, -0.8], [0.8, 0.6]])
SLOPE, LEAK, GATE = Elementwise(tanh.derivative, Y), Elementwise(leaky.derivative, Y), Elementwise(sigmoid, Y)
STEEP, FLAT = Diagonal(SLOPE), Diagonal(LEAK)  # at most 1, reached at y = 0; at least 1/2, reached for y < 0
COMPLEMENT = VectorSum((Constant(sp.S.One, n), apply_operator(scale(-1, Identity(n)), GATE)))
PAIR = Block(((Weight(A), Weight(B)), (Zero(n, n), Identity(n))))
DOMINANT = Block(((Weight(A), Weight(B)), (Weight(B), Weight(A))))
LOW, HIGH = -60.0, 60.0  # where a gate is shut or open to more than 25 digits
ALL, ONLY_TWO, OTHERS = (1, 2, sp.oo), (2,), (1, sp.oo)


def stretch(operator: Any, weights: Any = None, norms: tuple[Any, ...] = ALL, **point: Any) -> Case:
    """The largest stretching of an operator, at one point."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},)
    return Case(MODEL, lambda norm: OperatorNormOf(operator, norm), weights or {}, states, norms)


def least(operator: Any, weights: Any = None, norms: tuple[Any, ...] = ALL, **point: Any) -> Case:
    """The least stretching of an operator, at one point."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},)
    return Case(MODEL, lambda norm: MinimumModulusOf(operator, norm), weights or {}, states, norms)


def entries(vector: Any, *points: Point, **weights: Any) -> Case:
    """The range of the entries of a vector, whose ends are reached at some of the points."""
    return Case(MODEL, lambda norm: EntryRange(vector), weights, points or ({},), ONLY_TWO)


def layered(kind: type[Quantity], model: sg.Recurrence, weights: list[dict[str, Any]], **point: Any) -> Case:
    """Products over layers, each with weights of its own."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},) * len(weights)
    jacobian = sg.jacobian(model).operator
    return Case(model, lambda norm: kind(jacobian, L, norm), weights, states, ALL, len(weights))


def powered(kind: type[Quantity], jacobian: Any, weights: Any, **point: Any) -> Case:
    """Products of three Jacobians at one point."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},) * 3
    return Case(MODEL, lambda norm: kind(jacobian, K, norm), weights, states)


def vector(node: Any, weights: Any = None, **point: Any) -> Case:
    """The norm of a vector."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},)
    return Case(MODEL, lambda norm: VectorNormOf(node, norm), weights or {}, states)


def summed(jacobian: Any, rows: Any, weights: Any) -> Case:
    """The sum over three steps, at y = 0."""
    return Case(MODEL, lambda norm: DifferentialNorm(jacobian, rows, sp.S.Zero, sp.Integer(3), norm), weights)


def growing(operator: Any, weights: Any = None, norms: tuple[Any, ...] = ALL, **point: Any) -> Case:
    """The logarithmic norm of an operator, at one point."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},)
    return Case(MODEL, lambda norm: LogarithmicNormOf(operator, norm), weights or {}, states, norms)


def moduli(operator: Any, weights: Any = None, **point: Any) -> Case:
    """The moduli of the entries of an operator, at one point."""
    states = ({sp.MatrixSymbol(name, n, 1): value for name, value in point.items()},)
    return Case(MODEL, lambda norm: MagnitudesOf(operator), weights or {}, states, ONLY_TWO)


def weighted(kind: str, weights: Any, norms: tuple[Any, ...] = ALL, **found: float) -> Case:
    """Products of three equal Jacobians through a weighted norm, with its rate and constant."""
    jacobian = sg.jacobian(LINEAR).operator
    numbers = {{"rate": GAMMA, "constant": CONSTANT}[name]: value for name, value in found.items()}
    return Case(
        LINEAR, lambda norm: WeightedProductNorm(jacobian, K, norm, kind), weights, ({x: 1.0},), norms, found=numbers
    )


def weighted_sum(kind: str, weights: Any, **found: float) -> Case:
    """The sum of three powers of the Jacobian through a weighted norm."""
    rows, three = ((Identity(n),),), sp.Integer(3)
    jacobian = sg.jacobian(LINEAR).operator
    case = weighted("", weights, **found)
    return replace(case, goal=lambda norm: WeightedDifferentialNorm(jacobian, rows, sp.S.Zero, three, norm, kind))


NO_END = "undeclared variable"  # every real number: no end is there to be reached
LINEAR = sg.Recurrence({x: A * x})
CIRCULANT = {"A": np.array([[1.0, 2.0], [2.0, 1.0]])}  # symmetric, with rows and columns of equal sums
DERIVED = Setting(derived=frozenset({x}))
HEAVY = {"A": np.diag([2.0, -3.0])}
TWO_THREE = {"A": 2 * EYE, "B": 3 * EYE}
M_MATRIX = {"A": 3 * EYE, "B": -EYE}
DOWNHILL = VectorField({x: A * x})
SCALED = {1: Compose((Weight(A), STEEP)), sp.oo: Compose((STEEP, Weight(A)))}  # columns or rows
TWO_ONE = {"A": np.diag([2.0, 1.0])}
ROW = (Kronecker(X, STEEP), Kronecker(Z, STEEP), STEEP)
ATTAINED: dict[str, Case] = {
    "identity and zero": stretch(Identity(n)),
    "constant sub matrix": stretch(
        OperatorSum((Weight(A), Scale(sp.S.NegativeOne, Transpose(Weight(A))))), {"A": SQUARE}
    ),
    "scalar multiple": stretch(Scale(alpha, Weight(A)), {"A": SQUARE, "alpha": -3.0}),
    "transpose": stretch(Transpose(Compose((STEEP, Weight(A)))), {"A": [[1.0, 2.0], [0.0, 0.0]]}),
    "diagonal affine in ranges": stretch(
        Diagonal(add_vectors(Constant(1 - alpha, n), apply_operator(scale(alpha, Identity(n)), SLOPE))), {"alpha": 1.5}
    ),
    "diagonal matrix": stretch(Diagonal(X), x=[0.5, -1.0]),
    "composition": stretch(Compose((STEEP, Weight(A), Diagonal(X))), HEAVY, x=1.0),
    "common factor": stretch(
        OperatorSum((Compose((STEEP, Weight(A))), Compose((Diagonal(X), Weight(A))))), HEAVY, x=1.0
    ),
    "convex gate": stretch(
        OperatorSum((Compose((Diagonal(GATE), Weight(A))), Compose((Diagonal(COMPLEMENT), Weight(B))))),
        {"A": [[1.0, 0.0], [0.0, 0.0]], "B": [[0.0, 0.0], [1.0, 0.0]]},
        y=[HIGH, LOW],
    ),
    "triangle inequality": stretch(OperatorSum((Identity(n), Compose((STEEP, Weight(A))))), {"A": np.diag([2.0, 1.0])}),
    "blocks to gain": stretch(PAIR, TWO_THREE),
    "gain matrix": Case(MODEL, lambda norm: BlockNorms(PAIR, norm), {"A": SQUARE, "B": TURN}),
    "power of a rate": powered(ProductNorm, Compose((STEEP, Weight(A))), {"A": 2 * EYE}),
    "power of a gain matrix": powered(ProductNorm, PAIR, TWO_THREE),
    "constant entries": entries(Constant(sp.Rational(1, 3), n)),
    "declared range": entries(X, {x: [1.0, -1.0]}),
    "invariant box": replace(entries(X, {x: [1.0, -1.0]}), setting=DERIVED),
    "moduli of identity and zero": moduli(Identity(n)),
    "moduli of a multiple": moduli(Scale(alpha, Weight(A)), {"A": SQUARE, "alpha": -3.0}),
    "moduli of a constant": moduli(
        OperatorSum((Weight(A), Scale(sp.S.NegativeOne, Transpose(Weight(B))))), {"A": SQUARE, "B": TURN}
    ),
    "moduli of a transpose": moduli(Transpose(Compose((STEEP, Weight(A)))), {"A": SQUARE}),
    "moduli of a diagonal": moduli(Diagonal(X), x=[1.0, -1.0]),
    "moduli of a composition": moduli(Compose((STEEP, Weight(A), Diagonal(X))), {"A": SQUARE}, x=[1.0, -1.0]),
    "common factor of moduli": moduli(
        OperatorSum((Compose((STEEP, Weight(A))), Compose((Diagonal(X), Weight(A))))), {"A": SQUARE}, x=1.0
    ),
    "moduli of a sum": moduli(OperatorSum((Identity(n), Compose((STEEP, Weight(A))))), {"A": np.abs(SQUARE)}),
    "moduli of blocks": moduli(PAIR, {"A": SQUARE, "B": TURN}),
    "perron scaling": weighted("perron", CIRCULANT),
    "diagonal scaling": weighted("diagonal", CIRCULANT, ONLY_TWO, rate=3.0, constant=1.0),
    "common quadratic norm": weighted("quadratic", {"A": 3.0 * TURN}, ONLY_TWO, rate=3.0, constant=1.0),
    "weighted geometric series": weighted_sum("perron", {"A": CIRCULANT["A"] / 6}),
    "least of several sums": weighted_sum("best", {"A": CIRCULANT["A"] / 6}, rate=0.5, constant=1.0),
    "least of several bounds": weighted("best", CIRCULANT, rate=3.0, constant=1.0),
    "parameter vector": entries(P, p=[2.0, -2.0]),
    "fused function": entries(Hadamard(X, X), {x: [0.0, 1.0]}),
    "function values": entries(SLOPE, {y: [0.0, HIGH]}),
    "scaled entries": entries(Apply(Scale(alpha, Identity(n)), X), {x: [1.0, -1.0]}, alpha=-2.0),
    "convex combination of entries": entries(
        VectorSum((Hadamard(GATE, X), Hadamard(COMPLEMENT, SLOPE))), {x: [1.0, -1.0], y: HIGH}
    ),
    "summed entries": entries(VectorSum((X, GATE, Constant(alpha, n))), {x: [1.0, -1.0], y: [HIGH, LOW]}, alpha=5.0),
    "multiplied entries": entries(Hadamard(X, Z), {x: [1.0, -1.0], z: -3.0}),
    "weighted sum of entries": entries(Apply(Weight(A), X), {x: [1.0, -1.0]}, {x: [-1.0, 1.0]}, A=[[1, -2], [0, 1]]),
    "least stretching of identity and zero": least(Identity(n)),
    "least stretching of a constant": least(OperatorSum((Weight(A), Scale(sp.Integer(3), Identity(n)))), {"A": SQUARE}),
    "least stretching of a multiple": least(Scale(alpha, Weight(A)), {"A": SQUARE, "alpha": -3.0}),
    "least stretching of a transpose": least(Transpose(Compose((FLAT, Weight(A)))), HEAVY, y=-1.0),
    "least entry affine in ranges": least(
        Diagonal(add_vectors(Constant(1 + alpha, n), apply_operator(scale(alpha**2, Identity(n)), X))),
        {"alpha": 1.5},
        x=-1.0,
    ),
    "least value of a hump": least(
        Diagonal(Elementwise(tanh.derivative, Apply(Weight(A), X))), {"A": np.diag([2.0, 1.0])}, x=1.0
    ),
    "least entry of a diagonal": least(FLAT, y=[-1.0, 1.0]),
    "least stretching of a composition": least(Compose((FLAT, Weight(A), FLAT)), HEAVY, y=-1.0),
    "common factor stretching least": least(
        OperatorSum((Compose((FLAT, Weight(A))), Compose((Diagonal(GATE), Weight(A))))), HEAVY, y=LOW
    ),
    "perturbation of a term": least(
        OperatorSum((Identity(n), Compose((STEEP, Weight(A))))), {"A": np.diag([-0.5, 0.25])}
    ),
    "comparison matrix": Case(MODEL, lambda norm: ComparisonOf(DOMINANT, norm), {"A": SQUARE, "B": TURN}),
    "power of a least rate": powered(ProductModulus, Compose((FLAT, Weight(A))), {"A": 3 * EYE}, y=-1.0),
    "power of a comparison matrix": powered(ProductModulus, DOMINANT, M_MATRIX),
    "norm of an orthogonal matrix": stretch(Weight(Q), {"Q": TURN}, ONLY_TWO),
    "orthogonal factor": stretch(Compose((Weight(Q), STEEP, Weight(A))), {"Q": TURN, **HEAVY}, ONLY_TWO),
    "least stretching of an orthogonal matrix": least(Transpose(Weight(Q)), {"Q": TURN}, ONLY_TWO),
    "orthogonal factor stretching least": least(
        Compose((Weight(Q), FLAT, Weight(A))), {"Q": TURN, **HEAVY}, ONLY_TWO, y=-1.0
    ),
    "norm of a symmetric matrix": stretch(Weight(S), {"S": [[2.0, 1.0], [1.0, -3.0]]}, ONLY_TWO),
    "norm of a diagonal weight": stretch(Weight(D), {"D": np.diag([1.0, -4.0])}, OTHERS),
    "least stretching of a diagonal weight": least(Weight(D), {"D": np.diag([2.0, -4.0])}, OTHERS),
    "non negative sum of entries": entries(Apply(Weight(N), Z), {z: 2.0}, {z: -3.0}, N=[[1, 2], [0, 1]]),
    "product over layers": layered(ProductNorm, ONE_STATE, [{"A": 3 * EYE}, {"A": 2 * EYE}], x=1.0),
    "product of gain matrices": layered(
        ProductNorm, TWO_STATES, [{"A": i * EYE, "B": 9 * EYE, "C": EYE / i} for i in (1, 2)], x=1.0
    ),
    "least product over layers": layered(ProductModulus, ONE_STATE, [{"A": 3 * EYE}, {"A": 2 * EYE}], x=-1.0),
    "product of comparison matrices": layered(
        ProductModulus, TWO_STATES, [{"A": i * EYE, "B": -EYE, "C": -EYE / i} for i in (2, 4)], x=-1.0
    ),
    "constant vector": vector(P, {"p": [3.0, -4.0]}),
    "image of a vector": vector(Apply(Weight(A), Z), {"A": 2 * EYE}, z=-3.0),
    "vector of bounded entries": vector(Z, z=-3.0),
    "kronecker product with a row": stretch(Kronecker(Z, Compose((STEEP, Weight(A)))), HEAVY, z=-3.0),
    "column vector": stretch(Column(Z), z=-3.0),
    "sum of kronecker products": stretch(OperatorSum((Kronecker(X, STEEP), Kronecker(Z, STEEP))), x=-1.0, z=-3.0),
    "common left factor": Case(MODEL, lambda norm: RowNormOf(ROW, norm), {}, ({x: 1.0, z: -3.0},)),
    "row of blocks": Case(MODEL, lambda norm: RowNormOf((Weight(A), Weight(B)), norm), TWO_THREE),
    "geometric series": summed(Weight(A), ((STEEP,),), {"A": EYE / 2}),
    "geometric series of gain matrices": summed(
        PAIR, ((Identity(n),), (Scale(sp.Integer(3), Identity(n)),)), {"A": EYE / 2, "B": 3 * EYE}
    ),
    "logarithmic norm of identity and zero": growing(Identity(n)),
    "logarithmic norm of a constant": growing(
        OperatorSum((Weight(A), Scale(sp.S.NegativeOne, Transpose(Weight(B))))), {"A": SQUARE, "B": TURN}
    ),
    "logarithmic norm of a diagonal": growing(
        Diagonal(add_vectors(Constant(1 - alpha, n), apply_operator(scale(alpha, Identity(n)), SLOPE))), {"alpha": 1.5}
    ),
    "shift by a multiple of the identity": growing(
        OperatorSum((Scale(sp.Integer(-2), Identity(n)), Compose((STEEP, Weight(A))))), TWO_ONE
    ),
    "logarithmic norm of a multiple": growing(
        Scale(sp.Integer(-3), Compose((STEEP, Weight(A)))), {"A": np.diag([-2.0, -1.0])}
    ),
    "logarithmic norm of a transpose": growing(Transpose(Compose((STEEP, Weight(A)))), TWO_ONE),
    "rows or columns scaled": Case(
        MODEL, lambda norm: LogarithmicNormOf(SCALED[norm.p], norm), {"A": SQUARE}, norms=OTHERS
    ),
    "scaling around the middle": growing(Compose((STEEP, Weight(A))), TWO_ONE),
    "common factor in a logarithmic norm": growing(
        OperatorSum((Compose((STEEP, Weight(A))), Compose((Diagonal(X), Weight(A))))), {"A": np.diag([3.0, 2.0])}, x=1.0
    ),
    "logarithmic norm of a sum": growing(OperatorSum((Weight(B), Compose((STEEP, Weight(A))))), {**TWO_ONE, "B": EYE}),
    "blocks to a metzler matrix": growing(PAIR, TWO_THREE),
    "logarithmic norm below the norm": growing(Compose((STEEP, Weight(A))), TWO_ONE),
    "metzler matrix": Case(MODEL, lambda norm: BlockLogarithmicNorms(PAIR, norm), {"A": SQUARE, "B": TURN}),
    "integral along a flow": Case(
        DOWNHILL,
        lambda norm: FlowDifferentialNorm(Weight(A), ((Scale(sp.Integer(3), Identity(n)),),), sp.S.One, T, norm),
        {"A": np.diag([-1.0, -2.0])},
        ({x: 1.0},),
    ),
    "growth along a flow": Case(
        DOWNHILL, lambda norm: FlowNorm(Weight(A), T, norm), {"A": np.diag([-1.0, -2.0])}, ({x: 1.0},)
    ),
}

NOT_Y = add_vectors(Constant(sp.S.One, n), apply_operator(scale(sp.S.NegativeOne, Identity(n)), Y))
UNBOUNDED = Diagonal(add_vectors(Constant(1 - alpha, n), apply_operator(scale(alpha, Identity(n)), Y)))
# A quantity that lacks one hypothesis of the rule, and the model that it is about.
FREE = OperatorSum((Compose((Diagonal(Y), Weight(A))), Compose((Diagonal(NOT_Y), Weight(B)))))
WIDE = Weight(sp.MatrixSymbol("V", n, 2 * n))
WAVE = Diagonal(Elementwise(sg.Activation("wave", 2 + sp.sin(sp.Symbol("t"))), Apply(Weight(A), X)))
HOPELESS = Block(((Diagonal(X), Weight(B)), (Weight(B), Weight(A))))
PLAIN = sg.Recurrence(MODEL.updates)
LAYERS = sg.Recurrence(ONE_STATE.updates)
DEEP = sg.Recurrence({x: tanh(A * x)}, depth=L)


def largest(operator: Any, p: Any = 2) -> OperatorNormOf:
    return OperatorNormOf(operator, NORMS[sp.sympify(p)])


def smallest(operator: Any, p: Any = 2) -> MinimumModulusOf:
    return MinimumModulusOf(operator, NORMS[sp.sympify(p)])


def rising(operator: Any, p: Any = 2) -> LogarithmicNormOf:
    return LogarithmicNormOf(operator, NORMS[sp.sympify(p)])


def in_norm(kind: str, operator: Any = None) -> WeightedProductNorm:
    return WeightedProductNorm(Weight(A) if operator is None else operator, K, TWO, kind)


TWO = NORMS[sp.Integer(2)]
UNMET: dict[str, list[tuple[Any, sg.Recurrence]]] = {
    "constant sub matrix": [(largest(Diagonal(SLOPE)), MODEL)],
    "diagonal affine in ranges": [(largest(UNBOUNDED), MODEL)],
    "common factor": [(largest(OperatorSum((Weight(A), Compose((STEEP, Weight(B)))))), MODEL)],
    "convex gate": [(largest(FREE), MODEL)],
    "power of a rate": [(ProductNorm(Weight(A), K, TWO), DEEP)],
    "power of a gain matrix": [(ProductNorm(PAIR, K, TWO), DEEP)],
    "declared range": [(EntryRange(Y), MODEL)],
    "invariant box": [(EntryRange(X), MODEL)],
    "moduli of a constant": [(MagnitudesOf(Diagonal(SLOPE)), MODEL)],
    "moduli of a diagonal": [(MagnitudesOf(Diagonal(Y)), MODEL)],
    "common factor of moduli": [(MagnitudesOf(OperatorSum((Weight(A), Compose((STEEP, Weight(B)))))), MODEL)],
    "perron scaling": [(in_norm("perron"), DEEP), (in_norm("diagonal"), MODEL)],
    "diagonal scaling": [(in_norm("diagonal"), DEEP), (in_norm("diagonal", UNBOUNDED), MODEL)],
    "common quadratic norm": [(in_norm("quadratic"), DEEP), (in_norm("quadratic", UNBOUNDED), MODEL)],
    "least of several sums": [
        (
            WeightedDifferentialNorm(
                Compose((Diagonal(Y), Weight(A))), ((Identity(n),),), sp.S.Zero, sp.Integer(3), TWO, "best"
            ),
            MODEL,
        )
    ],
    "least of several bounds": [(in_norm("best"), DEEP), (in_norm("best", UNBOUNDED), MODEL)],
    "parameter vector": [(EntryRange(X), MODEL)],
    "convex combination of entries": [(EntryRange(VectorSum((Hadamard(Y, X), Hadamard(NOT_Y, Z)))), MODEL)],
    "weighted sum of entries": [(EntryRange(Apply(Compose((STEEP, Weight(A))), X)), MODEL)],
    "least stretching of a constant": [(smallest(Diagonal(SLOPE)), MODEL), (smallest(WIDE), MODEL)],
    "least stretching of a transpose": [(smallest(Transpose(WIDE)), MODEL)],
    "least entry affine in ranges": [(smallest(UNBOUNDED), MODEL)],
    "least value of a hump": [(smallest(WAVE), MODEL)],
    "least entry of a diagonal": [(smallest(Diagonal(X)), MODEL)],
    "common factor stretching least": [(smallest(OperatorSum((Weight(A), Compose((FLAT, Weight(B)))))), MODEL)],
    "perturbation of a term": [(smallest(OperatorSum((Identity(n), Scale(sp.Integer(2), STEEP)))), MODEL)],
    "power of a least rate": [(ProductModulus(Weight(A), K, TWO), DEEP)],
    "power of a comparison matrix": [
        (ProductModulus(DOMINANT, K, TWO), DEEP),
        (ProductModulus(HOPELESS, K, TWO), MODEL),
    ],
    "norm of an orthogonal matrix": [(largest(Weight(Q)), PLAIN)],
    "orthogonal factor": [(largest(Compose((Weight(Q), STEEP))), PLAIN)],
    "least stretching of an orthogonal matrix": [(smallest(Weight(Q)), PLAIN)],
    "orthogonal factor stretching least": [(smallest(Compose((Weight(Q), FLAT))), PLAIN)],
    "norm of a symmetric matrix": [(largest(Weight(S)), PLAIN), (largest(Compose((Weight(S), Weight(S)))), MODEL)],
    "norm of a diagonal weight": [(largest(Weight(D), 1), PLAIN)],
    "least stretching of a diagonal weight": [(smallest(Weight(D), 1), PLAIN)],
    "non negative sum of entries": [
        (EntryRange(Apply(Weight(N), X)), PLAIN),
        (EntryRange(Apply(Scale(alpha, Weight(N)), X)), MODEL),
    ],
    "product over layers": [(ProductNorm(Weight(A), K, TWO), LAYERS)],
    "product of gain matrices": [(ProductNorm(PAIR, K, TWO), LAYERS)],
    "least product over layers": [(ProductModulus(Weight(A), K, TWO), LAYERS)],
    "product of comparison matrices": [
        (ProductModulus(DOMINANT, K, TWO), LAYERS),
        (ProductModulus(HOPELESS, L, TWO), TWO_STATES),
    ],
    "constant vector": [(VectorNormOf(X, TWO), MODEL)],
    "common left factor": [(RowNormOf((STEEP, Kronecker(X, Weight(A))), TWO), MODEL)],
    "logarithmic norm of a constant": [(rising(Diagonal(SLOPE)), MODEL)],
    "shift by a multiple of the identity": [(rising(OperatorSum((Weight(A), STEEP))), MODEL)],
    "logarithmic norm of a multiple": [(rising(Scale(alpha, Compose((STEEP, Weight(A))))), MODEL)],
    "rows or columns scaled": [
        (rising(Compose((STEEP, Weight(A)))), MODEL),
        (rising(Compose((STEEP, Weight(A))), 1), MODEL),
        (rising(Compose((Diagonal(Y), Weight(A))), "oo"), MODEL),
    ],
    "scaling around the middle": [(rising(Compose((Diagonal(Y), Weight(A)))), MODEL)],
    "common factor in a logarithmic norm": [(rising(OperatorSum((Weight(A), Compose((STEEP, Weight(B)))))), MODEL)],
    "growth along a flow": [(FlowNorm(Weight(A), T, TWO), PLAIN)],
    "integral along a flow": [(FlowDifferentialNorm(Weight(A), ((STEEP,),), sp.S.Zero, T, TWO), PLAIN)],
}
