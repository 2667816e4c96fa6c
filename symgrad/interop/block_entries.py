"""Arithmetic of the SymPy matrices that stand in blocks: in linear time, sums and factors collected one level deep.

SymPy's own ``+`` and ``*`` of matrices evaluate everything below again, which takes minutes for programs of a hundred
operations.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import InputError
from symgrad.interop.one_argument import composed, product_of, product_of_one_argument
from symgrad.language.activations import activation_names
from symgrad.language.elementwise import VARIABLE, ActivatedMatrix, Activation, hadamard

__all__ = [
    "TraceRefusal",
    "applied",
    "entrywise_product",
    "filled",
    "finite",
    "matrix_product",
    "partly_defined",
    "raised",
    "scaled",
    "summed",
    "transposed",
    "uniform_scalar",
]


class TraceRefusal(InputError):
    """An operation of a traced program that no recurrence here can express; the text is the reason alone."""


def finite(scalar: sp.Expr) -> sp.Expr:
    """The scalar itself.

    Raises:
        TraceRefusal: it is no real number.
    """
    if scalar.has(sp.nan, sp.oo, -sp.oo, sp.zoo, sp.I):
        raise TraceRefusal(f"a number of the program is {scalar}, which is not real and finite")
    return scalar


def filled(scalar: sp.Expr, shape: tuple[int, int]) -> sp.Expr:
    """The same scalar in every entry."""
    return sp.ZeroMatrix(*shape) if scalar == 0 else scaled(finite(scalar), sp.OneMatrix(*shape))


def uniform_scalar(entry: sp.Expr) -> sp.Expr | None:
    """The scalar that stands in every entry, where the form of the block tells."""
    if isinstance(entry, sp.ZeroMatrix):
        return sp.S.Zero
    factor, matrices = _factors(entry)
    return factor if len(matrices) == 1 and _is_one(matrices[0]) else None


def _is_one(entry: sp.Expr) -> bool:
    """Whether every entry is one; SymPy makes an identity of a single one."""
    return isinstance(entry, sp.OneMatrix) or (isinstance(entry, sp.Identity) and entry.shape == (1, 1))


def _is_neutral(matrix: sp.Expr) -> bool:
    return isinstance(matrix, sp.Identity) or (isinstance(matrix, sp.OneMatrix) and tuple(matrix.shape) == (1, 1))


def _factors(entry: sp.Expr) -> tuple[sp.Expr, list[sp.Expr]]:
    """The scalar factor of a block and its matrix factors."""
    if not isinstance(entry, sp.MatMul):
        return sp.S.One, [entry]
    factor, matrices = entry.as_coeff_matrices()
    return factor, list(matrices)


def scaled(scalar: sp.Expr, entry: sp.Expr) -> sp.Expr:
    """A scalar times a block; of a sum every term is scaled, so that like terms are found later."""
    if scalar == 0 or isinstance(entry, sp.ZeroMatrix):
        return sp.ZeroMatrix(*entry.shape)
    if isinstance(entry, sp.MatAdd):
        return sp.MatAdd(*(scaled(scalar, term) for term in entry.args))
    factor, matrices = _factors(entry)
    return product_of(scalar * factor, matrices)


def summed(terms: Iterable[sp.Expr]) -> sp.Expr:
    """The sum of blocks of one shape; like terms are collected, zeros dropped."""
    given = list(terms)
    collected: dict[sp.Expr, sp.Expr] = {}
    for term in given:
        for part in term.args if isinstance(term, sp.MatAdd) else (term,):
            if not isinstance(part, sp.ZeroMatrix):
                factor, matrices = _factors(part)
                base = product_of(sp.S.One, matrices)
                collected[base] = collected.get(base, sp.S.Zero) + factor
    kept = [scaled(factor, base) for base, factor in collected.items() if factor != 0]
    if not kept:
        return sp.ZeroMatrix(*given[0].shape)
    return kept[0] if len(kept) == 1 else sp.MatAdd(*kept)


def matrix_product(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """The matrix product of two blocks."""
    shape = left.shape[0], right.shape[1]
    first, second = uniform_scalar(left), uniform_scalar(right)
    if 0 in (first, second):
        return sp.ZeroMatrix(*shape)
    if first is not None and second is not None:
        return filled(first * second * left.shape[1], shape)
    (a, before), (b, after) = _factors(left), _factors(right)
    matrices = [matrix for matrix in before + after if not _is_neutral(matrix)]
    return scaled(a * b, product_of(sp.S.One, matrices or [before[0]]))


def transposed(entry: sp.Expr) -> sp.Expr:
    """The transpose."""
    scalar = uniform_scalar(entry)
    if scalar is not None:
        return filled(scalar, (entry.shape[1], entry.shape[0]))
    return entry.arg if isinstance(entry, sp.Transpose) else sp.Transpose(entry)


def entrywise_product(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """The entrywise product of two blocks."""
    first, second = uniform_scalar(left), uniform_scalar(right)
    if first is not None:
        return scaled(first, right)
    if second is not None:
        return scaled(second, left)
    if left == right:
        return raised(left, sp.Integer(2))
    (a, before), (b, after) = _factors(left), _factors(right)
    if len(before) == len(after) == 1:
        fused = product_of_one_argument(before[0], after[0])
    else:
        fused = product_of_one_argument(left, right)
        a = b = sp.S.One
    if fused is None:
        return hadamard(left, right)
    whole = product_of_one_argument(left, right) if a * b != 1 and _is_undeclared(fused) else None
    return scaled(a * b, fused) if whole is None or _is_undeclared(whole) else whole


def _is_undeclared(entry: sp.Expr) -> bool:
    """Whether a block is a function that has no name of its own."""
    return isinstance(entry, ActivatedMatrix) and entry.activation.name not in activation_names()


def raised(entry: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """Every entry to a power."""
    scalar = uniform_scalar(entry)
    if scalar is not None:
        return filled(finite(scalar**exponent), tuple(entry.shape))
    everywhere = exponent.is_Integer and exponent > 0
    found = None if everywhere else composed(VARIABLE**exponent, entry)
    return HadamardPower(entry, exponent) if found is None else found


def partly_defined(formula: sp.Expr, entry: sp.Expr) -> sp.Expr:
    """A scalar function, not defined for all numbers, of every entry.

    Raises:
        TraceRefusal: the form of the block does not show that it is defined there.
    """
    scalar = uniform_scalar(entry)
    if scalar is not None:
        return filled(finite(formula.xreplace({VARIABLE: scalar})), tuple(entry.shape))
    found = composed(formula, entry)
    if found is None:
        raise TraceRefusal(f"{formula} is not defined for all real numbers z")
    return found


def applied(function: Activation, entry: sp.Expr) -> sp.Expr:
    """A scalar function of every entry."""
    scalar = uniform_scalar(entry)
    return function(entry) if scalar is None else filled(finite(function(scalar).doit()), tuple(entry.shape))
