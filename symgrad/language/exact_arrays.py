"""Arrays of real numbers from whatever users hold them in, without any rounding."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError

__all__ = ["exact_array"]

Array = NDArray[np.float64]


def exact_array(label: str, value: Any) -> Array:
    """A real array as float64 without any rounding.

    Raises:
        InputError: not real numbers, NaN or infinity, or numbers that float64 cannot hold exactly.
    """
    if isinstance(value, (sp.Basic, sp.MatrixBase)):
        value = _from_sympy(label, value)
    array = _as_numpy(label, value)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{label}: an array of real numbers is needed, got dtype {array.dtype} of shape {array.shape}")
    with np.errstate(over="ignore"):
        result = np.array(array, dtype=np.float64)
    if not np.isfinite(result).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise InputError(f"{label}: NaN and infinity are not accepted, found {result[bad]} at index {bad}")
    if array.dtype.kind in "iu" and not (np.abs(result) <= 2.0**53).all():
        raise InputError(f"{label}: integers beyond 2**53 do not fit float64 exactly")
    if array.dtype.kind == "f" and not (result == array).all():
        raise InputError(f"{label}: numbers of dtype {array.dtype} do not fit float64 exactly")
    return result


def _as_numpy(label: str, value: Any) -> NDArray[Any]:
    if np.ma.is_masked(value):
        raise InputError(f"{label}: an array without masked entries is needed, got shape {np.shape(value)}")
    if callable(getattr(value, "detach", None)):
        return _from_torch(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{label}: rows of one length are needed, got {type(value).__name__} ({error})") from error


def _from_torch(tensor: Any) -> NDArray[Any]:
    """A PyTorch tensor without its gradient; formats that NumPy lacks, such as bfloat16, widened without rounding."""
    plain = tensor.detach().cpu()
    narrow = plain.is_floating_point() and plain.element_size() < 4
    return np.asarray((plain.float() if narrow else plain).numpy())


def _from_sympy(label: str, value: Any) -> Any:
    entries = value.tolist() if isinstance(value, sp.MatrixBase) else value
    flat = [item for row in entries for item in row] if isinstance(entries, list) else [entries]
    for item in flat:
        number = item.is_Rational or item.is_Float
        if not number or Fraction(str(sp.Rational(item))) != Fraction(float(item)):
            raise InputError(f"{label}: {item} is not exactly a float64; give a float")
    return np.array(entries, dtype=np.float64)
