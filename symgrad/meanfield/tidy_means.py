"""Values of Gaussian means, written shortly."""

from __future__ import annotations

import sympy as sp

__all__ = ["real_part", "tidy_mean"]

_SPECIAL = (sp.erf, sp.erfc, sp.asin, sp.exp, sp.sin, sp.cos)


def tidy_mean(value: sp.Expr) -> sp.Expr:
    """An equal expression: the coefficients of each product of special functions and roots are collected."""
    groups: dict[sp.Expr, sp.Expr] = {}
    for term in _terms(value):
        special: list[sp.Expr] = []
        rest: list[sp.Expr] = []
        for factor in sp.Mul.make_args(term):
            named, plain = _separated(factor)
            special.append(named)
            rest.append(plain)
        name = _joined(special)
        groups[name] = groups.get(name, sp.S.Zero) + sp.Mul(*rest)
    collected = {name: _shorter(coefficient) for name, coefficient in groups.items()}
    return sp.Add(*(name * coefficient for name, coefficient in _complemented(collected).items()))


def _terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of a sum after multiplying out, but not inside functions, roots and denominators."""
    if expr.is_Add:
        return [term for arg in expr.args for term in _terms(arg)]
    if expr.is_Pow and expr.base.is_Add and expr.exp.is_Integer and expr.exp > 0:
        return [term for arg in expr.base.args for term in _terms(sp.Mul(arg, expr.base ** (expr.exp - 1)))]
    if expr.is_Mul:
        for i, arg in enumerate(expr.args):
            parts = _terms(arg)
            if len(parts) > 1:
                rest = sp.Mul(*expr.args[:i], *expr.args[i + 1 :])
                return [term for part in parts for term in _terms(sp.Mul(part, rest))]
    return [expr]


def _separated(factor: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """What of a factor names a group (special functions, and roots of sums of symbols), and the rest."""
    if factor.has(*(_SPECIAL if factor.free_symbols else (sp.exp,))):
        return factor, sp.S.One
    if not (factor.free_symbols and factor.is_Pow and factor.base.is_Add) or factor.exp.is_Integer:
        return sp.S.One, factor
    if factor.exp.is_Rational and factor.exp < 0:  # roots in denominators differ by whole powers
        whole = sp.ceiling(factor.exp)
        return factor.base ** (factor.exp - whole), factor.base**whole
    return factor, sp.S.One


def _joined(factors: list[sp.Expr]) -> sp.Expr:
    """The product, with one exponential and its exponent in the shorter of two forms."""
    others = [factor for factor in factors if not isinstance(factor, sp.exp)]
    exponent = sp.Add(*(factor.args[0] for factor in factors if isinstance(factor, sp.exp)))
    if exponent.is_Add:
        exponent = min((exponent, sp.factor(exponent)), key=sp.count_ops)
    return sp.Mul(*others, sp.exp(exponent))


def _shorter(coefficient: sp.Expr) -> sp.Expr:
    """The coefficient, factored unless that is much longer."""
    if not coefficient.is_Add:
        return coefficient
    factored = sp.factor(coefficient)
    return factored if factored.count_ops() <= coefficient.count_ops() + 2 else coefficient


def _complemented(groups: dict[sp.Expr, sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    """``k f - k f erf(y)`` written as ``k f erfc(y)``, which keeps its digits for large y."""
    found = dict(groups)
    for name in groups:
        factors = list(sp.Mul.make_args(name))
        error = next((factor for factor in factors if isinstance(factor, sp.erf)), None)
        if error is None:
            continue
        factors.remove(error)
        plain = sp.Mul(*factors)
        for sign in (1, -1):
            complement = sp.erfc(sign * error.args[0])
            if isinstance(complement, sp.erfc) and sp.expand(found.get(plain, 0) + sign * found[name]).is_zero:
                found[plain * complement] = found.pop(plain) + found.get(plain * complement, sp.S.Zero)
                del found[name]
                break
    return found


def real_part(value: sp.Expr) -> sp.Expr:
    """The real part of a sum of products of real factors, the imaginary unit and exponentials.

    All other functions and roots in it must be real.
    """
    if not value.has(sp.I):
        return value
    parts = []
    for term in sp.Add.make_args(sp.expand(value)):
        turn, rest, angle = sp.S.One, [], sp.S.Zero
        for factor in sp.Mul.make_args(term):
            if isinstance(factor, sp.exp) and factor.has(sp.I):
                exponent = sp.expand(factor.args[0])
                imaginary = exponent.coeff(sp.I)
                angle += imaginary
                rest.append(sp.exp(exponent - sp.I * imaginary))
            elif factor.has(sp.I):
                turn *= factor
            else:
                rest.append(factor)
        cosine, sine = sp.re(turn), sp.im(turn)
        parts.append(sp.Mul(*rest) * (cosine * sp.cos(angle) - sine * sp.sin(angle)))
    return sp.Add(*parts)
