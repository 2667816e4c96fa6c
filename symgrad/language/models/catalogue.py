"""The list of model families by name, filled by a decorator in each family's file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sympy as sp

from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.recurrence import Recurrence

__all__ = [
    "INPUT_SIZE",
    "STATE_SIZE",
    "TORCH_GATED",
    "TORCH_RNN",
    "build",
    "checked_flag",
    "family",
    "matrix",
    "names",
    "vector",
    "without_biases",
]

T = TypeVar("T")
Family = Callable[..., Recurrence]
_FAMILIES: dict[str, Family] = {}

STATE_SIZE = sp.Symbol("n", positive=True, integer=True)
INPUT_SIZE = sp.Symbol("m", positive=True, integer=True)
# Where ``torch.nn.RNN`` keeps the parameters of a plain step; its two biases are added.
TORCH_RNN = {"weight_hh": ("W",), "weight_ih": ("U",), "bias_hh": ("b",), "bias_ih": ("b",)}
# Where ``torch.nn.LSTM`` and ``torch.nn.GRU`` keep theirs: tensor -> how the names of its parts, one a gate, begin.
TORCH_GATED = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}


def family(function: Family) -> Family:
    """Decorator: make a model family known under the function's name."""
    name = function.__name__
    if name in _FAMILIES:
        raise SymgradError(f"model family {name!r} is declared twice")
    _FAMILIES[name] = function
    return function


def names() -> tuple[str, ...]:
    """The names of all model families."""
    return tuple(_FAMILIES)


def build(name: str, **options: Any) -> Recurrence:
    """The model of a family by name, with the options of the family's function.

    Raises:
        UnknownNameError: no such family or option; the nearest name is suggested.

    >>> build("elman", activation="relu").name
    'elman'
    """
    if not isinstance(name, str) or name not in _FAMILIES:
        raise UnknownNameError("model", name, _FAMILIES)
    accepted = inspect.signature(_FAMILIES[name]).parameters
    for option in options:
        if option not in accepted:
            raise UnknownNameError(f"option of model {name}", option, accepted)
    return _FAMILIES[name](**options)


def matrix(name: str, rows: sp.Expr = STATE_SIZE, columns: sp.Expr = STATE_SIZE) -> sp.MatrixSymbol:
    """A weight matrix; square of the state's size unless said otherwise."""
    return sp.MatrixSymbol(name, rows, columns)


def vector(name: str, size: sp.Expr = STATE_SIZE) -> sp.MatrixSymbol:
    """A column vector; of the state's size unless said otherwise."""
    return sp.MatrixSymbol(name, size, 1)


def checked_flag(option: str, value: object) -> None:
    """Refuse an option that is no truth value.

    Raises:
        InputError: names the option.
    """
    if not isinstance(value, bool):
        raise InputError(f"{option}: True or False is needed, got {value!r} ({type(value).__name__})")


def without_biases(tensors: Mapping[str, T]) -> dict[str, T]:
    """Of PyTorch's tensors those that are no biases."""
    return {name: parts for name, parts in tensors.items() if not name.startswith("bias")}
