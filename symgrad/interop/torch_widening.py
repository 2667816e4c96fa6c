"""Running a user's code in float64, also where it states float32 itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import mapped, tensors_in

__all__ = ["in_float64"]


@contextmanager
def in_float64() -> Iterator[None]:
    """New tensors are of float64, and those of float32 become so when they are used, such as targets of a loss."""
    torch = torch_module()

    before = torch.get_default_dtype()
    # Made here, as PyTorch is loaded on first use only.
    mode = type("Widening", (torch.overrides.TorchFunctionMode,), {"__torch_function__": _called})
    with ExitStack() as stack:
        torch.set_default_dtype(torch.float64)
        stack.callback(torch.set_default_dtype, before)
        stack.enter_context(mode())
        yield


def _called(_mode: Any, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """A function of tensors, called with float64 in the place of float32."""
    torch = torch_module()
    if function is torch.Tensor.float:
        function = torch.Tensor.double
    args, kwargs = (
        tuple(_stated(value) for value in args),
        {key: _stated(value) for key, value in (kwargs or {}).items()},
    )
    if all(tensor.dtype != torch.float32 for tensor in tensors_in((args, kwargs))):
        return function(*args, **kwargs)
    return function(*_widened(function, args), **mapped(kwargs, _as_float64))


def _stated(value: Any) -> Any:
    """An argument, with float64 for the type float32."""
    torch = torch_module()
    return torch.float64 if isinstance(value, torch.dtype) and value == torch.float32 else value


def _widened(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments; the first one as it is where the function writes to it, as it would write to a copy."""
    name = getattr(function, "__name__", "")
    writes = name in ("__setitem__", "__set__") or (name.endswith("_") and not name.endswith("__"))
    kept = args[:1] if writes else ()
    return (*kept, *mapped(args[len(kept) :], _as_float64))


def _as_float64(tensor: Any) -> Any:
    torch = torch_module()
    return tensor.to(torch.float64) if tensor.dtype == torch.float32 else tensor
