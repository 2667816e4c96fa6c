"""Tape: what an evaluation does with its arrays, recorded once and replayed for every step of a trajectory.

The one traversal of expressions (:class:`~symgrad.calculus.evaluate.Evaluator`) defines what is computed. Its array
operations are written down once; after that a step is a loop over a flat list of operations. What depends on
parameters alone is computed while recording, and what depends on values that are known for all steps beforehand (the
inputs in a simulation, states and inputs in a product of Jacobians) is computed for many steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import sympy as sp

from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.functions import ArrayFunction
from symgrad.numerics.kernels import Kernel, Rows, constant_times_batch

__all__ = ["Program", "Recorder", "Tape", "recorded"]

Instruction = tuple[Kernel, tuple[int, ...], int]


@dataclass(frozen=True)
class Program:
    """Operations on numbered values: first the constants, then what is given, early and late, then the results.

    Attributes:
        early: operations on constants and values known beforehand.
        late: all others.
        constants: how many there are.
        given: how many values are known beforehand, and how many are not.
        kept: the results of early operations, and known values, that are needed late.
        outputs: the values asked for.
        size: how many values there are.
        width: the numbers in all early values of one step of one trajectory.
    """

    early: tuple[Instruction, ...]
    late: tuple[Instruction, ...]
    constants: int
    given: tuple[int, int]
    kept: tuple[int, ...]
    outputs: tuple[int, ...]
    size: int
    width: int


@dataclass(frozen=True, eq=False)
class Tape:
    """A program with its constants.

    Attributes:
        xp: the namespace of its arrays.
        program: the operations.
        constants: arrays and numbers.
    """

    xp: Any
    program: Program
    constants: tuple[Any, ...]


def prepared(
    xp: Any, program: Program, constants: Sequence[Any], sequences: Sequence[Any], watch: list[Any] | None = None
) -> list[Any]:
    """The early part for many steps at once: arrays (w, n, B, p) for the values that are needed late.

    Args:
        xp: the namespace.
        program: the operations.
        constants: its constants.
        sequences: for each value known beforehand an array (w, n, B, p) of w steps.
        watch: see :func:`replayed`.
    """
    if not program.kept:
        return []
    steps, _, batch, _ = sequences[0].shape
    flat = [xp.reshape(xp.permute_dims(a, (1, 0, 2, 3)), (a.shape[1], steps * batch, a.shape[3])) for a in sequences]
    values = _table(program, constants, flat, ())
    _run(xp, program.early, values, watch)
    results = (values[slot] for slot in program.kept)
    return [
        xp.permute_dims(xp.reshape(value, (value.shape[0], steps, batch, value.shape[2])), (1, 0, 2, 3))
        for value in results
    ]


def replayed(
    xp: Any,
    program: Program,
    constants: Sequence[Any],
    early: Sequence[Any],
    late: Sequence[Any],
    watch: list[Any] | None = None,
) -> list[Any]:
    """The outputs of the late part.

    Args:
        xp: the namespace.
        program: the operations.
        constants: its constants.
        early: the kept values of the early part, for this step.
        late: the values given late.
        watch: where given, scalar functions are not computed again in ball arithmetic where their operations leave the
            range of floats; instead the list receives for each of them whether this was not needed.
    """
    values = _table(program, constants, (), late)
    for slot, value in zip(program.kept, early, strict=True):
        values[slot] = value
    _run(xp, program.late, values, watch)
    return [values[slot] for slot in program.outputs]


def _table(program: Program, constants: Sequence[Any], early: Sequence[Any], late: Sequence[Any]) -> list[Any]:
    values: list[Any] = [None] * program.size
    first, second = program.constants, program.constants + program.given[0]
    values[:first] = constants
    values[first : first + len(early)] = early
    values[second : second + len(late)] = late
    return values


def _run(xp: Any, instructions: Sequence[Instruction], values: list[Any], watch: list[Any] | None) -> None:
    for kernel, operands, result in instructions:
        if not isinstance(kernel, ArrayFunction):
            values[result] = kernel(xp, *[values[slot] for slot in operands])
        elif watch is None:
            values[result] = kernel.checked(xp, values[operands[0]])
        else:
            values[result] = _watched(xp, kernel, values[operands[0]], watch)


def _watched(xp: Any, function: ArrayFunction, x: Any, watch: list[Any]) -> Any:
    result = function.unchecked(xp, x)
    watch.append(function.is_safe(xp, x, result))
    return result


class Recorder(ArrayEvaluator):
    """An evaluator that writes down the operations on what varies, while it computes them.

    Args:
        evaluator: the parameters.
        early: symbol -> array for what is known beforehand.
        late: symbol or another key -> array for what is not.
    """

    def __init__(self, evaluator: ArrayEvaluator, early: Mapping[Any, Any], late: Mapping[Any, Any]) -> None:
        symbols = {key: array for key, array in {**early, **late}.items() if isinstance(key, sp.Expr)}
        super().__init__({**evaluator.values, **symbols}, {}, evaluator.like)
        self.sizes, self._numbers, self._matrices = evaluator.sizes, evaluator._numbers, evaluator._matrices
        self._evaluator, self._given = evaluator, (len(early), len(late))
        self._alive: list[Any] = [*early.values(), *late.values()]  # an identity is taken as long as its array lives
        self._slots = {id(array): place for place, array in enumerate(self._alive)}
        self._is_late = [False] * len(early) + [True] * len(late)
        self._widths = [_width(array) for array in self._alive]
        self._constants: dict[int, int] = {}
        self._constant_values: list[Any] = []
        self._lines: list[Instruction] = []  # constants count down from -1

    def do(self, kernel: Kernel, *operands: Any) -> Any:
        result = kernel(self.xp, *operands)
        if any(id(operand) in self._slots for operand in operands):
            slots = tuple(map(self._slot, operands))
            kernel = kernel.kernel(self.xp, operands[0]) if isinstance(kernel, ArrayFunction) else kernel
            self._lines.append((kernel, slots, len(self._is_late)))
            self._slots[id(result)] = len(self._is_late)
            self._is_late.append(any(slot >= 0 and self._is_late[slot] for slot in slots))
            self._widths.append(_width(result))
        self._alive.append(result)
        return result

    def total(self, values: Iterable[Any]) -> Any:
        """Constants first, then what is known early: as much as possible of a sum is computed beforehand."""
        return super().total(sorted(values, key=self._lateness))

    def _lateness(self, value: Any) -> int:
        slot = self._slots.get(id(value))
        return 0 if slot is None else 1 + self._is_late[slot]

    def _slot(self, operand: Any) -> int:
        """The place of what varies; for a constant a negative one."""
        if id(operand) in self._slots:
            return self._slots[id(operand)]
        if id(operand) not in self._constants:
            self._constant_values.append(operand)
            self._constants[id(operand)] = -len(self._constant_values)
        return self._constants[id(operand)]

    def written(self, outputs: Sequence[Any]) -> Tape:
        """What was recorded, as far as the outputs need it."""
        wanted = tuple(map(self._slot, outputs))
        lines = self._merged(_needed(self._lines, wanted))
        used = {slot for line in lines for slot in line[1]} | set(wanted)
        constants = sorted((slot for slot in used if slot < 0), reverse=True)
        count = len(constants)
        places = {slot: place for place, slot in enumerate(constants)}
        places |= {slot: slot + count for slot in range(len(self._is_late))}

        def placed(part: Iterable[Instruction]) -> tuple[Instruction, ...]:
            return tuple((kernel, tuple(places[slot] for slot in slots), places[to]) for kernel, slots, to in part)

        late = [line for line in lines if self._is_late[line[2]]]
        needed = {slot for line in late for slot in line[1]} | set(wanted)
        program = Program(
            early=placed(line for line in lines if not self._is_late[line[2]]),
            late=placed(late),
            constants=count,
            given=self._given,
            kept=tuple(places[slot] for slot in sorted(needed) if slot >= 0 and not self._is_late[slot]),
            outputs=tuple(places[slot] for slot in wanted),
            size=count + len(self._is_late),
            width=sum(self._widths[slot] for slot, is_late in enumerate(self._is_late) if not is_late),
        )
        return Tape(self._evaluator.xp, program, tuple(self._constant_values[-1 - slot] for slot in constants))

    def _merged(self, lines: list[Instruction]) -> list[Instruction]:
        """Products of several constants with one batch become one product, of the constants one above the other."""
        groups: dict[int, list[Instruction]] = {}
        for line in lines:
            if line[0] is constant_times_batch and line[1][0] < 0:
                groups.setdefault(line[1][1], []).append(line)
        merged = []
        for line in lines:
            group = groups.get(line[1][-1], []) if line[0] is constant_times_batch else []
            if len(group) < 2 or line not in group:
                merged.append(line)
            elif line is group[0]:
                merged += self._product_of_group(group)
        return merged

    def _product_of_group(self, group: list[Instruction]) -> list[Instruction]:
        matrices = [self._constant_values[-1 - line[1][0]] for line in group]
        stacked = self.xp.concat(matrices, axis=0)
        self._constant_values.append(stacked)
        both = len(self._is_late)
        self._is_late.append(self._is_late[group[0][2]])
        self._widths.append(sum(self._widths[line[2]] for line in group))
        ends = list(accumulate(matrix.shape[0] for matrix in matrices))
        rows = [Rows(end - matrix.shape[0], end) for end, matrix in zip(ends, matrices, strict=True)]
        product: Instruction = (constant_times_batch, (-len(self._constant_values), group[0][1][1]), both)
        return [product, *((part, (both,), line[2]) for part, line in zip(rows, group, strict=True))]


def _width(array: Any) -> int:
    return int(array.shape[0] * array.shape[-1])


def _needed(lines: Sequence[Instruction], outputs: Sequence[int]) -> list[Instruction]:
    """The lines that the outputs depend on."""
    used, needed = set(outputs), []
    for line in reversed(lines):
        if line[2] in used:
            used.update(line[1])
            needed.append(line)
    return needed[::-1]


def recorded(
    evaluator: ArrayEvaluator,
    early: Mapping[Any, tuple[int, int]],
    late: Mapping[Any, tuple[int, int]],
    compute: Callable[[ArrayEvaluator, Mapping[Any, Any]], Sequence[Any]],
) -> Tape:
    """The tape of a computation.

    Args:
        evaluator: the parameters.
        early: symbol -> (n, p) for arrays (n, B, p) that are known for all steps beforehand.
        late: the same for what is not; keys that are no symbols only name an array for ``compute``.
        compute: from an evaluator, with the symbols' values put in, and the arrays of both, to the values wanted. It
            may use the evaluator's methods only, so that nothing escapes the tape.

    >>> import symgrad as sg
    >>> from symgrad.numerics.sharing import shared_nodes
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> weights = bind(model, {"W": [[2.0]], "U": [[1.0]], "b": [0.0]}, model.parameters)
    >>> h, u = model.symbol("h"), model.symbol("u")
    >>> update = shared_nodes(model).updates[h]
    >>> evaluator = ArrayEvaluator.of_weights(weights)
    >>> tape = recorded(evaluator, {u: (1, 1)}, {h: (1, 1)}, lambda point, _: [point.vector(update)])
    >>> len(tape.program.early), len(tape.program.late)
    (2, 3)
    """
    xp = evaluator.xp
    first, second = ({key: xp.zeros((n, 1, p), **evaluator.placed) for key, (n, p) in d.items()} for d in (early, late))
    recorder = Recorder(evaluator, first, second)
    return recorder.written(list(compute(recorder, {**first, **second})))
