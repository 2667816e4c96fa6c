"""What makes a fixed point of a vector system critical, as singular matrices, and boxes with one such point at most.

With A the linearisation, an eigenvalue mu of A makes ``A - mu`` singular, and two eigenvalues with product 1 (a flow:
with sum 0) make the bialternate product ``A (.) A - 1`` (a flow: ``2 A (.) 1``) singular: Kuznetsov, *Elements of
Applied Bifurcation Theory* (3rd ed. 2004), section 10.2.2. Where G(z) with a border is regular, G is singular just
where the scalar g of ``[[G, b], [c^T, 0]] (v, g) = (0, 1)`` vanishes (W. Govaerts, *Numerical Methods for Bifurcations
of Dynamical Equilibria* 2000, ch. 3), and ``g_z = - w^T G_z v`` with w the same of the transpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.vector_derivatives import Extended, column, unit_column
from symgrad.rigor.matrix_balls import midpoints

__all__ = [
    "FLIPS",
    "FOLDS",
    "PAIRS",
    "Box",
    "conditions_of",
    "critical_matrix",
    "enclosed_solution",
    "float_sign",
    "is_regular",
    "one_at_most",
]

Array = NDArray[np.float64]

FOLDS, FLIPS, PAIRS = "fold", "flip", "pair"


@dataclass(frozen=True, eq=False)
class Box:
    """A closed box of points z = (x, p).

    Attributes:
        low: the least point, (N + 1,) floats.
        high: the greatest.
    """

    low: Array
    high: Array

    @property
    def middle(self) -> Array:
        """A point of it, (N + 1,)."""
        return np.asarray(np.clip(self.low / 2 + self.high / 2, self.low, self.high))

    @property
    def width(self) -> Array:
        """In each coordinate."""
        return np.asarray(self.high - self.low)

    @property
    def balls(self) -> Any:
        """A column of balls around it."""
        middle = self.middle
        radius = np.maximum(self.high - middle, middle - self.low)
        return column([arb(m, r) for m, r in zip(middle.tolist(), np.nextafter(radius, np.inf).tolist(), strict=True)])

    def within(self, other: Box) -> bool:
        """Whether it is a part of another one."""
        return bool((other.low <= self.low).all() and (self.high <= other.high).all())

    def around(self, factor: float, margin: Array) -> Box:
        """About the same box, its sides this many times as long, and wider by a margin on both ends."""
        more = self.width * (factor - 1) / 2 + margin
        return Box(self.low - more, self.high + more)

    def contains(self, point: Array) -> bool:
        """Whether a point lies in it."""
        return bool((self.low <= point).all() and (point <= self.high).all())

    def halves(self, place: int) -> tuple[Box, Box]:
        """Cut in two across a coordinate."""
        left, right = self.high.copy(), self.low.copy()
        left[place] = right[place] = self.middle[place]
        return Box(self.low, left), Box(right, self.high)


def conditions_of(extended: Extended) -> tuple[str, ...]:
    """The conditions that there are for a system: a flow has no flips, one unknown no pairs."""
    found = (FOLDS, FLIPS) if extended.system.is_map else (FOLDS,)
    return (*found, PAIRS) if extended.size > 1 else found


def critical_matrix(extended: Extended, condition: str, a: Any) -> Any:
    """G, singular where the condition is fulfilled, from the linearisation A in balls."""
    is_map = extended.system.is_map
    if condition != PAIRS:
        shift = -1 if condition == FLIPS else int(is_map)
        return _minus(a, shift)
    return _minus(_compound(a), 1) if is_map else _additive_compound(a)


def float_sign(extended: Extended, condition: str, z: Array) -> float:
    """The sign of the determinant of G at a point (x, p), in floats: 1, -1 or 0; not a number where A is none."""
    a, is_map = extended.float_linearisation(z), extended.system.is_map
    if not np.isfinite(a).all():
        return np.nan
    if condition != PAIRS:
        shift = -1 if condition == FLIPS else int(is_map)
        return float(np.linalg.slogdet(a - shift * np.eye(len(a)))[0])
    values, sign = np.linalg.eigvals(a), 1.0
    for first, second in combinations(values, 2):
        if first.imag == second.imag == 0 or first == np.conj(second):  # all other pairs come twice, with conjugates
            sign *= float(np.sign((first * second - 1 if is_map else first + second).real))
    return sign


def _critical_slope(extended: Extended, condition: str, a: Any, da: Any) -> Any:
    """The derivative of G where A moves by dA."""
    if condition != PAIRS:
        return da
    if not extended.system.is_map:
        return _additive_compound(da)
    pairs, m, d = list(combinations(range(a.nrows()), 2)), a.tolist(), da.tolist()
    return arb_mat(
        [
            [d[i][h] * m[j][k] + m[i][h] * d[j][k] - d[i][k] * m[j][h] - m[i][k] * d[j][h] for h, k in pairs]
            for i, j in pairs
        ]
    )


def _minus(matrix: Any, value: int) -> Any:
    size = matrix.nrows()
    return matrix - arb_mat(size, size, [value if i == j else 0 for i in range(size) for j in range(size)])


def _compound(a: Any) -> Any:
    """Minors of two rows and columns: the eigenvalues are the products of two of A."""
    pairs, m = list(combinations(range(a.nrows()), 2)), a.tolist()
    return arb_mat([[m[i][h] * m[j][k] - m[i][k] * m[j][h] for h, k in pairs] for i, j in pairs])


def _additive_compound(a: Any) -> Any:
    """The derivative of the minors of 1 + t A at t = 0: the eigenvalues are the sums of two of A."""
    pairs, m = list(combinations(range(a.nrows()), 2)), a.tolist()

    def entry(i: int, j: int, h: int, k: int) -> arb:
        return m[i][h] * int(j == k) + m[j][k] * int(i == h) - m[i][k] * int(j == h) - m[j][h] * int(i == k)

    return arb_mat([[entry(*row, *other) for other in pairs] for row in pairs])


def is_regular(matrix: Any) -> bool:
    """Whether every matrix in one of balls is proved regular: with an approximate inverse Y, |1 - Y M| < 1."""
    return _defect(matrix) is not None


def _defect(matrix: Any) -> tuple[Any, arb] | None:
    """An approximate inverse Y and a bound below 1 of the row sums of |1 - Y M|; None where there is none."""
    floats = midpoints(matrix)
    if not np.isfinite(floats).all():
        return None
    try:
        inverse = arb_mat(np.linalg.inv(floats).tolist())
    except np.linalg.LinAlgError:
        return None
    rest = _minus(inverse * matrix, 1).tolist()
    bound = max((sum((abs(entry).upper() for entry in row), arb(0)) for row in rest), key=_upper)
    return (inverse, bound) if bound < 1 else None


def _upper(ball: arb) -> float:
    value = float(ball.upper())
    return value if value == value else np.inf


def enclosed_solution(matrix: Any, right: Any) -> Any | None:
    """A column around the solutions for all matrices in M: ``x_0 + Y (b - M x_0) / (1 - |1 - Y M|)``."""
    found = _defect(matrix)
    if found is None:
        return None
    inverse, bound = found
    start = (inverse * right).mid()
    error = max((abs(entry).upper() for entry in (inverse * (right - matrix * start)).entries()), key=_upper)
    radius = (error / (1 - bound)).upper()
    return column([entry + arb(0, radius) for entry in start.entries()])


def one_at_most(extended: Extended, condition: str, box: Box) -> bool:
    """Whether a box is proved to hold no two fixed points (x, p) that fulfil a condition.

    The equations r = 0, g = 0 have a derivative that is regular over the whole box.
    """
    balls = box.balls
    a = extended.linearisation(balls)
    matrix = critical_matrix(extended, condition, a)
    vectors = _null_vectors(matrix)
    if vectors is None:
        return False
    v, w, count = *vectors, extended.size + 1
    row = []
    for place in range(count):
        da = extended.linearisation_along(balls, unit_column(count, place))
        row.append(-(w.transpose() * _critical_slope(extended, condition, a, da) * v)[0, 0])
    return is_regular(arb_mat([*extended.slopes(balls).tolist(), row]))


def _null_vectors(matrix: Any) -> tuple[Any, Any] | None:
    """The columns v, w of the bordered matrix and its transpose; None where the border does not make it regular."""
    size, floats = matrix.nrows(), midpoints(matrix)
    if not np.isfinite(floats).all():
        return None
    left, _, right = np.linalg.svd(floats)
    rows = [[*row, arb(b)] for row, b in zip(matrix.tolist(), left[:, -1].tolist(), strict=True)]
    bordered = arb_mat([*rows, [*map(arb, right[-1].tolist()), arb(0)]])
    wanted = unit_column(size + 1, size)
    first, second = enclosed_solution(bordered, wanted), enclosed_solution(bordered.transpose(), wanted)
    if first is None or second is None:
        return None
    return column(first.entries()[:size]), column(second.entries()[:size])
