"""The norms: their facts as columns, and the SymPy atoms that stand for norms of symbolic matrices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.cache import cacheit

from symgrad.errors import InputError
from symgrad.language.spectra import closed_eigenvalues, eigenvalue_moduli, extreme, gram, singular_values

__all__ = [
    "NORMS",
    "MatrixScalar",
    "MinimumModulus",
    "Norm",
    "OperatorNorm",
    "SmallestSingularValue",
    "SpectralRadius",
    "as_matrix",
    "is_zero",
    "maximum",
    "minimum",
    "norm",
    "scalar_part",
]


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
            return maximum(*entries)
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


def maximum(*values: sp.Expr) -> sp.Expr:
    """The largest of scalar expressions, with the norms in them compared as plain symbols.

    SymPy's ``Max`` rewrites its arguments to compare them, and takes matrix expressions apart as if they were scalars.

    >>> W = sp.MatrixSymbol("W", 2, 2)
    >>> maximum(OperatorNorm(W), OperatorNorm(W) + 1)
    OperatorNorm(W) + 1
    """
    return _extreme(sp.Max, values)


def minimum(*values: sp.Expr) -> sp.Expr:
    """The least of scalar expressions, compared as in :func:`maximum`.

    >>> W = sp.MatrixSymbol("W", 2, 2)
    >>> minimum(OperatorNorm(W), OperatorNorm(W) + 1)
    OperatorNorm(W)
    """
    return _extreme(sp.Min, values)


def _extreme(kind: Any, values: tuple[sp.Expr, ...]) -> sp.Expr:
    symbols: dict[sp.Basic, sp.Basic] = {}

    def plain(expr: sp.Basic) -> sp.Basic:
        if isinstance(expr, MatrixScalar):
            kind = {"nonnegative": True} if expr.is_nonnegative else {"real": True}
            return symbols.setdefault(expr, sp.Dummy(f"norm{len(symbols)}", **kind))
        return expr.func(*map(plain, expr.args)) if expr.args else expr

    found = kind(*map(plain, values))
    norms = {symbol: expr for expr, symbol in symbols.items()}

    def restored(expr: sp.Basic) -> sp.Basic:
        if not expr.args:
            return norms.get(expr, expr)
        parts = map(restored, expr.args)
        return expr.func(*parts, evaluate=False) if isinstance(expr, (sp.Max, sp.Min)) else expr.func(*parts)

    return restored(found) if norms else found


def as_matrix(matrix: Any) -> sp.Expr:
    """A SymPy matrix expression, an explicit one as immutable.

    Raises:
        InputError: anything else.
    """
    if isinstance(matrix, sp.MatrixBase):
        return sp.ImmutableDenseMatrix(matrix)
    if not isinstance(matrix, sp.MatrixExpr):
        raise InputError(f"matrix: a SymPy matrix expression is needed, got {type(matrix).__name__} {matrix!r}")
    return matrix


def scalar_part(matrix: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A scalar and a matrix whose product is ``matrix``."""
    if isinstance(matrix, sp.MatMul):
        factor, rest = matrix.as_coeff_mmul()
        return factor, rest.doit(deep=False) if len(rest.args) == 1 else rest
    return sp.S.One, matrix


def is_zero(matrix: sp.Expr) -> bool:
    """Whether a matrix is known to be zero."""
    if isinstance(matrix, sp.MatrixBase):
        return bool(matrix.rows and matrix.cols and matrix.is_zero_matrix)
    return bool(matrix.is_ZeroMatrix)


