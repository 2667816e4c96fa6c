"""The array libraries that floats are computed with, one class each: all that is not the same in them.

A new library is one class here and one entry of ``LIBRARIES``. Everything else is written once, over the Python array
API standard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError

__all__ = ["LIBRARIES", "Gradients", "Library", "Values", "is_traced", "jax_in_float64"]

Values = Callable[[list[Any]], Any]
Gradients = Callable[[list[Any]], tuple[Any, list[Any]]]


class Library(ABC):
    """What differs between array libraries.

    Attributes:
        name: as given to ``backend=``, and the module's.
        has_autodiff: whether it differentiates programs by itself.
    """

    name: str
    has_autodiff = False
    missing = "pip install the package"

    def module(self) -> Any:
        """The library, loaded on first use.

        Raises:
            SymgradError: it is not installed; says how to install it.
        """
        try:
            return self._loaded()
        except ImportError as error:
            raise SymgradError(f"backend {self.name!r}: the library is not installed: {self.missing}") from error

    @abstractmethod
    def _loaded(self) -> Any:
        """The imported package."""

    @abstractmethod
    def devices(self) -> list[str]:
        """The devices that are here, the first one the default."""

    @abstractmethod
    def has(self, device: str, dtype: str) -> bool:
        """Whether there is such a device here, and it can compute with the data type."""

    @abstractmethod
    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        """Numbers as an array of the library."""

    def numpy(self, array: Any) -> NDArray[Any]:
        """An array of the library on the host, as it is in type."""
        return np.asarray(array)

    @abstractmethod
    def scope(self, device: str | None) -> Any:
        """A context manager in which to compute; settings outside are as before afterwards."""

    def value_and_gradient(self, values: Values, compiled: bool) -> Gradients:
        """See :meth:`symgrad.numerics.backends.Backend.value_and_gradient`."""
        raise InputError(f"backend {self.name!r}: the library has no automatic differentiation; torch and jax have it")


class NumPy(Library):
    """NumPy, on the CPU."""

    name = "numpy"

    def _loaded(self) -> Any:
        return np

    def devices(self) -> list[str]:
        return ["cpu"]

    def has(self, device: str, dtype: str) -> bool:
        return device == "cpu"

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        return np.asarray(array, dtype=dtype)

    def scope(self, device: str | None) -> Any:
        return np.errstate(all="ignore")


class Torch(Library):
    """PyTorch, on the CPU or a GPU."""

    name = "torch"
    has_autodiff = True
    missing = "pip install 'symgrad[torch]'"

    def _loaded(self) -> Any:
        import torch

        return torch

    def devices(self) -> list[str]:
        torch = self.module()
        names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        return [*names, "mps"] if torch.backends.mps.is_available() else names

    def has(self, device: str, dtype: str) -> bool:
        torch = self.module()
        try:
            return bool(torch.zeros(1, device=device, dtype=getattr(torch, dtype)).cpu().numel())
        except (RuntimeError, AssertionError, NotImplementedError, TypeError):
            return False  # unknown, not there, without numbers ("meta"), or without this type

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        torch = self.module()
        if not isinstance(array, torch.Tensor):
            array = np.array(array, dtype=dtype)  # a copy: PyTorch warns of arrays that cannot be written to
        return torch.asarray(array, dtype=getattr(torch, dtype), device=device)

    def numpy(self, array: Any) -> NDArray[Any]:
        return np.asarray(array.detach().cpu().numpy())

    @contextmanager
    def scope(self, device: str | None) -> Iterator[None]:
        torch = self.module()
        precision = torch.get_float32_matmul_precision()
        try:
            torch.set_float32_matmul_precision("highest")  # else float32 products may be rounded to fewer bits
            with torch.no_grad(), np.errstate(all="ignore"):
                yield
        finally:
            torch.set_float32_matmul_precision(precision)

    def value_and_gradient(self, values: Values, compiled: bool) -> Gradients:
        torch = self.module()

        def both(arrays: list[Any]) -> tuple[Any, list[Any]]:
            with torch.enable_grad():
                leaves = [array.detach().requires_grad_() for array in arrays]
                result = values(leaves)
                found = torch.autograd.grad(result.sum(), leaves, allow_unused=True)
            gradients = [torch.zeros_like(a) if g is None else g for g, a in zip(found, leaves, strict=True)]
            return result.detach(), gradients

        return both


class Jax(Library):
    """JAX, on the CPU or an accelerator."""

    name = "jax"
    has_autodiff = True
    missing = "pip install 'symgrad[jax]'"

    def _loaded(self) -> Any:
        import jax

        return jax

    def devices(self) -> list[str]:
        jax, names = self.module(), ["cpu"]
        for platform in ("gpu", "tpu"):
            try:
                names += [f"{platform}:{i}" for i in range(len(jax.devices(platform)))]
            except RuntimeError:  # there is none
                continue
        return names

    def has(self, device: str, dtype: str) -> bool:
        try:
            return bool(self._device(device))
        except (RuntimeError, ValueError, IndexError):
            return False

    def _device(self, device: str) -> Any:
        platform, _, index = device.partition(":")
        return self.module().devices(platform)[int(index) if index else 0]

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        jax = self.module()
        return jax.numpy.asarray(array, dtype=dtype, device=None if device is None else self._device(device))

    @contextmanager
    def scope(self, device: str | None) -> Iterator[None]:
        jax = self.module()
        with ExitStack() as stack:
            stack.enter_context(np.errstate(all="ignore"))
            stack.enter_context(jax_in_float64(jax))
            stack.enter_context(jax.default_matmul_precision("highest"))
            if device is not None:
                stack.enter_context(jax.default_device(self._device(device)))
            yield

    def value_and_gradient(self, values: Values, compiled: bool) -> Gradients:
        jax = self.module()

        def summed(arrays: list[Any]) -> tuple[Any, Any]:
            result = values(arrays)
            return result.sum(), result

        differentiated = jax.value_and_grad(summed, has_aux=True)
        called = jax.jit(differentiated) if compiled else differentiated

        def both(arrays: list[Any]) -> tuple[Any, list[Any]]:
            (_, result), gradients = called(list(arrays))
            return result, gradients

        return both


def jax_in_float64(jax: Any) -> Any:
    """A context in which JAX computes in float64 what is given so; the setting outside is left as it is."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    import jax.experimental as experimental

    return experimental.enable_x64()


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


LIBRARIES: dict[str, Library] = {library.name: library for library in (NumPy(), Torch(), Jax(), CuPy())}


def is_traced(array: Any) -> bool:
    """Whether an array stands for numbers that are not known yet, as within ``jax.jit`` and ``jax.grad``."""
    module = type(array).__module__
    if not module.startswith("jax"):
        return False
    return isinstance(array, LIBRARIES["jax"].module().core.Tracer)
