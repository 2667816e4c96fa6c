"""The next states in what a user-written cell returns."""

from __future__ import annotations

from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_cell_form import TENSOR, CellForm
from symgrad.interop.torch_checks import torch_module

__all__ = ["next_values"]


def next_values(form: CellForm, output: Any) -> list[Any]:
    """The next states in what a cell returned: the state alone, or after an output.

    Raises:
        InputError: neither.
    """
    found = _states(form, output)
    for name, value in zip(form.states, found or (), strict=False):
        shape = tuple(getattr(value, "meta", {}).get("value", value).shape)
        if shape != form.full(name):
            raise InputError(f"module: the next {name} has shape {shape}, {name} has {form.full(name)}")
    if found is None:
        wanted = "the next state" if form.kind == TENSOR else f"the {len(form.states)} next states"
        raise InputError(
            f"module: forward must return {wanted}, or (output, state), got {_shown(output)} "
            f"for {form.held_as} as state"
        )
    return found


def _states(form: CellForm, output: Any) -> list[Any] | None:
    size = len(form.states)
    if _is_leaf(output):
        return [output] if size == 1 else None
    if form.keys:
        return _of_keys(form, output)
    if not isinstance(output, (tuple, list)) or not output:
        return None
    if form.kind != TENSOR and isinstance(output[-1], (tuple, list)) and len(output) == 2:
        output = output[-1]
        return list(output) if len(output) == size and all(map(_is_leaf, output)) else None
    if not all(map(_is_leaf, output)) or len(output) not in (size, size + 1):
        return [output[-1]] if form.kind == TENSOR and len(output) == 2 and _is_leaf(output[-1]) else None
    return list(output[-size:])


def _of_keys(form: CellForm, output: Any) -> list[Any] | None:
    """The states in a dictionary, or in the last of several results."""
    found = output[-1] if isinstance(output, (tuple, list)) and len(output) == 2 else output
    if not isinstance(found, dict) or set(found) != set(form.keys):
        return None
    values = [found[key] for key in form.keys]
    return values if all(map(_is_leaf, values)) else None


def _is_leaf(value: Any) -> bool:
    return isinstance(value, torch_module().Tensor) or (hasattr(value, "meta") and hasattr(value, "all_input_nodes"))


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} ({', '.join(map(_shown, value))})"
    return "a tensor" if _is_leaf(value) else type(value).__name__
