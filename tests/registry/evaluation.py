"""The value of a quantity at given states, and the bound that a rule states for it, both by numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import expm

import symgrad as sg
from symgrad.bounds.engine import PLAIN, Engine, Setting
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    BlockNorms,
    ComparisonOf,
    DifferentialNorm,
    EntryRange,
    FlowDifferentialNorm,
    FlowNorm,
    Inequality,
    Lacking,
    LogarithmicNormOf,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
    Quantity,
    RowNormOf,
    VectorNormOf,
    rules_for,
)
from symgrad.bounds.parameter_instances import dense
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.language.entrywise import PerronRatio
from symgrad.language.layers import LayerMatrix
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import (
    NORMS,
    MinimumModulus,
    Norm,
    OperatorNorm,
    SmallestSingularValue,
    SpectralRadius,
)
from symgrad.language.weights import bind
from symgrad.rigor.balls import working_precision

n, L = sp.Symbol("n", positive=True, integer=True), sp.Symbol("L", positive=True, integer=True)
K = sp.Symbol("k", integer=True, nonnegative=True)
T = sp.Symbol("T", nonnegative=True)
Point = Mapping[sp.Basic, Any]


@dataclass(frozen=True)
class Case:
    """A quantity in a norm, and where its bound is reached.

    Attributes:
        model: what the quantity belongs to.
        goal: the quantity in a given norm.
        weights: of the model; a sequence where every layer has its own.
        points: states at which the extreme values of entries occur together, or those of successive steps; all
            entries of a variable alike where one number is given.
        norms: in which the bound is reached.
        steps: how many factors products have; of a flow the time.
        setting: how closely ranges are followed, and which of them are derived.
        found: the rate and the constant of a weighted norm.
    """

    model: sg.Recurrence
    goal: Callable[[Norm], Quantity]
    weights: Any = field(default_factory=dict)
    points: tuple[Point, ...] = ({},)
    norms: tuple[Any, ...] = (1, 2, sp.oo)
    steps: int = 3
    setting: Setting = PLAIN
    found: Mapping[sp.Symbol, float] = field(default_factory=dict)


def answer(name: str, goal: Quantity, model: sg.Recurrence, setting: Setting = PLAIN) -> Inequality | Lacking:
    """What the rule of that name says about a quantity."""
    engine = Engine(model, setting)
    return next(rule for rule in rules_for() if rule.name == name)(goal, engine.prove, engine.context)


def both_sides(name: str, case: Case, norm: Norm) -> tuple[Any, Any]:
    """The value of the quantity and the bound that the rule of that name states for it, as arrays or numbers."""
    goal = case.goal(norm)
    found = answer(name, goal, case.model, case.setting)
    assert isinstance(found, Inequality), found
    layers = case.weights if isinstance(case.weights, list) else [case.weights] * len(case.points)
    with working_precision(128):
        points = [_point(case.model, weights, point) for weights, point in zip(layers, case.points, strict=True)]
        value = _value(goal, points, case.steps)
    return value, _put_in(found.bound, _symbols(case), norm)


def _point(model: sg.Recurrence, weights: Mapping[str, Any], states: Point) -> BallEvaluator:
    flat = model if model.depth is None else sg.Recurrence(model.updates)
    evaluator = BallEvaluator.of_weights(bind(flat, dict(weights)))
    evaluator.sizes[n] = sp.Integer(2)
    for symbol in model.variables:
        evaluator.values[symbol] = column_of_balls(np.broadcast_to(states.get(symbol, 0.0), 2))
    return evaluator


def _floats(matrix: Any) -> Any:
    return np.array([[float(entry.mid()) for entry in row] for row in matrix.tolist()])


def _order(norm: Any) -> Any:
    return np.inf if norm == sp.oo else int(norm)


def _size(matrix: Any, norm: Norm) -> Any:
    return np.linalg.norm(matrix, _order(norm.p))


def _least(matrix: Any, norm: Norm) -> Any:
    return 1 / np.linalg.norm(np.linalg.inv(matrix), _order(norm.p))


def rate(matrix: Any, norm: Norm) -> float:
    """The logarithmic norm of a matrix."""
    if norm.p == 2:
        return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
    lines = matrix.T if norm.p == 1 else matrix
    return float((np.diag(lines) + np.abs(lines - np.diag(np.diag(lines))).sum(axis=1)).max())


def _value(goal: Quantity, points: list[BallEvaluator], time: int) -> Any:
    """The quantity at the points, by numpy from the matrices there."""
    here = points[0]
    match goal:
        case EntryRange(vector):
            values = np.concatenate([_floats(point.vector(vector)) for point in points])
            return np.array([values.min(), values.max()])
        case OperatorNormOf(operator, norm):
            return _size(_floats(dense(operator, here)), norm)
        case MinimumModulusOf(operator, norm):
            return _least(_floats(dense(operator, here)), norm)
        case VectorNormOf(vector, norm):
            return _size(_floats(here.vector(vector)), norm)
        case RowNormOf(blocks, norm):
            return _size(np.hstack([_floats(here.operator(block)) for block in blocks]), norm)
        case BlockNorms(block, norm):
            return np.array([[_size(_floats(here.operator(entry)), norm) for entry in row] for row in block.rows])
        case ComparisonOf(block, norm):
            blocks = [[_floats(here.operator(entry)) for entry in row] for row in block.rows]
            return np.array(
                [
                    [_least(entry, norm) if i == j else -_size(entry, norm) for j, entry in enumerate(row)]
                    for i, row in enumerate(blocks)
                ]
            )
        case ProductNorm(jacobian, _, norm) | ProductModulus(jacobian, _, norm):
            product = reduce(lambda done, step: step @ done, [_floats(dense(jacobian, point)) for point in points])
            return (_size if isinstance(goal, ProductNorm) else _least)(product, norm)
        case DifferentialNorm(jacobian, rows, first, steps, norm):
            matrix = _floats(dense(jacobian, here))
            source = np.vstack([np.hstack([_floats(here.operator(entry)) for entry in row]) for row in rows])
            powers = [np.linalg.matrix_power(matrix, k) for k in range(int(first), int(steps))]
            return _size(sum(powers) @ source, norm)
    return _in_weighted_norms(goal, here, time)


def _in_weighted_norms(goal: Quantity, here: BallEvaluator, steps: int) -> Any:
    match goal:
        case MagnitudesOf(operator):
            return np.abs(_floats(dense(operator, here)))
        case WeightedProductNorm(jacobian, _, norm, _):
            return _size(np.linalg.matrix_power(_floats(dense(jacobian, here)), steps), norm)
        case WeightedDifferentialNorm(jacobian, rows, first, last, norm, _):
            return _value(DifferentialNorm(jacobian, rows, first, last, norm), [here], steps)
    return _of_a_flow(goal, here, steps)


def _of_a_flow(goal: Quantity, here: BallEvaluator, time: int) -> Any:
    match goal:
        case LogarithmicNormOf(operator, norm):
            return rate(_floats(dense(operator, here)), norm)
        case BlockLogarithmicNorms(block, norm):
            blocks = [[_floats(here.operator(entry)) for entry in row] for row in block.rows]
            return np.array(
                [[(rate if i == j else _size)(b, norm) for j, b in enumerate(row)] for i, row in enumerate(blocks)]
            )
        case FlowDifferentialNorm(jacobian, rows, first, _, norm):
            matrix = _floats(dense(jacobian, here))
            source = np.vstack([np.hstack([_floats(here.operator(entry)) for entry in row]) for row in rows])
            return _size(np.linalg.solve(matrix, expm(time * matrix) - expm(float(first) * matrix)) @ source, norm)
        case FlowNorm(jacobian, _, norm):
            return _size(expm(time * _floats(dense(jacobian, here))), norm)
    raise TypeError(f"no value for {type(goal).__name__}")


def _symbols(case: Case) -> dict[sp.Basic, Any]:
    """What stands for what in a bound: sizes, numbers of steps, and parameters."""
    found: dict[sp.Basic, Any] = {n: sp.Integer(2), **dict.fromkeys((K, L, T), sp.Integer(case.steps))}
    shared = {} if isinstance(case.weights, list) else case.weights
    found |= {case.model.symbol(name): _exact(value) for name, value in shared.items()}
    for index, own in enumerate(case.weights if isinstance(case.weights, list) else []):
        found |= {LayerMatrix(case.model.symbol(name), index + 1): _exact(value) for name, value in own.items()}
    return found | {symbol: sp.Float(number, 17) for symbol, number in case.found.items()}


def _exact(value: Any) -> sp.Basic:
    if np.ndim(value) == 0:
        return sp.Rational(float(value))
    array = np.atleast_2d(np.asarray(value, dtype=float).T).T
    return sp.ImmutableDenseMatrix(*array.shape, [sp.Rational(float(entry)) for entry in array.flat])


def _put_in(bound: Any, symbols: dict[sp.Basic, Any], norm: Norm) -> Any:
    """The bound as numbers."""
    if isinstance(bound, sp.Tuple):
        return np.array([_number(end, symbols) for end in bound])
    if isinstance(bound, sp.MatrixBase):
        return np.array([[_number(entry, symbols) for entry in row] for row in bound.tolist()])
    if isinstance(bound, sp.MatrixExpr):
        return _matrix(bound, symbols)
    return _number(bound, symbols)


def _number(expr: sp.Expr, symbols: dict[sp.Basic, Any]) -> float:
    """A scalar expression: numbers of steps first, then sums and products written out, then the norms by numpy."""
    counts = {symbol: symbols[symbol] for symbol in (K, L)}
    counted = expr.xreplace(counts)
    written = counted.doit() if counted.atoms(LayerMatrix) else counted
    kinds = (OperatorNorm, MinimumModulus, SmallestSingularValue, SpectralRadius, LogarithmicNorm, PerronRatio)
    atoms = written.atoms(*kinds)
    inner = {other for atom in atoms for other in sp.sympify(atom.args[0]).atoms(*kinds)}
    found = {atom: sp.Float(_scalar(atom, symbols), 17) for atom in atoms - inner}
    return float(written.xreplace(found).xreplace(symbols).doit().evalf())


def _scalar(atom: sp.Expr, symbols: dict[sp.Basic, Any]) -> float:
    matrix = _matrix(atom.args[0], symbols)
    if isinstance(atom, SpectralRadius):
        return float(np.abs(np.linalg.eigvals(matrix)).max())
    if isinstance(atom, SmallestSingularValue):
        return float(np.linalg.svd(matrix)[1].min())
    norm = NORMS[atom.args[1]]
    if isinstance(atom, PerronRatio):
        return _ratio(matrix, norm)
    if isinstance(atom, LogarithmicNorm):
        return rate(matrix, norm)
    return float(_size(matrix, norm) if isinstance(atom, OperatorNorm) else _least(matrix, norm))


def _ratio(matrix: Any, norm: Norm) -> float:
    """The ratio of the entries of the Perron vectors, by many powers."""
    powers = np.linalg.matrix_power(matrix / np.abs(np.linalg.eigvals(matrix)).max(), 1000)
    right, left = powers.sum(axis=1), powers.sum(axis=0)
    entries = {1: left, 2: np.sqrt(left / right), sp.oo: right}[norm.p]
    return float(entries.max() / entries.min())


def _matrix(expr: Any, symbols: dict[sp.Basic, Any]) -> Any:
    if isinstance(expr, sp.MatPow):
        return np.linalg.matrix_power(_matrix(expr.base, symbols), int(expr.exp))
    if isinstance(expr, sp.MatrixBase):
        return np.array([[_number(entry, symbols) for entry in row] for row in expr.tolist()])
    if isinstance(expr, sp.BlockMatrix):
        return np.block([[_matrix(block, symbols) for block in row] for row in expr.blocks.tolist()])
    written = expr.doit() if hasattr(expr, "factor") else expr
    if isinstance(written, sp.MatrixBase):
        return _matrix(written, symbols)
    return np.array(sp.Matrix(written.xreplace(symbols).doit()).evalf().tolist(), dtype=float)
