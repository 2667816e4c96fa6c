"""What is checked of a JAX function's arguments first, and how numbers are taken out of them: exactly, as float64."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.numerics.library_jax import jax_in_float64

__all__ = ["LARGEST", "Leaf", "double_precision", "free_names", "jax_module", "leaves_of", "parameter_numbers"]

Array = NDArray[np.float64]
LARGEST = 2**27  # numbers in all parameters: as float64 they are a gigabyte


def jax_module() -> Any:
    """JAX, loaded on first use.

    Raises:
        SymgradError: it is not installed; says how to install it.
    """
    try:
        import jax
    except ImportError as error:
        raise SymgradError("JAX is needed to read its functions: pip install 'symgrad[jax]'") from error
    return jax


def double_precision() -> Any:
    """A context in which JAX computes in float64; the setting outside is left as it is."""
    return jax_in_float64(jax_module())


@dataclass(frozen=True, eq=False)
class Leaf:
    """One array of an argument.

    Attributes:
        path: where it is in the argument, the keys from the outside in.
        shape: its shape.
        value: what was given.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]
    value: Any

    def label(self, argument: str) -> str:
        """How it is called in messages."""
        return argument + "".join(f"[{key}]" if key.isdigit() else f"[{key!r}]" for key in self.path)


def leaves_of(argument: str, value: Any) -> tuple[list[Leaf], Any]:
    """The arrays in an argument, and its tree structure.

    Raises:
        InputError: something in it is no array of float32 or float64. Names the argument and the place in it.
    """
    tree = jax_module().tree_util
    pairs, structure = tree.tree_flatten_with_path(value)
    return [_leaf(argument, tuple(map(_key, path)), found) for path, found in pairs], structure


def _key(entry: Any) -> str:
    """A step of a path: a key of a mapping, the name of a field, or a position."""
    return str(next(getattr(entry, name) for name in ("key", "name", "idx") if hasattr(entry, name)))


def _leaf(argument: str, path: tuple[str, ...], value: Any) -> Leaf:
    label = Leaf(path, (), None).label(argument)
    if isinstance(value, jax_module().core.Tracer):
        raise InputError(f"{label}: it is a tracer of JAX and has no numbers; call from_jax outside jit, grad and vmap")
    if isinstance(value, (bool, int, float, complex)):
        value = np.asarray(value)
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise InputError(f"{label}: an array of float32 or float64 is needed, got {type(value).__name__} {value!r:.80}")
    problem = _problem(value.dtype)
    if problem:
        raise InputError(f"{label} of shape {tuple(value.shape)} {problem}")
    return Leaf(path, tuple(map(int, value.shape)), value)


def _problem(dtype: Any) -> str | None:
    """Why numbers of a type are not accepted, or None."""
    name = str(dtype)
    if name in ("float32", "float64"):
        return None
    if "complex" in name:
        return f"is complex ({name}); real numbers are needed"
    if "float" in name:
        return f"has precision {name}; give float32 or float64, which keep the numbers"
    return f"has type {name}; float32 or float64 is needed"


def parameter_numbers(leaves: Sequence[Leaf]) -> list[Array]:
    """The numbers of all parameters.

    Raises:
        InputError: too many; infinite or NaN; empty; an abstract shape without numbers. Names the parameter.
    """
    count = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    if count > LARGEST:
        raise InputError(f"params: {count:,} numbers; the limit is {LARGEST:,}")
    return [_numbers(leaf) for leaf in leaves]


def _numbers(leaf: Leaf) -> Array:
    label = leaf.label("params")
    try:
        array = np.array(leaf.value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # a shape without numbers, a deleted array
        raise InputError(f"{label}: its numbers cannot be read from {type(leaf.value).__name__}: {error}") from error
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        kinds = [word for word, found in (("NaN", np.isnan(array)), ("infinite", np.isinf(array))) if found.any()]
        raise InputError(f"{label} has {bad} of {array.size} entries that are {' or '.join(kinds)}")
    if not array.size:
        raise InputError(f"{label} of shape {array.shape} has no entries")
    return array


def free_names(leaves: Sequence[Leaf], alone: str, taken: set[str]) -> list[str]:
    """A name for each leaf that no other has: ``lstm_Wi`` for ``["lstm"]["Wi"]``.

    Args:
        leaves: of one argument.
        alone: the name of a leaf that is the argument itself; put before numbers.
        taken: the names that are taken; the new ones are added.
    """
    return [_free("_".join(leaf.path), alone, taken) for leaf in leaves]


def _free(path: str, alone: str, taken: set[str]) -> str:
    name = re.sub(r"\W", "_", path, flags=re.ASCII).strip("_")
    if not name[:1].isalpha():
        name = f"{alone}_{name}".rstrip("_")
    while name in taken:
        name += "_"
    taken.add(name)
    return name
