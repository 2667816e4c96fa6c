"""The sequences that recurrent parts of a PyTorch module see in one run, and the gradients of a loss, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.interop.torch_calls import Call, is_recurrent, watched
from symgrad.interop.torch_chains_of_calls import chains_of
from symgrad.interop.torch_checks import check_module, torch_module, unwrapped
from symgrad.interop.torch_copies import plain_copy
from symgrad.interop.torch_losses import Loss, gradients, scalar_loss
from symgrad.interop.torch_widening import in_float64

__all__ = ["Recorded", "record"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recorded:
    """One sequence of inputs that a recurrent part went through; B sequences of T steps at once.

    Attributes:
        path: where the part lies in the module; empty for the module itself.
        part: the part, of a copy of the module in float64 and evaluation mode.
        call: which of several sequences of the same part it is, from 0; None where there is one.
        example: arguments, an input and a state, that the part was called with.
        inputs: (B, T, m).
        initial: the state tensors that it started from, (B, n) of a cell, (layers and directions, B, n) of a network;
            empty where it started by itself.
        states: of a cell the state tensors after every step, (B, T, n); empty of a network.
        output_gradient: dL/d output of a network, (B, T, size); None of a cell or without a loss.
        state_gradients: for each state tensor what the loss takes from it and not through the next step:
            (B, T, n) of a cell, (layers and directions, B, T, n) of a network; empty without a loss.
    """

    path: str
    part: Any = field(repr=False)
    call: int | None
    example: tuple[Any, Any] = field(repr=False)
    inputs: Array = field(repr=False)
    initial: tuple[Array, ...] = field(repr=False)
    states: tuple[Array, ...] = field(repr=False)
    output_gradient: Array | None = field(repr=False)
    state_gradients: tuple[Array, ...] = field(repr=False)


def record(module: Any, arguments: tuple[Any, ...], loss: Loss = None) -> tuple[Recorded, ...]:
    """Run a copy of a module in float64 and evaluation mode; what its recurrent parts see.

    The module itself, its mode, gradients and buffers are left as they are.

    Args:
        module: any module with recurrent parts: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU``, PyTorch's cells, and other cells
            ``forward(input, state)`` that are called step by step.
        arguments: what it is called with: float64 arrays; tensors are taken as they are.
        loss: a function of the module's output that returns a scalar tensor, or an array, dL/d output.

    Raises:
        InputError: no recurrent part is called; the module fails on the inputs; a state is changed between steps;
            a loss that is no differentiable scalar. Names the argument.
    """
    module = unwrapped(module)
    check_module(module)
    torch = torch_module()
    running = plain_copy(module).eval().requires_grad_(loss is not None)
    with in_float64(), torch.set_grad_enabled(loss is not None), watched(running) as calls:
        output = _called(running, tuple(_as_tensor(item) for item in arguments))
        total = None if loss is None else scalar_loss(loss, output)
    chains = chains_of(calls, type(module).__name__)
    found = gradients(total, chains)
    numbers = {id(chain): _number(chain, chains) for chain in chains}
    return tuple(_recorded(chain, numbers[id(chain)], *got) for chain, got in zip(chains, found, strict=True))


def _as_tensor(value: Any) -> Any:
    return torch_module().from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value


def _called(module: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What the module returns; anything that goes wrong inside it is said together with what it was given."""
    try:
        return module(*arguments)
    except SymgradError:
        raise
    except Exception as error:  # whatever the user's code raises
        shapes = ", ".join(str(tuple(getattr(item, "shape", ()))) for item in arguments)
        mixed = "dtype" in str(error)
        hint = "; it is run in float64, so it must not make tensors of a type of its own" if mixed else ""
        raise InputError(
            f"inputs: {type(module).__name__} in float64 fails on inputs of shape {shapes}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}{hint}"
        ) from error


def _number(chain: list[Call], chains: list[list[Call]]) -> int | None:
    """Which sequence of its part a chain is; None where it is the only one."""
    same = [other for other in chains if other[0].path == chain[0].path]
    return None if len(same) == 1 else next(place for place, other in enumerate(same) if other is chain)


def _recorded(chain: list[Call], number: int | None, outputs: list[Any], states: list[list[Any]]) -> Recorded:
    """The calls of one sequence put together; gradients are those of each call."""
    first, example = chain[0], chain[-1].example
    if is_recurrent(first.part):
        inputs, initial, by_output, by_states = _of_network(chain, outputs, states)
        return Recorded(first.path, first.part, number, example, inputs, initial, (), by_output, by_states)
    inputs = np.stack([_rows(call.given) for call in chain], axis=1)
    initial = tuple(_rows(tensor) for tensor in first.state)
    returned = _over_time([[call.returned[place] for place in call.places] for call in chain])
    return Recorded(first.path, first.part, number, example, inputs, initial, returned, None, _over_time(states))


def _over_time(calls: list[list[Any]]) -> tuple[Array, ...]:
    """For each tensor of a cell's state what it is at every call, (B, T, n)."""
    return tuple(np.stack([_rows(item) for item in tensor], axis=1) for tensor in zip(*calls, strict=True))


def _rows(tensor: Any) -> Array:
    """(B, n) of (B, n) or (n,)."""
    return np.atleast_2d(_numpy(tensor))


def _numpy(tensor: Any) -> Array:
    return np.asarray(tensor.detach().to(torch_module().float64).numpy())


def _of_network(
    chain: list[Call], outputs: list[Any], states: list[list[Any]]
) -> tuple[Array, tuple[Array, ...], Array | None, tuple[Array, ...]]:
    part = chain[0].part
    inputs = np.concatenate([_batch_first(part, call.given, call.given.ndim) for call in chain], axis=1)
    initial = tuple(_layers_first(tensor) for tensor in chain[0].state)
    if not outputs:
        return inputs, initial, None, ()
    by_output = [_batch_first(part, grad, call.given.ndim) for call, grad in zip(chain, outputs, strict=True)]
    ends = np.cumsum([array.shape[1] for array in by_output]) - 1
    by_states = []
    for tensor in zip(*states, strict=True):
        found = [_layers_first(grad) for grad in tensor]
        whole = np.zeros((*found[0].shape[:2], inputs.shape[1], found[0].shape[2]))
        for end, array in zip(ends, found, strict=True):
            whole[:, :, end] = array
        by_states.append(whole)
    return inputs, initial, np.concatenate(by_output, axis=1), tuple(by_states)


def _batch_first(part: Any, tensor: Any, dimension: int) -> Array:
    """(B, T, m) of what a network takes and gives."""
    array = _numpy(tensor)
    if dimension == 2:
        return array[None]
    return array if part.batch_first else np.ascontiguousarray(np.swapaxes(array, 0, 1))


def _layers_first(tensor: Any) -> Array:
    """(layers and directions, B, n) of a network's state, which has no B for a single sequence."""
    array = _numpy(tensor)
    return array if array.ndim == 3 else array[:, None]
