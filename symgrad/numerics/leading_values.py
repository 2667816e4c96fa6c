"""The largest eigenvalues of Gram matrices that change slowly, each with an upper side that a factorisation shows."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.backends import Backend
from symgrad.numerics.symmetric_lapack import is_positive_definite_below, iterated_eigenvalue, largest_eigenvalue

__all__ = ["ArrayLeadingValues", "LapackLeadingValues", "LeadingValues", "leading_values"]

Array = NDArray[np.float64]

_SMALL, _SMALL_AMONG_MANY = 80, 20  # rows up to which all eigenvalues are as quick as an iteration
_TRIDIAGONAL = 90  # rows up to which one eigenvalue of a tridiagonal matrix is, with LAPACK
_TOGETHER = 2**17  # entries of the matrices that are searched together, so that they stay in the cache
_MANY = 6  # matrices at once, which share the calls of an iteration
_CHECKS = (4, 6, 8, 11, 14, 18, 23, 30, 40)  # vectors in the Krylov space when convergence is looked at
_ATTEMPTS = 3
_DRAWN = 1e-3  # length of the random direction added to the one found last


class LeadingValues(Protocol):
    """Largest eigenvalues of one batch of positive semidefinite matrices after another."""

    @property
    def at_once(self) -> bool:
        """Whether nothing is gained by giving several batches together."""

    def turn(self, basis: Any) -> None:
        """Take part in a change of basis: matrices are now ``Q^T G Q``, for Q of shape (B, r, r')."""

    def __call__(self, grams: Any) -> tuple[Array, Array]:
        """Largest eigenvalues of matrices (S B, r, r), all entries finite, and upper sides."""


def leading_values(backend: Backend, tolerance: float, size: int = 1, seed: int = 0) -> LeadingValues:
    """What finds largest eigenvalues on a back end.

    Args:
        backend: where to compute.
        tolerance: relative, between the lower and the upper side.
        size: the number B of matrices of a batch.
        seed: of the random directions.
    """
    if backend.name == "numpy":
        return LapackLeadingValues(tolerance, size, seed)
    return ArrayLeadingValues(backend, tolerance, size, seed)


class LapackLeadingValues:
    """With LAPACK, matrix by matrix; of matrices only the upper triangles count.

    Small matrices are made tridiagonal, and bisection finds the one eigenvalue wanted. Large matrices are searched by
    the Lanczos method, from the direction found last and a random one. That no eigenvalue is larger is then shown by a
    Cholesky factorisation of a multiple of the identity less the matrix. Where that fails the search goes on from a
    new direction, and in the end the matrix is decomposed.

    >>> values = LapackLeadingValues(1e-6)
    >>> lower, upper = values(np.diag(np.arange(300.0))[None])
    >>> bool(abs(lower[0] / 299 - 1) < 1e-6), bool(299 <= upper[0] < 299.001)
    (True, True)
    """

    at_once = True

    def __init__(self, tolerance: float, size: int = 1, seed: int = 0) -> None:
        self._tolerance, self._size = tolerance, size
        self._random = np.random.default_rng([seed, 1])
        self._directions: list[Any] = [None] * size

    def turn(self, basis: Any) -> None:
        """Take part in a change of basis: matrices are now ``Q^T G Q``, for Q of shape (B, r, r')."""
        self._directions = [
            None if found is None else found @ turned for found, turned in zip(self._directions, basis, strict=True)
        ]

    def __call__(self, grams: Any) -> tuple[Array, Array]:
        """Largest eigenvalues of matrices (S B, r, r), all entries finite, and upper sides."""
        sides = [self._sides(gram, place % self._size) for place, gram in enumerate(grams)]
        lower, upper = np.array(sides).T
        return lower, upper

    def _sides(self, gram: Any, place: int) -> tuple[float, float]:
        if len(gram) > _TRIDIAGONAL and gram.diagonal().any():
            for _ in range(_ATTEMPTS):
                value, found = iterated_eigenvalue(gram, self._start(gram, place), self._tolerance / 2)
                above = value * (1 + self._tolerance)
                if is_positive_definite_below(above, gram):
                    self._directions[place] = found
                    return value, above
                self._directions[place] = None
        value = max(largest_eigenvalue(gram), 0.0)
        return value, value * (1 + 2 * len(gram) * float(np.finfo(gram.dtype).eps))

    def _start(self, gram: Any, place: int) -> Any:
        """A random direction, near the one that is known."""
        drawn = (self._random.standard_normal(len(gram)) / np.sqrt(len(gram))).astype(gram.dtype)
        known = self._directions[place]
        return drawn if known is None else known + drawn.dtype.type(_DRAWN) * drawn


class ArrayLeadingValues:
    """With the operations of any array library, on many matrices at once.

    Small matrices are decomposed. Large matrices are searched by the Lanczos method with full reorthogonalisation, from
    the direction found last and a random one (Golub and Van Loan, *Matrix Computations*, 10.3). The upper side is shown
    as by :class:`LapackLeadingValues`.

    Args:
        backend: where to compute.
        tolerance: relative, between the lower and the upper side.
        size: the number B of matrices of a batch.
        seed: of the random directions.

    >>> from symgrad.numerics.backends import backend
    >>> values = ArrayLeadingValues(backend(), 1e-6)
    >>> lower, upper = values(np.diag(np.arange(300.0))[None])
    >>> bool(abs(lower[0] / 299 - 1) < 1e-6), bool(299 <= upper[0] < 299.001)
    (True, True)
    """

    at_once = False

    def __init__(self, backend: Backend, tolerance: float, size: int = 1, seed: int = 0) -> None:
        self._backend, self._xp, self._tolerance, self._size = backend, backend.xp, tolerance, size
        self._random = np.random.default_rng([seed, 1])
        self._direction: Any = None

    def turn(self, basis: Any) -> None:
        """Take part in a change of basis: matrices are now ``Q^T G Q``, for Q of shape (B, r, r')."""
        if self._direction is not None:
            xp = self._xp
            self._direction = xp.matrix_transpose(basis) @ self._direction

    def __call__(self, grams: Any) -> tuple[Array, Array]:
        """Largest eigenvalues of matrices (S B, r, r), all entries finite, and upper sides.

        Several batches may be given at once, one after the other; the directions of the last are kept for the next.
        """
        size = grams.shape[-1]
        if size <= self._direct(grams.shape[0]):
            return self._decomposed(grams)
        starts, together = self._known(grams.shape[0]), max(1, _TOGETHER // size**2)
        parts, directions = [], []
        for first in range(0, grams.shape[0], together):
            here = slice(first, min(first + together, grams.shape[0]))
            *sides, found = self._found(grams[here, ...], None if starts is None else starts[here, ...])
            parts.append(sides)
            directions.append(found)
        if all(found is not None for found in directions):
            self._direction = self._xp.concat(directions, axis=0)[-self._size :, ...]
        lower, upper = (np.concatenate(column) for column in zip(*parts, strict=True))
        return lower, upper

    def _direct(self, count: int) -> int:
        """The rows up to which so many matrices are decomposed."""
        return _SMALL_AMONG_MANY if count >= _MANY else _SMALL

    def _known(self, count: int) -> Any:
        """The directions found last, for so many matrices; None at first."""
        known = self._direction
        return None if known is None else self._xp.tile(known, (count // self._size, 1, 1))

    def _found(self, grams: Any, known: Any) -> tuple[Array, Array, Any]:
        """Both sides and the directions, which are None where all eigenvalues were computed."""
        for _ in range(_ATTEMPTS):
            values, directions = self._searched(grams, self._start(grams.shape, known))
            upper = values * (1 + self._tolerance)
            if self._is_above(grams, upper):
                return values, upper, directions
            known = None
        return *self._decomposed(grams), None

    def _decomposed(self, grams: Any) -> tuple[Array, Array]:
        size = grams.shape[-1]
        values = np.asarray(self._backend.numpy(self._xp.linalg.eigvalsh(grams))[:, -1], dtype=np.float64)
        values = np.maximum(values, 0.0)
        return values, values * (1 + 2 * size * self._backend.eps)

    def _is_above(self, grams: Any, bounds: Array) -> bool:
        """Whether no eigenvalue of a matrix is above its bound, by Cholesky factorisation."""
        bounds = np.where(bounds > 0, bounds, 1.0)
        xp = self._xp
        identity = self._backend.asarray(np.eye(grams.shape[-1]))
        try:
            factors = xp.linalg.cholesky(self._backend.asarray(bounds[:, None, None]) * identity - grams)
        except self._backend.library.linear_algebra_errors():
            return False
        return bool(xp.all(xp.isfinite(factors)))

    def _searched(self, grams: Any, vector: Any) -> tuple[Array, Any]:
        """Rayleigh quotients (B,) and their directions (B, r, 1), from starting directions."""
        xp = self._xp
        basis = xp.matrix_transpose(vector)
        diagonal: list[Array] = []
        beside: list[Array] = []
        while True:
            image = grams @ vector
            overlap = basis @ image
            diagonal.append(self._backend.numpy(overlap[:, -1, 0]))
            image = image - xp.matrix_transpose(basis) @ overlap
            image = image - xp.matrix_transpose(basis) @ (basis @ image)
            lengths = self._backend.numpy(xp.sqrt(xp.sum(image * image, axis=(1, 2))))
            # What is left of an invariant space is rounding, and its square may underflow: no direction to go on in.
            lengths = np.where(lengths > self._backend.eps * np.max(diagonal, axis=0), lengths, 0.0)
            found = len(diagonal)
            if found in _CHECKS:
                values, leading, done = _ritz(np.array(diagonal).T, np.array(beside).T, lengths, self._tolerance / 4)
                if done or found == _CHECKS[-1] or found >= grams.shape[-1]:
                    return values, xp.matrix_transpose(basis) @ self._backend.asarray(leading[:, :, None])
            beside.append(lengths)
            inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
            vector = image * self._backend.asarray(inverse[:, None, None])
            basis = xp.concat([basis, xp.matrix_transpose(vector)], axis=1)

    def _start(self, shape: tuple[int, ...], known: Any) -> Any:
        """Random directions of length 1, near those that are known."""
        drawn = self._random.standard_normal((shape[0], shape[1], 1)) / np.sqrt(shape[1])
        start, xp = self._backend.asarray(drawn), self._xp
        start = start if known is None else _DRAWN * start + known
        return start / xp.sqrt(xp.sum(start * start, axis=1, keepdims=True))


def _ritz(diagonal: Array, beside: Array, lengths: Array, tolerance: float) -> tuple[Array, Array, bool]:
    """Largest Ritz values (B,) with coefficients (B, j), and whether all are as close as wanted.

    A Ritz value is off by its residual at most, and by the square of it over the gap to the next one.
    """
    count = diagonal.shape[1]
    small = np.zeros((len(diagonal), count, count))
    places = np.arange(count)
    small[:, places, places] = diagonal
    small[:, places[1:], places[:-1]] = beside
    values, vectors = np.linalg.eigh(small)
    top, leading = values[:, -1], vectors[:, :, -1]
    residual = lengths * np.abs(leading[:, -1])
    gap = top - values[:, -2]
    error = np.where(gap > residual, residual * residual / np.where(gap > 0, gap, 1.0), residual)
    return np.maximum(top, 0.0), leading, bool((error <= tolerance * top).all())
