"""Critical points of vector systems as zeros of augmented systems, proved to exist by the operator of Krawczyk.

A fixed point at which A = F'(x) (or f'(x) of a flow) has a critical eigenvalue is a regular zero of

* ``r(x, p) = 0, A q = mu q, l . q = 1`` with mu = 1 (a flow: 0) at a fold and mu = -1 at a flip;
* the same at a fixed x which is one for all p, with unknowns (p, q): transcritical and pitchfork bifurcations;
* ``r(x, p) = 0, A q = lambda q, l^* q = 1`` with q = q1 + i q2 and lambda = c + i s, c^2 + s^2 = 1, at a
  Neimark-Sacker point, lambda = i omega at a Hopf point.

Kuznetsov, *Elements of Applied Bifurcation Theory* (3rd ed. 2004), sections 10.2 and 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from flint import acb, arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.vector_derivatives import Extended, column, dot, entries_of, unit_column
from symgrad.rigor.balls import working_precision
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["CriticalZero", "complex_zero", "lasting_zero", "real_zero"]

Array = NDArray[np.float64]

_BITS = (192, 512)
_NEWTON = 12


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


class _Lasting:
    """Unknowns (p, q) at a fixed x."""

    def __init__(self, extended: Extended, multiplier: int, left: Array, x: Any) -> None:
        self.extended, self.multiplier, self.left, self.x = extended, multiplier, column(left), x

    def parts(self, unknown: Any) -> tuple[Any, Any]:
        """The columns (x, p) and q."""
        entries = unknown.entries()
        return column([*self.x.entries(), entries[0]]), column(entries[1:])

    def residual(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        image = self.extended.linearisation(z) * q - q * self.multiplier
        return column([*image.entries(), dot(self.left, q) - 1])

    def derivative(self, unknown: Any) -> Any:
        z, q = self.parts(unknown)
        size = self.extended.size
        by_p = self.extended.linearisation_along(z, unit_column(size + 1, size)) * q
        shifted = self.extended.linearisation(z) - _identity(size) * self.multiplier
        return _assembled([[by_p, shifted], [arb_mat(1, 1), self.left.transpose()]])


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


def real_zero(extended: Extended, multiplier: int, z: Array) -> CriticalZero | None:
    """The point next to z = (x, p), floats, at which A has the eigenvalue 1, 0 or -1; None where none is proved.

    It is a regular zero, so that at an eigenvalue 1 (of a flow: 0) it is a fold: the curve of fixed points turns back.
    """
    vector = _null_vector(extended.float_linearisation(z) - multiplier * np.eye(extended.size))
    problem = _Real(extended, multiplier, vector)
    for bits in _BITS:
        with working_precision(bits):
            zero = _proved(problem, column([*z, *vector]))
            if zero is not None:
                point, q = problem.parts(zero)
                return CriticalZero(point, arb(multiplier), q, q * 0)
    return None


def lasting_zero(extended: Extended, multiplier: int, x: Any, p: float) -> CriticalZero | None:
    """The same at a given x, a column of balls that is a fixed point for every p."""
    z = np.array([float(entry) for entry in x.entries()] + [p])
    vector = _null_vector(extended.float_linearisation(z) - multiplier * np.eye(extended.size))
    problem = _Lasting(extended, multiplier, vector, x)
    for bits in _BITS:
        with working_precision(bits):
            zero = _proved(problem, column([p, *vector]))
            if zero is not None:
                point, q = problem.parts(zero)
                return CriticalZero(point, arb(multiplier), q, q * 0)
    return None


def complex_zero(extended: Extended, z: Array) -> CriticalZero | None:
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
            zero = _proved(problem, column([*z, *vector.real, *vector.imag, *last]))
            if zero is not None:
                point, q1, q2, c, s = problem.parts(zero)
                return CriticalZero(point, acb(c, s), q1, q2) if s > 0 else None
    return None


def _null_vector(matrix: Array) -> Array:
    """About the direction in which a matrix is smallest, of length 1."""
    return np.asarray(np.linalg.svd(matrix)[2][-1]) if np.isfinite(matrix).all() else np.ones(len(matrix))


def _proved(problem: _Real | _Lasting | _Complex, start: Any) -> Any | None:
    """Newton's method, then the proof."""
    try:
        for _ in range(_NEWTON):
            step = problem.derivative(start).mid().solve(problem.residual(start).mid()).mid()
            start = (start - step).mid()
            size = max(float(abs(entry)) for entry in step.entries())
            if not size < 1e6:
                return None
            if size < 1e-12:
                break
        return krawczyk_zero(problem.residual, problem.derivative, start)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def _slopes_of_product(extended: Extended, z: Any, q: Any) -> Any:
    """The derivative of A q by z at constant q, (N, N + 1): second derivatives are symmetric."""
    size = extended.size
    by_x = extended.linearisation_along(z, column([*q.entries(), 0]))
    by_p = extended.linearisation_along(z, unit_column(size + 1, size)) * q
    return arb_mat([a + b for a, b in zip(by_x.tolist(), by_p.tolist(), strict=True)])


def _identity(size: int) -> Any:
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def _assembled(rows: list[list[Any]]) -> Any:
    return arb_mat([list(chain(*line)) for row in rows for line in zip(*(b.tolist() for b in row), strict=True)])
