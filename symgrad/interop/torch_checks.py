"""What every reader of PyTorch modules checks first, and how their numbers are taken out: exactly, on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError

__all__ = [
    "LARGEST",
    "check_module",
    "checked_array",
    "effective_tensor",
    "torch_module",
    "unwrapped",
]

Array = NDArray[np.float64]

# The most numbers that are taken over from a module: as float64 they are a gigabyte.
LARGEST = 2**27
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def torch_module() -> Any:
    """PyTorch, loaded on first use.

    Raises:
        SymgradError: it is not installed; says how to install it.
    """
    try:
        import torch
    except ImportError as error:
        raise SymgradError("PyTorch is needed to read its modules and files: pip install 'symgrad[torch]'") from error
    return torch


def unwrapped(module: Any) -> Any:
    """The module inside those that only compile or distribute it.

    Raises:
        InputError: no PyTorch module, or one compiled to TorchScript, which cannot be read.
        SymgradError: PyTorch is not installed.
    """
    torch = torch_module()
    while isinstance(module, torch.nn.Module) and type(module).__name__ in _WRAPPERS:
        module = getattr(module, _WRAPPERS[type(module).__name__])
    if isinstance(module, type) and issubclass(module, torch.nn.Module):
        raise InputError(f"module: an instance is needed, got the class {module.__name__} itself")
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"module: a torch.nn.Module is needed, got {type(module).__name__}{_shown(module)}")
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("module: it is compiled to TorchScript; pass the module it was made of")
    return module


def _shown(value: object) -> str:
    return f" {value!r}" if isinstance(value, (str, int, float, type(None))) else ""


def check_module(module: Any) -> None:
    """Refuse a module whose numbers are not those of one fixed real function.

    Raises:
        InputError: no PyTorch module; dropout in training mode; parameters that are lazy, on no device, complex, of
            half precision, integers, quantised, sparse, infinite or NaN; more than ``LARGEST`` numbers. Names the
            parameter.
    """
    module = unwrapped(module)
    for path, part in module.named_modules():
        if type(part).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
            where = f"{path} ({type(part).__name__})" if path else type(part).__name__
            raise InputError(f"module: {where} is quantised; pass the module before quantisation")
        if isinstance(part, torch_module().jit.ScriptModule):
            raise InputError(f"module: {path} is compiled to TorchScript; put the module it was made of in its place")
    _check_mode(module)
    _check_lazy(module)
    count = sum(tensor.numel() for tensor in module.parameters())
    if count > LARGEST:
        raise InputError(f"module: {type(module).__name__} has {count:,} parameters; the limit is {LARGEST:,}")
    for name, tensor in _tensors(module):
        checked_array(name, tensor)


def checked_array(name: str, tensor: Any) -> Array:
    """A tensor's numbers in an array of its own, on the CPU and as float64, which holds float32 exactly.

    Half precision is refused, not widened: a network in half precision rounds at every step, so that of the widened
    weights is another one.

    Raises:
        InputError: as :func:`check_module`; names the tensor.
    """
    torch = torch_module()
    problem = _problem(torch, tensor)
    if problem:
        raise InputError(f"module: parameter {name} {problem}")
    array: Array = tensor.detach().to("cpu", torch.float64).numpy().copy()
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        kinds = [word for word, found in (("NaN", np.isnan(array)), ("infinite", np.isinf(array))) if found.any()]
        raise InputError(f"module: parameter {name} has {bad} of {array.size} entries that are {' or '.join(kinds)}")
    return array


def effective_tensor(module: Any, name: str) -> Any:
    """The tensor that the module computes with in evaluation mode: of weight or spectral norm the outcome.

    The module's own buffers are left as they are.
    """
    torch = torch_module()
    with torch.no_grad():
        if torch.nn.utils.parametrize.is_parametrized(module, name):
            # A copy, since the spectral norm's power iteration moves buffers in training mode.
            return copy.deepcopy(module.parametrizations[name]).eval()()
        for hook in module._forward_pre_hooks.values():  # the older form of both norms
            if getattr(hook, "name", None) == name and type(hook).__name__ == "WeightNorm":
                return hook.compute_weight(module)
            if getattr(hook, "name", None) == name and type(hook).__name__ == "SpectralNorm":
                return hook.compute_weight(module, do_power_iteration=False)
    return getattr(module, name)


def _check_mode(module: Any) -> None:
    """Dropout that is active makes every call another function."""
    torch = torch_module()
    dropouts = torch.nn.modules.dropout._DropoutNd
    for path, part in module.named_modules():
        if not part.training:
            continue
        rate = part.p if isinstance(part, dropouts) else part.dropout if isinstance(part, torch.nn.RNNBase) else 0
        layered = not isinstance(part, torch.nn.RNNBase) or part.num_layers > 1
        if rate and layered:
            where = f"{path} ({type(part).__name__})" if path else type(part).__name__
            raise InputError(
                f"module: {where} is in training mode with dropout {rate:g}, so that its values are random; "
                "call module.eval() first"
            )


def _check_lazy(module: Any) -> None:
    torch = torch_module()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise InputError(
                f"module: parameter {name} is lazy and has no shape yet; run the module once on an input first"
            )


def _tensors(module: Any) -> Iterator[tuple[str, Any]]:
    """Parameters and those buffers that hold no integers (counters, masks and positions do)."""
    yield from module.named_parameters()
    for name, tensor in module.named_buffers():
        if tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized:
            yield name, tensor


def _problem(torch: Any, tensor: Any) -> str | None:
    """Why a tensor cannot be taken over, or None."""
    if not isinstance(tensor, torch.Tensor):
        return f"is no tensor but {type(tensor).__name__}"
    reasons: Mapping[str, bool] = {
        "is lazy and has no shape yet; run the module once on an input first": torch.nn.parameter.is_lazy(tensor),
        "is on the meta device, which holds no numbers; load weights first": tensor.is_meta,
        "is quantised; pass the module before quantisation": tensor.is_quantized,
        f"is sparse ({tensor.layout}); call .to_dense()": tensor.layout != torch.strided,
        f"is complex ({tensor.dtype}); real weights are needed": tensor.is_complex(),
        f"has half precision ({tensor.dtype}); call module.float() or module.double(), which keep the numbers": (
            tensor.is_floating_point() and tensor.element_size() < 4
        ),
        f"has type {tensor.dtype}; float32 or float64 is needed": not tensor.is_floating_point(),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def filled(module: Any, arrays: Mapping[str, NDArray[Any]], source: str) -> Any:
    """A copy of a module with the numbers of a file, all of which it must have.

    Raises:
        InputError: names or shapes that do not fit.
    """
    torch = torch_module()
    found = copy.deepcopy(unwrapped(module)).to("cpu", torch.float64)
    try:
        found.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    except RuntimeError as error:
        raise InputError(
            f"model: {source} does not fit {type(module).__name__}: {' '.join(str(error).split())}"
        ) from error
    return found
