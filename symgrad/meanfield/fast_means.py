"""Gaussian means in floats, for whole arrays of variances and correlations at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function

__all__ = ["fast_mean", "fast_pair_mean"]

_REACH, _PANELS, _NODES = 12.0, 48, 16


@lru_cache(maxsize=1)
def _rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(-_REACH, _REACH, _PANELS + 1)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * nodes).ravel()
    return z, (half * weights).ravel() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def fast_mean(formula: sp.Expr, symbol: sp.Symbol, variances: Any, order: int = 0) -> np.ndarray:
    """``E[f(sqrt(q) z)]``, or its derivative by q, for an array of variances; approximate."""
    z, weights = _rule()
    q = np.asarray(variances, dtype=float)
    values = array_function(formula.xreplace({symbol: VARIABLE}))(np, np.sqrt(q)[..., None] * z)
    if order:
        weights = weights * (z**2 - 1)
        return values @ weights / (2 * q)
    return values @ weights


def fast_pair_mean(first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variances: Any, correlations: Any) -> np.ndarray:
    """``E[f(x) g(y)]`` for arrays of variances and correlations; approximate."""
    z, weights = _rule()
    q, c = np.broadcast_arrays(np.asarray(variances, float), np.asarray(correlations, float))
    x = np.sqrt(q)[..., None] * z
    y = c[..., None, None] * x[..., :, None] + (np.sqrt(q * (1 - c**2)))[..., None, None] * z
    f, g = (array_function(part.xreplace({symbol: VARIABLE})) for part in (first, second))
    return ((f(np, x) * weights) * (g(np, y) @ weights)).sum(-1)
