"""JAX's entrywise primitives as SymPy formulas, and jaxprs that are made of them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.language.numbers import exact_number
from symgrad.rigor.functions import logistic, softplus

__all__ = ["COMPARISONS", "FUNCTIONS", "LOGIC", "call_name", "formula_of_call", "selected"]

MOST_OPERATIONS = 120
Formula: TypeAlias = sp.Basic

FUNCTIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "tanh": sp.tanh,
    "logistic": logistic,
    "erf": sp.erf,
    "erfc": lambda a: 1 - sp.erf(a),
    "exp": sp.exp,
    "exp2": lambda a: sp.exp(a * sp.log(2)),
    "expm1": lambda a: sp.exp(a) - 1,
    "log": sp.log,
    "log1p": lambda a: sp.log(1 + a),
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "asin": sp.asin,
    "acos": sp.acos,
    "atan": sp.atan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "asinh": sp.asinh,
    "abs": sp.Abs,
    "sqrt": sp.sqrt,
    "rsqrt": lambda a: 1 / sp.sqrt(a),
    "cbrt": lambda a: sp.Piecewise((a ** sp.Rational(1, 3), a >= 0), (-((-a) ** sp.Rational(1, 3)), True)),
    "square": lambda a: a**2,
}
COMPARISONS: dict[str, Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    "gt": sp.Gt,
    "ge": sp.Ge,
    "lt": sp.Lt,
    "le": sp.Le,
    "eq": sp.Eq,
    "ne": sp.Ne,
}
LOGIC: dict[str, Callable[..., sp.Basic]] = {"and": sp.And, "or": sp.Or, "not": sp.Not, "xor": sp.Xor}
_ARITHMETIC: dict[str, Callable[..., sp.Expr]] = {
    "add": lambda a, b: a + b,
    "add_any": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "max": sp.Max,
    "min": sp.Min,
    "clamp": lambda low, a, high: sp.Max(low, sp.Min(a, high)),
    "logaddexp": lambda a, b: b + softplus(a - b),
}
_SAME = frozenset({"copy", "copy_p", "reshape", "squeeze", "expand_dims", "broadcast_in_dim", "convert_element_type"})


def selected(which: sp.Basic, first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """``select_n``: the first where the condition is false, the second where it is true."""
    if which in (sp.true, sp.false):
        return second if which == sp.true else first
    return sp.Piecewise((second, which), (first, True))


def formula_of_call(jaxpr: Any, consts: Sequence[Any], numbers: Sequence[Any]) -> sp.Expr | None:
    """What a jaxpr computes for every entry of its one argument that varies, as a formula in ``z``.

    Args:
        jaxpr: the jaxpr.
        consts: its constants.
        numbers: its arguments; None for the one that varies.

    Returns:
        The formula; None where entries are mixed, moved or treated in different ways.
    """
    try:
        known = {var: _number(value) for var, value in zip(jaxpr.constvars, consts, strict=True)}
        varying = {var.aval.size for var, value in zip(jaxpr.invars, numbers, strict=True) if value is None}
        for var, value in zip(jaxpr.invars, numbers, strict=True):
            known[var] = VARIABLE if value is None else _number(value)
        found = _outcome(jaxpr, known, varying.pop())
    except (InputError, TypeError, ValueError, NotImplementedError):  # the last from SymPy: no formula is found
        return None
    return found[0] if isinstance(found[0], sp.Expr) else None


def call_name(params: Mapping[str, Any], jaxpr: Any) -> str:
    """What the function behind a call is called."""
    debug = getattr(jaxpr, "debug_info", None)
    return str(params.get("name") or getattr(debug, "func_name", "") or "")


def _number(value: Any) -> Formula:
    array = np.asarray(value)
    if array.size != 1:
        raise InputError("an array: entries are treated in different ways")
    scalar = array.reshape(-1)[0].item()
    return sp.sympify(scalar) if isinstance(scalar, bool) else exact_number("constant", scalar)


def _outcome(jaxpr: Any, known: dict[Any, Formula], size: int) -> list[Formula]:
    def read(atom: Any) -> Formula:
        return _number(atom.val) if hasattr(atom, "val") else known[atom]

    for eqn in jaxpr.eqns:
        outputs = _equation(eqn, [read(atom) for atom in eqn.invars], size)
        for var, value in zip(eqn.outvars, outputs, strict=True):
            if isinstance(value, sp.Expr) and value.count_ops() > MOST_OPERATIONS:
                raise InputError("too long")
            known[var] = value
    return [read(atom) for atom in jaxpr.outvars]


def _equation(eqn: Any, args: list[Any], size: int) -> list[Formula]:
    name, params = eqn.primitive.name, eqn.params
    body = next((params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in params), None)
    if body is not None and name not in ("scan", "while", "cond"):
        inner, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
        if call_name(params, inner) == "logaddexp" and len(args) == 2:
            return [_ARITHMETIC["logaddexp"](*args)]
        known = {var: _number(value) for var, value in zip(inner.constvars, consts, strict=True)}
        return _outcome(inner, known | dict(zip(inner.invars, args, strict=True)), size)
    mixes = any(var.aval.size not in (1, size) for var in [*eqn.invars, *eqn.outvars])
    spread = name == "broadcast_in_dim" and args[0].free_symbols and eqn.outvars[0].aval.size != eqn.invars[0].aval.size
    if mixes or spread:
        raise InputError("entries are mixed")
    return [entry_formula(name, params, args)]


def entry_formula(name: str, params: Mapping[str, Any], args: Sequence[Any]) -> Formula:
    """An entrywise primitive of SymPy scalars.

    Raises:
        InputError: it is no such primitive.
    """
    if name in _SAME:
        (value,) = args
        if name == "convert_element_type" and isinstance(value, sp.logic.boolalg.Boolean):
            return selected(value, sp.S.Zero, sp.S.One)
        return value
    if name == "select_n" and len(args) == 3:
        return selected(*args)
    if name == "integer_pow":
        return args[0] ** int(params["y"])
    if name == "pow":
        return _power(*args)
    for table in (FUNCTIONS, _ARITHMETIC, COMPARISONS, LOGIC):
        if name in table:
            return table[name](*args)
    raise InputError(f"{name} is no entrywise function")


def _power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    if exponent.is_number:
        return base**exponent
    if not base.is_number or not base > 0:
        raise InputError("a power needs a given number as exponent, or a positive number as base")
    return sp.exp(sp.log(base) * exponent)
