"""The logarithmic norm of a matrix, the number that says how fast a flow can grow, as a SymPy atom."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.norms import NORMS, MatrixScalar, as_matrix, is_zero, norm, scalar_part
from symgrad.language.spectra import closed_eigenvalues, extreme, singular_values

__all__ = ["LogarithmicNorm"]


class LogarithmicNorm(MatrixScalar):
    r"""The logarithmic norm ``mu(A) = lim (||I + h A|| - 1) / h`` for h from above to 0, of a square real matrix.

    For p = 1 the largest ``a_jj + sum |a_ij|`` over the other entries of a column, for p = inf the same over rows, for
    p = 2 the largest eigenvalue of ``(A + A^T) / 2``. It may be negative. On construction positive factors are taken
    out, ``mu(c A) = c mu(A)``, and multiples of the identity, ``mu(A + c I) = mu(A) + c``.

    Source: Dahlquist 1958, *Stability and error bounds in the numerical integration of ordinary differential
    equations*; Soederlind 2006, *The logarithmic norm: history and modern theory*, BIT 46.

    >>> import sympy as sp
    >>> W = sp.MatrixSymbol("W", 2, 2)
    >>> LogarithmicNorm(2 * W - sp.Identity(2))
    2*LogarithmicNorm(W) - 1
    >>> LogarithmicNorm(sp.Matrix([[-3, 1], [0, -2]]), "inf").doit()
    -2
    """

    is_nonnegative = None
    is_extended_nonnegative = None

    def __new__(cls, matrix: Any, p: Any = 2) -> sp.Expr:
        which, square = norm(p), as_matrix(matrix)
        if square.shape[0] != square.shape[1]:
            raise InputError(f"matrix: the logarithmic norm needs a square matrix, got shape {square.shape}")
        shift, rest = _shift_part(square)
        factor, inner = scalar_part(rest)
        if isinstance(inner, sp.Identity):
            return shift + factor
        if is_zero(inner):
            return shift
        if square.shape == (1, 1) and isinstance(square, sp.MatrixBase):
            return square[0, 0]
        if factor.is_nonnegative:
            return shift + factor * sp.Expr.__new__(cls, inner, which.p)
        if factor.is_nonpositive:
            return shift - factor * sp.Expr.__new__(cls, -inner, which.p)
        return shift + sp.Expr.__new__(cls, rest, which.p)

    @property
    def p(self) -> sp.Expr:
        """1, 2 or oo."""
        return self.args[1]

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        if not entries.rows:
            return -sp.oo  # the greatest element of the empty set, as in symgrad.rigor.logarithmic_norms
        if self.p == 2:
            values = closed_eigenvalues((entries + entries.T) / 2)
            return None if values is None else extreme(values, 1)
        lines = entries.T if self.p == 1 else entries
        return sp.Max(*(_line_sum(lines, i) for i in range(lines.rows)))

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        if self.p != 2 or not entries.rows:
            value = self._value(entries)
            return None if value is None else value._evalf(bits)
        symmetric = (entries + entries.T) / 2
        shift = sp.Add(*(sp.ceiling(abs(entry)) for entry in symmetric))  # makes all eigenvalues non-negative
        more = bits + int(shift).bit_length()
        return (singular_values(symmetric + shift * sp.eye(entries.rows), more)[-1] - shift)._evalf(bits)

    def _latex(self, printer: Any) -> str:
        return rf"\mu_{{{NORMS[self.p].latex}}}\left({printer._print(self.matrix)}\right)"

    def _sympystr(self, printer: Any) -> str:
        inner = printer._print(self.matrix)
        return f"LogarithmicNorm({inner})" if self.p == 2 else f"LogarithmicNorm({inner}, {NORMS[self.p]})"


def _shift_part(matrix: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A number c and a matrix A with ``matrix`` equal to ``A + c I``."""
    if not isinstance(matrix, sp.MatAdd):
        return sp.S.Zero, matrix
    parts = [(term, *scalar_part(term)) for term in matrix.args]
    shift = sp.Add(*(factor for _, factor, inner in parts if isinstance(inner, sp.Identity)))
    rest = [term for term, _, inner in parts if not isinstance(inner, sp.Identity)]
    return shift, sp.MatAdd(*rest).doit(deep=False) if rest else sp.ZeroMatrix(*matrix.shape)


def _line_sum(matrix: sp.Expr, i: int) -> sp.Expr:
    """An entry of the diagonal plus the moduli of the others in its row."""
    return sp.Add(matrix[i, i], *(sp.Abs(matrix[i, j]) for j in range(matrix.cols) if j != i))
