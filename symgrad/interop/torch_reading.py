"""From a recorded PyTorch program to the values of its next states."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.torch_checks import LARGEST, torch_module
from symgrad.interop.torch_fixed import fixed_outcome
from symgrad.interop.torch_graph import CellGraph, writes
from symgrad.interop.torch_moving import COPYING, MOVING
from symgrad.interop.torch_operands import Operands
from symgrad.interop.torch_operations import SAME, operation_name, outcome
from symgrad.interop.torch_source import describe
from symgrad.interop.torch_values import Fixed, Flow
from symgrad.interop.tracing import Trace, Traced

__all__ = ["Names", "next_states"]


@dataclass
class Names:
    """Names of symbols: those of inputs and states are taken, those of tensors follow the module's."""

    taken: set[str]
    _given: dict[tuple[str, tuple[int, ...] | None], str] = field(default_factory=dict)

    def of(self, tensor: str, shape: tuple[int, ...] | None = None) -> str:
        """The symbol of a tensor, ``lin_h_weight`` for ``lin_h.weight``; another one for each other shape it takes."""
        key = tensor, shape
        if key not in self._given:
            name = re.sub(r"\W", "_", tensor).strip("_")
            name = name if name[:1].isalpha() else f"p{name}"
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self._given[key] = name
        return self._given[key]


def next_states(
    trace: Trace,
    graph: CellGraph,
    outputs: Sequence[Any],
    names: Names,
    placeholders: Mapping[str, Flow],
    batch: int | None,
) -> list[Traced]:
    """The values of the output nodes.

    Raises:
        InputError: an operation cannot be expressed; names the node and the source line.
    """
    reader = _Reader(trace, names, placeholders, batch)
    for node in _needed(graph, outputs):
        reader.read(node)
    return [reader.column(node) for node in outputs]


def _needed(graph: CellGraph, outputs: Sequence[Any]) -> list[Any]:
    """The nodes that the outputs depend on, those that change one of them in place included."""
    roots: dict[Any, Any] = {}
    for node in graph.nodes:
        roots[node] = roots.get(node.args[0], node.args[0]) if writes(node) else node
    wanted = {own for output in outputs for own in (output, roots.get(output, output))}
    for node in reversed(graph.nodes):
        if node in wanted or (writes(node) and roots[node] in wanted):
            inputs = node.all_input_nodes
            wanted.update({node, *inputs, *(roots.get(above, above) for above in inputs)})
    return [node for node in graph.nodes if node in wanted]


class _Reader:
    """Reads nodes in their order."""

    def __init__(self, trace: Trace, names: Names, placeholders: Mapping[str, Flow], batch: int | None) -> None:
        self._trace, self._names, self._placeholders, self._batch = trace, names, placeholders, batch
        self._values: dict[Any, Any] = {}
        self._roots: dict[Any, Any] = {}
        self._operands = Operands(trace, batch, self._constant)

    def read(self, node: Any) -> None:
        """Find the value of a node."""
        try:
            value = self._value(node)
        except (InputError, TypeError, ValueError, IndexError, RuntimeError) as error:  # PyTorch's own as well
            raise InputError(f"module: {describe(node)}: {error}") from error
        root = node
        if writes(node):
            root = self._written(node)
        self._roots[node] = root
        self._values[root] = value

    def column(self, node: Any) -> Traced:
        """A value as one column, for a next state."""
        value = self._of(node)
        if isinstance(value, (Flow, Fixed)):
            return self._operands.as_flow(value).column
        raise InputError(f"module: a next state must be a tensor, got {value!r}")

    def _of(self, node: Any) -> Any:
        return self._values[self._roots[node]]

    def _value(self, node: Any) -> Any:
        if node.op == "placeholder":
            return self._placeholders[node.target]
        if node.op == "get_attr":
            return self._tensor(node)
        name = operation_name(node.target)
        args = _mapped(node.args, self._of)
        options = _mapped(dict(node.kwargs), self._of)
        if not node.meta["varying"]:
            return self._named(fixed_outcome(self._trace, node, name, args, options))
        return outcome(self._operands, node, name, args, options)

    def _tensor(self, node: Any) -> Fixed:
        """A parameter, a buffer or a constant."""
        tensor, target = node.meta["value"], node.target
        if target.startswith("_tensor_constant"):
            return Fixed(tensor, None, target.removeprefix("_tensor_"))
        return self._named(Fixed(tensor, None, target, True, (target,)))

    def _named(self, value: Any) -> Any:
        """Fixed values with symbols, where they depend on parameters."""
        if isinstance(value, tuple):
            return tuple(map(self._named, value))
        if not isinstance(value, Fixed) or not value.given or value.data is not None:
            return value
        tensor = value.tensor
        if tensor.ndim > 2 or not tensor.is_floating_point() or not tensor.numel():
            return value
        single = tensor.ndim == 1 and tensor.numel() == 1
        return replace(value, data=self._constant(value, tensor.reshape(()) if single else tensor))

    def _constant(self, value: Fixed, tensor: Any) -> Traced:
        """Symbols for fixed numbers; a number that is in the program alone stays that number."""
        numbers = tensor.detach().to(torch_module().float64).numpy()
        if not value.given and numbers.size and (numbers == numbers.flat[0]).all():
            return self._trace.number(float(numbers.flat[0]))
        if numbers.size > LARGEST:  # such as what is repeated
            raise TraceRefusal(f"{value.name} has {numbers.size:,} entries; at most {LARGEST:,} are accepted")
        same = tensor.shape == value.tensor.shape or numbers.ndim == 0
        tensor_name = value.name if same and value.given and value.tensor.ndim else None
        name = self._names.of(value.name, None if same else numbers.shape)
        return self._trace.parameter(name, np.array(numbers), tensor_name)

    def _written(self, node: Any) -> Any:
        """The value that an operation in place changes; refused where others could see it in another way."""
        root = self._roots[node.args[0]]
        holders = [root, *(other for other, own in self._roots.items() if own is root)]
        views = [view for holder in holders for view in _views(holder, node)]
        if root.op in ("placeholder", "get_attr") or _shares(root) or views:
            raise InputError(
                f"module: {describe(node)}: it changes in place what an input, a state, a parameter or a view holds too"
            )
        return root


def _shares(node: Any) -> bool:
    """Whether an operation may give another view of its argument's memory."""
    name = operation_name(node.args[1] if node.target is getattr else node.target)
    return name in (MOVING | SAME) - COPYING


def _views(holder: Any, writer: Any) -> list[Any]:
    """Views of a value that are made before it is changed and used later."""
    found = [user for user in holder.users if user is not writer and user < writer and _shares(user)]
    inner = [view for user in found for view in _views(user, writer)]
    return [view for view in found if any(writer < user for user in view.users)] + inner


def _mapped(value: Any, of: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(part, of) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_mapped(part, of) for part in value)
    if isinstance(value, slice):
        return slice(*(_mapped(part, of) for part in (value.start, value.stop, value.step)))
    return of(value) if hasattr(value, "meta") and hasattr(value, "all_input_nodes") else value
