"""The gated recurrent unit of Cho et al. (2014), as ``torch.nn.GRU``."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation, hadamard
from symgrad.language.models.catalogue import (
    INPUT_SIZE,
    STATE_SIZE,
    TORCH_GATED,
    checked_flag,
    family,
    matrix,
    vector,
    without_biases,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["gru"]

_GATES = "rzn"  # the order in which PyTorch stacks them


@family
def gru(activation: str | Activation = "tanh", bias: bool = True) -> Recurrence:
    """``h = (1 - z) o n + z o h`` with ``r, z = sigmoid(...)`` and ``n = s(W_in u + b_in + r o (W_hn h + b_hn))``.

    As PyTorch has it, the reset gate acts after the matrix product; its bias ``b_hn`` stays apart.

    Args:
        activation: s, by name or as an :class:`~symgrad.Activation`.
        bias: whether there are biases.

    Raises:
        InputError: an option of the wrong type.

    >>> [str(s) for s in gru().states], len(gru().parameters)
    (['h'], 12)
    >>> len(gru(bias=False).parameters)
    6
    """
    checked_flag("bias", bias)
    s, sigmoid = activation_by_name(activation), activation_by_name("sigmoid")
    h, u = vector("h"), vector("u", INPUT_SIZE)

    def fed(name: str) -> sp.MatrixExpr:
        term = matrix(f"W_i{name}", columns=INPUT_SIZE) * u
        return term + vector(f"b_i{name}") if bias else term

    def recalled(name: str) -> sp.MatrixExpr:
        term = matrix(f"W_h{name}") * h
        return term + vector(f"b_h{name}") if bias else term

    r, z = (sigmoid(fed(name) + recalled(name)) for name in "rz")
    n = s(fed("n") + hadamard(r, recalled("n")))
    tensors = TORCH_GATED if bias else without_biases(TORCH_GATED)
    return Recurrence(
        {h: hadamard(sp.OneMatrix(STATE_SIZE, 1) - z, n) + hadamard(z, h)},
        inputs=(u,),
        name="gru",
        stacked={tensor: tuple(prefix + gate for gate in _GATES) for tensor, prefix in tensors.items()},
    )
