"""Grids of parameters: a cell is computed from its number, so that a grid of 10^9 cells takes no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.sweeps.names import REPETITION, check_names

__all__ = ["Axis", "Grid", "grid_of"]

_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str", "T": "str"}
_AT_ONCE = 1 << 16  # entries of a range that are written out at a time
_SENT_WHOLE = 4096  # entries of all axes up to which a grid goes to a worker as it is


@dataclass(frozen=True, eq=False)
class Axis:
    """The values of one parameter, all of one kind.

    Attributes:
        name: of the parameter.
        kind: ``"bool"``, ``"int"``, ``"float"`` or ``"str"``.
        values: a range, or an array of one dimension.
    """

    name: str
    kind: str
    values: range | NDArray[Any]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> Any:
        value = self.values[place]
        return value if isinstance(value, int) else value.item()

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """The values at some places, as an array."""
        if isinstance(self.values, range):
            return np.asarray(self.values.start + self.values.step * places, dtype=np.int64)
        return self.values[places]

    def fingerprint(self) -> str:
        """A checksum of the values and their kind, the same for a range and a list of the same numbers."""
        total = hashlib.sha256(self.kind.encode())
        for first in range(0, len(self), _AT_ONCE):
            some = self.take(np.arange(first, min(first + _AT_ONCE, len(self))))
            total.update("\0".join(some.tolist()).encode() + b"\0" if self.kind == "str" else some.tobytes())
        return total.hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a sweep.

    Attributes:
        axes: the parameters; their values belong together one by one in a listed grid, else every value of one is
            combined with every value of the others, the last parameter fastest.
        listed: whether the cells are given one by one.
        repetitions: how often each cell is done, with seeds of its own.
        first: the number of the first cell that the axes hold, of a grid cut out of a larger one.
    """

    axes: tuple[Axis, ...]
    listed: bool
    repetitions: int
    first: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in order; the repetition comes last where there are several."""
        own = tuple(axis.name for axis in self.axes)
        return (*own, REPETITION) if self.repetitions > 1 else own

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each of the names has; of a listed grid the number of its cells, without names."""
        own = (len(self.axes[0]),) if self.listed else tuple(len(axis) for axis in self.axes)
        return (*own, self.repetitions) if self.repetitions > 1 else own

    @property
    def size(self) -> int:
        """The number of cells, with repetitions."""
        return prod(self.shape)

    def cell(self, index: int) -> dict[str, Any]:
        """The parameters of one cell, with its repetition where there are several."""
        rest, repetition = divmod(index - self.first, self.repetitions)
        found: dict[str, Any] = {}
        for axis in reversed(self.axes):
            if self.listed:
                found[axis.name] = axis[rest]
            else:
                rest, place = divmod(rest, len(axis))
                found[axis.name] = axis[place]
        found = dict(reversed(found.items()))
        return found | {REPETITION: repetition} if self.repetitions > 1 else found

    def columns(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """The parameters of the cells ``start`` to ``stop - 1``: name -> array."""
        rest, repetition = np.divmod(np.arange(start - self.first, stop - self.first, dtype=np.int64), self.repetitions)
        found: dict[str, NDArray[Any]] = {REPETITION: repetition} if self.repetitions > 1 else {}
        for axis in reversed(self.axes):
            if self.listed:
                found[axis.name] = axis.take(rest)
            else:
                rest, place = np.divmod(rest, len(axis))
                found[axis.name] = axis.take(place)
        return {name: found[name] for name in self.names}

    def piece(self, start: int, stop: int) -> Grid:
        """A grid that knows at least the cells ``start`` to ``stop - 1`` under the same numbers, light to send."""
        held = sum(0 if isinstance(axis.values, range) else len(axis) for axis in self.axes)
        if held <= _SENT_WHOLE:
            return self
        first = start // self.repetitions
        rows = self.columns(first * self.repetitions, stop)
        axes = tuple(Axis(axis.name, axis.kind, rows[axis.name][:: self.repetitions]) for axis in self.axes)
        return Grid(axes, True, self.repetitions, first * self.repetitions)

    def description(self) -> dict[str, Any]:
        """What tells this grid from others, as plain data."""
        axes = [
            {
                "name": axis.name,
                "kind": axis.kind,
                "count": len(axis),
                "first": str(axis[0]),
                "last": str(axis[len(axis) - 1]),
            }
            | {"fingerprint": axis.fingerprint()}
            for axis in self.axes
        ]
        return {"listed": self.listed, "repetitions": self.repetitions, "parameters": axes}


def grid_of(grid: Any, repetitions: Any = 1) -> Grid:
    """A grid as users give it, checked.

    Args:
        grid: a mapping name -> sequence of values, for all combinations; or a sequence of mappings name -> value.
        repetitions: how often each cell is done.

    Raises:
        InputError: no values, values of several kinds or twice the same, names that are no Python names.

    >>> grid = grid_of({"size": [16, 32], "gain": [0.5, 1.0, 2.0]})
    >>> grid.size, grid.cell(4)
    (6, {'size': 32, 'gain': 1.0})
    """
    if isinstance(repetitions, bool) or not isinstance(repetitions, int | np.integer) or repetitions < 1:
        raise InputError(f"repetitions: a positive integer is needed, got {repetitions!r}")
    if isinstance(grid, Mapping):
        axes = tuple(_axis(name, values) for name, values in grid.items())
        listed = False
    elif isinstance(grid, Sequence) and not isinstance(grid, str | bytes):
        axes, listed = tuple(_listed(grid)), True
    else:
        raise InputError(
            "grid: a mapping of names to sequences of values, or a sequence of mappings of names to values, "
            f"is needed, got {type(grid).__name__}"
        )
    if not axes:
        raise InputError("grid: it is empty, at least one parameter is needed")
    check_names([axis.name for axis in axes])
    found = Grid(axes, listed, int(repetitions))
    if found.size >= 1 << 62:
        raise InputError(f"grid: {found.size} cells are more than can be counted in 62 bits")
    return found


def _axis(name: Any, values: Any) -> Axis:
    axis = _typed(name, values, f"grid[{name!r}]")
    if not isinstance(axis.values, range):
        distinct, counts = np.unique(axis.values, return_counts=True)
        if len(distinct) != len(axis):
            raise InputError(f"grid[{name!r}]: {distinct[counts > 1][0].item()!r} stands there more than once")
    return axis


def _typed(name: Any, values: Any, label: str) -> Axis:
    """The values as an array of one kind, in 64 bits."""
    if isinstance(values, range):
        if not values:
            raise InputError(f"{label}: it is empty, at least one value is needed")
        if max(abs(values.start), abs(values.stop)) >= 1 << 62:
            raise InputError(f"{label}: integers beyond 62 bits, got {values}")
        return Axis(name, "int", values)
    if (
        isinstance(values, str | bytes | Mapping)
        or not hasattr(values, "__len__")
        or not hasattr(values, "__getitem__")
    ):
        raise InputError(f"{label}: a sequence of values is needed, such as [1, 2], got {type(values).__name__}")
    if not len(values):
        raise InputError(f"{label}: it is empty, at least one value is needed")
    array = values if isinstance(values, np.ndarray) else _array(values, label)
    kind = _KINDS.get(array.dtype.kind)
    if array.ndim != 1 or kind is None:
        raise InputError(
            f"{label}: numbers, strings or booleans in one dimension are needed, got an array of "
            f"{array.dtype} of shape {array.shape}; give names and make other objects in fn"
        )
    if kind == "float" and np.isnan(array).any():
        raise InputError(f"{label}: NaN is no value of a parameter")
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 1 << 62:
        raise InputError(f"{label}: integers beyond 62 bits, got {int(array.max())}")
    wide = {"bool": np.bool_, "int": np.int64, "float": np.float64, "str": np.str_}[kind]
    return Axis(name, kind, np.array(array, dtype=wide))


def _array(values: Any, label: str) -> NDArray[Any]:
    """A list as an array, if all of it is of one kind: NumPy would silently write numbers as strings."""
    kinds = sorted({_kind(value) for value in values})
    if kinds not in (["bool"], ["number"], ["str"]):
        raise InputError(
            f"{label}: all numbers, all strings or all booleans are needed, got {' and '.join(kinds)}; "
            "give names and make other objects in fn"
        )
    if kinds == ["str"]:
        for value in values:
            if "\0" in value or not _is_text(value):
                raise InputError(f"{label}: {value!r} cannot be written as text")
    return _numbers([_plain(value) for value in values], label)


def _numbers(values: list[Any], label: str) -> NDArray[Any]:
    if all(isinstance(value, int) for value in values) and any(abs(value) >= 1 << 62 for value in values):
        raise InputError(f"{label}: integers beyond 62 bits, got {max(values, key=abs)}")
    return np.array(values)


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | float | np.integer | np.floating):
        return "number"
    return "str" if isinstance(value, str) else type(value).__name__


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_text(value: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in value)


def _listed(cells: Sequence[Any]) -> Iterator[Axis]:
    """The columns of cells that are given one by one."""
    if not len(cells):
        raise InputError("grid: it is empty, at least one cell is needed")
    for place, cell in enumerate(cells):
        if not isinstance(cell, Mapping):
            raise InputError(f"grid[{place}]: a mapping of names to values is needed, got {type(cell).__name__}")
        if cell.keys() != cells[0].keys():
            raise InputError(
                f"grid[{place}]: the names {list(cells[0])} of the first cell are needed, got {list(cell)}"
            )
    axes = [_typed(name, [cell[name] for cell in cells], f"grid[...][{name!r}]") for name in cells[0]]
    seen: dict[tuple[Any, ...], int] = {}
    for place in range(len(cells)):
        before = seen.setdefault(tuple(axis[place] for axis in axes), place)
        if before != place:
            raise InputError(f"grid[{place}]: it is the same cell as grid[{before}]; see repetitions")
    yield from axes
