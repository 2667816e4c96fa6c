"""Taylor expansions, powers, logarithms and exponentials of tail models, each with an enclosed remainder."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import sympy as sp
from flint import arb

from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.tail_models import Coefficient, TailModel, supremum
from symgrad.rigor.tail_monomials import LOG, UNIT, Monomial, TailUndecidedError, exponential

__all__ = ["ORDER", "analytic", "binomial", "exp_model", "log_model", "log_one_plus", "power_model", "series"]

ORDER = 5
_X = sp.Dummy("x", real=True)


def series(coefficients: list[Coefficient], remainder: arb, delta: TailModel) -> TailModel:
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
    formula = function(_X)
    for _ in range(order):
        formula = derivative(formula, _X)
    return formula, ball_function(formula, (_X,))


@lru_cache(maxsize=2048)
def _taylor_constant(function: Callable[..., sp.Expr], order: int, centre: sp.Expr) -> Coefficient:
    value = _derivative(function, order)[0].subs(_X, centre) / sp.factorial(order)
    return Coefficient.constant(value)


def _taylor(function: Callable[..., sp.Expr], order: int, centre: Coefficient) -> Coefficient:
    if centre.exact is not None:
        return _taylor_constant(function, order, centre.exact)
    return Coefficient(_derivative(function, order)[1](centre.ball) / arb(order).fac())


def analytic(function: Callable[..., sp.Expr], model: TailModel) -> TailModel:
    """A function that is analytic on the (bounded) range of its argument."""
    large, centre, small = model.split()
    if large.terms:
        raise TailUndecidedError(f"no expansion of {function.__name__} for an unbounded argument is known")
    if not small.terms:
        return TailModel.collect(model.start, [(UNIT, _taylor(function, 0, centre))])
    remainder = _derivative(function, ORDER)[1](centre.ball + small.range()) / arb(ORDER).fac()
    coefficients = [_taylor(function, k, centre) for k in range(ORDER)]
    return _checked(series(coefficients, remainder, small))


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


def power_model(model: TailModel, q: Fraction) -> TailModel:
    """A rational power: of any leading sign if it is an integer, else of a positive function."""
    if q == 2 and len(model.terms) == 1 and model.terms[0][1].exact is None:
        monomial, coefficient = model.terms[0]
        square = coefficient.ball.abs_lower() ** 2
        return TailModel(model.start, ((monomial**q, Coefficient(square.union(coefficient.ball.abs_upper() ** 2))),))
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
    return binomial(rest, exponent).scaled(monomial**q, scale)


def binomial(rest: TailModel, q: sp.Rational) -> TailModel:
    """``(1 + rest)**q``."""
    if not rest.terms:
        return TailModel.constant(rest.start, sp.S.One)
    base = 1 + rest.range()
    if not base > 0:
        raise TailUndecidedError("the rest of an expansion is not small yet")
    last = to_ball(sp.binomial(q, ORDER)) * (base.log() * to_ball(q - ORDER)).exp()
    return series([Coefficient.constant(sp.binomial(q, k)) for k in range(ORDER)], last, rest)


def log_one_plus(rest: TailModel) -> TailModel:
    """``log(1 + rest)``."""
    if not rest.terms:
        return rest
    base = 1 + rest.range()
    if not base > 0:
        raise TailUndecidedError("the rest of an expansion is not small yet")
    signs = [sp.S.Zero, *(sp.Rational((-1) ** (k + 1), k) for k in range(1, ORDER))]
    last = arb((-1) ** (ORDER + 1)) / ORDER / base**ORDER
    return series([Coefficient.constant(c) for c in signs], last, rest)


def log_model(model: TailModel) -> TailModel:
    """The logarithm of a positive function."""
    monomial, leading, rest = _normalised(model)
    if not leading.ball > 0 or monomial.logs:
        raise TailUndecidedError("the logarithm of this expansion is not known")
    constant = Coefficient(leading.ball.log(), None if leading.exact is None else sp.log(leading.exact))
    terms = [(UNIT, constant)]
    terms += [(m, Coefficient.constant(c)) for m, c in monomial.exponent]
    if monomial.power:
        power = sp.Rational(monomial.power.numerator, monomial.power.denominator)
        terms.append((LOG, Coefficient.constant(power)))
    return TailModel.collect(model.start, terms) + log_one_plus(rest)


def exp_model(model: TailModel) -> TailModel:
    """The exponential; unbounded terms become part of the monomial."""
    large, centre, small = model.split()
    if any(coefficient.exact is None for _, coefficient in large.terms):
        rest = TailModel.collect(model.start, [(UNIT, centre), *small.terms])
        return _super_exponential(large) * exp_model(rest)
    monomial = exponential((growth, coefficient.exact) for growth, coefficient in large.terms)
    scale = Coefficient(centre.ball.exp(), None if centre.exact is None else sp.exp(centre.exact))
    if not small.terms:
        return TailModel.constant(model.start, sp.S.One).scaled(monomial, scale)
    remainder = small.range().exp() / arb(ORDER).fac()
    factorials = [Coefficient.constant(sp.Rational(1, int(sp.factorial(k)))) for k in range(ORDER)]
    return series(factorials, remainder, small).scaled(monomial, scale)


def _super_exponential(large: TailModel) -> TailModel:
    """``exp(large)`` with variable coefficients, below ``-rate * t``: it lies between 0 and ``exp(-rate * t)``."""
    linear = Monomial(power=Fraction(1))
    monomial = large.terms[0][0]
    relative = large.relative_ball()
    if not relative < 0:
        raise TailUndecidedError("an exponential grows faster than any expansion that is known")
    ratio = supremum(linear * monomial ** Fraction(-1), large.start)
    rate = (relative.abs_lower() / ratio).lower()
    if not rate > 0:
        raise TailUndecidedError("an exponential decays too slowly for its expansion")
    exponent = sp.Rational(int((rate * 1024).floor().unique_fmpz() or 0), 1024) if rate < 1024 else sp.Integer(1024)
    if exponent == 0:
        raise TailUndecidedError("an exponential decays too slowly for its expansion")
    bound = exponential([(linear, -exponent)])
    return TailModel(large.start, ((bound, Coefficient(arb(0).union(arb(1)))),))
