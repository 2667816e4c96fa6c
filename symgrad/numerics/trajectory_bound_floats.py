"""The Jacobian at one step of an enclosed trajectory in floats with error bounds: quick for large layers.

States and slopes are balls; only the sums and products of matrices that make up the Jacobian are formed in floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from symgrad.language.operators import (
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Transpose,
    Weight,
    Zero,
)
from symgrad.numerics.sharing import Blocks
from symgrad.numerics.trajectory_bound_states import PointEvaluator
from symgrad.rigor.midpoint_matrices import MidpointMatrix

__all__ = ["StepJacobians"]

Constants: TypeAlias = dict[int, tuple[Any, MidpointMatrix]]  # by the place of what is kept beside, and so stays there


@dataclass(frozen=True)
class _Part:
    """A matrix, or the diagonal of one as a column."""

    value: MidpointMatrix
    is_diagonal: bool = False

    def full(self) -> MidpointMatrix:
        if not self.is_diagonal:
            return self.value
        return MidpointMatrix(np.diag(self.value.mid[:, 0]), np.diag(self.value.radius[:, 0]))

    def times(self, other: _Part) -> _Part:
        if self.is_diagonal:
            return _Part(self.value.entrywise(other.value), other.is_diagonal)
        if other.is_diagonal:
            return _Part(self.value.entrywise(other.value.transposed))
        return _Part(self.value.times(other.value))

    def plus(self, other: _Part) -> _Part:
        if self.is_diagonal and other.is_diagonal:
            return _Part(self.value.plus(other.value), True)
        return _Part(self.full().plus(other.full()))


class StepJacobians:
    """Jacobians of one model at the steps of a trajectory; constant matrices are turned into floats once.

    Args:
        blocks: of the Jacobian.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._constants: Constants = {}

    def at(self, point: PointEvaluator) -> MidpointMatrix:
        """The Jacobian at one step.

        Raises:
            InputError: an entry without bounds, or beyond the largest float.
        """
        step = _Step(point, self._constants)
        return MidpointMatrix.of_blocks([[step.part(entry).full() for entry in row] for row in self._blocks])


class _Step:
    """Operators at one step; what occurs twice is computed once."""

    def __init__(self, point: PointEvaluator, constants: Constants) -> None:
        self._point, self._constants = point, constants
        self._known: dict[Operator, _Part] = {}

    def part(self, operator: Operator) -> _Part:
        if operator not in self._known:
            self._known[operator] = self._of(operator)
        return self._known[operator]

    def _of(self, operator: Operator) -> _Part:
        match operator:
            case Identity(length):
                return _Part(MidpointMatrix.exact(np.ones((self._point.size(length), 1))), True)
            case Zero(rows, columns):
                return _Part(MidpointMatrix.exact(np.zeros((self._point.size(rows), self._point.size(columns)))))
            case Weight():
                return _Part(self._constant(operator))
            case Diagonal(vector):
                return _Part(MidpointMatrix.of_balls(self._point.vector(vector)), True)
            case Scale(coefficient, operand):
                inner = self.part(operand)
                return _Part(inner.value.scaled(self._point.number(coefficient)), inner.is_diagonal)
            case OperatorSum(terms):
                return reduce(_Part.plus, map(self.part, terms))
            case Compose(factors):
                return reduce(_Part.times, map(self.part, factors))
            case Transpose(operand):
                inner = self.part(operand)
                return inner if inner.is_diagonal else _Part(inner.value.transposed)
        return _Part(MidpointMatrix.of_balls(self._point.operator(operator)))

    def _constant(self, operator: Weight) -> MidpointMatrix:
        value = self._point.matrix(operator.matrix)
        if id(value) not in self._constants:
            self._constants[id(value)] = value, MidpointMatrix.of_balls(value)
        return self._constants[id(value)][1]
