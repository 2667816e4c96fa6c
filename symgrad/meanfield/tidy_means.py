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
            (special if _is_special(factor) else rest).append(factor)
        name = sp.Mul(*special)
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


def _is_special(factor: sp.Expr) -> bool:
    """Whether a factor names a group: a special function of symbols, or a root of a sum of symbols."""
    if not factor.free_symbols:
        return False
    return factor.has(*_SPECIAL) or (factor.is_Pow and factor.base.is_Add and not factor.exp.is_Integer)


def _shorter(coefficient: sp.Expr) -> sp.Expr:
    """The coefficient, or an equal one that is shorter."""
    if not coefficient.is_Add:
        return coefficient
    return min((coefficient, sp.factor(coefficient)), key=lambda e: (e.count_ops(), sp.default_sort_key(e)))


def _complemented(groups: dict[sp.Expr, sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    """``k f - k f erf(y)`` written as ``k f erfc(y)``, which keeps its digits for large y."""
    found = dict(groups)
    for name in groups:
        factors = list(sp.Mul.make_args(name))
        error = next((factor for factor in factors if isinstance(factor, sp.erf)), None)
        if error is None or name not in found:
            continue
        factors.remove(error)
        plain = sp.Mul(*factors)
        sign = next((s for s in (1, -1) if sp.expand(found.get(plain, 0) + s * found[name]).is_zero), None)
        if sign is not None:
            value = found.pop(plain)
            del found[name]
            complement = plain * sp.erfc(sign * error.args[0])
            found[complement] = found.get(complement, sp.S.Zero) + value
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
