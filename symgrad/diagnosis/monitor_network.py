"""What a monitor watches: a network whose formulas are derived once and whose numbers are read anew each time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from symgrad.diagnosis.monitor_arrays import as_array
from symgrad.diagnosis.networks import Network, network_of
from symgrad.errors import InputError
from symgrad.interop.torch_checks import unwrapped
from symgrad.interop.torch_modules import built_in_weights, from_torch, is_built_in
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["Watched"]

Model = Recurrence | BidirectionalStack


@dataclass(eq=False)
class Watched:
    """A recurrent module, or a model with arrays for its parameters.

    Attributes:
        given: what ``step`` was called with.
        part: the recurrent part of it.
        model: its formulas.
        network: its layers, with the numbers that were read last.
        sizes: layer -> the number of entries of its first state.
    """

    given: Any
    part: Any
    model: Model
    network: Network
    sizes: dict[str, int]

    @classmethod
    def of(cls, given: Any, input_size: int | None) -> Watched:
        """Derive the formulas.

        Raises:
            InputError: no recurrent module and no pair of a model and its weights, or one that cannot be read.
        """
        part = given if _is_pair(given) else _recurrent_part(given)
        model, weights = _read(part, input_size)
        if not isinstance(model, (Recurrence, BidirectionalStack)):
            raise InputError(
                f"module: {type(part).__name__} has layers and no steps in time; symgrad.diagnose reads it"
            )
        network = network_of(model, weights)
        sizes = {layer.name: layer.size(str(layer.model.states[0])) or 1 for layer in network.parts}
        return cls(given, part, model, network, sizes)

    def is_of(self, given: Any) -> bool:
        """Whether it was made of this module, or of the same model with other numbers."""
        return given[0] is self.part[0] if _is_pair(given) and _is_pair(self.part) else given is self.given

    def refresh(self, given: Any, input_size: int | None) -> None:
        """Read the numbers again; the formulas stay.

        Raises:
            InputError: numbers that are infinite or NaN.
        """
        self.given, self.part = given, given if _is_pair(given) else self.part
        pair = _is_pair(self.part)
        weights = (
            built_in_weights(self.part) if not pair and is_built_in(self.part) else _read(self.part, input_size)[1]
        )
        values = _values(self.model, weights)
        levels = (
            tuple(replace(part, weights={name: values[name] for name in part.weights}) for part in level)
            for level in self.network.levels
        )
        self.network = Network(tuple(levels))

    @property
    def batch_first(self) -> bool:
        """Whether the module itself puts the batch first."""
        return not _is_pair(self.part) and bool(getattr(self.part, "batch_first", False))

    @property
    def returns_last_states(self) -> bool:
        """Whether the module runs over whole sequences, so that what it returns is (outputs, last states)."""
        return not _is_pair(self.part) and is_built_in(self.part) and hasattr(self.part, "num_layers")


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], (Recurrence, BidirectionalStack))


def _read(part: Any, input_size: int | None) -> tuple[Any, dict[str, Any]]:
    """The model and its numbers now; dropout counts as in evaluation."""
    if _is_pair(part):
        model, weights = part
        if not isinstance(weights, Mapping):
            raise InputError(f"module: (model, weights) needs a mapping of weights, got {type(weights).__name__}")
        return model, {str(name): as_array(f"weight {name}", value) for name, value in weights.items()}
    with _evaluating(part):
        return from_torch(part, input_size=None if is_built_in(part) else input_size)


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """A module in evaluation mode for a moment; the mode of each of its parts is put back."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _values(model: Model, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter name -> array."""
    if isinstance(model, Recurrence):
        return {str(symbol): array for symbol, array in bind(model, weights, model.parameters).values.items()}
    found: dict[str, Any] = {}
    for index, pair in enumerate(model.layers):
        for turn, layer in enumerate(pair):
            found |= _values(layer, model.weights_of(weights, index, bool(turn)))
    return found


def _recurrent_part(module: Any) -> Any:
    """The module itself, or the one recurrent network inside it."""
    torch = sys.modules.get("torch")  # what was given can only be of it if it is there
    if torch is None or not isinstance(module, torch.nn.Module):
        raise InputError(
            f"module: a recurrent module or a pair (model, weights) is needed, got {type(module).__name__}"
        )
    module = unwrapped(module)
    if is_built_in(module):
        return module
    inner = {path: part for path, part in module.named_modules() if isinstance(part, torch.nn.RNNBase)}
    if len(inner) > 1:
        raise InputError(f"module: it holds several recurrent networks, {', '.join(inner)}; pass one of them")
    return next(iter(inner.values()), module)
