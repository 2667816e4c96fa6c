"""The operations of a PyTorch module, recorded by ``torch.fx`` along one example, each with its source line.

Every recorded node knows its value on the example, so that sizes are numbers, control flow on constants is followed,
and only what depends on the numbers in the input or the state stays symbolic.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import mapped
from symgrad.interop.torch_noise import generator_kept
from symgrad.interop.torch_source import describe, message_of, raised_at, user_line

__all__ = ["CellGraph", "recorded", "writes"]

# Attributes and methods that ask for the form of a tensor, never for its numbers.
_FORM = {
    *("shape", "ndim", "dtype", "device", "requires_grad", "is_cuda", "layout", "is_leaf", "names", "itemsize"),
    "size",
    "dim",
    "ndimension",
    "numel",
    "nelement",
    "stride",
    "get_device",
    "is_contiguous",
    "is_floating_point",
    "is_complex",
    "new_zeros",
    "new_ones",
    "new_full",
    "element_size",
}
_READING = ("item", "tolist", "numpy", "__array__")
# Modules of PyTorch whose inside is not followed, since nothing in them can be read.
_OPAQUE = ("RNNBase", "MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerDecoder")


@dataclass(frozen=True)
class CellGraph:
    """What was recorded.

    Attributes:
        nodes: the ``torch.fx`` nodes in order; ``meta`` holds ``value``, ``varying`` and ``source``.
        output: what the program returns: nodes, in tuples, lists or dicts, and constants.
    """

    nodes: tuple[Any, ...]
    output: Any


def recorded(module: Any, arguments: Sequence[Any], names: Mapping[int, str]) -> CellGraph:
    """Record ``module.forward(*arguments)``.

    Args:
        module: a copy that may be changed.
        arguments: example tensors, and tuples or lists of them.
        names: identity of each example tensor -> name of the placeholder.

    Raises:
        InputError: the module does what cannot be recorded; names the operation and the source line.
    """
    torch = torch_module()
    tracer = _tracer_class()(arguments, names)
    try:
        # The parameters of the copy need no gradients; a no_grad inside is seen.
        with torch.enable_grad(), generator_kept() as drawn:
            graph = tracer.trace(module)
            random = drawn()
    except InputError:
        raise
    except Exception as error:  # whatever the user's own code raises along the way
        raise InputError(f"module: {type(module).__name__}: {message_of(error)}{raised_at(error)}") from error
    if random:
        raise InputError(f"module: {type(module).__name__} draws random numbers in its forward function")
    *nodes, output = graph.nodes
    return CellGraph(tuple(nodes), output.args[0])


def writes(node: Any) -> bool:
    """Whether an operation changes its first argument."""
    if node.op not in ("call_method", "call_function") or not node.args or not hasattr(node.args[0], "meta"):
        return False
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    own = name.endswith("_") and not name.startswith("_") and name != "requires_grad_"
    return own or name.strip("_") == "setitem" or node.kwargs.get("inplace") is True


@lru_cache(maxsize=1)
def _tracer_class() -> Any:
    """The tracer; made on first use, since its bases are PyTorch's."""
    import torch.fx as fx

    known = type("Known", (_Known, fx.Proxy), {"base": fx.Proxy})
    return type("Recorder", (_Recorder, fx.Tracer), {"base": fx.Tracer, "known": known})


class _Known:
    """A value of the program whose form is known and whose numbers are not; mixed with ``torch.fx.Proxy``."""

    base: ClassVar[Any]
    node: Any
    tracer: Any

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        value = self.tracer.value(self.node)
        if key in _FORM:
            return getattr(value, key)
        if not callable(getattr(type(value), key, None)):
            return self.tracer.create_proxy("call_function", getattr, (self, key), {})
        return self.base.__getattr__(self, key)

    def __iter__(self) -> Any:
        create = self.tracer.create_proxy
        return iter([create("call_function", operator.getitem, (self, place), {}) for place in range(len(self))])

    def __len__(self) -> int:
        return len(self.tracer.value(self.node))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, key, value), {})

    def __bool__(self) -> bool:
        return bool(self.tracer.number(self.node, "bool"))

    def __float__(self) -> float:
        return float(self.tracer.number(self.node, "float"))

    def __int__(self) -> int:
        return int(self.tracer.number(self.node, "int"))

    def __index__(self) -> int:
        return operator.index(self.tracer.number(self.node, "index"))


