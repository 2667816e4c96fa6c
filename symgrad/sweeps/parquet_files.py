"""Results as Parquet files, written and read a group of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.keepers import Keeper
from symgrad.sweeps.merging import ROWS, Block, Schema, blocks, even
from symgrad.sweeps.names import FAILURE, MANIFEST, MESSAGE, TRACEBACK
from symgrad.sweeps.parts import Part
from symgrad.sweeps.tables import StoredTable, part_of_block
from symgrad.sweeps.values import Failure

__all__ = ["ParquetTable", "need_pyarrow", "write_parquet"]

_FAILED = (FAILURE, MESSAGE, TRACEBACK)


def need_pyarrow() -> None:
    """Find out before anything is computed.

    Raises:
        SymgradError: the package pyarrow is missing.
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise SymgradError(
            "store: .parquet files need the package pyarrow: pip install 'symgrad[parquet]', or use an .npz file"
        ) from error


def write_parquet(path: Path, keeper: Keeper, grid: Grid, schema: Schema, manifest: dict[str, Any]) -> None:
    """Write all parts as one file; only a block of rows is in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "str": pa.string()}
    fields = [pa.field(name, kinds[_kind(values)]) for name, values in grid.columns(0, 1).items()]
    fields += [pa.field(column.name, kinds[column.stored]) for column in schema.columns]
    fields += [pa.field(name, pa.string()) for name in _FAILED]
    layout = pa.schema(fields, metadata={MANIFEST: json.dumps(manifest)})
    with pq.ParquetWriter(path, layout, compression="zstd") as writer:
        for block in even(blocks(keeper.parts(), grid, schema)):
            arrays = [pa.array(block[field.name], type=field.type) for field in fields]
            writer.write_table(pa.Table.from_arrays(arrays, schema=layout), row_group_size=ROWS)


def _kind(values: NDArray[Any]) -> str:
    return {"b": "bool", "i": "int", "f": "float", "U": "str"}[values.dtype.kind]


class ParquetTable(StoredTable):
    """A finished Parquet file.

    Raises:
        InputError: the file cannot be read, or no sweep wrote it.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        try:
            stored = pq.read_schema(path).metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"store: {str(path)!r} cannot be read as Parquet ({error})") from error
        if MANIFEST.encode() not in stored:
            raise InputError(f"store: {str(path)!r} was not written by a sweep, give another name")
        self.manifest = dict(json.loads(stored[MANIFEST.encode()]))

    def column(self, name: str) -> NDArray[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return _array(pq.read_table(self._path, columns=[name], partitioning=None).column(0))
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"store: {name!r} of {str(self._path)!r} cannot be read ({error})") from error

    def row(self, index: int) -> dict[str, Any]:
        group, place = divmod(index, ROWS)
        names = [*self.manifest["names"], *self.manifest["columns"]]
        with self._open() as file:
            found = file.read_row_group(group, columns=names).slice(place, 1).to_pylist()[0]
        return {name: found[name] for name in names}

    def failures(self) -> Iterator[tuple[int, Failure]]:
        if not self.manifest["failed"]:
            return
        for start, failed, _ in self._groups(_FAILED):
            for row, failure in failed.items():
                yield start + row, failure

    def parts(self) -> Iterator[Part]:
        for start, failed, block in self._groups((*self.manifest["columns"], *_FAILED)):
            stop = min(start + ROWS, self.manifest["size"])
            yield part_of_block(start, stop, block, self.manifest, failed)

    def _groups(self, names: tuple[str, ...]) -> Iterator[tuple[int, dict[int, Failure], Block]]:
        """Each group of rows: its first row, its failures by row, its columns."""
        with self._open() as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=list(names))
                words = [table.column(name).to_pylist() for name in _FAILED]
                triples = enumerate(zip(*words, strict=True))
                failed = {row: Failure(*triple) for row, triple in triples if triple[0] is not None}
                yield group * ROWS, failed, {name: _array(table.column(name)) for name in names}

    def _open(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self._path)


def _array(column: Any) -> NDArray[Any]:
    """A column as a NumPy array; strings as NumPy strings."""
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False) if column.num_chunks == 1 else column.to_numpy()
    return np.array(["" if value is None else value for value in array], dtype=str) if array.dtype == object else array
