"""Cells of PyTorch as what is diagnosed: called step by step, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.model_subject import model_subject
from symgrad.diagnosis.networks import Part, network_of
from symgrad.diagnosis.sequences import as_floats
from symgrad.diagnosis.subject import Options, Subject
from symgrad.errors import InputError
from symgrad.interop.torch_cells import state_lengths
from symgrad.interop.torch_modules import from_torch, is_built_in
from symgrad.language.recurrence import Recurrence

__all__ = ["cell_subject"]

Array = NDArray[np.float64]


def cell_subject(module: Any, inputs: Any, loss: Any, initial: Any, options: Options, example: Any) -> Subject:
    """A cell over sequences; its output is the first tensor of its state.

    Args:
        module: PyTorch's or the user's, ``forward(input, state)``.
        inputs: (T, m) or (B, T, m); standard normal where None.
        loss: as of a model, see :func:`symgrad.diagnosis.model_subject.model_subject`.
        initial: state -> array, or the tensor or tuple of tensors that the cell takes.
        options: how sequences are drawn.
        example: an example ``(input, state)``, where the sizes of the cell do not follow from the rest.

    Raises:
        InputError: a cell that cannot be read, or an argument that does not fit it.
    """
    model, weights, stated = _read(module, inputs, initial, example)
    names = [str(state) for state in model.states]
    part = network_of(model, weights).parts[0]
    lengths = [part.size(name) or 0 for name in names] if is_built_in(module) else state_lengths(module, **stated)
    groups = _groups(part, names, lengths)
    if initial is not None and not isinstance(initial, Mapping):
        initial = _by_names(part, groups, lengths, initial)
    return model_subject(model, weights, inputs, loss, initial, options, type(module).__name__, tuple(groups[0]))


def _read(module: Any, inputs: Any, initial: Any, example: Any) -> tuple[Recurrence, dict[str, Array], dict[str, Any]]:
    """The model of a cell, its weights, and what tells its sizes: what it is given where they do not follow from it."""
    stated: dict[str, Any] = {"example": example}
    try:
        model, weights = from_torch(module, **stated)
    except InputError:
        size = None if inputs is None else next(iter(as_floats("inputs", inputs).shape[::-1]), None)
        sizes = None if initial is None else tuple(array.shape[-1] for array in _arrays(initial))
        if example is not None or (size is None and not sizes):
            raise
        alone = sizes is not None and not isinstance(initial, (Mapping, tuple))
        stated = {"input_size": size, "state_sizes": sizes[0] if sizes and alone else sizes}
        model, weights = from_torch(module, **stated)
    if not isinstance(model, Recurrence):
        raise InputError(f"module: {type(module).__name__} is no cell with a state, but {type(model).__name__}")
    return model, weights, stated


def _arrays(initial: Any) -> list[Array]:
    values = initial.values() if isinstance(initial, Mapping) else initial if isinstance(initial, tuple) else (initial,)
    return [np.atleast_1d(as_floats("initial", value)) for value in values]


def _groups(part: Part, names: list[str], lengths: Any) -> list[list[str]]:
    """For each tensor of the state the states of the model that it consists of, in their order."""
    groups: list[list[str]] = []
    left = list(names)
    for length in lengths:
        group: list[str] = []
        while left and sum(part.size(name) or 0 for name in group) < length:
            group.append(left.pop(0))
        groups.append(group)
    return groups if not left else [names]


def _by_names(part: Part, groups: list[list[str]], lengths: Any, initial: Any) -> dict[str, Array]:
    """The tensors of a state, cut as the cell cuts them."""
    arrays = _arrays(initial)
    if len(arrays) != len(groups) or any(a.shape[-1] != n for a, n in zip(arrays, lengths, strict=True)):
        shapes = ", ".join(str(array.shape) for array in arrays)
        wanted = ", ".join(f"({length},) or (B, {length})" for length in lengths)
        raise InputError(f"initial: arrays of shape {wanted} are needed, got {shapes}")
    found: dict[str, Array] = {}
    for array, group in zip(arrays, groups, strict=True):
        ends = np.cumsum([part.size(name) or 0 for name in group])[:-1]
        found.update(zip(group, np.split(array, ends, axis=-1), strict=True))
    return found
