"""One zero of the equations of a system, proved to exist next to floats that are close to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["CertifiedZero", "certified_zero", "newton_floats"]

Array = NDArray[np.float64]

_BITS = (192, 768)
_RADIUS = 1e-15
_DIGITS = (6, 12)  # decimals at which a point may be an exact float
_STEPS = 40
_SETTLED = 1e-14


@dataclass(frozen=True, eq=False)
class CertifiedZero:
    """A zero in balls.

    Attributes:
        column: (N, 1) balls of a radius of at most 1e-15 relative to 1 + |x|, in which exactly one zero lies.
        unique: whether that it is the only one there is proved; else that there is at least one.
    """

    column: Any
    unique: bool

    @property
    def bounds(self) -> Intervals:
        """(N, 1) floats around the balls."""
        ends = [(lower_float(entry), upper_float(entry)) for entry in self.column.entries()]
        low, high = (np.array(side, dtype=np.float64).reshape(-1, 1) for side in zip(*ends, strict=True))
        return Intervals(low, high)


def certified_zero(system: VectorSystem, start: Array, parameters: tuple[Any, ...] = ()) -> CertifiedZero | None:
    """The zero next to a start, proved to exist and to be unique by the operator of Krawczyk.

    Where the start, rounded to a few decimals, solves the equations exactly, the balls have radius zero.

    Args:
        system: the equations.
        start: (N,) floats.
        parameters: balls of the free scalars.

    Returns:
        None where nothing is proved.

    Source: S. M. Rump, Verification methods, Acta Numerica 19 (2010), theorem 13.2.
    """
    if not np.isfinite(start).all():
        return None
    exact = _exact_zero(system, start, parameters)
    for bits in _BITS:
        with working_precision(bits):
            found = _krawczyk(system, column_of_balls(start if exact is None else exact), parameters)
        if found is not None and _is_narrow(found):
            inside = exact is not None and _contains(found, exact)
            return CertifiedZero(column_of_balls(exact) if inside and exact is not None else found, True)
    return None if exact is None else CertifiedZero(column_of_balls(exact), False)


def _krawczyk(system: VectorSystem, column: Any, parameters: tuple[Any, ...]) -> Any | None:
    try:
        return krawczyk_zero(lambda x: system.residual(x, parameters), lambda x: system.jacobian(x, parameters), column)
    except (ZeroDivisionError, ValueError):
        return None


def _is_narrow(column: Any) -> bool:
    return all(entry.rad() <= _RADIUS * (1 + abs(entry.mid())) for entry in column.entries())


def _contains(column: Any, point: Array) -> bool:
    return all(
        ball.contains(value) for ball, value in zip(column.entries(), column_of_balls(point).entries(), strict=True)
    )


def _exact_zero(system: VectorSystem, start: Array, parameters: tuple[Any, ...]) -> Array | None:
    """Floats next to the start that solve the equations exactly, as 0 = tanh(0) does."""
    for digits in _DIGITS:
        rounded = np.round(start, digits) + 0.0
        if np.abs(rounded - start).max(initial=0.0) > 10.0 ** (-digits) / 8:
            continue
        with working_precision(_BITS[0]):
            residual: arb_mat = system.residual(column_of_balls(rounded), parameters)
            if all(entry.is_zero() for entry in residual.entries()):
                return rounded
    return None


def newton_floats(system: VectorSystem, starts: Array, parameters: tuple[float, ...] = ()) -> Array:
    """(B, N) where Newton's method in floats ends from B starts (B, N); NaN where it does not settle."""
    points = np.array(starts, dtype=np.float64)
    settled = np.zeros(len(points), dtype=bool)
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            active = ~settled & np.isfinite(points).all(axis=1)
            if not active.any():
                break
            residual, slopes = system.floats(points[active], parameters)
            change = -_solved(slopes, residual)
            points[active] += change
            size = np.abs(change).max(axis=1, initial=0.0)
            settled[active] = size <= _SETTLED * (1 + np.abs(points[active]).max(axis=1, initial=0.0))
    points[~settled] = np.nan
    return points


def _solved(slopes: Array, residual: Array) -> Array:
    usable = np.isfinite(slopes).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1)
    found = np.full_like(residual, np.nan)
    try:
        found[usable] = np.linalg.solve(slopes[usable], residual[usable][..., None])[..., 0]
    except np.linalg.LinAlgError:
        found[usable] = (np.linalg.pinv(slopes[usable]) @ residual[usable][..., None])[..., 0]
    return found
