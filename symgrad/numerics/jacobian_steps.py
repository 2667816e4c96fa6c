"""The Jacobians of a batch step by step, applied to columns by their structure; no Jacobian is formed or kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.language.operators import Compose, Diagonal, Identity, Operator, OperatorSum, Scale, Zero
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.adjoints import adjoint
from symgrad.numerics.arrays import ArrayEvaluator, LayerArrays
from symgrad.numerics.backends import Backend
from symgrad.numerics.running import Batch, run
from symgrad.numerics.sharing import Blocks, SharedNodes, shared_nodes
from symgrad.numerics.tape import Tape, prepared, recorded, replayed

__all__ = [
    "Jacobians",
    "StepJacobian",
    "adjoint_blocks",
    "jacobian_steps",
    "known_steps",
    "rescaled_columns",
    "state_rows",
    "transposed_steps",
    "weight_products",
]

IntArray = NDArray[np.int64]

_FAR = 16  # powers of two that the largest entry may be away from 1
_STEP = 120  # powers of two in one factor
_WINDOW = 2**20  # numbers in the values of all steps that are computed together
_VALUES = 16  # arrays of the size of a state that a step may take


class StepJacobian:
    """The Jacobian of one step, or its transpose, for all trajectories of a batch.

    Args:
        tape: how it is multiplied with columns.
        early: the values at the step that this takes.
        rows: of each state among all entries.
        filled: the states whose rows are not all zeros.
        finite: (B,) whether all entries of the states before and after the step are finite, in the library's array.
    """

    def __init__(
        self, tape: Tape, early: Sequence[Any], rows: Sequence[slice], filled: Sequence[int], finite: Any
    ) -> None:
        self._tape, self._early, self._rows, self._filled, self.finite = tape, early, rows, filled, finite

    def times(self, columns: Any) -> Any:
        """The Jacobian times columns (N, B, p); B may be 1 for columns that are the same for all trajectories."""
        tape = self._tape
        parts = [columns[rows, ...] for rows in self._rows] if len(self._rows) > 1 else [columns]
        found = replayed(tape.xp, tape.program, tape.constants, self._early, parts)
        if len(self._rows) == len(found) == 1:
            return found[0]
        most = max((value.shape[1] for value in found), default=columns.shape[1])
        results = [_of_size(tape.xp, tape.xp.zeros_like(part), most) for part in parts]
        for place, value in zip(self._filled, found, strict=True):
            results[place] = _of_size(tape.xp, value, most)
        return tape.xp.concat(results, axis=0)


def _of_size(xp: Any, columns: Any, size: int) -> Any:
    shape = (columns.shape[0], size, columns.shape[2])
    return columns if columns.shape == shape else xp.broadcast_to(columns, shape)


class Jacobians:
    """The Jacobians of many steps whose states are known, or their transposes: what they take is computed together.

    Args:
        evaluator: the parameters, on the back end that computes.
        blocks: of the Jacobian or its transpose.
        sizes: of the states.
    """

    def __init__(self, evaluator: ArrayEvaluator, blocks: Blocks, sizes: Sequence[int]) -> None:
        self._evaluator, self._blocks, self.rows = evaluator, blocks, state_rows(sizes)
        self._filled = [place for place, row in enumerate(blocks) if not all(isinstance(entry, Zero) for entry in row)]

    def steps(
        self, states: Mapping[Any, Any], inputs: Mapping[Any, Any], start: int = 0, backward: bool = False
    ) -> Iterator[StepJacobian]:
        """Those of w steps in a row.

        Args:
            states: symbol -> (w + 1, n, B, 1) before each step and after the last.
            inputs: symbol -> (w, m, B, 1).
            start: which step is the first.
            backward: the last step first.
        """
        given = {**{s: array[:-1, ...] for s, array in states.items()}, **inputs}
        finite = self._finite(states)
        order = reversed(range(finite.shape[0])) if backward else range(finite.shape[0])
        if not isinstance(self._evaluator, LayerArrays):
            tape = self._evaluator.tape({"blocks": self._blocks}, lambda: self._recorded(self._evaluator, given))
            early = prepared(tape.xp, tape.program, tape.constants, list(given.values()))
            for step in order:
                yield self._step(tape, [value[step, ...] for value in early], finite[step, ...])
            return
        for step in order:
            tape = self._recorded(self._evaluator.layers[start + step], given)
            here = [array[step : step + 1, ...] for array in given.values()]
            early = prepared(tape.xp, tape.program, tape.constants, here)
            yield self._step(tape, [value[0, ...] for value in early], finite[step, ...])

    def _finite(self, states: Mapping[Any, Any]) -> Any:
        """(w, B) whether the states on both sides of each step are finite: where a step overflows, slopes do too."""
        xp, finite = self._evaluator.xp, True
        for array in states.values():
            finite = finite & xp.all(xp.isfinite(array), axis=(1, 3))
        known: Any = finite
        return known[:-1, ...] & known[1:, ...]

    def _step(self, tape: Tape, early: Sequence[Any], finite: Any) -> StepJacobian:
        return StepJacobian(tape, early, self.rows, self._filled, finite)

    def _recorded(self, evaluator: ArrayEvaluator, given: Mapping[Any, Any]) -> Tape:
        early = {symbol: (array.shape[1], array.shape[3]) for symbol, array in given.items()}
        late = {f"columns {place}": (rows.stop - rows.start, 2) for place, rows in enumerate(self.rows)}

        def compute(point: ArrayEvaluator, arrays: Mapping[Any, Any]) -> list[Any]:
            parts = [arrays[name] for name in late]
            return [_row(point, self._blocks[place], parts) for place in self._filled]

        return recorded(evaluator, early, late, compute)


def _row(point: ArrayEvaluator, entries: Sequence[Operator], parts: Sequence[Any]) -> Any:
    """A row of blocks times parts of columns; blocks of zeros cost nothing."""
    pairs = [(entry, part) for entry, part in zip(entries, parts, strict=True) if not isinstance(entry, Zero)]
    return point.total(point.apply(entry, part) for entry, part in pairs)


def state_rows(sizes: Sequence[int]) -> list[slice]:
    """Where the entries of each state lie among those of all.

    >>> state_rows([2, 3])
    [slice(0, 2, None), slice(2, 5, None)]
    """
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def jacobian_steps(evaluator: ArrayEvaluator, nodes: SharedNodes, batch: Batch) -> Iterator[StepJacobian]:
    """Simulates a batch and gives the Jacobian of each step, first to last; states are kept for some steps only.

    Args:
        evaluator: the parameters, on the back end that computes; the caller is within its scope.
        nodes: of the model.
        batch: B trajectories.
    """
    sizes = [array.shape[0] for array in batch.initial.values()]
    jacobians = Jacobians(evaluator, nodes.blocks, sizes)
    length = batch.steps if isinstance(evaluator, LayerArrays) else _together(sum(sizes) * batch.size)
    initial = {s: batch.initial[s] for s in nodes.updates}
    for start in range(0, batch.steps, length):
        stop = min(start + length, batch.steps)
        inputs = {s: evaluator.asarray(array[start:stop, ...]) for s, array in batch.inputs.items()}
        states = run(evaluator, nodes.updates, Batch(initial, inputs, stop - start))
        initial = {s: array[-1, ...] for s, array in states.items()}
        yield from jacobians.steps(states, inputs)


def known_steps(
    evaluator: ArrayEvaluator, blocks: Blocks, states: Mapping[Any, Any], inputs: Mapping[Any, Any]
) -> Iterator[StepJacobian]:
    """The Jacobians of steps whose states are known, first to last.

    Args:
        evaluator: the parameters, on the back end that computes; the caller is within its scope.
        blocks: of the Jacobian.
        states: symbol -> (T + 1, n, B, 1), of the back end.
        inputs: symbol -> (T, m, B, 1).
    """
    return _stretches(evaluator, blocks, states, inputs, backward=False)


def transposed_steps(
    evaluator: ArrayEvaluator, model: Recurrence, states: Mapping[Any, Any], inputs: Mapping[Any, Any]
) -> Iterator[StepJacobian]:
    """The transposed Jacobians of steps whose states are known, the last step first; see :func:`known_steps`."""
    return _stretches(evaluator, adjoint_blocks(model), states, inputs, backward=True)


def _stretches(
    evaluator: ArrayEvaluator, blocks: Blocks, states: Mapping[Any, Any], inputs: Mapping[Any, Any], backward: bool
) -> Iterator[StepJacobian]:
    """The steps, computed in stretches whose values fit into memory."""
    sizes = [array.shape[1] for array in states.values()]
    size, steps = next((array.shape[2], array.shape[0] - 1) for array in states.values())
    jacobians, length = Jacobians(evaluator, blocks, sizes), _together(sum(sizes) * size)
    starts = range(0, steps, length)
    for start in reversed(starts) if backward else starts:
        stop = min(start + length, steps)
        here = {s: array[start : stop + 1, ...] for s, array in states.items()}
        given = {s: array[start:stop, ...] for s, array in inputs.items()}
        yield from jacobians.steps(here, given, start, backward)


def _together(numbers: int) -> int:
    """How many steps are computed together for so many numbers in the states of one."""
    return max(1, _WINDOW // (_VALUES * numbers))


def rescaled_columns(columns: Any, backend: Backend) -> tuple[Any, IntArray]:
    """Columns (N, B, p) times the power of two of each trajectory that brings its largest entry near 1.

    Returns:
        The columns and the exponents (B,) that were taken out. Nothing is done where an entry is near 1 already, all
        are zero, or one is not finite.
    """
    xp = backend.xp
    largest = backend.numpy(xp.max(xp.max(xp.abs(columns), axis=0), axis=1))  # one axis at a time, which is faster
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
