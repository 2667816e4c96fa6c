"""LayerChain: a feed-forward or residual network as a chain of unlike layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.chain_layers import ChainLayer, Residual, joined_widths
from symgrad.presentable import Presentable

__all__ = ["ChainWeights", "LayerChain", "all_layers"]

Array = NDArray[np.float64]
ChainWeights: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class LayerChain(Presentable):
    """A network ``x_l = f_l(x_{l-1})`` for l = 1, ..., L of layers of any kinds.

    Parameters stand in it by name alone; arrays are given with every question.

    Attributes:
        layers: ``f_1, ..., f_L``.
        name: of the network.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine, Entrywise
    >>> chain = LayerChain((Affine("0", 3, 4, "0.weight", "0.bias"), Entrywise("1", 4, 4, sg.activation("tanh"))))
    >>> chain.widths, chain.shapes
    ((3, 4, 4), {'0.weight': ((4, 3),), '0.bias': ((4,),)})
    """

    layers: tuple[ChainLayer, ...]
    name: str = "layer chain"

    def __post_init__(self) -> None:
        if not self.layers or not all(isinstance(layer, ChainLayer) for layer in self.layers):
            raise InputError(f"layers: a non-empty tuple of layers is needed, got {self.layers!r}")
        widths = joined_widths("layers", self.layers, self.layers[0].inputs)
        if min(widths) < 1:
            raise InputError(f"layers: every layer needs at least one entry, got the widths {widths}")

    @property
    def depth(self) -> int:
        """L, the number of layers; a residual block counts as one."""
        return len(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """The sizes of ``x_0, ..., x_L``."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))

    @property
    def shapes(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The parameters by name, each with the shapes that are accepted."""
        return {name: shape for layer in self.layers for name, shape in layer.shapes.items()}

    def bind(self, weights: Any) -> dict[str, Array]:
        """The parameters as float64 arrays, checked.

        Args:
            weights: name -> array; names that the network does not have are left out.

        Raises:
            InputError: no mapping; a parameter is missing, has another shape, is complex, no number or not finite.
        """
        if not isinstance(weights, Mapping):
            raise InputError(f"weights: a mapping of names to arrays is needed, got {type(weights).__name__}")
        missing = [name for name in self.shapes if name not in weights]
        if missing:
            raise InputError(
                f"weights: {', '.join(missing)} missing; given are {', '.join(map(str, weights)) or 'none'}"
            )
        return {name: _checked(name, weights[name], shapes) for name, shapes in self.shapes.items()}


def all_layers(layers: tuple[ChainLayer, ...]) -> Iterator[ChainLayer]:
    """Every layer, and after a residual block the layers of its shortcut and its branch."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from all_layers(layer.shortcut)
            yield from all_layers(layer.branch)


def _checked(name: str, given: Any, shapes: tuple[tuple[int, ...], ...]) -> Array:
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"weights[{name!r}]: {type(given).__name__} cannot be read as an array ({error})") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"weights[{name!r}]: real numbers are needed, got entries of type {array.dtype}")
    if array.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise InputError(f"weights[{name!r}]: the shape {wanted} is needed, got {array.shape}")
    values: Array = np.array(array, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        where = tuple(int(index) for index in bad[0])
        raise InputError(f"weights[{name!r}]: finite numbers are needed, entry {where} is {values[where]}")
    return values
