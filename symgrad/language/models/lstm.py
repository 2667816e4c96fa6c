"""Long short-term memory with forget gate, one symbol a gate, named as ``torch.nn.LSTM`` documents them."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation
from symgrad.language.elementwise import hadamard
from symgrad.language.models.catalogue import INPUT_SIZE, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["lstm"]

_GATES = "ifgo"  # the order in which PyTorch stacks them


@family
def lstm() -> Recurrence:
    """``c = f o c + i o g, h = o o tanh(c)`` with gates ``i, f, o = sigmoid(...)``, ``g = tanh(...)``.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    >>> [str(s) for s in lstm().states], len(lstm().parameters)
    (['h', 'c'], 16)
    """
    sigmoid, tanh = activation("sigmoid"), activation("tanh")
    h, c, u = vector("h"), vector("c"), vector("u", INPUT_SIZE)

    def gate(name: str) -> sp.MatrixExpr:
        inner = matrix(f"W_i{name}", columns=INPUT_SIZE) * u + vector(f"b_i{name}")
        return inner + matrix(f"W_h{name}") * h + vector(f"b_h{name}")

    i, f, g, o = sigmoid(gate("i")), sigmoid(gate("f")), tanh(gate("g")), sigmoid(gate("o"))
    c_next = hadamard(f, c) + hadamard(i, g)
    tensors = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}
    return Recurrence(
        {h: hadamard(o, tanh(c_next)), c: c_next},
        inputs=(u,),
        name="lstm",
        stacked={tensor: tuple(prefix + gate_name for gate_name in _GATES) for tensor, prefix in tensors.items()},
    )
