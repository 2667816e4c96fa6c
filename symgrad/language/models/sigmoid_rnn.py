"""The recurrent network of the vanishing-gradient literature, with the activation inside."""

from __future__ import annotations

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import INPUT_SIZE, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["sigmoid_rnn"]


@family
def sigmoid_rnn(activation: str | Activation = "sigmoid") -> Recurrence:
    """``x = W_rec s(x) + W_in u + b`` (Pascanu, Mikolov and Bengio 2013, eq. 2).

    >>> [str(p) for p in sigmoid_rnn().parameters]
    ['W_in', 'W_rec', 'b']
    """
    s = activation_by_name(activation)
    x, u, b = vector("x"), vector("u", INPUT_SIZE), vector("b")
    W_rec, W_in = matrix("W_rec"), matrix("W_in", columns=INPUT_SIZE)
    return Recurrence({x: W_rec * s(x) + W_in * u + b}, inputs=(u,), name="sigmoid_rnn")
