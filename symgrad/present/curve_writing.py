"""How the expressions and conditions of a curve of fixed points are written, in text and in LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.present import dispatch
from symgrad.present.numbers import reads_as_decimal
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import Enclosed, to_ball

__all__ = ["conditions", "decimals", "domain", "latex", "preactivation", "text", "with_decimals"]

_DIGITS = 10
_LONGEST = 20


def text(expr: Any) -> str:
    """An expression as text."""
    return dispatch.text(_readable(expr))


def latex(expr: Any) -> str:
    """An expression as LaTeX."""
    return dispatch.latex(_readable(expr))


def _readable(expr: sp.Basic) -> sp.Basic:
    """The same with the first digits of fractions that are too long to read."""
    long = [r for r in expr.atoms(sp.Rational) if max(len(str(r.p)), len(str(r.q))) > _LONGEST]
    return expr.xreplace({r: Enclosed(str(r), partial(to_ball, r)) for r in long if not reads_as_decimal(r)})


def decimals(expr: sp.Expr) -> str:
    """The digits of an exact number that is not rational; empty for anything else."""
    plain = expr.free_symbols or expr.is_Rational or expr.atoms(Enclosed)
    return "" if plain else str(sp.N(expr, _DIGITS))


def with_decimals(expr: sp.Expr) -> str:
    """An expression as text, with its digits where it is an exact number that is not rational."""
    digits = decimals(expr)
    return text(expr) + (f" (about {digits})" if digits else "")


def conditions(condition: sp.Basic, written: Callable[[Any], str]) -> str:
    """A condition with commas for "and", the simplest part first; empty where it always holds."""
    if condition == sp.true:
        return ""
    either = " or " if written is text else phrase(" or ")
    if isinstance(condition, (sp.And, sp.Or)):
        parts = sorted(condition.args, key=lambda part: (part.count_ops(), sp.default_sort_key(part)))
        return (", " if isinstance(condition, sp.And) else either).join(conditions(part, written) for part in parts)
    if isinstance(condition, sp.Ne) and written is text:
        return f"{written(condition.lhs)} != {written(condition.rhs)}"
    return written(condition)


def domain(curve: FixedPointCurve, written: Callable[[Any], str]) -> str:
    """The states of a curve in words."""
    states, name = curve.domain, written(curve.state)
    if not isinstance(states, sp.Interval):
        return conditions(states, written)
    if states.start == -sp.oo and states.end == sp.oo:
        return (f"every {name}") if written is text else phrase("every ") + name
    return f"{name} {'in' if written is text else chr(92) + 'in'} {written(states)}"


def preactivation(curve: FixedPointCurve) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The pre-activation as a formula in the state, W and B."""
    unit, setting = curve.setting.unit, curve.setting
    argument = setting.at_weight(unit.weight_in * unit.system.state + unit.bias_in)
    inner, weight, bias = map(setting.named, (argument, setting.effective_weight, setting.at_weight(unit.bias)))
    return inner, weight, bias
