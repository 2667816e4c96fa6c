"""Arrays of closed intervals with float64 ends, rounded outwards: for ranges of many units at once.

An end that needs no rounding stays as it is, so that [0, 1] times 1 is [0, 1]; the rounding error of a sum or product
is found exactly (Knuth, The Art of Computer Programming, vol. 2, sec. 4.2.2, thm. B; Dekker 1971, Numer. Math. 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.balls import lower_float, upper_float

__all__ = ["Intervals"]

Array = NDArray[np.float64]

_LARGE, _SMALL = 2.0**500, 2.0**-900
_SPLIT = 2.0**27 + 1
_AT_ONCE = 2**19  # products of a matrix product that are formed together


@dataclass(frozen=True)
class Intervals:
    """``low <= x <= high`` entry by entry, for real x; the ends may be infinite.

    >>> x = Intervals(np.array([0.0, -1.0]), np.array([1.0, 2.0]))
    >>> (x * x).low.tolist(), (x + x).high.tolist()
    ([0.0, -2.0], [2.0, 4.0])
    """

    low: Array
    high: Array

    @classmethod
    def exact(cls, array: Any) -> Intervals:
        """The numbers of an array."""
        values = np.asarray(array, dtype=np.float64)
        return cls(values, values)

    @classmethod
    def of_balls(cls, balls: Any) -> Intervals:
        """Around the entries of an arb_mat."""
        shape = balls.nrows(), balls.ncols()
        ends = np.array([_ends(entry) for entry in balls.entries()], dtype=np.float64).reshape(-1, 2)
        return cls(ends[:, 0].reshape(shape), ends[:, 1].reshape(shape))

    @classmethod
    def of_ball(cls, ball: arb) -> Intervals:
        """Around one ball, without dimensions."""
        return cls(np.asarray(lower_float(ball)), np.asarray(upper_float(ball)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the arrays."""
        return self.low.shape

    @property
    def transposed(self) -> Intervals:
        """Rows and columns exchanged."""
        return Intervals(self.low.T, self.high.T)

    @property
    def magnitude(self) -> Array:
        """The largest modulus in each interval."""
        size: Array = np.maximum(np.abs(self.low), np.abs(self.high))
        return size

    @property
    def is_finite(self) -> bool:
        """Whether all ends are."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    def hull(self, other: Intervals) -> Intervals:
        """The smallest intervals around both."""
        return Intervals(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def intersection(self, other: Intervals) -> Intervals:
        """What two intervals have in common, which must be something."""
        return Intervals(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def within(self, other: Intervals) -> bool:
        """Whether every interval lies in that of the other."""
        return bool((other.low <= self.low).all() and (self.high <= other.high).all())

    def __neg__(self) -> Intervals:
        return Intervals(-self.high, -self.low)

    def __add__(self, other: Intervals) -> Intervals:
        return Intervals(_sum(self.low, other.low, -1), _sum(self.high, other.high, 1))

    def __mul__(self, other: Intervals) -> Intervals:
        if np.array_equal(self.low, self.high):  # exact numbers: their signs tell which ends meet
            positive = self.low >= 0
            below = np.where(positive, other.low, other.high), np.where(positive, other.high, other.low)
            return Intervals(*_products(self.low, below[0], (-1,)), *_products(self.low, below[1], (1,)))
        ends = np.broadcast_arrays(self.low, self.high, other.low, other.high)
        left, right = (np.stack([ends[i] for i in places]) for places in ((0, 0, 1, 1), (2, 3, 2, 3)))
        down, up = _products(left, right)
        return Intervals(down.min(axis=0), up.max(axis=0))

    def __matmul__(self, other: Intervals) -> Intervals:
        width = max(1, _AT_ONCE // max(1, self.low.size))
        parts = [self._times(other._slice(start, start + width)) for start in range(0, other.shape[1], width)]
        ends = (np.concatenate([getattr(part, end) for part in parts], axis=1) for end in ("low", "high"))
        return Intervals(*ends) if parts else Intervals.exact(np.zeros((self.shape[0], 0)))

    def _times(self, other: Intervals) -> Intervals:
        """The matrix product: all products at once, then sums of pairs, of pairs of pairs, ..."""
        if not self.shape[1]:
            return Intervals.exact(np.zeros((self.shape[0], other.shape[1])))
        left = Intervals(self.low[:, :, None], self.high[:, :, None])
        terms = left * Intervals(other.low[None], other.high[None])
        while terms.shape[1] > 1:
            half = terms.shape[1] // 2
            pairs = terms._slice(0, half) + terms._slice(half, 2 * half)
            terms = pairs if terms.shape[1] % 2 == 0 else pairs._beside(terms._slice(2 * half, 2 * half + 1))
        return Intervals(terms.low[:, 0], terms.high[:, 0])

    def _slice(self, start: int, stop: int) -> Intervals:
        return Intervals(self.low[:, start:stop], self.high[:, start:stop])

    def _beside(self, other: Intervals) -> Intervals:
        ends = ((getattr(self, end), getattr(other, end)) for end in ("low", "high"))
        return Intervals(*(np.concatenate(pair, axis=1) for pair in ends))


def _ends(ball: arb) -> tuple[float, float]:
    middle = float(ball.mid())
    if ball.is_exact() and ball == middle:
        return middle, middle
    return lower_float(ball), upper_float(ball)


def _sum(a: Array, b: Array, direction: int) -> Array:
    """The sum, rounded down (-1) or up (1); of opposite infinities the one in that direction."""
    with np.errstate(all="ignore"):
        total = a + b
        back = total - a
        error = (a - (total - back)) + (b - back)
        inexact = direction * error > 0
        inexact |= (np.isinf(total) & np.isfinite(a) & np.isfinite(b)) & (direction * total < 0)
        rounded = np.where(inexact, np.nextafter(total, direction * np.inf), total)
    return np.where(np.isnan(total), direction * np.inf, rounded)


def _products(a: Array, b: Array, directions: tuple[int, ...] = (-1, 1)) -> list[Array]:
    """The product, rounded down (-1) and up (1), with 0 times infinity = 0."""
    with np.errstate(all="ignore"):
        value = a * b
        safe = (np.abs(a) < _LARGE) & (np.abs(b) < _LARGE) & (np.abs(value) > _SMALL)
        # beyond what is safe, the error may have any sign
        signs = np.where(safe, np.sign(_product_error(a, b, value)), np.nan)
        unsafe = ~safe & np.isfinite(a) & np.isfinite(b)
        moved = [
            np.where(unsafe | (signs == direction), np.nextafter(value, direction * np.inf), value)
            for direction in directions
        ]
    zero = (a == 0) | (b == 0)
    return [np.where(zero, 0.0, rounded) for rounded in moved]


def _product_error(a: Array, b: Array, value: Array) -> Array:
    """The product less its rounded value, exactly, where nothing over- or underflows."""
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    error: Array = ((a1 * b1 - value) + a1 * b2 + a2 * b1) + a2 * b2
    return error


def _halves(x: Array) -> tuple[Array, Array]:
    shifted = _SPLIT * x
    high = shifted - (shifted - x)
    return high, x - high
