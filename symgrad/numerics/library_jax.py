"""JAX among the array libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.library import SPECIAL, Gradients, Library, Values

__all__ = ["Jax", "jax_in_float64"]


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

    def _device(self, name: str) -> Any:
        found = re.fullmatch(r"([a-z]+)(?::(0|[1-9][0-9]*))?", name)
        if found is None:
            raise ValueError(f"no name of a device: {name!r}")
        return self.module().devices(found[1])[int(found[2] or 0)]

    def asarray(self, array: Any, dtype: str, device: str | None) -> Any:
        jax = self.module()
        return jax.numpy.asarray(array, dtype=dtype, device=None if device is None else self._device(device))

    def numpy(self, array: Any) -> NDArray[Any]:
        return np.array(array)  # a copy: JAX's own may not be written to

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

    def special(self) -> dict[str, Any]:
        functions = self.module().scipy.special
        return {name: getattr(functions, name) for name in SPECIAL}

    def known(self) -> Any:
        return self.module().ensure_compile_time_eval()

    def defers(self, array: Any) -> bool:
        return True

    def called(self, function: Any, *arguments: Any) -> Any:
        return _called(self.module())(function, *arguments)

    def scanned(self, function: Any, constants: list[Any], state: list[Any], sequences: list[Any], length: int) -> Any:
        jax = self.module()
        if any(map(self.is_traced, (*state, *sequences))):  # what it is part of is compiled: constants stay with that
            return _scan(jax, function, length, constants, state, sequences)
        return _scanned(jax)(function, length, constants, state, sequences)

    def _rows(self, state: list[Any], length: int) -> None:
        return None

    def is_traced(self, array: Any) -> bool:
        return isinstance(array, self.module().core.Tracer)

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


@lru_cache(maxsize=1)
def _called(jax: Any) -> Any:
    return jax.jit(lambda function, *arguments: function(*arguments), static_argnums=0)


@lru_cache(maxsize=1)
def _scanned(jax: Any) -> Any:
    """The recursion in one compiled loop; what was watched has one more dimension."""
    return jax.jit(partial(_scan, jax), static_argnums=(0, 1))


def _scan(jax: Any, function: Any, length: int, constants: Any, state: Any, sequences: Any) -> tuple[Any, Any, Any]:
    def step(carry: Any, early: Any) -> tuple[Any, Any]:
        following, watched = function(constants, carry, early)
        return following, (following, watched)

    last, (states, watched) = jax.lax.scan(step, state, sequences, length=length)
    return last, states, watched


def jax_in_float64(jax: Any) -> Any:
    """A context in which JAX computes in float64 what is given so; the setting outside is left as it is."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    import jax.experimental as experimental

    return experimental.enable_x64()
