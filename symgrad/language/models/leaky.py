"""Leaky integrator units: a running mean of an Elman network's states (Jaeger et al. 2007, eq. 3)."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import INPUT_SIZE, family, matrix, vector
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence

__all__ = ["leaky"]


@family
def leaky(alpha: float | sp.Expr | None = None, activation: str | Activation = "tanh") -> Recurrence:
    """``h = (1 - alpha) h + alpha s(W h + U u + b)``.

    Args:
        alpha: a number, a symbol, or None for the parameter ``alpha``.
        activation: name or object.

    >>> leaky().parameters
    (U, W, alpha, b)
    """
    s = activation_by_name(activation)
    rate = _rate(alpha)
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    W, U = matrix("W"), matrix("U", columns=INPUT_SIZE)
    return Recurrence({h: (1 - rate) * h + rate * s(W * h + U * u + b)}, inputs=(u,), name="leaky")


def _rate(alpha: float | sp.Expr | None) -> sp.Expr:
    if alpha is None:
        return sp.Symbol("alpha", positive=True)
    return alpha if isinstance(alpha, sp.Expr) and alpha.free_symbols else exact_number("alpha", alpha)
