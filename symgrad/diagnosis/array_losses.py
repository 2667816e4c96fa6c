"""The gradient of a loss by the outputs and states of a network that is simulated here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.network_runs import LossOfOutputs
from symgrad.diagnosis.networks import Network
from symgrad.diagnosis.sequences import as_floats
from symgrad.errors import InputError, UnknownNameError
from symgrad.interop.torch_losses import gradient_by_output

__all__ = ["at_all_steps", "gradients_of"]

Array = NDArray[np.float64]


def gradients_of(loss: Any, network: Network, *, single: bool) -> LossOfOutputs:
    """What turns the outputs (B, T, size) of a network into dL/d output and state -> dL/d state.

    Args:
        loss: dL/d output of the last step, (size,) or (B, size), or of all steps, (B, T, size); a mapping from states
            to such arrays; or a function of the outputs, a PyTorch tensor (B, T, size), that returns a scalar tensor.
        network: whose states a mapping speaks of.
        single: whether one sequence was given without a batch dimension; arrays may then be (T, size).

    Raises:
        InputError: another shape or type.
        UnknownNameError: a state that the network does not have.
    """
    if isinstance(loss, Mapping):
        return lambda outputs: (None, _by_states(loss, network, outputs, single))
    if callable(loss):
        return lambda outputs: (gradient_by_output(loss, outputs), {})
    return lambda outputs: (at_all_steps("loss", loss, outputs.shape, single), {})


def at_all_steps(label: str, value: Any, shape: tuple[int, ...], single: bool) -> Array:
    """An array dL/dx_t for all steps; one of the last step is zero before.

    Raises:
        InputError: a shape that is neither.
    """
    array = as_floats(label, value)
    count, steps, size = shape
    if array.shape == (count, steps, size):
        return array
    if single and array.shape == (steps, size):
        return array[None]
    if array.shape in ((size,), (count, size)):
        whole = np.zeros(shape)
        whole[:, -1] = array
        return whole
    raise InputError(
        f"{label}: dL/dh of the last step, ({size},) or ({count}, {size}), or of all steps, {tuple(shape)}, is needed, "
        f"got {array.shape}"
    )


def _by_states(loss: Mapping[Any, Any], network: Network, outputs: Array, single: bool) -> dict[str, Array]:
    sizes = {str(state): part.size(str(state)) for part in network.parts for state in part.model.states}
    found = {}
    for key, value in loss.items():
        if str(key) not in sizes:
            raise UnknownNameError("state", str(key), sizes)
        size = sizes[str(key)] or outputs.shape[2]
        found[str(key)] = at_all_steps(f"loss {key}", value, (*outputs.shape[:2], size), single)
    return found
