"""Tail models of whole expressions: each elementary function with a proved expansion and remainder.

Finite arguments use Taylor's theorem with the derivative enclosed over the whole range of the argument; infinite ones
use ``exp`` of the opposite sign (logistic, softplus, tanh), the reciprocal (atan) or the alternating expansion of erfc
(DLMF 7.12(i): for a positive argument the error has the sign of the first omitted term and is at most as large).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import sympy as sp
from flint import arb

from symgrad.rigor.balls import to_ball
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.tail_models import Coefficient, TailModel
from symgrad.rigor.tail_monomials import UNIT, TailUndecidedError
from symgrad.rigor.tail_series import (
    ORDER,
    analytic,
    binomial,
    exp_model,
    log_model,
    log_one_plus,
    power_model,
    series,
)

__all__ = ["tail_model"]


def tail_model(
    expr: sp.Expr, symbol: sp.Symbol, model: TailModel, vanishing: frozenset[sp.Expr] = frozenset()
) -> TailModel:
    """The tail model of ``expr`` when ``symbol`` has the tail model ``model``.

    Args:
        expr: an expression of the whitelist without Max and Piecewise, which are resolved before.
        symbol: its variable.
        model: for example the model of ``t``, of ``-t`` or of ``c + 1/t``.
        vanishing: sub-expressions that are known to tend to zero; their constant term is then exactly zero.

    Raises:
        TailUndecidedError: if no expansion can be proved from this start of the half-line on.
    """
    return _Evaluator(symbol, model, vanishing)(expr)


class _Evaluator:
    """One traversal; shared sub-expressions are expanded once."""

    def __init__(self, symbol: sp.Symbol, model: TailModel, vanishing: frozenset[sp.Expr]) -> None:
        self.start = model.start
        self.vanishing = vanishing
        self.known: dict[sp.Expr, TailModel] = {symbol: model}

    def __call__(self, expr: sp.Expr) -> TailModel:
        if expr not in self.known:
            model = self.expand(expr)
            if expr in self.vanishing:
                model = TailModel(self.start, tuple(term for term in model.terms if term[0].growth != 0))
            self.known[expr] = model
        return self.known[expr]

    def expand(self, expr: sp.Expr) -> TailModel:
        if not expr.free_symbols:
            return TailModel.constant(self.start, expr)
        if expr.is_Add:
            return TailModel.collect(self.start, [term for arg in expr.args for term in self(arg).terms])
        if expr.is_Mul:
            product = self(expr.args[0])
            for arg in expr.args[1:]:
                product = product * self(arg)
            return product
        if expr.is_Pow:
            return self.power(expr.base, expr.exp)
        if expr.func in _REWRITTEN:
            return self(_REWRITTEN[expr.func](expr.args[0]))
        handler = _FUNCTIONS.get(expr.func)
        if handler is None:
            raise TailUndecidedError(f"no expansion of {expr.func.__name__} is known")
        return handler(self(expr.args[0]))

    def power(self, base: sp.Expr, exponent: sp.Expr) -> TailModel:
        if exponent.is_Rational:
            return power_model(self(base), Fraction(int(exponent.p), int(exponent.q)))
        return exp_model(self(exponent) * self(sp.log(base)))


def _orientation(model: TailModel) -> int:
    """1 or -1 if the model tends to plus or minus infinity, 0 if it is bounded."""
    limit = model.limit()
    if limit is sp.oo:
        return 1
    if limit is -sp.oo:
        return -1
    if model.split()[0].terms:
        raise TailUndecidedError("the direction in which an argument grows is not known")
    return 0


def _one(start: arb) -> TailModel:
    return TailModel.constant(start, sp.S.One)


def _times(model: TailModel, factor: sp.Expr) -> TailModel:
    return model.scaled(UNIT, Coefficient.constant(factor))


def _logistic(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return power_model(_one(model.start) + exp_model(-model), Fraction(-1))
    decay = exp_model(_times(model, sp.Integer(-side)))
    value = binomial(decay, sp.S.NegativeOne)
    return value if side > 0 else value * decay


def _softplus(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return log_model(_one(model.start) + exp_model(model))
    tail = log_one_plus(exp_model(_times(model, sp.Integer(-side))))
    return model + tail if side > 0 else tail


def _tanh(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        inverse = power_model(_one(model.start) + exp_model(_times(model, sp.Integer(2))), Fraction(-1))
        return _one(model.start) + _times(inverse, sp.Integer(-2))
    decay = exp_model(_times(model, sp.Integer(-2 * side)))
    value = _one(model.start) + _times(decay * binomial(decay, sp.S.NegativeOne), sp.Integer(-2))
    return _times(value, sp.Integer(side))


def _sinh(model: TailModel) -> TailModel:
    return _times(exp_model(model) + -exp_model(-model), sp.S.Half)


def _cosh(model: TailModel) -> TailModel:
    return _times(exp_model(model) + exp_model(-model), sp.S.Half)


def _erfc_at_infinity(model: TailModel) -> TailModel:
    """``exp(-x**2) / (x sqrt(pi)) * (1 - 1/(2 x**2) + 3/(4 x**4) - ...)``."""
    inverse_square = power_model(model, Fraction(-2))
    coefficients = [sp.Rational(int((-1) ** k * sp.factorial2(2 * k - 1)), 2**k) for k in range(ORDER + 1)]
    remainder = arb(0).union(to_ball(coefficients[-1]))
    expansion = series([Coefficient.constant(c) for c in coefficients[:-1]], remainder, inverse_square)
    decay = exp_model(_times(power_model(model, Fraction(2)), sp.S.NegativeOne))
    return _times(expansion * decay * power_model(model, Fraction(-1)), 1 / sp.sqrt(sp.pi))


def _erfc(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return analytic(sp.erfc, model)
    if side > 0:
        return _erfc_at_infinity(model)
    return TailModel.constant(model.start, sp.Integer(2)) + -_erfc_at_infinity(-model)


def _erf(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return analytic(sp.erf, model)
    value = _one(model.start) + -_erfc_at_infinity(_times(model, sp.Integer(side)))
    return _times(value, sp.Integer(side))


def _atan(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return analytic(sp.atan, model)
    reciprocal = analytic(sp.atan, power_model(model, Fraction(-1)))
    return TailModel.constant(model.start, side * sp.pi / 2) + -reciprocal


def _wave(function: Callable[..., sp.Expr]) -> Callable[[TailModel], TailModel]:
    def expand(model: TailModel) -> TailModel:
        if model.split()[0].terms:
            return TailModel(model.start, ((UNIT, Coefficient(arb(-1).union(arb(1)))),))
        return analytic(function, model)

    return expand


def _asin(model: TailModel) -> TailModel:
    """Next to the branch points: ``asin(x) = pi/2 - 2 asin(sqrt((1 - x)/2))``."""
    side = model.split()[1].exact
    if side not in (sp.S.One, sp.S.NegativeOne):
        return analytic(sp.asin, model)
    distance = _times(_one(model.start) + -_times(model, side), sp.S.Half)
    small = _times(analytic(sp.asin, power_model(distance, Fraction(1, 2))), sp.Integer(2))
    return _times(TailModel.constant(model.start, sp.pi / 2) + -small, side)


def _absolute(model: TailModel) -> TailModel:
    """Where the sign of the argument changes for ever, a factor between -1 and 1 is left unknown."""
    side = model.sign()
    return _times(model, sp.Integer(side)) if side else model.scaled(UNIT, Coefficient(arb(-1).union(arb(1))))


def _sign(model: TailModel) -> TailModel:
    side = model.sign()
    if side:
        return TailModel.constant(model.start, sp.Integer(side))
    return TailModel(model.start, ((UNIT, Coefficient(arb(-1).union(arb(1)))),))


_REWRITTEN: dict[type[sp.Function], Callable[[sp.Expr], sp.Expr]] = {
    sp.tan: lambda z: sp.sin(z) / sp.cos(z),
    sp.cot: lambda z: sp.cos(z) / sp.sin(z),
    sp.sec: lambda z: 1 / sp.cos(z),
    sp.csc: lambda z: 1 / sp.sin(z),
    sp.sech: lambda z: 1 / sp.cosh(z),
    sp.csch: lambda z: 1 / sp.sinh(z),
    sp.coth: lambda z: 1 / sp.tanh(z),
    sp.acos: lambda z: sp.pi / 2 - sp.asin(z, evaluate=False),
    sp.asinh: lambda z: sp.log(z + sp.sqrt(z**2 + 1)),
    sp.acosh: lambda z: sp.log(z + sp.sqrt(z - 1) * sp.sqrt(z + 1)),
    sp.atanh: lambda z: (sp.log(1 + z) - sp.log(1 - z)) / 2,
}

_FUNCTIONS: dict[type[sp.Function], Callable[[TailModel], TailModel]] = {
    sp.exp: exp_model,
    sp.log: log_model,
    logistic: _logistic,
    softplus: _softplus,
    sp.tanh: _tanh,
    sp.sinh: _sinh,
    sp.cosh: _cosh,
    sp.erf: _erf,
    sp.erfc: _erfc,
    sp.atan: _atan,
    sp.asin: _asin,
    sp.sin: _wave(sp.sin),
    sp.cos: _wave(sp.cos),
    sp.Abs: _absolute,
    sp.sign: _sign,
}
