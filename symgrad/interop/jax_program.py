"""A JAX function as a list of primitive operations: calls inlined, loops of fixed length unrolled, constants known."""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.jax_checks import jax_module
from symgrad.interop.jax_formulas import call_name, formula_of_call

__all__ = ["Node", "Program", "Variable", "program_of"]

_OWN = str(Path(__file__).resolve().parent)
_CALLS = frozenset(
    {
        *("jit", "pjit", "xla_call", "core_call", "closed_call", "core_closed_call", "remat", "remat2", "checkpoint"),
        *("custom_jvp_call", "custom_vjp_call", "custom_jvp_call_jaxpr", "custom_vjp_call_jaxpr", "custom_lin"),
    }
)
_BODIES = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_SHORT = ("float32", "float16", "bfloat16")
MOST_TURNS = 256  # of a loop that is unrolled
MOST_NODES = 20_000


@dataclass(eq=False)
class Variable:
    """A value in a program.

    Attributes:
        shape: its shape.
        dtype: its type.
        numbers: of a value that does not depend on input or state.
        name: of a parameter; of anything else None.
        given: whether it depends on parameters.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    numbers: Any = None
    name: str | None = None
    given: bool = False

    @property
    def varying(self) -> bool:
        """Whether it depends on input or state."""
        return self.numbers is None

    @classmethod
    def like(cls, aval: Any, given: bool = False) -> Variable:
        """A value of the shape and type of an abstract one."""
        return cls(tuple(map(int, aval.shape)), _dtype(aval), given=given)

    @property
    def array(self) -> NDArray[Any]:
        """The numbers of a value that has some; zeros for keys of random numbers."""
        return np.zeros(self.shape) if self.dtype.kind == "O" else np.asarray(self.numbers)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    Attributes:
        name: of the primitive; ``"formula"`` for a scalar function of the entries.
        inputs: what it is applied to.
        outputs: what it gives.
        params: its static parameters.
        source: the user's file, line and text, in words; empty where it is not known.
        primitive: JAX's own object.
    """

    name: str
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    params: Mapping[str, Any]
    source: str
    primitive: Any = None

    def __str__(self) -> str:
        shapes = ", ".join(str(variable.shape) for variable in self.inputs)
        return f"primitive {self.name} of shapes {shapes}{self.source}"


@dataclass(frozen=True, eq=False)
class Program:
    """What a function computes, operation by operation; those that its outputs do not depend on are left out."""

    nodes: tuple[Node, ...]
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    rounds: bool  # whether it converts to fewer digits than float64 has
    has_own_rules: bool  # whether some derivative is stated by hand


