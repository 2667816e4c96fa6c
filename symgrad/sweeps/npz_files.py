"""Results as NumPy's .npz files, written column by column; ``numpy.load`` reads them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
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


def write_npz(path: Path, keeper: Keeper, grid: Grid, schema: Schema, manifest: dict[str, Any]) -> None:
    """Write all parts as one file; only a part of a column is in memory at a time. Failures are written as a list."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for axis, sample in grid.columns(0, 1).items():
            _member(archive, axis, sample.dtype, grid.size, _parameter(grid, axis))
        for column in schema.columns:
            dtype = np.dtype(f"<U{column.longest}") if column.stored == "str" else DTYPES[column.stored]
            _member(archive, column.name, dtype, grid.size, column_blocks(keeper.parts(), column))
        found = list(failures(keeper.parts()))
        lists = {
            WHERE: np.array([index for index, _ in found], dtype=np.int64),
            FAILURE: np.array([failure.error for _, failure in found], dtype=str),
            MESSAGE: np.array([failure.message for _, failure in found], dtype=str),
            TRACEBACK: np.array([failure.trace for _, failure in found], dtype=str),
            MANIFEST: np.array([json.dumps(manifest)]),
        }
        for name, values in lists.items():
            _member(archive, name, values.dtype, len(values), [values])


def _parameter(grid: Grid, name: str) -> Iterator[NDArray[Any]]:
    for start in range(0, grid.size, ROWS):
        yield grid.columns(start, min(start + ROWS, grid.size))[name]


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
        try:
            with zipfile.ZipFile(path) as archive:
                is_ours = f"{MANIFEST}.npy" in archive.namelist()
            if is_ours:
                self.manifest = dict(json.loads(str(self.column(MANIFEST)[0])))
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise InputError(f"store: {str(path)!r} cannot be read as .npz ({error})") from error
        if not is_ours:
            raise InputError(f"store: {str(path)!r} was not written by a sweep, give another name")

    def column(self, name: str) -> NDArray[Any]:
        try:
            with open(self._path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                found: NDArray[Any] = arrays[name]
        except (zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError) as error:
            raise InputError(f"store: {name!r} of {str(self._path)!r} cannot be read ({error})") from error
        return found

    def row(self, index: int) -> dict[str, Any]:
        names = [*self.manifest["names"], *self.manifest["columns"]]
        return {name: self._entry(name, index) for name in names}

    def _entry(self, name: str, index: int) -> Any:
        """One entry; what stands before it is unpacked but not kept."""
        with zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as file:
            dtype = _header_dtype(file)
            file.seek(index * dtype.itemsize, 1)
            return np.frombuffer(file.read(dtype.itemsize), dtype=dtype)[0].item()

    def failures(self) -> Iterator[tuple[int, Failure]]:
        words = [self.column(name).tolist() for name in (WHERE, FAILURE, MESSAGE, TRACEBACK)]
        return ((index, Failure(*rest)) for index, *rest in zip(*words, strict=True))

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
        with zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as file:
            dtype = _header_dtype(file)
            while data := file.read(ROWS * dtype.itemsize):
                yield np.frombuffer(data, dtype=dtype)


def _header_dtype(file: Any) -> Any:
    """The type of the entries; the file then stands at the first one."""
    stream: BinaryIO = file
    np.lib.format.read_magic(stream)
    return np.lib.format.read_array_header_1_0(stream)[2]
