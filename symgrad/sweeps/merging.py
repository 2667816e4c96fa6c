"""From parts to one table: kinds of columns over all cells, and blocks of rows in order, of even length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.sweeps.grid import Grid
from symgrad.sweeps.names import FAILURE, MESSAGE, TRACEBACK
from symgrad.sweeps.parts import Column, Part, joined
from symgrad.sweeps.values import DTYPES, Failure, wider

__all__ = ["ROWS", "Block", "Schema", "ValueColumn", "blocks", "column_blocks", "even", "failures", "schema_of"]

ROWS = 1 << 16  # of a block: fixed, so that a file does not depend on how cells were shared out
_LONGEST_NUMBER = 25  # characters of a float, with its sign and exponent
Block = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ValueColumn:
    """One column of values.

    Attributes:
        name: of the values.
        kind: that holds all values that cells gave.
        stored: the kind it is stored as, which is ``"float"`` for numbers and booleans that some cells do not have.
        longest: the number of characters of the longest string.
    """

    name: str
    kind: str
    stored: str
    longest: int


@dataclass(frozen=True)
class Schema:
    """The columns of values, in the order in which cells give them first, and the number of failed cells."""

    columns: tuple[ValueColumn, ...]
    failed: int


def schema_of(parts: Iterable[Part], size: int) -> Schema:
    """The columns that all parts together have: the same for any division of the cells into parts."""
    kinds: dict[str, str] = {}
    counts: dict[str, int] = {}
    widths: dict[str, int] = {}
    failed = 0
    for part in parts:
        failed += len(part.failures)
        for name in part.names:
            kinds.setdefault(name, "bool")
        for column in part.columns:
            kinds[column.name] = wider(kinds[column.name], column.kind)
            counts[column.name] = counts.get(column.name, 0) + len(column.rows)
            widths[column.name] = max(widths.get(column.name, 1), _width(column))
    columns = tuple(
        ValueColumn(name, kind, kind if kind == "str" or counts[name] == size else "float", widths[name])
        for name, kind in kinds.items()
    )
    return Schema(columns, failed)


def _width(column: Column) -> int:
    if column.kind != "str":
        return _LONGEST_NUMBER
    return max(map(len, column.values), default=1)


def blocks(parts: Iterable[Part], grid: Grid, schema: Schema) -> Iterator[Block]:
    """All columns of each part: parameters, values, and failures as strings, None where there are none."""
    for part in parts:
        block = grid.columns(part.start, part.stop)
        for column in schema.columns:
            block[column.name] = _filled(part, column)
        yield block | _failure_columns(part)


def column_blocks(parts: Iterable[Part], column: ValueColumn) -> Iterator[NDArray[Any]]:
    """One column of values, part by part."""
    return (_filled(part, column) for part in parts)


def _filled(part: Part, wanted: ValueColumn) -> NDArray[Any]:
    """The values of all cells of a part; NaN, or an empty string, for cells without one."""
    if wanted.stored == "str":
        found = np.full(part.stop - part.start, "", dtype=object)
    else:
        found = np.full(part.stop - part.start, np.nan if wanted.stored == "float" else 0, DTYPES[wanted.stored])
    for column in part.columns:
        if column.name == wanted.name:
            found[column.rows] = joined(column, wanted.stored)
    return found


def _failure_columns(part: Part) -> Block:
    found = {name: np.full(part.stop - part.start, None, dtype=object) for name in (FAILURE, MESSAGE, TRACEBACK)}
    for row, failure in part.failures.items():
        found[FAILURE][row], found[MESSAGE][row], found[TRACEBACK][row] = failure.error, failure.message, failure.trace
    return found


def failures(parts: Iterable[Part]) -> Iterator[tuple[int, Failure]]:
    """The failures of all parts with the numbers of their cells."""
    for part in parts:
        for row, failure in part.failures.items():
            yield part.start + row, failure


def even(uneven: Iterable[Block]) -> Iterator[Block]:
    """The same rows in blocks of :data:`ROWS` rows; the last one may be shorter."""
    held: list[Block] = []
    count = 0
    for block in uneven:
        held.append(block)
        count += len(next(iter(block.values())))
        while count >= ROWS:
            whole = _concatenated(held)
            yield {name: values[:ROWS] for name, values in whole.items()}
            held, count = [{name: values[ROWS:] for name, values in whole.items()}], count - ROWS
    if count:
        yield _concatenated(held)


def _concatenated(held: list[Block]) -> Block:
    return held[0] if len(held) == 1 else {name: np.concatenate([b[name] for b in held]) for name in held[0]}
