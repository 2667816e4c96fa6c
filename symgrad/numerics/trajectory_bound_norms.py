"""Norms of matrices of balls from both sides, at any scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.bound_values import BoundValue
from symgrad.language.norms import Norm
from symgrad.presentable import Presentable
from symgrad.rigor.matrix_norms import operator_norm

__all__ = ["CertifiedNorm", "FloatsAround", "certified", "exponent_of", "floats_around", "matrix_norm"]

Array = NDArray[np.float64]

_NARROW = 1e-12
_FAR = 2.0**500


@dataclass(frozen=True)
class CertifiedNorm(Presentable):
    """A norm from both sides.

    Attributes:
        lower: not above it; a float that also knows its decimal logarithm, ``lower.log10``, where it underflows.
        upper: not below it, likewise.

    >>> import symgrad as sg
    >>> bound = sg.trajectory_bound(sg.models.neuron(), {"w": 8.0, "b": -4.0}, initial={"x": 0.5}, steps=1100)
    >>> value = bound.at(1100)
    >>> 2.0 in sg.CertifiedNorm(bound.at(1).lower, bound.at(1).upper), float(value.upper), round(value.upper.log10)
    (True, inf, 331)
    """

    lower: BoundValue
    upper: BoundValue

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    @property
    def is_narrow(self) -> bool:
        """Whether both sides agree within a relative 1e-12."""
        return bool(self.upper.ball - self.lower.ball <= self.upper.ball * arb(_NARROW))


def certified(lower: arb, upper: arb) -> CertifiedNorm:
    """A norm between the ends of two balls; between 0 and infinity where these are not known."""
    known = BoundValue(lower if lower > 0 else arb(0), "lower")
    return CertifiedNorm(known, BoundValue(arb.pos_inf() if upper.is_nan() else upper, "upper"))


@dataclass(frozen=True)
class FloatsAround:
    """Floats with ``|entry - 2^exponent mid| <= 2^exponent radius``; radii are infinite where nothing is known."""

    mid: Array
    radius: Array
    exponent: int

    @property
    def is_finite(self) -> bool:
        """Whether every entry has bounds."""
        return bool(np.isfinite(self.mid).all() and np.isfinite(self.radius).all())


def floats_around(matrix: Any) -> FloatsAround:
    """Floats around a matrix of balls, scaled where it is far from 1."""
    found = _floats_around(matrix, 0)
    largest = float(np.abs(found.mid).max(initial=0.0))
    if 1 / _FAR < largest < _FAR or not matrix.nrows():
        return found
    exponent = exponent_of(matrix)
    return _floats_around(matrix * arb((1, -exponent)), exponent) if exponent else found


def _floats_around(matrix: Any, exponent: int) -> FloatsAround:
    entries, shape = matrix.entries(), (matrix.nrows(), matrix.ncols())
    mid = np.array([float(entry) for entry in entries]).reshape(shape)
    radius = np.array([float(entry.rad()) for entry in entries]).reshape(shape)
    rounded, exact, zero = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for place in np.flatnonzero(radius == 0).tolist():  # the radius may have underflowed
        entry = entries[place]
        rounded.flat[place], exact.flat[place], zero.flat[place] = entry.bits() > 53, entry.is_exact(), entry.is_zero()
    with np.errstate(all="ignore"):
        shift = np.where(rounded | (np.abs(mid) < 1 / _FAR), np.abs(mid) * 2.0**-51 + 2.0**-1070 * (mid != 0), 0.0)
        radius = np.where(exact, 0.0, radius * (1 + 2.0**-50) + 2.0**-1070) + shift
    radius = np.where((radius == 0) & (mid == 0) & ~zero, 2.0**-1070, radius)
    radius = np.where(np.isfinite(mid) & np.isfinite(radius), radius, np.inf)
    return FloatsAround(mid, radius, exponent)


def _key(value: arb) -> tuple[int, int]:
    """Orders non-negative numbers by their size up to a factor of 2."""
    if not value.is_finite():
        return 2, 0
    mantissa, exponent = value.mid().man_exp()
    return (1, int(exponent) + int(mantissa).bit_length()) if mantissa else (0, 0)


def exponent_of(matrix: Any) -> int:
    """A power of two near the largest entry; 0 for a matrix of zeros, or with an entry without bounds."""
    kind, exponent = max((_key(abs(entry).upper()) for entry in matrix.entries()), default=(0, 0))
    return exponent if kind == 1 else 0


def matrix_norm(matrix: Any, norm: Norm) -> CertifiedNorm:
    """The operator norm of a matrix of balls, at any scale; between 0 and infinity where an entry has no bounds."""
    near = floats_around(matrix)
    if not near.is_finite:
        return certified(arb(0), arb.pos_inf())
    found = operator_norm(near.mid, float(norm.p), radius=near.radius if near.radius.any() else None)
    power = arb((1, near.exponent))
    return certified(arb(found.lower) * power, arb(found.upper) * power)
