"""Batches of trajectories, and their simulation on the arrays of any back end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from array_api_compat import array_namespace
from numpy.typing import NDArray

from symgrad.language.operators import Vector
from symgrad.numerics.arrays import ArrayEvaluator, LayerArrays
from symgrad.numerics.tape import Program, Tape, prepared, recorded, replayed

__all__ = ["Batch", "run"]

Array = NDArray[np.float64]

_WINDOW = 2**20  # numbers in all values that are computed for many steps at once


@dataclass(frozen=True, eq=False)
class Batch:
    """Starting points and inputs of B trajectories, in the layout of computation.

    Attributes:
        initial: state symbol -> array (n, B, 1).
        inputs: input symbol -> array (T, m, B, 1).
        steps: T.
    """

    initial: dict[sp.Expr, Array]
    inputs: dict[sp.Expr, Array]
    steps: int

    @property
    def size(self) -> int:
        """The number B of trajectories."""
        return int(next(iter(self.initial.values())).shape[1])

    def first(self, steps: int) -> Batch:
        """The first steps of the same trajectories."""
        return Batch(self.initial, {s: array[:steps, ...] for s, array in self.inputs.items()}, steps)

    def between(self, start: int, stop: int, states: Mapping[sp.Expr, Array]) -> Batch:
        """The steps from one to another, starting from the states (T+1, n, B, 1) there."""
        initial = {s: array[start, ...] for s, array in states.items()}
        return Batch(initial, {s: array[start:stop, ...] for s, array in self.inputs.items()}, stop - start)

    def joined(self, other: Batch) -> Batch:
        """These trajectories and then others of as many steps."""
        initial = {s: _joined(a, other.initial[s], 1) for s, a in self.initial.items()}
        inputs = {s: _joined(a, other.inputs[s], 2) for s, a in self.inputs.items()}
        return Batch(initial, inputs, self.steps)

    def part(self, places: Any) -> Batch:
        """Some of the trajectories, by a slice or by indices."""
        initial = {s: array[:, places, :] for s, array in self.initial.items()}
        return Batch(initial, {s: array[:, :, places, :] for s, array in self.inputs.items()}, self.steps)


def _joined(one: Any, other: Any, axis: int) -> Any:
    return array_namespace(one, other).concat([one, other], axis=axis)


def run(evaluator: ArrayEvaluator, updates: Mapping[sp.Expr, Vector], batch: Batch) -> dict[sp.Expr, Any]:
    """The states of a batch, state symbol -> (T+1, n, B, 1), as arrays of the evaluator's library.

    A state that overflows becomes infinite or NaN; it is for the caller to leave such trajectories out. JAX compiles
    the loop over the steps, once for a model and shapes. Within its transformations, and where PyTorch records
    derivatives, values are not computed again in ball arithmetic where an activation leaves the range of floats.

    Args:
        evaluator: the parameters.
        updates: state symbol -> its next value.
        batch: arrays of NumPy or of the evaluator's library.
    """
    initial = {s: evaluator.asarray(array) for s, array in batch.initial.items()}
    inputs = {s: evaluator.asarray(array) for s, array in batch.inputs.items()}
    with np.errstate(all="ignore"):
        if isinstance(evaluator, LayerArrays) or not batch.steps:
            return _layer_by_layer(evaluator, updates, Batch(initial, inputs, batch.steps))
        tape = evaluator.tape(updates, lambda: _recorded(evaluator, updates, initial, inputs))
        course = _Course(evaluator, tape, list(inputs.values()), batch.steps)
        start = [initial[s] for s in updates]
        return dict(zip(updates, course.followed(start), strict=True))


def _recorded(
    evaluator: ArrayEvaluator, updates: Mapping[sp.Expr, Vector], initial: Mapping[Any, Any], inputs: Mapping[Any, Any]
) -> Tape:
    early = {s: (a.shape[1], a.shape[3]) for s, a in inputs.items()}
    late = {s: (initial[s].shape[0], initial[s].shape[2]) for s in updates}
    return recorded(evaluator, early, late, lambda point, _: [point.vector(node) for node in updates.values()])


def _layer_by_layer(evaluator: ArrayEvaluator, updates: Mapping[sp.Expr, Vector], batch: Batch) -> dict[sp.Expr, Any]:
    """Where each step has parameters of its own: every one is traversed."""
    rows = [batch.initial]
    for step in range(batch.steps):
        point = evaluator.at({**rows[-1], **{s: array[step, ...] for s, array in batch.inputs.items()}}, step)
        rows.append({s: _batched(point.xp, point.vector(node), rows[-1][s]) for s, node in updates.items()})
    return {s: evaluator.xp.stack([row[s] for row in rows], axis=0) for s in updates}


def _batched(xp: Any, value: Any, like: Any) -> Any:
    """A value of shape (n, 1), which depends on no state and no input, repeated for every trajectory."""
    return value if value.ndim == 3 else xp.broadcast_to(xp.expand_dims(value, axis=1), like.shape)


@dataclass(frozen=True)
class _Early:
    """The early part of a program as a function, equal for equal programs: JAX compiles it once."""

    xp: Any
    program: Program
    watching: bool

    def __call__(self, constants: Sequence[Any], sequences: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        watch: list[Any] | None = [] if self.watching else None
        return prepared(self.xp, self.program, constants, sequences, watch), watch or []


@dataclass(frozen=True)
class _Late:
    """One step of a program as a function from states to states, equal for equal programs."""

    xp: Any
    program: Program
    watching: bool

    def __call__(self, constants: Sequence[Any], states: Sequence[Any], early: Sequence[Any]) -> tuple[Any, Any]:
        watch: list[Any] | None = [] if self.watching else None
        values = replayed(self.xp, self.program, constants, early, states, watch)
        return [_batched(self.xp, value, like) for value, like in zip(values, states, strict=True)], watch or []


@dataclass(frozen=True, eq=False)
class _Course:
    """A simulation: what to replay, and the inputs (T, m, B, 1)."""

    evaluator: ArrayEvaluator
    tape: Tape
    inputs: list[Any]
    steps: int

    def followed(self, start: list[Any]) -> list[Any]:
        """The states (T+1, n, B, 1), without looking whether values were lost until the end where that is dearer."""
        library = self.evaluator.library
        traced = any(library.is_traced(array) for array in (*start, *self.inputs))
        if traced or library.defers(start[0]):
            states, watched = self._states(start, watching=True)
            if traced or all(bool(self.evaluator.xp.all(safe)) for safe in watched):
                return states
            return self._states(start, watching=False, plain=True)[0]
        return self._states(start, watching=False)[0]

    def _states(self, start: list[Any], watching: bool, plain: bool = False) -> tuple[list[Any], list[Any]]:
        xp, constants = self.evaluator.xp, list(self.tape.constants)
        library = self.evaluator.library
        scanned = library.looped if plain else library.scanned
        early, late = _Early(xp, self.tape.program, watching), _Late(xp, self.tape.program, watching)
        parts, watched, current = [[xp.expand_dims(a, axis=0) for a in start]], [], start
        for window in self._windows(start[0].shape[1]):
            given = [array[window, ...] for array in self.inputs]
            sequences, safe = early(constants, given) if plain else library.called(early, constants, given)
            length = window.stop - window.start
            current, states, checked = scanned(late, constants, current, sequences, length)
            parts.append(states)
            watched += [*safe, *checked]
        return [xp.concat(column, axis=0) for column in zip(*parts, strict=True)], watched

    def _windows(self, size: int) -> Iterator[slice]:
        """Stretches of steps whose early values fit into memory."""
        length = max(1, min(self.steps, _WINDOW // max(self.tape.program.width * size, 1)))
        return (slice(start, min(start + length, self.steps)) for start in range(0, self.steps, length))