def program_of(closed: Any, inputs: Sequence[Variable], wanted: Sequence[int]) -> Program:
    """The operations of a closed jaxpr.

    Args:
        closed: of ``jax.make_jaxpr``.
        inputs: its arguments; parameters have numbers.
        wanted: which of its outputs.
    """
    reader = _Reader()
    found = reader.run(closed.jaxpr, closed.consts, inputs, "")
    outputs = tuple(found[place] for place in wanted)
    needed = set(outputs)
    kept = []
    for node in reversed(reader.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return Program(tuple(kept[::-1]), tuple(inputs), outputs, reader.rounds, _has_own_rules(closed.jaxpr))


def _has_own_rules(jaxpr: Any) -> bool:
    """Whether somewhere a derivative is stated by hand."""
    for eqn in jaxpr.eqns:
        bodies = [getattr(eqn.params[key], "jaxpr", eqn.params[key]) for key in _BODIES if key in eqn.params]
        if eqn.primitive.name.startswith("custom_") or any(map(_has_own_rules, bodies)):
            return True
    return False


def _dtype(value: Any) -> np.dtype[Any]:
    """The type of an array; that of objects for the keys of random numbers, which NumPy does not know."""
    try:
        return np.dtype(getattr(value, "dtype", type(value)))
    except TypeError:
        return np.dtype(object)


def _constant(value: Any) -> Variable:
    if hasattr(value, "shape") and _dtype(value).kind == "O":
        return Variable(tuple(value.shape), np.dtype(object), value)
    numbers = np.asarray(value)
    return Variable(numbers.shape, numbers.dtype, numbers)


@dataclass
class _Reader:
    """Collects operations."""

    nodes: list[Node] = field(default_factory=list)
    rounds: bool = False

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Variable], source: str) -> list[Variable]:
        """Collect the operations of a jaxpr; its outputs."""
        known: dict[Any, Variable] = dict(zip(jaxpr.invars, inputs, strict=True))
        known |= {
            var: c if isinstance(c, Variable) else _constant(c) for var, c in zip(jaxpr.constvars, consts, strict=True)
        }

        def read(atom: Any) -> Variable:
            return _constant(atom.val) if hasattr(atom, "val") else known[atom]

        for eqn in jaxpr.eqns:
            own = source or _source(eqn)
            outputs = self._equation(eqn, [read(atom) for atom in eqn.invars], own)
            known |= dict(zip(eqn.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _equation(self, eqn: Any, inputs: list[Variable], source: str) -> Sequence[Variable]:
        name = eqn.primitive.name
        varying = any(variable.varying for variable in inputs)
        if name in _CALLS:
            return self._call(eqn, inputs, source)
        if varying and name == "scan" and eqn.params["length"] <= MOST_TURNS:
            return self._scan(eqn.params, inputs, source)
        if varying and name == "cond" and not inputs[0].varying:
            branches = eqn.params["branches"]
            chosen = branches[min(max(int(np.asarray(inputs[0].numbers)), 0), len(branches) - 1)]
            return self.run(chosen.jaxpr, chosen.consts, inputs[1:], source)
        return self._node(eqn, inputs, source, varying)

    def _node(self, eqn: Any, inputs: list[Variable], source: str, varying: bool) -> Sequence[Variable]:
        outputs = [Variable.like(var.aval, any(v.given for v in inputs)) for var in eqn.outvars]
        if not varying:
            numbers = _evaluated(eqn, [v.numbers for v in inputs])
            for variable, array in zip(outputs, numbers, strict=True):
                variable.numbers = array
        self.rounds |= any(v.dtype.name in _SHORT for v in outputs)
        return self._add(Node(eqn.primitive.name, tuple(inputs), tuple(outputs), eqn.params, source, eqn.primitive))

    def _add(self, node: Node) -> Sequence[Variable]:
        if len(self.nodes) == MOST_NODES:
            raise InputError(f"step_fn: more than {MOST_NODES} operations, loops unrolled{node.source}")
        self.nodes.append(node)
        return node.outputs

    def _call(self, eqn: Any, inputs: list[Variable], source: str) -> Sequence[Variable]:
        body = next(eqn.params[key] for key in _BODIES if key in eqn.params)
        jaxpr, consts = (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
        label = call_name(eqn.params, jaxpr)
        changing = [variable for variable in inputs if variable.varying]
        if label == "logaddexp" and changing and len(inputs) == 2:
            return self._add(Node(label, tuple(inputs), (Variable.like(eqn.outvars[0].aval),), {}, source))
        if len(changing) == 1 and len(eqn.outvars) == 1 and changing[0].dtype.kind == "f":
            formula = formula_of_call(jaxpr, consts, [variable.numbers for variable in inputs])
            given = any(variable.given for variable in inputs if not variable.varying)
            if formula is not None and not given and eqn.outvars[0].aval.shape == changing[0].shape:
                own = {"formula": formula, "label": _word(label)}
                return self._add(Node("formula", (changing[0],), (Variable.like(eqn.outvars[0].aval),), own, source))
        return self.run(jaxpr, consts, inputs, source)

    def _scan(self, params: Mapping[str, Any], inputs: list[Variable], source: str) -> Sequence[Variable]:
        """A loop of known length, turn by turn."""
        fixed, carried, length = params["num_consts"], params["num_carry"], params["length"]
        consts, carry, rows = inputs[:fixed], inputs[fixed : fixed + carried], inputs[fixed + carried :]
        turns = range(length)[:: -1 if params["reverse"] else 1]
        shown: dict[int, list[Variable]] = {}
        body = params["jaxpr"]
        for turn in turns:
            own = [self._row(variable, turn, source) for variable in rows]
            found = self.run(body.jaxpr, body.consts, [*consts, *carry, *own], source)
            carry, shown[turn] = found[:carried], found[carried:]
        kept = [shown[turn] for turn in range(length)]
        return [*carry, *(self._stacked(parts, source) for parts in zip(*kept, strict=True))]

    def _row(self, value: Variable, place: int, source: str) -> Variable:
        """One entry along the first axis."""
        return self._moved("row", (value,), value.shape[1:], {"place": place}, source, lambda a: a[place])

    def _stacked(self, parts: Sequence[Variable], source: str) -> Variable:
        shape = (len(parts), *parts[0].shape)
        return self._moved("stack", tuple(parts), shape, {}, source, lambda *arrays: np.stack(arrays))

    def _moved(
        self, name: str, inputs: tuple[Variable, ...], shape: tuple[int, ...], params: Any, source: str, function: Any
    ) -> Variable:
        output = Variable(shape, inputs[0].dtype, given=any(variable.given for variable in inputs))
        if not any(variable.varying for variable in inputs):
            output.numbers = function(*(variable.numbers for variable in inputs))
        self._add(Node(name, inputs, (output,), params, source))
        return output


def _evaluated(eqn: Any, numbers: Sequence[Any]) -> list[Any]:
    """The outcome of an operation on numbers."""
    bound = eqn.primitive.get_bind_params(eqn.params)
    functions, params = bound if isinstance(bound, tuple) else ((), bound)  # versions differ
    found = eqn.primitive.bind(*functions, *map(jax_module().numpy.asarray, numbers), **params)
    parts = found if eqn.primitive.multiple_results else [found]
    return [part if _dtype(part).kind == "O" else np.asarray(part) for part in parts]


def _word(label: str) -> str:
    return label if re.fullmatch(r"[A-Za-z]\w*", label) else "f"


def _source(eqn: Any) -> str:
    """Where an operation stands in the user's program."""
    from jax.extend import source_info_util

    found = re.fullmatch(r"(.*?):(\d+)(?::\d+)?(?: \(.*\))?", source_info_util.summarize(eqn.source_info))
    if found is None or found[1].startswith(_OWN):
        return ""
    line = linecache.getline(found[1], int(found[2])).strip()
    return f" at {found[1]}:{found[2]}: {line}"
