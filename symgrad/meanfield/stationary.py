"""Stationary moments of a wide random cell: found in floats, then proved and enclosed where every mean is enclosed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.language.joint_mean import GaussianJointMean
from symgrad.meanfield.duals import Dual
from symgrad.meanfield.mixture_means import is_mixture
from symgrad.meanfield.moment_values import FloatValues, ball_value
from symgrad.rigor.balls import working_precision
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["MomentMap", "settled", "stationary_moments"]

Array = NDArray[np.float64]

_BITS = 64
_STEPS = 100
_HUGE = 1e12
_TINY = 1e-13
_SAME = 1e-7
_STARTS = (1.0, 1e-3, 30.0)


@dataclass(frozen=True)
class MomentMap:
    """The map whose fixed points are the stationary moments.

    Attributes:
        unknowns: the moments.
        updates: their next values, free of other symbols.
    """

    unknowns: tuple[sp.Symbol, ...]
    updates: tuple[sp.Expr, ...]

    def step(self, point: Array) -> Array:
        """The next moments in floats."""
        values = FloatValues(dict(zip(self.unknowns, map(float, point), strict=True)))
        return np.array([values.of(update) for update in self.updates])

    def admits(self, point: Array) -> bool:
        """Whether all is finite and no mean square negative."""
        pairs = zip(self.unknowns, point, strict=True)
        return bool(np.isfinite(point).all()) and all(x >= 0 for symbol, x in pairs if symbol.is_nonnegative)

    def slope(self, point: Array) -> Array:
        """The derivative of :meth:`step` in floats, by differences."""
        columns = []
        for index in range(len(point)):
            width = 1e-6 * max(abs(point[index]), 1e-6)
            ahead, behind = point.copy(), point.copy()
            ahead[index] += width
            behind[index] = max(behind[index] - width, 0.0) if point[index] >= 0 else behind[index] - width
            columns.append((self.step(ahead) - self.step(behind)) / (ahead[index] - behind[index]))
        return np.array(columns).T

    def duals(self, column: Any, *, slopes: bool = True) -> list[Dual]:
        """The next moments of a column of balls, with their derivatives if these are wanted."""
        count = len(self.unknowns)
        unit = [tuple(arb(int(i == j)) for j in range(count)) for i in range(count)]
        values = {s: Dual(x, e) for s, x, e in zip(self.unknowns, column.entries(), unit, strict=True)}
        return [ball_value(update, values, slopes=slopes) for update in self.updates]

    @property
    def is_enclosed(self) -> bool:
        """Whether every mean in it has an enclosure (joint means that are no mixtures have none)."""
        joint = set().union(*(update.atoms(GaussianJointMean) for update in self.updates))
        return all(not mean.function.free_symbols and is_mixture(mean.function) for mean in joint)

    def proved(self, point: Array) -> list[arb] | None:
        """Balls around a fixed point near a point, or None where none is proved."""
        count = len(self.unknowns)
        identity = arb_mat(count, count, [int(i == j) for i in range(count) for j in range(count)])

        def residual(column: Any) -> Any:
            return arb_mat(count, 1, [dual.value for dual in self.duals(column, slopes=False)]) - column

        def derivative(column: Any) -> Any:
            slopes = [slope for dual in self.duals(column) for slope in dual.slopes]
            return arb_mat(count, count, slopes) - identity

        with working_precision(_BITS):
            if all(float(x) == 0 for x in point):
                zero = arb_mat(count, 1, [arb(0)] * count)
                return [arb(0)] * count if all(dual.value == 0 for dual in self.duals(zero, slopes=False)) else None
            found = krawczyk_zero(residual, derivative, arb_mat(count, 1, [arb(float(x)) for x in point]))
        return None if found is None else list(found.entries())


def stationary_moments(system: MomentMap) -> list[Array]:
    """Fixed points in floats that the map runs to from several starts, and 0 if it is one; empty where all run off."""
    zero = np.zeros(len(system.unknowns))
    found = [zero] if not system.step(zero).any() else []
    for start in _STARTS if system.is_enclosed else _STARTS[:1]:  # grids of joint means take long
        point = settled(system, zero + start)
        if point is not None and not any(np.allclose(point, other, rtol=_SAME, atol=_SAME) for other in found):
            found.append(point)
    return found


def settled(system: MomentMap, point: Array) -> Array | None:
    """The fixed point that iteration from a start goes to, sharpened by Newton's method; None where it runs off."""
    for _ in range(_STEPS):
        following = system.step(point)
        if not np.isfinite(following).all() or np.abs(following).max(initial=0.0) > _HUGE:
            return None
        moved = np.abs(following - point).max(initial=0.0)
        point = following
        if moved <= 1e-6 * max(1.0, np.abs(point).max(initial=0.0)):
            break
    return _polished(system, point)


def _polished(system: MomentMap, point: Array) -> Array | None:
    for _ in range(8):
        residual = system.step(point) - point
        if np.abs(residual).max(initial=0.0) <= _TINY * max(np.abs(point).max(initial=0.0), _TINY):
            break
        matrix = system.slope(point) - np.eye(len(point))
        if abs(np.linalg.det(matrix)) < _TINY:
            break
        following = point - np.linalg.solve(matrix, residual)
        if not system.admits(following):
            return None
        point = following
    if not system.admits(point):
        return None
    residual = np.abs(system.step(point) - point).max(initial=0.0)
    return point if residual <= _SAME * np.abs(point).max(initial=0.0) else None
