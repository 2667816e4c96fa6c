"""Tail models of whole expressions: each elementary function with a proved expansion and remainder.

Finite arguments use Taylor's theorem with the derivative enclosed over the whole range of the argument; infinite ones
use ``exp`` of the opposite sign (logistic, softplus, tanh), the reciprocal (atan) or the alternating expansion of erfc
(DLMF 7.12(i): for a positive argument the error has the sign of the first omitted term and is at most as large).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.tail_models import LOG, UNIT, Coefficient, Monomial, TailModel, TailUndecidedError, exponential

__all__ = ["tail_model"]

_ORDER = 5
_X = sp.Dummy("x", real=True)
_ONE = Coefficient.constant(sp.S.One)


def tail_model(
    expr: sp.Expr, symbol: sp.Symbol, model: TailModel, vanishing: frozenset[sp.Expr] = frozenset()
) -> TailModel:
    """The tail model of ``expr`` when ``symbol`` has the tail model ``model``.

    Args:
        expr: a smooth expression of the whitelist (no Abs, Max, Piecewise: those are resolved before).
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
            return _power(self(base), Fraction(int(exponent.p), int(exponent.q)))
        return _exp(self(exponent) * self(sp.log(base)))


def _series(coefficients: list[Coefficient], remainder: arb, delta: TailModel) -> TailModel:
    """``sum(c_k delta**k)`` plus ``remainder * delta**n`` for the next power n."""
    power = TailModel.constant(delta.start, sp.S.One)
    total: list[tuple[Monomial, Coefficient]] = []
    for coefficient in [*coefficients, Coefficient(remainder)]:
        total += power.scaled(UNIT, coefficient).terms
        power = power * delta
        if not power.terms:
            break
    return TailModel.collect(delta.start, total)


@lru_cache(maxsize=512)
def _derivative(function: Callable[..., sp.Expr], order: int) -> tuple[sp.Expr, Callable[..., arb]]:
    formula = function(_X).diff(_X, order)
    return formula, ball_function(formula, (_X,))


@lru_cache(maxsize=2048)
def _taylor_constant(function: Callable[..., sp.Expr], order: int, centre: sp.Expr) -> Coefficient:
    value = _derivative(function, order)[0].subs(_X, centre) / sp.factorial(order)
    return Coefficient.constant(value)


def _taylor(function: Callable[..., sp.Expr], order: int, centre: Coefficient) -> Coefficient:
    if centre.exact is not None:
        return _taylor_constant(function, order, centre.exact)
    return Coefficient(_derivative(function, order)[1](centre.ball) / arb(order).fac())


def _regular(function: Callable[..., sp.Expr], model: TailModel) -> TailModel:
    """A function that is analytic on the (bounded) range of its argument."""
    large, centre, small = model.split()
    if large.terms:
        raise TailUndecidedError(f"no expansion of {function.__name__} for an unbounded argument is known")
    if not small.terms:
        return TailModel.collect(model.start, [(UNIT, _taylor(function, 0, centre))])
    remainder = _derivative(function, _ORDER)[1](centre.ball + small.range()) / arb(_ORDER).fac()
    coefficients = [_taylor(function, k, centre) for k in range(_ORDER)]
    return _checked(_series(coefficients, remainder, small))


def _checked(model: TailModel) -> TailModel:
    if all(coefficient.ball.is_finite() for _, coefficient in model.terms):
        return model
    raise TailUndecidedError("a coefficient of the expansion is not bounded on this half-line")


def _normalised(model: TailModel) -> tuple[Monomial, Coefficient, TailModel]:
    """The leading term and the relative rest: ``model = c * m * (1 + rest)``."""
    if not model.terms:
        raise TailUndecidedError("an argument that is identically zero has no leading term")
    monomial, leading = model.terms[0]
    if leading.ball.contains(0):
        raise TailUndecidedError("the leading term of the expansion may vanish")
    inverse = Coefficient(1 / leading.ball, None if leading.exact is None else 1 / leading.exact)
    rest = TailModel(model.start, model.terms[1:]).scaled(monomial ** Fraction(-1), inverse)
    return monomial, leading, rest


