"""Inverse functions in closed form: solved for step by step, then proved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, reduce
from math import gcd

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.ends import End, sample_point
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.smooth_pieces import split

__all__ = ["proved_inverse", "solutions"]

_LONG = 60  # operations in an expression that is not simplified any more
_TWO_VALUED = {sp.cosh: sp.acosh, sp.sech: sp.asech, sp.cos: sp.acos}


@lru_cache(maxsize=512)
def proved_inverse(
    formula: sp.Expr, symbol: sp.Symbol, value: sp.Symbol, left: End, right: End, low: sp.Expr, high: sp.Expr
) -> sp.Expr | None:
    """The inverse of a formula that is strictly monotone on an interval, in closed form.

    A candidate g is proved in one of two ways. Either ``g(f(z)) = z`` holds identically. Or ``f(g(y)) = y`` holds
    identically, g is analytic on the whole image of the interval, and maps one point of it into the interval: as a
    continuous right inverse cannot pass a local extremum of f, it stays where f is monotone.

    Args:
        formula: f, smooth and strictly monotone between the ends.
        symbol: z.
        value: y, the symbol of the answer, real.
        left: end of the interval.
        right: end of the interval.
        low: greatest lower bound of f there.
        high: least upper bound of f there.

    Returns:
        g, a formula in ``value``; None where none is found and proved.

    >>> z, y = sp.symbols("z y", real=True)
    >>> proved_inverse(1 - sp.tanh(z) ** 2, z, y, End(sp.S(0), 1), End(sp.oo, -1), sp.S(0), sp.S(1))
    atanh(sqrt(1 - y))
    """
    for candidate in _candidates(formula, symbol, value):
        if _is_left_inverse(candidate, formula, symbol, value, left, right):
            return candidate
        if _is_right_inverse(candidate, formula, symbol, value, left, right, low, high):
            return candidate
    return None


def _candidates(formula: sp.Expr, symbol: sp.Symbol, value: sp.Symbol) -> Iterator[sp.Expr]:
    """Solutions of the equation as it is written, then with its left side as a product."""
    yield from solutions(formula, symbol, value)
    factored = sp.factor(formula)
    if factored != formula:
        yield from solutions(factored, symbol, value)


def _is_left_inverse(
    candidate: sp.Expr, formula: sp.Expr, symbol: sp.Symbol, value: sp.Symbol, left: End, right: End
) -> bool:
    """Whether ``g(f(z))`` is z; its sign is tried at a point first, which is cheap."""
    point = sample_point(left, right)
    composed = candidate.xreplace({value: formula})
    try:
        image = ball_function(composed, symbol)(to_ball(point))
        agrees = image.is_finite() and image.overlaps(to_ball(point))
    except SymgradError:  # g, as the inverse of erf, is no function that balls are known of
        agrees = True
    return bool(agrees) and _vanishes(composed - symbol)


def _is_right_inverse(
    candidate: sp.Expr,
    formula: sp.Expr,
    symbol: sp.Symbol,
    value: sp.Symbol,
    left: End,
    right: End,
    low: sp.Expr,
    high: sp.Expr,
) -> bool:
    first, last = End(low, 1), End(high, -1)
    try:
        image = ball_function(candidate, value)(to_ball(sample_point(first, last)))
        if not (image.is_finite() and image > left.ball() and image < right.ball()):
            return False
        signed = {value: _with_sign(value, low, high)}
        if not _vanishes((formula.xreplace({symbol: candidate}) - value).xreplace(signed)):
            return False
        return len(split(candidate, value, first, last)) == 1
    except SymgradError:
        return False


def _vanishes(expr: sp.Expr) -> bool:
    """Whether an expression is proved to be zero; where it is long, by expansion only."""
    if expr.count_ops() <= _LONG:
        return is_zero_function(expr)
    return bool(sp.expand(expr).is_zero) or bool(sp.expand(expr.rewrite(sp.exp)).is_zero)


def _with_sign(value: sp.Symbol, low: sp.Expr, high: sp.Expr) -> sp.Symbol:
    """A symbol for numbers between two bounds that knows their sign, where it is one."""
    if low != -sp.oo and to_ball(low) >= 0:
        return sp.Dummy(value.name, positive=True)
    if high != sp.oo and to_ball(high) <= 0:
        return sp.Dummy(value.name, negative=True)
    return value


def solutions(formula: sp.Expr, symbol: sp.Symbol, value: sp.Expr) -> Iterator[sp.Expr]:
    """Formulas that may solve ``formula = value`` for the symbol; not proved, and not all of them.

    >>> z, y = sp.symbols("z y", real=True)
    >>> list(solutions(1 / (1 + z**2), z, y))
    [sqrt(-1 + 1/y), -sqrt(-1 + 1/y)]
    """
    if formula == symbol:
        yield value
        return
    if symbol not in formula.free_symbols:
        return
    outermost = _without_outermost(formula, symbol, value)
    if outermost is None:
        yield from _of_generator(formula, symbol, value)
        return
    for inner, target in outermost:
        yield from solutions(inner, symbol, target)


def _without_outermost(formula: sp.Expr, symbol: sp.Symbol, value: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """The equations that follow when the outermost operation is undone; None where it has several arguments."""
    if isinstance(formula, (sp.Add, sp.Mul)):
        constant, inner = formula.as_independent(symbol, as_Add=isinstance(formula, sp.Add))
        if isinstance(inner, type(formula)):
            return None
        return [(inner, value - constant if isinstance(formula, sp.Add) else value / constant)]
    if isinstance(formula, sp.exp):
        return [(formula.exp, sp.log(value))]
    if isinstance(formula, sp.Pow):
        return _roots_of_power(formula, symbol, value)
    argument = formula.args[0]
    if isinstance(formula, sp.Abs):
        return [(argument, value), (argument, -value)]
    if type(formula) in _TWO_VALUED:
        inverse = _TWO_VALUED[type(formula)](value)
        return [(argument, inverse), (argument, -inverse)]
    if len(formula.args) == 1 and hasattr(formula, "inverse"):
        return [(argument, formula.inverse()(value))]
    return []


def _roots_of_power(formula: sp.Pow, symbol: sp.Symbol, value: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    base, exponent = formula.base, formula.exp
    if symbol in exponent.free_symbols or not exponent.is_Rational:
        return []
    root = value ** (1 / exponent)
    if exponent.p % 2 == 0:
        return [(base, root), (base, -root)]
    if abs(exponent.p) == 1:
        return [(base, root)]
    return [(base, root), (base, -((-value) ** (1 / exponent)))]


def _of_generator(formula: sp.Expr, symbol: sp.Symbol, value: sp.Expr) -> Iterator[sp.Expr]:
    """Solutions of a formula that is rational in one function of the symbol, by the roots of a polynomial."""
    generators = _generators(formula, symbol)
    if len(generators) > 1:
        formula = _in_one_exponential(formula, symbol)
        generators = _generators(formula, symbol)
    if len(generators) != 1:
        return
    (generator,) = generators
    unknown = sp.Dummy("u", real=True)
    numerator = sp.fraction(sp.together(formula.xreplace({generator: unknown}) - value))[0]
    if symbol in numerator.free_symbols or not numerator.is_polynomial(unknown):
        return
    for root in _polynomial_roots(sp.Poly(numerator, unknown)):
        yield from solutions(generator, symbol, root)


def _polynomial_roots(polynomial: sp.Poly) -> Iterator[sp.Expr]:
    """Roots of a polynomial that is linear or quadratic in a power of its unknown; none of another one."""
    (unknown,) = polynomial.gens
    power = gcd(*(exponent for (exponent,) in polynomial.monoms()))
    if power == 0 or polynomial.degree() > 2 * power:
        return
    coefficients = [polynomial.coeff_monomial(unknown ** (power * k)) for k in (2, 1, 0)]
    for root in _quadratic_roots(*coefficients):
        yield from solutions(unknown**power, unknown, root)


def _quadratic_roots(a: sp.Expr, b: sp.Expr, c: sp.Expr) -> Iterator[sp.Expr]:
    if a.is_zero:
        yield sp.cancel(-c / b)
        return
    middle, discriminant = sp.cancel(-b / (2 * a)), sp.cancel((b**2 - 4 * a * c) / a**2)
    root = sp.sqrt(sp.factor_terms(sp.expand(discriminant))) / 2
    yield from (middle + root, middle - root)


def _generators(formula: sp.Expr, symbol: sp.Symbol) -> set[sp.Expr]:
    """What is not a sum, a product or an integer power, and contains the symbol, seen from outside."""
    if symbol not in formula.free_symbols:
        return set()
    arithmetic = isinstance(formula, (sp.Add, sp.Mul)) or (isinstance(formula, sp.Pow) and formula.exp.is_Integer)
    if not arithmetic:
        return {formula}
    return {found for argument in formula.args for found in _generators(argument, symbol)}


def _in_one_exponential(formula: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Hyperbolic and logistic functions of multiples of one argument as powers of one exponential."""
    written = formula.replace(logistic, lambda a: 1 / (1 + sp.exp(-a))).replace(
        softplus, lambda a: sp.log(1 + sp.exp(a))
    )
    written = sp.expand(written.rewrite(sp.exp), power_exp=True, deep=True)
    rates = [node.exp / symbol for node in written.atoms(sp.exp) if symbol in node.free_symbols]
    if not rates or not all(rate.is_Rational for rate in rates):
        return formula
    unit = reduce(sp.gcd, rates)
    base = sp.Dummy("e", positive=True)
    powers = {node: base ** (node.exp / symbol / unit) for node in written.atoms(sp.exp) if symbol in node.free_symbols}
    return sp.together(written.xreplace(powers)).xreplace({base: sp.exp(unit * symbol)})
