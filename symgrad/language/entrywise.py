"""Moduli of the entries of a matrix, and what the Perron vectors of a non-negative matrix say about its powers."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy as sp

from symgrad.language.norms import MatrixScalar, SpectralRadius, as_matrix, norm, scalar_part

__all__ = ["EntrywiseModulus", "PerronRatio", "perron_rate", "perron_ratio"]

_GUARD = 30  # more binary digits than are asked for


class EntrywiseModulus(sp.MatrixExpr):
    """The matrix ``|A|`` of the moduli of the entries of a matrix A.

    >>> import sympy as sp
    >>> W = sp.MatrixSymbol("W", 2, 2)
    >>> EntrywiseModulus(W), EntrywiseModulus(sp.Matrix([[1, -2]])).doit()
    (Abs(W), Matrix([[1, 2]]))
    """

    def __new__(cls, matrix: Any) -> EntrywiseModulus:
        return super().__new__(cls, as_matrix(matrix))

    @property
    def matrix(self) -> sp.Expr:
        """A."""
        return self.args[0]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows and columns."""
        rows, columns = map(sp.sympify, self.matrix.shape)
        return rows, columns

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> sp.Expr:
        return sp.Abs(self.matrix[i, j])

    def doit(self, **hints: Any) -> sp.Expr:
        """The moduli of explicit entries; the same node otherwise."""
        inner = self.matrix.doit(**hints) if hints.get("deep", True) else self.matrix
        return inner.applyfunc(sp.Abs) if isinstance(inner, sp.MatrixBase) else self.func(inner)

    def _latex(self, printer: Any) -> str:
        return rf"\left|{printer._print(self.matrix)}\right|"

    def _sympystr(self, printer: Any) -> str:
        return f"Abs({printer._print(self.matrix)})"


class PerronRatio(MatrixScalar):
    r"""A constant C with ``||N^k||_p <= C rho(N)^k`` for all k, of a non-negative irreducible matrix N.

    With the right and left Perron vectors v and w it is the ratio of the largest and the least entry of v for p = inf,
    of w for p = 1, and of ``sqrt(w/v)`` (entry by entry) for p = 2. Infinite where a Perron vector has a zero, as that
    of a reducible matrix may.

    Source: Horn and Johnson, Matrix Analysis, 2nd ed. 2013, cor. 8.1.33.

    >>> import sympy as sp
    >>> float(PerronRatio(sp.Matrix([[0, 4], [1, 0]]), "inf").evalf())
    2.0
    """

    def __new__(cls, matrix: Any, p: Any = 2) -> sp.Expr:
        _, inner = scalar_part(as_matrix(matrix))
        return sp.Expr.__new__(cls, inner, norm(p).p)

    @property
    def p(self) -> sp.Expr:
        """1, 2 or oo."""
        return self.args[1]

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        return sp.S.One if entries.rows == 1 else None

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        with mpmath.workprec(bits + _GUARD):
            matrix = mpmath.matrix([[entry.evalf(mpmath.mp.dps) for entry in row] for row in entries.tolist()])
            right, left = _perron_vector(matrix), _perron_vector(matrix.T)
            least = mpmath.mpf(2) ** -bits
            if min(*(right if self.p != 1 else left), *(left if self.p != sp.oo else right)) <= least:
                return sp.oo
            pairs = zip(left, right, strict=True)
            weights = {1: left, sp.oo: right}.get(self.p) or [mpmath.sqrt(w / v) for w, v in pairs]
            return sp.Float(max(weights) / min(weights), precision=bits)

    def _latex(self, printer: Any) -> str:
        return rf"\kappa_{{{norm(self.p).latex}}}\left({printer._print(self.matrix)}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"PerronRatio({printer._print(self.matrix)}, {norm(self.p)})"


def _perron_vector(matrix: Any) -> list[Any]:
    """The eigenvector of the largest real eigenvalue, entries by their moduli, the largest one 1."""
    values, vectors = mpmath.eig(matrix)
    place = max(range(len(values)), key=lambda index: mpmath.re(values[index]))
    entries = [abs(entry) for entry in vectors[:, place]]
    return [entry / max(entries) for entry in entries]


def _shifted(matrix: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr | None]:
    """(a, b, M) of a matrix ``a I + b M`` with a, b >= 0; M is None for a multiple of the identity."""
    shift: sp.Expr = sp.S.Zero
    rest = []
    for term in matrix.args if isinstance(matrix, sp.MatAdd) else (matrix,):
        factor, inner = scalar_part(term)
        if isinstance(inner, sp.Identity):
            shift += factor
        elif not isinstance(inner, sp.ZeroMatrix):
            rest.append((factor, inner))
    if not rest:
        return shift, sp.S.Zero, None
    if len(rest) == 1:
        return shift, rest[0][0], rest[0][1]
    return shift, sp.S.One, sp.MatAdd(*(factor * inner for factor, inner in rest))


def perron_rate(matrix: sp.Expr) -> sp.Expr:
    """The spectral radius of a non-negative matrix, of ``a I + b M`` as ``a + b rho(M)``.

    >>> import sympy as sp
    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> perron_rate(sp.Identity(n) + EntrywiseModulus(sp.MatrixSymbol("W", n, n)) / 4)
    SpectralRadius(Abs(W))/4 + 1
    """
    shift, factor, inner = _shifted(matrix)
    return shift if inner is None else shift + factor * SpectralRadius(inner)


def perron_ratio(matrix: sp.Expr, p: Any) -> sp.Expr:
    """The :class:`PerronRatio` of a non-negative matrix: the same for ``a I + b M`` as for M."""
    _, _, inner = _shifted(matrix)
    return sp.S.One if inner is None else PerronRatio(inner, p)
