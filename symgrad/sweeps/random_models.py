"""Models of the zoo with random weights: what ensembles are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language import models
from symgrad.language.activations import activation as activation_named
from symgrad.language.recurrence import Recurrence

__all__ = ["LAWS", "model_named", "random_inputs", "random_weights"]

Array = NDArray[np.float64]
LAWS = ("gaussian", "orthogonal")


@lru_cache(maxsize=64)
def model_named(name: str, activation: str | None = None) -> Recurrence:
    """A model of the zoo by its name, if its states are vectors of free size and its weights the same at each step.

    Raises:
        InputError: a model of one unit, or with layers of its own.
        UnknownNameError: there is no such model or activation.
    """
    options = {} if activation is None else {"activation": activation_named(activation)}
    model = models.build(name, **options)
    if model.depth is not None or not model.sizes:
        raise InputError(f"model: one with weight matrices that are the same at each step is needed, got {name}")
    return model


def random_weights(
    model: Recurrence,
    size: int,
    gain: float,
    rng: np.random.Generator,
    *,
    law: str = "gaussian",
    inputs: int = 1,
    scalars: Mapping[str, float] | None = None,
) -> dict[str, Array]:
    """Weights for all parameters of a model by name.

    Args:
        model: a recurrence with matrices and vectors of weights.
        size: of each state.
        gain: of the square matrices: their entries have variance ``gain**2 / size``, or they are ``gain`` times an
            orthogonal matrix.
        rng: what they are drawn by.
        law: ``"gaussian"``, or ``"orthogonal"`` with the Haar measure.
        inputs: the number of entries of each input; their matrices have variance ``1 / inputs``.
        scalars: parameters of the model that are numbers, such as alpha of a leaky unit.

    Returns:
        Name -> array; biases are zero.

    Raises:
        InputError: no positive size, another law, or numbers that are missing or unknown.

    >>> import numpy as np
    >>> weights = random_weights(model_named("elman"), 3, 0.9, np.random.default_rng(0), law="orthogonal")
    >>> {name: array.shape for name, array in weights.items()}, round(float(np.linalg.norm(weights["W"], 2)), 12)
    ({'U': (3, 1), 'W': (3, 3), 'b': (3,)}, 0.9)
    """
    scalars = {} if scalars is None else scalars
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InputError(f"size: a positive integer is needed, got {size!r}")
    if law not in LAWS:
        raise InputError(f"law: one of {', '.join(LAWS)} is needed, got {law!r}")
    sizes = _sizes(model, size, inputs)
    weights: dict[str, Array] = {}
    for parameter in model.parameters:
        name = str(parameter)
        if not hasattr(parameter, "shape"):
            if name not in scalars:
                raise InputError(f"{name}: model {model.name} needs this number too")
            weights[name] = np.array(float(scalars[name]))
            continue
        rows, columns = (int(sp.sympify(length).subs(sizes)) for length in parameter.shape)
        if parameter.shape[1] == 1:
            weights[name] = np.zeros(rows)
        elif parameter.shape[0] == parameter.shape[1]:
            weights[name] = _square(rows, gain, rng, law)
        else:
            weights[name] = rng.normal(size=(rows, columns)) / np.sqrt(columns)
    unknown = sorted(set(scalars) - set(weights))
    if unknown:
        raise InputError(f"{', '.join(unknown)}: model {model.name} has no such number")
    return weights


def _sizes(model: Recurrence, size: int, inputs: int) -> dict[Any, int]:
    own = {symbol for state in model.states for symbol in state.shape if isinstance(symbol, sp.Symbol)}
    return {symbol: size if symbol in own else inputs for symbol in model.sizes}


def _square(size: int, gain: float, rng: np.random.Generator, law: str) -> Array:
    drawn = rng.normal(size=(size, size))
    if law == "gaussian":
        return drawn * (gain / np.sqrt(size))
    q, r = np.linalg.qr(drawn)
    return np.asarray(gain * q * np.sign(np.diagonal(r)))


def random_inputs(model: Recurrence, steps: int, rng: np.random.Generator, scale: float, inputs: int = 1) -> Any:
    """Independent Gaussian inputs of some scale, name -> (steps, inputs); None for a model without inputs."""
    if not model.inputs:
        return None
    return {str(item): scale * rng.normal(size=(steps, inputs)) for item in model.inputs}
