"""Random instances of a model on which an inequality is tried, in ball arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.gain import ball_power_norm
from symgrad.bounds.inequality import BlockNorms, EntryRange, Inequality, OperatorNormOf, ProductNorm
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, column_of_balls, norm_of_balls
from symgrad.language.operators import Block, Operator
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import exact_ball, lower_float, to_ball, upper_float, working_precision

__all__ = ["Instance", "obeys"]

_BITS = 128
_STEPS = 3


@dataclass(frozen=True)
class Instance:
    """Sizes, weights and some independent admissible states and inputs, all random."""

    weights: Weights
    bounds: BoundEvaluator
    points: tuple[BallEvaluator, ...]

    @classmethod
    def draw(cls, model: Recurrence, random: np.random.Generator) -> Instance:
        """Draw sizes from 1 to 3, weights and points from Gaussians of random scale, within declared ranges."""
        sizes = {size: int(random.integers(1, 4)) for size in model.sizes}
        scale = float(10.0 ** random.uniform(-1.0, 1.0))
        values = {symbol: _draw(model, symbol, sizes, scale, random) for symbol in model.parameters}
        values = {s: _clipped(array, model.ranges.get(s), values) for s, array in values.items()}
        weights = Weights(values, sizes)
        points = []
        for _ in range(_STEPS):
            evaluator = BallEvaluator.of_weights(weights)
            for symbol in model.variables:
                drawn = _clipped(_draw(model, symbol, sizes, scale, random), model.ranges.get(symbol), values)
                evaluator.values[symbol] = column_of_balls(drawn.reshape(-1))
            points.append(evaluator)
        return cls(weights, BoundEvaluator(weights), tuple(points))


def _draw(model: Recurrence, symbol: sp.Expr, sizes: dict[sp.Symbol, int], scale: float, random: Any) -> Any:
    shape = () if isinstance(symbol, sp.Symbol) else tuple(int(sp.sympify(s).xreplace(sizes)) for s in symbol.shape)
    values = scale * random.standard_normal(shape)
    if isinstance(symbol, sp.Symbol) and symbol.is_nonnegative:
        values = np.abs(values)
    return np.asarray(values.reshape(-1) if shape[1:] == (1,) else values)


def _clipped(values: Any, declared: sp.Interval | None, parameters: dict[sp.Expr, Any]) -> Any:
    """Values moved into a declared range, whose ends may contain scalar parameters."""
    if declared is None:
        return values
    numbers = {s: sp.Rational(float(parameters[s])) for s in declared.free_symbols}
    low, high = (to_ball(end.xreplace(numbers)) for end in (declared.start, declared.end))
    return np.clip(values, upper_float(low), lower_float(high))


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
        case ProductNorm(jacobian, _, norm):
            product = _dense(jacobian, instance.points[0])
            for point in instance.points[1:]:
                product = _dense(jacobian, point) * product
            return _at_most(norm_of_balls(product, norm.p).lower, _product_limit(inequality, instance))
    raise TypeError(f"no check is defined for {type(inequality.quantity).__name__}")


def _product_limit(inequality: Inequality, instance: Instance) -> arb:
    premise = inequality.premises[0]
    norm = inequality.quantity.norm  # type: ignore[attr-defined]
    gain = premise.bound if isinstance(premise.quantity, BlockNorms) else sp.ImmutableDenseMatrix([[premise.bound]])
    return ball_power_norm(instance.bounds.matrix(gain), _STEPS, norm.p)


def _at_most(value: float, limit: arb) -> bool:
    return not exact_ball(value) > limit


def _norm(operator: Operator, point: BallEvaluator, p: sp.Expr) -> float:
    return norm_of_balls(_dense(operator, point), p).lower


def _dense(operator: Operator, point: BallEvaluator) -> Any:
    if isinstance(operator, Block):
        return _stack([[point.operator(entry) for entry in row] for row in operator.rows])
    return point.operator(operator)


def _stack(blocks: list[list[Any]]) -> Any:
    table = [[entry for block in row for entry in block.tolist()[i]] for row in blocks for i in range(row[0].nrows())]
    return type(blocks[0][0])(table)
