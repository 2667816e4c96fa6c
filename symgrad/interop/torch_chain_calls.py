"""Calls in the graph of a feed-forward network, and those that ask for shapes or change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_chain_values import Constant, Path
from symgrad.interop.torch_nesting import leaves
from symgrad.language.chain_layers import PassThrough

__all__ = ["Call", "Keep", "reshaped", "shape_question", "unchanged"]

Keep = Callable[[Constant], Constant]

_BATCH, _WIDTH = "size of the batch", "width of a value"
_SHAPE = _BATCH, _WIDTH


@dataclass(frozen=True)
class Call:
    """One call in the graph.

    Attributes:
        kind: the name of the function or method.
        name: where it stands.
        arguments: in order; values, constants or anything else.
        options: by name.
        keep: remembers the numbers of a constant.
    """

    kind: str
    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    keep: Keep

    def argument(self, index: int, label: str, default: Any = None) -> Any:
        """An argument by its place or its name."""
        return self.arguments[index] if len(self.arguments) > index else self.options.get(label, default)


def shape_question(call: Call) -> Any:
    """The shape of a value, of which only the size of the batch and the width may be used."""
    whole = call.kind == "getattr" and call.argument(1, "name") == "shape"
    if whole or (call.kind == "size" and len(call.arguments) == 1 and not call.options):
        return _SHAPE
    index = call.argument(1, "dim")
    if call.kind == "size" and index in (0, 1, -1, -2):
        return _BATCH if index in (0, -2) else _WIDTH
    if call.kind == "getattr" and call.argument(1, "name") in ("T", "mT", "H"):
        raise InputError("a transpose of the values of a layer")
    raise InputError(f"{call.kind} of the values of a layer")


def reshaped(call: Call) -> Path:
    """A change of shape that leaves vectors as they are: ``view(x.size(0), -1)``, ``flatten(1)`` and the like.

    Raises:
        InputError: any other.
    """
    sizes = leaves(call.arguments[1:] or tuple(call.options.values()))
    if call.kind == "flatten":
        accepted = sizes in ([1], [1, -1])
    else:
        width = call.arguments[0].width if isinstance(call.arguments[0], Path) else None
        accepted = len(sizes) == 2 and (sizes[0] is _BATCH or sizes[0] == -1) and sizes[1] in (-1, width, _WIDTH)
        accepted = accepted and sizes != [-1, -1]
    if not accepted:
        raise InputError("a change of shape other than to (batch, entries)")
    return unchanged(call, "flatten")


def unchanged(call: Call, reason: str = "identity") -> Path:
    """A call that gives back its first argument.

    Raises:
        InputError: that is no value that depends on the input.
    """
    value = call.argument(0, "input")
    if not isinstance(value, Path):
        raise InputError("a value that depends on the input is needed first")
    width = value.known_width()
    return value.then(PassThrough(call.name, width, width, reason))
