"""Closed forms of Gaussian means, derived by integration rules on the formula."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.gaussian import GaussianMean, GaussianPairMean
from symgrad.meanfield.gaussian_reductions import Reduction
from symgrad.meanfield.gaussian_terms import ONE, Factor, NoClosedFormError, Sum, as_expression, normal_form
from symgrad.meanfield.integration_rules import COLLECT, LINEARITY, PIECES
from symgrad.meanfield.tidy_means import real_part, tidy_mean

__all__ = ["ClosedMean", "closed_mean", "closed_pair_mean"]

_Q = sp.Symbol("q", positive=True)
_C = sp.Symbol("c", real=True)
_X = sp.Symbol("x", real=True)


@dataclass(frozen=True)
class ClosedMean:
    """A mean in closed form.

    Attributes:
        value: the mean.
        exists: a SymPy condition under which the mean is finite.
        derivation: how it was found.
    """

    value: sp.Expr
    exists: sp.Basic
    derivation: Derivation

    def at(self, names: dict[sp.Symbol, sp.Expr]) -> ClosedMean:
        """The same with expressions in the place of symbols."""
        steps = [
            DerivationStep(step.rule, _equation(*(side.xreplace(names) for side in step.relation.args)), step.note)
            for step in self.derivation.steps
        ]
        derivation = Derivation(self.derivation.claim, tuple(steps))
        return ClosedMean(self.value.xreplace(names), self.exists.xreplace(names), derivation)


def closed_mean(formula: sp.Expr, symbol: sp.Symbol, variance: sp.Expr, mean: sp.Expr = sp.S.Zero) -> ClosedMean | None:
    """``E[f(x)]`` for Gaussian x of that mean and variance, or None where the rules find no closed form.

    Args:
        formula: f, with kinks and jumps where it has them; other symbols in it are real parameters.
        symbol: x.
        variance: a positive number or expression.
        mean: a real number or expression.

    Example:
        >>> x, q = sp.Symbol("x", real=True), sp.Symbol("q", positive=True)
        >>> closed_mean(sp.Max(x, 0) ** 2, x, q).value
        q/2
        >>> closed_mean(sp.erf(x) ** 2, x, q).value
        2*asin(2*q/(2*q + 1))/pi
        >>> closed_mean(sp.tanh(x), x, q) is None
        True
    """
    exact = _exact(formula).xreplace({symbol: _X})
    found = _closed_mean(exact, sp.sympify(mean))
    return found and found.at({_Q: sp.sympify(variance)})


def closed_pair_mean(
    first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variance: sp.Expr, correlation: sp.Expr
) -> ClosedMean | None:
    """``E[f(x) g(y)]`` for Gaussian x, y of mean 0, that variance each and that correlation, or None.

    Example:
        >>> x, c = sp.Symbol("x", real=True), sp.Symbol("c", real=True)
        >>> closed_pair_mean(sp.sign(x), sp.sign(x), x, sp.Integer(1), c).value
        2*asin(c)/pi
    """
    functions = (_exact(formula).xreplace({symbol: _X}) for formula in (first, second))
    found = _closed_pair_mean(*functions)
    return found and found.at({_Q: sp.sympify(variance), _C: sp.sympify(correlation)})


def _exact(formula: sp.Expr) -> sp.Expr:
    """With every float at its exact value, and parameters real and apart from the symbols used here."""
    return formula.xreplace({number: sp.Rational(number) for number in formula.atoms(sp.Float)})


def _equation(left: sp.Expr, right: sp.Expr) -> sp.Eq:
    return sp.Eq(left, right, evaluate=False)


@lru_cache(maxsize=512)
def _closed_mean(formula: sp.Expr, mean: sp.Expr) -> ClosedMean | None:
    if formula.has(sp.DiracDelta):
        return None
    reduction = Reduction(_Q)
    try:
        terms = normal_form(formula, _X, mean)
        value = reduction.total(terms)
    except NoClosedFormError:
        return None
    shown = GaussianMean(sp.Lambda(_X, formula.xreplace({_X: _X + mean})), _Q)
    whole = GaussianMean(sp.Lambda(_X, as_expression(terms, _X)), _Q)
    return _result(reduction, shown, whole, [((f, ONE), k) for f, k in terms.items()], value)


@lru_cache(maxsize=512)
def _closed_pair_mean(first: sp.Expr, second: sp.Expr) -> ClosedMean | None:
    if first.has(sp.DiracDelta) or second.has(sp.DiracDelta):
        return None
    reduction = Reduction(_Q, _C)
    try:
        terms: list[Sum] = [normal_form(formula, _X) for formula in (first, second)]
        products = [((f, g), a * b) for f, a in terms[0].items() for g, b in terms[1].items()]
        value = sp.Add(*(k * reduction.mean(*pair) for pair, k in products))
    except NoClosedFormError:
        return None
    shown = GaussianPairMean(sp.Lambda(_X, first), sp.Lambda(_X, second), _Q, _C)
    whole = GaussianPairMean(*(sp.Lambda(_X, as_expression(form, _X)) for form in terms), _Q, _C)
    return _result(reduction, shown, whole, products, value)


def _result(
    reduction: Reduction,
    shown: sp.Expr,
    whole: sp.Expr,
    products: list[tuple[tuple[Factor, Factor], sp.Expr]],
    value: sp.Expr,
) -> ClosedMean:
    """The tidy value with the whole chain of steps."""
    tidied = tidy_mean(real_part(value))
    exists = sp.And(*(reduction.law(*pair).exists for pair, _ in products))
    summed = sp.Add(*(k * reduction.written(*pair) for pair, k in products))
    chain: list[tuple[DerivationRule, sp.Expr, sp.Expr]] = [(PIECES, shown, whole), (LINEARITY, whole, summed)]
    steps = [DerivationStep(rule, _equation(a, b)) for rule, a, b in chain if a != b]
    last = DerivationStep(COLLECT, _equation(shown, tidied))
    return ClosedMean(tidied, exists, Derivation("the mean in closed form", (*steps, *reduction.steps, last)))
