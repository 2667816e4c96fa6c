"""Weights and inputs from files of plain arrays: ``.safetensors``, ``.npz``, ``.npy`` and PyTorch's state dicts.

Pickled objects other than arrays are never read.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from symgrad.errors import InputError
from symgrad.interop.torch_checkpoints import TORCH_SUFFIXES, plain_array, state_dict

__all__ = ["load_inputs", "load_weights"]

Array = NDArray[np.float64] | NDArray[np.float32]

# Given a type because safetensors states none; unlike its numpy functions it also reads bfloat16.
_parsed: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize

_PICKLED = (*TORCH_SUFFIXES, ".pkl", ".pickle", ".joblib")
_REFUSED = (
    "pickled objects are not read, since reading them can run any code; where you trust the file, convert it with "
    "safetensors.torch.save_file(torch.load(path, weights_only=True), 'weights.safetensors')"
)
_SAFETENSORS_TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"},
    **{"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"},
}
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_READ_ERRORS = (ValueError, EOFError, OSError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


def load_weights(path: str | os.PathLike[str], prefix: str = "") -> dict[str, Array]:
    """The arrays of a weight file by name.

    Numbers are never changed: float64 and float32 are kept, half precision (float16, bfloat16) becomes float32 and
    integers become float64, which hold them exactly.

    Args:
        path: a ``.safetensors`` or ``.npz`` file, or a state dict that ``torch.save`` wrote (``.pt``, ``.pth``,
            ``.ckpt``, ``.bin``), also one inside a mapping such as ``{"state_dict": ..., "epoch": 3}``. It is read
            with ``weights_only=True``, which runs no code of the file; PyTorch must be installed for it.
        prefix: only names that start with it are read, and it is taken off: ``"rnn."`` turns ``rnn.weight_hh_l0``
            into ``weight_hh_l0``.

    Returns:
        Name -> array, in the order of the file.

    Raises:
        InputError: no such file, another format (files with pickled objects are refused, also under a false name), a
            corrupt file, a type that is not real numbers, or no name with the prefix.
        SymgradError: PyTorch is needed and not installed.

    >>> import os, tempfile
    >>> file = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(file, **{"rnn.W": np.eye(2), "head.b": np.zeros(3)})
    >>> load_weights(file, prefix="rnn.")
    {'W': array([[1., 0.], [0., 1.]])}
    """
    file = _existing(path)
    if not isinstance(prefix, str):
        raise InputError(f"prefix: a string is needed, got {type(prefix).__name__} {prefix!r}")
    match file.suffix.lower():
        case ".safetensors":
            arrays = _safetensors(file, prefix)
        case ".npz":
            arrays = _npz(file, prefix)
        case suffix if suffix in TORCH_SUFFIXES:
            arrays = _torch(file, prefix)
        case other:
            raise _wrong_format(file, other, f".safetensors, .npz and state dicts ({', '.join(TORCH_SUFFIXES)})")
    return {name.removeprefix(prefix): array for name, array in arrays.items()}


def load_inputs(path: str | os.PathLike[str]) -> Array:
    """The input sequences of a file: the array named ``inputs``, or the only one.

    Args:
        path: a ``.safetensors``, ``.npz`` or ``.npy`` file with an array of shape (steps, input size) or
            (sequences, steps, input size).

    Raises:
        InputError: as :func:`load_weights`; several arrays and none named ``inputs``; an array of another dimension.

    >>> import os, tempfile
    >>> file = os.path.join(tempfile.mkdtemp(), "sequences.npy")
    >>> np.save(file, np.zeros((4, 10, 3)))
    >>> load_inputs(file).shape
    (4, 10, 3)
    """
    file = _existing(path)
    array = _npy(file) if file.suffix.lower() == ".npy" else _named_inputs(file)
    if array.ndim not in (2, 3):
        raise InputError(
            f"inputs: {file} holds an array of shape {array.shape}, needed (steps, size) or (sequences, steps, size)"
        )
    return array


def _named_inputs(file: Path) -> Array:
    if file.suffix.lower() not in (".safetensors", ".npz"):
        raise _wrong_format(file, file.suffix.lower(), ".safetensors, .npz or .npy")
    arrays = load_weights(file)
    if "inputs" not in arrays and len(arrays) != 1:
        raise InputError(
            f"inputs: {file} holds {_listed(arrays)}; needed is an array named 'inputs', or only one array"
        )
    return arrays["inputs"] if "inputs" in arrays else next(iter(arrays.values()))


def _existing(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path: a file name is needed, got {type(path).__name__} {path!r}")
    file = Path(os.fsdecode(path))
    if not file.is_file():
        raise InputError(f"path: {file} is {'a folder' if file.is_dir() else 'no file that exists'}")
    return file


def _wrong_format(file: Path, suffix: str, accepted: str) -> InputError:
    if suffix in _PICKLED:
        return InputError(f"path: {file}: {_REFUSED}")
    return InputError(f"path: {file}: unknown format {suffix or 'without suffix'}; accepted are {accepted}")


def _corrupt(file: Path, reason: object) -> InputError:
    """What to say about a file that cannot be read: whether it is a pickle under a false name, else the reason."""
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        return InputError(f"path: {file} cannot be read: {error.strerror or error}")
    zipped = start == b"PK\x03\x04"
    if start[:1] == b"\x80" or (zipped and file.suffix.lower() != ".npz"):
        return InputError(f"path: {file} is {'a zip archive' if zipped else 'a pickle'}, not {file.suffix}: {_REFUSED}")
    return InputError(f"path: {file} is damaged or no {file.suffix} file: {reason}")


def _listed(names: Any) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") or "nothing"


def _selected(file: Path, names: list[str], prefix: str) -> list[str]:
    found = [name for name in names if name.startswith(prefix)]
    if not found:
        told = f"no name in {file} starts with {prefix!r}" if prefix else f"{file} holds no arrays"
        raise InputError(f"prefix: {told}; it holds {_listed(names)}")
    return found


# --- safetensors ----------------------------------------------------------------


def _safetensors(file: Path, prefix: str) -> dict[str, Array]:
    try:
        tensors = dict(_parsed(file.read_bytes()))
    except (SafetensorError, OSError, MemoryError) as error:
        raise _corrupt(file, error) from error
    names = _selected(file, list(tensors), prefix)
    return {name: _tensor(f"{file}: {name}", tensors[name]) for name in names}


def _tensor(label: str, tensor: dict[str, Any]) -> Array:
    kind, shape, data = tensor["dtype"], tensor["shape"], tensor["data"]
    if kind == "BF16":  # the upper half of a float32
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    if kind not in _SAFETENSORS_TYPES:
        raise InputError(f"path: {label} has type {kind}; accepted are F64, F32, F16, BF16 and integers")
    return _exact(label, np.frombuffer(data, _SAFETENSORS_TYPES[kind]).reshape(shape))


# --- PyTorch --------------------------------------------------------------------


def _torch(file: Path, prefix: str) -> dict[str, Array]:
    tensors = state_dict(file, prefix)
    return {
        name: _exact(f"{file}: {name}", plain_array(f"{file}: {name}", tensors[name]))
        for name in _selected(file, list(tensors), prefix)
    }


# --- numpy ----------------------------------------------------------------------


def _npz(file: Path, prefix: str) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if any(not info.filename.endswith(".npy") for info in members.values()):
                raise InputError(f"path: {file} holds {_listed(i.filename for i in members.values())}: {_REFUSED}")
            names = _selected(file, list(members), prefix)
            return {name: _member(f"{file}: {name}", archive, members[name]) for name in names}
    except InputError:
        raise
    except _READ_ERRORS as error:
        raise _corrupt(file, error) from error


def _member(label: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as stream:
        return _array(label, stream, info.file_size)


def _npy(file: Path) -> Array:
    try:
        with file.open("rb") as stream:
            return _array(str(file), stream, file.stat().st_size)
    except InputError:
        raise
    except _READ_ERRORS as error:
        raise _corrupt(file, error) from error


def _array(label: str, stream: IO[bytes], size: int) -> Array:
    """One array in numpy's format; its header is checked before memory is taken for it."""
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise InputError(f"path: {label} is in version {version} of numpy's format; accepted are 1.0 and 2.0")
    shape, fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise InputError(f"path: {label} holds Python objects: {_REFUSED}")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise InputError(f"path: {label} is damaged: its header promises shape {shape} of {dtype}, more than there is")
    count = math.prod(shape)
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise InputError(f"path: {label} is damaged: it ends early")
    return _exact(label, np.frombuffer(data, dtype, count).reshape(shape, order="F" if fortran else "C"))


def _exact(label: str, array: NDArray[Any]) -> Array:
    """The same numbers as float64 or float32, in the machine's byte order and in memory of their own."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f" and size in (2, 4):
        return np.ascontiguousarray(array, dtype=np.float32).reshape(array.shape).copy()
    if kind == "f" and size == 8:
        return np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape).copy()
    if kind not in "iu":
        raise InputError(f"path: {label} has type {array.dtype}; accepted are float64, float32, float16 and integers")
    if array.size and max(abs(int(array.min())), abs(int(array.max()))) > 2**53:
        raise InputError(f"path: {label} has integers beyond 2**53, which do not fit float64 exactly")
    return array.astype(np.float64)
