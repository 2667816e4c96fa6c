"""Sums of powers of a rate or of a small non-negative matrix: closed forms, and enclosures for any number of terms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.gain import upper_ends
from symgrad.language.norms import Norm, OperatorNorm

__all__ = ["PowerSum", "ball_power_sum", "geometric_sum", "power_sum_entries", "sum_over_powers"]

_WRITTEN_OUT = 3  # sums of so few powers are added up


def geometric_sum(rate: sp.Expr, first: sp.Expr, steps: sp.Expr) -> sp.Expr:
    """``rate**first + ... + rate**(steps - 1)`` in closed form, with the case ``rate = 1`` apart.

    >>> T = sp.Symbol("T", integer=True, positive=True)
    >>> geometric_sum(sp.Rational(1, 2), 0, T), geometric_sum(sp.S.One, 0, T)
    (2 - 2/2**T, T)
    >>> geometric_sum(sp.Symbol("r", positive=True), 0, 3)
    r**2 + r + 1
    """
    first, steps = sp.sympify(first), sp.sympify(steps)
    count, ones = steps - first, sp.Eq(rate, 1)
    if count.is_Integer and count <= _WRITTEN_OUT:
        return sp.Add(*(rate ** (first + k) for k in range(int(count))))
    if ones == sp.true:
        return count
    closed = (rate**first - rate**steps) / (1 - rate)
    if ones == sp.false:
        return closed
    return sp.Piecewise((count, ones), (closed, True))


class PowerSum(sp.MatrixExpr):
    """``(G**first + ... + G**(steps - 1)) m`` of a square matrix and another one, kept as a whole.

    >>> T = sp.Symbol("T", integer=True, positive=True)
    >>> total = PowerSum(sp.ImmutableDenseMatrix([[1, 1], [0, 1]]), sp.ImmutableDenseMatrix([0, 1]), 0, T)
    >>> total, total.subs(T, 3).doit()
    (PowerSum(Matrix([
    [1, 1],
    [0, 1]]), Matrix([
    [0],
    [1]]), 0, T), Matrix([
    [3],
    [3]]))
    """

    def __new__(cls, matrix: Any, column: Any, first: Any, steps: Any) -> PowerSum:
        return sp.MatrixExpr.__new__(cls, *map(sp.sympify, (matrix, column, first, steps)))

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows of the matrix, columns of the other one."""
        return sp.sympify(self.args[0].shape[0]), sp.sympify(self.args[1].shape[1])

    def doit(self, **hints: Any) -> Any:
        """Added up where the numbers of terms are known; unchanged otherwise."""
        matrix, column, first, steps = self.args
        if not (first.is_Integer and steps.is_Integer):
            return self
        powers = (matrix**k for k in range(int(first), int(steps)))
        return reduce(add, powers, sp.ImmutableDenseMatrix.zeros(matrix.rows)) * column

    def _entry(self, i: Any, j: Any, **_: Any) -> sp.Expr:
        return sp.matrices.expressions.matexpr.MatrixElement(self, i, j)

    def _latex(self, printer: Any) -> str:
        matrix, column, first, steps = map(printer._print, self.args)
        return rf"\sum_{{k={first}}}^{{{steps} - 1}} {matrix}^{{k}} {column}"


def sum_over_powers(
    gain: sp.ImmutableDenseMatrix, source: sp.ImmutableDenseMatrix, first: Any, steps: Any, norm: Norm
) -> sp.Expr:
    """``||(G^first + ... + G^(steps-1)) m||_p`` as an expression."""
    total = PowerSum(gain, source, first, steps)
    few = total.args[3].is_Integer and total.args[3] <= _WRITTEN_OUT and total.args[2].is_Integer
    return OperatorNorm(total.doit() if few else total, norm.p)


def power_sum_entries(gain: sp.ImmutableDenseMatrix, first: Any, steps: Any) -> sp.ImmutableDenseMatrix | None:
    """The sum of powers of a 2 x 2 matrix in closed form, None beyond.

    With eigenvalues l1 != l2 it is ``(s(l1) (G - l2 I) - s(l2) (G - l1 I)) / (l1 - l2)`` where s is the geometric sum
    of an eigenvalue (Sylvester's formula; Horn and Johnson, Topics in Matrix Analysis 1991, sec. 6.1).
    """
    if gain.rows != 2:
        return None
    a, b, c, d = gain
    half = sp.sqrt((a - d) ** 2 + 4 * b * c) / 2
    if half.is_zero:
        return None
    large, small = (a + d) / 2 + half, (a + d) / 2 - half
    unit, sums = sp.eye(2), [geometric_sum(value, first, steps) for value in (large, small)]
    return sp.ImmutableDenseMatrix((sums[0] * (gain - small * unit) - sums[1] * (gain - large * unit)) / (2 * half))


def ball_power_sum(gain: Any, source: Sequence[arb], first: int, steps: int) -> list[arb]:
    """Upper bounds on the entries of ``(G^first + ... + G^(steps-1)) m`` for non-negative balls, as exact balls.

    The matrix ``[[G, m], [0, 1]]`` to the power r has ``(I + ... + G^(r-1)) m`` in its last column; it grows with
    every entry, so the upper ends of the entries give upper bounds, and no difference of large numbers is taken.
    """
    size = gain.nrows()
    if steps <= first:
        return [arb(0)] * size
    matrix, column = upper_ends(gain), [entry.upper() for entry in source]
    rows = [[*matrix.tolist()[i], column[i]] for i in range(size)]
    augmented = arb_mat([*rows, [arb(0)] * size + [arb(1)]])
    sums = arb_mat(size, 1, [(augmented ** (steps - first))[i, size] for i in range(size)])
    return [entry.upper() for entry in (matrix**first * sums).entries()]
