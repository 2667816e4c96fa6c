"""Feed-forward and residual networks of PyTorch as layer chains, by torch.fx."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.interop.torch_chain_check import check_same_values
from symgrad.interop.torch_chain_functions import called_function
from symgrad.interop.torch_chain_modules import called_module
from symgrad.interop.torch_chain_values import UNKNOWN, Constant, InputWidthError, Path, is_in_place
from symgrad.interop.torch_checks import check_module, checked_array, torch_module, unwrapped
from symgrad.interop.torch_copies import plain_copy
from symgrad.interop.torch_noise import generator_kept
from symgrad.interop.torch_source import describe, message_of, raised_at, user_line
from symgrad.interop.torch_widening import in_float64
from symgrad.language.chain_layers import ChainLayer, PassThrough, Residual
from symgrad.language.layer_chain import LayerChain

__all__ = ["chain_from_torch"]

Array = NDArray[np.float64]

ACCEPTED = (
    "linear layers, activations, LayerNorm, RMSNorm, BatchNorm1d and dropout in evaluation, Flatten, and sums of these"
)


def chain_from_torch(module: Any, *, input_size: int | None = None) -> tuple[LayerChain, dict[str, Array]]:
    """A feed-forward or residual module of PyTorch as a chain of layers, with its parameters.

    Accepted are ``nn.Sequential`` and modules of one's own with a ``forward(x)`` that torch.fx can trace, of linear
    layers, activations and other scalar functions, LayerNorm, RMSNorm, BatchNorm1d and dropout in evaluation mode,
    Flatten, factors and biases, and sums: ``x + f(x)``, ``x + alpha*f(x)``, ``shortcut(x) + f(x)``. The module is not
    changed. Softplus is taken without the threshold (20) above which PyTorch replaces it by its argument.

    Args:
        module: the module; it takes (batch, n).
        input_size: n, needed only where no layer tells it.

    Returns:
        The chain and its parameters in float64, by the names of ``module.state_dict()``; what the module computes from
        parameters alone has a name such as ``"W.t"``.

    Raises:
        InputError: something else in the module, naming its place and what is accepted; see also
            :func:`symgrad.interop.torch_checks.check_module`.
        SymgradError: PyTorch is not installed.

    >>> import torch
    >>> from symgrad.interop.torch_chains import chain_from_torch
    >>> chain, weights = chain_from_torch(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()))
    >>> [layer.kind for layer in chain.layers], sorted(weights)
    (['affine', 'tanh'], ['0.bias', '0.weight'])
    """
    module = unwrapped(module)
    check_module(module)
    if input_size is not None and (isinstance(input_size, bool) or not isinstance(input_size, int) or input_size < 1):
        raise InputError(f"input_size: a positive whole number is needed, got {input_size!r}")
    double = plain_copy(module)  # a forward may keep values on the module
    graph = _traced(double)
    reader = _Reader(module, double)
    try:
        path = reader.read(graph, UNKNOWN if input_size is None else input_size)
    except InputWidthError as found:
        path = reader.read(graph, found.width)
    if UNKNOWN in (path.start, path.width):
        raise InputError("input_size: no layer of the module tells how many entries its input has; pass input_size=...")
    layers = _named_by_modules(path.layers) or (PassThrough("forward", path.start, path.start),)
    chain = LayerChain(layers, type(module).__name__)
    weights = {name: reader.weights[name] for name in chain.shapes}
    check_same_values(module, chain, weights)
    return chain, weights


def _named_by_modules(layers: tuple[ChainLayer, ...]) -> tuple[ChainLayer, ...]:
    """Residual blocks called as the module that they are the only one of, not as the sum in its forward."""
    stems = Counter(_stem(layer) for layer in layers)
    return tuple(
        replace(layer, name=_stem(layer)) if isinstance(layer, Residual) and stems[_stem(layer)] == 1 else layer
        for layer in layers
    )


def _stem(layer: ChainLayer) -> str:
    """Where a block stands; of other layers and of a block of the whole module the own name."""
    return layer.name.rpartition(".")[0] or layer.name if isinstance(layer, Residual) else layer.name


def _tracer() -> Any:
    """A tracer that notes the user's line of every node."""
    import torch.fx as fx

    class Tracer(fx.Tracer):
        def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
            node = super().create_node(*args, **kwargs)
            node.meta["source"] = user_line()
            return node

    return Tracer()


