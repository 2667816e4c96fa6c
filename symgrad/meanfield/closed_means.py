"""Closed forms of Gaussian means, derived by integration rules on the formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.gaussian import GaussianMean, GaussianPairMean
from symgrad.meanfield.gaussian_reductions import Reduction
from symgrad.meanfield.gaussian_terms import (
    INTEGRATED,
    ONE,
    Factor,
    NoClosedFormError,
    as_expression,
    has_pieces,
    normal_form,
    parity,
)
from symgrad.meanfield.integration_rules import COLLECT, EXPANSION, LINEARITY, ODD, PIECES
from symgrad.meanfield.tidy_means import real_part, tidy_mean
from symgrad.rigor.balls import ball_function

__all__ = ["ClosedMean", "closed_mean", "closed_pair_mean"]

_Q = sp.Dummy("q", positive=True)
_C = sp.Dummy("c", real=True)
Products = list[tuple[tuple[Factor, Factor], sp.Expr]]


@dataclass(frozen=True)
class ClosedMean:
    """A mean in closed form.

    Attributes:
        value: the mean.
        exists: a SymPy condition under which the mean is finite and equal to ``value``.
        derivation: how it was found.
    """

    value: sp.Expr
    exists: sp.Basic
    derivation: Derivation

    def holds(self, symbols: Sequence[sp.Symbol], balls: Sequence[arb]) -> bool:
        """Whether the mean is proved to exist for all numbers in balls, one a symbol."""
        conditions = sp.And.make_args(self.exists)
        if sp.false in conditions:
            return False
        margins = [condition.gts - condition.lts for condition in conditions if condition is not sp.true]
        return all(ball_function(margin, symbols)(*balls) > 0 for margin in margins)

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
    inner = {symbol: INTEGRATED, **_real_names(symbol, formula, mean)}
    found = _closed_mean(_exact(formula).xreplace(inner), _exact(sp.sympify(mean)).xreplace(inner))
    outer = {value: key for key, value in inner.items()}
    return found and found.at(outer | {_Q: sp.sympify(variance)})


def closed_pair_mean(
    first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variance: sp.Expr, correlation: sp.Expr
) -> ClosedMean | None:
    """``E[f(x) g(y)]`` for Gaussian x, y of mean 0, that variance each and that correlation, or None.

    Args:
        first: f, as in :func:`closed_mean`.
        second: g.
        symbol: the variable of both.
        variance: a positive number or expression.
        correlation: from -1 to 1.

    Example:
        >>> x, c = sp.Symbol("x", real=True), sp.Symbol("c", real=True)
        >>> closed_pair_mean(sp.sign(x), sp.sign(x), x, sp.Integer(1), c).value
        2*asin(c)/pi
    """
    inner = {symbol: INTEGRATED, **_real_names(symbol, first, second)}
    found = _closed_pair_mean(_exact(first).xreplace(inner), _exact(second).xreplace(inner))
    outer = {value: key for key, value in inner.items()}
    return found and found.at(outer | {_Q: sp.sympify(variance), _C: sp.sympify(correlation)})


def _exact(formula: sp.Expr) -> sp.Expr:
    """With every float at its exact value."""
    return formula.xreplace({number: sp.Rational(number) for number in formula.atoms(sp.Float)})


def _real_names(symbol: sp.Symbol, *formulas: sp.Expr) -> dict[sp.Symbol, sp.Symbol]:
    """Real symbols in the place of parameters of which nothing is said."""
    free = set().union(*(sp.sympify(formula).free_symbols for formula in formulas)) - {symbol}
    return {parameter: _real_twin(parameter) for parameter in free if parameter.is_real is None}


@lru_cache(maxsize=512)
def _real_twin(parameter: sp.Symbol) -> sp.Symbol:
    return sp.Dummy(parameter.name, real=True)


def _equation(left: sp.Expr, right: sp.Expr) -> sp.Eq:
    return sp.Eq(left, right, evaluate=False)


@lru_cache(maxsize=512)
def _closed_mean(formula: sp.Expr, mean: sp.Expr) -> ClosedMean | None:
    reduction = Reduction(_Q)
    shown = GaussianMean(sp.Lambda(INTEGRATED, formula.xreplace({INTEGRATED: INTEGRATED + mean})), _Q)
    try:
        terms = normal_form(formula, INTEGRATED, mean)
        products = [((factor, ONE), value) for factor, value in terms.items()]
        if parity(terms) == -1:
            return _odd(reduction, products, shown)
        value = reduction.total(terms)
    except NoClosedFormError:
        return None
    whole = GaussianMean(sp.Lambda(INTEGRATED, as_expression(terms, INTEGRATED)), _Q)
    return _result(reduction, products, [shown, whole], value, has_pieces(formula))


@lru_cache(maxsize=512)
def _closed_pair_mean(first: sp.Expr, second: sp.Expr) -> ClosedMean | None:
    reduction = Reduction(_Q, _C)
    shown = GaussianPairMean(sp.Lambda(INTEGRATED, first), sp.Lambda(INTEGRATED, second), _Q, _C)
    try:
        f, g = normal_form(first, INTEGRATED), normal_form(second, INTEGRATED)
        products = [((x, y), a * b) for x, a in f.items() for y, b in g.items()]
        if parity(f) * parity(g) == -1:
            return _odd(reduction, products, shown)
        value = sp.Add(*(k * reduction.mean(*pair) for pair, k in products))
    except NoClosedFormError:
        return None
    forms = [sp.Lambda(INTEGRATED, as_expression(form, INTEGRATED)) for form in (f, g)]
    whole = GaussianPairMean(forms[0], forms[1], _Q, _C)
    return _result(reduction, products, [shown, whole], value, has_pieces(first) or has_pieces(second))


def _odd(reduction: Reduction, products: Products, shown: sp.Expr) -> ClosedMean:
    step = DerivationStep(ODD, _equation(shown, sp.S.Zero))
    return ClosedMean(sp.S.Zero, _exists(reduction, products), Derivation("The mean in closed form", (step,)))


def _exists(reduction: Reduction, products: Products) -> sp.Basic:
    return sp.And(*(reduction.law(*pair).exists for pair, _ in products))


def _result(
    reduction: Reduction, products: Products, forms: list[sp.Expr], value: sp.Expr, in_pieces: bool
) -> ClosedMean:
    """The tidy value with the whole chain of steps."""
    tidied = tidy_mean(real_part(value))
    summed = sp.Add(*(k * reduction.written(*pair) for pair, k in products))
    shown, whole = forms
    chain = [(PIECES if in_pieces else EXPANSION, shown, whole), (LINEARITY, whole, summed)]
    steps = [DerivationStep(rule, _equation(a, b)) for rule, a, b in chain if a != b]
    steps += reduction.steps
    if not steps or steps[-1].relation != _equation(shown, tidied):
        steps.append(DerivationStep(COLLECT, _equation(shown, tidied)))
    return ClosedMean(tidied, _exists(reduction, products), Derivation("The mean in closed form", tuple(steps)))
