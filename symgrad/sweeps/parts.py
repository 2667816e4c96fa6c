"""Parts of a result: the values and failures of neighbouring cells, as bytes that carry their own checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import SymgradError
from symgrad.sweeps.values import DTYPES, Failure

__all__ = ["Column", "DamagedPartError", "Part", "joined"]

_MAGIC = b"SGPART1\n"
_DIGEST = 32
_ROWS = np.dtype("<u4")


class DamagedPartError(SymgradError):
    """The bytes of a part are cut off or changed."""


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one name and one kind: for which rows of the part, increasing, and what."""

    name: str
    kind: str
    rows: NDArray[np.uint32]
    values: NDArray[Any] | list[str]


@dataclass(frozen=True, eq=False)
class Part:
    """What the cells ``start`` to ``stop - 1`` gave.

    Attributes:
        start: the number of the first cell; rows count from it.
        stop: the number after the last cell.
        names: of the values, in the order in which cells gave them first.
        columns: one for each name and kind.
        failures: row -> failure, increasing.
    """

    start: int
    stop: int
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    failures: dict[int, Failure]

    @classmethod
    def of(cls, start: int, stop: int, rows: Iterable[int], outcomes: Iterable[Any]) -> Part:
        """A part from what cells gave: a mapping of values, or a :class:`Failure`."""
        found: dict[tuple[str, str], tuple[list[int], list[Any]]] = {}
        failures: dict[int, Failure] = {}
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, Failure):
                failures[row] = outcome
                continue
            for name, value in outcome.items():
                places, values = found.setdefault((name, type(value).__name__), ([], []))
                places.append(row)
                values.append(value)
        columns = tuple(
            Column(
                name, kind, np.array(places, dtype=_ROWS), values if kind == "str" else np.array(values, DTYPES[kind])
            )
            for (name, kind), (places, values) in found.items()
        )
        return cls(start, stop, tuple(dict.fromkeys(name for name, _ in found)), columns, failures)

    def encoded(self) -> bytes:
        """The part as bytes: a magic word, a SHA-256 checksum of the rest, a JSON header, the arrays."""
        blocks, columns = [], []
        for column in self.columns:
            rows, values = column.rows.tobytes(), _value_bytes(column)
            blocks += [rows, values]
            columns.append([column.name, column.kind, len(column.rows), len(values)])
        failures = [[row, found.error, found.message, found.trace] for row, found in self.failures.items()]
        header = {"start": self.start, "stop": self.stop, "names": self.names, "columns": columns, "failures": failures}
        text = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
        rest = b"".join([len(text).to_bytes(8, "little"), text, *blocks])
        return b"".join([_MAGIC, hashlib.sha256(rest).digest(), rest])

    @classmethod
    def decoded(cls, data: bytes) -> Part:
        """The part that :meth:`encoded` wrote.

        Raises:
            DamagedPartError: the bytes are not those that were written.
        """
        head = len(_MAGIC) + _DIGEST
        rest = memoryview(data)[head:]
        if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(rest).digest() != data[len(_MAGIC) : head]:
            raise DamagedPartError("a part of the sweep is cut off or damaged")
        place = 8 + int.from_bytes(rest[:8], "little")
        header = json.loads(bytes(rest[8:place]))
        columns = []
        for name, kind, count, length in header["columns"]:
            rows = np.frombuffer(rest[place : place + count * _ROWS.itemsize], dtype=_ROWS)
            place += count * _ROWS.itemsize
            columns.append(Column(name, kind, rows, _values(kind, rest[place : place + length])))
            place += length
        failures = {row: Failure(*words) for row, *words in header["failures"]}
        return cls(header["start"], header["stop"], tuple(header["names"]), tuple(columns), failures)

    def replaced(self, rows: Sequence[int], other: Part) -> Part:
        """This part with the outcome of some rows taken from another part of the same cells."""
        gone = np.array(sorted(rows), dtype=_ROWS)
        again = set(rows)
        failures = {row: found for row, found in self.failures.items() if row not in again}
        failures = dict(sorted((failures | other.failures).items()))
        kept = [column for column in (_without(column, gone) for column in self.columns) if len(column.rows)]
        merged: dict[tuple[str, str], Column] = {(column.name, column.kind): column for column in kept}
        for column in other.columns:
            before = merged.get((column.name, column.kind))
            merged[column.name, column.kind] = column if before is None else _both(before, column)
        columns = tuple(merged.values())
        return Part(self.start, self.stop, _in_order(columns, self.names, other.names), columns, failures)


def joined(column: Column, kind: str) -> NDArray[Any] | list[str]:
    """The values of a column in a kind that holds them."""
    if kind == column.kind:
        return column.values
    if kind == "str":
        return [str(value) for value in np.asarray(column.values).tolist()]
    return np.asarray(column.values).astype(DTYPES[kind])


def _value_bytes(column: Column) -> bytes:
    if column.kind == "str":
        return json.dumps(list(column.values), ensure_ascii=True, separators=(",", ":")).encode()
    return np.asarray(column.values).tobytes()


def _values(kind: str, data: memoryview) -> NDArray[Any] | list[str]:
    return list(json.loads(bytes(data))) if kind == "str" else np.frombuffer(data, dtype=DTYPES[kind])


def _without(column: Column, gone: NDArray[np.uint32]) -> Column:
    keep = ~np.isin(column.rows, gone)
    values = column.values
    left = [v for v, k in zip(values, keep, strict=True) if k] if isinstance(values, list) else values[keep]
    return Column(column.name, column.kind, column.rows[keep], left)


def _both(first: Column, second: Column) -> Column:
    rows = np.concatenate([first.rows, second.rows])
    order = np.argsort(rows, kind="stable")
    values = [*first.values, *second.values]
    sorted_values = [values[place] for place in order]
    held = sorted_values if first.kind == "str" else np.array(sorted_values, dtype=DTYPES[first.kind])
    return Column(first.name, first.kind, rows[order], held)


def _in_order(columns: Sequence[Column], *orders: Sequence[str]) -> tuple[str, ...]:
    """The names by the first row that has them; of one row, in the order in which it gave them."""
    first: dict[str, int] = {}
    for column in columns:
        first[column.name] = min(first.get(column.name, 1 << 62), int(column.rows[0]))
    place = {name: position for order in orders for position, name in enumerate(order)}
    return tuple(sorted(first, key=lambda name: (first[name], place[name])))
