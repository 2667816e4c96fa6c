"""Equations in which the inverse of an activation stands, such as ``x = log(x/(1 - x)) - 5 x``, as one unit."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symgrad.dynamics.scalar_system import EQUATION, ScalarSystem
from symgrad.dynamics.unit import Unit
from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE, Activation, written_out
from symgrad.rigor.closed_forms import is_zero_constant, is_zero_function
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical
from symgrad.rigor.inverses import solutions
from symgrad.rigor.smooth_pieces import split

__all__ = ["inverted_unit"]


def inverted_unit(system: ScalarSystem) -> Unit | None:
    """The system ``a x + c + d g(x) = 0`` as the unit ``x = s(-(a x + c)/d)``, s the inverse of g, proved.

    It has the same solutions, with the same multiplicities; as a map it is another one, so that it is an equation only.

    Returns:
        The unit, or None where the system has another form or no such s is found.

    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> x, w = sp.symbols("x w")
    >>> unit = inverted_unit(scalar_system(sp.Eq(x, sp.log(x / (1 - x)) - w * x)))
    >>> unit.weight, unit.bias, unit.activation.expr
    (w + 1, 0, logistic(z))
    """
    x = system.state
    terms = sp.Add.make_args(sp.expand(written_out(system.residual)))
    bent = [term for term in terms if x in sp.diff(term, x).free_symbols]
    if len(bent) != 1:
        return None
    factor, function = bent[0].as_independent(x, as_Add=False)
    line = sp.Add(*(term for term in terms if term is not bent[0]))
    if function.free_symbols != {x}:
        return None
    for candidate in solutions(function, x, VARIABLE):
        formula = canonical(candidate)
        if _undo_each_other(function, x, formula):
            slope = sp.diff(line, x)
            start = sp.expand(line - slope * x)
            activation = Activation("s", formula)
            equation = replace(system, kind=EQUATION)
            one, nought = sp.S.One, sp.S.Zero
            return Unit(equation, activation, -one, one, nought, sp.expand(-slope / factor), sp.expand(-start / factor))
    return None


def _undo_each_other(function: sp.Expr, x: sp.Symbol, formula: sp.Expr) -> bool:
    """Whether ``s(g(x)) = x`` wherever g is real, and ``g(s(z)) = z`` for every z, with s analytic."""
    try:
        if len(split(formula, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1))) != 1:
            return False
        back = function.xreplace({x: formula})
        return (
            is_zero_function(formula.xreplace({VARIABLE: function}) - x)
            and is_zero_function(sp.diff(back, VARIABLE) - 1)
            and is_zero_constant(back.xreplace({VARIABLE: sp.S.Zero}))
        )
    except SymgradError:
        return False
