"""Random instances of a model on which an inequality is tried, in ball arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.flow_instances import flow_obeys
from symgrad.bounds.growth import ComparisonPower
from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    BlockNorms,
    ComparisonOf,
    EntryRange,
    FlowDifferentialNorm,
    FlowNorm,
    Inequality,
    LogarithmicNormOf,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
)
from symgrad.bounds.layer_instances import layer_limit
from symgrad.bounds.parameter_instances import dense, parameters_obey
from symgrad.bounds.weighted_instances import (
    InstanceCertificates,
    moduli_obey,
    product_limit,
    weighted_obeys,
    weighted_sum_obeys,
)
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, column_of_balls, norm_of_balls, vector_norm
from symgrad.language.matrix_properties import MatrixProperty, diagonal, nonnegative, orthogonal, symmetric
from symgrad.language.norms import Norm
from symgrad.language.operators import Block, Operator
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import exact_ball, lower_float, upper_float, working_precision
from symgrad.rigor.matrix_balls import midpoint_radius
from symgrad.rigor.stretching import least_stretched

__all__ = ["Instance", "obeys"]

_BITS = 128
_STEPS = 3
_POINTS = 5
_FAR = 1e3  # saturates gates, and reaches the ends of declared ranges


@dataclass(frozen=True)
class Instance:
    """Sizes, weights and some independent admissible states and inputs, all random."""

    weights: Weights
    bounds: BoundEvaluator
    points: tuple[BallEvaluator, ...]
    certificates: InstanceCertificates
    layers: tuple[Instance, ...] = ()

    @classmethod
    def draw(cls, model: Recurrence, random: np.random.Generator) -> Instance:
        """Draw sizes from 1 to 3, weights and points of random kind and scale, within declared ranges.

        Equality often needs weights with zeros (rows picked by gates, terms in one direction), slopes at
        their steepest (arguments near zero) or saturated gates (large arguments), so each kind has its turn.
        For a model with a depth also a few layers, each with weights and points of its own.
        """
        sizes = {size: int(random.integers(1, 4)) for size in model.sizes}
        layers = () if model.depth is None else tuple(cls._of_sizes(model, sizes, random) for _ in range(_STEPS))
        return replace(cls._of_sizes(model, sizes, random), layers=layers)

    @classmethod
    def _of_sizes(cls, model: Recurrence, sizes: dict[sp.Symbol, int], random: np.random.Generator) -> Instance:
        scale = float(10.0 ** random.uniform(-1.0, 1.0))
        values = {s: _weight(s, sizes, scale, random) for s in model.parameters}
        values |= {s: _having(held, values[s], random) for s, held in model.properties.items()}
        drawn_bounds = BoundEvaluator(Weights(values, sizes))
        values = {s: _clipped(array, model.ranges.get(s), drawn_bounds) for s, array in values.items()}
        weights = Weights(values, sizes)
        bounds = BoundEvaluator(weights)
        points = []
        for _ in range(_POINTS):
            evaluator = BallEvaluator.of_weights(weights)
            for symbol in model.variables:
                size = float(random.choice([0.0, scale, _FAR]))
                drawn = _clipped(_draw(symbol, sizes, size, random), model.ranges.get(symbol), bounds)
                evaluator.values[symbol] = column_of_balls(drawn.reshape(-1))
            points.append(evaluator)
        return cls(weights, bounds, tuple(points), InstanceCertificates(model, weights))


def _draw(symbol: sp.Expr, sizes: dict[sp.Symbol, int], scale: float, random: np.random.Generator) -> Any:
    shape = () if isinstance(symbol, sp.Symbol) else tuple(int(sp.sympify(s).xreplace(sizes)) for s in symbol.shape)
    return scale * random.standard_normal(shape)


def _weight(symbol: sp.Expr, sizes: dict[sp.Symbol, int], scale: float, random: np.random.Generator) -> Any:
    """Dense, with most entries zero, or simple: a multiple of the identity and a vector of zeros."""
    values = _draw(symbol, sizes, scale, random)
    if isinstance(symbol, sp.Symbol):
        return np.asarray(
            np.abs(values) if symbol.is_nonnegative else -np.abs(values) if symbol.is_nonpositive else values
        )
    kind = random.integers(3)
    if kind == 1:
        values = values * (random.random(values.shape) < 1 / max(values.shape))
    elif kind == 2:
        values = scale * np.eye(*values.shape) if values.shape[1:] != (1,) else np.zeros(values.shape)
    return np.asarray(values.reshape(-1) if values.shape[1:] == (1,) else values)


def _having(held: frozenset[MatrixProperty], values: Any, random: np.random.Generator) -> Any:
    """A matrix with declared properties, exactly: orthogonal ones are permutations with signs."""
    if orthogonal in held:
        values = np.diag(random.choice([-1.0, 1.0], len(values)))
        if not held & {symmetric, diagonal}:
            values = values[random.permutation(len(values))]
    if diagonal in held:
        values = np.diag(np.diag(values))
    elif symmetric in held:
        values = values + values.T
    return np.abs(values) if nonnegative in held else values


def _clipped(values: Any, declared: sp.Interval | None, bounds: BoundEvaluator) -> Any:
    """Values moved into a range, whose ends may contain parameters; an end that is not known limits nothing."""
    if declared is None:
        return values
    with working_precision(_BITS):
        low, high = (bounds.ball(end) for end in (declared.start, declared.end))
        ends = (upper_float(low) if low.is_finite() else -np.inf, lower_float(high) if high.is_finite() else np.inf)
    return np.clip(values, *ends)


def obeys(inequality: Inequality, instance: Instance) -> bool:
    """False only when balls prove the quantity to exceed its bound at the instance."""
    with working_precision(_BITS):
        return _obeys(inequality, instance)


def _obeys(inequality: Inequality, instance: Instance) -> bool:
    bound = inequality.bound
    match inequality.quantity:
        case OperatorNormOf(operator, norm):
            limit = instance.bounds.ball(bound)
            return all(_at_most(_norm(operator, point, norm.p), limit) for point in instance.points)
        case BlockNorms(block, norm):
            limits = [instance.bounds.ball(entry) for entry in bound]
            entries = [entry for row in block.rows for entry in row]
            pairs = list(zip(entries, limits, strict=True))
            return all(_at_most(_norm(e, point, norm.p), limit) for point in instance.points for e, limit in pairs)
        case EntryRange(vector):
            low, high = (instance.bounds.ball(end) if end.is_finite is not False else None for end in bound)
            values = [entry for point in instance.points for entry in point.vector(vector).entries()]
            return all((low is None or not v < low) and (high is None or not v > high) for v in values)
        case (ProductNorm() | ProductModulus()) as quantity if instance.layers:
            return _obeys_over_layers(inequality, quantity, instance)
        case ProductNorm(jacobian, _, norm):
            limit = product_limit(bound.xreplace({inequality.quantity.k: sp.Integer(_STEPS)}), instance.bounds)
            return all(_at_most(norm_of_balls(run, norm.p).lower, limit) for run in _runs(jacobian, instance))
        case MinimumModulusOf(operator, norm):
            limit = instance.bounds.ball(bound)
            return all(not _stretches_less(dense(operator, point), norm, limit) for point in instance.points)
        case ComparisonOf(block, norm):
            return all(_compares(block, bound, norm, point, instance) for point in instance.points)
        case ProductModulus(jacobian, k, norm):
            limit = _modulus_limit(inequality, k, instance)
            return all(not _stretches_less(run, norm, limit) for run in _runs(jacobian, instance))
        case LogarithmicNormOf() | BlockLogarithmicNorms() | FlowNorm() | FlowDifferentialNorm():
            return flow_obeys(inequality, instance.bounds, instance.points)
    return _obeys_weighted(inequality, instance)


def _obeys_weighted(inequality: Inequality, instance: Instance) -> bool:
    """Moduli of entries and products in weighted norms; all that remains is about parameters."""
    match inequality.quantity:
        case MagnitudesOf() as quantity:
            return moduli_obey(quantity, inequality.bound, instance.bounds, instance.points)
        case WeightedProductNorm(jacobian, _, norm, _):
            runs = ((_STEPS, run) for run in _runs(jacobian, instance))
            return weighted_obeys(inequality, instance.bounds, instance.certificates, runs, norm)
        case WeightedDifferentialNorm():
            return weighted_sum_obeys(inequality, instance.bounds, instance.certificates, instance.points)
    return parameters_obey(inequality, instance.bounds, instance.points)


def _obeys_over_layers(inequality: Inequality, quantity: ProductNorm | ProductModulus, instance: Instance) -> bool:
    """Products of the Jacobians of a few layers against the bound on as many."""
    if not inequality.is_finite:
        return True
    layers = instance.layers[: int(quantity.k)] if quantity.k.is_Integer else instance.layers
    limit = layer_limit(inequality, [layer.bounds for layer in layers])
    points = zip(*(layer.points for layer in layers), strict=True)
    runs = [reduce(mul, (dense(quantity.jacobian, point) for point in reversed(run))) for run in points]
    if isinstance(quantity, ProductNorm):
        return all(_at_most(norm_of_balls(run, quantity.norm.p).lower, limit) for run in runs)
    return all(not _stretches_less(run, quantity.norm, limit) for run in runs)


def _runs(jacobian: Operator, instance: Instance) -> list[Any]:
    """Products of a few Jacobians at different points, and powers of one."""
    matrices = [dense(jacobian, point) for point in instance.points]
    runs = [matrices[first : first + _STEPS] for first in range(_POINTS - _STEPS + 1)]
    return [reduce(mul, run) for run in [*runs, *([matrix] * _STEPS for matrix in matrices)]]


def _compares(block: Block, bound: Any, norm: Norm, point: BallEvaluator, instance: Instance) -> bool:
    """Whether a comparison matrix is below the minimum moduli on the diagonal and minus the norms elsewhere."""
    for i, row in enumerate(block.rows):
        for j, entry in enumerate(row):
            limit = instance.bounds.ball(bound[i, j])
            if i == j and _stretches_less(point.operator(entry), norm, limit):
                return False
            if i != j and not _at_most(_norm(entry, point, norm.p), -limit):
                return False
    return True


def _modulus_limit(inequality: Inequality, k: sp.Symbol, instance: Instance) -> arb:
    """A lower bound on a product of a few steps with numbers put in."""
    premise = inequality.premises[0]
    if isinstance(premise.quantity, ComparisonOf) and not inequality.bound.is_zero:
        return ComparisonPower(premise.bound, premise.quantity.norm).series(instance.bounds).at(_STEPS)
    return instance.bounds.ball(inequality.bound.xreplace({k: sp.Integer(_STEPS)}))


def _stretches_less(matrix: Any, norm: Norm, limit: arb) -> bool:
    """Whether some vector is proved to be stretched by less than a limit."""
    mid, _ = midpoint_radius(matrix)
    if not np.isfinite(mid).all():
        return False
    for candidate in least_stretched(mid, float(norm.p)):
        column = column_of_balls(candidate)
        if vector_norm(matrix * column, norm) < limit * vector_norm(column, norm):
            return True
    return False


def _at_most(value: float, limit: arb) -> bool:
    return not exact_ball(value) > limit


def _norm(operator: Operator, point: BallEvaluator, p: sp.Expr) -> float:
    return norm_of_balls(dense(operator, point), p).lower
