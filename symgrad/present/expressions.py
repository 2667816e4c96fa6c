"""SymPy expressions, single nodes, activations and inequalities in print, outside of a model's steps."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.language.elementwise import Activation
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import LatexScalars, TextScalars, function_latex

__all__: list[str] = []


@latex.register
def _(expr: sp.Basic) -> str:
    return LatexScalars().doprint(expr)


@text.register
def _(expr: sp.Basic) -> str:
    return TextScalars().doprint(expr)


@to_dict.register
def _(expr: sp.Basic) -> dict[str, Any]:
    return {"kind": "expression", **expression(expr)}


@latex.register
def _(function: Activation) -> str:
    variable = LatexScalars().doprint(function.variable)
    return rf"{function_latex(function)}\left({variable}\right) = {LatexScalars().doprint(function.expr)}"


@text.register
def _(function: Activation) -> str:
    return f"{function.name}({function.variable}) = {TextScalars().doprint(function.expr)}"


@to_dict.register
def _(function: Activation) -> dict[str, Any]:
    slope = function.slope
    return {
        "kind": "activation",
        "name": function.name,
        "formula": expression(function.expr),
        "slope": [expression(slope.inf), expression(slope.sup)],
        "range": [expression(function.range.inf), expression(function.range.sup)],
        "parity": function.parity,
    }
