"""Residual recurrence: the state plus an Elman step."""

from __future__ import annotations

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import INPUT_SIZE, TORCH_RNN, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["residual"]


@family
def residual(activation: str | Activation = "tanh") -> Recurrence:
    """``h = h + s(W h + U u + b)``.

    >>> residual().name
    'residual'
    """
    s = activation_by_name(activation)
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    W, U = matrix("W"), matrix("U", columns=INPUT_SIZE)
    return Recurrence({h: h + s(W * h + U * u + b)}, inputs=(u,), name="residual", stacked=TORCH_RNN)
