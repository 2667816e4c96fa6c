"""State dicts of PyTorch's own files, read only with ``weights_only=True``, which runs no code of the file."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module

__all__ = ["TORCH_SUFFIXES", "plain_array", "state_dict"]

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")
# Under which names training scripts keep the state dict next to others, such as averaged weights.
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights")
_MOST_NESTED = 4  # dictionaries of these names in one another
_REFUSED = (
    "holds pickled objects that are no tensors{}; they are not read, since reading them can run any code. Where you "
    "trust the file, save the plain weights from it: torch.save(module.state_dict(), path)"
)
_READ_ERRORS = (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
_DAMAGED = (*_READ_ERRORS, struct.error, MemoryError, zipfile.BadZipFile, AssertionError)


def state_dict(file: Path, prefix: str = "") -> dict[str, Any]:
    """The tensors of a file that ``torch.save`` wrote, by name.

    A state dict inside a mapping, as training scripts save it next to the epoch, is found. Where there are several,
    names begin with the key of theirs, by which the prefix chooses.

    Raises:
        InputError: pickled objects other than tensors, a damaged file, no state dict, or several.
        SymgradError: PyTorch is not installed.
    """
    found = _loaded(file)
    if not isinstance(found, Mapping):
        raise InputError(
            f"path: {file} holds an object of type {type(found).__name__}, not a state dict; save module.state_dict()"
        )
    found = _unwrapped(found)
    if _is_state_dict(found):
        return dict(found)
    inner = {str(key): value for key, value in found.items() if _is_state_dict(value)}
    usual = [key for key in _USUAL if key in inner]
    if len(inner) > 1 and not prefix.startswith(tuple(f"{key}." for key in inner)) and len(usual) != 1:
        keys = ", ".join(inner)
        raise InputError(f"path: {file} holds several state dicts: {keys}; choose by prefix='{next(iter(inner))}.'")
    if not inner:
        raise InputError(f"path: {file} holds no state dict (names with tensors): {_described(found)}")
    if prefix.startswith(tuple(f"{key}." for key in inner)) and len(inner) > 1:
        return {f"{key}.{name}": tensor for key, tensors in inner.items() for name, tensor in tensors.items()}
    return dict(inner[usual[0]] if len(inner) > 1 else next(iter(inner.values())))


def plain_array(label: str, tensor: Any) -> NDArray[Any]:
    """A tensor of a file as a numpy array of the same numbers; bfloat16 becomes float32.

    Raises:
        InputError: a tensor that is sparse, quantised, without numbers, or of more numbers than the file holds.
    """
    torch = torch_module()
    if tensor.is_sparse or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "sparse" if tensor.layout != torch.strided else "quantised" if tensor.is_quantized else "without numbers"
        raise InputError(f"path: {label} is {kind}; plain tensors of real numbers are needed")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(
            f"path: {label} is damaged: its shape {tuple(tensor.shape)} asks for more numbers than there are"
        )
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.to(torch.float32)
    if tensor.is_complex() or tensor.dtype not in _accepted(torch):
        raise InputError(f"path: {label} has type {tensor.dtype}; accepted are floats from 16 to 64 bits and integers")
    return np.array(tensor.detach().numpy())


def _accepted(torch: Any) -> tuple[Any, ...]:
    return (
        *(torch.float64, torch.float32, torch.float16),
        *(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    )


def _loaded(file: Path) -> Any:
    torch = torch_module()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old formats: what is in the file is checked here
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise InputError(f"path: {file} {_REFUSED.format(f' ({named[1]})' if named else '')}") from error
    except _DAMAGED as error:
        if "TorchScript" in str(error):
            raise InputError(f"path: {file} is a TorchScript archive, which is code; save its state_dict()") from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"path: {file} is damaged or no file of torch.save: {reason}") from error


def _unwrapped(found: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """What lies in dictionaries of the usual names one within the other, such as ``{"model": {"state_dict": ...}}``."""
    for _ in range(_MOST_NESTED):
        deeper = [found[key] for key in _USUAL if isinstance(found.get(key), Mapping)]
        if len(deeper) != 1 or any(map(_is_state_dict, (found, *found.values()))):
            break
        found = deeper[0]
    return found


def _is_state_dict(value: Any) -> bool:
    tensor = torch_module().Tensor
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(name, str) and isinstance(item, tensor) for name, item in value.items())
    )


def _described(found: Mapping[Any, Any]) -> str:
    shown = [f"{key} ({type(value).__name__})" for key, value in list(found.items())[:6]]
    return ", ".join(shown) + (f" and {len(found) - 6} more" if len(found) > 6 else "") or "nothing"
