"""Long short-term memory with forget gate, one symbol a gate, named as ``torch.nn.LSTM`` documents them."""

from __future__ import annotations

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.activations import activation
from symgrad.language.elementwise import hadamard
from symgrad.language.models.catalogue import INPUT_SIZE, STATE_SIZE, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["lstm"]

_GATES = "ifgo"  # the order in which PyTorch stacks them


@family
def lstm(peephole: bool = False, coupled: bool = False) -> Recurrence:
    """``c = f o c + i o g, h = o o tanh(c)`` with gates ``i, f, o = sigmoid(...)``, ``g = tanh(...)``.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Args:
        peephole: the gates see the cell too, i and f its old state and o the new one, through the weight vectors
            ``p_i``, ``p_f`` and ``p_o`` (Gers and Schmidhuber 2000).
        coupled: the input gate is ``i = 1 - f`` (Greff et al. 2017, CIFG). PyTorch has no names for these weights.

    Raises:
        InputError: an option that is no truth value.

    >>> [str(s) for s in lstm().states], len(lstm().parameters)
    (['h', 'c'], 16)
    >>> [str(p) for p in lstm(peephole=True).parameters if str(p).startswith("p")]
    ['p_f', 'p_i', 'p_o']
    """
    for option, value in {"peephole": peephole, "coupled": coupled}.items():
        if not isinstance(value, bool):
            raise InputError(f"{option}: True or False is needed, got {value!r} ({type(value).__name__})")
    sigmoid, tanh = activation("sigmoid"), activation("tanh")
    h, c, u = vector("h"), vector("c"), vector("u", INPUT_SIZE)

    def gate(name: str, cell: sp.MatrixExpr | None = None) -> sp.MatrixExpr:
        inner = matrix(f"W_i{name}", columns=INPUT_SIZE) * u + vector(f"b_i{name}")
        inner = inner + matrix(f"W_h{name}") * h + vector(f"b_h{name}")
        return inner + hadamard(vector(f"p_{name}"), cell) if peephole and cell is not None else inner

    f, g = sigmoid(gate("f", c)), tanh(gate("g"))
    i = sp.OneMatrix(STATE_SIZE, 1) - f if coupled else sigmoid(gate("i", c))
    c_next = hadamard(f, c) + hadamard(i, g)
    o = sigmoid(gate("o", c_next))
    tensors = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}
    stacked = {tensor: tuple(prefix + gate_name for gate_name in _GATES) for tensor, prefix in tensors.items()}
    return Recurrence(
        {h: hadamard(o, tanh(c_next)), c: c_next},
        inputs=(u,),
        name="lstm",
        stacked={} if coupled else stacked,
    )
