"""Factors of losses against difference quotients in ball arithmetic, and their limits against values far out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import sympy as sp
from flint import arb

from symgrad.design.loss_ends import LossEnd
from symgrad.design.verification import Case, Verification, verified
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import ball_function, to_ball, working_precision

__all__ = ["check_factor"]

_BITS = 512
_STEP = 120  # the difference quotient is taken over 2^-120
_NEAR, _FAR = 2.0**4, 2.0**60
_POINTS = 40
_CLOSE = 1e-6

Real = Callable[..., arb]


def check_factor(loss: sp.Expr, factor: sp.Expr, ends: Iterable[LossEnd], seed: int) -> Verification:
    """The comparisons."""
    with working_precision(_BITS):
        value, slope = ball_function(loss, (VARIABLE,)), ball_function(factor, (VARIABLE,))
        points = np.random.default_rng(seed).normal(scale=3.0, size=_POINTS)
        cases = [*_quotients(value, slope, points), *_far_out(value, slope, tuple(ends))]
    return verified("derivative of the loss and its limits", "difference quotients and values far out", cases)


def _quotients(value: Real, slope: Real, points: Iterable[float]) -> Iterator[Case]:
    step = arb((1, -_STEP))
    for point in points:
        at = arb(float(point))
        quotient = (value(at + step) - value(at - step)) / (2 * step)
        stated = slope(at)
        if quotient.is_finite() and stated.is_finite():
            error = float(abs(quotient - stated).upper() / (1 + abs(stated)).lower())
            yield Case(f"error of the factor at a = {point:.6g}", error, 1e-20)


def _far_out(value: Real, slope: Real, ends: tuple[LossEnd, ...]) -> Iterator[Case]:
    for end in ends:
        for words, function, limit in (("factor", slope, end.factor), ("loss", value, end.loss)):
            if limit is not None:
                yield from _towards(f"{words} towards {end.point}", function, limit, end)


def _towards(words: str, function: Real, limit: sp.Expr, end: LossEnd) -> Iterator[Case]:
    near, far = (function(_point(end, distance)) for distance in (_NEAR, _FAR))
    if not (near.is_finite() and far.is_finite()):
        return
    if limit in (sp.oo, -sp.oo):
        sign = 1 if limit is sp.oo else -1
        yield Case(f"{words}, which grows", sign * _float(far), sign * _float(near) + 1, "lower")
        return
    goal = to_ball(limit)
    yield Case(f"distance of the {words} from its limit", _float(abs(far - goal)), _CLOSE * (1 + _float(abs(goal))))


def _point(end: LossEnd, distance: float) -> arb:
    """A point near an infinite end, or next to a finite one."""
    if end.point in (sp.oo, -sp.oo):
        return arb(distance) if end.point is sp.oo else arb(-distance)
    shift = 1 / arb(distance)
    return to_ball(end.point) + (shift if end.direction == "+" else -shift)


def _float(ball: arb) -> float:
    return float(ball.mid())
