"""Pairs of critical eigenvalues of vector systems as zeros of augmented systems, proved by the operator of Krawczyk.

With A = F'(x) (or f'(x) of a flow), q = q1 + i q2 and lambda = c + i s, a Neimark-Sacker point is a regular zero of
``r(x, p) = 0, A q = lambda q, l^* q = 1, c^2 + s^2 = 1``, and a Hopf point of the same with c = 0. Where two real
eigenvalues have product 1 (of a flow: sum 0), nothing bifurcates, but the test functions for pairs vanish as well.

Kuznetsov, *Elements of Applied Bifurcation Theory* (3rd ed. 2004), sections 10.2 and 10.3.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from flint import acb, arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.vector_augmented import (
    BITS,
    CriticalZero,
    assembled,
    identity,
    proved_zero,
    slopes_of_product,
)
from symgrad.dynamics.vector_derivatives import Extended, column, dot, entries_of
from symgrad.rigor.balls import working_precision

__all__ = ["complex_zero", "neutral_zero"]

Array = NDArray[np.float64]


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
        shifted, turned = self.extended.linearisation(z) - identity(n) * c, identity(n) * s
        first, second = (slopes_of_product(self.extended, z, q) for q in (q1, q2))
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
        return assembled(rows + circle if self.is_map else rows)


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
        return assembled(
            [
                [self.extended.slopes(z), arb_mat(n, 2 * n + 1)],
                [slopes_of_product(self.extended, z, q1), a - identity(n) * first, arb_mat(n, n), -q1],
                [slopes_of_product(self.extended, z, q2), arb_mat(n, n), a - identity(n) * second, q2 * moved],
                [arb_mat(1, n + 1), l1, arb_mat(1, n + 1)],
                [arb_mat(1, 2 * n + 1), l2, arb_mat(1, 1)],
            ]
        )


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
    for bits in BITS:
        with working_precision(bits):
            zero = proved_zero(problem, column([*z, *vector.real, *vector.imag, *last]), reach)
            if zero is not None:
                point, q1, q2, c, s = problem.parts(zero)
                return CriticalZero(point, acb(c, s), q1, q2) if s > 0 else None
    return None


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
    with working_precision(BITS[0]):
        zero = proved_zero(problem, column([*z, *first, *second, values[i].real]), reach)
        if zero is None:
            return None
        point, *_, one, other = problem.parts(zero)
        return None if one.overlaps(other) else point


def _off_neutral(first: float, second: float, is_map: bool) -> float:
    return abs(first * second - 1) if is_map else abs(first + second)
