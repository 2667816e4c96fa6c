"""The layers of the recurrent parts of a PyTorch module, with the sequences that they saw in one run of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.network_runs import NetworkRun, Seen, run_network
from symgrad.diagnosis.networks import Network, Part, network_of
from symgrad.errors import InputError
from symgrad.interop.torch_calls import is_recurrent
from symgrad.interop.torch_losses import Loss
from symgrad.interop.torch_modules import from_torch
from symgrad.interop.torch_sequences import Recorded, record

__all__ = ["module_runs"]

Array = NDArray[np.float64]

_TOLERANCE = 1e-8  # above what PyTorch's softplus differs from its formula by


def module_runs(module: Any, arguments: tuple[Any, ...], loss: Loss) -> NetworkRun:
    """Run a module once and take apart what its recurrent parts saw.

    Raises:
        InputError: the module cannot be run on the arguments, or a recurrent part of it cannot be read.
    """
    layers: list[LayerRun] = []
    paths: list[str] = []
    notes: list[str] = []
    for recorded in record(module, arguments, loss):
        network = _network(recorded)
        _check_steps(recorded, network)
        found = run_network(network, _seen(recorded, network))
        layers.extend(found.layers)
        paths.extend([recorded.path] * len(found.layers))
        notes.extend(found.notes)
    return NetworkRun(tuple(layers), tuple(dict.fromkeys(notes)), tuple(paths))


def _network(recorded: Recorded) -> Network:
    """The model of a recurrent part; what cannot be read is refused with the place where it lies."""
    try:
        model, weights = from_torch(recorded.part, **_example(recorded))
    except InputError as error:
        if not recorded.path:
            raise
        raise InputError(f"module: {recorded.path}: {str(error).removeprefix('module: ')}") from error
    name = recorded.path + ("" if recorded.call is None else f", sequence {recorded.call + 1}")
    network = network_of(model, weights)
    if is_recurrent(recorded.part) or not name:
        return network.named(name)
    return Network(tuple((replace(part, name=name),) for (part,) in network.levels))


def _check_steps(recorded: Recorded, network: Network) -> None:
    """Refuse a cell that is not its model at some step: one that counts its steps, or starts from a state of its own.

    The model takes each step from the state that the cell itself was in, so that no difference grows over the steps.
    """
    if not recorded.states:
        return
    (part,) = network.parts
    after = np.concatenate(recorded.states, axis=2)
    start = np.concatenate(recorded.initial, axis=1) if recorded.initial else np.zeros_like(after[:, 0])
    before = np.concatenate([start[:, None], after[:, :-1]], axis=1)
    names = [str(state) for state in part.model.states]
    starts = _cut(part, before.reshape(-1, after.shape[2]), names, recorded.path)
    given = recorded.inputs.reshape(-1, 1, recorded.inputs.shape[2])
    inputs = _cut(part, given, [str(symbol) for symbol in part.model.inputs], recorded.path)
    stepped = LayerRun(part.name, part.model, part.weights, inputs, starts).states
    found = np.concatenate([stepped[name][:, 1] for name in names], axis=1).reshape(after.shape)
    wrong = np.flatnonzero(np.abs(found - after).max(axis=(0, 2)) > _TOLERANCE * (1 + np.abs(after).max(axis=(0, 2))))
    if not len(wrong):
        return
    own = wrong[0] == 0 and not recorded.initial
    reason = (
        "starts from a state of its own that is not zero; pass the state to its first call"
        if own
        else f"does not compute at step {wrong[0] + 1} what its model does; it must be the same function at every step"
    )
    raise InputError(f"module: {recorded.path or type(recorded.part).__name__} {reason}")


def _example(recorded: Recorded) -> dict[str, Any]:
    """Arguments that a cell of the user's was really called with, from which its sizes follow."""
    return {} if is_recurrent(recorded.part) else {"example": recorded.example}


def _seen(recorded: Recorded, network: Network) -> Seen:
    """What was recorded, by the names of inputs and states."""
    bottom = network.levels[0][0]
    inputs = _cut(bottom, recorded.inputs, [str(symbol) for symbol in bottom.model.inputs], recorded.path)
    by_state = _by_state_of_network if is_recurrent(recorded.part) else _by_state_of_cell
    return Seen(
        inputs,
        by_state(recorded, network, recorded.initial),
        recorded.output_gradient,
        by_state(recorded, network, recorded.state_gradients),
    )


def _by_state_of_network(recorded: Recorded, network: Network, tensors: tuple[Array, ...]) -> dict[str, Array]:
    """Of (layers and directions, B, ...) each layer's own; PyTorch puts a layer's directions one after the other."""
    return {
        str(part.model.states[kind]): tensor[place]
        for kind, tensor in enumerate(tensors)
        for place, part in enumerate(network.parts)
    }


def _by_state_of_cell(recorded: Recorded, network: Network, tensors: tuple[Array, ...]) -> dict[str, Array]:
    """Of (B, ..., n) each state's own: a tensor that the cell cuts in pieces is several states of the model."""
    if not tensors:
        return {}
    (part,) = network.parts
    names = [str(symbol) for symbol in part.model.states]
    return _cut(part, np.concatenate(tensors, axis=-1), names, recorded.path)


def _cut(part: Part, array: Array, names: list[str], path: str) -> dict[str, Array]:
    """The pieces of a vector by the sizes of the symbols that it consists of."""
    sizes = [part.size(name) for name in names]
    if len(names) == 1:
        return {names[0]: array}
    if None in sizes or sum(size or 0 for size in sizes) != array.shape[-1]:
        raise InputError(
            f"module: {path or 'the cell'} takes {array.shape[-1]} numbers where its model has "
            f"{', '.join(f'{name} ({size})' for name, size in zip(names, sizes, strict=True))}"
        )
    ends = np.cumsum([size or 0 for size in sizes])[:-1]
    return dict(zip(names, np.split(array, ends, axis=-1), strict=True))
