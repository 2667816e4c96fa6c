"""The operations of PyTorch that can be traced: which rule an operation falls under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.torch_activations import activation_of_call
from symgrad.interop.torch_arithmetic import ARITHMETIC
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_linear_maps import LINEAR, linear_map
from symgrad.interop.torch_moving import MOVING, moved_entries, set_entries
from symgrad.interop.torch_operands import Operands
from symgrad.interop.torch_products import PRODUCTS
from symgrad.interop.torch_values import Fixed, Flow

__all__ = ["SAME", "operation_name", "outcome"]

# Operations that leave every number as it is.
SAME = frozenset(
    {
        *("clone", "contiguous", "to", "double", "float", "type", "type_as", "requires_grad_", "cpu", "identity"),
        *("alias", "positive", "pos", "real"),
    }
)
_DROPPING = frozenset({"dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "rrelu_with_noise"})
_ALIKE = frozenset({"zeros_like", "ones_like", "full_like"})
_OTHER_NAMES = {
    "truediv": "div",
    "divide": "div",
    "true_divide": "div",
    "rtruediv": "rdiv",
    "multiply": "mul",
    "rmul": "mul",
    "radd": "add",
    "subtract": "sub",
    "negative": "neg",
    "iadd": "add",
    "isub": "sub",
    "imul": "mul",
    "itruediv": "div",
}


def operation_name(target: Any) -> str:
    """The name of an operation, the same for functions, methods and operators; a private one for what is not known."""
    if isinstance(target, str):
        name = target
    elif _is_known_function(target):
        name = target.__name__
    else:
        return f"<{target!r}>"
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    if name != "requires_grad_":
        name = name.removeprefix("special_").removesuffix("_")
    return _OTHER_NAMES.get(name, name)


def _is_known_function(target: Any) -> bool:
    torch = torch_module()
    home = getattr(target, "__module__", None) or ""
    name = getattr(target, "__name__", "")
    places = (torch, torch.nn.functional, torch.special, torch._C._nn, torch._VF, torch.Tensor)
    names = {name, name.removeprefix("special_")}
    own = any(getattr(place, key, None) is target for place in places for key in names)
    return own or home in ("_operator", "builtins")


def outcome(of: Operands, node: Any, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The outcome of an operation that depends on input or state: a Flow, or a tuple of them.

    Raises:
        TraceRefusal: it cannot be expressed.
    """
    args, options = _positional(args, options)
    attribute = args[1] if name == "getattr" else name
    if attribute in SAME:
        return args[0]
    if name in _DROPPING:
        return _dropped(args, options)
    if name in _ALIKE:
        return Fixed(node.meta["value"])
    if name == "getitem" and isinstance(args[0], (tuple, list)):
        return args[0][args[1]]
    if name == "setitem":
        return set_entries(of, node, *args)
    if attribute in MOVING:
        return moved_entries(of, node, args, options)
    return _computed(of, node, name, args, options)


def _computed(of: Operands, node: Any, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    rule = ARITHMETIC.get(name) or PRODUCTS.get(name)
    try:
        if rule is not None:
            return rule(of, node, *args, **options)
    except TypeError as error:
        raise TraceRefusal(f"it is not traced with these arguments ({error})") from error
    except TraceRefusal as refusal:
        if name not in LINEAR:
            raise
        with suppress(TraceRefusal):
            return linear_map(of, node, args, options)
        raise refusal from None
    if name in LINEAR:
        return linear_map(of, node, args, options)
    function = activation_of_call(name, list(args[1:]), options) if args else None
    if function is None or not isinstance(args[0], Flow):
        raise TraceRefusal("it is not among the operations that can be traced")
    if any(isinstance(part, (Flow, Fixed)) for part in (*args[1:], *options.values())):
        raise TraceRefusal("its parameters must be numbers")
    return of.entrywise(node, lambda column: of.trace.apply(function, column), args[0])


def _positional(args: Sequence[Any], options: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The first argument in its place, where it is given by name; options that change no value left out."""
    named = {key: value for key, value in options.items() if key not in ("out", "inplace", "dtype", "memory_format")}
    first = next((key for key in ("input", "tensors", "self") if key in named), None)
    return [*([named.pop(first)] if first else []), *args], named


def _dropped(args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    given = dict(zip(("p", "training"), args[1:], strict=False)) | dict(options)
    if given.get("training", True) and given.get("p", 0.5):
        raise TraceRefusal("dropout in training mode is random; call module.eval() first")
    return args[0]
