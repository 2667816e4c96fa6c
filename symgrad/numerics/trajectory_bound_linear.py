"""The Jacobians along an enclosed trajectory, at any precision, as factors of products."""

from __future__ import annotations

import math
from collections.abc import Sequence as ListLike
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import NoBoundError
from symgrad.language.norms import NORMS, Norm
from symgrad.language.operators import Operator
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm, certified, floats_around, matrix_norm
from symgrad.numerics.trajectory_bound_products import Chain, factor_of, inverse_factors
from symgrad.numerics.trajectory_bound_segments import Factor
from symgrad.numerics.trajectory_bound_slopes import structured_factor
from symgrad.numerics.trajectory_bound_states import Course, PointEvaluator, Sequence, stacked
from symgrad.numerics.trajectory_bound_tube import Radii, Tube, tube_around
from symgrad.rigor.balls import lower_float, upper_float, working_precision

__all__ = ["Linearised"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linearised:
    """Jacobians ``J_1 ... J_T`` that enclose those of all trajectories within given radii.

    Attributes:
        course: the trajectory of exact numbers.
        tube: all trajectories within the radii; None where everything is exact.
    """

    course: Course
    tube: Tube | None
    _points: dict[int, list[PointEvaluator]] = field(default_factory=dict)
    _jacobians: dict[int, list[Any]] = field(default_factory=dict)
    _chains: dict[tuple[Norm, int, bool], Chain] = field(default_factory=dict)
    _constants: dict[int, dict[Operator, arb]] = field(default_factory=dict)

    @classmethod
    def of(cls, sequence: Sequence, radii: Radii) -> Linearised:
        """That of one sequence and radii."""
        course = Course(sequence)
        return cls(course, None if radii.is_zero else tube_around(course, radii))

    def points(self, bits: int) -> list[PointEvaluator]:
        """Evaluators at the T old states and inputs, for use at the present precision of so many bits."""
        if self.tube is not None:
            return self.tube.evaluators
        if bits not in self._points:
            _forget_but_one(self._points)
            self._points[bits] = self.course.evaluators(bits)
        return self._points[bits]

    def jacobians(self, bits: int) -> list[Any]:
        """``J_1 ... J_T`` as matrices of balls, cut to the widths of their layers."""
        key = 0 if self.tube is not None else bits
        if key not in self._jacobians:
            _forget_but_one(self._jacobians)
            blocks, widths = shared_nodes(self.course.sequence.model).blocks, self.course.sequence.widths
            self._jacobians[key] = [
                stacked(point, blocks, widths(step + 1), widths(step)) for step, point in enumerate(self.points(bits))
            ]
        return self._jacobians[key]

    def chain(self, norm: Norm, bits: int) -> Chain:
        """The factors ``J_T, J_{T-1}, ..., J_1``, at the present precision."""
        key = norm, 0 if self.tube is not None else bits, False
        if key not in self._chains:
            _forget_but_one(self._chains)
            factors = [self._factor(matrix, step, norm, bits) for step, matrix in enumerate(self.jacobians(bits))]
            self._chains[key] = Chain(factors[::-1], norm)
        return self._chains[key]

    def _factor(self, matrix: Any, step: int, norm: Norm, bits: int) -> Factor:
        """The factor of a step; of wide balls the one with the smaller spread of two."""
        plain, sequence = factor_of(matrix, norm), self.course.sequence
        if plain.spread == 0:
            return plain
        known = self._constants.setdefault(id(sequence.weights.at(step)), {})
        shape = sequence.widths(step + 1), sequence.widths(step)
        blocks = shared_nodes(sequence.model).blocks
        other = structured_factor(self.points(bits)[step], blocks, norm, known, shape)
        return other if other is not None and other.spread < plain.spread else plain

    def check(self, norm: Norm, bits: int) -> None:
        """Refuse Jacobians without bounds.

        Raises:
            NoBoundError: names the first step.
        """
        factors = self.chain(norm, bits).factors
        for step, factor in enumerate(reversed(factors), 1):
            if not factor.spread.is_finite():
                raise NoBoundError(f"trajectory: the Jacobian of step {step} has an entry without bounds")

    def inverse_chain(self, norm: Norm, bits: int) -> Chain:
        """The transposed inverses of these factors, measured in the dual norm."""
        key = norm, bits, True
        if key not in self._chains:
            _forget_but_one(self._chains)
            factors = inverse_factors(self.chain(norm, bits).factors, norm)
            self._chains[key] = Chain(factors, NORMS[norm.dual])
        return self._chains[key]

    def factor_norms(self, norm: Norm, bits: int) -> list[CertifiedNorm]:
        """The norms of ``J_1 ... J_T``."""
        with working_precision(bits):
            pairs = zip(self.jacobians(bits), reversed(self.chain(norm, bits).factors), strict=True)
            return [_least(matrix_norm(matrix, norm), factor, norm) for matrix, factor in pairs]

    def singular(self, bits: int) -> list[bool]:
        """For k = 1 ... T whether ``P_{T,k}`` surely has a kernel, as rows or columns of a factor vanish or are few."""
        found, rank = [], math.inf
        for matrix in reversed(self.jacobians(bits)):
            there = np.array([not entry.is_zero() for entry in matrix.entries()]).reshape(matrix.nrows(), -1)
            rank = min(rank, int(there.any(axis=0).sum()), int(there.any(axis=1).sum()))
            found.append(rank < matrix.ncols())
        return found

    def scaled_products(self, norm: Norm, terms: ListLike[arb], bits: int) -> list[Array]:
        """``P_{T,k}`` for k = 0 ... T-1 in floats, scaled so that the norms are about the terms over the largest."""
        largest = max((float(term.log()) for term in terms if term > 0), default=0.0)
        found = []
        product = np.eye(self.jacobians(bits)[-1].nrows())
        for term, factor in zip(terms, self.chain(norm, bits).factors, strict=True):
            length = float(np.linalg.norm(product))
            weight = np.exp(float(term.log()) - largest) if term > 0 else 0.0
            found.append(product * (weight / length if length > 0 else 0.0))
            product = product @ floats_around(factor.matrix).mid
            length = float(np.abs(product).max(initial=0.0))
            product = product / length if 0 < length < np.inf else np.nan_to_num(product)
        return found

    def state_ends(self) -> dict[str, tuple[Array, Array]]:
        """State name -> floats around all states, (T+1, n) each."""
        found: dict[str, tuple[Array, Array]] = {}
        states = self.course.states(128) if self.tube is None else self.tube.states
        with working_precision(192):
            for symbol in states[0]:
                rows = [columns[symbol].entries() for columns in states]
                low = np.array([[lower_float(ball) for ball in row] for row in rows])
                high = np.array([[upper_float(ball) for ball in row] for row in rows])
                found[str(symbol)] = low, high
        return found


def _least(found: CertifiedNorm, factor: Factor, norm: Norm) -> CertifiedNorm:
    """What is known of a norm by entries and by a factor around the same matrix."""
    if factor.spread == 0:
        return found
    other = matrix_norm(factor.matrix, norm)
    low, high = other.lower.ball - factor.spread, other.upper.ball + factor.spread
    return certified(
        low if low > found.lower.ball else found.lower.ball, high if high < found.upper.ball else found.upper.ball
    )


def _forget_but_one(known: dict[Any, Any]) -> None:
    """Make room: matrices of many digits for hundreds of steps are large, and two precisions are used at a time."""
    for key in list(known)[:-1]:
        del known[key]
