"""Parameters with a value of their own at every layer, and products and extremes over layers, as SymPy expressions.

``LayerMatrix(W, l)`` stands for ``W_l``, so that a bound over layers is an ordinary ``sympy.Product`` that ``subs`` and
``doit`` understand.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import matmul
from typing import Any

import sympy as sp
from sympy.core.assumptions import StdFactKB

from symgrad.errors import InputError
from symgrad.language.norms import maximum, minimum

__all__ = [
    "LayerInfimum",
    "LayerMatrix",
    "LayerScalar",
    "LayerSupremum",
    "OrderedProduct",
    "at_layer",
    "checked_depth",
    "layer_index",
    "layer_symbol",
]


class LayerMatrix(sp.MatrixExpr):
    """The value of a matrix or vector parameter at one layer.

    >>> n, l = sp.symbols("n l", integer=True, positive=True)
    >>> W = LayerMatrix(sp.MatrixSymbol("W", n, n), l)
    >>> W, W.subs(l, 3), W.shape
    (W_l, W_3, (n, n))
    """

    def __new__(cls, symbol: sp.MatrixSymbol, index: Any) -> LayerMatrix:
        return sp.MatrixExpr.__new__(cls, symbol, sp.sympify(index))

    @property
    def symbol(self) -> sp.MatrixSymbol:
        """The parameter."""
        return self.args[0]

    @property
    def index(self) -> sp.Expr:
        """The layer."""
        return self.args[1]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows and columns, those of the parameter."""
        return self.symbol.shape

    def doit(self, **hints: Any) -> LayerMatrix:
        """The same: it is an atom."""
        return self

    def _entry(self, i: Any, j: Any, **_: Any) -> sp.Expr:
        return sp.matrices.expressions.matexpr.MatrixElement(self, i, j)

    def _latex(self, printer: Any) -> str:
        return _subscripted(printer._print(self.symbol), printer._print(self.index))

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.symbol)}_{printer._print(self.index)}"


class LayerScalar(sp.Expr):
    """The value of a scalar parameter at one layer; its sign and kind are those of the parameter.

    >>> LayerScalar(sp.Symbol("alpha", positive=True), 2), abs(LayerScalar(sp.Symbol("alpha", positive=True), 2))
    (alpha_2, alpha_2)
    """

    def __new__(cls, symbol: sp.Symbol, index: Any) -> LayerScalar:
        made = sp.Expr.__new__(cls, symbol, sp.sympify(index))
        made._assumptions = StdFactKB(symbol.assumptions0)
        return made

    @property
    def symbol(self) -> sp.Symbol:
        """The parameter."""
        return self.args[0]

    @property
    def index(self) -> sp.Expr:
        """The layer."""
        return self.args[1]

    def _latex(self, printer: Any) -> str:
        return _subscripted(printer._print(self.symbol), printer._print(self.index))

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.symbol)}_{printer._print(self.index)}"


def _subscripted(name: str, index: str) -> str:
    """The LaTeX of a name with one more subscript; the empty group keeps TeX from dropping the braces."""
    return f"{{{name}{{}}}}_{{{index}}}" if "_" in name else f"{name}_{{{index}}}"


def layer_symbol(symbol: sp.Expr, index: Any) -> sp.Expr:
    """A parameter at one layer."""
    return LayerScalar(symbol, index) if isinstance(symbol, sp.Symbol) else LayerMatrix(symbol, index)


def at_layer(expr: Any, parameters: Collection[sp.Expr], index: Any) -> Any:
    """An expression with each parameter replaced by its value at one layer.

    >>> l, alpha = sp.symbols("l alpha")
    >>> at_layer(1 + 2 * alpha, [alpha], l)
    2*alpha_l + 1
    """
    return expr.xreplace({symbol: layer_symbol(symbol, index) for symbol in parameters})


def layer_index(taken: Collection[sp.Basic]) -> sp.Symbol:
    """A symbol that counts layers, called l unless something else is called so."""
    names = set(map(str, taken))
    free = (name for name in ("l", "j", "i", "layer") if name not in names)
    return sp.Symbol(next(free, "layer_index"), integer=True, positive=True)


def checked_depth(depth: Any) -> sp.Expr:
    """A number of layers: a positive integer, or a symbol that stands for one.

    Raises:
        InputError: it is neither.

    >>> checked_depth(3)
    3
    """
    if isinstance(depth, sp.Symbol) and depth.is_integer and depth.is_positive:
        return depth
    whole = isinstance(depth, sp.Integer) or (hasattr(depth, "__index__") and not isinstance(depth, (bool, sp.Basic)))
    if not whole or int(depth) < 1:
        raise InputError(
            "depth: a positive integer or symbol such as sympy.Symbol('L', integer=True, positive=True) is needed, "
            f"got {depth!r} ({type(depth).__name__})"
        )
    return sp.Integer(int(depth))


