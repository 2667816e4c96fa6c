"""The result of a sweep: columns of parameters and values, failures, and where they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.presentable import Presentable
from symgrad.sweeps.seeds import cell_seed
from symgrad.sweeps.tables import Table

__all__ = ["CellError", "SweepResult", "result_of"]


@dataclass(frozen=True)
class CellError:
    """Why one cell has no values.

    Attributes:
        index: the number of the cell.
        error: the type of the exception; ``WorkerDied`` where the process did not survive the cell.
        message: of the exception.
        traceback: its frames within the function of the cell, one a line.
    """

    index: int
    error: str
    message: str
    traceback: str


@dataclass(frozen=True, eq=False)
class SweepResult(Presentable):
    """What :func:`sweep` found: one row for each cell, in the order of the grid.

    Attributes:
        function: the name of the function.
        seed: of the sweep.
        parameters: the columns of the grid; ``repetition`` comes last where cells are repeated.
        values: the columns of what the function gave, in the order in which the cells give them first.
        shape: the number of values of each parameter, or of cells where they are listed, and of repetitions.
        listed: whether the cells were given one by one.
        failed: how many cells failed.
        path: the file with the result; None if there is no store.

    >>> import symgrad as sg
    >>> found = sg.sweep(lambda size, gain: gain * size, {"size": [16, 32], "gain": [0.5, 1.0]})
    >>> found.columns, found.column("value").tolist(), found.cell(2)
    (('size', 'gain', 'value'), [8.0, 16.0, 16.0, 32.0], {'size': 32, 'gain': 0.5, 'value': 16.0})
    """

    function: str
    seed: int
    parameters: tuple[str, ...]
    values: tuple[str, ...]
    shape: tuple[int, ...]
    listed: bool
    failed: int
    path: Path | None
    _table: Table = field(repr=False)

    def __len__(self) -> int:
        return int(self._table.manifest["size"])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, parameters first."""
        return (*self.parameters, *self.values)

    @property
    def errors(self) -> tuple[CellError, ...]:
        """The failed cells in order, each with its number, the type of the exception, its message and a traceback."""
        return tuple(CellError(index, f.error, f.message, f.trace) for index, f in self._table.failures())

    def column(self, name: str) -> NDArray[Any]:
        """One column, read from the store each time.

        Numbers are int64 where all cells have one, else float64 with NaN; strings are empty where there is none.

        Raises:
            UnknownNameError: there is no such column.
        """
        if name not in self.columns:
            raise UnknownNameError("column", name, self.columns)
        return self._table.column(name)

    def array(self, name: str) -> NDArray[Any]:
        """One column in the shape of the grid: one axis for each parameter, and one for the repetitions.

        Raises:
            UnknownNameError: there is no such column.
        """
        return self.column(name).reshape(self.shape)

    def cell(self, index: int) -> dict[str, Any]:
        """The parameters and values of one cell by name; negative numbers count from the end.

        Raises:
            InputError: there is no such cell.
        """
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not -len(self) <= index < len(self):
            raise InputError(f"index: an integer below {len(self)} is needed, got {index!r}")
        return self._table.row(int(index) % len(self))

    def cell_seed(self, index: int) -> int:
        """The seed that the function was given for one cell, to do it again by itself."""
        return cell_seed(self.seed, index)

    def table(self) -> dict[str, NDArray[Any]]:
        """All columns, name -> array: what ``pandas.DataFrame`` takes."""
        return {name: self.column(name) for name in self.columns}


def result_of(table: Table, path: Path | None) -> SweepResult:
    """The result that a finished table holds."""
    manifest = table.manifest
    return SweepResult(
        manifest["function"],
        manifest["seed"],
        tuple(manifest["names"]),
        tuple(manifest["columns"]),
        tuple(manifest["shape"]),
        manifest["grid"]["listed"],
        manifest["failed"],
        path,
        table,
    )
