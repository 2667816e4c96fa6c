"""Products of matrices and vectors in JAX (``dot_general``)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.jax_program import Node
from symgrad.interop.jax_values import Condition, Fixed, Flow, Operand, Reader

__all__ = ["contracted", "product"]

Places = NDArray[np.int64]
MOST_VECTORS = 64  # that one matrix, or each of several, is multiplied with
MOST_TERMS = 64  # of a sum of products of entries


@dataclass(frozen=True)
class _Order:
    """The axes of an operand: those of the batch, those summed over, the others."""

    batch: tuple[int, ...]
    summed: tuple[int, ...]
    free: tuple[int, ...]

    @classmethod
    def of(cls, rank: int, batch: Any, summed: Any) -> _Order:
        """The free axes are those that are left."""
        rest = tuple(axis for axis in range(rank) if axis not in {*batch, *summed})
        return cls(tuple(batch), tuple(summed), rest)

    def cube(self, places: Places) -> Places:
        """The places in three axes: batch, free, summed."""
        shape = places.shape
        sizes = [prod(shape[axis] for axis in axes) for axes in (self.batch, self.free, self.summed)]
        return places.transpose(*self.batch, *self.free, *self.summed).reshape(sizes)


def contracted(reader: Reader, node: Node, left: Operand, right: Operand) -> Flow:
    """The product of two arrays, one of which depends on input or state.

    Raises:
        TraceRefusal: too many entries are multiplied with each other.
    """
    if isinstance(left, Condition) or isinstance(right, Condition):
        raise TraceRefusal("truth values that depend on input or state are used as numbers, which jump")
    (summed, batch) = node.params["dimension_numbers"]
    first = _Order.of(len(left.shape), batch[0], summed[0])
    second = _Order.of(len(right.shape), batch[1], summed[1])
    shape = node.outputs[0].shape
    if isinstance(left, Fixed) and isinstance(right, Flow):
        found = _by_matrix(reader, left, first, right, second)  # batch, free axes of the vectors, then of the matrix
        places = found.places.transpose(0, 2, 1)
    elif isinstance(left, Flow) and isinstance(right, Fixed):
        found = _by_matrix(reader, right, second, left, first)
        places = found.places
    else:
        found = _by_entries(reader, left, first, right, second)
        places = found.places
    return Flow(found.column, places.reshape(shape))


def _by_matrix(reader: Reader, matrix: Fixed, order: _Order, value: Flow, own: _Order) -> Flow:
    """Every vector in a value times a matrix."""
    matrices, vectors = order.cube(matrix.places), own.cube(value.places)
    if vectors.shape[0] * vectors.shape[1] > MOST_VECTORS:
        raise TraceRefusal(f"a matrix is multiplied with more than {MOST_VECTORS} vectors")
    parts = []
    for entries, rows in zip(matrices, vectors, strict=True):
        factor = reader.matrix(Fixed(matrix.source, entries))
        parts += [reader.trace.matmul(factor, reader.entries(Flow(value.column, row))) for row in rows]
    shape = vectors.shape[0], vectors.shape[1], matrices.shape[1]
    return Flow(reader.trace.concatenated(parts), np.arange(prod(shape)).reshape(shape))


def _by_entries(reader: Reader, left: Flow | Fixed, first: _Order, right: Flow | Fixed, second: _Order) -> Flow:
    """Sums of products of entries that both depend on input or state."""
    trace = reader.trace
    a, b = first.cube(left.places)[:, :, None], second.cube(right.places)[:, None]
    a, b = np.broadcast_arrays(a, b)
    shape, terms = a.shape[:3], a.shape[3]

    def multiplied(one: Places, other: Places) -> Any:
        return trace.multiply(reader.entries(_at(left, one)), reader.entries(_at(right, other)))

    if prod(shape) == 1:
        column = trace.total(multiplied(a, b))
    elif terms <= MOST_TERMS:
        column = multiplied(a[..., 0], b[..., 0])
        for place in range(1, terms):
            column = trace.add(column, multiplied(a[..., place], b[..., place]))
    else:
        raise TraceRefusal("two matrices that depend on input or state are multiplied")
    return Flow(column, np.arange(prod(shape)).reshape(shape))


def _at(value: Flow | Fixed, places: Places) -> Flow | Fixed:
    return Flow(value.column, places) if isinstance(value, Flow) else Fixed(value.source, places)


def product(reader: Reader, node: Node, left: Fixed, right: Fixed) -> Any:
    """The product of two fixed matrices with symbols; None where they have no form here."""
    (summed, batch) = node.params["dimension_numbers"]
    if batch[0] or len(left.shape) != 2 or len(right.shape) > 2 or len(summed[0]) != 1:
        return None
    first, second = (
        _Order.of(len(value.shape), (), axes).cube(value.places)[0]
        for value, axes in ((left, summed[0]), (right, summed[1]))
    )
    a, b = reader.symbols(left, first), reader.symbols(right, second)
    return None if a is None or b is None else reader.trace.matmul(a, b.transposed)
