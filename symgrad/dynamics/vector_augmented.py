"""Critical points of vector systems as zeros of augmented systems, proved to exist by the operator of Krawczyk.

A fixed point at which A = F'(x) (or f'(x) of a flow) has a critical eigenvalue is a regular zero of

* ``r(x, p) = 0, A q = mu q, l . q = 1`` with mu = 1 (a flow: 0) at a fold and mu = -1 at a flip;
* the same with x in the fixed space of a symmetry S and S q = -q: transcritical and pitchfork bifurcations.

Kuznetsov, *Elements of Applied Bifurcation Theory* (3rd ed. 2004), sections 10.2 and 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from flint import acb, arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_derivatives import Extended, column, dot, entries_of, unit_column
from symgrad.rigor.balls import working_precision
from symgrad.rigor.krawczyk import krawczyk_zero
from symgrad.rigor.matrix_balls import midpoints

__all__ = [
    "BITS",
    "AugmentedSystem",
    "CriticalZero",
    "assembled",
    "identity",
    "proved_zero",
    "real_zero",
    "reduced_zero",
    "slopes_of_product",
]

Array = NDArray[np.float64]

BITS = (192, 512)
_NEWTON, _ROUGHBITS = 16, 64


@dataclass(frozen=True, eq=False)
class CriticalZero:
    """A fixed point with a critical eigenvalue and its eigenvector, in balls; exactly one lies in them.

    Attributes:
        z: the column (x, p).
        eigenvalue: the critical one; of a complex pair that with positive imaginary part.
        vector: q, real part; column of N.
        imaginary: the imaginary part of q; zero for a real eigenvalue.
    """

    z: Any
    eigenvalue: arb | acb
    vector: Any
    imaginary: Any


class AugmentedSystem(Protocol):
    """Equations in (x, p), an eigenvector and whatever else is unknown."""

    def parts(self, unknown: Any) -> tuple[Any, ...]:
        """The column (x, p), then the rest."""

    def residual(self, unknown: Any) -> Any:
        """What must vanish, a column of balls."""

    def derivative(self, unknown: Any) -> Any:
        """Its derivative by all unknowns."""


class _Real:
    """Unknowns (x, p, q)."""

    def __init__(self, extended: Extended, multiplier: int, left: Array) -> None:
        self.extended, self.multiplier, self.left = extended, multiplier, column(left)

    def parts(self, unknown: Any) -> tuple[Any, Any]:
        """The columns (x, p) and q."""
        size, entries = self.extended.size, unknown.entries()
        return column(entries[: size + 1]), column(entries[size + 1 :])

    def residual(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        image = self.extended.linearisation(z) * q - q * self.multiplier
        return column([*entries_of(self.extended.residual(z), image), dot(self.left, q) - 1])

    def derivative(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        size = self.extended.size
        shifted = self.extended.linearisation(z) - identity(size) * self.multiplier
        return assembled(
            [
                [self.extended.slopes(z), arb_mat(size, size)],
                [slopes_of_product(self.extended, z, q), shifted],
                [arb_mat(1, size + 1), self.left.transpose()],
            ]
        )


class _Reduced:
    """Unknowns (y, p, w) of ``x = x_0 + P y, q = Q w`` under a symmetry."""

    def __init__(self, extended: Extended, multiplier: int, left: Array, symmetry: Symmetry) -> None:
        self.extended, self.multiplier, self.left, self.symmetry = extended, multiplier, column(left), symmetry

    def parts(self, unknown: Any) -> tuple[Any, Any]:
        """The columns (x, p) and q."""
        entries, count = unknown.entries(), len(self.symmetry.kept_rows)
        x, q = self.symmetry.point(entries[:count]), self.symmetry.direction(entries[count + 1 :])
        return column([*x.entries(), entries[count]]), q

    def residual(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        residual = self.extended.residual(z).entries()
        image = (self.extended.linearisation(z) * q - q * self.multiplier).entries()
        kept = [residual[i] for i in self.symmetry.kept_rows]
        return column([*kept, *(image[i] for i in self.symmetry.turned_rows), dot(self.left, q) - 1])

    def derivative(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        size, (kept, turned) = self.extended.size, (self.symmetry.kept, self.symmetry.turned)
        slopes, moved = self.extended.slopes(z), slopes_of_product(self.extended, z, q)
        shifted = self.extended.linearisation(z) - identity(size) * self.multiplier
        blocks = [
            [_times(_columns(slopes, 0, size), kept), _columns(slopes, size, size + 1), arb_mat(size, turned.shape[1])],
            [_times(_columns(moved, 0, size), kept), _columns(moved, size, size + 1), _times(shifted, turned)],
            [arb_mat(1, kept.shape[1] + 1), _times(self.left.transpose(), turned)],
        ]
        rows = assembled(blocks).tolist()
        places = [*self.symmetry.kept_rows, *(size + i for i in self.symmetry.turned_rows), 2 * size]
        return arb_mat([rows[i] for i in places])


def real_zero(extended: Extended, multiplier: int, z: Array, reach: Array | None = None) -> CriticalZero | None:
    """The point next to z = (x, p), floats, at which A has the eigenvalue 1, 0 or -1; None where none is proved.

    It is a regular zero, so that at an eigenvalue 1 (of a flow: 0) it is a fold: the curve of fixed points turns back.
    """
    vector = _null_vector(extended.float_linearisation(z) - multiplier * np.eye(extended.size))
    problem = _Real(extended, multiplier, vector)
    for bits in BITS:
        with working_precision(bits):
            zero = proved_zero(problem, column([*z, *vector]), reach)
            if zero is not None:
                point, q = problem.parts(zero)
                return CriticalZero(point, arb(multiplier), q, q * 0)
    return None


def reduced_zero(
    extended: Extended, multiplier: int, z: Array, symmetry: Symmetry, reach: Array | None = None
) -> CriticalZero | None:
    """The same where a symmetry keeps a branch of fixed points, and q is turned round by it."""
    matrix = extended.float_linearisation(z) - multiplier * np.eye(extended.size)
    inner = _null_vector(matrix @ symmetry.turned)
    vector = symmetry.turned @ inner
    vector, inner = vector / np.linalg.norm(vector), inner / np.linalg.norm(vector)
    problem = _Reduced(extended, multiplier, vector, symmetry)
    start = column([*symmetry.coordinates(z[:-1]), z[-1], *inner])
    for bits in BITS:
        with working_precision(bits):
            zero = proved_zero(problem, start, reach)
            if zero is not None:
                point, q = problem.parts(zero)
                return CriticalZero(point, arb(multiplier), q, q * 0)
    return None


def _null_vector(matrix: Array) -> Array:
    """About the direction in which a matrix is smallest, of length 1."""
    return np.asarray(np.linalg.svd(matrix)[2][-1]) if np.isfinite(matrix).all() else np.ones(len(matrix))


def proved_zero(problem: AugmentedSystem, start: Any, reach: Array | None) -> Any | None:
    """Newton's method at low precision, given up where it leaves the reach, then the proof."""
    try:
        with working_precision(_ROUGHBITS):
            near = _approached(problem, start, reach)
        return None if near is None else krawczyk_zero(problem.residual, problem.derivative, near)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def _approached(problem: AugmentedSystem, start: Any, reach: Array | None) -> Any | None:
    origin = midpoints(problem.parts(start)[0])[:, 0]
    limit = np.full(len(origin), 1e3) if reach is None else reach
    for _ in range(_NEWTON):
        step = problem.derivative(start).mid().solve(problem.residual(start).mid()).mid()
        start = (start - step).mid()
        if not (np.abs(midpoints(problem.parts(start)[0])[:, 0] - origin) <= limit).all():
            return None
        if max(float(abs(entry)) for entry in step.entries()) < 1e-12:
            break
    return start


def slopes_of_product(extended: Extended, z: Any, q: Any) -> Any:
    """The derivative of A q by z at constant q, (N, N + 1): second derivatives are symmetric."""
    size = extended.size
    by_x = extended.linearisation_along(z, column([*q.entries(), 0]))
    by_p = extended.linearisation_along(z, unit_column(size + 1, size)) * q
    return arb_mat([a + b for a, b in zip(by_x.tolist(), by_p.tolist(), strict=True)])


def _columns(matrix: Any, start: int, stop: int) -> Any:
    return arb_mat([row[start:stop] for row in matrix.tolist()])


def _times(matrix: Any, integers: Array) -> Any:
    """A product with a matrix of floats, which may have no columns."""
    if not integers.shape[1]:
        return arb_mat(matrix.nrows(), 0)
    return matrix * arb_mat(integers.tolist())


def identity(size: int) -> Any:
    """The identity matrix in balls."""
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def assembled(rows: list[list[Any]]) -> Any:
    """The matrix with these blocks."""
    return arb_mat([list(chain(*line)) for row in rows for line in zip(*(b.tolist() for b in row), strict=True)])
