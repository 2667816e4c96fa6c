"""Sequences of inputs: those given, checked, or drawn; and how the result speaks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.exact_arrays import exact_array

__all__ = ["MOST_NUMBERS", "Sequences", "as_floats", "check_amount", "drawn", "given"]

Array = NDArray[np.float64]

MOST_NUMBERS = 2**26  # of all sequences together; in floats, half a gigabyte


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences in the layout (B, T, m) of each input.

    Attributes:
        arrays: name of the input -> (B, T, m).
        words: where they come from, such as ``"given: 4 sequences of 20 steps"``.
        seed: of those that were drawn; None for those given.
        single: whether one sequence was given without a batch dimension.
    """

    arrays: Mapping[str, Array] = field(repr=False)
    words: str
    seed: int | None = None
    single: bool = False

    @property
    def size(self) -> int:
        """The number B of sequences."""
        return next((len(array) for array in self.arrays.values()), 1)


def as_floats(label: str, value: Any) -> Array:
    """An array of floats as float64, without any rounding.

    Raises:
        InputError: integers, which are token ids more often than measured values; anything but real numbers; NaN or
            infinity.
    """
    kind = _kind(label, value)
    if kind:
        raise InputError(
            f"{label}: floats are needed, got {kind}; pass {label}.astype(float), or of token ids the vectors that "
            "they are embedded as: embedding(ids)"
        )
    return exact_array(label, value)


def _kind(label: str, value: Any) -> str | None:
    """Integers or truth values in words; None for anything else."""
    if isinstance(value, Mapping):
        raise InputError(f"{label}: an array is needed, got {type(value).__name__} with {', '.join(map(repr, value))}")
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        try:
            dtype = np.asarray(value).dtype
        except ValueError as error:
            raise InputError(f"{label}: rows of one length are needed ({error})") from error
        except (TypeError, RuntimeError) as error:
            raise InputError(f"{label}: an array is needed, got {type(value).__name__} ({error})") from error
    name = str(dtype).removeprefix("torch.")
    shape = tuple(np.shape(value))
    return f"{name} of shape {shape}" if name.startswith(("int", "uint", "bool")) else None


def given(named: Mapping[str, Any]) -> Sequences:
    """Sequences of each input, (T, m) or (B, T, m).

    Raises:
        InputError: integers, another number of dimensions, no sequence or no step, numbers that do not agree.
    """
    label = "inputs" if len(named) == 1 else "inputs {}"
    arrays = {name: as_floats(label.format(name), value) for name, value in named.items()}
    for name, array in arrays.items():
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise InputError(
                f"{label.format(name)}: a non-empty array of shape (T, m) or (B, T, m) is needed, got {array.shape}"
            )
    single = all(array.ndim == 2 for array in arrays.values())
    batch = {name: array if array.ndim == 3 else array[None] for name, array in arrays.items()}
    counts = {array.shape[:2] for array in batch.values()}
    if len(counts) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"inputs: numbers of sequences and steps must agree, got {shapes}")
    check_amount(batch.values())
    return Sequences(batch, _words("given", *counts.pop()), None, single)


def drawn(sizes: Mapping[str, int], count: int, steps: int, seed: int) -> Sequences:
    """Standard normal sequences for inputs of these sizes."""
    source = np.random.default_rng(seed)
    arrays = {name: source.standard_normal((count, steps, size)) for name, size in sizes.items()}
    check_amount(arrays.values())
    return Sequences(arrays, f"{_words('drawn', count, steps)}, standard normal, seed {seed}", seed)


def check_amount(arrays: Any) -> None:
    """Refuse more numbers than can be worked with.

    Raises:
        InputError: states the limit.
    """
    amount = sum(int(array.size) for array in arrays)
    if amount > MOST_NUMBERS:
        raise InputError(
            f"inputs: {amount:,} numbers are more than the {MOST_NUMBERS:,} that are diagnosed at once; "
            "pass fewer or shorter sequences"
        )


def _words(how: str, count: int, steps: int) -> str:
    sequences = "1 sequence" if count == 1 else f"{count} sequences"
    return f"{how}: {sequences} of {steps} step{'' if steps == 1 else 's'}"
