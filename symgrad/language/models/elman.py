"""The simple recurrent network of Elman (1990), as ``torch.nn.RNN``."""

from __future__ import annotations

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import (
    INPUT_SIZE,
    TORCH_RNN,
    checked_flag,
    family,
    matrix,
    vector,
    without_biases,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["elman"]


@family
def elman(activation: str | Activation = "tanh", bias: bool = True) -> Recurrence:
    """``h = s(W h + U u + b)``.

    In PyTorch's names W is ``weight_hh``, U is ``weight_ih`` and b the sum of both biases.

    Args:
        activation: s, by name or as an :class:`~symgrad.Activation`.
        bias: whether there is a b.

    Raises:
        InputError: an option of the wrong type.

    >>> print(elman().updates[elman().states[0]])
    tanh(U*u + W*h + b)
    >>> print(elman("relu", bias=False))
    h[t] = relu(W*h[t-1] + U*u[t])
    """
    checked_flag("bias", bias)
    s = activation_by_name(activation)
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    W, U = matrix("W"), matrix("U", columns=INPUT_SIZE)
    return Recurrence(
        {h: s(W * h + U * u + b if bias else W * h + U * u)},
        inputs=(u,),
        name="elman",
        stacked=TORCH_RNN if bias else without_biases(TORCH_RNN),
    )
