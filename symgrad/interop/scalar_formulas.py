"""Formulas of one variable, as programs compute them, turned into activations.

A formula with kinks is brought into the form of smooth pieces between exact points; if these are the pieces of a
declared activation, it is that one, up to constants that were rounded to float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.interop.block_entries import TraceRefusal, entrywise_product, filled, scaled, summed, uniform_scalar
from symgrad.interop.one_argument import arguments_of, formula_of
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import VARIABLE as z
from symgrad.language.elementwise import Activation
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps
from symgrad.rigor.smooth_pieces import split

__all__ = ["activation_of_formula", "entrywise_formula"]

MOST_OPERATIONS = 120  # in a formula
DIGITS = 15  # to which constants of float64 agree with those that they were rounded from

SHORT = 10**6  # denominators below are no rounding

Pieces = tuple[tuple[sp.Expr, sp.Expr], ...]  # right end and formula, from left to right
Combination = Callable[..., sp.Expr]


@lru_cache(maxsize=1024)
def activation_of_formula(formula: sp.Expr, name: str = "f") -> Activation:
    """The activation with a formula in ``z``: a declared one where it is one of those.

    Args:
        formula: it may contain ``Max``, ``Min``, ``Abs`` and ``Piecewise``.
        name: of an activation that is not declared.

    Raises:
        TraceRefusal: the formula is too long, jumps, or is not real everywhere; its kinks cannot be found.

    >>> activation_of_formula(sp.Max(-1, sp.Min(z, 1))).name, activation_of_formula(sp.Max(z / 5, z)).name
    ('hard_tanh', 'leaky_relu(slope=1/5)')
    """
    plain = canonical(sp.sympify(formula))
    if plain.count_ops() > MOST_OPERATIONS:
        raise TraceRefusal(f"a function of one variable with more than {MOST_OPERATIONS} operations is not read")
    try:
        pieces = _pieces(plain)
        found = _declared().get(_key(pieces)) or _with_parameter(pieces) or Activation(name, _joined(pieces))
        heights = jumps(found.expr, z)
    except TraceRefusal:
        raise
    except SymgradError as error:
        raise TraceRefusal(f"the function of one variable {plain} cannot be read: {error}") from error
    if heights:
        raise TraceRefusal(f"the function {plain} jumps at {heights[0][0]}; it has no derivative there")
    return found


def entrywise_formula(entries: Sequence[sp.Expr], combination: Combination, deciding: int) -> sp.Expr | None:
    """A block that a scalar formula of several blocks gives, as activations of one argument.

    Args:
        entries: blocks of one shape.
        combination: the formula, called with SymPy scalars; linear in those after the deciding ones.
        deciding: the number of blocks in front that have to be functions of one argument alone. Those that follow may
            be sums of products of such functions with other factors, as ``a * x`` in PReLU.

    Returns:
        The block, or None where there is no such argument.

    Raises:
        TraceRefusal: the formula jumps.
    """
    refusal = None
    for base in _bases(entries):
        first = [formula_of(entry, base) for entry in entries[:deciding]]
        rest = [_coefficients(entry, base) for entry in entries[deciding:]]
        if any(part is None for part in (*first, *rest)):
            continue
        factors = dict.fromkeys(factor for part in rest for factor in part) or {None: None}
        try:
            terms = [
                _term(factor, combination(*first, *(p.get(factor, sp.S.Zero) for p in rest)), base)
                for factor in factors
            ]
        except TraceRefusal as error:
            refusal = error
            continue
        return summed(terms)
    if refusal is not None:
        raise refusal
    return None


def _term(factor: sp.Expr | None, formula: sp.Expr, base: sp.Expr) -> sp.Expr:
    """A function of the base times a factor: None for one, a scalar or a block."""
    if formula.is_number:
        inner = filled(formula, tuple(base.shape))
    else:
        found = activation_of_formula(formula)
        inner = base if found.expr == z else found(base)
    if factor is None or factor == 1:
        return inner
    return entrywise_product(factor, inner) if hasattr(factor, "shape") else scaled(factor, inner)


def _bases(entries: Sequence[sp.Expr]) -> list[sp.Expr]:
    """What the blocks may be functions of, innermost first."""
    found = dict.fromkeys(base for entry in entries for base in arguments_of(entry) if uniform_scalar(base) is None)
    return list(found)[::-1]


def _coefficients(entry: sp.Expr, base: sp.Expr) -> dict[sp.Expr, sp.Expr] | None:
    """A block as a sum of factors times functions of the base: factor -> function; the factor 1 for none."""
    collected: dict[sp.Expr, sp.Expr] = {}
    for term in entry.args if isinstance(entry, sp.MatAdd) else (entry,):
        factor, formula = _split(term, base)
        collected[factor] = collected.get(factor, sp.S.Zero) + formula
    return collected


def _split(term: sp.Expr, base: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    whole = formula_of(term, base)
    if whole is not None:
        return sp.S.One, whole
    if isinstance(term, sp.MatMul):
        scalar, matrices = term.as_coeff_matrices()
        if len(matrices) == 1:
            factor, formula = _split(matrices[0], base)
            number, rest = scalar.as_independent(*scalar.free_symbols, as_Add=False)
            return (rest * factor if factor.is_scalar else scaled(rest, factor)), number * formula
    factors = term.args if isinstance(term, sp.HadamardProduct) else (term,)
    formulas = [formula_of(part, base) for part in factors]
    others = [part for part, formula in zip(factors, formulas, strict=True) if formula is None]
    own = [formula for formula in formulas if formula is not None]
    return reduce(entrywise_product, others), sp.Mul(*own)


# --- smooth pieces ---------------------------------------------------------------


def _pieces(formula: sp.Expr) -> Pieces:
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for piece in split(formula, z, End(-sp.oo, 1), End(sp.oo, -1)):
        own = canonical(piece.formula)
        if found and sp.expand(found[-1][1] - own) == 0:
            found.pop()
        found.append((piece.right.value, own))
    return tuple(found)


def _joined(pieces: Pieces) -> sp.Expr:
    """One formula; at a kink the piece on its left holds."""
    if len(pieces) == 1:
        return pieces[0][1]
    cases = [(own, z <= end) for end, own in pieces[:-1]]
    return sp.Piecewise(*cases, (pieces[-1][1], True))


def _key(pieces: Pieces) -> Pieces:
    return tuple((_rounded(end), _rounded(sp.expand(own))) for end, own in pieces)


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
    """The leaky ReLU and the ELU with other parameters than the default ones."""
    if len(pieces) != 2 or pieces[0][0] != 0 or pieces[1][1] != z:
        return None
    for name, unit in (("leaky_relu", z), ("elu", sp.exp(z) - 1)):
        ratio = sp.cancel(pieces[0][1] / unit)
        if ratio.is_number:
            return activation(name, **{"slope" if name == "leaky_relu" else "alpha": ratio})
    return None
