"""Layers of a diagnosis by place or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from symgrad.errors import UnknownNameError

__all__ = ["layer_called"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Layer = TypeVar("_Layer", bound=_Named)


def layer_called(layers: Sequence[_Layer], key: int | str) -> _Layer:
    """The layer at a place, or of a name.

    Raises:
        UnknownNameError: no layer has that name.
    """
    if not isinstance(key, str):
        return layers[key]
    named = {layer.name: layer for layer in layers}
    if key not in named:
        raise UnknownNameError("layer", key, named)
    return named[key]
