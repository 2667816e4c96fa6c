"""How the weights of a model with layers are given: a list for each name, numbered names, or PyTorch's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.layers import LayerMatrix, LayerScalar
from symgrad.language.recurrence import Recurrence

__all__ = ["split_layers"]

_NUMBERED = re.compile(r"(.+)_([0-9]{1,9})")
_SEQUENTIAL = re.compile(r"(.*?)([0-9]{1,9})\.([^0-9.]+)")
_KEYS = (str, sp.Symbol, sp.MatrixSymbol, LayerMatrix, LayerScalar)


def split_layers(model: Recurrence, weights: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """The weights of each layer by name.

    Args:
        model: with a depth.
        weights: name or symbol -> a list with a value for each layer (or an array with one dimension more); or names
            with a number, ``W_1``, ``W_2``; or those of ``torch.nn.Sequential``, ``0.weight``, ``2.weight``, where the
            numbers only tell the order.

    Returns:
        For each layer name -> value as given, of parameters and of stacked tensors.

    Raises:
        InputError: a layer is missing or given twice, or their number is not the model's depth.
        UnknownNameError: a name that the model does not have.

    >>> import symgrad as sg
    >>> split_layers(sg.models.feedforward(2), {"0.weight": "first", "2.weight": "second"})
    [{'weight': 'first'}, {'weight': 'second'}]
    """
    found: dict[str, dict[int, Any]] = {}
    ranks = _ranks(model, [str(key) for key in weights])
    for key, value in weights.items():
        for name, layer, item in _items(model, key, value, ranks):
            if layer in found.setdefault(name, {}):
                raise InputError(f"weights: {name} of layer {layer} is given twice")
            found[name][layer] = item
    count = _count(model, found)
    return [{name: values[layer] for name, values in found.items()} for layer in range(1, count + 1)]


def _known(model: Recurrence) -> set[str]:
    return {*map(str, model.parameters), *model.stacked}


def _items(model: Recurrence, key: Any, value: Any, ranks: Mapping[str, int]) -> list[tuple[str, int, Any]]:
    """(name, layer, value) for one entry of what was given."""
    if not isinstance(key, _KEYS):
        raise InputError(f"weights: names are strings or symbols, got {type(key).__name__} {key!r}")
    name, known = str(key), _known(model)
    if name in known:
        return [(name, layer, item) for layer, item in enumerate(_listed(model, name, value), 1)]
    numbered, sequential = _NUMBERED.fullmatch(name), _SEQUENTIAL.fullmatch(name)
    if numbered and numbered[1] in known and int(numbered[2]):
        return [(numbered[1], int(numbered[2]), value)]
    if sequential and sequential[3] in known:
        return [(sequential[3], ranks[f"{sequential[1]}{int(sequential[2])}"], value)]
    examples = [f"{parameter}_1" for parameter in sorted(known)]
    raise UnknownNameError(f"weight of model {model.name}", name, [*known, *examples])


def _listed(model: Recurrence, name: str, value: Any) -> list[Any]:
    """The values of all layers from one list or array."""
    if isinstance(value, (list, tuple)):
        return list(value)
    symbol = next((symbol for symbol in model.parameters if str(symbol) == name), None)
    own = 0 if isinstance(symbol, sp.Symbol) else 1 if symbol is None or symbol.shape[1] == 1 else 2
    dimensions = len(getattr(value, "shape", ()))
    if dimensions <= own:
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
        raise InputError(
            f"weights: {name} has a value of its own at every layer of model {model.name}: a list of them is needed, "
            f"or names {name}_1, {name}_2, ...; got {type(value).__name__}{shape}"
        )
    return list(value)


def _ranks(model: Recurrence, names: list[str]) -> dict[str, int]:
    """For names of ``torch.nn.Sequential`` the layer of each module, in the order of their numbers."""
    modules: dict[str, set[int]] = {}
    for name in names:
        match = _SEQUENTIAL.fullmatch(name)
        if match and match[3] in _known(model) and name not in _known(model):
            modules.setdefault(match[1], set()).add(int(match[2]))
    if len(modules) > 1:
        raise InputError(f"weights: the names start differently, {', '.join(map(repr, sorted(modules)))}; give one net")
    return {
        f"{prefix}{number}": rank for prefix, all_ in modules.items() for rank, number in enumerate(sorted(all_), 1)
    }


def _count(model: Recurrence, found: Mapping[str, Mapping[int, Any]]) -> int:
    """The number of layers, the same for every name."""
    wanted = int(model.depth) if isinstance(model.depth, (int, sp.Integer)) else None
    if not found and wanted is None:
        raise InputError(f"weights: none are given, so that the number of layers {model.depth} is not known")
    count = max((max(values, default=0) for values in found.values()), default=wanted or 0)
    for name, values in found.items():
        missing = next((layer for layer in range(1, count + 1) if layer not in values), None)
        if missing is not None:
            raise InputError(f"weights: {name} of layer {missing} is missing; other weights have {count} layers")
    if wanted is not None and count != wanted:
        raise InputError(f"weights: model {model.name} has depth {wanted}, got weights of {count} layers")
    if not count:
        raise InputError(f"weights: at least one layer is needed, got empty lists for {', '.join(found)}")
    return count