def _traced(module: Any) -> Any:
    """The graph of a module, which is given the tensors that its forward makes itself."""
    tracer = _tracer()
    try:
        with in_float64(), generator_kept() as drawn:
            graph = tracer.trace(module, concrete_args=_default_arguments(module))
            if drawn():
                raise InputError(f"module: {type(module).__name__} draws random numbers in its forward function")
    except SymgradError:
        raise
    except Exception as error:  # whatever the user's code raises while torch.fx runs it
        raise InputError(
            f"module: the forward of {type(module).__name__} cannot be traced by torch.fx: "
            f"{message_of(error)}{raised_at(error)}; accepted are {ACCEPTED}, "
            "without control flow that depends on values"
        ) from error
    return graph


def _default_arguments(module: Any) -> dict[str, Any]:
    """Values of the arguments of forward after the first one."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    rest = [parameter for parameter in parameters[1:] if parameter.kind not in kinds]
    missing = [parameter.name for parameter in rest if parameter.default is inspect.Parameter.empty]
    if missing or not parameters:
        given = ", ".join(parameter.name for parameter in parameters) or "nothing"
        raise InputError(
            f"module: {type(module).__name__}.forward takes {given}; a feed-forward network takes one input x"
        )
    return {parameter.name: parameter.default for parameter in rest}


class _Reader:
    """Reads the nodes of a graph in order."""

    def __init__(self, module: Any, double: Any) -> None:
        self.module = module
        self.double = double  # its copy in float64, with the tensors made on the way
        self.weights: dict[str, Array] = {}

    def read(self, graph: Any, width: int) -> Path:
        """The path from the input to the output."""
        values: dict[Any, Any] = {}
        first = True
        for node in graph.nodes:
            if node.op == "placeholder":
                values[node] = Path((), width) if first else (node.args[0] if node.args else None)
                first = False
            elif node.op == "output":
                return self._result(_filled(node.args, values)[0])
            else:
                values[node] = self._located(node, values)
                if self._in_place(node):
                    _overwrite(values, node)
        raise InputError("module: its forward returns nothing")

    def _in_place(self, node: Any) -> bool:
        """Whether a call changes its first argument itself."""
        if node.op == "call_module":
            return bool(getattr(self.module.get_submodule(node.target), "inplace", False))
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        return node.op != "get_attr" and (is_in_place(name, node.target) or node.kwargs.get("inplace") is True)

    def _result(self, found: Any) -> Path:
        if isinstance(found, Path):
            return found
        what = "several values" if isinstance(found, (tuple, list, dict)) else "a value that does not depend on x"
        raise InputError(f"module: its forward returns {what}; one tensor that depends on the input is needed")

    def _located(self, node: Any, values: dict[Any, Any]) -> Any:
        try:
            return self._value(node, values)
        except InputError as error:
            raise InputError(f"module: {describe(node)}: {error}; accepted are {ACCEPTED}") from error

    def _value(self, node: Any, values: dict[Any, Any]) -> Any:
        arguments, options = _filled(node.args, values), _filled(node.kwargs, values)
        name = _name(node)
        if node.op == "get_attr":
            return self._attribute(node.target)
        if node.op == "call_module":
            part = self.module.get_submodule(node.target)
            return called_module(part, node.target, arguments, options, self._kept)
        return called_function(node.target, name, arguments, options, self._kept)

    def _attribute(self, target: str) -> Any:
        found = _fetched(self.double, target)
        if not isinstance(found, torch_module().Tensor):
            return found
        return self._kept(Constant(target, checked_array(target, found)))

    def _kept(self, constant: Constant) -> Constant:
        """A constant whose numbers are remembered under its name."""
        if constant.name:
            self.weights[constant.name] = constant.array
        return constant


def _overwrite(values: dict[Any, Any], node: Any) -> None:
    """What a call in place does to all values that share the memory of its first argument."""
    changed, result = values.get(node.args[0]) if node.args else None, values[node]
    if not isinstance(changed, Path) or not isinstance(result, Path):
        return
    memory = changed.memory
    for other, value in list(values.items()):
        if isinstance(value, Path) and other is not node and value.memory == memory:
            values[other] = result


def _fetched(module: Any, target: str) -> Any:
    for part in target.split("."):
        module = getattr(module, part)
    return module


def _filled(arguments: Any, values: Mapping[Any, Any]) -> Any:
    """Arguments of a node with the values of other nodes put in."""
    return torch_module().fx.node.map_arg(arguments, values.__getitem__)


def _stack(node: Any) -> list[str]:
    return list((node.meta or {}).get("nn_module_stack") or {})


def _name(node: Any) -> str:
    """Where a node stands: the path of the module in whose forward it is, and its own name."""
    path = _stack(node)
    return f"{path[-1]}.{node.name}" if path and path[-1] else node.name
