"""Sizes that a user states next to one of PyTorch's own recurrent modules, against those that the module has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module

__all__ = ["check_stated_sizes"]


def check_stated_sizes(module: Any, example: Any, input_size: Any, state_sizes: Any) -> None:
    """Refuse an example or sizes that do not fit a module, which needs none of them.

    Raises:
        InputError: names the argument, what was given and what the module has.
    """
    if example is not None:
        _check_example(module, example)
    if input_size is not None and (isinstance(input_size, bool) or input_size != module.input_size):
        raise InputError(f"input_size: the module takes inputs of size {module.input_size}, got {input_size!r}")
    if state_sizes is not None:
        given = list(state_sizes) if isinstance(state_sizes, Sequence) else [state_sizes]
        if any(isinstance(size, bool) or size != module.hidden_size for size in given) or not given:
            raise InputError(f"state_sizes: the module has states of size {module.hidden_size}, got {state_sizes!r}")


def _check_example(module: Any, example: Any) -> None:
    torch = torch_module()
    fed, *states = example if isinstance(example, (tuple, list)) else (example,)
    given = [state for state in states if state is not None]  # as PyTorch takes it: zeros
    flat = [tensor for state in given for tensor in (state if isinstance(state, (tuple, list)) else (state,))]
    for what, tensor, size in [("input", fed, module.input_size), *(("state", s, module.hidden_size) for s in flat)]:
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"example: the {what} must be a tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise InputError(f"example: the {what} must be of floats, got {tensor.dtype}")
        if not tensor.ndim or tensor.shape[-1] != size:
            raise InputError(
                f"example: the {what} must have last dimension {size}, as the module has; got {tuple(tensor.shape)}"
            )
