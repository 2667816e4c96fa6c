"""The sign of a formula: of constants in balls, of others by what SymPy assumes, and simpler formulas of equal sign."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symgrad.rigor.balls import to_ball
from symgrad.rigor.closed_forms import is_zero_constant

__all__ = ["ANY", "Signs", "assumed_signs", "constant_signs", "core_of", "linear"]

Signs = frozenset[int]
ANY: Signs = frozenset({-1, 0, 1})
_BITS = (128, 512, 2048, 8192)


def linear(core: sp.Expr, flip: bool) -> tuple[sp.Expr, bool]:
    """A linear formula in one symbol divided by its coefficient."""
    if len(core.free_symbols) != 1:
        return core, flip
    (symbol,) = core.free_symbols
    slope = core.diff(symbol)
    if slope.free_symbols or not slope.is_number or slope.is_zero is not False:
        return core, flip
    start = sp.expand(core - slope * symbol)
    if start.free_symbols:
        return core, flip
    return symbol + start / slope, flip ^ (-1 in constant_signs(slope))


def constant_signs(number: sp.Expr) -> Signs:
    """The sign of a constant, by balls of up to 8192 bits and by exact rewriting; all signs where it is not decided."""
    if number in (sp.oo, -sp.oo):
        return frozenset({1 if number == sp.oo else -1})
    for bits in _BITS:
        ball = to_ball(number, bits)
        if ball.is_zero():
            return frozenset({0})
        if ball > 0 or ball < 0:
            return frozenset({1 if ball > 0 else -1})
        if bits == _BITS[0] and is_zero_constant(number):
            return frozenset({0})
    return ANY


def assumed_signs(expr: sp.Expr) -> Signs:
    """What SymPy's assumptions tell."""
    excluded = []
    if expr.is_positive is False or expr.is_nonpositive:
        excluded.append(1)
    if expr.is_negative is False or expr.is_nonnegative:
        excluded.append(-1)
    if expr.is_zero is False:
        excluded.append(0)
    return ANY - frozenset(excluded)


def core_of(expr: sp.Expr) -> tuple[sp.Expr, bool]:
    """The simplest formula with the same sign, and whether it has the opposite one.

    Positive factors are left out; ``x**p - 1`` with p > 0 and ``log(x)`` with x > 0 have the sign of ``x - 1``.
    """
    flip = False
    while True:
        simpler, turned = _step(expr)
        if simpler == expr:
            break
        expr, flip = simpler, flip ^ turned
    if expr.could_extract_minus_sign() and not expr.is_number:
        return -expr, not flip
    return expr, flip


def _step(expr: sp.Expr) -> tuple[sp.Expr, bool]:
    factored = sp.factor_terms(expr)
    if factored.is_Mul:
        return _without_known_factors(factored)
    if isinstance(expr, sp.log):
        return expr.args[0] - 1, False
    if isinstance(expr, sp.Pow) and expr.exp.is_odd:
        return expr.base, False
    for power, turned in _powers_minus_one(expr):
        base, exponent = power.as_base_exp()
        if base.is_nonnegative and exponent.is_positive:
            return base - 1, turned
        if base.is_positive and exponent.is_negative:
            return base - 1, not turned
    return expr, False


def _without_known_factors(product: sp.Expr) -> tuple[sp.Expr, bool]:
    kept, turned = [], False
    for factor in product.args:
        if factor.is_positive:
            continue
        if factor.is_negative:
            turned = not turned
            continue
        kept.append(factor)
    if len(kept) == len(product.args):
        return product, False
    return (sp.Mul(*kept), turned) if kept else (sp.S.One, turned)


def _powers_minus_one(expr: sp.Expr) -> Iterator[tuple[sp.Expr, bool]]:
    if not (expr.is_Add and len(expr.args) == 2):
        return
    constant, rest = expr.as_coeff_Add()
    if constant == -1 and rest.is_Pow:
        yield rest, False
    if constant == 1 and (-rest).is_Pow:
        yield -rest, True