class MatrixScalar(sp.Expr):
    """A number attached to a matrix, here a non-negative one; ``doit`` on explicit entries, ``evalf`` on numbers."""

    is_commutative = True
    is_Atom = True  # SymPy's rewriting of scalars, which Max sets off too, must not take the matrix inside apart
    is_extended_nonnegative: bool | None = True
    is_nonnegative: bool | None = True
    is_real = True
    is_extended_real = True
    is_finite = True
    is_infinite = False
    is_complex = True
    is_hermitian = True

    @classmethod
    def _of(cls, matrix: sp.Expr, *rest: sp.Expr) -> sp.Expr:
        """The atom with scalar factors taken out; known values of the identity and of zero matrices."""
        factor, inner = scalar_part(matrix)
        if isinstance(inner, sp.Identity):
            return sp.Abs(factor)
        if is_zero(inner):
            return sp.S.Zero
        return sp.Abs(factor) * sp.Expr.__new__(cls, inner, *rest)

    @property
    def matrix(self) -> sp.Expr:
        """The matrix."""
        return self.args[0]

    def _explicit(self, **hints: Any) -> sp.ImmutableDenseMatrix | None:
        inner = self.matrix.doit(**hints) if hints.get("deep", True) else self.matrix
        if isinstance(inner, sp.MatrixBase):
            return sp.ImmutableDenseMatrix(inner)
        if any(not sp.sympify(size).is_Integer for size in inner.shape) or inner.atoms(sp.MatrixSymbol):
            return None
        return sp.ImmutableDenseMatrix(inner.as_explicit())

    @cacheit
    def sort_key(self, order: Any = None) -> Any:
        """By what it is called, as for symbols: sorting must not take the matrix inside apart either."""
        return self.class_key(), (1, (str(self),)), sp.S.One.sort_key(), sp.S.One

    def _xreplace(self, rule: Any) -> tuple[sp.Basic, bool]:
        """Without what SymPy's rewriting of scalars would put in the place of a sum of matrices inside."""
        if not isinstance(rule, Mapping):
            return self, False  # a function that rewrites scalars, as simplify() uses
        kinds = (sp.MatrixExpr, sp.MatrixBase)
        kept = {old: new for old, new in rule.items() if not isinstance(old, kinds) or isinstance(new, kinds)}
        replaced: tuple[sp.Basic, bool] = super()._xreplace(kept)
        return replaced

    def doit(self, **hints: Any) -> sp.Expr:
        """The value on an explicit matrix; the same atom otherwise."""
        entries = self._explicit(**hints)
        if entries is None:
            return self.func(self.matrix.doit(**hints), *self.args[1:])
        floats = entries.atoms(sp.Float)
        if floats and all(entry.is_number for entry in entries):
            return self._number(entries, min(number._prec for number in floats))
        value = self._value(entries)
        return self.func(entries, *self.args[1:]) if value is None else value

    @abstractmethod
    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        """The closed form, or None where there is no short one."""

    @abstractmethod
    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        """The value on a matrix of numbers, to that many binary digits."""

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        entries = self._explicit()
        return None if entries is None or entries.free_symbols else self._number(entries, prec)

    def _eval_derivative(self, symbol: sp.Basic) -> sp.Expr:
        if symbol in self.matrix.free_symbols:
            return sp.Derivative(self, symbol, evaluate=False)
        return sp.S.Zero


class OperatorNorm(MatrixScalar):
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
        whole = as_matrix(matrix)
        factor, inner = scalar_part(whole)
        if isinstance(inner, sp.OneMatrix):
            rows, columns = inner.shape
            return sp.Abs(factor) * {1: rows, 2: sp.sqrt(rows * columns), sp.oo: columns}[which.p]
        return cls._of(whole, which.p)  # multiplied out again, a power of an explicit matrix would become a Jordan form

    @property
    def p(self) -> sp.Expr:
        """1, 2 or oo."""
        return self.args[1]

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        if not entries.rows or not entries.cols:
            return sp.S.Zero
        if self.p == 2:
            squares = closed_eigenvalues(gram(entries))
            return None if squares is None else sp.sqrt(extreme(squares, 1))
        lines = entries.T.tolist() if self.p == 1 else entries.tolist()
        return sp.Max(*(sp.Add(*map(sp.Abs, line)) for line in lines))

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        if self.p == 2 and entries.rows and entries.cols:
            return singular_values(entries, bits)[-1]
        value = self._value(entries)
        return None if value is None else value._evalf(bits)

    def _latex(self, printer: Any) -> str:
        return rf"\left\lVert {printer._print(self.matrix)}\right\rVert_{{{NORMS[self.p].latex}}}"

    def _sympystr(self, printer: Any) -> str:
        inner = printer._print(self.matrix)
        return f"OperatorNorm({inner})" if self.p == 2 else f"OperatorNorm({inner}, {NORMS[self.p]})"


