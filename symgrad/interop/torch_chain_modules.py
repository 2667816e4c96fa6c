"""Modules of PyTorch's own in a feed-forward network: which layer each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_activations import activation_of_module
from symgrad.interop.torch_chain_values import Constant, Path
from symgrad.interop.torch_checks import checked_array, effective_tensor, torch_module
from symgrad.language.chain_layers import (
    Affine,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    VectorNormalisation,
)

__all__ = ["called_module"]

Keep = Callable[[Constant], Constant]


def called_module(part: Any, path: str, arguments: Sequence[Any], options: Mapping[str, Any], keep: Keep) -> Path:
    """What a module of PyTorch's own makes of a value.

    Raises:
        InputError: it is of no kind that is accepted.
    """
    value = arguments[0] if len(arguments) == 1 and not options else None
    if not isinstance(value, Path):
        raise InputError(f"{path} ({type(part).__name__}) is not called with one value that depends on the input")
    found = activation_of_module(part)
    if found is not None:
        width = value.known_width()
        return value.then(Entrywise(path, width, width, found))
    for kind, read in _READERS.items():
        if isinstance(part, getattr(torch_module().nn, kind, ())):
            return read(part, path, value, keep)
    raise InputError(f"{path} ({type(part).__name__}) is no layer of a feed-forward network of vectors")


def _parameter(part: Any, path: str, name: str, keep: Keep) -> str | None:
    """The name of a parameter whose numbers are kept; None where the module has none."""
    # What is parametrised is not asked for: in training mode the spectral norm moves with every look at its weight.
    parametrised = torch_module().nn.utils.parametrize.is_parametrized(part, name)
    if not parametrised and getattr(part, name, None) is None:
        return None
    full = f"{path}.{name}"
    return keep(Constant(full, checked_array(full, effective_tensor(part, name)))).name


def _linear(part: Any, path: str, value: Path, keep: Keep) -> Path:
    inputs, outputs = int(part.in_features), int(part.out_features)
    value.known_width(inputs)
    weight = _parameter(part, path, "weight", keep) or ""
    return value.then(Affine(path, inputs, outputs, weight, _parameter(part, path, "bias", keep)))


def _prelu(part: Any, path: str, value: Path, keep: Keep) -> Path:
    count = int(part.num_parameters)
    width = value.known_width(count if count > 1 else None)
    return value.then(ParametricReLU(path, width, width, _parameter(part, path, "weight", keep) or ""))


def _vector_norm(part: Any, path: str, value: Path, keep: Keep, centred: bool) -> Path:
    shape = tuple(part.normalized_shape)
    if len(shape) != 1:
        raise InputError(
            f"{path} ({type(part).__name__}) normalises over {len(shape)} dimensions, {shape}; vectors have one"
        )
    width = value.known_width(int(shape[0]))
    names = [_parameter(part, path, name, keep) for name in ("weight", "bias")]
    eps = _eps(part.eps, part)
    return value.then(VectorNormalisation(path, width, width, eps, centred, *names))


def _eps(eps: float | None, part: Any) -> float:
    """RMSNorm's eps, which unless given is the smallest number that changes 1 in the type of the numbers."""
    if eps is not None:
        return float(eps)
    torch = torch_module()
    kinds = [parameter.dtype for parameter in part.parameters()]
    return float(torch.finfo(kinds[0] if kinds else torch.get_default_dtype()).eps)


def _layer_norm(part: Any, path: str, value: Path, keep: Keep) -> Path:
    return _vector_norm(part, path, value, keep, centred=True)


def _rms_norm(part: Any, path: str, value: Path, keep: Keep) -> Path:
    return _vector_norm(part, path, value, keep, centred=False)


def _batch_norm(part: Any, path: str, value: Path, keep: Keep) -> Path:
    if part.training or part.running_mean is None:
        why = "is in training mode" if part.training else "keeps no running statistics"
        raise InputError(
            f"{path} ({type(part).__name__}) {why}, so that samples of a batch depend on each other; call module.eval()"
            + ("" if part.training else " and train with track_running_stats=True")
        )
    width = value.known_width(int(part.num_features))
    mean, variance = (_parameter(part, path, name, keep) or "" for name in ("running_mean", "running_var"))
    names = [_parameter(part, path, name, keep) for name in ("weight", "bias")]
    if bool((checked_array(variance, part.running_var) + part.eps <= 0).any()):
        raise InputError(f"{path} (BatchNorm1d) has a running variance that is not positive")
    return value.then(FixedNormalisation(path, width, width, mean, variance, float(part.eps), *names))


def _dropout(part: Any, path: str, value: Path, keep: Keep) -> Path:
    if part.training and part.p:
        raise InputError(f"{path} (Dropout) is in training mode; call module.eval() first")
    return _unchanged(path, value, "dropout in evaluation")


def _flatten(part: Any, path: str, value: Path, keep: Keep) -> Path:
    if part.start_dim != 1 or part.end_dim != -1:
        raise InputError(
            f"{path} (Flatten) joins the dimensions {part.start_dim} to {part.end_dim}; 1 to -1 is accepted"
        )
    return _unchanged(path, value, "flatten")


def _identity(part: Any, path: str, value: Path, keep: Keep) -> Path:
    return _unchanged(path, value, "identity")


def _unchanged(path: str, value: Path, reason: str) -> Path:
    width = value.known_width()
    return value.then(PassThrough(path, width, width, reason))


_READERS: dict[str, Callable[[Any, str, Path, Keep], Path]] = {
    "Linear": _linear,
    "PReLU": _prelu,
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "BatchNorm1d": _batch_norm,
    "Dropout": _dropout,
    "AlphaDropout": _dropout,
    "Flatten": _flatten,
    "Identity": _identity,
}
