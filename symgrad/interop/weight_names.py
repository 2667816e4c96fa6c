"""Which network a file of weights is of, told from the names and shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.language import models
from symgrad.language.recurrence import Recurrence
from symgrad.language.stacking import stack
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["model_of_weights"]

_NAME = re.compile(r"(?P<prefix>(?:.*\.)?)(?P<tensor>(?:weight|bias)_(?:ih|hh|hr))(?P<place>(?:_l\d+(?:_reverse)?)?)")
_HIDDEN = re.compile(
    r".*(?:parametrizations\.(?:weight|bias)_(?:ih|hh).*|(?:weight|bias)_(?:ih|hh)(?:_l\d+)?_(?:g|v|orig))"
)
_KINDS = {1: "elman", 3: "gru", 4: "lstm"}  # by the number of blocks of weight_hh, each of as many rows as columns
_ALIASES = {"rnn": "elman"}


def model_of_weights(
    weights: Mapping[str, Any], model: str | Recurrence | None = None
) -> tuple[Recurrence | BidirectionalStack, dict[str, Any]]:
    """The network that weights are of, and those of them that it has.

    Tensors named as PyTorch names them (``weight_hh_l0``, behind any prefix such as ``encoder.``) tell the number of
    layers, whether there are two directions and biases, and by their shapes the kind: LSTM, GRU or plain.

    Args:
        weights: name -> array, as :func:`symgrad.load_weights` gives them; others than those of the network, such as
            of a layer on top of it, may be among them.
        model: of which kind each layer is, by the name of a family or as a recurrence, which the weights are checked
            against. Needed where the weights do not tell it: plain networks have one shape whatever their activation.

    Returns:
        ``(model, weights)``, named without the prefix.

    Raises:
        InputError: the weights tell no network, or several; layers, directions or biases are missing; they are not of
            the kind stated; projections.
        UnknownNameError: no family of that name.

    >>> import numpy as np
    >>> names = {"net.weight_ih_l0": np.zeros((9, 2)), "net.weight_hh_l0": np.zeros((9, 3)), "out.weight": np.eye(3)}
    >>> model, weights = model_of_weights(names)
    >>> model.name, list(weights)
    ('stack(gru)', ['weight_ih_l0', 'weight_hh_l0'])
    """
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(name, str) for name in weights):
        raise InputError(
            f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__} {_listed(weights)}"
        )
    if not (model is None or isinstance(model, (str, Recurrence))):
        raise InputError(f"model: the name of a family or a Recurrence is needed, got {type(model).__name__} {model!r}")
    if isinstance(model, Recurrence) and _fits(model, weights):
        return model, _known(model, weights)
    found = _Tensors.of(weights)
    if found is None:
        return _by_symbols(weights, model)
    layer = _layer(found, model)
    if found.places == ("",):
        return layer, _known(layer, found.arrays)
    layers = [layer] * found.depth
    return BidirectionalStack.of(layers) if found.bidirectional else stack(layers), found.arrays


@dataclass(frozen=True)
class _Tensors:
    """Tensors of one network by PyTorch's names.

    Attributes:
        arrays: name without prefix -> array.
        places: what follows the names of the tensors, one a layer and direction: ``""`` of a cell, ``"_l0"``, ...
        blocks: how many blocks the recurrent weights have.
        bias: whether there are biases.
    """

    arrays: dict[str, Any]
    places: tuple[str, ...]
    blocks: int
    bias: bool

    @property
    def bidirectional(self) -> bool:
        return any(place.endswith("_reverse") for place in self.places)

    @property
    def depth(self) -> int:
        return len(self.places) // (2 if self.bidirectional else 1)

    @classmethod
    def of(cls, weights: Mapping[str, Any]) -> _Tensors | None:
        """The tensors in PyTorch's names; None if there are none."""
        hidden = [name for name in weights if _HIDDEN.fullmatch(name)]
        if hidden:
            raise InputError(
                f"weights: {hidden[0]} is part of a parametrised weight, such as by weight norm; load the file into "
                "the module and pass that, which knows the weight itself"
            )
        matches = [match for name in weights if (match := _NAME.fullmatch(name))]
        prefixes = list(dict.fromkeys(match["prefix"] for match in matches))
        if not matches:
            return None
        if len(prefixes) > 1:
            raise InputError(
                f"weights: of several networks, under {', '.join(map(repr, prefixes))}; choose one by its prefix"
            )
        arrays = {match[0].removeprefix(prefixes[0]): weights[match[0]] for match in matches}
        places = _checked_places({match["place"] for match in matches})
        if any(match["tensor"] == "weight_hr" for match in matches):
            raise InputError("weights: weight_hr is of an LSTM with projections (proj_size), which is not accepted")
        bias = any(match["tensor"].startswith("bias") for match in matches)
        needed = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if bias else ())]
        missing = [tensor + place for place in places for tensor in needed if tensor + place not in arrays]
        if missing:
            raise InputError(f"weights: {_listed(missing)} missing; given: {_listed(arrays)}")
        return cls(arrays, places, _blocks(arrays, places), bias)