def _power(model: TailModel, q: Fraction) -> TailModel:
    if q.denominator == 1 and 0 <= q <= 3:
        result = TailModel.constant(model.start, sp.S.One)
        for _ in range(int(q)):
            result = result * model
        return result
    if not model.terms and q > 0:
        return model
    monomial, leading, rest = _normalised(model)
    exponent = sp.Rational(q.numerator, q.denominator)
    if q.denominator == 1:
        scale = Coefficient(leading.ball**q.numerator, None if leading.exact is None else leading.exact**exponent)
    else:
        if not leading.ball > 0:
            raise TailUndecidedError("a fractional power of a negative quantity is not real")
        power = (leading.ball.log() * q.numerator / q.denominator).exp()
        scale = Coefficient(power, None if leading.exact is None else leading.exact**exponent)
    return _binomial(rest, exponent).scaled(monomial**q, scale)


def _binomial(rest: TailModel, q: sp.Rational) -> TailModel:
    """``(1 + rest)**q``."""
    if not rest.terms:
        return TailModel.constant(rest.start, sp.S.One)
    base = 1 + rest.range()
    if not base > 0:
        raise TailUndecidedError("the rest of an expansion is not small yet")
    last = to_ball(sp.binomial(q, _ORDER)) * (base.log() * to_ball(q - _ORDER)).exp()
    return _series([Coefficient.constant(sp.binomial(q, k)) for k in range(_ORDER)], last, rest)


def _log_one_plus(rest: TailModel) -> TailModel:
    """``log(1 + rest)``."""
    if not rest.terms:
        return rest
    base = 1 + rest.range()
    if not base > 0:
        raise TailUndecidedError("the rest of an expansion is not small yet")
    signs = [sp.S.Zero, *(sp.Rational((-1) ** (k + 1), k) for k in range(1, _ORDER))]
    last = arb((-1) ** (_ORDER + 1)) / _ORDER / base**_ORDER
    return _series([Coefficient.constant(c) for c in signs], last, rest)


def _log(model: TailModel) -> TailModel:
    monomial, leading, rest = _normalised(model)
    if not leading.ball > 0 or monomial.logs:
        raise TailUndecidedError("the logarithm of this expansion is not known")
    constant = Coefficient(leading.ball.log(), None if leading.exact is None else sp.log(leading.exact))
    terms = [(UNIT, constant)]
    terms += [(m, Coefficient.constant(c)) for m, c in monomial.exponent]
    if monomial.power:
        power = sp.Rational(monomial.power.numerator, monomial.power.denominator)
        terms.append((LOG, Coefficient.constant(power)))
    return TailModel.collect(model.start, terms) + _log_one_plus(rest)


def _exp(model: TailModel) -> TailModel:
    large, centre, small = model.split()
    if any(coefficient.exact is None for _, coefficient in large.terms):
        rest = TailModel.collect(model.start, [(UNIT, centre), *small.terms])
        return _super_exponential(large) * _exp(rest)
    monomial = exponential((growth, coefficient.exact) for growth, coefficient in large.terms)
    scale = Coefficient(centre.ball.exp(), None if centre.exact is None else sp.exp(centre.exact))
    if not small.terms:
        return TailModel.constant(model.start, sp.S.One).scaled(monomial, scale)
    remainder = small.range().exp() / arb(_ORDER).fac()
    factorials = [Coefficient.constant(sp.Rational(1, int(sp.factorial(k)))) for k in range(_ORDER)]
    return _series(factorials, remainder, small).scaled(monomial, scale)


