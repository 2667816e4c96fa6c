"""Long short-term memory with forget gate, one symbol a gate, named as ``torch.nn.LSTM`` documents them."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation
from symgrad.language.elementwise import hadamard
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

__all__ = ["lstm"]

_GATES = "ifgo"  # the order in which PyTorch stacks them


@family
def lstm(peephole: bool = False, coupled: bool = False, bias: bool = True) -> Recurrence:
    """``c = f o c + i o g, h = o o tanh(c)`` with gates ``i, f, o = sigmoid(...)``, ``g = tanh(...)``.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Args:
        peephole: the gates see the cell too, i and f its old state and o the new one, through the weight vectors
            ``p_i``, ``p_f`` and ``p_o`` (Gers and Schmidhuber 2000).
        coupled: the input gate is ``i = 1 - f`` (Greff et al. 2017, CIFG). PyTorch has no names for these weights.
        bias: whether there are biases.

    Raises:
        InputError: an option that is no truth value.

    >>> [str(s) for s in lstm().states], len(lstm().parameters)
    (['h', 'c'], 16)
    >>> [str(p) for p in lstm(peephole=True).parameters if str(p).startswith("p")]
    ['p_f', 'p_i', 'p_o']
    """
    for option, value in {"peephole": peephole, "coupled": coupled, "bias": bias}.items():
        checked_flag(option, value)
    sigmoid, tanh = activation("sigmoid"), activation("tanh")
    h, c, u = vector("h"), vector("c"), vector("u", INPUT_SIZE)

    def gate(name: str, cell: sp.MatrixExpr | None = None) -> sp.MatrixExpr:
        inner = matrix(f"W_i{name}", columns=INPUT_SIZE) * u + matrix(f"W_h{name}") * h
        inner = inner + vector(f"b_i{name}") + vector(f"b_h{name}") if bias else inner
        return inner + hadamard(vector(f"p_{name}"), cell) if peephole and cell is not None else inner

    f, g = sigmoid(gate("f", c)), tanh(gate("g"))
    i = sp.OneMatrix(STATE_SIZE, 1) - f if coupled else sigmoid(gate("i", c))
    c_next = hadamard(f, c) + hadamard(i, g)
    o = sigmoid(gate("o", c_next))
    tensors = TORCH_GATED if bias else without_biases(TORCH_GATED)
    stacked = {tensor: tuple(prefix + gate_name for gate_name in _GATES) for tensor, prefix in tensors.items()}
    return Recurrence(
        {h: hadamard(o, tanh(c_next)), c: c_next},
        inputs=(u,),
        name="lstm",
        stacked={} if coupled else stacked,
    )
