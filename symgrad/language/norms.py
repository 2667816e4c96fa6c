"""The norms: their facts as columns, and the SymPy atoms that stand for norms of symbolic matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.errors import InputError

__all__ = ["NORMS", "Norm", "OperatorNorm", "SmallestSingularValue", "SpectralRadius", "norm"]


@dataclass(frozen=True)
class Norm:
    """A vector p-norm with the operator norm that it induces, and the facts that rules ask for.

    Attributes:
        p: 1, 2 or ``sp.oo``.
        dual: the p of the dual norm; the norm of a transpose is the dual norm of the matrix.
        latex: the subscript.
        name: the usual name of the operator norm.
    """

    p: sp.Expr
    dual: sp.Expr
    latex: str
    name: str

    def of_vector(self, entries: list[sp.Expr]) -> sp.Expr:
        """The vector norm of non-negative expressions."""
        if self.p == sp.oo:
            return sp.Max(*entries)
        return sp.Add(*(entry**self.p for entry in entries)) ** (1 / self.p)

    def __str__(self) -> str:
        return "inf" if self.p == sp.oo else str(self.p)


NORMS: dict[sp.Expr, Norm] = {
    item.p: item
    for item in (
        Norm(sp.Integer(1), sp.oo, "1", "maximal column sum"),
        Norm(sp.Integer(2), sp.Integer(2), "2", "spectral norm"),
        Norm(sp.oo, sp.Integer(1), r"\infty", "maximal row sum"),
    )
}


def norm(p: Any) -> Norm:
    """The norm for p = 1, 2 or infinity (``sp.oo``, ``math.inf``, ``"inf"``).

    Raises:
        InputError: any other p.

    >>> norm("inf").name
    'maximal row sum'
    """
    if isinstance(p, Norm):
        return p
    names = {"1": sp.Integer(1), "2": sp.Integer(2), "inf": sp.oo, "oo": sp.oo}
    key = names.get(str(p).lower(), names.get(str(p).removesuffix(".0")))
    if isinstance(p, bool) or key is None:
        raise InputError(f"norm: got {p!r}, accepted are 1, 2 and inf")
    return NORMS[key]


def _as_matrix(matrix: Any) -> sp.Expr:
    if isinstance(matrix, sp.MatrixBase):
        return sp.ImmutableDenseMatrix(matrix)
    if not isinstance(matrix, sp.MatrixExpr):
        raise InputError(f"matrix: a SymPy matrix expression is needed, got {type(matrix).__name__} {matrix!r}")
    return matrix


def _scalar_part(matrix: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A scalar and a matrix whose product is ``matrix``."""
    if isinstance(matrix, sp.MatMul):
        factor, rest = matrix.as_coeff_mmul()
        return factor, rest.doit(deep=False) if len(rest.args) == 1 else rest
    return sp.S.One, matrix


class _MatrixScalar(sp.Expr):
    """A non-negative number attached to a matrix; ``doit`` on explicit entries, ``evalf`` on numbers."""

    is_commutative = True
    is_extended_nonnegative = True
    is_nonnegative = True
    is_real = True
    is_extended_real = True
    is_finite = True
    is_infinite = False
    is_complex = True
    is_hermitian = True

    @property
    def matrix(self) -> sp.Expr:
        """The matrix."""
        return self.args[0]

    def _explicit(self, **hints: Any) -> sp.ImmutableDenseMatrix | None:
        inner = self.matrix.doit(**hints) if hints.get("deep", True) else self.matrix
        if isinstance(inner, sp.MatrixBase):
            return sp.ImmutableDenseMatrix(inner)
        if any(not size.is_Integer for size in inner.shape) or inner.atoms(sp.MatrixSymbol):
            return None
        return sp.ImmutableDenseMatrix(inner.as_explicit())

    def doit(self, **hints: Any) -> sp.Expr:
        """The value on an explicit matrix; the same atom otherwise."""
        entries = self._explicit(**hints)
        return self.func(self.matrix.doit(**hints), *self.args[1:]) if entries is None else self._value(entries)

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr:
        raise TypeError(f"{type(self).__name__} does not state its value")

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        entries = self._explicit()
        return None if entries is None or entries.free_symbols else self._value(entries)._eval_evalf(prec)

    def _eval_derivative(self, symbol: sp.Basic) -> sp.Expr:
        if symbol in self.matrix.free_symbols:
            return sp.Derivative(self, symbol, evaluate=False)
        return sp.S.Zero


def _eigenvalues(matrix: sp.Matrix) -> list[sp.Expr]:
    """All eigenvalues with repetition; as roots of the characteristic polynomial where radicals do not reach."""
    if not matrix.rows:
        return []
    variable = sp.Dummy("lambda")
    polynomial = matrix.charpoly(variable)
    if polynomial.free_symbols_in_domain:
        roots = sp.roots(polynomial)
        if sum(roots.values()) == matrix.rows:
            return list(roots)
        raise InputError(
            f"matrix: the eigenvalues of this symbolic {matrix.rows}x{matrix.cols} matrix have no closed form"
        )
    return list(sp.Poly(polynomial.as_expr(), variable, extension=None).all_roots(radicals=True))


