"""Operations on parameters and constants alone: repeated with symbols where these have a form here, else evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks
from symgrad.interop.gathering import submatrix
from symgrad.interop.torch_activations import activation_of_call
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_moving import MOVING, called
from symgrad.interop.torch_nesting import leaves
from symgrad.interop.torch_operations import SAME
from symgrad.interop.torch_values import Fixed
from symgrad.interop.tracing import Trace, Traced

__all__ = ["fixed_outcome"]


def fixed_outcome(trace: Trace, node: Any, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The outcome of an operation on fixed values: its numbers are known, and its symbols where they can be told."""
    result = node.meta["value"]
    sources = [value for value in leaves((args, options)) if isinstance(value, Fixed)]
    given = any(value.given for value in sources)
    data = _symbols(trace, node, name, args, options) if given else None
    roots = tuple(dict.fromkeys(root for value in sources for root in value.roots))
    known = name if name.isidentifier() else getattr(node.target, "__name__", node.name)
    label = "_".join((known, *roots)) if len(roots) in (1, 2) else node.name
    return _wrapped(result, data, Fixed(None, None, label, given, roots))


def _wrapped(result: Any, data: Any, like: Fixed) -> Any:
    torch = torch_module()
    if isinstance(result, (tuple, list)) and not isinstance(result, torch.Size):
        parts = data if isinstance(data, tuple) else (None,) * len(result)
        return tuple(
            _wrapped(part, own, replace(like, name=f"{like.name}_{place}"))
            for place, (part, own) in enumerate(zip(result, parts, strict=True))
        )
    return replace(like, tensor=result, data=data) if isinstance(result, torch.Tensor) else result


def _symbols(trace: Trace, node: Any, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The outcome with symbols; None where it has no form here, so that its numbers become a parameter."""
    try:
        if name in SAME:
            return args[0].data
        if name in MOVING or name == "getattr":
            return _moved(trace, node, args, options)
        if name in _BINARY and len(args) == 2 and not options:
            return _entrywise(trace, _BINARY[name], args, node.meta["value"])
        if name in ("matmul", "mm", "mv") and all(isinstance(value, Fixed) for value in args):
            return _product(trace, *args)
        if name == "neg":
            return None if args[0].data is None else trace.negate(args[0].data)
        function = activation_of_call(name, list(args[1:]), options) if isinstance(args[0], Fixed) else None
        return None if function is None or args[0].data is None else trace.apply(function, args[0].data)
    except InputError:
        return None


_BINARY: dict[str, Callable[[Trace, Traced, Traced], Traced]] = {
    "add": Trace.add,
    "sub": Trace.subtract,
    "mul": Trace.multiply,
    "div": Trace.divide,
    "pow": lambda trace, base, exponent: trace.power(base, _number(exponent)),
}


def _number(value: Traced) -> Any:
    if isinstance(value, Blocks):
        raise TraceRefusal("the exponent must be a number")
    return value


def _entrywise(
    trace: Trace, function: Callable[[Trace, Traced, Traced], Traced], args: Sequence[Any], result: Any
) -> Traced | None:
    """Matrices of the result's shape and scalars; or, where only one axis is longer than one, columns."""
    upright = sum(size > 1 for size in result.shape) < 2
    operands = []
    for value in args:
        data = value.column if upright and isinstance(value, Fixed) else getattr(value, "data", None)
        if not isinstance(value, Fixed):
            operands.append(trace.number(value))
        elif data is None or (isinstance(data, Blocks) and value.tensor.numel() not in (1, result.numel())):
            return None
        else:
            operands.append(data)
    layouts = {value.shape for value in operands if isinstance(value, Blocks)}
    return function(trace, operands[0], operands[1]) if len(layouts) < 2 else None


def _product(trace: Trace, left: Fixed, right: Fixed) -> Blocks | None:
    if left.tensor.ndim != 2 or right.tensor.ndim > 2:
        return None
    second = right.column if right.tensor.ndim == 1 else right.matrix
    first = left.matrix
    return trace.matmul(first, second) if isinstance(first, Blocks) and isinstance(second, Blocks) else None


def _moved(trace: Trace, node: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Slices, transposes and the like: rows and columns of the one matrix are told from the numbers of its entries."""
    if isinstance(args[0], (tuple, list)):
        if all(isinstance(value, Fixed) for value in args[0]) and node.target in _joining():
            return _joined(trace, args[0], options.get("dim", args[1] if len(args) > 1 else 0))
        return args[0][args[1]].data if len(args) == 2 and isinstance(args[1], int) else None
    source = args[0]
    if not isinstance(source.data, Blocks) or source.tensor.ndim > 2:
        return None
    numbered = np.arange(source.tensor.numel()).reshape(source.tensor.shape)
    values = [torch_module().from_numpy(numbered), *args[1:]]
    if any(isinstance(value, Fixed) for value in values):
        return None
    found = called(node, values[0], values[1:], options)
    parts = found if isinstance(found, (tuple, list)) else (found,)
    data = tuple(_part(trace, source, part.numpy()) for part in parts)
    return data if isinstance(found, (tuple, list)) else data[0]


def _joining() -> tuple[Any, ...]:
    torch = torch_module()
    return torch.cat, torch.concat, torch.concatenate


def _joined(trace: Trace, values: Sequence[Fixed], axis: int) -> Blocks | None:
    ranks = {value.tensor.ndim for value in values}
    parts = [value.column if ranks == {1} else value.matrix for value in values]
    blocks = [part for part in parts if isinstance(part, Blocks)]
    if len(ranks) != 1 or len(blocks) < len(values):
        return None
    return trace.concatenated(blocks, axis % ranks.pop())


def _part(trace: Trace, source: Fixed, places: NDArray[np.int64]) -> Blocks | None:
    """The blocks of the entries at the places, where these are rows and columns of the source."""
    matrix = source.column if source.tensor.ndim == 1 else source.matrix
    return submatrix(trace, matrix, places) if isinstance(matrix, Blocks) else None
