"""Feedforward networks: layers of one form, each with weights of its own, as in ``torch.nn.Sequential``."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["feedforward"]

DEPTH = sp.Symbol("L", positive=True, integer=True)


@family
def feedforward(depth: int | sp.Expr = DEPTH, activation: str | Activation = "tanh") -> Recurrence:
    """``x_l = s(W_l x_{l-1} + b_l)`` for l = 1 ... depth, each layer with its own ``W_l`` and ``b_l``.

    In PyTorch it is ``Sequential(Linear, s, Linear, s, ...)``, whose names ``0.weight``, ``0.bias``, ``2.weight``, ...
    are accepted for the weights. Layers may have different widths.

    Args:
        depth: a positive integer, or a symbol for one.
        activation: after every layer, also the last.

    Raises:
        InputError: the depth is something else.
        UnknownNameError: no such activation.

    >>> model = feedforward(3, "relu")
    >>> model.depth, [str(p) for p in model.parameters]
    (3, ['W', 'b'])
    """
    s = activation_by_name(activation)
    x, W, b = vector("x"), matrix("W"), vector("b")
    stacked = {"weight": ("W",), "bias": ("b",)}
    return Recurrence({x: s(W * x + b)}, name="feedforward", stacked=stacked, depth=depth)
