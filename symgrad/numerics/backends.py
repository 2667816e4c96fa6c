"""Backend: which array library, device and data type the numerics run on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.numerics.libraries import LIBRARIES
from symgrad.numerics.library import Gradients, Library, Values

__all__ = ["Backend", "backend"]

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Backend:
    """An array library with a device and a data type, made by :func:`backend`.

    Attributes:
        name: "numpy", "torch", "jax" or "cupy".
        device: as the library spells it, such as "cpu", "cuda", "cuda:1", "gpu"; None for the library's default.
        dtype: "float64" or "float32".

    >>> numbers = backend("numpy", dtype="float32").asarray([[1, 2]])
    >>> numbers.dtype, numbers.shape
    (dtype('float32'), (1, 2))
    """

    name: str
    device: str | None
    dtype: str

    @property
    def library(self) -> Library:
        """The library's peculiarities."""
        return LIBRARIES[self.name]

    @property
    def like(self) -> Any:
        """An empty array of the library, device and data type."""
        return _like(self)

    @property
    def xp(self) -> Any:
        """The library's functions, as the Python array API standard names them."""
        return array_namespace(self.like)

    @property
    def has_autodiff(self) -> bool:
        """Whether the library differentiates programs by itself."""
        return self.library.has_autodiff

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the data type."""
        return float(np.finfo(self.dtype).eps)

    def asarray(self, array: Any) -> Any:
        """Numbers (of NumPy, nested lists, the library's own) as an array on the device, of the data type."""
        with self.scope():
            return self.library.asarray(array, self.dtype, self.device)

    def numpy(self, array: Any) -> NDArray[Any]:
        """An array of the library on the host."""
        return self.library.numpy(array)

    def scope(self) -> Any:
        """The context manager that every computation runs in.

        Inside there are no warnings of overflow, JAX knows float64, products in float32 are made in float32, and new
        arrays lie on the device. Afterwards all settings are as before. Arrays made here need no derivatives, so that
        PyTorch records none, but through :meth:`value_and_gradient`.
        """
        return self.library.scope(self.device)

    def value_and_gradient(self, values: Values, compiled: bool = False) -> Gradients:
        """A function of a list of arrays that gives ``(values (B,), gradients)``; call it within :meth:`scope`.

        Args:
            values: from a list of arrays to one number a trajectory (B,), each of which depends on nothing of other
                trajectories; the gradients are those of their sum.
            compiled: let JAX compile it once for all calls with arrays of the same shapes; of no effect with PyTorch.

        Raises:
            InputError: the library has no automatic differentiation.
        """
        return self.library.value_and_gradient(values, compiled)

    def __str__(self) -> str:
        return f"{self.name}, {self.device or 'default device'}, {self.dtype}"


@lru_cache(maxsize=64)
def _like(chosen: Backend) -> Any:
    return chosen.asarray(np.zeros(0))


def backend(name: str | Backend = "numpy", device: str | None = None, dtype: str = "float64") -> Backend:
    """What to compute with, checked: the library is installed and the device is there.

    Args:
        name: "numpy", "torch", "jax" or "cupy"; a :class:`Backend` is checked and returned as it is.
        device: as the library spells it: "cpu", "cuda", "cuda:1", "gpu"; by default the library's own choice.
        dtype: "float64" or "float32".

    Raises:
        InputError: an unknown library, a device that is not there, or another data type; lists what is accepted.
        SymgradError: the library is not installed; says how to install it.

    >>> print(backend("numpy", device="cpu"))
    numpy, cpu, float64
    """
    if isinstance(name, Backend):
        name, device, dtype = _stated(name, device, dtype)
    if not isinstance(name, str):
        raise InputError(f"backend: one of {', '.join(LIBRARIES)} is needed, got {type(name).__name__} {name!r}")
    if name not in LIBRARIES:
        raise UnknownNameError("backend", name, LIBRARIES)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(f"dtype: {' or '.join(DTYPES)} is needed, got {dtype!r}")
    if device is not None and not isinstance(device, str):
        raise InputError(f"device: a name such as 'cpu' or 'cuda' is needed, got {type(device).__name__} {device!r}")
    library = LIBRARIES[name]
    library.module()
    if device is None and not library.devices():
        raise InputError(f"backend: {name} finds no device here")
    if device is not None and not library.has(device, dtype):
        there = ", ".join(library.devices()) or "none"
        raise InputError(f"device: {name} has no {device!r} that computes in {dtype} here; there are: {there}")
    return Backend(name, device, dtype)


def _stated(given: Backend, device: str | None, dtype: str) -> tuple[str, str | None, str]:
    """What a back end says; further wishes may not contradict it."""
    if device not in (None, given.device) or dtype not in ("float64", given.dtype):
        raise InputError(f"backend: it states device and data type itself ({given}), got {device!r} and {dtype!r} too")
    return given.name, given.device, given.dtype
