"""A fixed point of a plain recurrent network at which gradients grow, proved in ball arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import acb, arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls, norm_of_balls
from symgrad.language.elementwise import VARIABLE
from symgrad.language.norms import norm as norm_of
from symgrad.numerics.claims.growth_search import dominant_pair
from symgrad.numerics.claims.plain_network import PlainNetwork
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, lower_float, working_precision
from symgrad.rigor.eigenvalues import enclosed_eigenvalue
from symgrad.rigor.krawczyk import krawczyk_zero
from symgrad.rigor.matrix_balls import columns_scaled, point_matrix, rows_scaled
from symgrad.rigor.matrix_norms import NormEnclosure
from symgrad.rigor.spectral_radius import spectral_radius_bounds

__all__ = ["Enclosures", "GrowthPoint", "attained", "certified_growth", "enclosures"]

Array = NDArray[np.float64]

BITS = (128, 256, 512)
STEPS = 10
_CLOSE = 2.0**-40


@dataclass(frozen=True, eq=False)
class Enclosures:
    """What ball arithmetic proves about a fixed point.

    Attributes:
        biases: (n,), exact.
        arguments: (n, 1) balls around the arguments of the activations.
        state: (n, 1) balls around the fixed point.
        slopes: balls around the slopes.
        jacobian: (n, n) balls around J.
    """

    biases: Array
    arguments: Any
    state: Any
    slopes: list[arb]
    jacobian: Any

    @cached_property
    def eigenvalue(self) -> acb | None:
        """A ball around the eigenvalue of J of largest modulus, where it is simple."""
        floats = np.array([float(entry.mid()) for entry in self.jacobian.entries()])
        if not np.isfinite(floats).all():
            return None
        value, vector = dominant_pair(floats.reshape(self.jacobian.nrows(), -1))
        return enclosed_eigenvalue(self.jacobian, value, vector)

    @cached_property
    def radius(self) -> arb:
        """A lower bound of the spectral radius of J."""
        if self.eigenvalue is not None:
            return self.eigenvalue.abs_lower()
        return spectral_radius_bounds(self.jacobian)[0]

    def norms(self, steps: int) -> tuple[NormEnclosure, ...]:
        """The 2-norms of J, J^2, ..., J^steps, enclosed."""
        found, power = [], self.jacobian
        for _ in range(steps):
            found.append(norm_of_balls(power, norm_of(2).p))
            power = self.jacobian * power
        return tuple(found)


@dataclass(frozen=True, eq=False)
class GrowthPoint(Presentable):
    """Biases and a fixed point of a network at which the spectral radius of the Jacobian J is proved to be above 1.

    The gradient that is carried back through k steps at the fixed point is multiplied by J^k, and
    ``||J^k|| >= rho(J)^k`` in every norm.

    Attributes:
        network: the network, without input.
        matrix: (n, n), W, exact.
        biases: (n,), b, exact.
        arguments: (n,) of the activations, nearest floats.
        fixed_point: (n,) the state x = F(x), nearest floats.
        slopes: (n,) of the activations at the fixed point, nearest floats.
        eigenvalue: a ball around the eigenvalue of J of largest modulus; None where only its modulus is bounded.
        rate: a lower bound of the spectral radius of J, above 1.
        norms: the 2-norms of J, J^2, J^3, ..., enclosed.
        bits: the precision of the proof.
    """

    network: PlainNetwork
    matrix: Array
    biases: Array
    arguments: Array
    fixed_point: Array
    slopes: Array
    eigenvalue: acb | None
    rate: float
    norms: tuple[NormEnclosure, ...]
    bits: int

    def enclosed(self) -> Enclosures | None:
        """The fixed point, its slopes and the Jacobian in balls, proved again."""
        with working_precision(self.bits):
            return enclosures(self.network, self.matrix, self.biases, self.arguments)

    def replay(self) -> bool:
        """Prove all of it again in ball arithmetic from W, b and the approximate fixed point."""
        with working_precision(self.bits):
            found = self.enclosed()
            if found is None or not (found.radius >= arb(self.rate) > 1):
                return False
            same = (
                _near(self.arguments, found.arguments.entries()),
                _near(self.fixed_point, found.state.entries()),
                _near(self.slopes, found.slopes),
                self.eigenvalue is None
                or (found.eigenvalue is not None and self.eigenvalue.overlaps(found.eigenvalue)),
            )
            pairs = zip(self.norms, found.norms(len(self.norms)), strict=True)
            return all(same) and all(old.lower <= new.upper and new.lower <= old.upper for old, new in pairs)


def certified_growth(network: PlainNetwork, matrix: Array, arguments: Array, steps: int = STEPS) -> GrowthPoint | None:
    """Biases that make a fixed point of given arguments of the activations, and the proof that gradients grow there.

    Args:
        network: without input.
        matrix: (n, n), W.
        arguments: (n,) of the activations.
        steps: how many powers of the Jacobian are to be listed.

    Returns:
        The certified point, or None where ball arithmetic does not prove a spectral radius above 1.
    """
    with working_precision(BITS[0]):
        biases = _biases(network, matrix, arguments)
    if not np.isfinite(biases).all():
        return None
    for bits in BITS:
        with working_precision(bits):
            found = enclosures(network, matrix, biases, arguments)
            if found is not None:
                rate = lower_float(found.radius)
                if not rate > 1:
                    return None
                return _point(network, matrix, biases, found, (bits, steps))
    return None


def attained(network: PlainNetwork, matrix: Array, arguments: Array) -> Enclosures | None:
    """What is proved at the fixed point that has given arguments of the activations; None where nothing is."""
    with working_precision(BITS[0]):
        return enclosures(network, matrix, _biases(network, matrix, arguments), arguments)


def enclosures(network: PlainNetwork, matrix: Array, biases: Array, arguments: Array) -> Enclosures | None:
    """The fixed point near given arguments, ``a = W s(a) + b``; None where the operator of Krawczyk proves none."""
    weight, bias, size = point_matrix(matrix), column_of_balls(biases), len(matrix)
    value = ball_function(network.activation.expr, VARIABLE)
    slope = ball_function(network.activation.derivative.expr, VARIABLE)

    def residual(column: Any) -> Any:
        return weight * _mapped(value, column) + bias - column

    def derivative(column: Any) -> Any:
        return columns_scaled(weight, [slope(entry) for entry in column.entries()]) - _identity(size)

    zero = krawczyk_zero(residual, derivative, column_of_balls(arguments))
    if zero is None:
        return None
    slopes = [slope(entry) for entry in zero.entries()]
    jacobian = (rows_scaled if network.inside else columns_scaled)(weight, slopes)
    if not all(entry.is_finite() for entry in jacobian.entries()):
        return None
    return Enclosures(biases, zero, _mapped(value, zero) if network.inside else zero, slopes, jacobian)


def _point(
    network: PlainNetwork, matrix: Array, biases: Array, found: Enclosures, effort: tuple[int, int]
) -> GrowthPoint:
    bits, steps = effort
    middles = (found.arguments.entries(), found.state.entries(), found.slopes)
    arguments, state, slopes = (np.array([float(ball.mid()) for ball in balls]) for balls in middles)
    rate, norms = lower_float(found.radius), found.norms(steps)
    return GrowthPoint(network, matrix, biases, arguments, state, slopes, found.eigenvalue, rate, norms, bits)


def _biases(network: PlainNetwork, matrix: Array, arguments: Array) -> Array:
    """The biases a - W s(a), rounded to floats."""
    column = column_of_balls(arguments)
    value = ball_function(network.activation.expr, VARIABLE)
    exact = column - point_matrix(matrix) * _mapped(value, column)
    return np.array([float(entry.mid()) if entry.is_finite() else math.nan for entry in exact.entries()])


def _mapped(function: Any, column: Any) -> Any:
    return arb_mat(column.nrows(), 1, [function(entry) for entry in column.entries()])


def _identity(size: int) -> Any:
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def _near(floats: Array, balls: list[arb]) -> bool:
    pairs = zip(floats.tolist(), balls, strict=True)
    return all(abs(ball - arb(x)) <= _CLOSE * (1 + abs(x)) for x, ball in pairs)