def _super_exponential(large: TailModel) -> TailModel:
    """``exp(large)`` with variable coefficients, below ``-rate * t``: it lies between 0 and ``exp(-rate * t)``."""
    linear = Monomial(power=Fraction(1))
    monomial = large.terms[0][0]
    relative = large.relative_ball()
    if not relative < 0:
        raise TailUndecidedError("an exponential grows faster than any expansion that is known")
    ratio = (linear * monomial ** Fraction(-1)).supremum(large.start)
    rate = (relative.abs_lower() / ratio).lower()
    if not rate > 0:
        raise TailUndecidedError("an exponential decays too slowly for its expansion")
    exponent = sp.Rational(int((rate * 1024).floor().unique_fmpz() or 0), 1024) if rate < 1024 else sp.Integer(1024)
    if exponent == 0:
        raise TailUndecidedError("an exponential decays too slowly for its expansion")
    bound = exponential([(linear, -exponent)])
    return TailModel(large.start, ((bound, Coefficient(arb(0).union(arb(1)))),))


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
        return _regular(logistic, model)
    decay = _exp(_times(model, sp.Integer(-side)))
    value = _binomial(decay, sp.S.NegativeOne)
    return value if side > 0 else value * decay


def _softplus(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return _regular(softplus, model)
    tail = _log_one_plus(_exp(_times(model, sp.Integer(-side))))
    return model + tail if side > 0 else tail


def _tanh(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return _regular(sp.tanh, model)
    decay = _exp(_times(model, sp.Integer(-2 * side)))
    value = _one(model.start) + _times(decay * _binomial(decay, sp.S.NegativeOne), sp.Integer(-2))
    return _times(value, sp.Integer(side))


def _sinh(model: TailModel) -> TailModel:
    if _orientation(model) == 0:
        return _regular(sp.sinh, model)
    return _times(_exp(model) + -_exp(-model), sp.S.Half)


def _cosh(model: TailModel) -> TailModel:
    if _orientation(model) == 0:
        return _regular(sp.cosh, model)
    return _times(_exp(model) + _exp(-model), sp.S.Half)


def _erfc_at_infinity(model: TailModel) -> TailModel:
    """``exp(-x**2) / (x sqrt(pi)) * (1 - 1/(2 x**2) + 3/(4 x**4) - ...)``."""
    inverse_square = _power(model, Fraction(-2))
    coefficients = [sp.Rational(int((-1) ** k * sp.factorial2(2 * k - 1)), 2**k) for k in range(_ORDER + 1)]
    remainder = arb(0).union(to_ball(coefficients[-1]))
    series = _series([Coefficient.constant(c) for c in coefficients[:-1]], remainder, inverse_square)
    decay = _exp(_times(_power(model, Fraction(2)), sp.S.NegativeOne))
    return _times(series * decay * _power(model, Fraction(-1)), 1 / sp.sqrt(sp.pi))


def _erfc(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return _regular(sp.erfc, model)
    if side > 0:
        return _erfc_at_infinity(model)
    return TailModel.constant(model.start, sp.Integer(2)) + -_erfc_at_infinity(-model)


def _erf(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return _regular(sp.erf, model)
    value = _one(model.start) + -_erfc_at_infinity(_times(model, sp.Integer(side)))
    return _times(value, sp.Integer(side))


def _atan(model: TailModel) -> TailModel:
    side = _orientation(model)
    if side == 0:
        return _regular(sp.atan, model)
    reciprocal = _regular(sp.atan, _power(model, Fraction(-1)))
    return TailModel.constant(model.start, side * sp.pi / 2) + -reciprocal


def _wave(function: Callable[..., sp.Expr]) -> Callable[[TailModel], TailModel]:
    def expand(model: TailModel) -> TailModel:
        if model.split()[0].terms:
            return TailModel(model.start, ((UNIT, Coefficient(arb(-1).union(arb(1)))),))
        return _regular(function, model)

    return expand


def _asin(model: TailModel) -> TailModel:
    """Next to the branch points: ``asin(x) = pi/2 - 2 asin(sqrt((1 - x)/2))``."""
    side = model.split()[1].exact
    if side not in (sp.S.One, sp.S.NegativeOne):
        return _regular(sp.asin, model)
    distance = _times(_one(model.start) + -_times(model, side), sp.S.Half)
    small = _times(_regular(sp.asin, _power(distance, Fraction(1, 2))), sp.Integer(2))
    return _times(TailModel.constant(model.start, sp.pi / 2) + -small, side)


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
    sp.exp: _exp,
    sp.log: _log,
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
}
