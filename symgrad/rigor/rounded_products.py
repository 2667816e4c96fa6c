"""Long products of float64 matrices with a proved error bound each, and their norms.

A matrix is known up to an error in the 2-norm. One multiplication multiplies relative errors by about
``||A|| ||B|| / ||A B||``; factors are therefore multiplied in pairs, these in pairs again, and so on: each error then
passes through as many multiplications as the logarithm of the number of factors, not through all of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.rigor.float_products import gamma, inner_products, norm_bound
from symgrad.rigor.float_singular_values import float_largest, scaled, stretch

__all__ = ["RoundedMatrix", "prefix_products", "spectral_bound", "whole_product"]

Array = NDArray[np.float64]

_SQUARINGS = 3  # bounds of norms are then within the 16th root of the number of columns
_STEPS = 12  # of the power method, for a direction that is stretched much


def spectral_bound(x: Array, squarings: int = _SQUARINGS) -> arb:
    """An upper bound of the 2-norm of a clean matrix, for n columns within about n to the power 2^-(squarings + 1).

    From ``||x||^2 = ||x'x||`` again and again, and the Frobenius norm in the end.

    >>> bool(1 <= spectral_bound(np.eye(64)) <= 1.3)
    True
    """
    simple = norm_bound(x)
    if squarings == 0 or simple == 0:
        return simple
    near = scaled(x.T @ x)
    square = (spectral_bound(near.array, squarings - 1) + near.lost) * arb((1, near.exponent))
    found = (square + gamma(x.shape[0]) * simple * simple).sqrt().upper()
    return found if found < simple else simple


@dataclass(frozen=True, eq=False)
class RoundedMatrix:
    """``2^exponent (middle + E)`` for some E with ``||E||_2 <= error``.

    Attributes:
        middle: clean, with largest entry about 1, or zero.
        error: a number not below the 2-norm of E; infinite where nothing is known.
        exponent: any integer, so that long products neither overflow nor underflow.

    >>> half = RoundedMatrix.of(0.5 * np.eye(2))
    >>> low, high = (half @ half).norm()
    >>> bool(low <= 0.25 <= high), bool(high - low < 1e-14)
    (True, True)
    """

    middle: Array
    error: arb
    exponent: int

    @classmethod
    def of(cls, middle: Array, error: arb | float = 0.0, exponent: int = 0) -> RoundedMatrix:
        """That of a float64 matrix within a distance in the 2-norm, scaled; nothing is known where it is not finite."""
        if not np.isfinite(middle).all() or not arb(error).is_finite():
            return cls(np.zeros_like(middle), arb.pos_inf(), 0)
        near = scaled(middle)
        rest = (arb(error) * arb((1, -near.exponent)) + near.lost).upper()
        return cls(near.array, rest, exponent + near.exponent)

    @cached_property
    def size(self) -> arb:
        """A bound of the norm of the middle."""
        return spectral_bound(self.middle)

    def __matmul__(self, other: RoundedMatrix) -> RoundedMatrix:
        if not (self.error.is_finite() and other.error.is_finite()):
            return RoundedMatrix(np.zeros((len(self.middle), other.middle.shape[1])), arb.pos_inf(), 0)
        product = inner_products(self.middle.T, other.middle)
        middle = product.high + product.low
        rounding = product.error + norm_bound(middle) * arb((1, -53))
        spread = self.size * other.error + self.error * (other.size + other.error)
        return RoundedMatrix.of(middle, (rounding + spread).upper(), self.exponent + other.exponent)

    def norm(self, sharp: bool = True) -> tuple[arb, arb]:
        """Bounds from below and above of the 2-norm, of every matrix within the error.

        Args:
            sharp: up to rounding; else the upper one within the 32nd root of the number of columns, which is quicker.
        """
        if not self.error.is_finite():
            return arb(0), arb.pos_inf()
        low, high = arb(0), arb(0)
        if self.middle.any():
            low, high = float_largest(self.middle) if sharp else self._quick()
        least, power = (low - self.error).lower(), arb((1, self.exponent))
        return (least if least > 0 else arb(0)) * power, (high + self.error).upper() * power

    def _quick(self) -> tuple[arb, arb]:
        direction: Array = np.random.default_rng(0).standard_normal((self.middle.shape[1],))
        for _ in range(_STEPS):
            image = self.middle.T @ (self.middle @ direction)
            length = float(np.linalg.norm(image))
            if not length > 0:
                break
            direction = np.asarray(image / length)
        return stretch(self.middle, direction).lower(), spectral_bound(self.middle, _SQUARINGS + 1)


def whole_product(factors: Sequence[RoundedMatrix]) -> RoundedMatrix:
    """The product of all factors alone, in a third of the time of all prefixes.

    >>> round(float(whole_product([RoundedMatrix.of(np.eye(2) * 3.0)] * 3).norm()[1]), 9)
    27.0
    """
    if len(factors) == 1:
        return factors[0]
    half = len(factors) // 2
    return whole_product(factors[:half]) @ whole_product(factors[half:])


def prefix_products(factors: Sequence[RoundedMatrix]) -> Iterator[RoundedMatrix]:
    """``G_1``, ``G_1 G_2``, ..., the product of all factors.

    >>> [round(float(product.norm()[1]), 9) for product in prefix_products([RoundedMatrix.of(np.eye(2) * 3.0)] * 3)]
    [3.0, 9.0, 27.0]
    """
    yield from _products(factors, None)


def _products(
    factors: Sequence[RoundedMatrix], before: RoundedMatrix | None
) -> Generator[RoundedMatrix, None, RoundedMatrix]:
    """What stands before times the product of the first 1, 2, ... factors; returns that of all factors alone."""
    if len(factors) == 1:
        yield _after(before, factors[0])
        return factors[0]
    half = len(factors) // 2
    left = yield from _products(factors[:half], before)
    right = yield from _products(factors[half:], _after(before, left))
    return left @ right


def _after(before: RoundedMatrix | None, factor: RoundedMatrix) -> RoundedMatrix:
    return factor if before is None else before @ factor
