"""The simple recurrent network of Elman (1990), as ``torch.nn.RNN``."""

from __future__ import annotations

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import INPUT_SIZE, TORCH_RNN, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["elman"]


@family
def elman(activation: str | Activation = "tanh") -> Recurrence:
    """``h = s(W h + U u + b)``.

    In PyTorch's names W is ``weight_hh``, U is ``weight_ih`` and b the sum of both biases.

    >>> print(elman().updates[elman().states[0]])
    tanh(U*u + W*h + b)
    """
    s = activation_by_name(activation)
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    W, U = matrix("W"), matrix("U", columns=INPUT_SIZE)
    return Recurrence(
        {h: s(W * h + U * u + b)},
        inputs=(u,),
        name="elman",
        stacked=TORCH_RNN,
    )
