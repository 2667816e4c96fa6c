"""PyTorch among the array libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.library import SPECIAL, Gradients, Library, Values

__all__ = ["Torch"]


class Torch(Library):
    """PyTorch, on the CPU or a GPU."""

    name = "torch"
    has_autodiff = True
    missing = "pip install 'symgrad[torch]'"

    def __init__(self) -> None:
        self._lock, self._within, self._precision = Lock(), 0, "highest"

    def _loaded(self) -> Any:
        import torch

        return torch

    def linear_algebra_errors(self) -> tuple[type[Exception], ...]:
        return (self.module().linalg.LinAlgError,)

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
        if isinstance(array, torch.Tensor):
            own = array.clone() if array.is_inference() else array
            return own.to(device or torch.get_default_device(), getattr(torch, dtype))
        copied = np.array(array, dtype=dtype)  # PyTorch warns of arrays that cannot be written to
        return torch.asarray(copied, device=device)

    def numpy(self, array: Any) -> NDArray[Any]:
        return np.asarray(array.detach().cpu().numpy())

    @contextmanager
    def scope(self, device: str | None) -> Iterator[None]:
        torch = self.module()
        outside = torch.inference_mode(False)  # whose arrays could not be differentiated
        with np.errstate(all="ignore"), outside, self._full_products():
            yield

    @contextmanager
    def _full_products(self) -> Iterator[None]:
        """Products in float32 are not rounded to fewer bits, while any thread is within: the setting is for all."""
        torch = self.module()
        with self._lock:
            if not self._within:
                self._precision = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if not self._within:
                    torch.set_float32_matmul_precision(self._precision)

    def special(self) -> dict[str, Any]:
        torch = self.module()

        def gamma(x: Any) -> Any:
            negative = (x < 0) & (torch.floor(x) % 2 != 0)
            value = torch.exp(torch.special.gammaln(x))
            return torch.where((x < 0) & (torch.floor(x) == x), torch.nan, torch.where(negative, -value, value))

        def polygamma(order: int, x: Any) -> Any:
            """PyTorch's own trigamma has nine digits only."""
            return torch.special.zeta(2.0, x) if order == 1 else torch.special.polygamma(order, x)

        own = {"gamma": gamma, "polygamma": polygamma}
        return {name: own.get(name) or getattr(torch.special, name) for name in SPECIAL}

    def defers(self, array: Any) -> bool:
        return str(array.device.type) != "cpu"

    def is_traced(self, array: Any) -> bool:
        return bool(array.requires_grad)

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
