"""Formulas of one variable, as programs compute them, turned into activations.

A formula with kinks is brought into the form of smooth pieces between exact points; if these are the pieces of a
declared activation, it is that one, up to constants that were rounded to float64.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symgrad.errors import InputError, SymgradError
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import VARIABLE as z
from symgrad.language.elementwise import Activation
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical, logistic, softplus
from symgrad.rigor.jumps import jumps
from symgrad.rigor.smooth_pieces import split

__all__ = ["activation_of_formula"]

MOST_OPERATIONS = 120  # in a formula
DIGITS = 15  # to which constants of float64 agree with those that they were rounded from
SHORT = 10**6  # denominators below are no rounding

Pieces = tuple[tuple[sp.Expr, sp.Expr], ...]  # right end and formula, from left to right


@lru_cache(maxsize=1024)
def activation_of_formula(formula: sp.Expr, name: str = "f") -> Activation:
    """The activation with a formula in ``z``: a declared one where it is one of those.

    Args:
        formula: it may contain ``Max``, ``Min``, ``Abs`` and ``Piecewise``.
        name: of an activation that is not declared.

    Raises:
        InputError: the formula is too long, jumps, or is not real everywhere; its kinks cannot be found.

    >>> activation_of_formula(sp.Max(-1, sp.Min(z, 1))).name, activation_of_formula(sp.Max(z / 5, z)).name
    ('hard_tanh', 'leaky_relu(slope=1/5)')
    """
    plain = canonical(sp.sympify(formula))
    if plain.count_ops() > MOST_OPERATIONS:
        raise InputError(f"a function of one variable with more than {MOST_OPERATIONS} operations is not read")
    try:
        pieces = _pieces(plain)
        found = _declared().get(_key(pieces)) or _with_parameter(pieces) or Activation(name, _joined(pieces))
        heights = jumps(found.expr, z)
    except InputError:
        raise
    except SymgradError as error:
        raise InputError(f"the function of one variable {plain} cannot be read: {error}") from error
    if heights:
        raise InputError(f"the function {plain} jumps at {heights[0][0]}; it has no derivative there")
    return found


def _pieces(formula: sp.Expr) -> Pieces:
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for piece in split(formula, z, End(-sp.oo, 1), End(sp.oo, -1)):
        own = canonical(piece.formula)
        if found and sp.expand(_reflected(found[-1][1]) - _reflected(own)) == 0:
            found.pop()
            own = _reflected(own)
        found.append((piece.right.value, own))
    return tuple(found)


def _reflected(formula: sp.Expr) -> sp.Expr:
    """The same with one sign of arguments: softplus(-a) = softplus(a) - a, logistic(-a) = 1 - logistic(a)."""

    def is_negative(node: sp.Expr) -> bool:
        return isinstance(node, (softplus, logistic)) and node.args[0].could_extract_minus_sign()

    def turned(node: sp.Expr) -> sp.Expr:
        inner = -node.args[0]
        return softplus(inner) - inner if isinstance(node, softplus) else 1 - logistic(inner)

    return formula.replace(is_negative, turned)


def _joined(pieces: Pieces) -> sp.Expr:
    """One formula; at a kink the piece on its left holds."""
    if len(pieces) == 1:
        return pieces[0][1]
    cases = [(own, z <= end) for end, own in pieces[:-1]]
    return sp.Piecewise(*cases, (pieces[-1][1], True))


def _key(pieces: Pieces) -> Pieces:
    return tuple((_rounded(end), _rounded(sp.expand(_reflected(own)))) for end, own in pieces)


def _rounded(formula: sp.Expr) -> sp.Expr:
    """The formula with its constants rounded; those of few digits are kept."""
    if formula.is_number:
        short = formula.is_infinite or (formula.is_Rational and formula.q < SHORT)
        return formula if short else sp.Rational(f"{formula.evalf(DIGITS + 5):.{DIGITS - 1}e}")
    if isinstance(formula, sp.Mul):
        factor, rest = formula.as_independent(z, as_Add=False)
        inner = rest.args if isinstance(rest, sp.Mul) else (rest,)
        return sp.Mul(_rounded(factor), *map(_rounded, inner))
    return formula.func(*map(_rounded, formula.args)) if formula.args else formula


@lru_cache(maxsize=1)
def _declared() -> dict[Pieces, Activation]:
    """The activations that have names, by their pieces."""
    return {_key(_pieces(activation(name).expr)): activation(name) for name in activation_names()}


def _with_parameter(pieces: Pieces) -> Activation | None:
    """The modulus, and the leaky ReLU and the ELU with other parameters than the default ones."""
    if len(pieces) != 2 or pieces[0][0] != 0 or pieces[1][1] != z:
        return None
    for name, unit in (("leaky_relu", z), ("elu", sp.exp(z) - 1)):
        ratio = sp.cancel(pieces[0][1] / unit)
        if ratio == -1:
            return Activation("abs", sp.Abs(z), r"\operatorname{abs}")
        if ratio.is_number:
            return activation(name, **{"slope" if name == "leaky_relu" else "alpha": ratio})
    return None
