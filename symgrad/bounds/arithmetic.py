"""Two arithmetics for bounds as plain functions: float64 over arrays, and mpmath at any precision. Approximate.

Both offer the same: checked arguments, norms of small matrices, powers whose size may leave the range of floats, and
the inverse of comparison matrices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.special import expit

from symgrad.bounds.steps import checked_steps, steps_array
from symgrad.errors import InputError
from symgrad.language.entrywise import PerronRatio
from symgrad.language.norms import MinimumModulus, OperatorNorm, SmallestSingularValue

__all__ = ["ARITHMETICS", "Arithmetic"]

Array = NDArray[np.float64]
Rows = Sequence[Sequence[Any]]


class Arithmetic(ABC):
    """How numbers and small matrices, given as rows of numbers, are reckoned with.

    Attributes:
        modules: what SymPy's ``lambdify`` takes functions from.
    """

    modules: Sequence[Any]

    @abstractmethod
    def arguments(self, names: Sequence[str], values: Sequence[Any]) -> tuple[list[Any], Any]:
        """Checked arguments, the last of which are the numbers of steps.

        Raises:
            InputError: no numbers, or shapes that do not go together.
        """

    @abstractmethod
    def constant(self, value: sp.Expr) -> Any:
        """A constant expression as a number."""

    @abstractmethod
    def size(self, kind: type[sp.Expr], p: sp.Expr, rows: Rows) -> Any:
        """What an atom such as :class:`OperatorNorm` says about a matrix."""

    @abstractmethod
    def rate_power(self, rate: Any, steps: Any) -> Any:
        """``rate**steps``."""

    @abstractmethod
    def power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Any:
        """``||G**steps||_p``."""

    @abstractmethod
    def inverse_power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Any:
        """``1 / ||M**-steps||_p`` of a non-singular M-matrix; 0 of any other matrix, unless there are no steps."""

    @abstractmethod
    def least(self, values: Sequence[Any]) -> Any:
        """The least of several numbers."""


def _pivots(rows: Rows) -> list[Any]:
    """The pivots of elimination without exchange of rows: all are positive for non-singular M-matrices only.

    Source: Berman and Plemmons, Nonnegative Matrices in the Mathematical Sciences 1994, thm. 6.2.3 (E17, E18).
    """
    left = [list(row) for row in rows]
    for i, pivot_row in enumerate(left):
        for row in left[i + 1 :]:
            factor = row[i] / pivot_row[i]
            row[i:] = [entry - factor * above for entry, above in zip(row[i:], pivot_row[i:], strict=True)]
    return [row[i] for i, row in enumerate(left)]


class NumpyArithmetic(Arithmetic):
    """float64 over arrays that broadcast together."""

    modules: Sequence[Any] = (
        {"logistic": expit, "softplus": lambda z: np.logaddexp(0.0, z)},
        "scipy",
        "numpy",
    )

    def arguments(self, names: Sequence[str], values: Sequence[Any]) -> tuple[list[Any], Any]:
        given = [_floats(name, value) for name, value in zip(names[:-1], values[:-1], strict=True)]
        counts = steps_array(values[-1])
        try:
            *numbers, steps = np.broadcast_arrays(*given, counts)
        except ValueError as error:
            shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in zip(names, values, strict=True))
            raise InputError(f"arguments: arrays that broadcast together are needed, got {shapes}") from error
        return numbers, steps

    def constant(self, value: sp.Expr) -> float:
        return float(value)

    def size(self, kind: type[sp.Expr], p: sp.Expr, rows: Rows) -> Array:
        stack = _stacked(rows, np.broadcast_shapes(*(np.shape(entry) for row in rows for entry in row)))
        if kind is OperatorNorm:
            return _norms(stack, p)
        if kind is MinimumModulus:
            return 1 / _norms(_inverses(stack), p)
        if kind is SmallestSingularValue:
            return _on_finite(stack, lambda m: np.asarray(np.linalg.svd(m, compute_uv=False)[..., -1], dtype=float))
        if kind is PerronRatio:
            return _on_finite(stack, lambda m: np.array([_perron_ratio(each, p) for each in m]))
        return _on_finite(stack, lambda m: np.asarray(np.abs(np.linalg.eigvals(m)).max(axis=-1), dtype=float))

    def rate_power(self, rate: Any, steps: Any) -> Array:
        return (np.asarray(rate, dtype=np.float64) ** steps)[()]

    def power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Array:
        matrix, exponent = _scaled_power(_stacked(rows, steps.shape), steps)
        return np.ldexp(_norms(matrix, p), exponent)[()]

    def inverse_power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Array:
        stack = _stacked(rows, steps.shape)
        holds = np.all([np.broadcast_to(pivot > 0, steps.shape) for pivot in _pivots(rows)], axis=0)
        found = np.where(steps == 0, 1.0, 0.0)
        inverse = np.maximum(_inverses(stack[holds]), 0.0)
        matrix, exponent = _scaled_power(inverse, steps[holds])
        found[holds] = np.ldexp(1 / _norms(matrix, p), -exponent)
        return found[()]

    def least(self, values: Sequence[Any]) -> Any:
        return reduce(np.minimum, values)[()]


def _floats(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name}: an array of real numbers is needed, got {value!r}") from error
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: an array of real numbers is needed, got {type(value).__name__} {value!r}")
    return array.astype(np.float64)


def _perron_ratio(matrix: Array, p: sp.Expr) -> float:
    """The ratio of the entries of Perron vectors; infinite where one has a zero."""
    right, left = (np.abs(_dominant(each)) for each in (matrix, matrix.T))
    entries = {1: left, 2: np.sqrt(left / right), sp.oo: right}[p]
    return float(entries.max() / entries.min())


def _dominant(matrix: Array) -> Array:
    values, vectors = np.linalg.eig(matrix)
    return np.asarray(vectors[:, int(np.argmax(values.real))])


def _stacked(rows: Rows, shape: tuple[int, ...]) -> Array:
    """Matrices in the last two axes."""
    entries = [[np.broadcast_to(np.asarray(entry, dtype=np.float64), shape) for entry in row] for row in rows]
    return np.stack([np.stack(row, axis=-1) for row in entries], axis=-2)


def _on_finite(stack: Array, function: Callable[[Array], Array]) -> Array:
    """A function of those matrices that are finite; infinity for the others, where LAPACK would fail."""
    finite = np.isfinite(stack).all(axis=(-2, -1))
    found = np.where(np.isnan(stack).any(axis=(-2, -1)), np.nan, np.inf)
    found[finite] = function(stack[finite])
    return found


def _inverses(stack: Array) -> Array:
    """Inverses; of infinite entries where there is none."""
    sign, _ = np.linalg.slogdet(stack)
    found = np.full_like(stack, np.inf)
    found[sign != 0] = np.linalg.inv(stack[sign != 0])
    return found


def _norms(stack: Array, p: sp.Expr) -> Array:
    order = np.inf if p == sp.oo else int(p)
    return _on_finite(stack, lambda m: np.asarray(np.linalg.norm(m, order, axis=(-2, -1))))


def _scaled_power(stack: Array, steps: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Powers by repeated squaring as matrices of moderate size and exponents of 2, so that nothing overflows."""
    base, exponent = _scaled(stack, np.zeros(steps.shape, dtype=np.int64))
    result = np.broadcast_to(np.eye(stack.shape[-1]), stack.shape).copy()
    total, left = np.zeros(steps.shape, dtype=np.int64), steps.copy()
    while left.any():
        odd = (left & 1).astype(bool)
        result[odd], total[odd] = _scaled(result[odd] @ base[odd], total[odd] + exponent[odd])
        base, exponent = _scaled(base @ base, np.clip(2 * exponent, -_FAR, _FAR))
        left >>= 1
    return result, np.clip(total, -_LDEXP, _LDEXP)


