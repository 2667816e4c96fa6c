"""What to diagnose from whatever a user holds: a module, a file of weights, or a model with weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.diagnosis.model_subject import model_subject
from symgrad.diagnosis.module_subject import chain_of_module, module_subject
from symgrad.diagnosis.subject import Options, Subject
from symgrad.errors import InputError
from symgrad.interop.checkpoints import load_weights
from symgrad.interop.torch_checks import filled
from symgrad.interop.weight_names import model_of_weights
from symgrad.language.layer_chain import LayerChain
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["Given", "chain_of", "check_unused", "resolved", "subject_of"]


@dataclass(frozen=True, eq=False)
class Given:
    """What is to be diagnosed, as far as it is known what it is.

    Attributes:
        target: a PyTorch module, a recurrence, a bidirectional stack or a chain of layers.
        weights: of anything but a module.
        name: what it is called; None for its own name.
    """

    target: Any
    weights: Mapping[Any, Any] | None
    name: str | None = None


def resolved(module_or_path: Any, model: Any, weights: Any, prefix: str) -> Given:
    """The model and its weights, or the module.

    Raises:
        InputError: something else is given, or arguments that do not go together. Names the argument.
    """
    target = module_or_path
    if isinstance(target, tuple) and len(target) == 2 and weights is None:
        target, weights = target
    if isinstance(target, (str, os.PathLike)):
        check_unused("weights", weights, "a file holds them")
        return _from_file(target, model, prefix)
    check_unused("model", model, "it says what a file of weights is of")
    check_unused("prefix", prefix or None, "it chooses among the names of a file")
    if _is_module(target):
        check_unused("weights", weights, "a module holds them")
        return Given(target, None)
    if not isinstance(target, (Recurrence, BidirectionalStack, LayerChain)):
        shown = f"shape {np.shape(target)}" if isinstance(target, np.ndarray) else repr(target)
        raise InputError(
            "module_or_path: a PyTorch module, the path of a file of weights, or a Recurrence with weights is needed, "
            f"got {type(target).__name__} {shown}"
        )
    if not isinstance(weights, Mapping):
        raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__}")
    return Given(target, weights)


def _is_module(target: Any) -> bool:
    """Whether it looks like a PyTorch module, told without PyTorch."""
    return all(callable(getattr(target, name, None)) for name in ("named_modules", "state_dict"))


def chain_of(given: Given) -> tuple[LayerChain, Mapping[Any, Any]] | None:
    """A feed-forward network as a chain of layers with its weights; None for anything recurrent.

    Raises:
        InputError: a module without recurrent parts that cannot be read.
    """
    if isinstance(given.target, LayerChain):
        return given.target, given.weights or {}
    return chain_of_module(given.target) if given.weights is None else None


def subject_of(given: Given, inputs: Any, loss: Any, initial: Any, options: Options, example: Any) -> Subject:
    """The recurrent layers of a network with the sequences that they saw.

    Raises:
        InputError: an argument of the wrong type, shape or value. Names the argument.
    """
    if given.weights is None:
        return module_subject(given.target, inputs, loss, initial, options, example)
    check_unused("example", example, "it is of a cell's arguments")
    return model_subject(given.target, given.weights, inputs, loss, initial, options, given.name)


def check_unused(label: str, value: Any, reason: str) -> None:
    """Refuse an argument that says nothing here.

    Raises:
        InputError: it is given.
    """
    if value is not None:
        raise InputError(f"{label}: {reason}; leave it out here")


def _from_file(path: str | os.PathLike[str], model: Any, prefix: str) -> Given:
    """The network of a file: told by its names and shapes, or a module that is filled."""
    arrays = load_weights(path, prefix)
    name = Path(os.fsdecode(path)).name
    if _is_module(model):
        return Given(filled(model, arrays, name), None, name)
    if isinstance(model, BidirectionalStack):
        return Given(model, arrays, name)
    found, weights = model_of_weights(arrays, model)
    return Given(found, weights, name)
