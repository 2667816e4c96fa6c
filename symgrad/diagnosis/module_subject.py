"""PyTorch modules as what is diagnosed: recurrent networks, cells, and modules that hold some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.array_losses import at_all_steps
from symgrad.diagnosis.cell_subject import cell_subject
from symgrad.diagnosis.module_runs import module_runs
from symgrad.diagnosis.networks import network_of
from symgrad.diagnosis.sequences import Sequences, as_floats, check_amount, drawn, given
from symgrad.diagnosis.subject import Options, Subject
from symgrad.errors import InputError, UnknownNameError
from symgrad.interop.torch_calls import has_recurrent_part, is_cell, is_recurrent, takes_ids
from symgrad.interop.torch_checks import check_module, torch_module, unwrapped
from symgrad.interop.torch_modules import from_torch
from symgrad.language.layer_chain import LayerChain

__all__ = ["chain_of_module", "module_subject"]

Array = NDArray[np.float64]


def chain_of_module(module: Any) -> tuple[LayerChain, dict[str, Array]] | None:
    """A feed-forward module as a chain of layers with its weights; None for one that has a recurrent part.

    Raises:
        InputError: a module without recurrent parts that cannot be read.
    """
    module = unwrapped(module)
    if is_recurrent(module) or is_cell(module) or has_recurrent_part(module, surely=True):
        return None
    try:
        found, weights = from_torch(module)
    except InputError:
        if has_recurrent_part(module):  # a part whose second argument may be left out may be a cell all the same
            return None
        raise
    return (found, weights) if isinstance(found, LayerChain) else None


def module_subject(module: Any, inputs: Any, loss: Any, initial: Any, options: Options, example: Any = None) -> Subject:
    """The recurrent layers of a module, run once in evaluation mode and float64 on a copy.

    Args:
        module: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU``; a cell ``forward(input, state)``; or any module that holds these.
        inputs: of a network as it takes them, (T, m) or (T, B, m), with ``batch_first`` (B, T, m); of a cell (T, m) or
            (B, T, m); of any other module what it is called with, a tuple for several arguments, a mapping for one.
            Standard normal sequences where None, which only networks and cells can do with.
        loss: a function of the module's output that returns a scalar tensor (of a cell: of its first states
            (B, T, n)), or an array of dL/d output.
        initial: state -> (n,) or (B, n), or of a network the tensor or tuple of tensors that it takes.
        options: how sequences are drawn.
        example: an example ``(input, state)`` of a cell's arguments, where its sizes do not follow from the rest.

    Raises:
        InputError: an argument of the wrong type, shape or value. Names the argument.
    """
    module = unwrapped(module)
    check_module(module)
    with torch_module().inference_mode(mode=False):  # the caller's mode, in which nothing has a derivative
        return _subject(module, inputs, loss, initial, options, example)


def _subject(module: Any, inputs: Any, loss: Any, initial: Any, options: Options, example: Any) -> Subject:
    """The layers of a module that may be read."""
    name = type(module).__name__
    if is_recurrent(module):
        if example is not None:
            raise InputError(f"example: the sizes of {name} follow from the module; leave it out")
        return _network(module, inputs, loss, initial, options)
    if _is_cell_alone(module, inputs):
        return cell_subject(module, inputs, loss, initial, options, example)
    if initial is not None:
        raise InputError(
            f"initial: {name} starts its recurrent parts by itself; leave it out, or diagnose a part alone"
        )
    if inputs is None:
        raise InputError(f"inputs: {name} holds recurrent parts but is none itself; pass what it is to be called with")
    arguments = _arguments(module, inputs)
    runs = module_runs(module, arguments, loss)
    first = runs.layers[0]
    words = f"given: {first.size} sequences of {first.steps} steps reach {first.name}"
    return Subject(name, runs.layers, words, None, runs.notes, runs.paths)


def _is_cell_alone(module: Any, inputs: Any) -> bool:
    """Whether a module is one cell, to be called step by step, and not one that runs over sequences by itself."""
    if isinstance(inputs, tuple) or any(is_recurrent(part) for part in module.modules()):
        return False
    return is_cell(module, surely=True) or (is_cell(module) and not has_recurrent_part(module))


def _arguments(module: Any, inputs: Any) -> tuple[Any, ...]:
    """What any module is called with, as float64; integers where an embedding takes them, or after the first one."""
    values = inputs if isinstance(inputs, tuple) else (inputs,)
    ids = takes_ids(module)
    found = [
        _argument("inputs" if len(values) == 1 else f"inputs[{place}]", value, ids or place > 0)
        for place, value in enumerate(values)
    ]
    tensors = [item for value in found for item in (value.values() if isinstance(value, Mapping) else (value,))]
    check_amount(np.broadcast_to(0.0, tuple(item.shape)) for item in tensors)
    return tuple(found)


def _argument(label: str, value: Any, integers: bool) -> Any:
    """A tensor, or a mapping of tensors; lengths and token ids stay integers."""
    torch = torch_module()
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        raise _packed()
    if isinstance(value, Mapping):
        return {key: _argument(f"{label}[{key!r}]", item, True) for key, item in value.items()}
    if integers and _is_integer(value):
        return torch.as_tensor(value)
    return torch.from_numpy(as_floats(label, value))


def _is_integer(value: Any) -> bool:
    return str(getattr(value, "dtype", "")).removeprefix("torch.").startswith(("int", "uint"))


def _packed() -> InputError:
    return InputError(
        "inputs: a PackedSequence holds sequences of unlike lengths, which are not diagnosed together; "
        "pass sequences of one length, unpacked"
    )


# --- networks: nn.RNN, nn.LSTM, nn.GRU ----------------------------------------------


def _network(module: Any, inputs: Any, loss: Any, initial: Any, options: Options) -> Subject:
    name = type(module).__name__
    model, weights = from_torch(module)
    sequences = _sequences(module, inputs, options)
    batch = sequences.arrays["inputs"]
    state = _state(module, network_of(model, weights).parts, initial, len(batch))
    tensors = (_in_its_layout(module, batch), *(() if state is None else (state,)))
    if loss is not None and not callable(loss):
        size = module.hidden_size * (2 if module.bidirectional else 1)
        found = _array_loss(module, loss, (*batch.shape[:2], size), sequences.single)
        loss = np.swapaxes(found, 0, 1) if not module.batch_first else found
    runs = module_runs(module, tensors, loss)
    return Subject(name, runs.layers, sequences.words, sequences.seed, runs.notes)


def _array_loss(module: Any, loss: Any, shape: tuple[int, ...], single: bool) -> Array:
    if isinstance(loss, Mapping):
        raise InputError(f"loss: for {type(module).__name__} a function of its output or an array is needed, got dict")
    array = as_floats("loss", loss)
    if array.ndim == 3 and not module.batch_first:
        array = np.swapaxes(array, 0, 1)
    return at_all_steps("loss", array, shape, single)


def _sequences(module: Any, inputs: Any, options: Options) -> Sequences:
    """The sequences as (B, T, m), whichever way the module takes them."""
    if inputs is None:
        return drawn({"inputs": module.input_size}, options.trajectories, options.horizon, options.seed)
    if isinstance(inputs, torch_module().nn.utils.rnn.PackedSequence):
        raise _packed()
    array = as_floats("inputs", inputs)
    if array.ndim not in (2, 3) or array.shape[-1] != module.input_size or 0 in array.shape:
        batch = "(B, T, m)" if module.batch_first else "(T, B, m), or (B, T, m) with batch_first=True,"
        raise InputError(
            f"inputs: a non-empty array of shape (T, m) or {batch} is needed with m = input_size = "
            f"{module.input_size}, got {array.shape}"
        )
    if array.ndim == 3 and not module.batch_first:
        array = np.swapaxes(array, 0, 1)
    return given({"inputs": array})


def _in_its_layout(module: Any, batch: Array) -> Any:
    array = batch if module.batch_first else np.swapaxes(batch, 0, 1)
    return torch_module().from_numpy(np.ascontiguousarray(array))


def _state(module: Any, parts: tuple[Any, ...], initial: Any, count: int) -> Any:
    """The state that the module takes, from arrays by state name or from tensors as it takes them."""
    if initial is None:
        return None
    kinds, shape = len(parts[0].model.states), (len(parts), count, module.hidden_size)
    if isinstance(initial, Mapping):
        tensors = _by_names(parts, initial, shape)
    else:
        values = initial if isinstance(initial, (tuple, list)) else (initial,)
        tensors = [as_floats("initial", value) for value in values]
        tensors = [array[:, None] if array.ndim == 2 else array for array in tensors]
    if len(tensors) != kinds or any(array.shape not in (shape, (shape[0], 1, shape[2])) for array in tensors):
        shapes = ", ".join(str(array.shape) for array in tensors)
        needed = f"a tensor of shape {shape} is" if kinds == 1 else f"{kinds} tensors of shape {shape} are"
        raise InputError(f"initial: {needed} needed (layers and directions, B, n), got {shapes}")
    torch = torch_module()
    states = tuple(torch.from_numpy(np.broadcast_to(array, shape).copy()) for array in tensors)
    return states if kinds > 1 else states[0]


def _by_names(parts: tuple[Any, ...], initial: Mapping[Any, Any], shape: tuple[int, int, int]) -> list[Array]:
    names = {str(state): (kind, place) for place, p in enumerate(parts) for kind, state in enumerate(p.model.states)}
    tensors = [np.zeros(shape) for _ in parts[0].model.states]
    for key, value in initial.items():
        if str(key) not in names:
            raise UnknownNameError("state", str(key), names)
        kind, place = names[str(key)]
        array = as_floats(f"initial {key}", value)
        if array.shape not in (shape[2:], shape[1:]):
            raise InputError(f"initial {key}: shape {shape[2:]} or {shape[1:]} is needed, got {array.shape}")
        tensors[kind][place] = array
    return tensors
