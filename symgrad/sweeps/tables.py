"""Tables: the finished results of a sweep, in memory or in a file, read column by column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.sweeps.grid import Grid
from symgrad.sweeps.keepers import Keeper
from symgrad.sweeps.merging import Block, Schema, column_blocks, failures, schema_of
from symgrad.sweeps.parts import Column, Part
from symgrad.sweeps.values import DTYPES, Failure

__all__ = ["MemoryTable", "StoredTable", "Table", "part_of_block", "with_schema"]


class Table(ABC):
    """The rows of a finished sweep.

    Attributes:
        manifest: what sweep they belong to, with ``size``, ``failed`` and ``columns``: name of values -> kind.
    """

    manifest: dict[str, Any]

    @abstractmethod
    def column(self, name: str) -> NDArray[Any]:
        """All entries of a column of parameters or values."""

    @abstractmethod
    def row(self, index: int) -> dict[str, Any]:
        """The entries of one row by name."""

    @abstractmethod
    def failures(self) -> Iterator[tuple[int, Failure]]:
        """The failed cells in order."""


class StoredTable(Table):
    """The rows of a finished file."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """The rows as parts, from which cells can be done again."""


def with_schema(manifest: dict[str, Any], schema: Schema, size: int) -> dict[str, Any]:
    """The manifest of a finished sweep."""
    columns = {column.name: column.kind for column in schema.columns}
    return manifest | {"size": size, "failed": schema.failed, "columns": columns}


class MemoryTable(Table):
    """Results without a store: one array for each column of values; parameters are computed."""

    def __init__(self, manifest: dict[str, Any], grid: Grid, keeper: Keeper) -> None:
        schema = schema_of(keeper.parts(), grid.size)
        self.manifest = with_schema(manifest, schema, grid.size)
        self._grid = grid
        self._failures = dict(failures(keeper.parts()))
        self._columns: dict[str, NDArray[Any]] = {}
        for column in schema.columns:
            whole = np.concatenate(list(column_blocks(keeper.parts(), column)))
            self._columns[column.name] = whole.astype(f"<U{column.longest}") if column.stored == "str" else whole

    def column(self, name: str) -> NDArray[Any]:
        own = self._columns.get(name)
        return self._grid.columns(0, self._grid.size)[name] if own is None else own

    def row(self, index: int) -> dict[str, Any]:
        return self._grid.cell(index) | {name: values[index].item() for name, values in self._columns.items()}

    def failures(self) -> Iterator[tuple[int, Failure]]:
        return iter(self._failures.items())


def part_of_block(start: int, stop: int, block: Block, manifest: dict[str, Any], failed: dict[int, Failure]) -> Part:
    """A part made of finished rows, in the kinds that their values had; failures by row."""
    count = stop - start
    there = np.ones(count, dtype=bool)
    there[list(failed)] = False
    columns = []
    for name, kind in manifest["columns"].items():
        values = block[name]
        missing = np.isnan(values) if values.dtype.kind == "f" and kind != "float" else np.zeros(count, dtype=bool)
        rows = np.flatnonzero(there & ~missing).astype(np.uint32)
        if len(rows):
            chosen = values[rows]
            held = [str(value) for value in chosen] if kind == "str" else chosen.astype(DTYPES[kind])
            columns.append(Column(name, kind, rows, held))
    names = tuple(column.name for column in columns)
    return Part(start, stop, names, tuple(columns), failed)