class _Recorder:
    """Records one run along an example; mixed with ``torch.fx.Tracer``."""

    base: ClassVar[Any]
    known: ClassVar[Any]
    proxy_buffer_attributes = True
    root: Any

    def __init__(self, arguments: Sequence[Any], names: Mapping[int, str]) -> None:
        self.base.__init__(self)
        self._arguments, self._names = arguments, names
        self._roots: dict[Any, Any] = {}
        self._now: dict[Any, Any] = {}  # what a tensor that was changed in place holds since

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        """Placeholders in the form of the arguments."""
        return root_fn, [self.root, *map(self._placeholders, self._arguments)]

    def _placeholders(self, given: Any) -> Any:
        return mapped(given, lambda own: self._created("placeholder", self._names[id(own)], (), {}, (), own))

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        """Whether the inside of a module is not followed."""
        return any(isinstance(m, getattr(torch_module().nn, name)) for name in _OPAQUE)

    def create_arg(self, a: Any) -> Any:
        """An argument as it is recorded: a named tuple as a tuple, not as a call that makes one."""
        return self.base.create_arg(self, tuple(a) if isinstance(a, tuple) and hasattr(a, "_fields") else a)

    def proxy(self, node: Any) -> Any:
        """The value that a node stands for."""
        return self.known(node, self)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **more: Any) -> Any:
        """Record an operation; what is no tensor is handed to the program as it is."""
        return self._created(kind, target, args, kwargs, rest, None, **more)

    def _created(self, kind: str, target: Any, args: Any, kwargs: Any, rest: Any, given: Any, **more: Any) -> Any:
        made = self.base.create_proxy(self, kind, target, args, kwargs, *rest, **more)
        node, torch = made.node, torch_module()
        above = node.all_input_nodes
        node.meta["source"] = user_line()
        node.meta["varying"] = kind == "placeholder" or any(other.meta.get("varying", False) for other in above)
        if node.meta["varying"] and not torch.is_grad_enabled():
            raise InputError(f"module: {describe(node)}: derivatives are switched off there (no_grad)")
        node.meta["value"] = given if kind == "placeholder" else self._evaluated(node)
        return made if _is_tensors(torch, node.meta["value"]) else self._plain(node)

    def _plain(self, node: Any) -> Any:
        """A value that is no tensor: a size, a flag, a number; it must not depend on the numbers that flow."""
        if node.meta["varying"] and node.target in _READING:
            raise InputError(f"module: {describe(node)}: it turns values that flow through the cell into Python's")
        return node.meta["value"]

    def number(self, node: Any, kind: str) -> Any:
        """The number that Python asks for, where it is a constant."""
        if node.meta["varying"]:
            source = user_line()
            where = "" if source is None else f" at {source[0]}:{source[1]}: {source[2]}"
            raise InputError(
                f"module: {kind}() of a value that depends on the input or the state{where} "
                f"(node {node.name}, {node.op}); control flow that depends on data cannot be traced"
            )
        return self.value(node)

    def value(self, node: Any) -> Any:
        """What a node holds on the example, at this place of the program."""
        if "value" not in node.meta:  # a constant that fx keeps as an attribute
            node.meta["value"], node.meta["varying"] = self._evaluated(node), False
        return self._now.get(self._roots.get(node, node), node.meta["value"])

    def _attribute(self, target: str) -> Any:
        """A tensor of the module, past fx's own hook on attributes of modules."""
        *path, name = target.split(".")
        part = self.root
        for key in path:
            part = vars(part)["_modules"][key]
        places = (vars(part)["_parameters"], vars(part)["_buffers"], vars(part))
        return next(place[name] for place in places if name in place)

    def _evaluated(self, node: Any) -> Any:
        if node.op == "get_attr":
            return self._attribute(node.target)
        if node.op == "call_module":
            kind = type(self.root.get_submodule(node.target)).__name__
            raise InputError(f"module: {describe(node)}: {kind} cannot be traced")
        import torch.fx as fx

        args, kwargs = (fx.node.map_arg(part, self.value) for part in (node.args, node.kwargs))
        try:
            return self._changed(node, *args, **kwargs) if writes(node) else _called(node, *args, **kwargs)
        except InputError:
            raise
        except Exception as error:  # whatever PyTorch says about the arguments
            raise InputError(f"module: {describe(node)}: {message_of(error)}") from error

    def _changed(self, node: Any, first: Any, *rest: Any, **options: Any) -> Any:
        """An operation in place, on a copy: what was read before keeps its numbers."""
        root = self._roots.get(node.args[0], node.args[0])
        copy = first.clone()
        result = _called(node, copy, *rest, **options)
        self._roots[node], self._now[root] = root, copy
        return result


def _called(node: Any, *args: Any, **options: Any) -> Any:
    if node.op == "call_method":
        return getattr(args[0], node.target)(*args[1:], **options)
    return node.target(*args, **options)


def _is_tensors(torch: Any, value: Any) -> bool:
    """Whether a value is a tensor or holds tensors, and so is a value of the program."""
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return any(_is_tensors(torch, part) for part in value)
    return isinstance(value, torch.Tensor)
