"""CuPy among the array libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.library import SPECIAL, Library

__all__ = ["CuPy"]


class CuPy(Library):
    """CuPy, on a GPU."""

    name = "cupy"
    missing = "pip install the cupy package for your version of CUDA, for example cupy-cuda12x"

    def _loaded(self) -> Any:
        import cupy

        return cupy

    def devices(self) -> list[str]:
        runtime = self.module().cuda.runtime
        try:
            return [f"cuda:{i}" for i in range(runtime.getDeviceCount())]
        except runtime.CUDARuntimeError:
            return []

    def has(self, device: str, dtype: str) -> bool:
        return (f"{device}:0" if device == "cuda" else device) in self.devices()

    def _device(self, device: str | None) -> Any:
        cuda = self.module().cuda
        return cuda.Device(int((device or "cuda:0").partition(":")[2] or 0))

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        with self._device(device):
            return self.module().asarray(array, dtype=dtype)

    def numpy(self, array: Any) -> NDArray[Any]:
        return np.asarray(array.get())

    @contextmanager
    def scope(self, device: str | None) -> Iterator[None]:
        with self._device(device), np.errstate(all="ignore"):
            yield

    def special(self) -> dict[str, Any]:
        import cupyx.scipy.special as special

        return {name: getattr(special, name) for name in SPECIAL}

    def defers(self, array: Any) -> bool:
        return True
