"""The list of model families by name, filled by a decorator in each family's file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.errors import SymgradError, UnknownNameError
from symgrad.language.recurrence import Recurrence

__all__ = ["INPUT_SIZE", "STATE_SIZE", "TORCH_RNN", "build", "family", "matrix", "names", "vector"]

Family = Callable[..., Recurrence]
_FAMILIES: dict[str, Family] = {}

STATE_SIZE = sp.Symbol("n", positive=True, integer=True)
INPUT_SIZE = sp.Symbol("m", positive=True, integer=True)
# Where ``torch.nn.RNN`` keeps the parameters of a plain step; its two biases are added.
TORCH_RNN = {"weight_hh": ("W",), "weight_ih": ("U",), "bias_hh": ("b",), "bias_ih": ("b",)}


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