_FAR = 2**60  # exponents that are clipped here are beyond float64 by far
_LDEXP = 2**30


def _scaled(stack: Array, exponent: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    _, shift = np.frexp(np.abs(stack).max(axis=(-2, -1), initial=0.0))
    return np.ldexp(stack, -shift[..., None, None]), np.clip(exponent + shift, -_FAR, _FAR)


class MpmathArithmetic(Arithmetic):
    """Single numbers in mpmath, at the precision that is set there."""

    modules: Sequence[Any] = (
        {"logistic": lambda z: 1 / (1 + mpmath.exp(-z)), "softplus": lambda z: mpmath.log1p(mpmath.exp(z))},
        "mpmath",
    )

    def arguments(self, names: Sequence[str], values: Sequence[Any]) -> tuple[list[Any], Any]:
        numbers = [_mpf(name, value) for name, value in zip(names[:-1], values[:-1], strict=True)]
        return numbers, checked_steps(values[-1])

    def constant(self, value: sp.Expr) -> Any:
        digits = mpmath.mp.dps + 5
        return mpmath.mpf(str(sp.N(value, digits)))

    def size(self, kind: type[sp.Expr], p: sp.Expr, rows: Rows) -> Any:
        matrix = mpmath.matrix(rows)
        if kind is OperatorNorm:
            return _mpmath_norm(matrix, p)
        if kind is SmallestSingularValue:
            return min(mpmath.svd_r(matrix, compute_uv=False))
        if kind is MinimumModulus:
            try:
                return 1 / _mpmath_norm(matrix**-1, p)
            except ZeroDivisionError:
                return mpmath.mpf(0)
        if kind is PerronRatio:
            entries = [[sp.Float(entry, mpmath.mp.dps) for entry in row] for row in matrix.tolist()]
            return mpmath.mpf(str(PerronRatio(sp.Matrix(entries), p).evalf(mpmath.mp.dps)))
        return max(abs(root) for root in mpmath.eig(matrix, left=False, right=False))

    def rate_power(self, rate: Any, steps: Any) -> Any:
        return mpmath.mpf(rate) ** steps

    def power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Any:
        return _mpmath_norm(mpmath.matrix(rows) ** steps, p)

    def inverse_power_norm(self, rows: Rows, steps: Any, p: sp.Expr) -> Any:
        if not steps:
            return mpmath.mpf(1)
        try:
            holds = all(pivot > 0 for pivot in _pivots([[mpmath.mpf(entry) for entry in row] for row in rows]))
            inverse = mpmath.matrix(rows) ** -1 if holds else None
        except ZeroDivisionError:
            inverse = None
        return mpmath.mpf(0) if inverse is None else 1 / _mpmath_norm(inverse**steps, p)

    def least(self, values: Sequence[Any]) -> Any:
        return min(values)


def _mpf(name: str, value: Any) -> Any:
    try:
        return mpmath.mpf(value.item() if isinstance(value, np.generic) else value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: a real number is needed, got {type(value).__name__} {value!r}") from error


def _mpmath_norm(matrix: Any, p: sp.Expr) -> Any:
    if p == 2:
        return max(mpmath.svd_r(matrix, compute_uv=False))
    return mpmath.mnorm(matrix, mpmath.inf if p == sp.oo else 1)


ARITHMETICS: dict[str, Arithmetic] = {"numpy": NumpyArithmetic(), "mpmath": MpmathArithmetic()}
