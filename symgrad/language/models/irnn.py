"""The recurrent network of rectified linear units that starts as the identity (Le, Jaitly and Hinton 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.models.catalogue import family
from symgrad.language.models.elman import elman
from symgrad.language.recurrence import Recurrence

__all__ = ["irnn", "irnn_weights"]


@family
def irnn() -> Recurrence:
    """``h = ReLU(W h + U u + b)``, as ``torch.nn.RNN(nonlinearity="relu")``.

    What makes it an IRNN is where training starts, see :func:`irnn_weights`.

    >>> print(irnn().updates[irnn().states[0]])
    relu(U*u + W*h + b)
    """
    plain = elman("relu")
    return Recurrence(plain.updates, inputs=plain.inputs, name="irnn", stacked=plain.stacked)


def irnn_weights(n: int, m: int, scale: float = 0.001, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """The weights that training starts from: W the identity, U Gaussian, b zero.

    Args:
        n: the number of units.
        m: the number of inputs.
        scale: the standard deviation of U; 0.001 in the paper.
        seed: of the random numbers in U.

    Returns:
        W (n, n), U (n, m), b (n,).

    Raises:
        InputError: n or m is not a positive integer.

    Source: Le, Jaitly and Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, sec. 4.

    >>> import symgrad as sg
    >>> sg.product_bound(irnn()).evaluate(irnn_weights(3, 2), k=1000)
    1.0
    """
    sizes: dict[str, Any] = {"n": n, "m": m}
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise InputError(f"{name}: a positive integer is needed, got {size!r} ({type(size).__name__})")
    random = np.random.default_rng(seed)
    return {"W": np.eye(n), "U": scale * random.standard_normal((n, m)), "b": np.zeros(n)}
