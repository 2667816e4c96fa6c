"""Numbers for expressions in moments: floats, and balls with their derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, reduce

import numpy as np
import sympy as sp
from flint import arb

from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import GaussianMean
from symgrad.language.joint_mean import GaussianJointMean
from symgrad.meanfield.duals import Dual
from symgrad.meanfield.joint_means import joint_mean
from symgrad.meanfield.means import Mean
from symgrad.meanfield.mixture_means import enclosed_joint_mean
from symgrad.numerics.functions import constant_float
from symgrad.rigor.balls import to_ball

__all__ = ["FloatValues", "ball_value", "float_value"]


@lru_cache(maxsize=256)
def _mean(function: sp.Lambda) -> Mean:
    return Mean(function(VARIABLE))


def float_value(expr: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    """An expression in moments and means in floats; approximate."""
    return FloatValues(values).of(expr)


class FloatValues:
    """Approximate values at one point, each mean computed once.

    Args:
        values: the moments and other symbols.
    """

    def __init__(self, values: Mapping[sp.Symbol, float]) -> None:
        self.values = values
        self._known: dict[sp.Expr, float] = {}

    def of(self, expr: sp.Expr) -> float:
        """An expression in moments and means."""
        if expr not in self._known:
            self._known[expr] = self._computed(expr)
        return self._known[expr]

    def _computed(self, expr: sp.Expr) -> float:
        match expr:
            case sp.Symbol():
                return self.values[expr]
            case GaussianMean():
                return self._mean(expr)
            case GaussianJointMean():
                return joint_mean(self._inside(expr.function), [self.of(v) for v in expr.variances])
            case sp.Add():
                return sum(map(self.of, expr.args))
            case sp.Mul():
                return float(np.prod([self.of(part) for part in expr.args]))
            case sp.Pow() if expr.free_symbols:
                return self.of(expr.base) ** constant_float(expr.exp)
        return constant_float(expr)

    def _inside(self, function: sp.Lambda) -> sp.Lambda:
        """A function with the moments that stand in it put in."""
        return function.xreplace({s: sp.Float(self.values[s]) for s in function.free_symbols})

    def _mean(self, expr: GaussianMean) -> float:
        variance = self.of(expr.variance)
        if expr.function.free_symbols:  # the mean of a state stands inside the formula
            return joint_mean(self._inside(expr.function), [variance])
        if variance <= 0:
            return constant_float(expr.function(sp.S.Zero))
        return float(_mean(expr.function).floats(np.array([variance]))[0])


def ball_value(expr: sp.Expr, values: Mapping[sp.Symbol, Dual], *, slopes: bool = True) -> Dual:
    """Encloses an expression in moments and means, with its derivatives; not finite where nothing is proved."""
    count = len(next(iter(values.values())).slopes) if values else 0
    match expr:
        case sp.Symbol():
            return values[expr]
        case GaussianMean():
            return _ball_mean(expr, values, slopes)
        case GaussianJointMean():
            laws = [ball_value(variance, values, slopes=slopes) for variance in expr.variances]
            if expr.function.free_symbols:
                return Dual(arb("nan"), (arb("nan"),) * count)
            return enclosed_joint_mean(expr.function, laws, slopes=slopes)
        case sp.Add() | sp.Mul():
            parts = [ball_value(part, values, slopes=slopes) for part in expr.args]
            return reduce(Dual.__add__ if isinstance(expr, sp.Add) else Dual.__mul__, parts)
        case sp.Pow() if expr.free_symbols:
            base, power = ball_value(expr.base, values, slopes=slopes), to_ball(expr.exp)
            return base.chain(base.value**power, power * base.value ** (power - 1))
    return Dual.constant(to_ball(expr), count)


def _ball_mean(expr: GaussianMean, values: Mapping[sp.Symbol, Dual], slopes: bool) -> Dual:
    variance = ball_value(expr.variance, values, slopes=slopes)
    if expr.function.free_symbols or variance.value < 0 or not variance.value.is_finite():
        return Dual(arb("nan"), (arb("nan"),) * len(variance.slopes))
    mean = _mean(expr.function)
    if variance.value == 0 and all(slope == 0 for slope in variance.slopes):
        return Dual.constant(to_ball(expr.function(sp.S.Zero)), len(variance.slopes))
    moving = slopes and any(slope != 0 for slope in variance.slopes)
    return variance.chain(mean.ball(variance.value), mean.ball(variance.value, order=1) if moving else arb(0))
