"""Results as Parquet files, written and read a group of rows at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.sweeps.file_errors import told
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.keepers import Keeper
from symgrad.sweeps.merging import ROWS, Block, Schema, blocks, even
from symgrad.sweeps.names import FAILURE, MANIFEST, MESSAGE, TRACEBACK
from symgrad.sweeps.parts import Part
from symgrad.sweeps.tables import StoredTable, part_of_block
from symgrad.sweeps.values import Failure

__all__ = ["ParquetTable", "need_pyarrow", "write_parquet"]

_FAILED = (FAILURE, MESSAGE, TRACEBACK)
_MANIFEST, _CHECKSUM = MANIFEST.encode(), f"{MANIFEST}_sha256".encode()


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
    words = json.dumps(manifest).encode()
    layout = pa.schema(fields, metadata={_MANIFEST: words, _CHECKSUM: _checksum(words)})
    with pq.ParquetWriter(path, layout, compression="zstd", write_page_checksum=True) as writer:
        for block in even(blocks(keeper.parts(), grid, schema)):
            arrays = [pa.array(block[field.name], type=field.type) for field in fields]
            writer.write_table(pa.Table.from_arrays(arrays, schema=layout), row_group_size=ROWS)


def _checksum(data: bytes) -> bytes:
    """Of the manifest, which Parquet itself does not guard as it does pages of values."""
    return hashlib.sha256(data).hexdigest().encode()


def _unreadable() -> tuple[type[Exception], ...]:
    """What a damaged file raises."""
    import pyarrow as pa

    return (pa.ArrowException, ValueError, LookupError)


def _kind(values: NDArray[Any]) -> str:
    return {"b": "bool", "i": "int", "f": "float", "U": "str"}[values.dtype.kind]


class ParquetTable(StoredTable):
    """A finished Parquet file.

    Raises:
        InputError: the file cannot be read, or no sweep wrote it.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._path = path
        with told(f"{str(path)!r} cannot be read as Parquet, remove it or give another name", *_unreadable()):
            stored = pq.read_schema(path).metadata or {}
        if not {_MANIFEST, _CHECKSUM} & stored.keys():
            raise InputError(f"store: {str(path)!r} was not written by a sweep, give another name")
        if _checksum(stored.get(_MANIFEST, b"")) != stored.get(_CHECKSUM):
            raise InputError(f"store: {str(path)!r} cannot be read, it is damaged: remove it or give another name")
        self.manifest = dict(json.loads(stored[_MANIFEST]))

    def column(self, name: str) -> NDArray[Any]:
        with self._opened() as file:
            return _array(file.read(columns=[name]).column(0))

    def row(self, index: int) -> dict[str, Any]:
        group, place = divmod(index, ROWS)
        names = [*self.manifest["names"], *self.manifest["columns"]]
        with self._opened() as file:
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
        with self._opened() as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=list(names))
                words = [table.column(name).to_pylist() for name in _FAILED]
                triples = enumerate(zip(*words, strict=True))
                failed = {row: Failure(*triple) for row, triple in triples if triple[0] is not None}
                yield group * ROWS, failed, {name: _array(table.column(name)) for name in names}

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The file, with the checksums of its pages looked at."""
        import pyarrow.parquet as pq

        with (
            told(f"{str(self._path)!r} cannot be read", *_unreadable()),
            pq.ParquetFile(self._path, page_checksum_verification=True) as file,
        ):
            yield file


def _array(column: Any) -> NDArray[Any]:
    """A column as a NumPy array; strings as NumPy strings."""
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False) if column.num_chunks == 1 else column.to_numpy()
    return np.array(["" if value is None else value for value in array], dtype=str) if array.dtype == object else array
