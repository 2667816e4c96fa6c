"""The gated recurrent unit of Cho et al. (2014), as ``torch.nn.GRU``."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation, hadamard
from symgrad.language.models.catalogue import INPUT_SIZE, STATE_SIZE, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["gru"]

_GATES = "rzn"  # the order in which PyTorch stacks them


@family
def gru(activation: str | Activation = "tanh") -> Recurrence:
    """``h = (1 - z) o n + z o h`` with ``r, z = sigmoid(...)`` and ``n = s(W_in u + b_in + r o (W_hn h + b_hn))``.

    As PyTorch has it, the reset gate acts after the matrix product; its bias ``b_hn`` stays apart.

    >>> [str(s) for s in gru().states], len(gru().parameters)
    (['h'], 12)
    """
    s, sigmoid = activation_by_name(activation), activation_by_name("sigmoid")
    h, u = vector("h"), vector("u", INPUT_SIZE)

    def fed(name: str) -> sp.MatrixExpr:
        return matrix(f"W_i{name}", columns=INPUT_SIZE) * u + vector(f"b_i{name}")

    def recalled(name: str) -> sp.MatrixExpr:
        return matrix(f"W_h{name}") * h + vector(f"b_h{name}")

    r, z = (sigmoid(fed(name) + recalled(name)) for name in "rz")
    n = s(fed("n") + hadamard(r, recalled("n")))
    tensors = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}
    return Recurrence(
        {h: hadamard(sp.OneMatrix(STATE_SIZE, 1) - z, n) + hadamard(z, h)},
        inputs=(u,),
        name="gru",
        stacked={tensor: tuple(prefix + gate for gate in _GATES) for tensor, prefix in tensors.items()},
    )
