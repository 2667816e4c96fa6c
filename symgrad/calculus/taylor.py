"""Taylor coefficients along a straight line, in balls: derivatives of any order of whatever can be evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from math import factorial
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.calculus.enclose import BallEvaluator
from symgrad.calculus.evaluate import Evaluator
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.ends import End
from symgrad.rigor.smooth_pieces import split

__all__ = ["Series", "SeriesEvaluator", "taylor_coefficients"]

Series = tuple[Any, ...]  # arb_mat coefficients of t^0, t^1, ...; those left out at the end are zero

_SWITCHES = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)
_STEP = sp.Dummy("t", real=True)


class SeriesEvaluator(Evaluator[Series]):
    """Values at ``x + t u`` as power series in t, cut off after t^order; every coefficient is a matrix of balls.

    Symbols are given by their first coefficients. The coefficient of t^k is the k-th derivative along the line, divided
    by k!, and holds that of every point in the balls. Composition with an activation is by its Taylor coefficients
    (A. Griewank and A. Walther, *Evaluating Derivatives* 2008, ch. 13). At a kink the first derivative that jumps
    has the values of both sides in it, and the higher ones are unbounded.

    Args:
        values: symbol -> coefficients, ``(x,)`` for a constant, ``(x, u)`` for a line.
        sizes: size symbol -> int.
        order: of the last coefficient kept.

    >>> import symgrad as sg
    >>> model = sg.models.elman()
    >>> h, node = model.states[0], model.nodes[model.states[0]]
    >>> numbers = {s: (arb_mat([[1]]),) for s in (*model.parameters, *model.inputs)}
    >>> line = SeriesEvaluator({**numbers, h: (arb_mat([[-2]]), arb_mat([[1]]))}, {s: 1 for s in model.sizes}, 3)
    >>> [round(float(coefficient[0, 0]), 9) for coefficient in line.vector(node)]
    [0.0, 1.0, 0.0, -0.333333333]
    """

    def __init__(self, values: Mapping[sp.Expr, Series], sizes: Mapping[sp.Symbol, int], order: int) -> None:
        super().__init__(values, sizes)
        self.order = order
        self._still = BallEvaluator({symbol: series[0] for symbol, series in self.values.items()}, {})
        self._still.sizes = self.sizes

    def number(self, expr: sp.Expr) -> tuple[arb, ...]:
        """A scalar in scalar parameters; those that vary do so along their line."""
        moving = [s for s in sorted(expr.free_symbols, key=str) if len(self.values.get(s, ())) > 1]
        if not moving:
            return (self._still.number(expr),)
        known = [s for s in sorted(expr.free_symbols, key=str) if s not in self.sizes]
        numbers = expr.xreplace(self.sizes)
        starts = [self.symbol(s)[0][0, 0] for s in known]
        slopes = [self.symbol(s)[1][0, 0] for s in moving]
        coefficients = _along(numbers, tuple(known), tuple(moving), self.order)
        return tuple(function(*starts, *slopes) for function in coefficients)

    def filled(self, value: sp.Expr, rows: int, columns: int) -> Series:
        return tuple(arb_mat(rows, columns, [number] * (rows * columns)) for number in self.number(value))

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> Series:
        entries = [self.number(entry) for entry in matrix]
        length = max(map(len, entries), default=1)
        padded = [(*entry, *[arb(0)] * (length - len(entry))) for entry in entries]
        return tuple(arb_mat(matrix.rows, matrix.cols, [entry[k] for entry in padded]) for k in range(length))

    def identity(self, size: int) -> Series:
        return (self._still.identity(size),)

    def add(self, left: Series, right: Series) -> Series:
        short, long = sorted((left, right), key=len)
        return (*(a + b for a, b in zip(short, long, strict=False)), *long[len(short) :])

    def multiply(self, left: Series, right: Series) -> Series:
        return self._convolved(self._still.multiply, left, right)

    def matmul(self, left: Series, right: Series) -> Series:
        return self._convolved(self._still.matmul, left, right)

    def scaled(self, number: Any, value: Series) -> Series:
        return self._convolved(self._still.scaled, number, value)

    def scaled_rows(self, column: Series, value: Series) -> Series:
        return self._convolved(self._still.scaled_rows, column, value)

    def transposed(self, value: Series) -> Series:
        return tuple(coefficient.transpose() for coefficient in value)

    def kronecker(self, left: Series, right: Series) -> Series:
        return self._convolved(self._still.kronecker, left, right)

    def columns_below(self, value: Series) -> Series:
        return tuple(map(self._still.columns_below, value))

    def assembled(self, rows: Sequence[Sequence[Series]]) -> Series:
        length = max(len(block) for row in rows for block in row)
        return tuple(
            self._still.assembled([[block[k] if k < len(block) else block[0] * 0 for block in row] for row in rows])
            for k in range(length)
        )

    def inverted(self, value: Series) -> Series:
        """From A B = I: ``B_k = -B_0 (A_1 B_(k-1) + ... + A_k B_0)``."""
        first = self._still.inverted(value[0])
        found = [first]
        while len(found) <= self.order and len(value) > 1:
            terms = [value[j] * found[len(found) - j] for j in range(1, min(len(found), len(value) - 1) + 1)]
            found.append(-(first * reduce(lambda a, b: a + b, terms)))
        return tuple(found)

    def function(self, activation: Activation, value: Series) -> Series:
        if len(value) == 1:
            return (self._still.function(activation, value[0]),)
        rows, columns = value[0].nrows(), value[0].ncols()
        entries = zip(*(coefficient.entries() for coefficient in value), strict=True)
        composed = [self._composed(activation, entry) for entry in entries]
        return tuple(arb_mat(rows, columns, [entry[k] for entry in composed]) for k in range(self.order + 1))

    def _composed(self, activation: Activation, entry: tuple[arb, ...]) -> list[arb]:
        """s(z_0 + z_1 t + ...) by Horner's rule in the powers of what is added to z_0."""
        outer = taylor_coefficients(activation, entry[0], self.order)
        added = [arb(0), *entry[1:]]
        result = [outer[-1]]
        for coefficient in reversed(outer[:-1]):
            result = _product(result, added, self.order)
            result[0] = result[0] + coefficient
        return result + [arb(0)] * (self.order + 1 - len(result))

    def _convolved(self, product: Callable[[Any, Any], Any], left: Series, right: Series) -> Series:
        length = min(len(left) + len(right) - 1, self.order + 1)
        return tuple(
            reduce(
                lambda a, b: a + b,
                [product(left[j], right[k - j]) for j in range(len(left)) if 0 <= k - j < len(right)],
            )
            for k in range(length)
        )


