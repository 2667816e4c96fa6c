"""Highway layers (Srivastava, Greff and Schmidhuber 2015), as a recurrence (Zilly et al. 2017, depth 1)."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation, hadamard
from symgrad.language.models.catalogue import INPUT_SIZE, STATE_SIZE, family, matrix, vector
from symgrad.language.recurrence import Recurrence

__all__ = ["highway"]


@family
def highway(activation: str | Activation = "tanh") -> Recurrence:
    """``h = t o s(W h + U u + b) + (1 - t) o h`` with the transform gate ``t = sigmoid(W_t h + U_t u + b_t)``.

    >>> [str(p) for p in highway().parameters]
    ['U', 'U_t', 'W', 'W_t', 'b', 'b_t']
    """
    s, sigmoid = activation_by_name(activation), activation_by_name("sigmoid")
    h, u = vector("h"), vector("u", INPUT_SIZE)
    gate = sigmoid(matrix("W_t") * h + matrix("U_t", columns=INPUT_SIZE) * u + vector("b_t"))
    step = s(matrix("W") * h + matrix("U", columns=INPUT_SIZE) * u + vector("b"))
    carried = hadamard(sp.OneMatrix(STATE_SIZE, 1) - gate, h)
    return Recurrence({h: hadamard(gate, step) + carried}, inputs=(u,), name="highway")
