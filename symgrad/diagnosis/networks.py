"""Recurrent networks as levels of layers, each level of one direction or of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.unstacking import unstacked
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["Network", "Part", "network_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """One recurrent layer in one direction.

    Attributes:
        name: such as ``"layer 1, reverse"``.
        model: of this layer alone.
        weights: name -> array, for all its parameters.
        reverse: whether it reads its sequence from the end.
        outputs: the states that the level above, or the loss, reads, side by side; the first one unless given.
    """

    name: str
    model: Recurrence
    weights: Mapping[str, Array] = field(repr=False)
    reverse: bool = False
    outputs: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """The names of the states that are read from outside."""
        return self.outputs or (str(self.model.states[0]),)

    def size(self, name: str) -> int | None:
        """The number of entries of a state or an input, as far as the weights tell."""
        symbol = self.model.symbol(name, self.model.variables)
        rows = symbol.shape[0] if hasattr(symbol, "shape") else sp.S.One
        found = sp.sympify(sp.sympify(rows).xreplace(bind(self.model, self.weights).sizes))
        return int(found) if found.is_Integer else None

    def along(self, sequence: Array) -> Array:
        """A sequence (B, T, m) in the order in which this layer reads it, or back."""
        return sequence[:, ::-1] if self.reverse else sequence


@dataclass(frozen=True, eq=False)
class Network:
    """Levels of recurrent layers; every level reads the first states of the level below, its directions side by side.

    Attributes:
        levels: from the bottom up; each of one part, or of two where it is bidirectional.
    """

    levels: tuple[tuple[Part, ...], ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All layers, from the bottom up."""
        return tuple(part for level in self.levels for part in level)

    def named(self, prefix: str) -> Network:
        """The same with the name of the module that it belongs to before the name of each layer."""
        if not prefix:
            return self
        return Network(tuple(tuple(replace(p, name=f"{prefix}, {p.name}") for p in level) for level in self.levels))


def network_of(model: object, weights: Mapping[str, Array], name: str = "") -> Network:
    """A recurrence or a bidirectional stack with its numbers as a network: the layers of a stack, or one level.

    Raises:
        InputError: another kind of model, such as a chain of layers; a missing or malformed weight.
        UnknownNameError: a name that the model does not have.
    """
    if isinstance(model, BidirectionalStack):
        return Network(tuple(_levels_in_both_directions(model, weights))).named(name)
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence or a BidirectionalStack is needed, got {type(model).__name__}")
    return Network(tuple(_levels_of_stack(model, weights))).named(name)


def _levels_of_stack(model: Recurrence, weights: Mapping[str, Array]) -> list[tuple[Part, ...]]:
    values = {str(symbol): array for symbol, array in bind(model, weights, model.parameters).values.items()}
    return [
        (Part(f"layer {index}", layer, {str(symbol): values[str(symbol)] for symbol in layer.parameters}),)
        for index, layer in enumerate(unstacked(model))
    ]


def _levels_in_both_directions(model: BidirectionalStack, weights: Mapping[str, Array]) -> list[tuple[Part, ...]]:
    names = iter(name for name, _ in model.directions)
    levels = []
    for index, pair in enumerate(model.layers):
        parts = []
        for layer, reverse in zip(pair, (False, True), strict=True):
            bound = bind(layer, model.weights_of(weights, index, reverse), layer.parameters)
            own = {str(symbol): array for symbol, array in bound.values.items()}
            parts.append(Part(next(names), layer, own, reverse))
        levels.append(tuple(parts))
    return levels
