"""A normal form for integrands under a Gaussian law.

Sums of monomial times exponential of a quadratic times error functions and signs.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.rigor.balls_numbers import Enclosed
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import split

__all__ = [
    "INTEGRATED",
    "ONE",
    "Factor",
    "NoClosedFormError",
    "Sigmoid",
    "Sum",
    "as_expression",
    "has_pieces",
    "normal_form",
    "parity",
    "times",
]

INTEGRATED = sp.Dummy("x", real=True)
_MAX_TERMS = 200
_SWITCHES = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)


class NoClosedFormError(SymgradError):
    """The rules of integration find no closed form."""


class Sigmoid(NamedTuple):
    """``erf(slope x + offset)``; with an infinite slope, its limit ``sign(x + offset)``."""

    slope: sp.Expr
    offset: sp.Expr

    @property
    def is_sign(self) -> bool:
        """Whether it is a sign."""
        return self.slope is sp.oo

    def at(self, x: sp.Expr) -> sp.Expr:
        """Its value."""
        return sp.sign(x + self.offset) if self.is_sign else sp.erf(self.slope * x + self.offset)


class Factor(NamedTuple):
    """``x**power exp(quadratic x**2 + linear x)`` times the sigmoids at x; linear may be complex."""

    power: int = 0
    quadratic: sp.Expr = sp.S.Zero
    linear: sp.Expr = sp.S.Zero
    sigmoids: tuple[Sigmoid, ...] = ()

    def at(self, x: sp.Expr) -> sp.Expr:
        """Its value."""
        exponent = self.quadratic * x**2 + self.linear * x
        return sp.Mul(x**self.power, sp.exp(exponent), *(s.at(x) for s in self.sigmoids))

    @property
    def size(self) -> tuple[int, int, int]:
        """How much there is to integrate; nothing for the constant 1."""
        return self.power + len(self.sigmoids), self.power, int(bool(self.quadratic)) + int(bool(self.linear))

    @property
    def key(self) -> tuple[Any, ...]:
        """For sorting."""
        numbers = (self.quadratic, self.linear, *(part for sigmoid in self.sigmoids for part in sigmoid))
        return tuple(sp.default_sort_key(number) for number in numbers)

    def reflected(self) -> tuple[Factor, int]:
        """The factor at ``-x``, as another one times a sign."""
        sigmoids = tuple(sorted((s._replace(offset=-s.offset) for s in self.sigmoids), key=_order))
        return Factor(self.power, self.quadratic, -self.linear, sigmoids), (-1) ** (self.power + len(sigmoids))


Sum = dict[Factor, sp.Expr]
ONE = Factor()


def times(first: Factor, second: Factor) -> Factor:
    """The product of two factors of one variable; the square of a sign is 1 (almost everywhere)."""
    counts = Counter((*first.sigmoids, *second.sigmoids))
    kept = [s for s, count in counts.items() for _ in range(count % 2 if s.is_sign else count)]
    return Factor(
        first.power + second.power,
        sp.expand(first.quadratic + second.quadratic),
        sp.expand(first.linear + second.linear),
        tuple(sorted(kept, key=_order)),
    )


def _order(sigmoid: Sigmoid) -> tuple[Any, ...]:
    return sp.default_sort_key(sigmoid.slope), sp.default_sort_key(sigmoid.offset)


def parity(terms: Sum) -> int:
    """1 for an even sum, -1 for an odd one, 0 where neither is seen."""
    total: Sum = {}
    for factor, value in terms.items():
        other, sign = factor.reflected()
        total[other] = sign * value
    for sign in (1, -1):
        if set(total) == set(terms) and all(sp.expand(total[f] - sign * terms[f]).is_zero for f in terms):
            return sign
    return 0


def as_expression(terms: Sum, x: sp.Expr) -> sp.Expr:
    """The sum of a normal form."""
    return sp.Add(*(coefficient * factor.at(x) for factor, coefficient in terms.items()))


def normal_form(formula: sp.Expr, symbol: sp.Symbol, mean: sp.Expr = sp.S.Zero) -> Sum:
    """The normal form of ``formula`` at ``symbol + mean``: signs in the place of pieces.

    A function with the pieces f_0, ..., f_n between thresholds t_1 < ... < t_n is
    ``(f_0 + f_n)/2 + sum_i sign(x - t_i) (f_i - f_{i-1})/2`` but at the thresholds themselves.

    Raises:
        NoClosedFormError: the formula has no such form.
    """
    if formula.has(sp.DiracDelta):
        raise NoClosedFormError("a point mass")
    pieces = _pieces(formula, symbol)
    forms = [_parsed(piece.xreplace({symbol: symbol + mean}), symbol) for piece, _ in pieces]
    _check_growth(forms)
    total: Sum = {}
    for form in (forms[0], forms[-1]):
        _add(total, form, sp.Rational(1, 2))
    for (before, after), (_, threshold) in zip(pairwise(forms), pieces[:-1], strict=True):
        jump = ((before, -sp.Rational(1, 2)), (after, sp.Rational(1, 2)))
        step = Factor(sigmoids=(Sigmoid(sp.oo, mean - threshold),))
        for form, weight in jump:
            _add(total, {times(factor, step): value for factor, value in form.items()}, weight)
    return _nonzero(total)


def _check_growth(forms: list[Sum]) -> None:
    """Refuses ``exp(a x**2)``, a > 0, on bounded pieces only: the mean exists where its parts do not."""
    growing = [{factor.quadratic for factor in form if not factor.quadratic.is_nonpositive} for form in forms]
    if set().union(*growing[1:-1]) - (growing[0] | growing[-1]):
        raise NoClosedFormError("a growing exponential on a bounded piece")


def _add(total: Sum, form: Sum, weight: sp.Expr) -> None:
    for factor, value in form.items():
        total[factor] = total.get(factor, sp.S.Zero) + weight * value


def _nonzero(total: Sum) -> Sum:
    expanded = {factor: sp.expand(value) for factor, value in total.items()}
    return {factor: value for factor, value in expanded.items() if not value.is_zero}


def has_pieces(formula: sp.Expr) -> bool:
    """Whether something in the formula switches."""
    return bool(formula.has(*_SWITCHES))


def _pieces(formula: sp.Expr, symbol: sp.Symbol) -> list[tuple[sp.Expr, sp.Expr]]:
    """Smooth pieces from left to right, each with its right end."""
    if not has_pieces(formula):
        return [(formula, sp.oo)]
    parameters = sorted(formula.free_symbols - {symbol}, key=str)
    if any(node.free_symbols & set(parameters) for node in _decisions(formula)):
        raise NoClosedFormError("where the pieces begin depends on a parameter")
    stand_ins = {p: _stand_in(p) for p in parameters}
    back = {number: parameter for parameter, number in stand_ins.items()}
    try:
        parts = split(formula.xreplace(stand_ins), symbol, End(-sp.oo, 1), End(sp.oo, -1))
    except SymgradError as error:
        raise NoClosedFormError(f"the pieces of {formula} are not found: {error}") from error
    return [(part.formula.xreplace(back), part.right.value) for part in parts]


def _stand_in(parameter: sp.Symbol) -> Enclosed:
    """A number in the place of a parameter; which one does not matter, as no piece depends on it."""
    return Enclosed(f"value of {parameter}", lambda _: arb(3).sqrt())


def _decisions(formula: sp.Expr) -> list[sp.Basic]:
    """What decides between pieces."""
    conditions = [pair.cond for node in formula.atoms(sp.Piecewise) for pair in node.args]
    others = [node for node in formula.atoms(*_SWITCHES) if not isinstance(node, sp.Piecewise)]
    return conditions + others


def _parsed(expr: sp.Expr, x: sp.Symbol) -> Sum:
    """The normal form of a smooth formula."""
    if x not in expr.free_symbols:
        return {ONE: expr}
    if expr == x:
        return {Factor(power=1): sp.S.One}
    if expr.is_Add:
        total: Sum = {}
        for arg in expr.args:
            _add(total, _parsed(arg, x), sp.S.One)
        return _nonzero(total)
    if expr.is_Mul:
        return _product([_parsed(arg, x) for arg in expr.args])
    if isinstance(expr, sp.exp) or (expr.is_Pow and x not in expr.base.free_symbols):
        return _exponential(expr, x)
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        return _product([_parsed(expr.base, x)] * int(expr.exp))
    return _function(expr, x)


def _product(forms: list[Sum]) -> Sum:
    result: Sum = {ONE: sp.S.One}
    for form in forms:
        product: Sum = {}
        for first, a in result.items():
            _add(product, {times(first, second): a * b for second, b in form.items()}, sp.S.One)
        result = _nonzero(product)
        if len(result) > _MAX_TERMS:
            raise NoClosedFormError("too many terms")
    return result


def _exponential(expr: sp.Expr, x: sp.Symbol) -> Sum:
    exponent = expr.args[0] if isinstance(expr, sp.exp) else expr.exp * sp.log(expr.base)
    if not isinstance(expr, sp.exp) and expr.base.is_positive is not True:
        raise NoClosedFormError(f"the base of {expr} may be negative")
    constant, linear, quadratic = _coefficients(exponent, x, 2)
    return {Factor(0, quadratic, linear): sp.exp(constant)}


def _coefficients(expr: sp.Expr, x: sp.Symbol, degree: int) -> list[sp.Expr]:
    """Coefficients of a polynomial of at most that degree, from the constant up."""
    if not expr.is_polynomial(x):
        raise NoClosedFormError(f"{expr} is no polynomial")
    found = sp.Poly(expr, x).all_coeffs()[::-1]
    if len(found) > degree + 1:
        raise NoClosedFormError(f"the degree of {expr} is above {degree}")
    return found + [sp.S.Zero] * (degree + 1 - len(found))


def _waves(constant: sp.Expr, slope: sp.Expr, plus: sp.Expr, minus: sp.Expr) -> Sum:
    """``plus exp(constant + slope x) + minus exp(-constant - slope x)``."""
    complex_hint = {"complex": True} if slope.has(sp.I) else {}
    return {
        Factor(linear=turn * slope): sp.expand(weight * sp.exp(turn * constant), **complex_hint)
        for turn, weight in ((1, plus), (-1, minus))
    }


def _function(expr: sp.Expr, x: sp.Symbol) -> Sum:
    half = sp.Rational(1, 2)
    weights = {
        sp.sin: (-sp.I * half, sp.I * half),
        sp.cos: (half, half),
        sp.sinh: (half, -half),
        sp.cosh: (half, half),
    }
    if type(expr) in weights:
        constant, slope = _coefficients(expr.args[0], x, 1)
        turn = sp.I if isinstance(expr, (sp.sin, sp.cos)) else sp.S.One
        return _waves(turn * constant, turn * slope, *weights[type(expr)])
    if isinstance(expr, (sp.erf, sp.erfc)):
        constant, slope = _coefficients(expr.args[0], x, 1)
        direction = -1 if slope.could_extract_minus_sign() else 1
        sigmoid = Factor(sigmoids=(Sigmoid(direction * slope, direction * constant),))
        if isinstance(expr, sp.erf):
            return {sigmoid: sp.Integer(direction)}
        return {ONE: sp.S.One, sigmoid: sp.Integer(-direction)}
    raise NoClosedFormError(f"no rule for {expr}")
