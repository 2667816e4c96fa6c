"""Recurrences and bidirectional stacks with their weights as what is diagnosed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.array_losses import gradients_of
from symgrad.diagnosis.network_runs import Seen, run_network
from symgrad.diagnosis.networks import Network, Part, network_of
from symgrad.diagnosis.sequences import Sequences, as_floats, drawn, given
from symgrad.diagnosis.subject import Options, Subject
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["model_subject"]

Array = NDArray[np.float64]


def model_subject(
    model: Recurrence | BidirectionalStack,
    weights: Mapping[Any, Any],
    inputs: Any,
    loss: Any,
    initial: Any,
    options: Options,
    name: str | None = None,
    outputs: tuple[str, ...] = (),
) -> Subject:
    """The layers of a model with its weights.

    Args:
        model: a recurrence over steps in time, or a bidirectional stack.
        weights: name -> array, for all parameters.
        inputs: (T, m) or (B, T, m), or a mapping name -> such arrays; standard normal ones where None.
        loss: None; dL/d output of the last step, (n,) or (B, n), or of all steps, (B, T, n); a mapping state -> such
            arrays; or a function of the outputs, a PyTorch tensor (B, T, n), that returns a scalar tensor.
        initial: state -> (n,) or (B, n); zero where left out.
        options: how sequences are drawn.
        name: of the network; the model's own unless given.
        outputs: of a model of one layer the states that a loss reads, side by side; the first one unless given.

    Raises:
        InputError: an argument of the wrong type, shape or value. Names the argument.
        UnknownNameError: a name that the model does not have.
    """
    _check_model(model)
    network = network_of(model, weights)
    if outputs and len(network.parts) == 1:
        network = Network(((replace(network.parts[0], outputs=outputs),),))
    sequences = _sequences(network, inputs, options)
    starts = _starts(network, initial)
    arrays, starts, count = _as_one_batch(sequences, starts)
    seen = Seen(arrays, starts, length=None if arrays else options.horizon)
    wanted = None if loss is None else gradients_of(loss, network, single=sequences.single and count == 1)
    runs = run_network(network, seen, wanted)
    called = name or getattr(model, "name", None) or "bidirectional stack"
    return Subject(called, runs.layers, sequences.words, sequences.seed, runs.notes)


def _check_model(model: Any) -> None:
    if isinstance(model, BidirectionalStack):
        return
    if model.continuous or model.depth is not None:
        kind = "a flow" if model.continuous else "a model with a depth, whose steps are layers"
        raise InputError(f"model: {model.name} is {kind}; a recurrence over steps in time is needed")


def _sequences(network: Network, inputs: Any, options: Options) -> Sequences:
    """The sequences of the inputs of the bottom level."""
    bottom = network.levels[0][0]
    names = [str(symbol) for symbol in bottom.model.inputs]
    if not names:
        if inputs is not None:
            raise InputError(f"inputs: model {bottom.model.name} has none; leave them out")
        return Sequences({}, f"none: a model without inputs, {options.horizon} steps", None, single=True)
    if inputs is None:
        return drawn({name: _size(bottom, name) for name in names}, options.trajectories, options.horizon, options.seed)
    if not isinstance(inputs, Mapping):
        if len(names) > 1:
            raise InputError(f"inputs: the model has several, give a mapping with {', '.join(names)}")
        inputs = {names[0]: inputs}
    named = {str(bottom.model.symbol(key, bottom.model.inputs)): value for key, value in inputs.items()}
    missing = [name for name in names if name not in named]
    if missing:
        raise InputError(f"inputs: {', '.join(missing)} of model {bottom.model.name} missing")
    found = given({name: _columns(bottom, name, value) for name, value in named.items()})
    for name, array in found.arrays.items():
        size = bottom.size(name)
        if size not in (None, array.shape[-1]):
            raise InputError(f"inputs: the last dimension must be the input size {size}, got shape {array.shape}")
    return found


def _size(part: Part, name: str) -> int:
    size = part.size(name)
    if size is None:
        raise InputError(f"inputs: the weights do not tell the size of {name}; pass sequences")
    return size


def _columns(part: Part, name: str, value: Any) -> Any:
    """Inputs of a scalar model may be numbers, (T,)."""
    if part.model.is_scalar and np.ndim(value) == 1:
        return as_floats("inputs", value)[:, None]
    return value


def _starts(network: Network, initial: Any) -> dict[str, Array]:
    """Initial states by name; a bare array stands for the only state, a tuple for all of them in order."""
    states = {str(state): part for part in network.parts for state in part.model.states}
    if initial is None:
        return {}
    if not isinstance(initial, Mapping):
        values = initial if isinstance(initial, tuple) else (initial,)
        if len(values) != len(states):
            raise InputError(f"initial: a mapping {{state: array}} with states {', '.join(states)} is needed")
        initial = dict(zip(states, values, strict=True))
    starts = {}
    for key, value in initial.items():
        if str(key) not in states:
            raise UnknownNameError("state", str(key), states)
        array, size = as_floats(f"initial {key}", value), states[str(key)].size(str(key))
        array = array.reshape(1) if states[str(key)].model.is_scalar and array.ndim == 0 else array
        if array.ndim not in (1, 2) or (size is not None and array.shape[-1] != size):
            wanted = "n" if size is None else size
            raise InputError(f"initial {key}: shape ({wanted},) or (B, {wanted}) is needed, got {array.shape}")
        starts[str(key)] = array
    return starts


def _as_one_batch(sequences: Sequences, starts: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array], int]:
    """All arrays for the same number of sequences; a single sequence, or start, is repeated for all of the others."""
    counts = {len(array) for array in starts.values() if array.ndim == 2}
    if sequences.arrays and not sequences.single:
        counts.add(sequences.size)
    if len(counts) > 1:
        raise InputError(
            f"initial: numbers of sequences must agree with each other and the inputs, got {sorted(counts)}"
        )
    count = counts.pop() if counts else 1
    arrays = {name: np.broadcast_to(a, (count, *a.shape[1:])) for name, a in sequences.arrays.items()}
    return arrays, {name: np.broadcast_to(a, (count, a.shape[-1])) for name, a in starts.items()}, count
