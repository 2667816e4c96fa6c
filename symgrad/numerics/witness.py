"""Witness: a counter-example that ball arithmetic confirms, and everything that is needed to confirm it again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.bounds.product import Bound, BoundSeries
from symgrad.calculus.enclose import BallEvaluator, column_of_balls, vector_norm
from symgrad.language.norms import Norm
from symgrad.language.weights import Weights
from symgrad.numerics.ranges import RangeSet
from symgrad.numerics.sharing import shared_nodes
from symgrad.presentable import Presentable
from symgrad.rigor.balls import lower_float, upper_float, working_precision

__all__ = ["PRECISIONS", "Separation", "Witness", "separate"]

Array = NDArray[np.float64]

PRECISIONS = (96, 192, 384, 768, 1536, 3072, 6144)


@dataclass(frozen=True)
class Separation:
    """Both sides of a claim in balls.

    Attributes:
        observed: encloses ``||J_k ... J_1 v|| / ||v||``, which lies between the product's minimum modulus and norm.
        bound: encloses the claimed bound.
        inside: whether all states and inputs are proved to lie within the declared ranges.
        bits: the precision.
        side: of the claim.
    """

    observed: arb
    bound: arb
    inside: bool
    bits: int
    side: str = "upper"

    @property
    def is_proved(self) -> bool:
        """Whether the balls separate, so that the claim is false."""
        return self.inside and bool(self.observed > self.bound if self.side == "upper" else self.observed < self.bound)


@dataclass(frozen=True, eq=False)
class Witness(Presentable):
    """A trajectory along which the product of k Jacobians exceeds a claimed bound, confirmed in ball arithmetic.

    All numbers in ``initial``, ``inputs``, ``direction`` and the weights are floats taken as exact.

    Attributes:
        bound: the claim.
        weights: the parameters' values.
        seed: the seed of the search.
        trajectory: which trajectory of the search it is.
        k: the number of factors.
        t: the step at which the product ends.
        initial: state name -> (n,), the state before the first factor.
        inputs: input name -> (k, m).
        direction: (N,) a vector v, the states stacked in the model's order, that the product stretches most (for a
            claim from below, least).
        log10_observed: decimal logarithm of ``||P v|| / ||v||``, rounded towards the claim.
        log10_bound: decimal logarithm of the claimed bound, rounded towards what is observed.
        bits: the precision at which the balls separate.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> claim = sg.product_bound(sg.models.elman()).tightened(0.9)
    >>> witness = sg.verify(claim, weights, horizon=2, trajectories=10).witness
    >>> witness.k, round(witness.observed_lower, 6), round(witness.bound_upper, 6), witness.replay()
    (2, 1.0, 0.81, True)
    """

    bound: Bound
    weights: Weights
    seed: int
    trajectory: int
    k: int
    t: int
    initial: Mapping[str, Array]
    inputs: Mapping[str, Array]
    direction: Array
    log10_observed: float
    log10_bound: float
    bits: int

    @property
    def observed_lower(self) -> float:
        """The observed stretching of the direction, rounded down."""
        return lower_float(self._replayed().observed)

    @property
    def bound_upper(self) -> float:
        """The claimed bound, rounded up."""
        return upper_float(self._replayed().bound)

    @property
    def excess(self) -> float:
        """By how much the claim is missed at least, the observed norm divided by the claimed bound, rounded down.

        For a claim from below the claimed bound divided by the observed stretching.
        """
        with working_precision(self.bits):
            played = self._replayed()
            above, below = played.observed, played.bound
            if played.side == "lower":
                above, below = below, above
            return lower_float(above / below) if below > 0 else math.inf

    def replay(self) -> bool:
        """Compute both sides again in ball arithmetic from the stored numbers; True if they separate again."""
        return self._replayed().is_proved

    def _replayed(self) -> Separation:
        return separate(self.bound, self.weights, self.initial, self.inputs, self.direction, self.k, self.bits)


def separate(
    bound: Bound,
    weights: Weights,
    initial: Mapping[str, Array],
    inputs: Mapping[str, Array],
    direction: Array,
    k: int,
    bits: int,
) -> Separation:
    """Both sides of a claim about k steps from an initial state, in balls of the given precision."""
    series = BoundSeries(bound, weights)
    claimed = series.at(k).ball
    with working_precision(bits):
        ranges = RangeSet(bound.model, weights, None if series.units is None else series.units.ranges)
        start = {bound.model.symbol(name): column_of_balls(array) for name, array in initial.items()}
        fed = {bound.model.symbol(name): array for name, array in inputs.items()}
        blocks = _split(direction, [column.nrows() for column in start.values()])
        before = _stacked_norm(blocks, bound.norm)
        inside = True
        for point in _points(bound, weights, start, fed, k):
            inside = inside and all(ranges.contain(s, point.values[s]) for s in bound.model.variables)
            blocks = _pushed(point, bound, blocks)
        return Separation(_stacked_norm(blocks, bound.norm) / before, claimed, inside, bits, bound.side)


def _points(
    bound: Bound, weights: Weights, start: Mapping[sp.Expr, Any], inputs: Mapping[sp.Expr, Array], k: int
) -> Iterator[BallEvaluator]:
    """An evaluator at each of the k steps, with the old states and the inputs put in."""
    constants: dict[int, BallEvaluator] = {}
    states = dict(start)
    for step in range(k):
        here = weights.at(step)
        known = constants.get(id(here)) or constants.setdefault(id(here), BallEvaluator.of_weights(here))
        fed = {s: column_of_balls(array[step]) for s, array in inputs.items()}
        point = BallEvaluator({**known.values, **states, **fed}, weights.sizes)
        yield point
        states = {symbol: point.vector(node) for symbol, node in shared_nodes(bound.model).updates.items()}


def _pushed(point: BallEvaluator, bound: Bound, blocks: list[Any]) -> list[Any]:
    """The Jacobian times a stacked vector."""
    rows = shared_nodes(bound.model).blocks
    return [
        reduce(point.add, (point.apply(entry, block) for entry, block in zip(row, blocks, strict=True))) for row in rows
    ]


def _split(vector: Array, sizes: list[int]) -> list[Any]:
    ends = np.cumsum(sizes).tolist()
    return [column_of_balls(vector[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _stacked_norm(blocks: list[Any], norm: Norm) -> arb:
    entries = [entry for block in blocks for entry in block.entries()]
    return vector_norm(arb_mat(len(entries), 1, entries), norm)
