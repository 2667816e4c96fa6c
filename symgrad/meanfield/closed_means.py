"""Closed forms of Gaussian means, derived by integration rules on the formula."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.language.derivation import Derivation

__all__ = ["ClosedMean", "closed_mean", "closed_pair_mean"]


@dataclass(frozen=True)
class ClosedMean:
    """A mean in closed form.

    Attributes:
        value: the mean.
        exists: a SymPy condition under which the mean is finite.
        derivation: how it was found.
    """

    value: sp.Expr
    exists: sp.Basic
    derivation: Derivation


def closed_mean(formula: sp.Expr, symbol: sp.Symbol, variance: sp.Expr, mean: sp.Expr = sp.S.Zero) -> ClosedMean | None:
    """``E[f(x)]`` for Gaussian x of that mean and variance, or None."""
    return None


def closed_pair_mean(
    first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variance: sp.Expr, correlation: sp.Expr
) -> ClosedMean | None:
    """``E[f(x) g(y)]`` for Gaussian x, y of mean 0, that variance each and that correlation, or None."""
    return None
