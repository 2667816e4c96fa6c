"""Products of matrices in words, in floats, with proved upper bounds of their 2-norms for whole batches at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import midpoint_radius, point_matrix

__all__ = ["Factors", "Words", "norms_above", "rough_norms_above"]

Array = NDArray[np.float64]

_BITS = 160
_LARGEST = 1023  # exponents of the scale
_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40  # covers the rounding of a few hundred operations on positive floats
_TINY = 1e-290  # more than what underflows can add to a sum of squares


@dataclass(frozen=True, eq=False)
class Factors:
    """Matrices in other coordinates, S A S^-1 / scale, as floats with errors.

    Attributes:
        matrices: (m, n, n).
        errors: (m,) upper bounds of the distance in the 2-norm.
        scale: the power of two.
    """

    matrices: Array
    errors: Array
    scale: float

    @classmethod
    def of(cls, matrices: Sequence[Any], transform: Array) -> Factors:
        """Factors from ``arb_mat`` matrices and an invertible S.

        Raises:
            InputError: S is not proved invertible, or a factor exceeds the floats.
        """
        with working_precision(_BITS):
            change = point_matrix(transform)
            try:
                back = change.inv()
            except ZeroDivisionError as error:
                raise InputError("transform: an invertible matrix is needed") from error
            moved = [change * matrix * back for matrix in matrices]
            size = max((float(abs(entry).upper()) for matrix in moved for entry in matrix.entries()), default=0.0)
            if not np.isfinite(size):
                raise InputError("matrices: an entry beyond the floats was given")
            exponent = min(int(np.frexp(size)[1]), _LARGEST)
            scaled = [matrix * arb((1, -exponent)) for matrix in moved]
            pairs = [midpoint_radius(matrix) for matrix in scaled]
        return cls(np.array([mid for mid, _ in pairs]), _lengths(np.array([r for _, r in pairs])), float(2.0**exponent))


def norms_above(matrices: Array) -> Array:
    """Upper bounds of the 2-norms of a batch of float matrices (b, n, n), proved, within about n 1e-15 (relative).

    ||B||^2 <= max w ||V||^2 + ||B'B - V diag(w) V'||_F for any V and w; those of the float eigenvalue problem of B'B
    make it tight. Rounding errors of the products are bounded a priori (Higham, *Accuracy and Stability of Numerical
    Algorithms*, 2nd ed., section 3.5). The entries should be neither tiny nor huge.

    >>> bool(0 <= norms_above(np.array([[[3.0, 0.0], [4.0, 0.0]]]))[0] - 5 < 1e-10)
    True
    """
    size = matrices.shape[-1]
    unit = 8 * (size + 4) * _UNIT
    gram = np.swapaxes(matrices, 1, 2) @ matrices
    values, vectors = np.linalg.eigh((gram + np.swapaxes(gram, 1, 2)) / 2)
    back = np.swapaxes(vectors, 1, 2)
    rest = _lengths(gram - (vectors * values[:, None, :]) @ back)
    skew = _lengths(back @ vectors - np.eye(size))
    lengths, largest = _lengths(vectors) ** 2, np.abs(values).max(axis=1, initial=0.0)
    rounding = unit * (_lengths(matrices) ** 2 + lengths * largest)
    above = _UP * (largest * (1 + skew + unit * lengths) + rest + rounding) + _TINY
    return np.where(matrices.any(axis=(1, 2)), _UP * np.sqrt(above), 0.0)


def rough_norms_above(matrices: Array) -> Array:
    """Upper bounds of the 2-norms of a batch of float matrices (b, n, n), proved, at most n^(1/32) times too large.

    From ||B||^16 <= ||(B'B)^8||_F by three squarings; the errors of the products are carried along.

    >>> bool(1 <= rough_norms_above(np.eye(4)[None])[0] < 4 ** (1 / 32) + 1e-9)
    True
    """
    unit = 2 * (matrices.shape[-1] + 4) * _UNIT
    power = np.swapaxes(matrices, 1, 2) @ matrices
    error = unit * _lengths(matrices) ** 2 + _TINY
    for _ in range(3):
        length = _lengths(power)
        power = power @ power
        error = _UP * (error * (2 * length + error) + unit * length**2) + _TINY
    return np.asarray(_UP * (_UP * (_lengths(power) + error)) ** (1 / 16))


def _lengths(matrices: Array) -> Array:
    """Frobenius norms, rounded up."""
    lengths = _UP * np.sqrt(np.square(matrices).sum(axis=(1, 2)) + _TINY)
    return np.where(matrices.any(axis=(1, 2)), lengths, 0.0)


@dataclass(frozen=True, eq=False)
class Words:
    """A batch of products A_(i_k) ... A_(i_1), in scaled coordinates.

    Attributes:
        letters: (b, k) the indices, in the order in which the factors act.
        matrices: (b, n, n) the products in floats.
        errors: (b,) upper bounds of their distance from the exact ones, in the 2-norm.
        rates: (b,) proved upper bounds of min over j <= k of ||A_(i_j) ... A_(i_1)||^(1/j), divided by the scale.
    """

    letters: NDArray[np.int64]
    matrices: Array
    errors: Array
    rates: Array

    @classmethod
    def single(cls, factors: Factors) -> Words:
        """The words of one letter."""
        letters = np.arange(len(factors.matrices))[:, None]
        rates = _UP * (norms_above(factors.matrices) + factors.errors)
        return cls(letters, factors.matrices, factors.errors, np.asarray(rates))

    def part(self, chosen: Any) -> Words:
        """Some of the words."""
        return Words(self.letters[chosen], self.matrices[chosen], self.errors[chosen], self.rates[chosen])

    def extended(self, factors: Factors) -> Words:
        """Every word with every letter appended: first all extensions of the first word, and so on."""
        count, options = len(self.letters), len(factors.matrices)
        size, length = self.matrices.shape[-1], self.letters.shape[1] + 1
        products = (factors.matrices[None] @ self.matrices[:, None]).reshape(-1, size, size)
        before, errors = np.repeat(self.errors, options), np.tile(factors.errors, count)
        own, other = np.repeat(_lengths(self.matrices), options), np.tile(_lengths(factors.matrices), count)
        errors = _UP * (other * before + errors * (own + before) + 2 * (size + 2) * _UNIT * own * other) + _TINY
        letters = np.repeat(self.letters, options, axis=0)
        letters = np.concatenate([letters, np.tile(np.arange(options), count)[:, None]], axis=1)
        fresh = _UP * (_UP * (norms_above(products) + errors)) ** (1 / length)
        return Words(letters, products, errors, np.minimum(np.repeat(self.rates, options), fresh))