def _checked_places(places: set[str]) -> tuple[str, ...]:
    """The layers and directions, all of them from layer 0 on, or that of a cell alone."""
    if places == {""}:
        return ("",)
    if "" in places:
        raise InputError("weights: names with and without a layer (weight_hh and weight_hh_l0) do not go together")
    depth = 1 + max(int(place.removeprefix("_l").removesuffix("_reverse")) for place in places)
    ends = ("", "_reverse") if any(place.endswith("_reverse") for place in places) else ("",)
    wanted = tuple(f"_l{layer}{end}" for layer in range(min(depth, len(places) + 1)) for end in ends)
    missing = [f"weight_hh{place}" for place in wanted if place not in places]
    if missing:
        raise InputError(f"weights: {_listed(missing)} missing, as there are {_listed(sorted(places))}")
    return wanted


def _blocks(arrays: Mapping[str, Any], places: Iterable[str]) -> int:
    """Into how many blocks the recurrent weights are cut, the same in all layers."""
    found = {}
    for place in places:
        shape = np.shape(arrays[f"weight_hh{place}"])
        if len(shape) != 2 or not shape[1] or shape[0] % shape[1] or shape[0] // shape[1] not in _KINDS:
            raise InputError(
                f"weight weight_hh{place}: shape (n, n) of a plain network, (3n, n) of a GRU or (4n, n) of an LSTM is "
                f"needed, got {shape}"
            )
        found[f"weight_hh{place}"] = shape[0] // shape[1]
    if len(set(found.values())) > 1:
        kinds = ", ".join(f"{name} of {_KINDS[blocks]}" for name, blocks in found.items())
        raise InputError(f"weights: layers of different kinds: {kinds}")
    return next(iter(found.values()))


def _layer(found: _Tensors, model: str | Recurrence | None) -> Recurrence:
    """The recurrence of one layer."""
    kind = _KINDS[found.blocks]
    if model is None and kind == "elman":
        raise InputError(
            "model: weights of a plain network do not tell its activation; pass 'elman' for tanh, or "
            "symgrad.models.elman('relu')"
        )
    if isinstance(model, Recurrence):
        chosen = model
    else:
        name = kind if model is None else _ALIASES.get(model, model)
        chosen = models.build(name, **({} if found.bias else {"bias": False}))
    if len(chosen.stacked.get("weight_hh", ())) != found.blocks:
        raise InputError(
            f"model: the weights are of kind {kind}, as weight_hh has {found.blocks} square blocks; "
            f"{chosen.name} does not have these"
        )
    return chosen


def _by_symbols(weights: Mapping[str, Any], model: str | Recurrence | None) -> tuple[Recurrence, dict[str, Any]]:
    """The model whose parameters have these names themselves."""
    if isinstance(model, Recurrence):
        raise InputError(
            f"weights: none is of model {model.name} ({_listed(model.parameters)}); given: {_listed(weights)}"
        )
    if model is not None:
        chosen = models.build(_ALIASES.get(model, model))
        return _by_symbols(weights, chosen) if not _fits(chosen, weights) else (chosen, _known(chosen, weights))
    built = [models.build(name) for name in models.names()]
    fitting = [recurrence for recurrence in built if set(map(str, recurrence.parameters)) == set(weights)]
    if len(fitting) != 1:
        told = f"they may be of {', '.join(item.name for item in fitting)}" if fitting else "no network has these names"
        raise InputError(f"model: the weights do not tell it: {told}; pass one. Given: {_listed(weights)}")
    return fitting[0], dict(weights)


def _fits(model: Recurrence, weights: Mapping[str, Any]) -> bool:
    """Whether some weights have names that the model itself has."""
    return bool(_known(model, weights))


def _known(model: Recurrence, weights: Mapping[str, Any]) -> dict[str, Any]:
    names = set(map(str, model.parameters)) | set(model.stacked)
    return {name: array for name, array in weights.items() if name in names}


def _listed(names: Any) -> str:
    shown = [str(name) for name in names] if isinstance(names, Iterable) else []
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") or "nothing"
