"""Nested tuples, lists and dictionaries of tensors and other values, as PyTorch's programs pass them about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symgrad.interop.torch_checks import torch_module

__all__ = ["leaves", "mapped", "tensors_in"]


def leaves(value: Any) -> list[Any]:
    """What nested tuples, lists and dictionaries hold, in order.

    >>> leaves((1, [2, {"a": 3}]))
    [1, 2, 3]
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, (tuple, list)) else [value]


def tensors_in(value: Any) -> list[Any]:
    """The tensors in nested tuples, lists and dictionaries, in order."""
    tensor = torch_module().Tensor
    return [leaf for leaf in leaves(value) if isinstance(leaf, tensor)]


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting with another tensor for each."""
    if isinstance(value, torch_module().Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple takes its items one by one
        return type(value)(*(mapped(item, change) for item in value))
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(item, change) for item in value)
    return value