class OrderedProduct(sp.MatrixExpr):
    """The matrix product ``A_last ... A_2 A_1`` of a square matrix over an index, the first factor rightmost.

    >>> l, L = sp.symbols("l L", integer=True, positive=True)
    >>> product = OrderedProduct(sp.ImmutableDenseMatrix([[1, l], [0, 1]]), l, L)
    >>> product.subs(L, 3).doit()
    Matrix([
    [1, 6],
    [0, 1]])
    """

    def __new__(cls, factor: Any, index: sp.Symbol, last: Any) -> Any:
        inner, count = sp.sympify(factor), sp.sympify(last)
        return sp.MatrixExpr.__new__(cls, inner, index, count) if index in inner.free_symbols else inner**count

    @property
    def factor(self) -> Any:
        """The factor as an expression in the index."""
        return self.args[0]

    @property
    def index(self) -> sp.Symbol:
        """What counts the factors, from 1."""
        return self.args[1]

    @property
    def last(self) -> sp.Expr:
        """The last value of the index."""
        return self.args[2]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows and columns, those of a factor."""
        rows, columns = map(sp.sympify, self.factor.shape)
        return rows, columns

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """All but the index, which is bound."""
        return (self.factor.free_symbols - {self.index}) | self.last.free_symbols

    def doit(self, **hints: Any) -> Any:
        """Multiplied out where the number of factors is known; unchanged otherwise."""
        if not self.last.is_Integer:
            return self
        factors = (self.factor.xreplace({self.index: sp.Integer(i)}) for i in range(int(self.last), 0, -1))
        return reduce(matmul, factors, sp.ImmutableDenseMatrix.eye(self.factor.rows))

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> Any:
        return self if old == self.index else None

    def _entry(self, i: Any, j: Any, **_: Any) -> sp.Expr:
        return sp.matrices.expressions.matexpr.MatrixElement(self, i, j)

    def _latex(self, printer: Any) -> str:
        limits = f"{printer._print(self.index)}={printer._print(self.last)}"
        return rf"\prod_{{{limits}}}^{{1}} {printer._print(self.factor)}"

    def _sympystr(self, printer: Any) -> str:
        parts = map(printer._print, (self.factor, self.index, self.last))
        return "OrderedProduct({}, ({}, {}, 1))".format(*parts)


class _OverLayers(sp.Expr):
    """The least upper or greatest lower bound of an expression over layers 1 ... last."""

    _word = ""

    def __new__(cls, expr: Any, index: sp.Symbol, last: Any) -> sp.Expr:
        inner, count = sp.sympify(expr), sp.sympify(last)
        if index not in inner.free_symbols:
            return inner
        factor, rest = inner.as_independent(index, as_Add=False)
        if factor != 1 and factor.is_positive:
            return factor * cls(rest, index, count)
        return sp.Expr.__new__(cls, inner, index, count)

    @property
    def expr(self) -> sp.Expr:
        """The expression in the index."""
        return self.args[0]

    @property
    def index(self) -> sp.Symbol:
        """What counts the layers, from 1."""
        return self.args[1]

    @property
    def last(self) -> sp.Expr:
        """The number of layers."""
        return self.args[2]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """All but the index, which is bound."""
        return (self.expr.free_symbols - {self.index}) | self.last.free_symbols

    def doit(self, **hints: Any) -> sp.Expr:
        """Written out where the number of layers is known; unchanged otherwise."""
        if not self.last.is_Integer:
            return self
        values = [self.expr.xreplace({self.index: sp.Integer(i)}) for i in range(1, int(self.last) + 1)]
        return self._extreme(*values)

    @staticmethod
    def _extreme(*values: sp.Expr) -> sp.Expr:
        raise TypeError("only a supremum or an infimum has a value")

    def _eval_is_extended_real(self) -> bool | None:
        return self.expr.is_extended_real

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.expr.is_nonnegative else None

    def _eval_subs(self, old: sp.Basic, new: sp.Basic) -> Any:
        return self if old == self.index else None

    def _latex(self, printer: Any) -> str:
        limits = rf"1 \le {printer._print(self.index)} \le {printer._print(self.last)}"
        return rf"\{self._word}_{{{limits}}} {printer._print(self.expr)}"

    def _sympystr(self, printer: Any) -> str:
        parts = map(printer._print, (self.expr, self.index, self.last))
        return "{}({}, ({}, 1, {}))".format(self._word, *parts)


class LayerSupremum(_OverLayers):
    """The supremum of an expression over layers; of one without limit on their number, over all of them.

    >>> l, L, alpha = sp.symbols("l L alpha")
    >>> LayerSupremum(LayerScalar(alpha, l) / 4, l, L)
    sup(alpha_l, (l, 1, L))/4
    >>> LayerSupremum(LayerScalar(alpha, l), l, 2).doit()
    Max(alpha_1, alpha_2)
    """

    _word = "sup"

    @staticmethod
    def _extreme(*values: sp.Expr) -> sp.Expr:
        return maximum(*values)


class LayerInfimum(_OverLayers):
    """The infimum of an expression over layers."""

    _word = "inf"

    @staticmethod
    def _extreme(*values: sp.Expr) -> sp.Expr:
        return minimum(*values)
