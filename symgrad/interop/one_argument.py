"""Products of functions of one argument, such as ``x * sigmoid(x)``, as one activation.

Of the activation the supremum of the slope is found exactly; of the product of two factors, one of them unbounded,
there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.errors import SymgradError
from symgrad.interop.formula_activations import activation_of_formula
from symgrad.language.elementwise import VARIABLE, ActivatedMatrix
from symgrad.rigor.functions import canonical

__all__ = ["arguments_of", "composed", "formula_of", "product_of", "product_of_one_argument"]

MOST_OPERATIONS = 40  # in a formula


def product_of_one_argument(left: sp.Expr, right: sp.Expr) -> sp.Expr | None:
    """The entrywise product of two blocks as a function of one argument; None where there are several arguments."""
    if isinstance(left, sp.MatrixSymbol) and isinstance(right, sp.MatrixSymbol):
        return None
    others = set(arguments_of(right))
    for base in reversed([base for base in arguments_of(left) if base in others]):  # the innermost first
        first, second = formula_of(left, base), formula_of(right, base)
        if first is None or second is None:
            continue
        formula = canonical(first * second)
        if VARIABLE in formula.free_symbols and formula.count_ops() <= MOST_OPERATIONS:
            return _applied(formula, base)
    return None


def composed(outer: sp.Expr, entry: sp.Expr) -> sp.Expr | None:
    """A formula that is not defined everywhere, of a block, where it is defined for all values of an inner argument.

    Such are ``1/z`` of ``1 + x**2`` and ``log(z)`` of ``1 + exp(x)``. None where there is no such argument.
    """
    for base in reversed(list(arguments_of(entry))):
        inner = None if isinstance(base, (sp.OneMatrix, sp.Identity)) else formula_of(entry, base)
        formula = None if inner is None else canonical(outer.xreplace({VARIABLE: inner}))
        if formula is not None and formula.count_ops() <= MOST_OPERATIONS and VARIABLE in formula.free_symbols:
            with suppress(SymgradError):
                found = activation_of_formula(formula)
                _ = found.range  # refused where it is not defined
                return found(base)
    return None


def _applied(formula: sp.Expr, base: sp.Expr) -> sp.Expr | None:
    if isinstance(formula, sp.Pow) and formula.base == VARIABLE and formula.exp.is_number:
        return HadamardPower(base, formula.exp)
    try:
        return activation_of_formula(formula)(base)
    except SymgradError:
        return None


def arguments_of(entry: sp.Expr) -> Iterator[sp.Expr]:
    """What a block is a function of, outermost first: itself, its argument, the argument of that, ..."""
    yield _normal(entry)[1]
    if isinstance(entry, ActivatedMatrix):
        yield from arguments_of(entry.argument)
    elif isinstance(entry, HadamardPower):
        yield from arguments_of(entry.base)
    elif isinstance(entry, sp.MatMul):
        factor, matrices = entry.as_coeff_matrices()
        if factor.is_number and len(matrices) == 1:
            yield from arguments_of(matrices[0])
    elif isinstance(entry, (sp.MatAdd, sp.HadamardProduct)):
        for part in entry.args:
            yield from arguments_of(part)


def _normal(entry: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A number and what it multiplies, the same for multiples of one block: the first term there has the factor 1."""
    terms = entry.args if isinstance(entry, sp.MatAdd) else (entry,)
    pairs = [term.as_coeff_matrices() if isinstance(term, sp.MatMul) else (sp.S.One, [term]) for term in terms]
    first = pairs[0][0]
    if first == 1 or not first.is_number:
        return sp.S.One, entry
    scaled = [product_of(factor / first, matrices) for factor, matrices in pairs]
    return first, scaled[0] if len(scaled) == 1 else sp.MatAdd(*scaled)


def product_of(factor: sp.Expr, matrices: list[sp.Expr]) -> sp.Expr:
    """The product of a number and matrices, a matrix as it is where it is alone."""
    if factor == 1 and len(matrices) == 1:
        return matrices[0]
    return sp.MatMul(*([] if factor == 1 else [factor]), *matrices)


def formula_of(entry: sp.Expr, base: sp.Expr) -> sp.Expr | None:
    """A block as a formula in one of its arguments; None where it depends on something else too."""
    factor, normal = _normal(entry)
    if normal == base:
        return factor * VARIABLE
    if isinstance(entry, (sp.OneMatrix, sp.ZeroMatrix)):
        return sp.Integer(isinstance(entry, sp.OneMatrix))
    if isinstance(entry, ActivatedMatrix):
        inner = formula_of(entry.argument, base)
        return None if inner is None else entry.activation.expr.xreplace({VARIABLE: inner})
    if isinstance(entry, HadamardPower):
        inner = formula_of(entry.base, base)
        return None if inner is None else inner**entry.exp
    if isinstance(entry, sp.MatMul):
        factor, matrices = entry.as_coeff_matrices()
        inner = formula_of(matrices[0], base) if len(matrices) == 1 and factor.is_number else None
        return None if inner is None else factor * inner
    if isinstance(entry, (sp.MatAdd, sp.HadamardProduct)):
        factor, others = _multiple(entry, base)
        parts = (
            [factor * VARIABLE, *(formula_of(part, base) for part in others)]
            if factor
            else [formula_of(part, base) for part in entry.args]
        )
        joined = sp.Add if isinstance(entry, sp.MatAdd) else sp.Mul
        return None if any(part is None for part in parts) else joined(*parts)
    return None


def _multiple(entry: sp.Expr, base: sp.Expr) -> tuple[sp.Expr, list[sp.Expr]]:
    """A number and the terms that are left when the sum ``base``, so often, is taken out of another sum."""
    if not (isinstance(entry, sp.MatAdd) and isinstance(base, sp.MatAdd)):
        return sp.S.Zero, []
    terms, wanted = (dict(map(_number_and_block, value.args)) for value in (entry, base))
    ratios = {terms.get(block, sp.S.Zero) / number for block, number in wanted.items()}
    if len(ratios) != 1:
        return sp.S.Zero, []
    return ratios.pop(), [product_of(number, [block]) for block, number in terms.items() if block not in wanted]


def _number_and_block(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """A term without its scalar factor, and this factor."""
    factor, matrices = term.as_coeff_matrices() if isinstance(term, sp.MatMul) else (sp.S.One, [term])
    return product_of(sp.S.One, list(matrices)), factor
