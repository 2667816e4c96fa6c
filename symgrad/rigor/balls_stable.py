"""Rewriting before evaluation: equal expressions without the cancellation that makes wide enclosures useless."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symgrad.rigor.functions import canonical, logistic, softplus

__all__ = ["exp_minus_one", "one_plus_erf", "stable"]


class exp_minus_one(sp.Function):
    """``exp(z) - 1`` as one function, accurate near 0."""

    nargs = 1


class one_plus_erf(sp.Function):
    """The function ``1 + erf(z)``, accurate where it is near 0: SymPy writes ``erfc(-z)`` as ``2 - erfc(z)``."""

    nargs = 1


def stable(expr: sp.Expr) -> sp.Expr:
    """An equal expression in which differences that cancel are one function each.

    ``1 - tanh(z)**2`` becomes ``cosh(z)**-2``, ``1 + tanh(z)`` a logistic function, ``1 - logistic(z)`` the logistic
    function of ``-z``, ``1 + erf(z)`` and ``exp(z) - 1`` one function each, ``1 + tan(z)**2`` becomes
    ``cos(z)**-2``, and ``logistic(z)*logistic(-z)`` becomes ``cosh(z/2)**-2/4``, which is tight on wide intervals. A
    perfect power under a root becomes one. Floats become the rational numbers that they are: SymPy would round them.
    """
    exact = expr.xreplace({number: sp.Rational(number) for number in expr.atoms(sp.Float)})
    return _rewrite(canonical(exact))


def _rewrite(expr: sp.Expr) -> sp.Expr:
    if not expr.args:
        return expr
    args = [_rewrite(arg) for arg in expr.args]
    node = expr if all(new is old for new, old in zip(args, expr.args, strict=True)) else expr.func(*args)
    if isinstance(node, sp.Add):
        return _rewrite_sum(node)
    if isinstance(node, sp.Mul):
        return _rewrite_product(node)
    if isinstance(node, sp.log) and isinstance(node.args[0], logistic):
        return -softplus(-node.args[0].args[0])
    if (
        isinstance(node, sp.Pow)
        and isinstance(node.base, sp.Add)
        and not node.exp.is_Integer
        and node.base.is_polynomial()
    ):
        return _perfect_power(node.base) ** node.exp
    return node


def _perfect_power(base: sp.Add) -> sp.Expr:
    """A polynomial as a number times one power where it is one; other factors would only repeat the symbols."""
    number, factored = sp.factor(base).as_coeff_Mul()
    return number * factored if factored.is_Pow else base


# (function, power) -> for "1 + sign*function(z)**power" the equal single function of (z, sign), or None
_PAIRS: dict[tuple[type[sp.Function], int], Callable[[sp.Expr, int], sp.Expr | None]] = {
    (sp.tanh, 2): lambda z, sign: sp.cosh(z) ** -2 if sign < 0 else None,
    (sp.tan, 2): lambda z, sign: sp.cos(z) ** -2 if sign > 0 else None,
    (sp.tanh, 1): lambda z, sign: 2 * logistic(2 * sign * z),
    (sp.erf, 1): lambda z, sign: one_plus_erf(sign * z),
    (sp.erfc, 1): lambda z, sign: sp.erf(z) if sign < 0 else None,
    (logistic, 1): lambda z, sign: logistic(-z) if sign < 0 else None,
    (sp.exp, 1): lambda z, sign: -exp_minus_one(z) if sign < 0 else None,
}


def _rewrite_sum(node: sp.Add) -> sp.Expr:
    """Merge the constant of a sum with a term of the same size, where the pair is one function."""
    constant = node.as_coeff_Add()[0]
    if constant.is_zero:
        return node
    for term in (term for term in node.args if term.free_symbols):
        factor, body = term.as_coeff_Mul()
        base, power = body.as_base_exp() if not isinstance(body, sp.exp) else (body, sp.S.One)
        rule = _PAIRS.get((base.func, int(power))) if power.is_Integer else None
        if rule is None or abs(factor) != abs(constant):
            continue
        merged = rule(base.args[0], 1 if factor == constant else -1)
        if merged is not None:
            return node - constant - term + constant * merged
    return node


def _rewrite_product(node: sp.Mul) -> sp.Expr:
    powers = node.as_powers_dict()
    for base in powers:
        if not isinstance(base, logistic):
            continue
        mirrored = logistic(-base.args[0])
        if mirrored in powers and powers[base].is_Integer and powers[mirrored].is_Integer:
            count = min(powers[base], powers[mirrored])
            if count > 0:
                rest = node / base**count / mirrored**count
                return rest * sp.cosh(base.args[0] / 2) ** (-2 * count) / 4**count
    return node
