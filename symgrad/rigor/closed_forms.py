"""Closed forms of constants that are known as refinable enclosures: guessed from many digits, then proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import sympy as sp
from flint import arb, fmpq, fmpz, fmpz_mat

from symgrad.errors import SymgradError
from symgrad.rigor.balls import Enclosed, ball_function, to_ball, working_precision
from symgrad.rigor.functions import logistic, softplus

__all__ = ["closed_form", "is_zero_constant", "is_zero_function", "tidy"]

_BITS = 256
_MAX_HEIGHT = 10**9
_MAX_SIMPLIFY_OPS = 400
_SHORT = 8
_LONG = 512  # bits
_X = sp.Symbol("x")
_PROBES = ((4, 3), (7, 5), (29, 4))


@lru_cache(maxsize=4096)
def is_zero_constant(constant: sp.Expr) -> bool:
    """True only if the constant expression is proved to be zero by exact rewriting.

    >>> import sympy as sp
    >>> is_zero_constant(sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6)), is_zero_constant(sp.pi - 3)
    (True, False)
    """
    if constant.is_Rational:
        return bool(constant.is_zero)
    if constant.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        return False
    if not _may_vanish(constant) or _has_long_numbers(constant):
        return False
    rewritten = _as_exponentials(constant)
    small = rewritten.count_ops() < _MAX_SIMPLIFY_OPS
    if rewritten.is_algebraic and small:
        rational = _rationalised(rewritten)
        return bool(rational.is_zero) or bool(sp.minimal_polynomial(rational, _X) == _X)
    return bool(sp.expand(rewritten).is_zero) or (small and bool(sp.simplify(rewritten).is_zero))


def _has_long_numbers(constant: sp.Expr) -> bool:
    """Whether rewriting might take powers of numbers with hundreds of digits."""
    return any(max(abs(n.p), n.q).bit_length() > _LONG for n in constant.atoms(sp.Rational))


def _may_vanish(constant: sp.Expr) -> bool:
    """One evaluation at a fixed precision: :func:`to_ball` would raise it in vain where the constant is zero."""
    with working_precision(_BITS):
        ball = ball_function(constant, ())()
        if not ball.is_finite() or not ball.contains(0):
            return False
        return bool(_without_cancellation(constant).contains(0))


def _without_cancellation(constant: sp.Expr) -> arb:
    """The ball of a constant in which ``tanh(10**6) - 1``, say, is rewritten as one function of an argument."""
    nodes = [node for node in constant.atoms(sp.Function) if len(node.args) == 1 and not node.atoms(Enclosed)]
    outer = [node for node in nodes if not any(node != other and other.has(node) for other in nodes)]
    names = {node: sp.Dummy(real=True) for node in outer}
    formula = constant.xreplace({node: node.func(name) for node, name in names.items()})
    return ball_function(formula, tuple(names.values()))(*(ball_function(node.args[0], ())() for node in names))


def _rationalised(constant: sp.Expr) -> sp.Expr:
    """An algebraic number without square roots in denominators, expanded."""
    return sp.expand(sp.radsimp(constant))


def _as_exponentials(expr: sp.Expr) -> sp.Expr:
    """Rewrites logistic, softplus and hyperbolic functions by exp and log."""
    return (
        expr.replace(logistic, lambda z: 1 / (1 + sp.exp(-z)))
        .replace(softplus, lambda z: sp.log(1 + sp.exp(z)))
        .replace(sp.tanh, lambda z: 1 - 2 / (1 + sp.exp(2 * z)))
        .replace(sp.cosh, lambda z: (sp.exp(z) + sp.exp(-z)) / 2)
        .replace(sp.sinh, lambda z: (sp.exp(z) - sp.exp(-z)) / 2)
    )


@lru_cache(maxsize=4096)
def tidy(constant: sp.Expr) -> sp.Expr:
    """An equal expression that reads better where one is found quickly; else the constant itself.

    >>> import sympy as sp
    >>> tidy(sp.tanh(sp.log(2)) - sp.Rational(1, 10))
    1/2
    """
    if constant.is_Rational or constant.is_Symbol:
        return constant
    rewritten = _as_exponentials(constant)
    candidates = [constant, sp.expand(constant), sp.expand(rewritten)]
    if rewritten.is_algebraic and rewritten.count_ops() < _MAX_SIMPLIFY_OPS:
        rational = _rationalised(rewritten)
        surds = _surds(to_ball(rewritten, _BITS)) if rational.count_ops() > _SHORT else iter(())
        candidates += [rational, *(surd for surd in surds if is_zero_constant(rational - surd))]
    return min(candidates, key=_length)


def _length(constant: sp.Expr) -> tuple[int, int]:
    """Shorter is better; our own functions are avoided, and hyperbolic functions of logarithms count as long."""
    own = len(constant.atoms(logistic, softplus))
    return constant.count_ops() + 10 * len(constant.atoms(sp.Function)) + 1000 * own, len(str(constant))


def closed_form(ball: Callable[[int], arb], proved: Callable[[sp.Expr], bool]) -> sp.Expr | None:
    """A closed form for a constant, or None.

    Args:
        ball: encloses the constant to the given number of bits.
        proved: decides whether a candidate (which agrees to 256 bits) is the constant; must be a proof.
    """
    sharp = ball(_BITS)
    with working_precision(_BITS):
        if not sharp.is_finite():
            return None
        for candidate in _candidates(sharp):
            if to_ball(candidate, _BITS).overlaps(sharp) and proved(candidate):
                return candidate
    return None


def _candidates(x: arb) -> Iterator[sp.Expr]:
    if x.contains(0):
        yield sp.S.Zero
        return
    if x < 0:
        yield from (-candidate for candidate in _candidates(-x))
        return
    yield from _surds(x)
    for square in _surds(x * x):
        yield sp.sqrt(square)
    for multiple in _rationals(x / arb.pi()):
        yield multiple * sp.pi
    for exponent in _rationals(x.log()):
        yield sp.exp(exponent)
    for factor in (1, 2):
        for power in _surds((factor * x).exp()):
            yield sp.log(power) / factor
    for cosine in _rationals(x.cos()):
        turns = sp.Integer(int(((x / arb.pi()).mid() / 2 + 0.5).floor().unique_fmpz() or 0))
        for angle in (sp.acos(cosine), -sp.acos(cosine)):
            yield angle + 2 * sp.pi * turns


def _rationals(x: arb) -> Iterator[sp.Expr]:
    """The rational number of small height in the ball, if there is one."""
    if abs(x) > _MAX_HEIGHT or not x.is_finite():
        return
    p, q = _convergent(x)
    if q <= _MAX_HEIGHT and x.contains(fmpq(p, q)):
        yield sp.Rational(int(p), int(q))


def _convergent(x: arb) -> tuple[int, int]:
    """The last continued-fraction convergent of the midpoint with a small denominator."""
    mantissa, exponent = x.mid().man_exp()
    value = fmpq(mantissa) * fmpq(2) ** int(exponent)
    (p0, q0), (p1, q1) = (0, 1), (1, 0)
    while True:
        whole = int(value.floor())
        p2, q2 = whole * p1 + p0, whole * q1 + q0
        if q2 > _MAX_HEIGHT:
            return p1, q1
        (p0, q0), (p1, q1) = (p1, q1), (p2, q2)
        if value == whole:
            return p1, q1
        value = 1 / (value - whole)


def _surds(x: arb) -> Iterator[sp.Expr]:
    """Rational numbers and roots of quadratic equations with small coefficients in the ball."""
    found = False
    for rational in _rationals(x):
        found = True
        yield rational
    if found or not x.is_finite() or abs(x) > _MAX_HEIGHT:
        return
    a, b, c = _quadratic_relation(x)
    discriminant = b * b - 4 * a * c
    if a == 0 or discriminant <= 0 or max(abs(a), abs(b), abs(c)) > _MAX_HEIGHT:
        return
    for sign in (1, -1):
        root = (-sp.Integer(b) + sign * sp.sqrt(sp.Integer(discriminant))) / (2 * sp.Integer(a))
        if to_ball(root, _BITS).overlaps(x):
            yield sp.expand(root)


def _quadratic_relation(x: arb) -> tuple[int, int, int]:
    """Small integers with ``a x**2 + b x + c`` close to zero, by lattice reduction."""
    scale = fmpz(2) ** (_BITS - 40)
    rows = [[int(i == j) for j in range(3)] + [_rounded(x**i * scale)] for i in range(3)]
    shortest = fmpz_mat(rows).lll().table()[0]
    return int(shortest[2]), int(shortest[1]), int(shortest[0])


def _rounded(x: arb) -> fmpz:
    return (x.mid() + 0.5).mid().floor().unique_fmpz()


def is_zero_function(formula: sp.Expr) -> bool:
    """True only if an expression of one real variable is rewritten to zero; cheap ways are tried first."""
    if formula.is_zero:
        return True
    if _differs_from_zero(formula):
        return False
    reflected = formula.replace(logistic, _reflected_logistic).replace(softplus, _reflected_softplus)
    if sp.expand(reflected).is_zero:
        return True
    exponential = reflected.rewrite(sp.exp)
    return bool(sp.expand(exponential).is_zero) or bool(sp.simplify(exponential).is_zero)


def _differs_from_zero(formula: sp.Expr) -> bool:
    """True if a ball around the value at some point proves it, which is much cheaper than to rewrite in vain."""
    symbols = sorted(formula.free_symbols, key=str)
    if any(symbol.is_integer or symbol.is_extended_real is False for symbol in symbols):
        return False
    sides = [-1 if symbol.is_nonpositive else 1 for symbol in symbols]
    try:
        value = ball_function(formula, symbols)
        balls = [value(*(arb(side * (p + k)) / q for k, side in enumerate(sides))) for p, q in _PROBES]
    except SymgradError:
        return False
    return any(ball.is_finite() and not ball.contains(0) for ball in balls)


def _reflected_logistic(argument: sp.Expr) -> sp.Expr:
    if argument.could_extract_minus_sign():
        return 1 - logistic(-argument)
    return logistic(argument)


def _reflected_softplus(argument: sp.Expr) -> sp.Expr:
    if argument.could_extract_minus_sign():
        return softplus(-argument) + argument
    return softplus(argument)
