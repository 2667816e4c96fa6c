"""From the operations of a JAX program to the values of its next states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.interop.formula_activations import activation_of_formula
from symgrad.interop.jax_formulas import FUNCTIONS
from symgrad.interop.jax_moving import MOVING, moved
from symgrad.interop.jax_operations import ARITHMETIC, outcome
from symgrad.interop.jax_products import product
from symgrad.interop.jax_program import Node, Program, Variable
from symgrad.interop.jax_values import Fixed, Flow, Names, Operand, Reader, Source
from symgrad.interop.tracing import Blocks, Trace, Traced
from symgrad.language.elementwise import VARIABLE

__all__ = ["next_states"]

_SAME = ("copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier", "name")


def next_states(trace: Trace, program: Program, names: Names, given: Mapping[Variable, Blocks]) -> list[Traced]:
    """The values of a program's outputs.

    Args:
        trace: the trace.
        program: the program.
        names: of the symbols for fixed numbers.
        given: input and state -> its entries.

    Raises:
        InputError: an operation cannot be expressed; names the primitive, its shapes and the source line.
    """
    reader = Reader(trace, names)
    values: dict[Variable, Operand] = {
        variable: Flow(column, np.arange(column.shape[0]).reshape(variable.shape)) for variable, column in given.items()
    }

    def read(variable: Variable) -> Operand:
        if variable not in values:  # a parameter or a constant
            values[variable] = _leaf(reader, variable)
        return values[variable]

    for node in program.nodes:
        try:
            args = [read(variable) for variable in node.inputs]
            varying = any(variable.varying for variable in node.inputs)
            found = outcome(reader, node, args) if varying else _fixed(reader, node, args)
        except (InputError, TypeError, ValueError, IndexError) as error:  # those of NumPy and JAX as well
            raise InputError(f"step_fn: {node}: {error}") from error
        values |= dict(zip(node.outputs, found, strict=True))
    return [reader.column(read(variable)) for variable in program.outputs]


def _leaf(reader: Reader, variable: Variable) -> Fixed:
    name = variable.name or "constant"
    roots = () if variable.name is None else (name,)
    return Fixed.of(Source(name, variable.given, roots, variable.array))


def _fixed(reader: Reader, node: Node, args: Sequence[Any]) -> list[Operand]:
    """The outcome of an operation on fixed numbers, with symbols where these have a form here."""
    given = any(arg.source.given for arg in args)
    sources = [arg.source for arg in args]
    if given and node.name in MOVING and node.outputs[0].dtype.kind == "f":
        found = _moved(reader, node, args)
        if found is not None:
            return found
    data = _symbols(reader, node, args) if given and len(node.outputs) == 1 else None
    roots = tuple(dict.fromkeys(root for source in sources for root in source.roots))
    label = "_".join((*roots[:2], node.name)) if roots else "constant"
    found = []
    for place, variable in enumerate(node.outputs):
        name = f"{label}_{place}" if len(node.outputs) > 1 else label
        found.append(Fixed.of(Source(name, given, roots, variable.array, data)))
    return found


def _moved(reader: Reader, node: Node, args: Sequence[Fixed]) -> list[Operand] | None:
    """Entries of one source; several sources side by side are told by their symbols."""
    changing = [arg for arg in args if arg.source.numbers.dtype.kind == "f"]
    if node.name in ("concatenate", "stack", "scatter", "pad", "dynamic_update_slice") or len(changing) != 1:
        return None
    return moved(reader, node, args)


def _symbols(reader: Reader, node: Node, args: Sequence[Fixed]) -> Traced | None:
    trace, shape = reader.trace, node.outputs[0].shape
    try:
        if node.name in _SAME:
            return _data(reader, args[0], shape)
        if node.name == "dot_general":
            found: Traced | None = product(reader, node, args[0], args[1])
            return found
        operands = [_data(reader, arg, shape) for arg in args]
        if any(operand is None for operand in operands):
            return None
        if node.name == "concatenate" and len(shape) <= 2:
            blocks = [operand for operand in operands if isinstance(operand, Blocks)]
            return trace.concatenated(blocks, node.params["dimension"]) if len(blocks) == len(operands) else None
        if node.name in ARITHMETIC:
            return ARITHMETIC[node.name](trace, operands[0], operands[1])
        if node.name == "neg":
            return trace.negate(operands[0])
        if node.name in FUNCTIONS:
            return trace.apply(activation_of_formula(FUNCTIONS[node.name](VARIABLE), node.name), operands[0])
    except InputError:
        return None
    return None


def _data(reader: Reader, value: Fixed, shape: tuple[int, ...]) -> Traced | None:
    """The symbols of an operand of an operation, whose outcome has the shape; numbers that are all the same as one."""
    numbers = value.numbers
    if not value.source.given:
        same = bool((numbers == numbers.flat[0]).all())
        if not same and numbers.ndim == 2 and np.array_equal(numbers, np.eye(len(numbers))):
            return reader.trace.identity(len(numbers))
        return reader.trace.number(numbers.flat[0].item()) if same else None
    if value.source.numbers.size == 1 and not isinstance(reader.data(value.source), Blocks):
        return reader.data(value.source)
    if len(value.shape) > 2 or len(shape) > 2 or not value.shape:
        return None
    return reader.symbols(value, value.places.reshape(-1, 1) if value.places.ndim == 1 else value.places)
