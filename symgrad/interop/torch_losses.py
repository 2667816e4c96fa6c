"""The gradient of a loss by the states of recurrent parts, call by call, by PyTorch's automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.interop.torch_calls import Call, is_recurrent
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_widening import in_float64
from symgrad.language.exact_arrays import exact_array

__all__ = ["Loss", "gradient_by_output", "gradients", "scalar_loss"]

Array = NDArray[np.float64]
Loss = Callable[[Any], Any] | Array | None
Found = tuple[list[Any], list[list[Any]]]


def scalar_loss(loss: Callable[[Any], Any] | Array, output: Any) -> Any:
    """The loss as a scalar tensor that depends on what the module returned.

    Args:
        loss: a function of the output, or an array dL/d output, of the output's shape; of several outputs the first
            one's.
        output: what the module returned.

    Raises:
        InputError: no scalar tensor, one that does not depend on the module, NaN or infinity.
    """
    torch = torch_module()
    value = _applied(loss, output) if callable(loss) else _paired(loss, output)
    if not isinstance(value, torch.Tensor):
        shown = f" {value!r}" if isinstance(value, (bool, int, float, str, type(None))) else ""
        raise InputError(f"loss: a scalar tensor is needed, the function returned {type(value).__name__}{shown}")
    if value.numel() != 1 or value.is_complex():
        raise InputError(
            f"loss: a real scalar tensor is needed, the function returned {value.dtype} of shape {tuple(value.shape)}; "
            "sum it or take its mean"
        )
    if not value.requires_grad:
        raise InputError("loss: it does not depend on the module's output in a way that can be differentiated")
    value = value.reshape(())
    if not bool(torch.isfinite(value)):
        raise InputError(f"loss: a finite number is needed, got {value.item()}")
    return value


def _applied(loss: Callable[[Any], Any], output: Any) -> Any:
    try:
        return loss(output)
    except SymgradError:
        raise
    except Exception as error:  # whatever the user's loss raises
        shape = f" of shape {tuple(output.shape)}" if hasattr(output, "shape") else ""
        raise InputError(
            f"loss: the function fails on the module's output, {type(output).__name__}{shape} in float64: "
            f"{type(error).__name__}: {error}"
        ) from error


def _paired(gradient: Any, output: Any) -> Any:
    """The inner product of the output with its gradient, which may be given for the last step alone."""
    torch = torch_module()
    first = output
    while isinstance(first, (tuple, list)) and first:
        first = first[0]
    if not isinstance(first, torch.Tensor):
        raise InputError(f"loss: the module returns {type(output).__name__}; pass a function of it")
    array = exact_array("loss", gradient)
    if array.shape != tuple(first.shape):
        raise InputError(
            f"loss: an array dL/d output of the output's shape {tuple(first.shape)} is needed, got {array.shape}"
        )
    return (first * torch.from_numpy(array)).sum()


def gradients(total: Any, chains: list[list[Call]]) -> list[Found]:
    """For each chain and call: dL/d output (of a network), and dL/d state as far as it is not through the next call.

    The whole derivative by a returned state is that part, and the derivative through the next call of the same part;
    the latter is asked for by itself, through the copy of the state that the call was given, and taken off.
    """
    if total is None:
        return [([], [[] for _ in chain]) for chain in chains]
    wanted = [tensor for chain in chains for call in chain for tensor in _handled(call)]
    try:
        known = iter(_grad([total], wanted, None))
    except RuntimeError as error:  # such as a tensor that was changed in place after it was used
        raise InputError(f"loss: its derivative fails: {' '.join(str(error).split())}") from error
    return [_chain_gradients(chain, [[next(known) for _ in _handled(call)] for call in chain]) for chain in chains]


def _handled(call: Call) -> list[Any]:
    """The returned tensors that the recurrence speaks of: the states, and the output of a network."""
    states = [call.returned[place] for place in call.places]
    return [call.returned[0], *states] if is_recurrent(call.part) else states


def _chain_gradients(chain: list[Call], found: list[list[Any]]) -> Found:
    network = is_recurrent(chain[0].part)
    whole = found if network else [_apart(_handled(call), grads) for call, grads in zip(chain, found, strict=True)]
    outputs = [grads[0] for grads in whole] if network else []
    states = [grads[1:] if network else grads for grads in whole]
    for place, following in enumerate(chain[1:]):
        through = _grad(_handled(following), list(following.state), whole[place + 1])
        states[place] = [grad - other for grad, other in zip(states[place], through, strict=True)]
    return outputs, states


def _apart(states: list[Any], grads: list[Any]) -> list[Any]:
    """Derivatives by the states of one step as coordinates of their own.

    Of an LSTM's cell state the automatic derivative includes the path through the hidden state of the same step, which
    is made of it. What another state hands on is taken off, once for every state in a row of such dependences.
    """
    found = grads
    for _ in states[1:]:
        handed = [_grad([state], states, [grad]) for state, grad in zip(states, found, strict=True)]
        found = [
            grad - sum(handed[source][place] for source in range(len(states)) if source != place)
            for place, grad in enumerate(grads)
        ]
    return found


def _grad(outputs: list[Any], tensors: list[Any], weights: list[Any] | None) -> list[Any]:
    """Derivatives of a weighted sum of outputs, zero where there is no path."""
    torch = torch_module()
    asked = [tensor for tensor in tensors if tensor.requires_grad]
    pairs = [
        (tensor, weight)
        for tensor, weight in zip(outputs, weights or [None] * len(outputs), strict=True)
        if tensor.requires_grad
    ]
    found: dict[int, Any] = {}
    if asked and pairs:
        grads = torch.autograd.grad(
            [tensor for tensor, _ in pairs],
            asked,
            None if weights is None else [weight for _, weight in pairs],
            retain_graph=True,
            allow_unused=True,
        )
        found = {id(tensor): grad for tensor, grad in zip(asked, grads, strict=True) if grad is not None}
    return [found.get(id(tensor), torch.zeros_like(tensor)) for tensor in tensors]


def gradient_by_output(loss: Callable[[Any], Any], output: Array) -> Array:
    """dL/d output of a function of a tensor that returns a scalar tensor.

    Raises:
        InputError: as :func:`scalar_loss`.
        SymgradError: PyTorch is not installed.
    """
    torch = torch_module()
    tensor = torch.tensor(output, dtype=torch.float64, requires_grad=True)
    with in_float64():
        value = scalar_loss(loss, tensor)
    (gradient,) = _grad([value], [tensor], None)
    return np.asarray(gradient.numpy())