class SmallestSingularValue(MatrixScalar):
    """The smallest singular value of a SymPy matrix: the least of the min(rows, columns) singular values.

    >>> import sympy as sp
    >>> SmallestSingularValue(sp.Matrix([[3, 0], [0, -4]])).doit()
    3
    """

    def __new__(cls, matrix: Any) -> sp.Expr:
        return cls._of(as_matrix(matrix))

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        if not entries.rows or not entries.cols:
            return sp.oo  # the least element of the empty set, as in symgrad.rigor.matrix_norms
        squares = closed_eigenvalues(gram(entries))
        return None if squares is None else sp.sqrt(extreme(squares, -1))

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        return singular_values(entries, bits)[0] if entries.rows and entries.cols else sp.oo

    def _latex(self, printer: Any) -> str:
        return rf"\sigma_{{\min}}\left({printer._print(self.matrix)}\right)"


class MinimumModulus(MatrixScalar):
    """The least stretching of a square SymPy matrix in the p-norm, min ``||A x||_p / ||x||_p``; 0 if it is singular.

    It is ``1 / ||A^-1||_p`` of an invertible matrix. For p = 2 use :class:`SmallestSingularValue`, the same number.

    >>> import sympy as sp
    >>> MinimumModulus(sp.Matrix([[2, 2], [0, 4]]), "inf").doit()
    4/3
    """

    def __new__(cls, matrix: Any, p: Any) -> sp.Expr:
        which, square = norm(p), as_matrix(matrix)
        if square.shape[0] != square.shape[1]:
            raise InputError(f"matrix: the minimum modulus needs a square matrix, got shape {square.shape}")
        return SmallestSingularValue(square) if which.p == 2 else cls._of(square, which.p)

    @property
    def p(self) -> sp.Expr:
        """1 or oo."""
        return self.args[1]

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        determinant = entries.det(method="berkowitz")
        if determinant.is_zero is None:
            return None
        return sp.S.Zero if determinant.is_zero else 1 / OperatorNorm(entries.inv(), self.p).doit()

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        value = self._value(entries)
        return None if value is None else value._evalf(bits)

    def _latex(self, printer: Any) -> str:
        return rf"\left\lVert {printer._print(sp.Inverse(self.matrix))}\right\rVert_{{{NORMS[self.p].latex}}}^{{-1}}"

    def _sympystr(self, printer: Any) -> str:
        return f"MinimumModulus({printer._print(self.matrix)}, {NORMS[self.p]})"


class SpectralRadius(MatrixScalar):
    """The largest modulus of an eigenvalue of a square SymPy matrix.

    >>> import sympy as sp
    >>> SpectralRadius(sp.Matrix([[8, -16], [4, -8]])).doit()
    0
    """

    def __new__(cls, matrix: Any) -> sp.Expr:
        square = as_matrix(matrix)
        if square.shape[0] != square.shape[1]:
            raise InputError(f"matrix: the spectral radius needs a square matrix, got shape {square.shape}")
        return cls._of(square)

    def _value(self, entries: sp.ImmutableDenseMatrix) -> sp.Expr | None:
        eigenvalues = closed_eigenvalues(entries) if entries.rows else [sp.S.Zero]
        return None if eigenvalues is None else extreme([sp.Abs(value) for value in eigenvalues], 1)

    def _number(self, entries: sp.ImmutableDenseMatrix, bits: int) -> sp.Expr | None:
        return eigenvalue_moduli(entries, bits)[-1] if entries.rows else sp.S.Zero

    def _latex(self, printer: Any) -> str:
        return rf"\rho\left({printer._print(self.matrix)}\right)"
