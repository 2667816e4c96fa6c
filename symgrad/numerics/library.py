"""Library: what differs between array libraries; NumPy is the first of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy.special
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError

__all__ = ["SPECIAL", "Gradients", "Library", "NumPy", "Standard", "Values"]

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

    def linear_algebra_errors(self) -> tuple[type[Exception], ...]:
        """What it raises for matrices that have no factorisation; some give NaN instead."""
        return (np.linalg.LinAlgError,)

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

    def known(self) -> Any:
        """A context manager in which what is computed from known numbers is known too, while the library traces."""
        return nullcontext()

    def defers(self, array: Any) -> bool:
        """Whether asking an array for a truth value, or running without a compiler, costs more than the computation."""
        return False

    def called(self, function: Any, *arguments: Any) -> Any:
        """The value of a hashable function; compiled where the library can, once for equal functions and shapes."""
        return function(*arguments)

    def scanned(self, function: Any, constants: list[Any], state: list[Any], sequences: list[Any], length: int) -> Any:
        """The same as :meth:`looped`; compiled where the library can, once for equal functions and shapes."""
        return self.looped(function, constants, state, sequences, length)

    def looped(
        self, function: Any, constants: list[Any], state: list[Any], sequences: list[Any], length: int
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """A recursion ``state, watched = function(constants, state, [sequence[t], ...])`` for t = 0 ... length - 1.

        Returns:
            The last state; for each of its arrays all of them after each step, one above the other; for each truth
            value that was watched whether it always held.
        """
        rows = None if any(map(self.is_traced, (*state, *sequences))) else self._rows(state, length)
        collected: list[list[Any]] = []
        watched: list[Any] = []
        for step in range(length):
            state, safe = function(constants, state, [sequence[step, ...] for sequence in sequences])
            watched = [one & other for one, other in zip(watched, safe, strict=True)] if watched else safe
            if rows is None:
                collected.append(state)
                continue
            for row, array in zip(rows, state, strict=True):
                row[step, ...] = array
        if rows is None:
            rows = [array_namespace(column[0]).stack(column, axis=0) for column in zip(*collected, strict=True)]
        return state, rows, watched

    def _rows(self, state: list[Any], length: int) -> list[Any] | None:
        """Arrays to be filled with one more dimension; None where arrays cannot be written to."""
        return [array_namespace(a).empty((length, *a.shape), dtype=a.dtype, device=device(a)) for a in state]

    def is_traced(self, array: Any) -> bool:
        """Whether an array stands for numbers that are not known yet, or whose derivatives are being recorded."""
        return False

    def value_and_gradient(self, values: Values, compiled: bool) -> Gradients:
        """What ``value_and_gradient`` of a back end describes."""
        raise InputError(f"backend {self.name!r}: the library has no automatic differentiation; torch and jax have it")


class Standard(Library):
    """Any library of the Python array API standard, by nothing but the standard; on its default device."""

    def __init__(self, name: str, module: Any) -> None:
        self.name, self._module = name, module

    def _loaded(self) -> Any:
        return self._module

    def devices(self) -> list[str]:
        return ["default"]

    def has(self, device: str, dtype: str) -> bool:
        return device == "default"

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        return self._module.asarray(array, dtype=getattr(self._module, dtype))

    def numpy(self, array: Any) -> NDArray[Any]:
        return np.from_dlpack(array)

    def scope(self, device: str | None) -> Any:
        return np.errstate(all="ignore")


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
