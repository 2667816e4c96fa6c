"""States and inputs from any framework as numpy arrays, a few sequences of them, batch first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError

__all__ = ["as_array", "sequences"]

Array = NDArray[np.float64]


def as_array(name: str, value: Any) -> Array:
    """Numbers of numpy, PyTorch, JAX or anything else with ``__array__`` as float64, without gradients.

    Raises:
        InputError: they are no real floats.
    """
    for step in ("detach", "cpu"):  # of a tensor; arrays have neither
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # PyTorch's bfloat16 is a type that numpy lacks
        array = _widened(name, value)
    if array.dtype.kind == "V" or array.dtype.name.startswith("bfloat"):
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name}: real numbers are needed, got {type(value).__name__} of {array.dtype}")
    return array.astype(np.float64)


def _widened(name: str, value: Any) -> NDArray[Any]:
    try:
        return np.asarray(value.float())
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: an array of numbers is needed, got {type(value).__name__}") from error


def _few(name: str, value: Any, count: int, batch_first: bool) -> Array:
    """The first sequences of an array over all steps, (T, n), (T, B, n) or, batch first, (B, T, n): (count, T, n).

    Raises:
        InputError: another shape, no sequence, or a sequence without steps.
    """
    shape = tuple(np.shape(value))
    if len(shape) not in (2, 3) or not all(shape):
        layout = "(B, T, n)" if batch_first else "(T, B, n)"
        raise InputError(f"{name}: shape (T, n) or {layout} is needed, got {shape}")
    if len(shape) == 2:
        return as_array(name, value)[None]
    # Cut before it is copied: of a batch on another device little is needed.
    return as_array(name, value[:count]) if batch_first else np.swapaxes(as_array(name, value[:, :count]), 0, 1)


def _few_of_steps(name: str, steps: Any, count: int) -> Array:
    """The same of a list with one array (n,) or (B, n) a step."""
    parts = []
    for index, value in enumerate(steps):
        shape = tuple(np.shape(value))
        if len(shape) not in (1, 2) or not all(shape):
            raise InputError(f"{name}: at each step shape (n,) or (B, n) is needed, got {shape} at step {index + 1}")
        part = as_array(name, value[:count] if len(shape) == 2 else value)
        parts.append(part if part.ndim == 2 else part[None])
    if len({part.shape for part in parts}) != 1:
        raise InputError(f"{name}: all steps must have one shape, got {sorted({part.shape for part in parts})}")
    return np.stack(parts, axis=1)


def sequences(name: str, value: Any, count: int, batch_first: bool) -> Array:
    """The first sequences of an array over all steps, or of a list of steps, (count, T, n)."""
    if isinstance(value, Mapping) or value is None:
        raise InputError(f"{name}: an array or a list with one array a step is needed, got {type(value).__name__}")
    if isinstance(value, (list, tuple)):
        if not value:
            raise InputError(f"{name}: at least one step is needed, got an empty {type(value).__name__}")
        return _few_of_steps(name, value, count)
    return _few(name, value, count, batch_first)
