"""Enclosures of means over a Gaussian variable whose variance depends on a gate, as in the GRU's candidate state.

Given y, the sum ``s = sum_i a_i(y) x_i`` of independent centred Gaussian x_i is Gaussian of variance
``v(y) = sum_i a_i(y)^2 v_i``, so ``E[h(y) g(s)] = E[h(y) G(v(y))]`` with ``G(v) = E[g(sqrt(v) z)]``, and by Stein's
lemma ``E[h(y) x_i^2 g(s)] = E[h(y) (v_i G(v) + 2 a_i(y)^2 v_i^2 G'(v))]``. Taylor's formula for G about the
middle of the variances that occur leaves means over y alone, and a remainder that the next derivative of G bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from math import factorial

import flint
import sympy as sp
from flint import arb

from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.meanfield.duals import Dual
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import to_ball
from symgrad.rigor.functions import canonical

__all__ = ["enclosed_joint_mean", "is_mixture"]

_SUM = sp.Symbol("s", real=True)
_LINE = sp.Interval(-sp.oo, sp.oo)
_EDGES = [-sp.oo, *(sp.Rational(k, 2) for k in range(-4, 5)), sp.oo]
_PARTS = tuple(sp.Interval(low, high) for low, high in pairwise(_EDGES))
_MOST = 6  # the highest derivative of a mean by the variance that is enclosed


@dataclass(frozen=True)
class _Term:
    """``coefficient h(y) g(s)``, times ``x^2`` where a variable x is named."""

    coefficient: sp.Expr
    gate: sp.Expr
    inner: sp.Expr
    squared: sp.Symbol | None


@dataclass(frozen=True)
class _Mixture:
    """A function of several variables as a sum of terms over one sum s.

    Attributes:
        outer: y.
        weights: the variables in s, each with its coefficient a_i(y).
        terms: what is summed.
    """

    outer: sp.Symbol
    weights: dict[sp.Symbol, sp.Expr]
    terms: tuple[_Term, ...]

    @property
    def moving(self) -> list[sp.Symbol]:
        """The variables whose coefficients depend on y."""
        return [x for x, weight in self.weights.items() if weight.has(self.outer)]


def enclosed_joint_mean(function: sp.Lambda, variances: list[Dual], *, slopes: bool = True) -> Dual:
    """Encloses the mean of a function of independent centred Gaussian variables, and its derivatives.

    Not finite where nothing is proved: the function is no mixture.

    >>> from symgrad.rigor.functions import logistic
    >>> y, x, w = sp.symbols("y x w", real=True)
    >>> laws = [Dual(arb(variance), ()) for variance in (1, 0.125, 1)]
    >>> enclosed_joint_mean(sp.Lambda((y, x, w), sp.cos(x * logistic(y) + w)), laws).value.rel_accuracy_bits() > 20
    True
    """
    found = _mixture(function)
    unknown = tuple(arb("nan") for _ in variances[0].slopes)
    if all(variance.value == 0 for variance in variances):  # its slopes would be half the second derivatives
        return Dual(to_ball(function(*(sp.S.Zero for _ in variances))), unknown)
    if found is None or not all(variance.value >= 0 for variance in variances):
        return Dual(arb("nan"), unknown)
    values = dict(zip(function.variables, variances, strict=True))
    return reduce(Dual.__add__, [_term(found, term, values, slopes) for term in found.terms])


def is_mixture(function: sp.Lambda) -> bool:
    """Whether :func:`enclosed_joint_mean` knows what to do with a function."""
    return _mixture(function) is not None


@lru_cache(maxsize=256)
def _mixture(function: sp.Lambda) -> _Mixture | None:
    """The function as a mixture, where it is one."""
    variables, expr = list(function.variables), function.expr
    for outer in variables:
        inner = [x for x in variables if x != outer]
        for part in sorted(expr.atoms(sp.Add, sp.Mul), key=str):
            weights = _weights(part, inner)
            terms = None if weights is None else _terms(expr.xreplace({part: _SUM}), outer, inner)
            if weights is not None and terms is not None:
                found = _Mixture(outer, weights, terms)
                return found if len(found.moving) == 1 else None
    return None


def _weights(part: sp.Expr, inner: list[sp.Symbol]) -> dict[sp.Symbol, sp.Expr] | None:
    """The coefficients of a sum that is linear in all inner variables, or None."""
    coefficients = {x: part.diff(x) for x in inner} if part.has(*inner) else {}
    if len(coefficients) < len(inner) or any(a == 0 or a.has(*inner) for a in coefficients.values()):
        return None
    linear = sp.Add(*(a * x for x, a in coefficients.items()))
    return coefficients if sp.expand(part - linear) == 0 else None


def _terms(expr: sp.Expr, outer: sp.Symbol, inner: list[sp.Symbol]) -> tuple[_Term, ...] | None:
    """``expr`` as a sum of products of functions of y and of s, with at most a square of one inner variable."""
    terms = [_product(part, outer, inner) for part in sp.Add.make_args(expr)]
    return None if None in terms else tuple(term for term in terms if term is not None)


def _product(expr: sp.Expr, outer: sp.Symbol, inner: list[sp.Symbol]) -> _Term | None:
    coefficient, squared = sp.S.One, None
    gates, inners = [], []
    for factor in sp.Mul.make_args(expr):
        symbols = factor.free_symbols & {outer, _SUM, *inner}
        if not symbols:
            coefficient *= factor
        elif squared is None and any(factor == x**2 for x in inner):
            squared = factor.base
        elif symbols == {outer}:
            gates.append(factor)
        elif symbols == {_SUM}:
            inners.append(factor.xreplace({_SUM: VARIABLE}))
        else:
            return None
    return _Term(coefficient, sp.Mul(*gates), sp.Mul(*inners), squared)


def _term(mixture: _Mixture, term: _Term, values: Mapping[sp.Symbol, Dual], slopes: bool) -> Dual:
    mean = Mean(term.inner)
    count = len(values[mixture.outer].slopes)

    def over(gate: sp.Expr, order: int) -> Dual:
        return _expanded(mixture, gate, mean, order, values, slopes)

    factor = Dual.constant(to_ball(term.coefficient), count)
    if term.squared is None:
        return factor * over(term.gate, 0)
    own = values[term.squared]
    twice = Dual.constant(2, count) * own * own
    slope = over(term.gate * mixture.weights[term.squared] ** 2, 1)
    return factor * (own * over(term.gate, 0) + twice * slope)


def _expanded(
    mixture: _Mixture, gate: sp.Expr, mean: Mean, order: int, values: Mapping[sp.Symbol, Dual], slopes: bool
) -> Dual:
    """``E[h(y) G^(order)(v(y))]`` by Taylor's formula, on parts of the line where the variance varies much.

    Its derivative by a variance v_i is ``E[h(y) a_i(y)^2 G^(order + 1)(v(y))]``.
    """
    own = values[mixture.outer]
    value = _on_parts(mixture, gate, mean, order, values, 0)
    if not slopes or all(slope == 0 for law in values.values() for slope in law.slopes):
        return Dual.constant(value, len(own.slopes))
    total = own.chain(value, _on_parts(mixture, gate, mean, order, values, 1))
    for x, weight in mixture.weights.items():
        if any(slope != 0 for slope in values[x].slopes):
            rise = _on_parts(mixture, gate * weight**2, mean, order + 1, values, 0)
            total += values[x].chain(arb(0), rise)
    return total


def _on_parts(
    mixture: _Mixture, gate: sp.Expr, mean: Mean, order: int, values: Mapping[sp.Symbol, Dual], by_outer: int
) -> arb:
    """The value, or its derivative by the variance of y alone."""
    (moving,) = mixture.moving
    square = (mixture.weights[moving] ** 2).xreplace({mixture.outer: VARIABLE})
    if not _range(square, _LINE)[1].is_finite:
        return arb("nan")
    still = sum((to_ball(a) ** 2 * values[x].value for x, a in mixture.weights.items() if x != moving), arb(0))
    expansion = _Expansion(gate.xreplace({mixture.outer: VARIABLE}), square, mean, order, by_outer)
    width, variance = values[moving].value, values[mixture.outer].value
    few = width * to_ball(_range(square, _LINE)[1]) < still / 2
    return sum((expansion.over(part, still, width, variance) for part in ((_LINE,) if few else _PARTS)), arb(0))


@dataclass(frozen=True)
class _Expansion:
    """Taylor's formula for ``G^(order)`` under ``E[h(y) ...]`` with ``v(y) = still + width square(y)``.

    With ``by_outer = 1`` the derivative by the variance u of y: that of a mean is ``E[(y^2/u - 1) h(y) ...] / (2 u)``,
    and ``E[(y^2/u - 1)^2] = 2``.
    """

    gate: sp.Expr
    square: sp.Expr
    mean: Mean
    order: int
    by_outer: int

    def over(self, part: sp.Interval, still: arb, width: arb, variance: arb) -> arb:
        """The mean over the y in a part of the line."""
        low, high = _range(self.square, part)
        middle, half = (low + high) / 2, (high - low) / 2
        last = _MOST - self.order
        total, power = arb(0), arb(1)
        for k in range(last):
            over = _over(self.gate * (self.square - middle) ** k, part, variance, self.by_outer)
            total += power * _ball(self.mean, still + width * to_ball(middle), self.order + k) * over / factorial(k)
            power *= width
        size = _over(self.gate**2, part, variance, 0).nonnegative_part().sqrt()
        if self.by_outer:
            size /= variance * arb(2).sqrt()
        variances = (still + width * to_ball(low)).union(still + width * to_ball(high))
        bound = abs(_ball(self.mean, variances, _MOST)) * (width * to_ball(half)) ** last * size / factorial(last)
        return total + arb(0, 1) * bound.upper() if bound.is_finite() else arb("nan")


@lru_cache(maxsize=4096)
def _part_mean(formula: sp.Expr, part: sp.Interval) -> Mean:
    """A mean over the part of the line alone."""
    if part == _LINE:
        return Mean(formula)
    branches = [(sp.S.Zero, part.start > VARIABLE)] if part.start.is_finite else []
    branches += [(formula, part.end > VARIABLE)] if part.end.is_finite else [(formula, True)]
    return Mean(canonical(sp.Piecewise(*branches, (sp.S.Zero, True))))


def _over(formula: sp.Expr, part: sp.Interval, variance: arb, order: int) -> arb:
    """The mean over the y in a part, or its derivative by the variance of y; at variance 0 the value there."""
    mean = _part_mean(formula, part)
    if variance == 0 and not order:
        return to_ball(mean.formula.xreplace({VARIABLE: sp.S.Zero}))
    return _ball(mean, variance, order)


def _ball(mean: Mean, variance: arb, order: int) -> arb:
    """The mean or its derivative; Newton's method and the blocks of the Jacobian ask for the same ones again."""
    if not variance.is_finite():
        return arb("nan")
    return _known_ball(mean, variance.mid().man_exp(), variance.rad().man_exp(), order, flint.ctx.prec)


@lru_cache(maxsize=4096)
def _known_ball(mean: Mean, middle: tuple[int, int], radius: tuple[int, int], order: int, bits: int) -> arb:
    return mean.ball(arb(middle, arb(radius)), order=order)


@lru_cache(maxsize=256)
def _range(square: sp.Expr, part: sp.Interval) -> tuple[sp.Expr, sp.Expr]:
    """The least and the largest value of a squared coefficient."""
    found = Activation("square", square).range_on(part)
    return found.inf, found.sup
