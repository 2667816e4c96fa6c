"""The logistic function and softplus as SymPy functions, and the rewriting that recognises them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp
from sympy.core.function import ArgumentIndexError

__all__ = ["canonical", "logistic", "softplus"]


class logistic(sp.Function):
    """The logistic function ``1/(1 + exp(-z))``.

    Returns 1/2 at 0 and its limits 0 and 1 at minus and plus infinity; anything else stays unevaluated.

    >>> z = sp.Symbol("z", real=True)
    >>> logistic(0), logistic(sp.oo), logistic(z).is_positive
    (1/2, 1, True)
    >>> logistic(z).diff(z)
    (1 - logistic(z))*logistic(z)
    """

    nargs = 1

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        """Exact values at 0 and at both infinities."""
        return {sp.S.Zero: sp.S.Half, sp.oo: sp.S.One, -sp.oo: sp.S.Zero, sp.nan: sp.nan}.get(z)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Derivative ``logistic(z)*(1 - logistic(z))``."""
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return self * (1 - self)

    def inverse(self, argindex: int = 1) -> Any:
        """Inverse function, the logit."""
        y = sp.Dummy("y")
        return sp.Lambda(y, sp.log(y / (1 - y)))

    def _eval_rewrite_as_exp(self, z: sp.Expr, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-z))

    def _eval_rewrite_as_tanh(self, z: sp.Expr, **kwargs: Any) -> sp.Expr:
        return (1 + sp.tanh(z / 2)) / 2

    def _eval_rewrite_as_tractable(self, z: sp.Expr, limitvar: Any = None, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-z))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evaluated(self.args[0], lambda z: 1 / (1 + mpmath.exp(-z)), prec)

    def _eval_conjugate(self) -> sp.Expr:
        return self.func(self.args[0].conjugate())

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_integer(self) -> bool | None:
        return False if self.args[0].is_real else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _operator_name_latex("logistic", self, printer, exp)


