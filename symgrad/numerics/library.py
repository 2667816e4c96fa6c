"""Library: what differs between array libraries; NumPy is the first of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError

__all__ = ["SPECIAL", "Gradients", "Library", "NumPy", "Values"]

Values = Callable[[list[Any]], Any]
Gradients = Callable[[list[Any]], tuple[Any, list[Any]]]

SPECIAL = ("expit", "erf", "erfc", "gamma", "gammaln", "polygamma")


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

    def special(self) -> dict[str, Any]:
        """Its functions of arrays expit, erf, erfc, gamma, gammaln and polygamma(order, x), all or none."""
        return {}

    def is_traced(self, array: Any) -> bool:
        """Whether an array stands for numbers that are not known yet, or whose derivatives are being recorded."""
        return False

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

    def special(self) -> dict[str, Any]:
        return {name: getattr(scipy.special, name) for name in SPECIAL}
