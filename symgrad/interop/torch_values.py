"""What flows through a traced PyTorch module: vectors that depend on input and state, and tensors that are fixed.

Whatever only moves entries about (slices, views, transposes, concatenations, copies along new axes) is not read from
its name and arguments: it is carried out on a tensor that numbers the entries, and the result tells where each came
from. So every such operation of PyTorch is understood in the same way, with its own rules for axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from symgrad.interop.gathering import gathered
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.tracing import Blocks, Trace, Traced, TraceRefusal

__all__ = ["Fixed", "Flow", "moved", "spread", "without_batch"]


@dataclass(frozen=True)
class Flow:
    """A tensor whose numbers depend on the input or the state.

    Attributes:
        column: its entries without the batch axis, row by row.
        shape: the shape without the batch axis.
        batch: which axis of the tensor counts the batch, if any.
    """

    column: Blocks
    shape: tuple[int, ...]
    batch: int | None

    @property
    def rank(self) -> int:
        """The number of axes of the tensor, with that of the batch."""
        return len(self.shape) + (self.batch is not None)


@dataclass(frozen=True)
class Fixed:
    """A tensor that depends on parameters, buffers and constants only.

    Attributes:
        tensor: its numbers.
        data: its symbols, where it has some: a scalar, a column for a vector, a matrix; one row may stand upright.
        name: what its symbols would be called.
        given: whether it depends on parameters or buffers, and not on numbers in the program alone.
        roots: the names of these parameters and buffers.
    """

    tensor: Any
    data: Traced | None = None
    name: str = "constant"
    given: bool = False
    roots: tuple[str, ...] = ()

    @property
    def matrix(self) -> Blocks | None:
        """The symbols in the shape of the tensor, which has two axes."""
        if not isinstance(self.data, Blocks) or self.tensor.ndim != 2:
            return None
        if self.data.shape == tuple(self.tensor.shape):
            return self.data
        return self.data.transposed if self.data.shape == tuple(self.tensor.shape)[::-1] else None

    @property
    def column(self) -> Traced | None:
        """The symbols as one column, or the scalar, where there is at most one axis longer than one."""
        if not isinstance(self.data, Blocks) or self.data.shape[1] == 1:
            return self.data
        return self.data.transposed if self.data.shape[0] == 1 else None


def spread(trace: Trace, value: Flow, shape: Sequence[int], batch: int | None) -> Blocks:
    """The entries of a value that is broadcast to a shape with the given batch axis."""
    if value.batch is not None and (batch is None or value.rank - value.batch != len(shape) - batch):
        raise TraceRefusal("values whose batch stands at different axes meet")
    own = list(value.shape) if value.batch is None else _with_one(value.shape, value.batch)
    target = [1 if axis == batch else size for axis, size in enumerate(shape)]
    numbered = np.arange(prod(value.shape), dtype=np.int64).reshape(own)
    return gathered(trace, value.column, np.broadcast_to(numbered, target).reshape(-1))


def _with_one(shape: Sequence[int], axis: int) -> list[int]:
    return [*shape[:axis], 1, *shape[axis:]]


def moved(values: Sequence[Flow], batch: int, operation: Callable[[list[Any]], Any], trace: Trace) -> Any:
    """What an operation that only moves entries makes of its tensors: one :class:`Flow`, or a tuple of them.

    Args:
        values: the tensors it takes entries from.
        batch: the length of batch axes.
        operation: called with tensors of integers in the place of the values.
        trace: the trace.

    Raises:
        TraceRefusal: entries of the batch are picked out or mixed.
    """
    torch = torch_module()
    numbered, start = [], 0
    for value in values:
        size = prod(value.shape)
        entries = torch.arange(start, start + size).reshape(value.shape)
        start += size
        if value.batch is not None:
            entries = torch.stack([entries * batch + place for place in range(batch)], value.batch)
        numbered.append(entries)
    batched = {value.batch is not None for value in values}
    if len(batched) > 1:
        raise TraceRefusal("values with and without a batch are joined")
    column = values[0].column if len(values) == 1 else trace.concatenated([value.column for value in values])
    return _read(trace, operation(numbered), column, batch if batched == {True} else None)


def _read(trace: Trace, result: Any, column: Blocks, batch: int | None) -> Any:
    if isinstance(result, (tuple, list)):
        return tuple(_read(trace, part, column, batch) for part in result)
    if not result.numel():
        raise TraceRefusal("a part without entries is taken")
    axis = None if batch is None else _batch_axis(result, batch)
    places = (result if axis is None else (result // batch).select(axis, 0)).numpy()
    return Flow(gathered(trace, column, places.reshape(-1)), tuple(places.shape), axis)


def _batch_axis(result: Any, batch: int) -> int:
    torch = torch_module()
    for axis, size in enumerate(result.shape):
        count = torch.arange(batch).reshape([-1 if other == axis else 1 for other in range(result.ndim)])
        if size == batch and bool((result % batch == count).all()):
            return axis
    raise TraceRefusal("elements of the batch are picked out or mixed")


def without_batch(tensor: Any, axis: int | None, batch: int | None) -> Any:
    """Fixed numbers without the batch axis (left with length one), along which they must be the same."""
    if axis is None or not 0 <= axis < tensor.ndim or tensor.shape[axis] == 1:
        return tensor
    first = tensor.narrow(axis, 0, 1)
    if tensor.shape[axis] != batch or not bool((tensor == first).all()):
        raise TraceRefusal("fixed numbers differ from one element of the batch to the next")
    return first
