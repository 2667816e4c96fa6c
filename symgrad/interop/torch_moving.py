"""PyTorch's operations that only move entries about; see :func:`symgrad.interop.torch_values.moved`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.torch_operands import Operand, Operands
from symgrad.interop.torch_values import Fixed, Flow, moved

__all__ = ["COPYING", "MOVING", "called", "moved_entries", "set_entries"]

MOVING = frozenset(
    {
        *("view", "reshape", "flatten", "unflatten", "ravel", "squeeze", "unsqueeze", "view_as", "reshape_as"),
        *("transpose", "swapaxes", "swapdims", "t", "permute", "movedim", "moveaxis", "T", "mT", "adjoint"),
        *("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave", "atleast_1d", "atleast_2d"),
        *("chunk", "split", "split_with_sizes", "tensor_split", "hsplit", "vsplit", "unbind", "narrow", "select"),
        *("getitem", "index_select", "flip", "fliplr", "flipud", "roll", "take", "diagonal"),
        *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack"),
    }
)

# Those, and others that leave numbers as they are, whose outcome has memory of its own.
COPYING = frozenset(
    {
        *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack", "repeat", "tile", "clone"),
        *("repeat_interleave", "index_select", "flip", "fliplr", "flipud", "roll", "take"),
    }
)


def called(node: Any, first: Any, rest: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Carry out the operation of a node on other arguments."""
    if node.op == "call_method":
        return getattr(first, node.target)(*rest, **options)
    return node.target(first, *rest, **options)


def moved_entries(of: Operands, node: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Entries of the first argument, or of all tensors in it, moved about."""
    several = isinstance(args[0], (tuple, list))
    if isinstance(args[0], Fixed) and hasattr(node.meta["value"], "ndim"):  # only its shape follows what flows
        fixed = args[0]
        return Fixed(node.meta["value"], None, f"{node.name}_{fixed.name}", fixed.given, fixed.roots)
    sources = [of.as_flow(value) for value in (args[0] if several else args[:1])]
    examples = node.args[len(node.args) - len(args) + 1 :]
    rest = [_places(part, own) for part, own in zip(args[1:], examples, strict=True)]
    named = {key: _places(part, node.kwargs[key]) for key, part in options.items()}

    def operation(numbered: list[Any]) -> Any:
        return called(node, numbered if several else numbered[0], rest, named)

    return moved(sources, of.batch or 0, operation, of.trace)


def set_entries(of: Operands, node: Any, base: Operand, key: Any, value: Operand) -> Any:
    """A tensor some of whose entries are set to others."""
    places = _places(key, node.args[1])
    example = node.args[0].meta["value"]
    if not isinstance(value, (Flow, Fixed)):
        value = Fixed(example[places].new_full((), value))
    if isinstance(value, Fixed):
        value = Fixed(value.tensor.expand(example[places].shape), None, value.name, value.given)

    def operation(numbered: list[Any]) -> Any:
        changed = numbered[0].clone()
        changed[places] = numbered[1]
        return changed

    return moved([of.as_flow(base), of.as_flow(value)], of.batch or 0, operation, of.trace)


def _places(value: Any, node: Any) -> Any:
    """Arguments that only give places (fixed ones) or shapes."""
    if isinstance(value, tuple):
        return tuple(_places(part, own) for part, own in zip(value, node, strict=True))
    if isinstance(value, Fixed):
        return value.tensor
    if isinstance(value, Flow):
        example = node.meta["value"]
        if not example.is_floating_point():
            raise TraceRefusal("places that depend on input or state cannot be traced")
        return example
    return value
