"""Means over several independent Gaussian variables as SymPy expressions."""

from __future__ import annotations

from typing import Any

import sympy as sp

__all__ = ["GaussianJointMean"]


class GaussianJointMean(sp.Expr):
    """The mean of ``f(x_1, ..., x_d)`` over independent Gaussian variables of mean 0.

    Args:
        function: a ``sympy.Lambda`` of d variables.
        variances: a ``sympy.Tuple`` of their d variances.

    >>> x, y = sp.symbols("x y", real=True)
    >>> print(GaussianJointMean(sp.Lambda((x, y), x**2 * y**2), sp.Tuple(1, sp.Symbol("q"))))
    E[x**2*y**2; x ~ N(0, 1), y ~ N(0, q)]
    """

    is_commutative = True
    is_real = True

    def __new__(cls, function: sp.Lambda, variances: sp.Tuple) -> GaussianJointMean:
        return sp.Expr.__new__(cls, function, sp.Tuple(*variances))

    @property
    def function(self) -> sp.Lambda:
        """What the mean is taken of."""
        return self.args[0]

    @property
    def variances(self) -> sp.Tuple:
        """The variances of the variables, in order."""
        return self.args[1]

    def _latex(self, printer: Any) -> str:
        laws = [rf"{printer._print(x)} \sim N(0, {printer._print(v)})" for x, v in self._pairs()]
        separator = r",\, "
        return rf"\mathbb{{E}}_{{{separator.join(laws)}}}\left[{printer._print(self.function.expr)}\right]"

    def _sympystr(self, printer: Any) -> str:
        laws = [f"{printer._print(x)} ~ N(0, {printer._print(v)})" for x, v in self._pairs()]
        return f"E[{printer._print(self.function.expr)}; {', '.join(laws)}]"

    def _pairs(self) -> list[tuple[Any, Any]]:
        return list(zip(self.function.variables, self.variances, strict=True))
