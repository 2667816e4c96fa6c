"""Enclosures of Gaussian means by rigorous integration in ball arithmetic."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.rigor.gaussian_points import mean_against_hermite

__all__ = ["gaussian_mean", "gaussian_pair_mean"]


def gaussian_mean(formula: sp.Expr, symbol: sp.Symbol, variance: arb, mean: arb | None = None, order: int = 0) -> arb:
    """Encloses ``E[f(mean + sqrt(variance) z)]`` or its derivative by the variance, for all values in the balls."""
    if not variance > 0:
        return arb("nan")
    value = mean_against_hermite(formula, symbol, variance, arb(0) if mean is None else mean, 2 * order)
    return value / (2 * variance) ** order


def gaussian_pair_mean(first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variance: arb, correlation: arb) -> arb:
    """Encloses ``E[f(x) g(y)]`` for Gaussian x, y of mean 0 with that variance each and that correlation."""
    return arb("nan")
