"""First derivatives of scalar formulas, each sub-expression differentiated once and remembered."""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symgrad.rigor.functions import logistic, softplus

__all__ = ["derivative"]

# functions of one argument whose derivative is that of ``fdiff`` times that of the argument, and nothing else
_PLAIN = (
    *(sp.exp, sp.log, sp.erf, sp.erfc, logistic, softplus, sp.gamma, sp.loggamma),
    *(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.asin, sp.acos, sp.atan),
    *(sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch, sp.asinh, sp.acosh, sp.atanh),
)


@lru_cache(maxsize=8192)
def derivative(expr: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative of a scalar formula by a symbol, as ``expr.diff(symbol)`` writes it.

    SymPy asks at every node of every product whether the derivative is zero, which takes most of its time; here that is
    asked of no node. What is not a sum, a product, a power or an elementary function is left to SymPy.

    Args:
        expr: a commutative scalar expression.
        symbol: by which to differentiate.

    >>> x = sp.Symbol("x", real=True)
    >>> derivative(x * sp.tanh(x), x)
    x*(1 - tanh(x)**2) + tanh(x)
    """
    if symbol not in expr.free_symbols:
        return sp.S.Zero
    if expr == symbol:
        return sp.S.One
    if isinstance(expr, sp.Add):
        return sp.Add(*(derivative(arg, symbol) for arg in expr.args))
    if isinstance(expr, sp.Mul):
        return _of_product(expr.args, symbol)
    if isinstance(expr, _PLAIN):
        return expr.fdiff(1) * derivative(expr.args[0], symbol)
    if isinstance(expr, sp.Pow):
        return _of_power(expr, symbol)
    return expr.diff(symbol)


def _of_product(factors: tuple[sp.Expr, ...], symbol: sp.Symbol) -> sp.Expr:
    terms = []
    for place, factor in enumerate(factors):
        slope = derivative(factor, symbol)
        if slope is not sp.S.Zero:
            terms.append(sp.Mul(*factors[:place], slope, *factors[place + 1 :]))
    return sp.Add(*terms)


def _of_power(power: sp.Pow, symbol: sp.Symbol) -> sp.Expr:
    base, exponent = power.base, power.exp
    rise = derivative(exponent, symbol) * sp.log(base) if symbol in exponent.free_symbols else sp.S.Zero
    return power * (rise + derivative(base, symbol) * exponent / base)
