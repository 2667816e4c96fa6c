"""Leaky integrator units: a running mean of an Elman network's states (Jaeger et al. 2007, eq. 3)."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import INPUT_SIZE, TORCH_RNN, family, matrix, vector
from symgrad.language.numbers import scalar_parameter
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
    rate = scalar_parameter("alpha", alpha, positive=True)
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    W, U = matrix("W"), matrix("U", columns=INPUT_SIZE)
    return Recurrence({h: (1 - rate) * h + rate * s(W * h + U * u + b)}, inputs=(u,), name="leaky", stacked=TORCH_RNN)
