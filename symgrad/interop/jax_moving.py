"""JAX's primitives that only move entries about, carried out on the places of the entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks
from symgrad.interop.jax_checks import double_precision, jax_module
from symgrad.interop.jax_program import Node
from symgrad.interop.jax_values import Condition, Fixed, Flow, Operand, Reader

__all__ = ["MOVING", "SCATTERED", "moved", "scattered"]

Places = NDArray[np.int64]


def _broadcast(array: Places, shape: Sequence[int], broadcast_dimensions: Sequence[int], **_: Any) -> Places:
    own = [1] * len(shape)
    for size, axis in zip(array.shape, broadcast_dimensions, strict=True):
        own[axis] = size
    return np.broadcast_to(array.reshape(own), tuple(shape))


def _slice(array: Places, start_indices: Any, limit_indices: Any, strides: Any) -> Places:
    steps = strides or (1,) * array.ndim
    return array[tuple(slice(*ends) for ends in zip(start_indices, limit_indices, steps, strict=True))]


def _split(array: Places, sizes: Sequence[int], axis: int) -> list[Places]:
    return np.split(array, list(accumulate(map(int, sizes)))[:-1], axis)


_ONE: dict[str, Callable[..., Any]] = {
    "reshape": lambda a, new_sizes, **_: a.reshape(tuple(map(int, new_sizes))),
    "transpose": lambda a, permutation: a.transpose(permutation),
    "squeeze": lambda a, dimensions: a.squeeze(tuple(dimensions)),
    "expand_dims": lambda a, dimensions: np.expand_dims(a, tuple(dimensions)),
    "broadcast_in_dim": _broadcast,
    "rev": lambda a, dimensions: np.flip(a, tuple(dimensions)),
    "slice": _slice,
    "split": _split,
    "tile": lambda a, reps: np.tile(a, tuple(reps)),
    "unstack": lambda a, axis: list(np.moveaxis(a, axis, 0)),
    "row": lambda a, place: a[place],
    **dict.fromkeys(("copy", "copy_p", "convert_element_type", "reduce_precision"), lambda a, **_: a),
    **dict.fromkeys(("optimization_barrier", "name", "sharding_constraint"), lambda a, **_: a),
}
_SEVERAL: dict[str, Callable[..., Places]] = {
    "concatenate": lambda *a, dimension: np.concatenate(a, dimension),
    "stack": lambda *a, axis=0: np.stack(a, axis),
}
# Which operands hold the entries; the others hold places.
_PLACED = {"gather": (0,), "dynamic_slice": (0,), "dynamic_update_slice": (0, 1), "scatter": (0, 2), "pad": (0, 1)}
MOVING = frozenset({*_ONE, *_SEVERAL, *_PLACED})


def moved(reader: Reader, node: Node, args: Sequence[Operand]) -> list[Operand]:
    """The entries of one or several arrays, moved about.

    Raises:
        TraceRefusal: where they are moved depends on input or state, or is out of bounds.
    """
    if node.name in _ONE and len(args) == 1:
        return _of_one(args[0], lambda places: _ONE[node.name](places, **node.params))
    if node.name in _ONE:  # barriers take several operands
        return list(args)
    own = _PLACED.get(node.name, range(len(args)))
    others = [arg for place, arg in enumerate(args) if place not in own]
    if not all(isinstance(arg, Fixed) for arg in others):
        raise TraceRefusal("the places of entries depend on input or state")
    if len(own) == 1 and not isinstance(args[0], Condition):
        return _of_one(args[0], lambda places: _carried_out(node, args, own, [places]))
    flows = [arg for arg in args if isinstance(arg, Flow)]
    column = _common(flows) if node.name in _SEVERAL and len(flows) == len(args) else None
    if column is not None:  # joined without taking it apart first
        return [Flow(column, _SEVERAL[node.name](*(flow.places for flow in flows), **node.params))]
    return [_of_several(reader, node, args, own)]


def _common(values: Sequence[Flow]) -> Blocks | None:
    """The column that all of the values are parts of."""
    return values[0].column if all(value.column is values[0].column for value in values) else None


def _of_one(value: Operand, function: Callable[[Places], Any]) -> list[Operand]:
    if isinstance(value, Condition):
        parts = [_of_one(term, function) for term in value.terms]
        return [Condition(tuple(terms), value.build) for terms in zip(*parts, strict=True)]
    found = function(value.places)
    arrays = found if isinstance(found, list) else [found]
    if isinstance(value, Flow):
        return [Flow(value.column, array) for array in arrays]
    return [Fixed(value.source, array) for array in arrays]


def _of_several(reader: Reader, node: Node, args: Sequence[Operand], own: Sequence[int]) -> Flow:
    columns = [reader.entries(args[place]) for place in own]
    numbered, start = [], 0
    for place, column in zip(own, columns, strict=True):
        numbered.append(np.arange(start, start + column.shape[0]).reshape(args[place].shape))
        start += column.shape[0]
    return Flow(reader.trace.concatenated(columns), _carried_out(node, args, own, numbered))


def _carried_out(node: Node, args: Sequence[Operand], own: Sequence[int], numbered: Sequence[Places]) -> Places:
    if node.name in _SEVERAL:
        return _SEVERAL[node.name](*numbered, **node.params)
    if node.name == "scatter" and node.params.get("update_jaxpr") is not None:
        raise TraceRefusal("entries are changed by a function of both")
    given = dict(zip(own, numbered, strict=True))
    low, high = min(map(np.min, numbered)), max(map(np.max, numbered))
    with double_precision():
        asarray = jax_module().numpy.asarray
        operands = [asarray(_numbers(arg) if k not in given else given[k]) for k, arg in enumerate(args)]
        found = np.asarray(node.primitive.bind(*operands, **_whole(node.params)))
    if found.size and (found.min() < low or found.max() > high):
        raise TraceRefusal("entries out of bounds are taken")
    return found.astype(np.int64)


SCATTERED = {"scatter-add": 0, "scatter_add": 0, "scatter-sub": 0, "scatter-mul": 1, "scatter_mul": 1}


def scattered(reader: Reader, node: Node, operand: Operand, indices: Operand, updates: Operand) -> Flow:
    """What some entries are changed by, and a neutral number for the others.

    Raises:
        TraceRefusal: an entry is changed more than once; places depend on input or state, or are out of bounds.
    """
    neutral = SCATTERED[node.name]
    column = reader.entries(updates)
    numbered = np.arange(column.shape[0]).reshape(updates.shape) + 2
    base = np.full(operand.shape, neutral)
    with double_precision():
        asarray = jax_module().numpy.asarray
        operands = [asarray(base, dtype=float), asarray(_numbers(indices)), asarray(numbered, dtype=float)]
        found = np.abs(np.asarray(node.primitive.bind(*operands, **node.params)))
    touched = found[found != neutral]
    if sorted(touched.tolist()) != sorted(numbered.reshape(-1).tolist()):
        raise TraceRefusal("entries are changed more than once, or are out of bounds")
    joined = reader.trace.concatenated([reader.trace.filled(neutral, (1, 1)), column])
    return Flow(joined, np.where(found == neutral, 0, found - 1).astype(np.int64))


def _numbers(value: Operand) -> Any:
    if not isinstance(value, Fixed):
        raise TraceRefusal("the places of entries depend on input or state")
    return value.numbers


def _whole(params: Mapping[str, Any]) -> dict[str, Any]:
    """A number to fill up with that is no place."""
    return {**params, "fill_value": -1} if "fill_value" in params else dict(params)