class OperatorNorm(_MatrixScalar):
    r"""The operator norm induced by the p-norm, p in {1, 2, inf}, of a SymPy matrix.

    Absolutely homogeneous on construction: ``OperatorNorm(c*A) = |c| OperatorNorm(A)``;
    the zero matrix has norm 0, the identity norm 1.

    >>> import sympy as sp
    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> W = sp.MatrixSymbol("W", n, n)
    >>> OperatorNorm(-3 * W)
    3*OperatorNorm(W)
    >>> OperatorNorm(sp.Matrix([[3, 0], [4, 0]])).doit()
    5
    """

    def __new__(cls, matrix: Any, p: Any = 2) -> sp.Expr:
        which = norm(p)
        factor, inner = _scalar_part(_as_matrix(matrix))
        if inner.is_ZeroMatrix if isinstance(inner, sp.MatrixExpr) else inner.is_zero_matrix:
            return sp.S.Zero
        if isinstance(inner, sp.Identity):
            return sp.Abs(factor)
        if isinstance(inner, sp.OneMatrix):
            rows, columns = inner.shape
            return sp.Abs(factor) * {1: rows, 2: sp.sqrt(rows * columns), sp.oo: columns}[which.p]
        return sp.Abs(factor) * sp.Expr.__new__(cls, inner, which.p)

    @property
    def p(self) -> sp.Expr:
        """1, 2 or oo."""
        return self.args[1]

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr:
        if not entries.rows or not entries.cols:
            return sp.S.Zero
        if self.p == 2:
            wide = entries.rows < entries.cols
            gram = entries * entries.H if wide else entries.H * entries
            return sp.sqrt(_largest([sp.re(value) if value.is_real is None else value for value in _eigenvalues(gram)]))
        lines = entries.T.tolist() if self.p == 1 else entries.tolist()
        return sp.Max(*(sp.Add(*map(sp.Abs, line)) for line in lines))

    def _latex(self, printer: Any) -> str:
        return rf"\left\lVert {printer._print(self.matrix)}\right\rVert_{{{NORMS[self.p].latex}}}"

    def _sympystr(self, printer: Any) -> str:
        inner = printer._print(self.matrix)
        return f"OperatorNorm({inner})" if self.p == 2 else f"OperatorNorm({inner}, {NORMS[self.p]})"


def _largest(values: list[sp.Expr]) -> sp.Expr:
    """The largest of real numbers, decided numerically where SymPy's Max cannot sort them."""
    if all(value.is_number for value in values):
        return max(values, key=lambda value: sp.N(sp.re(value), 30))
    return sp.Max(*values)


class SmallestSingularValue(_MatrixScalar):
    """The smallest singular value of a SymPy matrix: the least of the min(rows, columns) singular values.

    >>> import sympy as sp
    >>> SmallestSingularValue(sp.Matrix([[3, 0], [0, -4]])).doit()
    3
    """

    def __new__(cls, matrix: Any) -> sp.Expr:
        factor, inner = _scalar_part(_as_matrix(matrix))
        if isinstance(inner, sp.Identity):
            return sp.Abs(factor)
        return sp.Abs(factor) * sp.Expr.__new__(cls, inner)

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr:
        gram = entries * entries.H if entries.rows < entries.cols else entries.H * entries
        values = _eigenvalues(gram)
        if all(value.is_number for value in values):
            return sp.sqrt(min(values, key=lambda value: sp.N(sp.re(value), 30)))
        return sp.sqrt(sp.Min(*values))

    def _latex(self, printer: Any) -> str:
        return rf"\sigma_{{\min}}\left({printer._print(self.matrix)}\right)"


class SpectralRadius(_MatrixScalar):
    """The largest modulus of an eigenvalue of a square SymPy matrix.

    >>> import sympy as sp
    >>> SpectralRadius(sp.Matrix([[8, -16], [4, -8]])).doit()
    0
    """

    def __new__(cls, matrix: Any) -> sp.Expr:
        factor, inner = _scalar_part(_as_matrix(matrix))
        if inner.shape[0] != inner.shape[1]:
            raise InputError(f"matrix: the spectral radius needs a square matrix, got shape {inner.shape}")
        if isinstance(inner, sp.Identity):
            return sp.Abs(factor)
        return sp.Abs(factor) * sp.Expr.__new__(cls, inner)

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr:
        return _largest([sp.Abs(value) for value in _eigenvalues(entries)]) if entries.rows else sp.S.Zero

    def _latex(self, printer: Any) -> str:
        return rf"\rho\left({printer._print(self.matrix)}\right)"
