"""What flows through a traced JAX function: vectors that depend on input and state, conditions on them, fixed numbers.

Whatever only moves entries about is carried out on the places of the entries; they are gathered when they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.gathering import gathered, submatrix
from symgrad.interop.tracing import Blocks, Trace, Traced

__all__ = ["Condition", "Fixed", "Flow", "Names", "Operand", "Reader", "Source"]

Places: TypeAlias = NDArray[np.int64]
MOST_NUMBERS = 2**22  # in a parameter


@dataclass(frozen=True, eq=False)
class Flow:
    """An array whose numbers depend on the input or the state.

    Attributes:
        column: a column that holds its entries.
        places: which of them, in the shape of the array.
    """

    column: Blocks
    places: Places

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.places.shape


@dataclass(frozen=True, eq=False)
class Source:
    """Fixed numbers with a name.

    Attributes:
        name: what symbols for them are called.
        given: whether they depend on parameters, and not on numbers in the program alone.
        roots: the names of these parameters.
        numbers: the numbers.
        data: their symbols, where they have some: a scalar, a column, or a matrix.
    """

    name: str
    given: bool
    roots: tuple[str, ...]
    numbers: NDArray[Any]
    data: Traced | None = None


@dataclass(frozen=True, eq=False)
class Fixed:
    """An array that does not depend on input or state: entries of a source."""

    source: Source
    places: Places

    @classmethod
    def of(cls, source: Source) -> Fixed:
        """The source itself."""
        return cls(source, np.arange(source.numbers.size).reshape(source.numbers.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.places.shape

    @property
    def numbers(self) -> NDArray[Any]:
        """The numbers."""
        array: NDArray[Any] = self.source.numbers.reshape(-1)[self.places]
        return array


@dataclass(frozen=True, eq=False)
class Condition:
    """An array of truth values that depend on the input or the state.

    Attributes:
        terms: arrays of numbers, all of its shape.
        build: the condition, called with SymPy scalars, one for each of them.
    """

    terms: tuple[Flow | Fixed, ...]
    build: Callable[..., sp.Basic]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.terms[0].shape


Operand: TypeAlias = Flow | Fixed | Condition


@dataclass
class Names:
    """Names of symbols for fixed numbers; the same each time the trace is run.

    Attributes:
        taken: the names that are taken.
        own: those among them that are of parameters, for their first symbol.
    """

    taken: set[str]
    own: frozenset[str] = frozenset()
    _given: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def of(self, name: str, numbers: NDArray[Any]) -> str:
        """The symbol of an array; another one for each shape that it takes and for each part of it."""
        key = name, numbers.shape, numbers.tobytes()
        if key not in self._given:
            free = name
            while free in self.taken and (free not in self.own or free in self._given.values()):
                free += "_"
            self.taken.add(free)
            self._given[key] = free
        return self._given[key]


@dataclass(frozen=True)
class Reader:
    """Reads arrays as columns and matrices within a trace."""

    trace: Trace
    names: Names
    _made: dict[Source, Traced] = field(default_factory=dict)

    def data(self, source: Source) -> Traced | None:
        """The symbols of a source in its own shape, where it depends on parameters and has at most two axes."""
        numbers = source.numbers
        if source.data is not None or not source.given or numbers.ndim > 2 or numbers.dtype.kind != "f":
            return source.data
        if source not in self._made:
            self._made[source] = self._named(
                Fixed.of(source), numbers.reshape(()) if numbers.size == 1 == numbers.ndim else numbers
            )
        return self._made[source]

    def column(self, value: Operand) -> Traced:
        """The entries one below the other, or one scalar for all of them."""
        if isinstance(value, Flow):
            return gathered(self.trace, value.column, value.places.reshape(-1))
        if isinstance(value, Condition):
            raise TraceRefusal("truth values that depend on input or state are used as numbers, which jump")
        scalar = self._scalar(value)
        if scalar is not None:
            return scalar
        found = self.symbols(value, value.places.reshape(-1, 1)) if _is_line(value) else None
        return self._named(value, value.numbers.reshape(-1)) if found is None else found

    def entries(self, value: Operand) -> Blocks:
        """The entries one below the other."""
        found = self.column(value)
        return found if isinstance(found, Blocks) else self.trace.filled(found, (prod(value.shape), 1))

    def matrix(self, value: Fixed) -> Blocks:
        """An array of two axes as a matrix."""
        scalar = self._scalar(value)
        numbers = value.numbers
        if scalar is not None:
            return self.trace.filled(scalar, numbers.shape)
        if not value.source.given and numbers.shape[0] == numbers.shape[1] and (numbers == np.eye(len(numbers))).all():
            return self.trace.identity(len(numbers))
        found = self.symbols(value, value.places)
        made = self._named(value, numbers) if found is None else found
        return made if isinstance(made, Blocks) else self.trace.filled(made, numbers.shape)

    def mask(self, value: Fixed) -> Traced:
        """Fixed truth values as a column of zeros and ones."""
        return self._named(value, value.numbers.reshape(-1))

    def zeros(self, shape: tuple[int, ...]) -> Fixed:
        """Zeros in every entry."""
        return Fixed.of(Source("zeros", False, (), np.zeros(shape)))

    def symbols(self, value: Fixed, places: Places) -> Blocks | None:
        """The symbols at some places of the source, where they have a form there."""
        data = self.data(value.source)
        if not isinstance(data, Blocks):
            return None
        if places.shape[1] == 1 and data.shape[1] == 1:
            return gathered(self.trace, data, places.reshape(-1))
        return submatrix(self.trace, data, places)

    def _scalar(self, value: Fixed) -> sp.Expr | None:
        """The one number that stands in every entry."""
        numbers = value.numbers
        if numbers.dtype.kind == "c":
            raise TraceRefusal("complex numbers cannot be traced")
        if not value.source.given and (numbers == numbers.flat[0]).all():
            return self.trace.number(numbers.flat[0].item())
        data = self.data(value.source) if value.source.numbers.size == 1 else None
        if data is not None and not isinstance(data, Blocks):
            return data
        if value.source.given and len(np.unique(value.places)) == 1 < value.source.numbers.size:
            # a scalar of its own, so that the parameter is not cut for it
            return self._one_entry(value.source, int(value.places.flat[0]))
        return None

    def _one_entry(self, source: Source, place: int) -> sp.Expr:
        """One entry of a parameter as a parameter of its own."""
        where = np.unravel_index(place, source.numbers.shape)
        number = np.asarray(source.numbers[where])
        return self.trace.parameter(self.names.of("_".join((source.name, *map(str, where))), number), number)

    def _named(self, value: Fixed, numbers: NDArray[Any]) -> Traced:
        """Symbols for numbers that have none."""
        if numbers.size > MOST_NUMBERS:
            raise TraceRefusal(f"{value.source.name} has {numbers.size} entries; at most {MOST_NUMBERS} are accepted")
        name = self.names.of(value.source.name + _slice_of(value), numbers)
        return self.trace.parameter(name, np.array(numbers, dtype=np.float64))


def _is_line(value: Fixed) -> bool:
    """Whether a value lies in one row or one column of its source."""
    shape = value.source.numbers.shape
    if len(shape) != 2:
        return True
    return any(len(np.unique(part)) == 1 for part in np.divmod(value.places, shape[1]))


def _slice_of(value: Fixed) -> str:
    """Which slice of an array of many axes a value is, in the form of a suffix."""
    shape = value.source.numbers.shape
    if len(shape) < 3 or value.places.size == value.source.numbers.size:
        return ""
    leading = np.unique(value.places // prod(shape[-2:]))
    return "".join(f"_{place}" for place in np.unravel_index(leading[0], shape[:-2])) if len(leading) == 1 else ""
