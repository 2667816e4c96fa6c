"""Plain data that JSON can hold, for expressions, numbers and ranges."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from symgrad.present.scalars import LatexScalars

__all__ = ["bound_data", "expression", "interval", "number"]


class _Unevaluated:
    """Matrix products and sums, without asking of each whether it is the negative of another.

    SymPy's printers evaluate the negative to find out, which takes a minute for the Jacobian of a stack of gated cells.
    """

    _joined, _brackets, _minus = "*", "({})", "-"

    def _print(self: Any, expr: Any, **named: Any) -> str:
        printer: Any = super()
        if named or not isinstance(expr, sp.MatrixExpr):
            return str(printer._print(expr, **named))
        known: dict[sp.Basic, str] = self.__dict__.setdefault("_written", {})
        if expr not in known:
            known[expr] = str(printer._print(expr))
        return known[expr]

    def _print_MatMul(self: Any, expr: sp.MatMul) -> str:
        coefficient, matrices = expr.as_coeff_matrices()
        negative = bool(coefficient.is_number and coefficient.is_negative)
        size = -coefficient if negative else coefficient
        factors = [self._factor(item) for item in ([] if size == 1 else [size]) + list(matrices)]
        return (self._minus if negative else "") + self._joined.join(factors)

    def _factor(self: Any, item: sp.Expr) -> str:
        written = str(self._print(item))
        return self._brackets.format(written) if item.is_Add else written

    def _print_MatAdd(self: Any, expr: sp.MatAdd) -> str:
        first, *others = map(self._print, self._as_ordered_terms(expr))
        return first + "".join(f" - {term[1:].lstrip()}" if term.startswith("-") else f" + {term}" for term in others)


class _Text(_Unevaluated, StrPrinter):
    """SymPy's own text."""


class _Latex(_Unevaluated, LatexScalars):
    """SymPy's own LaTeX."""

    _minus = "- "
    _joined, _brackets = " ", r"\left({}\right)"


def expression(expr: sp.Basic) -> dict[str, str]:
    """A SymPy expression as SymPy's own text and as LaTeX."""
    text, latex = _written(expr)
    return {"text": text, "latex": latex}


@lru_cache(maxsize=1024)
def _written(expr: sp.Basic) -> tuple[str, str]:
    return _Text().doprint(expr), _Latex().doprint(expr)


def number(value: float) -> float | str:
    """A float that JSON can hold: infinities and NaN as strings.

    >>> number(0.5), number(float("-inf"))
    (0.5, '-inf')
    """
    return float(value) if math.isfinite(value) else str(float(value))


def interval(declared: sp.Interval) -> list[str]:
    """Both ends of an interval as SymPy's text."""
    return [str(declared.start), str(declared.end)]


def bound_data(bound: sp.Basic) -> Any:
    """What an inequality states: an expression, a pair of them for a range, rows of them for a gain matrix."""
    if isinstance(bound, sp.MatrixBase):
        return [[expression(entry) for entry in row] for row in bound.tolist()]
    return [expression(end) for end in bound] if isinstance(bound, sp.Tuple) else expression(bound)