def _product(left: Sequence[arb], right: Sequence[arb], order: int) -> list[arb]:
    result = [arb(0)] * min(len(left) + len(right) - 1, order + 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right[: len(result) - i]):
            if not b.is_zero():  # zero times an unbounded coefficient is zero
                result[i + j] = result[i + j] + a * b
    return result


@lru_cache(maxsize=256)
def _along(
    expr: sp.Expr, known: tuple[sp.Symbol, ...], moving: tuple[sp.Symbol, ...], order: int
) -> tuple[Callable[..., arb], ...]:
    """The Taylor coefficients of a scalar in scalar parameters, as functions of their values and slopes."""
    slopes = [sp.Dummy(f"d{symbol}", real=True) for symbol in moving]
    line = expr.xreplace({s: s + _STEP * slope for s, slope in zip(moving, slopes, strict=True)})
    found = []
    for k in range(order + 1):
        found.append(ball_function(line.xreplace({_STEP: sp.S.Zero}) / factorial(k), (*known, *slopes)))
        line = sp.diff(line, _STEP)
    return tuple(found)


@dataclass(frozen=True)
class _Piece:
    """A smooth piece of an activation: s, s', s''/2!, ... as functions of balls, and where it ends.

    Attributes:
        coefficients: the functions.
        left: the left end, or None.
        smooth: how many derivatives (s itself counts) agree with those of the piece to the left of the end.
    """

    coefficients: tuple[Callable[..., arb], ...]
    left: sp.Expr | None
    smooth: int


def taylor_coefficients(activation: Activation, at: arb, order: int) -> list[arb]:
    """Balls around ``s(z), s'(z), s''(z)/2!, ...`` for all z in a ball, order + 1 of them.

    Where the ball meets a kink, the first of them that jumps there encloses the values of both sides and the higher
    ones are unbounded.

    >>> from symgrad.language.activations import activation
    >>> [round(float(coefficient), 9) for coefficient in taylor_coefficients(activation("tanh"), arb(0), 3)]
    [0.0, 1.0, 0.0, -0.333333333]
    >>> taylor_coefficients(activation("relu"), arb(0), 2)[2].is_finite()
    False
    """
    pieces = _pieces(activation, order)
    met = [k for k, piece in enumerate(pieces) if _may_hold(pieces, k, at)]
    values = [[function(at) for function in pieces[k].coefficients] for k in met]
    result = [reduce(lambda a, b: a.union(b), sides) for sides in zip(*values, strict=True)]
    smooth = min((pieces[k].smooth for k in met[1:]), default=order + 1)
    return [ball if k <= smooth else arb(0, float("inf")) for k, ball in enumerate(result)]


def _may_hold(pieces: Sequence[_Piece], place: int, at: arb) -> bool:
    """Whether some number of a ball may lie in the closure of a piece."""
    left = pieces[place].left
    right = pieces[place + 1].left if place + 1 < len(pieces) else None
    return not (left is not None and at < to_ball(left)) and not (right is not None and at > to_ball(right))


@lru_cache(maxsize=256)
def _pieces(activation: Activation, order: int) -> tuple[_Piece, ...]:
    expr = activation.expr
    if not expr.has(*_SWITCHES):
        return (_Piece(_functions(expr, order), None, 0),)
    pieces = split(expr, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1))
    found = [_Piece(_functions(pieces[0].formula, order), None, 0)]
    for left, right in pairwise(pieces):
        smooth = _agreement(left.formula, right.formula, right.left.value, order)
        found.append(_Piece(_functions(right.formula, order), right.left.value, smooth))
    return tuple(found)


def _agreement(left: sp.Expr, right: sp.Expr, point: sp.Expr, order: int) -> int:
    difference = left - right
    for k in range(order + 1):
        if difference.subs(VARIABLE, point).equals(0) is not True:
            return k
        difference = sp.diff(difference, VARIABLE)
    return order + 1


def _functions(expr: sp.Expr, order: int) -> tuple[Callable[..., arb], ...]:
    found = []
    for k in range(order + 1):
        found.append(ball_function(expr / factorial(k), (VARIABLE,)))
        expr = sp.diff(expr, VARIABLE)
    return tuple(found)
