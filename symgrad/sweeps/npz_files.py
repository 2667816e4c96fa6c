"""Results as NumPy's .npz files, written column by column; ``numpy.load`` reads them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.sweeps.file_errors import told
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.keepers import Keeper
from symgrad.sweeps.merging import ROWS, Schema, column_blocks, even, failures
from symgrad.sweeps.names import FAILURE, MANIFEST, MESSAGE, TRACEBACK, WHERE
from symgrad.sweeps.parts import Part
from symgrad.sweeps.tables import StoredTable, part_of_block
from symgrad.sweeps.values import DTYPES, Failure

__all__ = ["NpzTable", "write_npz"]

_YEAR_ONE = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip file: the same sweep gives the same bytes
_LEVEL = 1
_WORDS = {FAILURE: "error", MESSAGE: "message", TRACEBACK: "trace"}
_NO_WORDS = np.dtype("<U1")
_FAILURES = 4096  # that are held as an array at a time
# What a damaged file raises, in its archive or in the headers of its arrays.
_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError)
_UNREADABLE = (*_ARCHIVE, ValueError, SyntaxError, TokenError, MemoryError, OverflowError)


def write_npz(path: Path, keeper: Keeper, grid: Grid, schema: Schema, manifest: dict[str, Any]) -> None:
    """Write all parts as one file; only a part of a column is in memory at a time. Failures are written as a list."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for axis, sample in grid.columns(0, 1).items():
            _member(archive, axis, sample.dtype, grid.size, _parameter(grid, axis))
        for column in schema.columns:
            dtype = np.dtype(f"<U{column.longest}") if column.stored == "str" else DTYPES[column.stored]
            _member(archive, column.name, dtype, grid.size, column_blocks(keeper.parts(), column))
        _member(archive, WHERE, np.dtype(np.int64), schema.failed, _listed(keeper, None))
        for name, attribute in _WORDS.items():
            kinds = {piece.dtype for piece in _listed(keeper, attribute)}  # as wide as the longest
            _member(archive, name, max(kinds, key=_width, default=_NO_WORDS), schema.failed, _listed(keeper, attribute))
        words = np.array([json.dumps(manifest)])
        _member(archive, MANIFEST, words.dtype, 1, [words])


def _parameter(grid: Grid, name: str) -> Iterator[NDArray[Any]]:
    for start in range(0, grid.size, ROWS):
        yield grid.columns(start, min(start + ROWS, grid.size))[name]


def _listed(keeper: Keeper, attribute: str | None) -> Iterator[NDArray[Any]]:
    """The numbers of the failed cells, or one attribute of their failures, a few at a time."""
    found = failures(keeper.parts())
    while some := list(islice(found, _FAILURES)):
        yield np.array([index if attribute is None else getattr(failure, attribute) for index, failure in some])


def _width(dtype: Any) -> int:
    return int(dtype.itemsize)


def _member(archive: zipfile.ZipFile, name: str, dtype: Any, count: int, pieces: Iterable[NDArray[Any]]) -> None:
    """One array, streamed: NumPy's header, then the entries in portions that do not depend on the pieces."""
    entry = zipfile.ZipInfo(f"{name}.npy", _YEAR_ONE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(file, header)
        for block in even({name: piece} for piece in pieces):
            file.write(np.ascontiguousarray(block[name], dtype=dtype).tobytes())


class NpzTable(StoredTable):
    """A finished .npz file.

    Raises:
        InputError: the file cannot be read, or no sweep wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with told(f"{str(path)!r} cannot be read as .npz, remove it or give another name", *_UNREADABLE):
            with zipfile.ZipFile(path) as archive:
                is_ours = f"{MANIFEST}.npy" in archive.namelist()
            if is_ours:
                self.manifest = dict(json.loads(str(self.column(MANIFEST)[0])))
        if not is_ours:
            raise InputError(f"store: {str(path)!r} was not written by a sweep, give another name")

    def column(self, name: str) -> NDArray[Any]:
        with self._readable(name), open(self._path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            found: NDArray[Any] = arrays[name]
        return found

    def _readable(self, name: str) -> AbstractContextManager[None]:
        return told(f"{name!r} of {str(self._path)!r} cannot be read", *_UNREADABLE)

    def row(self, index: int) -> dict[str, Any]:
        names = [*self.manifest["names"], *self.manifest["columns"]]
        return {name: self._entry(name, index) for name in names}

    def _entry(self, name: str, index: int) -> Any:
        """One entry; what stands before it is unpacked but not kept."""
        with self._readable(name), zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as file:
            dtype = _header_dtype(file)
            file.seek(index * dtype.itemsize, 1)
            return np.frombuffer(file.read(dtype.itemsize), dtype=dtype)[0].item()

    def failures(self) -> Iterator[tuple[int, Failure]]:
        if not self.manifest["failed"]:
            return
        for lists in zip(*(self._pieces(name) for name in (WHERE, *_WORDS)), strict=True):
            for index, *words in zip(*(some.tolist() for some in lists), strict=True):
                yield index, Failure(*words)

    def parts(self) -> Iterator[Part]:
        failed = dict(self.failures())
        names, size = list(self.manifest["columns"]), self.manifest["size"]
        columns = {name: self._pieces(name) for name in names}
        for start in range(0, size, ROWS):
            stop = min(start + ROWS, size)
            block = {name: next(pieces) for name, pieces in columns.items()}
            here = {index - start: failed[index] for index in range(start, stop) if index in failed}
            yield part_of_block(start, stop, block, self.manifest, here)

    def _pieces(self, name: str) -> Iterator[NDArray[Any]]:
        """A column in portions of equal length."""
        with self._readable(name), zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as file:
            dtype = _header_dtype(file)
            while data := file.read(ROWS * dtype.itemsize):
                yield np.frombuffer(data, dtype=dtype)


def _header_dtype(file: Any) -> Any:
    """The type of the entries; the file then stands at the first one."""
    stream: BinaryIO = file
    np.lib.format.read_magic(stream)
    return np.lib.format.read_array_header_1_0(stream)[2]
