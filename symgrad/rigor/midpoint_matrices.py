"""Float64 matrices with an error bound for each entry: midpoint and radius, added and multiplied by BLAS.

The true entries lie within ``radius`` of ``mid``. Radii are computed in floats and enlarged by more than their own
rounding; a constant far below all numbers that occur covers what underflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.balls import upper_float
from symgrad.rigor.float_products import norm_bound
from symgrad.rigor.matrix_balls import midpoint_radius
from symgrad.rigor.rounded_products import RoundedMatrix

__all__ = ["MidpointMatrix"]

Array = NDArray[np.float64]

_UNIT = 2.0**-53
_TINY = 2.0**-960


@dataclass(frozen=True, eq=False)
class MidpointMatrix:
    """Every matrix with entries within ``radius`` of ``mid``.

    >>> x = MidpointMatrix.exact(np.array([[0.1, 3.0]]))
    >>> square = x.times(x.transposed)
    >>> square.mid, bool(0 < square.radius[0, 0] < 1e-13)
    (array([[9.01]]), True)
    """

    mid: Array
    radius: Array

    @classmethod
    def exact(cls, array: Array) -> MidpointMatrix:
        """The numbers of an array."""
        return cls(array, np.zeros_like(array))

    @classmethod
    def of_balls(cls, balls: Any) -> MidpointMatrix:
        """Around a matrix of balls.

        Raises:
            InputError: an entry without bounds, or beyond the largest float.
        """
        return cls(*midpoint_radius(balls))

    @property
    def transposed(self) -> MidpointMatrix:
        """Rows and columns exchanged."""
        return MidpointMatrix(self.mid.T, self.radius.T)

    @property
    def size(self) -> Array:
        """Bounds of the moduli of the entries, up to rounding."""
        return np.asarray(np.abs(self.mid) + self.radius)

    def plus(self, other: MidpointMatrix) -> MidpointMatrix:
        """The sum."""
        with np.errstate(all="ignore"):
            mid = self.mid + other.mid
            return _rounded(mid, self.radius + other.radius, np.abs(mid), 1)

    def entrywise(self, other: MidpointMatrix) -> MidpointMatrix:
        """The products of entries; a column scales rows, and a row columns."""
        with np.errstate(all="ignore"):
            mid = self.mid * other.mid
            spread = np.abs(self.mid) * other.radius + self.radius * other.size
            return _rounded(mid, spread, np.abs(mid), 1, (self.size == 0) | (other.size == 0))

    def times(self, other: MidpointMatrix) -> MidpointMatrix:
        """The matrix product."""
        count = self.mid.shape[1]
        with np.errstate(all="ignore"):
            sizes = np.abs(self.mid) @ np.abs(other.mid)
            spread = np.abs(self.mid) @ other.radius + self.radius @ other.size
            zero = ((self.size != 0).astype(np.float64) @ (other.size != 0).astype(np.float64)) == 0
            return _rounded(self.mid @ other.mid, spread, sizes, count, zero)

    def rounded(self) -> RoundedMatrix:
        """With one error bound in the 2-norm."""
        if not np.isfinite(self.radius).all():
            return RoundedMatrix(np.zeros_like(self.mid), arb.pos_inf(), 0)
        return RoundedMatrix.of(self.mid, norm_bound(self.radius))

    @classmethod
    def of_blocks(cls, rows: Sequence[Sequence[MidpointMatrix]]) -> MidpointMatrix:
        """The matrix of these blocks."""
        return cls(
            np.block([[b.mid for b in row] for row in rows]), np.block([[b.radius for b in row] for row in rows])
        )

    def scaled(self, number: arb) -> MidpointMatrix:
        """A ball times the matrix."""
        mid = float(number.mid())
        factor = MidpointMatrix(np.array([[mid]]), np.array([[upper_float(abs(number - arb(mid)))]]))
        return self.entrywise(factor)


def _rounded(mid: Array, spread: Array, sizes: Array, count: int, zero: Any = True) -> MidpointMatrix:
    """A computed midpoint with its radius: the spread of the arguments and the rounding of sums of ``count`` terms.

    The sums that make up spread and sizes are themselves rounded, by a relative ``(count + 6) u`` at most. Where
    ``zero`` does not hold, terms may have underflowed.
    """
    radius = (spread + (count + 1) * _UNIT * sizes) * (1 + 4 * (count + 6) * _UNIT)
    radius = np.where(zero, radius, radius + count * _TINY)
    return MidpointMatrix(mid, np.where(np.isfinite(mid) & ~np.isnan(radius), radius, np.inf))
