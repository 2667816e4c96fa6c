"""Equal formulas in which an unknown occurs once, where there are such."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

__all__ = ["forms", "opened"]

_LONGEST = 200  # operations in a formula that is rewritten


def forms(formula: sp.Expr, unknown: sp.Symbol) -> Iterator[sp.Expr]:
    """The formula itself, then equal ones: terms collected, squares completed, fractions split.

    >>> x = sp.Symbol("x", real=True)
    >>> list(forms(x**2 + 4 * x, x))[-1]
    (x + 2)**2 - 4
    """
    seen = [formula]
    yield formula
    if formula.count_ops() > _LONGEST or formula.has(sp.Piecewise):
        return
    for rewritten in _rewritten(formula, unknown):
        if rewritten not in seen:
            seen.append(rewritten)
            yield rewritten


def _rewritten(formula: sp.Expr, unknown: sp.Symbol) -> Iterator[sp.Expr]:
    collected = _collected(formula, unknown)
    yield collected
    yield sp.factor_terms(formula)
    if collected.is_rational_function(unknown):
        yield sp.apart(sp.together(formula), unknown) if len(formula.free_symbols) == 1 else _divided(formula, unknown)
    squared = _completed(collected, unknown)
    if squared is not None:
        yield squared


def _collected(formula: sp.Expr, unknown: sp.Symbol) -> sp.Expr:
    """Sums within the formula with the terms in each power of the unknown put together."""

    def tidied(node: sp.Expr) -> sp.Expr:
        if not node.args or unknown not in node.free_symbols:
            return node
        inner = node.func(*map(tidied, node.args))
        return sp.collect(sp.expand_mul(inner), unknown) if inner.is_Add else inner

    return tidied(formula)


def _divided(formula: sp.Expr, unknown: sp.Symbol) -> sp.Expr:
    """A quotient of linear formulas as a constant and one fraction."""
    above, below = sp.fraction(sp.together(formula))
    if not (above.is_polynomial(unknown) and below.is_polynomial(unknown)):
        return formula
    quotient, rest = sp.div(sp.Poly(above, unknown), sp.Poly(below, unknown))
    if quotient.degree() > 0 or rest.degree() > 0:
        return formula
    return quotient.as_expr() + rest.as_expr() / _collected(below, unknown)


def _completed(formula: sp.Expr, unknown: sp.Symbol) -> sp.Expr | None:
    """A polynomial of degree 2 with its square completed."""
    if not formula.is_polynomial(unknown):
        return None
    polynomial = sp.Poly(formula, unknown)
    if polynomial.degree() != 2:
        return None
    a, b, c = polynomial.all_coeffs()
    middle = sp.cancel(b / (2 * a))
    return a * (unknown + middle) ** 2 + sp.cancel(c - b**2 / (4 * a))


def opened(formula: sp.Expr, unknown: sp.Symbol) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """A switch of the unknown opened: what decides by its sign, the formula where that is >= 0, and where it is < 0.

    >>> x = sp.Symbol("x", real=True)
    >>> opened(sp.Abs(x - 1) + 2 * x, x)
    (x - 1, 3*x - 1, x + 1)
    """
    for node in sp.postorder_traversal(formula):
        if unknown not in node.free_symbols:
            continue
        if isinstance(node, sp.Abs):
            inner = node.args[0]
            return inner, formula.xreplace({node: inner}), formula.xreplace({node: -inner})
        if isinstance(node, (sp.Max, sp.Min)):
            return _opened_extreme(formula, node)
    return None


def _opened_extreme(formula: sp.Expr, node: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    first, *others = node.args
    rest = node.func(*others)
    above, below = (first, rest) if isinstance(node, sp.Max) else (rest, first)
    return first - rest, formula.xreplace({node: above}), formula.xreplace({node: below})