class softplus(sp.Function):
    """The softplus function ``log(1 + exp(z))``.

    Returns ``log(2)`` at 0 and its limits 0 and infinity at minus and plus infinity.

    >>> z = sp.Symbol("z", real=True)
    >>> softplus(0), softplus(-sp.oo), softplus(z).diff(z)
    (log(2), 0, logistic(z))
    """

    nargs = 1

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        """Exact values at 0 and at both infinities."""
        return {sp.S.Zero: sp.log(2), sp.oo: sp.oo, -sp.oo: sp.S.Zero, sp.nan: sp.nan}.get(z)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Derivative ``logistic(z)``."""
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return logistic(self.args[0])

    def inverse(self, argindex: int = 1) -> Any:
        """Inverse function ``log(exp(y) - 1)``."""
        y = sp.Dummy("y")
        return sp.Lambda(y, sp.log(sp.exp(y) - 1))

    def _eval_rewrite_as_exp(self, z: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def _eval_rewrite_as_log(self, z: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def _eval_rewrite_as_tractable(self, z: sp.Expr, limitvar: Any = None, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evaluated(self.args[0], lambda z: mpmath.log1p(mpmath.exp(z)), prec)

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _operator_name_latex("softplus", self, printer, exp)


def _evaluated(z: sp.Expr, function: Callable[[Any], Any], prec: int) -> sp.Expr | None:
    """The value at a number, accurate in far tails too; None for an expression with symbols, as SymPy expects."""
    if not z.is_number:
        return None
    bits = prec + 20 + mpmath.mag(1 + abs(z._to_mpmath(53)))
    with mpmath.workprec(bits):
        return sp.Expr._from_mpmath(function(z._to_mpmath(bits)), prec)


def _operator_name_latex(name: str, value: sp.Function, printer: Any, exp: str | None) -> str:
    power = "" if exp is None else f"^{{{exp}}}"
    return rf"\operatorname{{{name}}}{power}\left({printer._print(value.args[0])}\right)"


def canonical(expr: sp.Expr) -> sp.Expr:
    """Write ``1/(1+exp(a))``, ``exp(a)/(1+exp(a))`` and ``log(1+exp(a))`` with :class:`logistic` and :class:`softplus`.

    Positive factors are allowed on both terms: ``c + d*exp(a)`` is ``c*(1 + exp(a + log(d/c)))``. Everything else is
    left as it is, so that the result is equal to ``expr`` wherever ``expr`` is defined.

    Args:
        expr: a scalar SymPy expression.

    Returns:
        An equal expression, without overflow for large arguments where the patterns occur.

    >>> x = sp.Symbol("x", real=True)
    >>> canonical(1/(1 + sp.exp(-x))), canonical(sp.exp(x)/(2 + 2*sp.exp(x))), canonical(sp.log(1 + sp.exp(x)))
    (logistic(x), logistic(x)/2, softplus(x))
    """
    if not expr.args:
        return expr
    args = [canonical(arg) for arg in expr.args]
    node = expr if all(new is old for new, old in zip(args, expr.args, strict=True)) else expr.func(*args)
    if isinstance(node, sp.log):
        return _canonical_log(node)
    if isinstance(node, sp.Pow):
        return _canonical_power(node)
    return _cancel_exponentials(node) if isinstance(node, sp.Mul) else node


def _one_plus_exp(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """``(c, a)`` such that ``expr == c*(1 + exp(a))`` with a positive constant ``c``; None when there is none."""
    if not (isinstance(expr, sp.Add) and len(expr.args) == 2):
        return None
    for constant, term in (expr.args, expr.args[::-1]):
        factor, exponential = term.as_independent(sp.exp, as_Add=False)
        positive = constant.is_positive and factor.is_positive and not constant.has(sp.exp)
        if positive and isinstance(exponential, sp.exp):
            return _exact(constant), exponential.exp + sp.log(_exact(factor) / _exact(constant))
    return None


def _exact(number: sp.Expr) -> sp.Expr:
    """A binary float as the rational number that it is, so that no logarithm of it is rounded."""
    return sp.Rational(number) if isinstance(number, sp.Float) else number


def _canonical_log(node: sp.Expr) -> sp.Expr:
    found = _one_plus_exp(node.args[0])
    return node if found is None else sp.log(found[0]) + softplus(found[1])


def _canonical_power(node: sp.Expr) -> sp.Expr:
    """Negative powers of ``c*(1 + exp(a))``; a root needs a real ``a``, or the principal branches might differ."""
    found = _one_plus_exp(node.base) if node.exp.is_Rational and node.exp < 0 else None
    if found is None or not (node.exp.is_Integer or found[1].is_extended_real):
        return node
    return found[0] ** node.exp * logistic(-found[1]) ** (-node.exp)


def _cancel_exponentials(node: sp.Expr) -> sp.Expr:
    """Use ``exp(a)*logistic(-a) == logistic(a)`` as often as both factors are there."""
    powers = node.as_powers_dict()
    for base in [base for base, power in powers.items() if isinstance(base, logistic) and power.is_Rational]:
        inner = -base.args[0]
        count = min(_multiple(powers.get(sp.E, sp.S.Zero), inner), sp.floor(powers[base]))
        if count > 0:
            return _cancel_exponentials(node * sp.exp(-count * inner) * logistic(inner) ** count / base**count)
    return node


def _multiple(exponent: sp.Expr, inner: sp.Expr) -> sp.Expr:
    """The integer ``m`` for which ``exponent - m*inner`` has lost the first term of ``inner``; 0 when there is none."""
    term, coefficient = next(((t, c) for t, c in inner.as_coefficients_dict().items() if t.free_symbols), (None, None))
    ratio = sp.S.Zero if term is None else sp.sympify(exponent).as_coefficients_dict()[term] / coefficient
    return ratio if ratio.is_Integer else sp.S.Zero
