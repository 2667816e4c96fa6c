"""Numbers of steps, as one number or as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError

__all__ = ["checked_steps", "steps_array"]

_LARGEST = np.iinfo(np.int64).max


def checked_steps(k: Any) -> int:
    """A number of steps.

    Raises:
        InputError: it is not a non-negative integer.
    """
    whole = isinstance(k, (int, sp.Integer)) or hasattr(k, "__index__")
    if isinstance(k, bool) or not whole or int(k) < 0:
        raise InputError(f"k: a non-negative integer is needed, got {k!r}")
    return int(k)


def steps_array(k: Any) -> NDArray[np.int64]:
    """Numbers of steps as an array of integers; an empty list is an empty array.

    Raises:
        InputError: something else than non-negative integers below 2**63.
    """
    try:
        array = np.asarray(int(k) if isinstance(k, sp.Integer) else k)
    except (ValueError, OverflowError) as error:
        raise InputError(f"k: an array of non-negative integers is needed, got {k!r} ({error})") from error
    if array.size == 0 and array.dtype.kind in "fiu":
        return array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > _LARGEST:
        raise InputError(f"k: an array of non-negative integers below 2**63 is needed, got {k!r}")
    return array.astype(np.int64)
