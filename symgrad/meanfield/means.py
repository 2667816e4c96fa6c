"""Gaussian means of a formula in every way they are known: closed form, enclosure and floats, behind one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import CORRELATION, VARIANCE, GaussianMean, GaussianPairMean
from symgrad.meanfield.closed_means import ClosedMean, closed_mean, closed_pair_mean
from symgrad.meanfield.fast_means import fast_mean
from symgrad.meanfield.fast_pair_means import fast_pair_mean
from symgrad.rigor.balls import ball_function
from symgrad.rigor.gaussian_cells import common
from symgrad.rigor.gaussian_integrals import gaussian_mean, gaussian_pair_mean

__all__ = ["Mean", "PairMean"]

_MOST_LOST = 12  # bits that a closed form may lose by cancellation


@dataclass(frozen=True)
class Mean:
    """``E[f(sqrt(q) z)]`` over a standard normal z, as a function of the variance q.

    Args:
        formula: f, an expression in ``VARIABLE``; kinks and jumps are allowed.
    """

    formula: sp.Expr

    @cached_property
    def closed(self) -> ClosedMean | None:
        """The closed form in ``VARIANCE`` with its derivation, or None where the rules find none."""
        return closed_mean(self.formula, VARIABLE, VARIANCE)

    @property
    def expr(self) -> sp.Expr:
        """The closed form, or else the mean unevaluated."""
        return self.closed.value if self.closed else GaussianMean(sp.Lambda(VARIABLE, self.formula), VARIANCE)

    def ball(self, variance: arb, order: int = 0) -> arb:
        """An enclosure of the mean, or of its derivative by the variance, for all variances in a ball.

        Not finite where the mean may not exist or nothing is proved.
        """
        closed = arb("nan")
        if self.closed and self.closed.holds((VARIANCE,), (variance,)):
            closed = _closed_function(self.closed.value, order)(variance)
            known = min(ctx.prec, variance.rel_accuracy_bits())
            if closed.is_finite() and closed.rel_accuracy_bits() > known - _MOST_LOST:
                return closed
        return common([closed, gaussian_mean(self.formula, VARIABLE, variance, order=order)])

    def floats(self, variances: Any, order: int = 0) -> np.ndarray:
        """Approximate values for an array of variances."""
        return fast_mean(self.formula, VARIABLE, variances, order=order)


@lru_cache(maxsize=512)
def _closed_function(value: sp.Expr, order: int) -> Callable[..., arb]:
    """A derivative of a closed form by the variance, on balls."""
    return ball_function(sp.diff(value, VARIANCE, order), VARIANCE)


@dataclass(frozen=True)
class PairMean:
    """``E[f(x) g(y)]`` over Gaussian x, y of mean 0, variance q each and correlation c.

    Args:
        first: f, an expression in ``VARIABLE``.
        second: g, likewise.
    """

    first: sp.Expr
    second: sp.Expr

    @cached_property
    def closed(self) -> ClosedMean | None:
        """The closed form in ``VARIANCE`` and ``CORRELATION``, or None."""
        return closed_pair_mean(self.first, self.second, VARIABLE, VARIANCE, CORRELATION)

    @property
    def expr(self) -> sp.Expr:
        """The closed form, or else the mean unevaluated."""
        if self.closed:
            return self.closed.value
        first, second = (sp.Lambda(VARIABLE, part) for part in (self.first, self.second))
        return GaussianPairMean(first, second, VARIANCE, CORRELATION)

    def ball(self, variance: arb, correlation: arb) -> arb:
        """An enclosure for all variances and correlations in two balls."""
        if self.closed and self.closed.holds((VARIANCE, CORRELATION), (variance, correlation)):
            closed = ball_function(self.closed.value, (VARIANCE, CORRELATION))(variance, correlation)
            if closed.is_finite():
                return closed
        return gaussian_pair_mean(self.first, self.second, VARIABLE, variance, correlation)

    def floats(self, variances: Any, correlations: Any) -> np.ndarray:
        """Approximate values for arrays of variances and correlations of one shape (or that broadcast)."""
        return fast_pair_mean(self.first, self.second, VARIABLE, variances, correlations)
