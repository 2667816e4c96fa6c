"""Single symmetric matrices of NumPy with LAPACK: inner products of columns, the largest eigenvalue, factorisations.

Only the upper triangles of C-ordered matrices count. LAPACK sees them as the lower triangles of Fortran-ordered ones,
so that nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs, get_lapack_funcs

__all__ = [
    "inner_products",
    "is_positive_definite_below",
    "iterated_eigenvalue",
    "largest_eigenvalue",
    "orthonormal",
    "pivoted_cholesky",
]

Array = NDArray[np.float64]

_DOUBLE = np.empty(0)
_NARROW = 64  # columns that NumPy multiplies as quickly
_FEW = 2**24  # multiplications that one thread makes as quickly as several
_BLOCK = 32  # columns that LAPACK reduces together
_NEAR = 0.25  # this power of the precision is the reciprocal condition from which columns count as dependent
_CHECKS = (4, 6, 8, 10, 12, 14, 17, 20, 25, 30, 40)  # vectors in the Krylov space when convergence is looked at


def inner_products(columns: Any) -> Any:
    """The inner products (B, r, r) of columns (N, B, r), as upper triangles.

    >>> np.triu(inner_products(np.array([[[1.0, 2.0]], [[0.0, 3.0]]]))[0]).tolist()
    [[1.0, 2.0], [0.0, 13.0]]
    """
    length, size, rank = columns.shape
    if rank <= _NARROW or length * rank**2 > _FEW:
        batch = np.transpose(columns, (1, 0, 2))
        return np.matrix_transpose(batch) @ batch
    (multiply,) = get_blas_funcs(("syrk",), (columns,))
    found = np.zeros((size, rank, rank), dtype=columns.dtype)
    for place in range(size):
        multiply(1.0, columns[:, place, :].T, lower=True, c=found[place].T, overwrite_c=True)
    return found


def largest_eigenvalue(gram: Any) -> float:
    """The largest eigenvalue: Householder reduction, then bisection (LAPACK's sytrd and stebz).

    >>> largest_eigenvalue(np.diag([1.0, 3.0, 2.0]))
    3.0
    """
    size = len(gram)
    if size == 1:
        return float(gram[0, 0])
    (reduce,) = get_lapack_funcs(("sytrd",), (gram,))
    # In double precision, as bisection takes off-diagonal entries for zero whose squares underflow.
    (bisect,) = get_lapack_funcs(("stebz",), (_DOUBLE,))
    _, diagonal, beside, _, _ = reduce(gram.T, lower=True, lwork=_BLOCK * size)
    count, values, _, _, failed = bisect(diagonal, beside, 2, 0.0, 0.0, size, size, 0.0, "E")
    return float(np.linalg.eigvalsh(gram, UPLO="U")[-1] if failed or count != 1 else values[0])


def iterated_eigenvalue(gram: Any, start: Any, tolerance: float) -> tuple[float, Any]:
    """A Ritz value near the largest eigenvalue, and its vector of length 1, from a vector to start with.

    The Lanczos method (Golub and Van Loan, *Matrix Computations*, 10.3) without reorthogonalisation: its vectors stay
    orthogonal until a Ritz value has converged to rounding (Paige, *Linear Algebra Appl.* 34, 1980), and it stops long
    before. The value is at most the largest eigenvalue, and not shown to be near it.

    >>> value, vector = iterated_eigenvalue(np.diag([1.0, 3.0, 2.0]), np.ones(3), 1e-6)
    >>> round(value, 9), np.abs(vector).round(6).tolist()
    (3.0, [0.0, 1.0, 0.0])
    """
    times, vectors = _product_with(gram), np.empty((_CHECKS[-1], len(gram)), dtype=gram.dtype)
    least = float(np.finfo(gram.dtype).eps)
    diagonal: list[float] = []
    beside: list[float] = []
    vector = start / math.sqrt(start @ start)
    for count in range(1, min(_CHECKS[-1], len(gram)) + 1):
        vectors[count - 1] = vector
        image = times(vector)
        if beside:
            image -= beside[-1] * vectors[count - 2]
        diagonal.append(float(vector @ image))
        image -= diagonal[-1] * vector
        length = math.sqrt(image @ image)
        # What is left of an invariant space is rounding: no direction to go on in.
        length = length if length > least * max(diagonal) else 0.0
        if count in _CHECKS or count == len(gram) or not length:
            value, coefficients, done = _ritz(diagonal, beside, length, tolerance)
            if done:
                break
        beside.append(length)
        vector = image / length
    found = coefficients @ vectors[: len(coefficients)]
    return max(value, 0.0), found


def _product_with(gram: Any) -> Callable[[Any], Any]:
    """From a vector to the matrix times it."""
    (multiply,), matrix = get_blas_funcs(("symv",), (gram,)), gram.T
    return lambda vector: multiply(1.0, matrix, vector, lower=True)


def _ritz(diagonal: list[float], beside: list[float], length: float, tolerance: float) -> tuple[float, Any, bool]:
    """The largest Ritz value, its coefficients, and whether it is as close as wanted.

    A Ritz value is off by its residual at most, and by the square of it over the gap to the next one.
    """
    if not beside:
        return diagonal[0], np.ones(1), length == 0.0
    (decompose,) = get_lapack_funcs(("stev",), (_DOUBLE,))
    values, vectors, _ = decompose(diagonal, beside, compute_v=True)
    residual, gap = length * abs(vectors[-1, -1]), values[-1] - values[-2]
    error = residual * residual / gap if gap > residual else residual
    return float(values[-1]), vectors[:, -1], bool(error <= tolerance * max(values[-1], 0.0))


def is_positive_definite_below(bound: float, gram: Any) -> bool:
    """Whether ``bound I - gram`` has a Cholesky factorisation, which no eigenvalue above the bound allows.

    >>> is_positive_definite_below(3.1, np.diag([1.0, 3.0, 2.0])), is_positive_definite_below(2.9, np.diag([1.0, 3.0]))
    (True, False)
    """
    (factorise,) = get_lapack_funcs(("potrf",), (gram,))
    matrix = np.negative(gram, order="C")
    matrix.reshape(-1)[:: len(gram) + 1] += bound
    return bool(factorise(matrix.T, lower=True, clean=False, overwrite_a=True)[1] == 0)


def pivoted_cholesky(gram: Any, tolerance: float) -> tuple[Any, Any]:
    """Columns (r, rank) such that the matrix is ``columns @ columns.T`` but for what is small (LAPACK's pstrf).

    Returns:
        ``(columns, pivots)``: a lower trapezoid, whose row j belongs to row and column ``pivots[j]`` of the matrix; no
        diagonal entry of what it leaves is above the tolerance.

    >>> columns, pivots = pivoted_cholesky(np.diag([1.0, 9.0, 0.0]), 1e-9)
    >>> columns.tolist(), pivots.tolist()
    ([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [1, 0, 2])
    """
    (factorise,) = get_lapack_funcs(("pstrf",), (gram,))
    factor, pivots, rank, _ = factorise(gram.T, tol=tolerance, lower=True)
    return np.triu(factor[:, :rank].T).T, pivots - 1


def orthonormal(columns: Any, pivots: Any, count: int) -> Any:
    """Orthonormal columns (r, count), of which the first j span the first j that :func:`pivoted_cholesky` gave.

    Where it gave fewer, unit vectors at further pivots are added. Columns from pivoting are far from dependent but for
    their lengths, so that the Cholesky factor of their inner products orthogonalises them; where they are not, a QR
    decomposition does.

    >>> orthonormal(np.array([[2.0], [2.0]]), np.array([1, 0]), 1).round(6).tolist()
    [[0.707107], [0.707107]]
    """
    wide = np.zeros((len(pivots), count), order="F", dtype=columns.dtype)
    rank = min(count, columns.shape[1])
    np.divide(columns[:, :rank], np.sqrt(np.square(columns[:, :rank]).sum(axis=0)), out=wide[:, :rank])
    wide[np.arange(rank, count), np.arange(rank, count)] = 1.0
    factorise, condition = get_lapack_funcs(("potrf", "trcon"), (wide,))
    multiply, divide = get_blas_funcs(("syrk", "trsm"), (wide,))
    factor, failed = factorise(multiply(1.0, wide, trans=True, lower=True), lower=True, overwrite_a=True)
    if failed or condition(factor, uplo="L")[0] < float(np.finfo(wide.dtype).eps) ** _NEAR:
        basis = np.linalg.qr(wide)[0]
    else:
        basis = divide(1.0, factor, wide, side=True, lower=True, trans_a=True, overwrite_b=True)
    placed = np.empty_like(basis, order="C")
    placed[pivots] = basis
    return placed
