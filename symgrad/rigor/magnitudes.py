"""How large the entries of a matrix are, scaled so that nothing overflows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

__all__ = ["Magnitudes", "magnitudes"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Magnitudes:
    """2^exponent low <= |entry| <= 2^exponent high over an interval matrix, with high at most about 1."""

    low: Array
    high: Array
    exponent: int

    @property
    def power(self) -> arb:
        """The scale 2^exponent."""
        return arb((1, self.exponent))

    @property
    def transposed(self) -> Magnitudes:
        """Those of the transposed matrix."""
        return self._part(np.transpose)

    def column(self, j: int) -> Magnitudes:
        """Those of one column."""
        return self._part(lambda values: values[:, j])

    def _part(self, chosen: Callable[[Array], Array]) -> Magnitudes:
        """Those of some entries; both bounds stay one array where they are."""
        low = chosen(self.low)
        return Magnitudes(low, low if self.is_exact else chosen(self.high), self.exponent)

    @property
    def is_exact(self) -> bool:
        """Whether both bounds are one array."""
        return self.low is self.high


def _scaled_out(x: Array, exponent: int) -> tuple[Array, Array]:
    """2^-exponent x for x >= 0, rounded down and up where it underflows."""
    scaled = np.ldexp(x, -exponent)
    back = np.ldexp(scaled, exponent)
    if np.array_equal(back, x):
        return scaled, scaled
    low = np.where(back > x, np.nextafter(scaled, 0.0), scaled)
    return low, np.where(back < x, np.nextafter(scaled, np.inf), scaled)


def magnitudes(values: Array, radius: Array | None) -> Magnitudes:
    """Those of every matrix within ``radius`` of ``values``; of ``values`` alone without one.

    >>> sizes = magnitudes(np.array([[3.0, -4.0]]), None)
    >>> (sizes.low * 2.0**sizes.exponent).tolist(), sizes.is_exact
    ([[3.0, 4.0]], True)
    """
    size = np.abs(values)
    largest = max(float(size.max()), 0.0 if radius is None else float(radius.max()))
    exponent = math.frexp(largest)[1]
    low, high = _scaled_out(size, exponent)
    if radius is not None:
        extra = _scaled_out(radius, exponent)[1]
        low = np.where(extra > 0, np.nextafter(np.maximum(low - extra, 0.0), 0.0), low)
        high = np.where(extra > 0, np.nextafter(high + extra, np.inf), high)
    return Magnitudes(low, high, exponent)
