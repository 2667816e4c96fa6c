"""A trajectory in balls: the states that exact inputs lead to, and evaluators of anything along it.

Exact starting points lead to states whose balls widen by a factor with every step, in a chaotic network by very many
orders of magnitude. The precision is therefore doubled until every ball is as narrow as was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.errors import NoBoundError, SymgradError
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, Weights
from symgrad.numerics.sharing import shared_nodes
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.jumps import jumps

__all__ = ["Course", "PointEvaluator", "Sequence", "stacked"]

Array = NDArray[np.float64]
Columns = dict[sp.Expr, Any]

_MOST_BITS = 1 << 15


@dataclass(frozen=True, eq=False)
class Sequence:
    """What determines a trajectory: exact floats.

    Attributes:
        model: the recurrence.
        weights: its parameters.
        initial: state symbol -> (n,).
        inputs: input symbol -> (T, m).
        steps: T.
    """

    model: Recurrence
    weights: Weights
    initial: Mapping[sp.Expr, Array]
    inputs: Mapping[sp.Expr, Array]
    steps: int

    def widths(self, step: int) -> int | None:
        """How many entries of the state after some steps count, where layers have different widths."""
        weights = self.weights
        return weights.widths[step] if isinstance(weights, LayerWeights) and weights.widths is not None else None


class PointEvaluator(BallEvaluator):
    """Balls at one step; a function with a jump within a ball (the slope at a kink) has the values of both sides.

    What depends on constants alone is computed once and shared by all steps.
    """

    def __init__(self, values: Mapping[sp.Expr, Any], sizes: Mapping[sp.Symbol, int]) -> None:
        super().__init__(values, sizes)
        self._identities: dict[int, Any] = {}

    def at(self, point: Mapping[sp.Expr, Any]) -> PointEvaluator:
        """The same constants with states and inputs put in."""
        other = type(self)({**self.values, **point}, {})
        other.sizes, other._matrices, other._identities = self.sizes, self._matrices, self._identities
        return other

    def identity(self, size: int) -> Any:
        if size not in self._identities:
            self._identities[size] = super().identity(size)
        return self._identities[size]

    def matmul(self, left: Any, right: Any) -> Any:
        if left.ncols() == right.nrows() and right is self._identities.get(right.nrows()):
            return left
        return super().matmul(left, right)

    def function(self, activation: Activation, value: Any) -> Any:
        places = _jump_places(activation)
        if places is not None and not places:
            return super().function(activation, value)
        evaluate = ball_function(activation.expr, (VARIABLE,))
        balls = None if places is None else [to_ball(place) for place in places]
        entries = [evaluate(_across(entry, balls)) for entry in value.entries()]
        return arb_mat(value.nrows(), value.ncols(), entries)


@lru_cache(maxsize=256)
def _jump_places(activation: Activation) -> tuple[sp.Expr, ...] | None:
    """Where a function jumps; None where this could not be found out."""
    try:
        return tuple(point for point, _ in jumps(activation.expr, VARIABLE))
    except SymgradError:
        return None


def _across(entry: arb, places: list[arb] | None) -> arb:
    """A ball made to reach beyond both sides of each jump that it touches."""
    if places is not None and not any(entry.overlaps(place) for place in places):
        return entry
    margin = (abs(entry) + 1) * arb((1, -64))
    return entry + arb(0, margin.upper())


@dataclass(eq=False)
class Course:
    """The enclosed course of one sequence, at any precision.

    Attributes:
        sequence: what determines it.
    """

    sequence: Sequence
    _states: list[Columns] = field(default_factory=list)
    _bits: int = 0

    def states(self, bits: int) -> list[Columns]:
        """State symbol -> column of balls after 0 ... T steps, the balls narrower than 2^-bits (relative above 1).

        Raises:
            NoBoundError: this precision is not reached, as where a state is not proved to be finite.
        """
        attempt = max(2 * bits, self._bits)
        while not self._states or self._bits < bits:
            found = self._attempt(attempt, bits)
            if found is not None:
                self._states, self._bits = found, bits
            elif attempt >= _MOST_BITS:
                raise NoBoundError(
                    f"trajectory: at {attempt} bits some state up to step {self.sequence.steps} is still not enclosed "
                    "narrowly; it overflows, lies at a jump of an activation, or the trajectory is too long"
                )
            attempt *= 2
        return self._states

    def _attempt(self, attempt: int, bits: int) -> list[Columns] | None:
        """The states computed at a precision; None as soon as one is too wide."""
        sequence = self.sequence
        updates = shared_nodes(sequence.model).updates
        with working_precision(attempt):
            states: Columns = {s: column_of_balls(array) for s, array in sequence.initial.items()}
            found, cache = [states], Constants(sequence.weights, BallEvaluator)
            for step in range(sequence.steps):
                base = cache.at(step)
                fed = {s: column_of_balls(array[step]) for s, array in sequence.inputs.items()}
                point = BallEvaluator({**base.values, **states, **fed}, {})
                point.sizes, point._matrices = base.sizes, base._matrices
                states = {s: self._trimmed(point.vector(node), step + 1) for s, node in updates.items()}
                if not all(_is_narrow(entry, bits) for column in states.values() for entry in column.entries()):
                    return None
                found.append(states)
        return found

    def _trimmed(self, column: Any, step: int) -> Any:
        """Zeros where a narrow layer has no entries."""
        width = self.sequence.widths(step)
        if width is None:
            return column
        entries = column.entries()
        return arb_mat(len(entries), 1, entries[:width] + [arb(0)] * (len(entries) - width))

    def evaluators(self, bits: int) -> list[PointEvaluator]:
        """An evaluator at each step, with the old states and the inputs put in, at the present precision."""
        states, cache = self.states(bits), Constants(self.sequence.weights, PointEvaluator)
        inputs = self.sequence.inputs
        return [
            cache.at(step).at(states[step] | {s: column_of_balls(array[step]) for s, array in inputs.items()})
            for step in range(self.sequence.steps)
        ]


class Constants:
    """Evaluators of the parameters of each step, made once for each set of them."""

    def __init__(self, weights: Weights, kind: type[BallEvaluator]) -> None:
        self._weights, self._kind = weights, kind
        self._known: dict[int, Any] = {}

    def at(self, step: int) -> Any:
        """The evaluator of the parameters of a step, counted from 0."""
        here = self._weights.at(step)
        if id(here) not in self._known:
            sizes = {**here.sizes, **self._weights.sizes}
            self._known[id(here)] = self._kind(self._kind.of_weights(here).values, sizes)
        return self._known[id(here)]


def _is_narrow(ball: arb, bits: int) -> bool:
    return bool(ball.rad() <= (abs(ball) + 1).upper() * arb((1, -bits)))


def stacked(point: BallEvaluator, rows: Any, height: int | None = None, width: int | None = None) -> Any:
    """Blocks of operators as one matrix of balls, cut to the first rows and columns where told."""
    lines: list[list[arb]] = []
    for row in rows:
        blocks = [point.operator(entry).tolist() for entry in row]
        lines += [reduce(lambda a, b: a + b, parts) for parts in zip(*blocks, strict=True)]
    return arb_mat([line[:width] for line in lines[:height]])
