"""Rigorous evaluation of SymPy expressions: functions on balls, and on intervals given by their ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import flint
import sympy as sp
from flint import arb

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.rigor.balls_compile import Program
from symgrad.rigor.balls_intervals import WHOLE, Interval, OutOfDomainError, interval_of_ball, make
from symgrad.rigor.balls_numbers import (
    Enclosed,
    ball_from_ends,
    exact_ball,
    log10_of,
    lower_float,
    upper_float,
    working_precision,
)
from symgrad.rigor.balls_stable import stable

__all__ = [
    "Enclosed",
    "Interval",
    "ball_from_ends",
    "ball_function",
    "exact_ball",
    "interval_function",
    "log10_of",
    "lower_float",
    "to_ball",
    "upper_float",
    "working_precision",
]


def ball_function(expr: sp.Expr, symbols: sp.Symbol | Sequence[sp.Symbol]) -> Callable[..., arb]:
    """The function of balls that encloses ``expr``.

    Args:
        expr: a real scalar expression of the whitelist: sums, products, powers, exp, log, the trigonometric, hyperbolic
            and inverse functions, logistic, softplus, erf, erfc, gamma and its logarithmic derivatives, Abs, sign, Max,
            Min, Piecewise on comparisons, Heaviside, rationals, floats (taken exactly), pi, E, ..., Enclosed.
        symbols: one real symbol or several, in the order of the arguments.

    Returns:
        A function of one ball (or exact number) a symbol. Its result contains ``expr`` at every point of the balls at
        which ``expr`` is defined, at the precision of ball arithmetic at the time of the call. It has infinite radius
        where a pole or the edge of the domain of ``expr`` (a negative base of a root, for example) is crossed. Balls
        may be wide: monotone functions are bounded by their ends, and over a jump the result is the hull of both sides.

    Raises:
        UnsupportedExpressionError: a node is not in the whitelist; it is named.
        InputError: ``expr`` has other symbols.

    >>> x = sp.Symbol("x", real=True)
    >>> slope = ball_function(1/(1 + sp.exp(-x)), x)
    >>> upper_float(slope(arb(0, 10**4))) <= 1, slope(0) == arb("0.5")
    (True, True)
    """
    program = _program(expr, _checked_symbols(symbols))

    def on_balls(*balls: Any) -> arb:
        _check_count(balls, program)
        numbers = [ball if isinstance(ball, arb) else exact_ball(ball) for ball in balls]
        result = ball_from_ends(*_run(program, [interval_of_ball(ball, soft=False) for ball in numbers]))
        if result.is_finite() or not program.edged:
            return result
        return ball_from_ends(*_run(program, [interval_of_ball(ball, soft=True) for ball in numbers]))

    return on_balls


def interval_function(expr: sp.Expr, symbols: sp.Symbol | Sequence[sp.Symbol]) -> Callable[..., Interval]:
    """The function of intervals that encloses ``expr``: like :func:`ball_function`, with an end each instead of a ball.

    Nothing is lost in a common radius here: ``(0, 1e-300)`` keeps its sign, and half-lines are allowed.

    Returns:
        A function of one pair ``(lower, upper)`` a symbol. An end is a ball, or exactly plus or minus infinity; the
        same object twice stands for one number. The result is such a pair: some number in the ball ``lower`` is below
        all values, and some number in ``upper`` above, so ``lower.lower()`` and ``upper.upper()`` are safe bounds.

    Raises:
        UnsupportedExpressionError: a node is not in the whitelist; it is named.
        InputError: ``expr`` has other symbols.

    >>> x = sp.Symbol("x", real=True)
    >>> low, high = interval_function(sp.exp(-x), x)((arb(0), arb.pos_inf()))
    >>> low == 0, high == 1
    (True, True)
    """
    program = _program(expr, _checked_symbols(symbols))

    def on_intervals(*intervals: Interval) -> Interval:
        _check_count(intervals, program)
        return _run(program, [_checked_ends(*ends) for ends in intervals])

    return on_intervals


def to_ball(expr: sp.Expr, bits: int | None = None) -> arb:
    """A ball around the value of a constant expression, which may contain :class:`Enclosed` constants.

    Args:
        expr: a constant of the whitelist of :func:`ball_function`.
        bits: relative accuracy wanted (default: the present precision). More bits are used on the way as the expression
            demands, up to 16 times as many: a value that cannot be told from 0 then still has a ball around 0.

    Raises:
        UnsupportedExpressionError: a node is not in the whitelist.
        InputError: ``expr`` contains symbols.

    >>> to_ball(sp.sin(sp.pi / 3) ** 2 * 4, 64).contains(arb(3))
    True
    """
    program = _program(expr, ())
    wanted = flint.ctx.prec if bits is None else bits
    working = wanted + 16
    while True:
        with working_precision(working):
            ball = ball_from_ends(*_run(program, ()))
        if ball.is_exact() or ball.rel_accuracy_bits() >= wanted or working >= 16 * (wanted + 16):
            return ball
        working *= 2


def _run(program: Program, inputs: Sequence[Interval]) -> Interval:
    try:
        return program(inputs)
    except OutOfDomainError:
        return WHOLE


def _checked_symbols(symbols: Any) -> tuple[sp.Symbol, ...]:
    given = (symbols,) if isinstance(symbols, sp.Basic) else tuple(symbols)
    for symbol in given:
        if not isinstance(symbol, sp.Symbol):
            raise InputError(f"symbols: SymPy symbols are needed, not {symbol!r} of type {type(symbol).__name__}")
    return given


def _check_count(arguments: Sequence[Any], program: Program) -> None:
    if len(arguments) != len(program.symbols):
        raise InputError(f"{len(program.symbols)} arguments are needed ({program.symbols}), not {len(arguments)}")


def _checked_ends(low: Any, high: Any) -> Interval:
    """The ends as balls; infinite floats are allowed."""
    infinite = {math.inf: arb.pos_inf(), -math.inf: arb.neg_inf()}
    ends = [end if isinstance(end, arb) else infinite.get(end) or exact_ball(end) for end in (low, high)]
    if ends[0] > ends[1] or any(end.is_nan() for end in ends) or ends[0] == arb.pos_inf() or ends[1] == arb.neg_inf():
        raise InputError(f"interval: two ends in order, around at least one real number, are needed, not {low}, {high}")
    return (ends[0], ends[0]) if low is high else make(*ends)


def _program(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Program:
    scalar = sp.sympify(expr) if isinstance(expr, (int, float)) else expr
    if not isinstance(scalar, sp.Expr) or scalar.is_commutative is False:
        raise UnsupportedExpressionError(
            f"expr: a scalar SymPy expression is needed, not {expr!r} of type {type(expr).__name__}"
        )
    return _compiled(scalar, symbols)


@lru_cache(maxsize=2048)
def _compiled(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Program:
    """Compile with real symbols, so that SymPy simplifies ``re(x)``, ``sqrt(x**2)`` and the like."""
    missing = expr.free_symbols - set(symbols)
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        raise InputError(f"symbols: {expr} contains {names}, not among the symbols given: {symbols or 'none'}")
    reals = [sp.Dummy(symbol.name, real=True) for symbol in symbols]
    return Program(stable(expr.xreplace(dict(zip(symbols, reals, strict=True)))), reals)
