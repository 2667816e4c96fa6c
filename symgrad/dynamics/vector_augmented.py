"""Critical points of vector systems as zeros of augmented systems, proved to exist by the operator of Krawczyk.

A fixed point at which A = F'(x) (or f'(x) of a flow) has a critical eigenvalue is a regular zero of

* ``r(x, p) = 0, A q = mu q, l . q = 1`` with mu = 1 (a flow: 0) at a fold and mu = -1 at a flip;
* the same with x in the fixed space of a symmetry S and S q = -q: transcritical and pitchfork bifurcations;
* ``r(x, p) = 0, A q = lambda q, l^* q = 1`` with q = q1 + i q2 and lambda = c + i s, c^2 + s^2 = 1, at a
  Neimark-Sacker point, lambda = i omega at a Hopf point.

Kuznetsov, *Elements of Applied Bifurcation Theory* (3rd ed. 2004), sections 10.2 and 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np
from flint import acb, arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_derivatives import Extended, column, dot, entries_of, unit_column
from symgrad.rigor.balls import working_precision
from symgrad.rigor.krawczyk import krawczyk_zero
from symgrad.rigor.matrix_balls import midpoints

__all__ = ["CriticalZero", "complex_zero", "neutral_zero", "real_zero", "reduced_zero"]

Array = NDArray[np.float64]

_BITS = (192, 512)
_NEWTON, _ROUGH_BITS = 16, 64


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
        shifted = self.extended.linearisation(z) - _identity(size) * self.multiplier
        return _assembled(
            [
                [self.extended.slopes(z), arb_mat(size, size)],
                [_slopes_of_product(self.extended, z, q), shifted],
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
        slopes, moved = self.extended.slopes(z), _slopes_of_product(self.extended, z, q)
        shifted = self.extended.linearisation(z) - _identity(size) * self.multiplier
        blocks = [
            [_times(_columns(slopes, 0, size), kept), _columns(slopes, size, size + 1), arb_mat(size, turned.shape[1])],
            [_times(_columns(moved, 0, size), kept), _columns(moved, size, size + 1), _times(shifted, turned)],
            [arb_mat(1, kept.shape[1] + 1), _times(self.left.transpose(), turned)],
        ]
        rows = _assembled(blocks).tolist()
        places = [*self.symmetry.kept_rows, *(size + i for i in self.symmetry.turned_rows), 2 * size]
        return arb_mat([rows[i] for i in places])


class _Complex:
    """Unknowns (x, p, q1, q2, c, s) of a map, (x, p, q1, q2, omega) of a flow."""

    def __init__(self, extended: Extended, left: NDArray[np.complex128]) -> None:
        self.extended, self.is_map = extended, extended.system.is_map
        self.left = column(left.real), column(left.imag)

    def parts(self, unknown: Any) -> tuple[Any, Any, Any, arb, arb]:
        """The columns (x, p), q1 and q2, and both parts of the eigenvalue."""
        n, entries = self.extended.size, unknown.entries()
        rest = entries[3 * n + 1 :]
        c, s = rest if self.is_map else (arb(0), rest[0])
        q1, q2 = (column(entries[start : start + n]) for start in (n + 1, 2 * n + 1))
        return column(entries[: n + 1]), q1, q2, c, s

    def residual(self, unknown: Any) -> Any:
        z, q1, q2, c, s = self.parts(unknown)
        a, (l1, l2) = self.extended.linearisation(z), self.left
        images = a * q1 - q1 * c + q2 * s, a * q2 - q1 * s - q2 * c
        scales = [dot(l1, q1) + dot(l2, q2) - 1, dot(l1, q2) - dot(l2, q1)]
        circle = [c * c + s * s - 1] if self.is_map else []
        return column([*entries_of(self.extended.residual(z), *images), *scales, *circle])

    def derivative(self, unknown: Any) -> Any:
        z, q1, q2, c, s = self.parts(unknown)
        n, (l1, l2) = self.extended.size, (left.transpose() for left in self.left)
        shifted, turned = self.extended.linearisation(z) - _identity(n) * c, _identity(n) * s
        first, second = (_slopes_of_product(self.extended, z, q) for q in (q1, q2))
        above, below = ([-q1, q2], [-q2, -q1]) if self.is_map else ([q2], [-q1])
        width = len(above)
        rows = [
            [self.extended.slopes(z), arb_mat(n, 2 * n + width)],
            [first, shifted, turned, *above],
            [second, -turned, shifted, *below],
            [arb_mat(1, n + 1), l1, l2, arb_mat(1, width)],
            [arb_mat(1, n + 1), -l2, l1, arb_mat(1, width)],
        ]
        circle = [[arb_mat(1, 3 * n + 1), arb_mat([[2 * c, 2 * s]])]]
        return _assembled(rows + circle if self.is_map else rows)


class _Neutral:
    """Unknowns (x, p, q1, q2, lambda): two real eigenvalues with product 1 (a flow: with sum 0)."""

    def __init__(self, extended: Extended, left: tuple[Array, Array]) -> None:
        self.extended, self.is_map = extended, extended.system.is_map
        self.left = column(left[0]), column(left[1])

    def parts(self, unknown: Any) -> tuple[Any, Any, Any, arb, arb]:
        """The columns (x, p), q1 and q2, and both eigenvalues."""
        n, entries = self.extended.size, unknown.entries()
        q1, q2 = (column(entries[start : start + n]) for start in (n + 1, 2 * n + 1))
        return column(entries[: n + 1]), q1, q2, entries[-1], 1 / entries[-1] if self.is_map else -entries[-1]

    def residual(self, unknown: Any) -> Any:
        z, q1, q2, first, second = self.parts(unknown)
        a, (l1, l2) = self.extended.linearisation(z), self.left
        images = a * q1 - q1 * first, a * q2 - q2 * second
        return column([*entries_of(self.extended.residual(z), *images), dot(l1, q1) - 1, dot(l2, q2) - 1])

    def derivative(self, unknown: Any) -> Any:
        z, q1, q2, first, second = self.parts(unknown)
        n, (l1, l2) = self.extended.size, (left.transpose() for left in self.left)
        a, moved = self.extended.linearisation(z), second * second if self.is_map else arb(1)
        return _assembled(
            [
                [self.extended.slopes(z), arb_mat(n, 2 * n + 1)],
                [_slopes_of_product(self.extended, z, q1), a - _identity(n) * first, arb_mat(n, n), -q1],
                [_slopes_of_product(self.extended, z, q2), arb_mat(n, n), a - _identity(n) * second, q2 * moved],
                [arb_mat(1, n + 1), l1, arb_mat(1, n + 1)],
                [arb_mat(1, 2 * n + 1), l2, arb_mat(1, 1)],
            ]
        )


_Problem = _Real | _Reduced | _Complex | _Neutral


def neutral_zero(extended: Extended, z: Array, reach: Array | None = None) -> Any | None:
    """The column (x, p) next to z at which two different real eigenvalues have product 1 (a flow: sum 0).

    Nothing bifurcates there, but the test functions for pairs of eigenvalues vanish.
    """
    if not np.isfinite(z).all():
        return None
    values, vectors = np.linalg.eig(extended.float_linearisation(z))
    pairs = [(i, j) for i, j in combinations(range(len(values)), 2) if values[i].imag == values[j].imag == 0]
    is_map = extended.system.is_map
    if not pairs:
        return None
    i, j = min(pairs, key=lambda pair: _off_neutral(values[pair[0]].real, values[pair[1]].real, is_map))
    first, second = vectors[:, i].real, vectors[:, j].real
    problem = _Neutral(extended, (first, second))
    with working_precision(_BITS[0]):
        zero = _proved(problem, column([*z, *first, *second, values[i].real]), reach)
        if zero is None:
            return None
        point, *_, one, other = problem.parts(zero)
        return None if one.overlaps(other) else point


def _off_neutral(first: float, second: float, is_map: bool) -> float:
    return abs(first * second - 1) if is_map else abs(first + second)


def real_zero(extended: Extended, multiplier: int, z: Array, reach: Array | None = None) -> CriticalZero | None:
    """The point next to z = (x, p), floats, at which A has the eigenvalue 1, 0 or -1; None where none is proved.

    It is a regular zero, so that at an eigenvalue 1 (of a flow: 0) it is a fold: the curve of fixed points turns back.
    """
    vector = _null_vector(extended.float_linearisation(z) - multiplier * np.eye(extended.size))
    problem = _Real(extended, multiplier, vector)
    for bits in _BITS:
        with working_precision(bits):
            zero = _proved(problem, column([*z, *vector]), reach)
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
    for bits in _BITS:
        with working_precision(bits):
            zero = _proved(problem, start, reach)
            if zero is not None:
                point, q = problem.parts(zero)
                return CriticalZero(point, arb(multiplier), q, q * 0)
    return None


def complex_zero(extended: Extended, z: Array, reach: Array | None = None) -> CriticalZero | None:
    """The point next to z at which A has a pair of eigenvalues on the unit circle (of a flow: the imaginary axis)."""
    if not np.isfinite(z).all():
        return None
    values, vectors = np.linalg.eig(extended.float_linearisation(z))
    distance = np.abs(np.abs(values) - 1) if extended.system.is_map else np.abs(values.real)
    distance[values.imag <= 0] = np.inf
    place = int(np.argmin(distance))
    if not np.isfinite(distance[place]):
        return None
    vector, value = vectors[:, place], values[place]
    problem = _Complex(extended, vector)
    last = [value.real, value.imag] if extended.system.is_map else [value.imag]
    for bits in _BITS:
        with working_precision(bits):
            zero = _proved(problem, column([*z, *vector.real, *vector.imag, *last]), reach)
            if zero is not None:
                point, q1, q2, c, s = problem.parts(zero)
                return CriticalZero(point, acb(c, s), q1, q2) if s > 0 else None
    return None


def _null_vector(matrix: Array) -> Array:
    """About the direction in which a matrix is smallest, of length 1."""
    return np.asarray(np.linalg.svd(matrix)[2][-1]) if np.isfinite(matrix).all() else np.ones(len(matrix))


def _proved(problem: _Problem, start: Any, reach: Array | None) -> Any | None:
    """Newton's method at low precision, given up where it leaves the reach, then the proof."""
    try:
        with working_precision(_ROUGH_BITS):
            near = _approached(problem, start, reach)
        return None if near is None else krawczyk_zero(problem.residual, problem.derivative, near)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def _approached(problem: _Problem, start: Any, reach: Array | None) -> Any | None:
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


def _slopes_of_product(extended: Extended, z: Any, q: Any) -> Any:
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


def _identity(size: int) -> Any:
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def _assembled(rows: list[list[Any]]) -> Any:
    return arb_mat([list(chain(*line)) for row in rows for line in zip(*(b.tolist() for b in row), strict=True)])
