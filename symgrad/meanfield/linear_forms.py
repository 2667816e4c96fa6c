"""Sums of random variables inside expressions: found where an expression depends on them through a sum alone."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

__all__ = ["in_order", "is_linear", "linear_forms", "with_form"]


def is_linear(expr: sp.Expr, symbols: frozenset[sp.Dummy]) -> bool:
    """Whether an expression is a sum of numbers times these symbols, and a number."""
    linear, rest = _linear_part(expr, symbols) if isinstance(expr, sp.Add) else ({}, [expr])
    weights = list(linear.values())
    for part in rest:
        weight, factor = part.as_independent(*symbols)
        weights.append(weight if factor in symbols else part)
    return not any(weight.atoms(sp.Dummy) for weight in weights)


def linear_forms(expr: sp.Expr, random: list[sp.Dummy]) -> list[dict[sp.Dummy, sp.Expr]]:
    """Linear combinations through which alone the expression depends on the variables; single ones otherwise."""
    seen: dict[sp.Dummy, set[frozenset[tuple[sp.Dummy, sp.Expr]]]] = {symbol: set() for symbol in random}
    for form in _occurrences(expr, frozenset(random)):
        for symbol, _ in form:
            seen[symbol].add(form)
    forms: list[dict[sp.Dummy, sp.Expr]] = []
    done: set[sp.Dummy] = set()
    for symbol in random:
        if symbol in done:
            continue
        only = next(iter(seen[symbol])) if len(seen[symbol]) == 1 else frozenset({(symbol, sp.S.One)})
        shared = all(seen[other] == {only} for other, _ in only)
        chosen = dict(only) if shared else {symbol: sp.S.One}
        forms.append(chosen)
        done |= set(chosen)
    return forms


def _occurrences(expr: sp.Expr, random: frozenset[sp.Dummy]) -> Iterator[frozenset[tuple[sp.Dummy, sp.Expr]]]:
    """The linear part in random variables of every sum, up to a factor, and every variable that stands alone."""
    if expr in random:
        yield frozenset({(expr, sp.S.One)})
        return
    if not isinstance(expr, sp.Add):
        for part in expr.args:
            yield from _occurrences(part, random)
        return
    linear, rest = _linear_part(expr, random)
    if linear:
        first = linear[min(linear, key=in_order)]
        yield frozenset((symbol, weight / first) for symbol, weight in linear.items())
    for part in rest:
        yield from _occurrences(part, random)


def _linear_part(expr: sp.Add, random: frozenset[sp.Dummy]) -> tuple[dict[sp.Dummy, sp.Expr], list[sp.Expr]]:
    """Coefficients of the variables in a sum, and the terms that are no multiple of one."""
    linear: dict[sp.Dummy, sp.Expr] = {}
    rest = []
    for term in expr.args:
        coefficient, factor = term.as_independent(*random)
        if factor in random:
            linear[factor] = coefficient
        else:
            rest.append(term)
    return linear, rest


def in_order(symbol: sp.Dummy) -> tuple[str, int]:
    """The order in which variables are taken."""
    return symbol.name, symbol.dummy_index


def with_form(expr: sp.Expr, form: dict[sp.Dummy, sp.Expr], value: sp.Expr) -> sp.Expr:
    """The expression with a linear form replaced."""
    if len(form) == 1 and next(iter(form.values())) == 1:
        return expr.xreplace({next(iter(form)): value})
    if isinstance(expr, sp.Add):
        linear, rest = _linear_part(expr, frozenset(form))
        if linear:
            factor = linear[min(linear, key=in_order)]
            return sp.Add(factor * value, *(with_form(part, form, value) for part in rest))
    if not expr.args or not expr.free_symbols & set(form):
        return expr
    return expr.func(*(with_form(part, form, value) for part in expr.args))
