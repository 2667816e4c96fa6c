"""A copy of a module that may be traced and run: in float64, with the weights that parametrisations work out."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module

__all__ = ["plain_copy"]


def plain_copy(module: Any) -> Any:
    """The module in float64 on the CPU, with plain parameters in the place of parametrised and pruned ones.

    Raises:
        InputError: it cannot be copied.
    """
    torch = torch_module()
    try:
        with torch.no_grad():
            cell = copy.deepcopy(module, _computed_tensors(torch, module))
    except Exception as error:  # such as an open file or a lock among its attributes
        raise InputError(
            f"module: {type(module).__name__} cannot be copied ({type(error).__name__}: {error})"
        ) from error
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older weight norm announces that it is old
        for part in cell.modules():
            _without_parametrisations(torch, part)
        cell = cell.to("cpu", torch.float64).requires_grad_(False)
        for part in cell.modules():
            _widen_attributes(torch, part)
    return cell


def _computed_tensors(torch: Any, module: Any) -> dict[int, Any]:
    """Copies of the tensors that a module has computed and keeps with their history, which Python does not copy."""
    kept = (value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor))
    return {id(tensor): tensor.detach().clone() for tensor in kept if not tensor.is_leaf}


def _without_parametrisations(torch: Any, part: Any) -> None:
    """Put the effective weights in the place of what they are computed from."""
    from torch.nn.utils import prune  # which PyTorch does not load by itself

    utils = torch.nn.utils
    if utils.parametrize.is_parametrized(part):
        parametrizations = part.parametrizations.eval()  # the spectral norm's power iteration moves in training mode
        effective = {name: parametrizations[name]() for name in parametrizations}
        del part.parametrizations
        part.__class__ = type(part).__bases__[0]  # not PyTorch's own removal: it alters the class that copies share
        for name, tensor in effective.items():
            part.register_parameter(name, torch.nn.Parameter(tensor.detach().clone()))
    for hook in list(part._forward_pre_hooks.values()):
        kind, name = type(hook).__name__, getattr(hook, "name", getattr(hook, "_tensor_name", None))
        if kind == "WeightNorm":
            utils.remove_weight_norm(part, name)
        elif kind == "SpectralNorm":
            utils.remove_spectral_norm(part, name)
        elif isinstance(hook, prune.BasePruningMethod):
            prune.remove(part, name)


def _widen_attributes(torch: Any, part: Any) -> None:
    """Tensors that are plain attributes are not moved by ``module.to``."""
    for name, value in list(vars(part).items()):
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            object.__setattr__(part, name, value.detach().to("cpu", torch.float64))
