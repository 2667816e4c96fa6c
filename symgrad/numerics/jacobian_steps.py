"""The Jacobians of a batch step by step, applied to columns by their structure; no Jacobian is formed or kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.operators import Compose, Diagonal, Identity, Operator, OperatorSum, Scale, Zero
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.sharing import Blocks, SharedNodes, shared_nodes
from symgrad.numerics.simulate import Batch

__all__ = [
    "StepJacobian",
    "adjoint_blocks",
    "jacobian_steps",
    "rescaled_columns",
    "state_rows",
    "times_blocks",
    "weight_products",
]

IntArray = NDArray[np.int64]

_FAR = 16  # powers of two that the largest entry may be away from 1
_STEP = 120  # powers of two in one factor


class StepJacobian:
    """The Jacobian of one step, for all trajectories of a batch.

    Args:
        point: the values at the step.
        blocks: of the Jacobian.
        rows: of each state among all entries.
    """

    def __init__(self, point: ArrayEvaluator, blocks: Blocks, rows: Sequence[slice]) -> None:
        self._point, self._blocks, self._rows = point, blocks, rows

    def times(self, columns: Any) -> Any:
        """The Jacobian times columns (N, B, p); B may be 1 for columns that are the same for all trajectories."""
        return times_blocks(self._point, self._blocks, self._rows, columns)


def times_blocks(point: ArrayEvaluator, blocks: Blocks, rows: Sequence[slice], columns: Any) -> Any:
    """A matrix of blocks times columns (N, B, p), by the structure of each block; blocks of zeros cost nothing."""
    parts = [columns[place] for place in rows] if len(rows) > 1 else [columns]
    results = []
    for row, place in zip(blocks, rows, strict=True):
        terms = [
            point.apply(entry, part) for entry, part in zip(row, parts, strict=True) if not isinstance(entry, Zero)
        ]
        total = terms[0] if terms else point.xp.zeros_like(columns[place])
        for term in terms[1:]:
            total = point.add(total, term)
        results.append(total)
    if len(results) == 1:
        return results[0]
    most = max(result.shape[1] for result in results)
    return point.xp.concat([_of_size(point.xp, result, most) for result in results], axis=0)


def _of_size(xp: Any, columns: Any, size: int) -> Any:
    shape = (columns.shape[0], size, columns.shape[2])
    return columns if columns.shape == shape else xp.broadcast_to(columns, shape)


def state_rows(sizes: Sequence[int]) -> list[slice]:
    """Where the entries of each state lie among those of all.

    >>> state_rows([2, 3])
    [slice(0, 2, None), slice(2, 5, None)]
    """
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def jacobian_steps(
    evaluator: ArrayEvaluator, nodes: SharedNodes, batch: Batch, backend: Backend
) -> Iterator[tuple[StepJacobian, Any]]:
    """Simulates a batch and gives the Jacobian of each step, first to last, and the states after it.

    What the next state and the Jacobian have in common is computed once. Nothing of earlier steps is kept.

    Args:
        evaluator: the parameters, on the back end.
        nodes: of the model.
        batch: B trajectories.
        backend: where to compute. The caller is within its scope.
    """
    current: dict[sp.Expr, Any] = {s: backend.asarray(array) for s, array in batch.initial.items()}
    inputs = {s: backend.asarray(array) for s, array in batch.inputs.items()}
    rows = state_rows([array.shape[0] for array in current.values()])
    for step in range(batch.steps):
        point = evaluator.at({**current, **{s: array[step, ...] for s, array in inputs.items()}}, step)
        current = {s: _for_each(point, node, current[s]) for s, node in nodes.updates.items()}
        yield StepJacobian(point, nodes.blocks, rows), current


def _for_each(point: ArrayEvaluator, node: Any, like: Any) -> Any:
    """The value of an update, repeated for every trajectory where it depends on no state and no input."""
    value = point.vector(node)
    value = value if value.ndim == 3 else point.xp.expand_dims(value, axis=1)
    return _of_size(point.xp, value, like.shape[1])


def rescaled_columns(columns: Any, backend: Backend) -> tuple[Any, IntArray]:
    """Columns (N, B, p) times the power of two of each trajectory that brings its largest entry near 1.

    Returns:
        The columns and the exponents (B,) that were taken out. Nothing is done where an entry is near 1 already, all
        are zero, or one is not finite.
    """
    xp = backend.xp
    largest = backend.numpy(xp.maximum(xp.max(columns, axis=(0, 2)), -xp.min(columns, axis=(0, 2))))
    power = np.frexp(largest)[1]
    taken = np.where(np.isfinite(largest) & (np.abs(power) > _FAR), power, 0).astype(np.int64)
    left = taken
    while left.any():  # factors within the range of float32
        part = np.clip(left, -_STEP, _STEP)
        columns, left = columns * backend.asarray(np.ldexp(1.0, -part)[None, :, None]), left - part
    return columns, taken


@lru_cache(maxsize=64)
def weight_products(model: Recurrence, backward: bool = False) -> int:
    """How many products of a weight matrix with a column one product of the Jacobian with a column takes.

    Args:
        model: the recurrence.
        backward: count for the transposed Jacobian.

    >>> import symgrad as sg
    >>> weight_products(sg.models.elman()), weight_products(sg.models.lstm())
    (1, 4)
    """
    made: set[Any] = set()
    for row in adjoint_blocks(model) if backward else shared_nodes(model).blocks:
        for place, entry in enumerate(row):
            _applied(entry, place, made)
    return len(made)


@lru_cache(maxsize=64)
def adjoint_blocks(model: Recurrence) -> Blocks:
    """The blocks of the transposed Jacobian as nodes with shared parts."""
    nodes = shared_nodes(model)
    columns = zip(*nodes.blocks, strict=True)
    return tuple(tuple(nodes.sharing.node(adjoint(entry)) for entry in column) for column in columns)


def _applied(operator: Operator, value: Any, made: set[Any]) -> Any:
    """What names the result of an operator on a value; products with matrices are noted, equal ones once."""
    match operator:
        case Zero() | Identity():
            return value
        case Diagonal() | Scale(operand=Identity()):
            return (operator, value)
        case Scale(operand=operand):
            return (operator, _applied(operand, value, made))
        case OperatorSum(terms=terms):
            return (operator, *(_applied(term, value, made) for term in terms))
        case Compose(factors=factors):
            for factor in reversed(factors):
                value = _applied(factor, value, made)
            return value
    made.add((operator, value))
    return (operator, value)
