"""The array libraries that floats are computed with, one file each: all that is not the same in them.

A new library is one file with a subclass of :class:`~symgrad.numerics.library.Library`, and its entry here. Everything
else is written once, over the Python array API standard.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from array_api_compat import device
from numpy.typing import NDArray

from symgrad.numerics.library import Library, NumPy, Standard
from symgrad.numerics.library_cupy import CuPy
from symgrad.numerics.library_jax import Jax
from symgrad.numerics.library_torch import Torch

__all__ = ["LIBRARIES", "host", "library_of", "on_device_of"]

LIBRARIES: dict[str, Library] = {library.name: library for library in (NumPy(), Torch(), Jax(), CuPy())}


@lru_cache(maxsize=64)
def library_of(xp: Any) -> Library:
    """The library of a namespace: of its own one, or of the one that array-api-compat wraps around it.

    A namespace of another library is used by nothing but the standard.
    """
    known = (LIBRARIES[part] for part in xp.__name__.split(".") if part in LIBRARIES)
    return next(known, None) or Standard(xp.__name__, xp)


def host(xp: Any, array: Any) -> NDArray[Any]:
    """An array of any library on the host."""
    return library_of(xp).numpy(array)


def on_device_of(xp: Any, numbers: Any, array: Any) -> Any:
    """Numbers as an array of the library, data type and device of another array."""
    return xp.asarray(numbers, dtype=array.dtype, device=device(array))
