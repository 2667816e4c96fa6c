"""Float64 matrices as matrices of balls, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.rigor.array_input import checked_matrix, checked_radius
from symgrad.rigor.balls import upper_float, working_precision

__all__ = ["ball_matrix", "columns_scaled", "is_zero", "midpoint_radius", "midpoints", "point_matrix", "rows_scaled"]

Array = NDArray[np.float64]

_BITS = 160


def point_matrix(x: NDArray[np.float64]) -> Any:
    """The arb_mat with exactly the entries of a float64 matrix.

    >>> point_matrix(np.array([[0.5, 2.0]]))
    [0.500000000000000, 2.00000000000000]
    """
    rows, columns = x.shape
    return arb_mat(rows, columns, [arb(entry) for entry in x.ravel().tolist()])


def ball_matrix(matrix: object, radius: object = None) -> Any:
    """The arb_mat with entries matrix +- radius, for products and sums of weights in ball arithmetic.

    The radius of a ball has 30 bits, so that a given one may grow by a relative 2^-29.

    Raises:
        InputError: a matrix or radius that is not accepted.

    >>> ball_matrix([[0.5, 2.0]])
    [0.500000000000000, 2.00000000000000]
    """
    values = checked_matrix(matrix)
    spread = checked_radius(radius, (values.shape[0], values.shape[1]))
    around = np.zeros_like(values) if spread is None else spread
    pairs = zip(values.ravel().tolist(), around.ravel().tolist(), strict=True)
    return arb_mat(*values.shape, [arb(mid, rad) for mid, rad in pairs])


def midpoint_radius(balls: Any) -> tuple[Array, Array]:
    """Float arrays (matrix, radius) that enclose an arb_mat entry by entry, as `operator_norm` takes them.

    Raises:
        InputError: an entry that is unbounded or beyond the largest float.

    >>> matrix, radius = midpoint_radius(ball_matrix([[0.1]]) * ball_matrix([[0.1]]))
    >>> matrix, bool(0 < radius[0, 0] < 1e-17)
    (array([[0.01]]), True)
    """
    shape = (balls.nrows(), balls.ncols())
    mids = [float(entry) for entry in balls.entries()]
    with working_precision(_BITS):
        radii = [_radius(entry, arb(mid)) for entry, mid in zip(balls.entries(), mids, strict=True)]
    if not all(math.isfinite(x) for x in (*mids, *radii)):
        raise InputError("balls: an entry without finite bounds was given; accepted are balls within the floats")
    return np.array(mids, dtype=np.float64).reshape(shape), np.array(radii, dtype=np.float64).reshape(shape)


def _radius(entry: arb, middle: arb) -> float:
    return 0.0 if entry.is_exact() and entry == middle else upper_float(abs(entry - middle))


def midpoints(balls: Any) -> Array:
    """The midpoints of an arb_mat in floats, rounded: approximate.

    >>> midpoints(ball_matrix([[0.5, 2.0]])).tolist()
    [[0.5, 2.0]]
    """
    entries = np.array([float(entry) for entry in balls.entries()], dtype=np.float64)
    return entries.reshape(balls.nrows(), balls.ncols())


def rows_scaled(matrix: Any, factors: list[arb]) -> Any:
    """``diag(d) A``: each row of an arb_mat times its factor.

    >>> rows_scaled(ball_matrix([[0.5], [2.0]]), [arb(2), arb(3)]).tolist()
    [[1.00000000000000], [6.00000000000000]]
    """
    width = matrix.ncols()
    entries = [factor * matrix[i, j] for i, factor in enumerate(factors) for j in range(width)]
    return arb_mat(len(factors), width, entries)


def columns_scaled(matrix: Any, factors: list[arb]) -> Any:
    """``A diag(d)``: each column of an arb_mat times its factor.

    >>> columns_scaled(ball_matrix([[0.5, 2.0]]), [arb(2), arb(3)]).tolist()
    [[1.00000000000000, 6.00000000000000]]
    """
    entries = [matrix[i, j] * factor for i in range(matrix.nrows()) for j, factor in enumerate(factors)]
    return arb_mat(matrix.nrows(), len(factors), entries)


def is_zero(matrix: Any) -> bool:
    """Whether every entry of an arb_mat is exactly zero.

    >>> is_zero(ball_matrix([[0.0]])), is_zero(ball_matrix([[0.0]], [[1.0]]))
    (True, False)
    """
    return all(entry.is_zero() for entry in matrix.entries())
