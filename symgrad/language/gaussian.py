"""Means over Gaussian variables as SymPy expressions, before anything evaluates them."""

from __future__ import annotations

from typing import Any

import sympy as sp

__all__ = ["CORRELATION", "VARIANCE", "GaussianMean", "GaussianPairMean"]

VARIANCE = sp.Symbol("q", positive=True)
CORRELATION = sp.Symbol("c", real=True)


class GaussianMean(sp.Expr):
    """The mean of ``f(sqrt(q) z)`` over a standard normal variable z.

    Args:
        function: a ``sympy.Lambda`` of one variable, f.
        variance: q, an expression.

    >>> x = sp.Symbol("x", real=True)
    >>> GaussianMean(sp.Lambda(x, sp.tanh(x)), VARIANCE).free_symbols
    {q}
    """

    is_commutative = True
    is_real = True

    def __new__(cls, function: sp.Lambda, variance: Any) -> GaussianMean:
        return sp.Expr.__new__(cls, function, sp.sympify(variance))

    @property
    def function(self) -> sp.Lambda:
        """What the mean is taken of."""
        return self.args[0]

    @property
    def variance(self) -> sp.Expr:
        """The variance of its argument."""
        return self.args[1]

    @property
    def integrand(self) -> sp.Expr:
        """The function at ``sqrt(q) z``."""
        return self.function(sp.sqrt(self.variance) * sp.Symbol("z", real=True))

    def _latex(self, printer: Any) -> str:
        return rf"\mathbb{{E}}\left[{printer._print(self.integrand)}\right]"

    def _sympystr(self, printer: Any) -> str:
        return f"E[{printer._print(self.integrand)}]"


class GaussianPairMean(sp.Expr):
    """The mean of ``f(x) g(y)`` over Gaussian x and y of mean 0, variance q each, and correlation c.

    Args:
        first: a ``sympy.Lambda`` of one variable, f.
        second: another, g.
        variance: q, an expression.
        correlation: c, an expression.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, first: sp.Lambda, second: sp.Lambda, variance: Any, correlation: Any) -> GaussianPairMean:
        return sp.Expr.__new__(cls, first, second, sp.sympify(variance), sp.sympify(correlation))

    @property
    def integrand(self) -> sp.Expr:
        """The product in two jointly Gaussian variables."""
        first, second = (self.args[i](sp.Symbol(f"u_{i + 1}", real=True)) for i in range(2))
        return first * second

    def _law(self, printer: Any) -> list[str]:
        """Variance and correlation, each with its name where it is not just that."""
        given = zip((VARIANCE, CORRELATION), self.args[2:], strict=True)
        return [f"{name} = {printer._print(value)}" if value != name else str(name) for name, value in given]

    def _latex(self, printer: Any) -> str:
        law = r",\, ".join(self._law(printer))
        return rf"\mathbb{{E}}_{{{law}}}\left[{printer._print(self.integrand)}\right]"

    def _sympystr(self, printer: Any) -> str:
        return f"E[{printer._print(self.integrand)}; {', '.join(self._law(printer))}]"
