"""Scalar formulas of blocks, such as maxima and choices by a condition, as activations of one argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import sympy as sp

from symgrad.errors import InputError
from symgrad.interop.block_entries import TraceRefusal, entrywise_product, filled, scaled, summed, uniform_scalar
from symgrad.interop.formula_activations import activation_of_formula
from symgrad.interop.one_argument import arguments_of, formula_of
from symgrad.language.elementwise import VARIABLE as z

__all__ = ["entrywise_formula"]

Combination = Callable[..., sp.Expr]


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
        if any(part is None for part in first):
            continue
        factors = dict.fromkeys(factor for part in rest for factor in part) or {None: None}
        try:
            terms = [
                _term(factor, combination(*first, *(p.get(factor, sp.S.Zero) for p in rest)), base)
                for factor in factors
            ]
        except InputError as error:
            refusal = TraceRefusal(str(error))
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


def _coefficients(entry: sp.Expr, base: sp.Expr) -> dict[sp.Expr, sp.Expr]:
    """A block as a sum of factors times functions of the base: factor -> function; the factor 1 for none."""
    whole = formula_of(entry, base)
    if whole is not None:
        return {sp.S.One: whole}
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
